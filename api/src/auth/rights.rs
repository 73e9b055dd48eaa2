//! One extractor for each right. A handler that takes one runs only if the caller has it.
//!
//! Without valid credentials the answer is 401, without the right it is 403. Extractors run before the
//! body is read.

use std::marker::PhantomData;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{Method, request::Parts},
};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use uuid::Uuid;
use vouch_db::api::{
    auth::{self, keys, sessions::Session},
    codes::Referral,
    is_mirror_fresh,
};

use super::credentials::{Caller, caller};
use crate::{
    error::{ApiError, ApiResult},
    extract::Query,
    routes::codes::CodeQuery,
    state::AppState,
    types::{self, Address},
};

/// A wallet that has signed in.
pub(crate) struct Wallet(pub(crate) Session);

impl FromRequestParts<AppState> for Wallet {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        match caller(parts, state).await? {
            Caller::Wallet(session) => Ok(Self(session)),
            Caller::Key(_) => Err(ApiError::session_required()),
        }
    }
}

/// A query that may name the campaign of a code.
pub(crate) trait NamesCampaign: DeserializeOwned + IntoParams + Send + Sync {
    /// The campaign; `None` if the short link's is meant.
    ///
    /// # Errors
    /// `invalid_address`.
    fn campaign(&self) -> ApiResult<Option<Address>>;
}

/// The owner of the path's `code`, in the query's `campaign`.
pub(crate) struct OwnerOf<Q = CodeQuery> {
    pub(crate) referral: Referral,
    pub(crate) query: Q,
}

impl<Q: NamesCampaign> FromRequestParts<AppState> for OwnerOf<Q> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let Wallet(session) = Wallet::from_request_parts(parts, state).await?;
        let code = types::code(&path_parameter(parts, state, "code").await?)?;
        let Query(query) = Query::<Q>::from_request_parts(parts, state).await?;
        let referral = state.referral(&code, query.campaign()?.as_ref()).await?;
        if referral.owner != session.wallet {
            return Err(ApiError::not_code_owner());
        }
        check_fresh(parts, state).await?;
        Ok(Self { referral, query })
    }
}

/// The wallet that has earned the award with the path's `id`.
pub(crate) struct AwardOwner {
    pub(crate) wallet: String,
    pub(crate) award: i64,
}

impl FromRequestParts<AppState> for AwardOwner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let Wallet(session) = Wallet::from_request_parts(parts, state).await?;
        let award = path_parameter(parts, state, "id").await?;
        let award: i64 = award.parse().map_err(|_| ApiError::award_not_found())?;
        let owner = state
            .database
            .run(async |pool| auth::award_owner(&pool, award).await)
            .await?
            .ok_or_else(ApiError::award_not_found)?;
        if owner == session.wallet {
            Ok(Self {
                wallet: owner,
                award,
            })
        } else {
            Err(ApiError::not_award_owner())
        }
    }
}

/// The authority of the campaign at the path's `address`, signed in as a wallet.
pub(crate) struct Authority {
    pub(crate) campaign: String,
    pub(crate) wallet: String,
}

impl FromRequestParts<AppState> for Authority {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let Wallet(session) = Wallet::from_request_parts(parts, state).await?;
        let campaign = campaign(parts, state).await?;
        is_authority(state, &campaign, &session.wallet).await?;
        check_fresh(parts, state).await?;
        Ok(Self {
            campaign,
            wallet: session.wallet,
        })
    }
}

/// A scope of API keys.
pub(crate) trait Scope {
    /// Its name, as keys list it.
    const NAME: &'static str;
}

/// Every scope that a key can have.
pub(crate) const SCOPES: [&str; 4] = [
    ReadAnalytics::NAME,
    WriteAttestations::NAME,
    "write:events",
    WriteProfile::NAME,
];

/// May read the campaign's analytics.
pub(crate) struct ReadAnalytics;

impl Scope for ReadAnalytics {
    const NAME: &'static str = "read:analytics";
}

/// May have vouchers signed, within the rules of the campaign's authority.
pub(crate) struct WriteAttestations;

impl Scope for WriteAttestations {
    const NAME: &'static str = "write:attestations";
}

/// May set the campaign's profile.
pub(crate) struct WriteProfile;

impl Scope for WriteProfile {
    const NAME: &'static str = "write:profile";
}

/// The authority of the campaign at the path's `address`, or a key of the campaign with this scope.
pub(crate) struct AuthorityOrKey<S> {
    pub(crate) campaign: String,
    /// The authority, also where its key calls.
    pub(crate) wallet: String,
    scope: PhantomData<S>,
}

impl<S: Scope> FromRequestParts<AppState> for AuthorityOrKey<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let caller = caller(parts, state).await?;
        let campaign = campaign(parts, state).await?;
        let wallet = match caller {
            Caller::Wallet(session) => {
                is_authority(state, &campaign, &session.wallet).await?;
                session.wallet
            }
            Caller::Key(key) => {
                allows(&key, &campaign, S::NAME)?;
                key.created_by
            }
        };
        check_fresh(parts, state).await?;
        Ok(Self {
            campaign,
            wallet,
            scope: PhantomData,
        })
    }
}

/// The mirror may be this many seconds old for a change.
const FRESH: f64 = 300.0;

/// Refuses a change while the mirror is so old that the right to it may have gone to somebody else. Requests
/// that only read or delete go on: docs/decisions/sign-in.md.
async fn check_fresh(parts: &Parts, state: &AppState) -> ApiResult<()> {
    if parts.method.is_safe() || parts.method == Method::DELETE {
        return Ok(());
    }
    let is_fresh = state
        .database
        .run(async |pool| is_mirror_fresh(&pool, FRESH).await)
        .await?;
    if is_fresh {
        Ok(())
    } else {
        Err(ApiError::mirror_stale())
    }
}

fn allows(key: &keys::Found, campaign: &str, scope: &str) -> ApiResult<()> {
    if key.campaign != campaign {
        Err(ApiError::not_campaign_authority())
    } else if key.scopes.iter().any(|has| has == scope) {
        Ok(())
    } else {
        Err(ApiError::missing_scope().saying(format!("the key needs the scope {scope}")))
    }
}

async fn is_authority(state: &AppState, campaign: &str, wallet: &str) -> ApiResult<()> {
    let authority = state
        .database
        .run(async |pool| auth::authority(&pool, campaign).await)
        .await?
        .ok_or_else(ApiError::campaign_not_found)?;
    if authority == wallet {
        Ok(())
    } else {
        Err(ApiError::not_campaign_authority())
    }
}

/// The path's campaign, in base58.
async fn campaign(parts: &mut Parts, state: &AppState) -> ApiResult<String> {
    let address: Address = path_parameter(parts, state, "address").await?.parse()?;
    Ok(address.to_string())
}

/// The path's `id`.
pub(crate) struct PathId(pub(crate) Option<Uuid>);

impl FromRequestParts<AppState> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let id = path_parameter(parts, state, "id").await?;
        Ok(Self(Uuid::try_parse(&id).ok()))
    }
}

async fn path_parameter(parts: &mut Parts, state: &AppState, name: &str) -> ApiResult<String> {
    let parameters = RawPathParams::from_request_parts(parts, state)
        .await
        // The parameter is not UTF-8 after percent-decoding.
        .map_err(|_| ApiError::route_not_found())?;
    let found = parameters.iter().find(|(found, _)| *found == name);
    found
        .map(|(_, value)| value.to_owned())
        .ok_or_else(ApiError::internal)
}
