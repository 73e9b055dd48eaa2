//! State that the handlers share.

use std::{sync::Arc, time::Duration};

use axum::http::HeaderName;
use moka::future::Cache;
use vouch_client::Code;
use vouch_db::api::{
    campaigns,
    codes::{self, Referral},
    leaderboard::{self, Leaderboard, Standing},
    totals::Totals,
};

use vouch_service::Heartbeat;

use crate::{
    Config,
    attestor::Keyring,
    auth::Auth,
    chain::Chain,
    clicks::{crowd::Crowd, recorder::Recorder, visitor::Pseudonyms},
    cluster::Cluster,
    config::BOARD_AGE,
    database::Database,
    error::{ApiError, ApiResult},
    limits::Limits,
    links::Links,
    live::Live,
    pages::Pages,
    sponsor::Sponsor,
    types::Address,
};

/// Number of cached links.
const LINKS: u64 = 50_000;
/// A cached link younger than this is not looked up again.
const FRESH: Duration = Duration::from_secs(2);

/// Pages of leaderboards that are cached.
const BOARDS: u64 = 1_000;
/// Sums over everything younger than this are not read again, however many ask.
const TOTALS_AGE: Duration = Duration::from_secs(2);
/// Number of campaigns that are known to exist.
const CAMPAIGNS: u64 = 50_000;

/// Silence of the probes after which the process is stuck.
const STUCK: Duration = Duration::from_secs(120);

/// State that the handlers share; cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) database: Arc<Database>,
    pub(crate) chain: Arc<Chain>,
    pub(crate) recorder: Recorder,
    pub(crate) pseudonyms: Pseudonyms,
    pub(crate) crowd: Crowd,
    pub(crate) links: Links,
    pub(crate) known_links: KnownLinks,
    pub(crate) auth: Arc<Auth>,
    /// The sums over everything.
    pub(crate) known_totals: Cache<(), Arc<Totals>>,
    pub(crate) pages: Pages,
    /// The cluster, as the configuration names it.
    pub(crate) public_chain: Cluster,
    pub(crate) trusted_proxy_hops: usize,
    /// Where that proxy says the country.
    pub(crate) country_header: Option<HeaderName>,
    pub(crate) limits: Arc<Limits>,
    /// Keys of campaigns' attestors.
    pub(crate) attestors: Keyring,
    /// Pays fees of other wallets; `None` without a key.
    pub(crate) sponsor: Option<Sponsor>,
    pub(crate) live: Arc<Live>,
    /// Beats while Postgres is probed.
    pub(crate) heartbeat: Heartbeat,
    /// Pages of leaderboards.
    pub(crate) boards: Cache<BoardKey, Arc<Leaderboard>>,
    /// Ranks of referrers, by the name of the period and the wallet.
    pub(crate) ranks: Cache<(String, String), Arc<[Option<Standing>; 3]>>,
    /// Campaigns that exist.
    campaigns: Cache<Address, ()>,
}

/// A page of a leaderboard.
#[derive(Debug, PartialEq, Eq, Hash, Clone)]
pub(crate) struct BoardKey {
    pub(crate) board: leaderboard::Board,
    pub(crate) start: leaderboard::Start,
    pub(crate) limit: i64,
    pub(crate) wallet: Option<String>,
}

impl Inner {
    pub(crate) fn new(
        config: &Config,
        database: Arc<Database>,
        chain: Arc<Chain>,
        recorder: Recorder,
        links: Links,
        auth: Auth,
        pages: Pages,
    ) -> Self {
        let auth = Arc::new(auth);
        let limits = Limits::new(config, Arc::clone(&database), Arc::clone(&auth));
        Self {
            known_links: KnownLinks::new(Arc::clone(&database)),
            live: Arc::new(Live::new(config, database.live().clone())),
            database,
            chain,
            recorder,
            pseudonyms: Pseudonyms::default(),
            crowd: Crowd::default(),
            links,
            auth,
            known_totals: Cache::builder()
                .max_capacity(1)
                .time_to_live(TOTALS_AGE)
                .build(),
            pages,
            public_chain: config.public_chain,
            trusted_proxy_hops: config.trusted_proxy_hops,
            country_header: config.country_header.clone(),
            limits: Arc::new(limits),
            sponsor: None,
            attestors: Keyring::default(),
            heartbeat: Heartbeat::new(STUCK),
            boards: Cache::builder()
                .max_capacity(BOARDS)
                .time_to_live(BOARD_AGE)
                .build(),
            ranks: Cache::builder()
                .max_capacity(BOARDS)
                .time_to_live(BOARD_AGE)
                .build(),
            campaigns: Cache::new(CAMPAIGNS),
        }
    }

