//! `/v1/campaigns/{address}/keys`: API keys for a campaign's server.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;
use vouch_db::PgPool;
use vouch_db::api::auth::keys::{self, Key, NewKey, Stored, Terms};

use crate::{
    auth::token::{Kind, Token},
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{self, IdempotencyKey},
    rights::{Authority, PathId, SCOPES, Scope as _, WriteAttestations},
    routes::auth::Private,
    schemas,
    state::AppState,
    text,
    types::timestamp,
};

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// Most days for which a key can be made.
const MOST_DAYS: u32 = 3650;
/// Most seconds for which a replaced key goes on working: a week.
const MOST_OVERLAP: u32 = 604_800;

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyAnswer {
    id: Uuid,
    name: String,
    /// The beginning of the key.
    prefix: String,
    scopes: Vec<String>,
    /// The authority that made it, itself or by its delegate.
    created_by: String,
    /// The wallet that made it: that authority or its delegate.
    made_by: String,
    /// Whether it works: it has not ended, `created_by` is the campaign's authority, and `made_by` is that or
    /// its present delegate.
    works: bool,
    /// RFC 3339.
    created_at: Option<String>,
    /// RFC 3339, to a minute; null for never.
    last_used_at: Option<String>,
    /// RFC 3339; null for never.
    expires_at: Option<String>,
    /// RFC 3339; null if it was not revoked.
    revoked_at: Option<String>,
    /// The id of the key that replaces it; null if it was not replaced.
    replaced_by: Option<Uuid>,
}

/// A new key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewKeyAnswer {
    #[serde(flatten)]
    about: KeyAnswer,
    /// The key itself. It is shown only here.
    key: String,
}

/// The keys of a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeysAnswer {
    keys: Vec<KeyAnswer>,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    /// 1 to 60 characters.
    #[schema(format = "plain-text", min_length = 1, max_length = 60)]
    name: String,
    /// The rights of the key: at least one of `read:analytics`, `write:attestations`, `write:events`, `write:profile`.
    #[schema(value_type = Vec<schemas::Scope>, min_items = 1)]
    scopes: Vec<String>,
    /// Days after which it ends, from 1 to 3650; absent for never.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// How a key is replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationRequest {
    /// For how long the old key goes on working, from 0 to 604800 seconds; a day when absent.
    #[schema(minimum = 0, maximum = 604800)]
    overlap_seconds: Option<u32>,
}

/// Make an API key
///
/// Only the campaign's authority and its delegate can. The key is shown once.
#[utoipa::path(post, path = "/v1/campaigns/{address}/keys", tag = "keys", operation_id = "create_key",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign"),
        ("Idempotency-Key" = inline(Option<schemas::IdempotencyKey>), Header, description = "16 to 128 visible ASCII characters, chosen at random: a request that is repeated with it gets the same key")),
    request_body = KeyRequest,
    security(("session" = ["campaign_authority"]), ("cookie" = ["campaign_authority"])),
    responses(
        (status = 201, body = NewKeyAnswer),
        (status = 400, description = "invalid_address, malformed_json, missing_field, unknown_field, wrong_type, invalid_key_name, unknown_scope, invalid_expiry_days, invalid_idempotency_key", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_campaign_authority, session_required, cross_site_request", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "too_many_keys", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "idempotency_key_reused", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable, mirror_stale", body = ErrorEnvelope),
    ))]
pub(crate) async fn make(
    authority: Authority,
    State(state): State<AppState>,
    repeated: IdempotencyKey,
    extract::Json(request): extract::Json<KeyRequest>,
) -> ApiResult<Response> {
    let name = text::plain(&request.name, 60).ok_or_else(ApiError::invalid_key_name)?;
    let mut scopes = request.scopes;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() || !scopes.iter().all(|scope| SCOPES.contains(&&**scope)) {
        return Err(ApiError::unknown_scope());
    }
    if scopes.iter().any(|scope| scope == WriteAttestations::NAME) {
        authority.itself()?;
    }
    let days = request.expires_in_days;
    if days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        return Err(ApiError::invalid_expiry_days());
    }
    let terms = Terms {
        name: &name,
        scopes: &scopes,
        life_seconds: days.map(|days| f64::from(days) * DAY),
    };
    make_key(
        &state,
        &authority,
        ("make", &repeated),
        async |pool, new| keys::add(&pool, new, &terms).await,
    )
    .await
}

