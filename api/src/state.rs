//! State that the handlers share.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use secrecy::SecretString;
use vouch_client::Code;
use vouch_db::api::codes::{self, Referral};
use vouch_service::Metrics;

use crate::{
    chain::Chain,
    clicks::{recorder::Recorder, visitor::Pseudonyms},
    database::Database,
    error::{ApiError, ApiResult},
    links::Links,
    routes::totals::KnownTotals,
    types::Address,
    web::Pages,
};

/// Number of cached links.
const LINKS: u64 = 50_000;
/// A cached link younger than this is not looked up again.
const FRESH: Duration = Duration::from_secs(2);

/// State that the handlers share; cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) database: Arc<Database>,
    pub(crate) chain: Arc<Chain>,
    pub(crate) recorder: Recorder,
    pub(crate) pseudonyms: Pseudonyms,
    pub(crate) links: Links,
    pub(crate) known_links: KnownLinks,
    pub(crate) known_totals: KnownTotals,
    pub(crate) pages: Pages,
    pub(crate) admin_token: Option<SecretString>,
    pub(crate) trusted_proxy_hops: usize,
    pub(crate) metrics: Metrics,
}

impl std::ops::Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl AppState {
    /// The referral with `code` in `campaign`, or without a campaign, the one that owns
    /// the short link.
    ///
    /// # Errors
    /// `code_not_found` or `database_unavailable`.
    pub(crate) async fn referral(
        &self,
        code: &Code,
        campaign: Option<&Address>,
    ) -> ApiResult<Referral> {
        referral(&self.database, code, campaign).await
    }

    /// Like [`Self::referral`], but `None` if it does not exist.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub(crate) async fn find_referral(
        &self,
        code: &Code,
        campaign: Option<&Address>,
    ) -> ApiResult<Option<Referral>> {
        find_referral(&self.database, code, campaign).await
    }
}

async fn referral(
    database: &Database,
    code: &Code,
    campaign: Option<&Address>,
) -> ApiResult<Referral> {
    find_referral(database, code, campaign)
        .await?
        .ok_or_else(ApiError::code_not_found)
}

async fn find_referral(
    database: &Database,
    code: &Code,
    campaign: Option<&Address>,
) -> ApiResult<Option<Referral>> {
    let campaign = campaign.map(ToString::to_string);
    let found = database
        .run(async |pool| codes::find(&pool, code.as_str(), campaign.as_deref()).await)
        .await?;
    Ok(found)
}

/// The data of a link that a redirect needs.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) referral: String,
    pub(crate) campaign: String,
    pub(crate) landing_url: Option<String>,
    read_at: std::time::Instant,
}

/// A cache of followed links, so that they work while Postgres is down.
pub(crate) struct KnownLinks {
    database: Arc<Database>,
    followed: Cache<(Code, Option<Address>), Arc<Link>>,
}

impl KnownLinks {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self {
            database,
            followed: Cache::new(LINKS),
        }
    }

    /// Whether there is a link that works while Postgres is down.
    pub(crate) fn any(&self) -> bool {
        self.followed.iter().next().is_some()
    }

    /// The link of `code`: at most two seconds old, or, while Postgres is down, as it was
    /// last seen.
    ///
    /// # Errors
    /// `code_not_found`; `database_unavailable` when Postgres is down and the link is not
    /// cached.
    pub(crate) async fn find(&self, code: Code, campaign: Option<Address>) -> ApiResult<Arc<Link>> {
        let key = (code, campaign);
        let known = self.followed.get(&key).await;
        if let Some(link) = &known
            && link.read_at.elapsed() < FRESH
        {
            return Ok(Arc::clone(link));
        }
        match referral(&self.database, &code, campaign.as_ref()).await {
            Ok(found) => {
                let link = Arc::new(Link {
                    referral: found.address,
                    campaign: found.campaign,
                    landing_url: found.landing_url,
                    read_at: std::time::Instant::now(),
                });
                self.followed.insert(key, Arc::clone(&link)).await;
                Ok(link)
            }
            Err(error) => match known {
                Some(link) if error.code == "database_unavailable" => Ok(link),
                _ => Err(error),
            },
        }
    }
}
