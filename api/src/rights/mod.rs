//! Callers and their rights: one extractor for each right. A handler that takes one runs only if the caller has it.
//!
//! Without valid credentials the answer is 401, without the right it is 403. Extractors run before the
//! body is read.

mod credentials;

use std::marker::PhantomData;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{Method, request::Parts},
};
use uuid::Uuid;
use vouch_db::api::{
    auth::{self, delegates, keys, sessions::Session},
    codes::Referral,
    is_mirror_fresh,
};

use crate::{
    error::{ApiError, ApiResult},
    extract::{CodeQuery, NamesCampaign, Query},
    state::AppState,
    types::{self, Address},
};
pub(crate) use credentials::{Absent, same_origin};
use credentials::{Caller, caller};

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

/// The authority of the campaign at the path's `address`, signed in as a wallet, itself or by its delegate.
pub(crate) struct Authority {
    pub(crate) campaign: String,
    /// The authority, also where its delegate calls: what a delegate makes is the authority's.
    pub(crate) wallet: String,
    /// The wallet that calls.
    pub(crate) caller: String,
}

impl FromRequestParts<AppState> for Authority {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let Wallet(session) = Wallet::from_request_parts(parts, state).await?;
        let campaign = campaign(parts, state).await?;
        let wallet = authority(state, &campaign, &session.wallet).await?;
        check_fresh(parts, state).await?;
        Ok(Self {
            campaign,
            wallet,
            caller: session.wallet,
        })
    }
}

impl Authority {
    /// Fails if the delegate calls.
    ///
    /// # Errors
    /// `not_campaign_authority`.
    pub(crate) fn itself(&self) -> ApiResult<()> {
        if self.caller == self.wallet {
            Ok(())
        } else {
            Err(ApiError::not_campaign_authority())
        }
    }
}

/// A scope of API keys.
pub(crate) trait Scope {
    /// Its name, as keys list it.
    const NAME: &'static str;
    /// Whether the authority's delegate has it, too: a delegate moves no money.
    const IS_DELEGATED: bool = true;
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
    const IS_DELEGATED: bool = false;
}

/// May set the campaign's profile.
pub(crate) struct WriteProfile;

impl Scope for WriteProfile {
    const NAME: &'static str = "write:profile";
}

/// The authority of the campaign at the path's `address`, itself or by its delegate, or a key of the campaign
/// with this scope.
pub(crate) struct AuthorityOrKey<S> {
    pub(crate) campaign: String,
    /// The authority, also where its key or its delegate calls.
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
                let authority = authority(state, &campaign, &session.wallet).await?;
                if !S::IS_DELEGATED && session.wallet != authority {
                    return Err(ApiError::not_campaign_authority());
                }
                authority
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

/// The authority of the campaign, if `wallet` is that or may act for it.
///
/// # Errors
/// `campaign_not_found`, `not_campaign_authority` or `database_unavailable`.
async fn authority(state: &AppState, campaign: &str, wallet: &str) -> ApiResult<String> {
    let actors = state
        .database
        .run(async |pool| delegates::actors(&pool, campaign).await)
        .await?
        .ok_or_else(ApiError::campaign_not_found)?;
    if actors.authority == wallet || actors.delegate.as_deref() == Some(wallet) {
        Ok(actors.authority)
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