/// List the API keys of a campaign, the newest first
///
/// Keys of former authorities come after those of the present one. Keys that have ended stay in the list
/// for 90 days.
#[utoipa::path(get, path = "/v1/campaigns/{address}/keys", tag = "keys", operation_id = "list_keys",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign")),
    security(("session" = ["campaign_authority"]), ("cookie" = ["campaign_authority"])),
    responses(
        (status = 200, body = KeysAnswer),
        (status = 400, description = "invalid_address", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_campaign_authority, session_required", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn list(
    authority: Authority,
    State(state): State<AppState>,
) -> ApiResult<Private<KeysAnswer>> {
    let found = state
        .database
        .run(async |pool| keys::list(&pool, &authority.campaign).await)
        .await?;
    let keys = found.into_iter().map(KeyAnswer::from).collect();
    Ok(Private(KeysAnswer { keys }))
}

/// Replace an API key
///
/// The new one has the name, the scopes and the length of life of the old one, which goes on working
/// for a while. Until then it can be replaced once more, in case this answer was lost.
#[utoipa::path(post, path = "/v1/campaigns/{address}/keys/{id}/rotate", tag = "keys", operation_id = "rotate_key",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign"),
        ("id" = String, Path, description = "The key's id"),
        ("Idempotency-Key" = inline(Option<schemas::IdempotencyKey>), Header, description = "16 to 128 visible ASCII characters, chosen at random: a request that is repeated with it gets the same key")),
    request_body = RotationRequest,
    security(("session" = ["campaign_authority"]), ("cookie" = ["campaign_authority"])),
    responses(
        (status = 201, body = NewKeyAnswer),
        (status = 400, description = "invalid_address, malformed_json, missing_field, unknown_field, wrong_type, invalid_overlap, invalid_idempotency_key", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_campaign_authority, session_required, cross_site_request", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found, key_not_found", body = ErrorEnvelope),
        (status = 409, description = "too_many_keys", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable, mirror_stale", body = ErrorEnvelope),
    ))]
pub(crate) async fn rotate(
    authority: Authority,
    State(state): State<AppState>,
    PathId(old): PathId,
    repeated: IdempotencyKey,
    extract::Json(request): extract::Json<RotationRequest>,
) -> ApiResult<Response> {
    let overlap = request.overlap_seconds.unwrap_or(86_400);
    if overlap > MOST_OVERLAP {
        return Err(ApiError::invalid_overlap());
    }
    let old = old.ok_or_else(ApiError::key_not_found)?;
    let operation = format!("rotate {old}");
    make_key(
        &state,
        &authority,
        (&operation, &repeated),
        async |pool, new| keys::rotate(&pool, old, new, overlap.into()).await,
    )
    .await
}

/// Revoke an API key at once
#[utoipa::path(delete, path = "/v1/campaigns/{address}/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign"),
        ("id" = String, Path, description = "The key's id")),
    security(("session" = ["campaign_authority"]), ("cookie" = ["campaign_authority"])),
    responses(
        (status = 204, description = "It does not work any more"),
        (status = 400, description = "invalid_address", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_campaign_authority, session_required, cross_site_request", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found, key_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn revoke(
    authority: Authority,
    State(state): State<AppState>,
    PathId(id): PathId,
) -> ApiResult<StatusCode> {
    let id = id.ok_or_else(ApiError::key_not_found)?;
    let revoked = state
        .database
        .run(async |pool| keys::revoke(&pool, &authority.campaign, id).await)
        .await?;
    if revoked {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::key_not_found())
    }
}

/// Makes a key, lets `store` add it, and answers with it. Without an idempotency key it is random. With one,
/// it follows from wallet, campaign, operation and that key, so a repeated request gets the same answer, and
/// no secret is stored for that.
async fn make_key(
    state: &AppState,
    authority: &Authority,
    (operation, repeated): (&str, &IdempotencyKey),
    store: impl AsyncFnOnce(PgPool, &NewKey<'_>) -> Result<Stored, vouch_db::Error>,
) -> ApiResult<Response> {
    let Authority {
        campaign, caller, ..
    } = authority;
    let token = match &repeated.0 {
        None => Token::new(Kind::Key),
        Some(repeated) => {
            let texts = [caller.as_str(), campaign, operation, repeated];
            let bytes = state
                .auth
                .mac(&state.database, "vouch api key 1", &texts)
                .await?;
            Token::of(Kind::Key, bytes)
        }
    };
    let new = NewKey {
        id: Uuid::now_v7(),
        campaign: &authority.campaign,
        created_by: &authority.wallet,
        made_by: caller,
        prefix: token.shown(),
        key_hash: &token.hash(),
    };
    let id = match state
        .database
        .run(async |pool| store(pool, &new).await)
        .await?
    {
        Stored::Yes(id) => id,
        Stored::Other => return Err(ApiError::idempotency_key_reused()),
        Stored::NotFound => return Err(ApiError::key_not_found()),
        Stored::TooMany => return Err(ApiError::too_many_keys()),
    };
    let found = state
        .database
        .run(async |pool| keys::find(&pool, campaign, id).await)
        .await?
        // Revoked and swept, or its campaign is being mirrored anew.
        .ok_or_else(ApiError::key_not_found)?;
    let answer = NewKeyAnswer {
        about: found.into(),
        key: token.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Private(answer)).into_response())
}

impl From<Key> for KeyAnswer {
    fn from(key: Key) -> Self {
        let time = |time: OffsetDateTime| timestamp(time.unix_timestamp());
        Self {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes,
            created_by: key.created_by,
            made_by: key.made_by,
            works: key.works,
            created_at: time(key.created_at),
            last_used_at: key.last_used_at.and_then(time),
            expires_at: key.expires_at.and_then(time),
            revoked_at: key.revoked_at.and_then(time),
            replaced_by: key.replaced_by,
        }
    }
}
