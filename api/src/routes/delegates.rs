//! `/v1/campaigns/{address}/delegate`: the wallet that acts for a campaign's authority off chain.
//! docs/decisions/multisig-authorities.md says why it is so.

use std::fmt::Display;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use vouch_db::api::auth::delegates::{self, Named, Naming};

use crate::{
    chain::delegation::Word,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{self, PathAddress, Query},
    rights::Wallet,
    routes::auth::Private,
    schemas,
    state::AppState,
    types::{self, Address, Limit},
};

/// A transaction in which a campaign's authority names its delegate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DelegationRequest {
    /// Its signature. It must be final.
    #[schema(value_type = schemas::Signature)]
    signature: String,
}

/// The delegate of a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DelegateAnswer {
    campaign: String,
    /// The campaign's authority, which has named it.
    authority: String,
    /// The wallet that acts for the authority off chain from now on; null for nobody, also if another transaction of
    /// the same slot names another wallet.
    delegate: Option<String>,
    /// Slot of the transaction.
    slot: u64,
}

/// Show the transaction in which a campaign's authority names its delegate
///
/// The delegate sets the profile, makes API keys and reads analytics as the authority does, and nothing on
/// chain. `/v1/transactions/delegate` builds the transaction. Anybody may show it, within a week. The latest one that
/// was shown holds; if two in one slot name two wallets, nobody is the delegate. It holds only while its authority
/// is the campaign's.
#[utoipa::path(post, path = "/v1/campaigns/{address}/delegate", tag = "campaigns",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign")),
    request_body = DelegationRequest,
    responses(
        (status = 200, body = DelegateAnswer),
        (status = 400, description = "invalid_address, malformed_json, missing_field, unknown_field, wrong_type, invalid_signature", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found, transaction_not_found", body = ErrorEnvelope),
        (status = 409, description = "delegation_superseded", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "no_delegation", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    PathAddress(campaign): PathAddress,
    extract::Json(request): extract::Json<DelegationRequest>,
) -> ApiResult<Json<DelegateAnswer>> {
    let signature = types::signature(&request.signature)?;
    let at = campaign.0;
    let campaign = campaign.to_string();
    let actors = state
        .database
        .run(async |pool| delegates::actors(&pool, &campaign).await)
        .await?;
    let actors = actors.ok_or_else(ApiError::campaign_not_found)?;
    let authority = actors
        .authority
        .parse()
        .map_err(|error| ApiError::internal().because(error))?;
    let genesis = state.chain.genesis();
    let genesis = *genesis.ok_or_else(ApiError::chain_unavailable)?;
    let said = state.chain.said(&signature).await?;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let wallet = match said.by(&authority, &genesis, &at, now)? {
        Word::Names(wallet) => wallet.map(|wallet| wallet.to_string()),
        Word::OfAnother(other) => return Err(of_another(&other)),
    };
    let authority = actors.authority;
    let signature = signature.to_string();
    let naming = Naming {
        campaign: &campaign,
        authority: &authority,
        wallet: wallet.as_deref(),
        slot: i64::try_from(said.slot).map_err(|_| ApiError::chain_unavailable())?,
        signature: &signature,
    };
    let named = state
        .database
        .run(async |pool| delegates::name(&pool, &naming).await)
        .await?;
    match named {
        Named::Holds(delegate) => Ok(Json(DelegateAnswer {
            campaign,
            authority,
            delegate,
            slot: said.slot,
        })),
        Named::Superseded => Err(ApiError::delegation_superseded()),
        Named::NotAuthority => {
            let message =
                format!("{authority} has signed it, which is not the campaign's authority");
            Err(ApiError::no_delegation().saying(message))
        }
        Named::NotFound => Err(ApiError::campaign_not_found()),
    }
}

/// The refusal of a word that is not the authority's.
fn of_another(signer: &dyn Display) -> ApiError {
    let message = format!(
        "{signer} has said it, which is not the campaign's authority: if it has just taken the campaign over, \
         try again in a few seconds"
    );
    ApiError::no_delegation().saying(message)
}

/// Selects a page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DelegationsPage {
    /// How many, from 1 to 200; 50 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// Only campaigns after this one, in the order of their addresses.
    #[param(value_type = Option<schemas::Address>, inline)]
    after: Option<String>,
}

/// A campaign that the wallet acts for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DelegationAnswer {
    campaign: String,
    /// The authority that has named the wallet.
    authority: String,
}

/// Campaigns that the wallet acts for, in the order of their addresses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DelegationsAnswer {
    delegations: Vec<DelegationAnswer>,
}

/// List the campaigns whose authorities have named the caller's wallet as delegate
#[utoipa::path(get, path = "/v1/me/delegations", tag = "me", operation_id = "list_delegations", params(DelegationsPage),
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 200, body = DelegationsAnswer),
        (status = 400, description = "invalid_query, invalid_address", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn of_wallet(
    Wallet(session): Wallet,
    State(state): State<AppState>,
    Query(query): Query<DelegationsPage>,
) -> ApiResult<Private<DelegationsAnswer>> {
    let Limit(limit) = query
        .limit
        .as_deref()
        .map_or(Ok(Limit::DEFAULT), str::parse)?;
    let after: Option<Address> = query.after.as_deref().map(str::parse).transpose()?;
    let after = after.map(|address| address.to_string());
    let found = state
        .database
        .run(async |pool| {
            delegates::of_wallet(&pool, &session.wallet, after.as_deref(), limit).await
        })
        .await?;
    let delegations = found.into_iter().map(|found| DelegationAnswer {
        campaign: found.campaign,
        authority: found.authority,
    });
    Ok(Private(DelegationsAnswer {
        delegations: delegations.collect(),
    }))
}