    /// The same, with keys that sign.
    pub(crate) fn with_keys(self, sponsor: Option<Sponsor>, attestors: Keyring) -> Self {
        Self {
            sponsor,
            attestors,
            ..self
        }
    }
}

impl std::ops::Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl AppState {
    /// Refuses a campaign that does not exist. Without one, there is nothing to refuse.
    ///
    /// # Errors
    /// `campaign_not_found`, `overloaded` or `database_unavailable`.
    pub(crate) async fn check_campaign(&self, campaign: Option<&Address>) -> ApiResult<()> {
        let Some(campaign) = campaign else {
            return Ok(());
        };
        if self.campaigns.contains_key(campaign) {
            return Ok(());
        }
        let address = campaign.to_string();
        let found = self
            .database
            .run(async |pool| campaigns::exists(&pool, &address).await)
            .await?;
        if !found {
            return Err(ApiError::campaign_not_found());
        }
        self.campaigns.insert(*campaign, ()).await;
        Ok(())
    }

    /// The referral with `code` in `campaign`, or without a campaign, the one that owns
    /// the short link.
    ///
    /// # Errors
    /// `code_not_found`, `overloaded` or `database_unavailable`.
    pub(crate) async fn referral(
        &self,
        code: &Code,
        campaign: Option<&Address>,
    ) -> ApiResult<Referral> {
        let found = self.find_referral(code, campaign).await?;
        found.ok_or_else(ApiError::code_not_found)
    }

    /// Like [`Self::referral`], but `None` if it does not exist.
    ///
    /// # Errors
    /// `overloaded` or `database_unavailable`.
    pub(crate) async fn find_referral(
        &self,
        code: &Code,
        campaign: Option<&Address>,
    ) -> ApiResult<Option<Referral>> {
        let campaign = campaign.map(ToString::to_string);
        let found = self
            .database
            .run(async |pool| codes::find(&pool, code.as_str(), campaign.as_deref()).await)
            .await?;
        Ok(found)
    }
}

/// The data of a link that a redirect needs.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) referral: String,
    pub(crate) campaign: String,
    pub(crate) landing_url: Option<String>,
    /// Its campaign is closed.
    pub(crate) ended: bool,
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

    /// The link of `code`: at most two seconds old, or, while Postgres is down or too slow, as it was
    /// last seen.
    ///
    /// # Errors
    /// `code_not_found`; `overloaded` or `database_unavailable` when Postgres does not answer and the link is not cached.
    pub(crate) async fn find(&self, code: Code, campaign: Option<Address>) -> ApiResult<Arc<Link>> {
        let key = (code, campaign);
        let known = self.followed.get(&key).await;
        if let Some(link) = &known
            && link.read_at.elapsed() < FRESH
        {
            return Ok(Arc::clone(link));
        }
        let address = campaign.as_ref().map(ToString::to_string);
        let found = self
            .database
            .run_link(async |pool| codes::find(&pool, code.as_str(), address.as_deref()).await)
            .await;
        match found {
            Ok(None) => Err(ApiError::code_not_found()),
            Ok(Some(found)) => {
                let state = found.campaign_state.as_ref();
                let link = Arc::new(Link {
                    referral: found.address,
                    campaign: found.campaign,
                    landing_url: found.landing_url,
                    ended: state.is_some_and(|campaign| campaign.closed),
                    read_at: std::time::Instant::now(),
                });
                self.followed.insert(key, Arc::clone(&link)).await;
                Ok(link)
            }
            Err(error) => known.ok_or_else(|| error.into()),
        }
    }
}
