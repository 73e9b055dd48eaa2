//! `/v1/me`: what belongs to the wallet that has signed in.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use vouch_db::api::{
    awards,
    me::{self, OwnCode, PartState, Reward, Role},
};

use crate::{
    cursor::{Cursor, cut},
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::Query,
    rights::{AwardOwner, Wallet},
    routes::auth::Private,
    schemas,
    state::AppState,
    types::{Amount, Limit, commitment, timestamp},
};

/// The wallet that has signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeAnswer {
    wallet: String,
    /// The session of this request.
    session: Uuid,
    /// RFC 3339: when that session ends.
    session_expires_at: Option<String>,
    /// The rewards of its codes for their owner, one entry a token. `/v1/me/codes` lists the codes,
    /// `/v1/me/rewards` the rewards.
    rewards: Vec<TokenSum>,
    /// `/v1/referrers/{wallet}/badges` lists them.
    badges: BadgeCount,
}

/// The rewards of the codes that earn one token, in its base units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenSum {
    mint: String,
    decimals: i16,
    /// How many of the wallet's codes earn this token.
    codes: i64,
    /// Paid for these codes so far, also to former owners.
    paid: String,
    /// Owed for these codes.
    pending: String,
}

/// How many badges the wallet has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BadgeCount {
    total: i64,
    /// Those that it can still claim.
    unclaimed: i64,
}

/// Show what belongs to the caller's wallet
#[utoipa::path(get, path = "/v1/me", tag = "me", operation_id = "show_me",
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 200, body = MeAnswer),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    Wallet(session): Wallet,
    State(state): State<AppState>,
) -> ApiResult<Private<MeAnswer>> {
    let wallet = session.wallet;
    // One query in each run: what takes longer than one may means that Postgres is down.
    let sums = state
        .database
        .run(async |pool| me::sums(&pool, &wallet).await)
        .await?;
    let (total, unclaimed) = state
        .database
        .run(async |pool| me::badges(&pool, &wallet).await)
        .await?;
    let rewards = sums.into_iter().map(|sum| TokenSum {
        mint: sum.mint,
        decimals: sum.decimals,
        codes: sum.codes,
        paid: sum.paid.to_string(),
        pending: sum.pending.to_string(),
    });
    Ok(Private(MeAnswer {
        session: session.id,
        session_expires_at: timestamp(session.expires_at.unix_timestamp()),
        rewards: rewards.collect(),
        badges: BadgeCount { total, unclaimed },
        wallet,
    }))
}

/// Selects a page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CodesPage {
    /// How many, from 1 to 200; 50 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next_cursor` of an earlier answer.
    #[param(value_type = Option<schemas::Cursor>, inline)]
    cursor: Option<String>,
}

/// A code of the caller's wallet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnCodeAnswer {
    code: String,
    /// Address of the referral.
    referral: String,
    campaign: String,
    /// The token that it earns; null if the campaign is not mirrored yet.
    mint: Option<String>,
    /// Switched on by its owner.
    active: bool,
    /// Switched off by the campaign.
    suspended: bool,
    /// Closed for good.
    closed: bool,
    /// Without cancelled ones.
    conversions: i64,
    /// Base units of the referrer's parts, also those paid to former owners.
    paid: String,
    /// Base units of the referrer's parts.
    pending: String,
    share_url: String,
    /// RFC 3339.
    created_at: Option<String>,
}

/// The codes of the caller's wallet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnCodesAnswer {
    codes: Vec<OwnCodeAnswer>,
    /// For the next page; null on the last one.
    next_cursor: Option<String>,
}

/// List one's own codes, newest first
#[utoipa::path(get, path = "/v1/me/codes", tag = "me", operation_id = "list_own_codes", params(CodesPage),
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 200, body = OwnCodesAnswer),
        (status = 400, description = "invalid_query", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn codes(
    Wallet(session): Wallet,
    State(state): State<AppState>,
    Query(query): Query<CodesPage>,
) -> ApiResult<Private<OwnCodesAnswer>> {
    let (limit, cursor) = page(query.limit.as_deref(), query.cursor.as_deref())?;
    let mut found = state
        .database
        .run(async |pool| {
            let after = position(cursor.as_ref());
            me::codes(&pool, &session.wallet, after, limit + 1).await
        })
        .await?;
    let next_cursor = cut(&mut found, limit, |last| {
        Cursor::encode(last.created_at, &last.address)
    });
    let links = &state.links;
    let answer = |own: OwnCode| OwnCodeAnswer {
        share_url: links.share(&own.code, &own.campaign, own.owns_short_link),
        code: own.code,
        referral: own.address,
        campaign: own.campaign,
        mint: own.mint,
        active: own.active,
        suspended: own.suspended,
        closed: own.closed,
        conversions: own.conversions,
        paid: own.paid.to_string(),
        pending: own.pending.to_string(),
        created_at: timestamp(own.created_at),
    };
    Ok(Private(OwnCodesAnswer {
        codes: found.into_iter().map(answer).collect(),
        next_cursor,
    }))
}

/// Selects rewards.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RewardsQuery {
    /// As what the wallet earned them: referrer, referee or partner; referrer when absent.
    #[param(pattern = "^(referrer|referee|partner)$")]
    role: Option<String>,
    /// pending or paid; all when absent.
    #[param(pattern = "^(pending|paid)$")]
    status: Option<String>,
    /// How many, from 1 to 200; 50 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next_cursor` of an earlier answer.
    #[param(value_type = Option<schemas::Cursor>, inline)]
    cursor: Option<String>,
}

/// The wallet's part of the reward of one conversion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RewardAnswer {
    /// Address of the conversion.
    conversion: String,
    campaign: String,
    code: String,
    /// The token.
    mint: String,
    decimals: i16,
    /// Base units.
    units: Amount,
    /// pending, paid, cancelled, or lapsed: the period for claims ended before it was claimed.
    status: String,
    /// RFC 3339.
    converted_at: Option<String>,
    /// RFC 3339: from when on it is owed.
    claimable_from: Option<String>,
    /// The transaction that made the conversion.
    signature: String,
    /// confirmed or finalized: that transaction.
    commitment: String,
    /// The transaction that paid it: the receipt. Null if it was not paid.
    paid_by: Option<String>,
    /// The wallet that was paid. Null if it was not paid. The referrer's part goes to the wallet that
    /// owns the code when it is paid.
    paid_to: Option<String>,
}

/// Rewards, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RewardsAnswer {
    rewards: Vec<RewardAnswer>,
    /// For the next page; null on the last one.
    next_cursor: Option<String>,
}

/// List one's own rewards with their receipts, newest first
#[utoipa::path(get, path = "/v1/me/rewards", tag = "me", operation_id = "list_own_rewards", params(RewardsQuery),
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 200, body = RewardsAnswer),
        (status = 400, description = "invalid_query", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn rewards(
    Wallet(session): Wallet,
    State(state): State<AppState>,
    Query(query): Query<RewardsQuery>,
) -> ApiResult<Private<RewardsAnswer>> {
    let (limit, cursor) = page(query.limit.as_deref(), query.cursor.as_deref())?;
    let role = match query.role.as_deref() {
        None | Some("referrer") => Role::Referrer,
        Some("referee") => Role::Referee,
        Some("partner") => Role::Partner,
        Some(_) => {
            return Err(
                ApiError::invalid_query().saying("role must be referrer, referee or partner")
            );
        }
    };
    let status = match query.status.as_deref() {
        None => None,
        Some("pending") => Some(PartState::Pending),
        Some("paid") => Some(PartState::Paid),
        Some(_) => {
            return Err(ApiError::invalid_query().saying("status must be pending or paid"));
        }
    };
    let mut found = state
        .database
        .run_heavy(async |pool| {
            let after = position(cursor.as_ref());
            me::rewards(&pool, &session.wallet, role, status, after, limit + 1).await
        })
        .await?;
    let next_cursor = cut(&mut found, limit, |last| {
        Cursor::encode(last.converted_at, &last.conversion)
    });
    Ok(Private(RewardsAnswer {
        rewards: found.into_iter().map(RewardAnswer::from).collect(),
        next_cursor,
    }))
}

/// A badge that was claimed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClaimAnswer {
    /// The award's id.
    id: i64,
    /// Always true.
    claimed: bool,
}

/// Claim a badge
///
/// Only the wallet that has earned it can. A repeated claim changes nothing and is answered in the
/// same way.
#[utoipa::path(post, path = "/v1/badges/{id}/claim", tag = "me", operation_id = "claim_badge",
    params(("id" = i64, Path, description = "The award's id, as lists of badges show it")),
    security(("session" = ["award_owner"]), ("cookie" = ["award_owner"])),
    responses(
        (status = 200, body = ClaimAnswer),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_award_owner, session_required, cross_site_request", body = ErrorEnvelope),
        (status = 404, description = "award_not_found", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn claim(
    owner: AwardOwner,
    State(state): State<AppState>,
) -> ApiResult<Json<ClaimAnswer>> {
    state
        .database
        .run(async |pool| awards::claim(&pool, owner.award, &owner.wallet).await)
        .await?;
    Ok(Json(ClaimAnswer {
        id: owner.award,
        claimed: true,
    }))
}

fn page(limit: Option<&str>, cursor: Option<&str>) -> ApiResult<(i64, Option<Cursor>)> {
    let Limit(limit) = limit.map_or(Ok(Limit::DEFAULT), str::parse)?;
    Ok((limit, cursor.map(str::parse).transpose()?))
}

fn position(cursor: Option<&Cursor>) -> Option<(i64, &str)> {
    cursor.map(|cursor| (cursor.time, cursor.address.as_str()))
}

impl From<Reward> for RewardAnswer {
    fn from(reward: Reward) -> Self {
        let status = match reward.conversion_status.as_str() {
            "cancelled" => "cancelled",
            _ if reward.settled => "paid",
            "lapsed" => "lapsed",
            _ => "pending",
        };
        Self {
            conversion: reward.conversion,
            campaign: reward.campaign,
            code: reward.code,
            mint: reward.mint,
            decimals: reward.decimals,
            units: Amount(reward.units),
            status: status.to_owned(),
            converted_at: timestamp(reward.converted_at),
            claimable_from: timestamp(reward.matures_at),
            signature: reward.signature,
            commitment: commitment(reward.is_final).to_owned(),
            paid_by: reward.paid_by,
            paid_to: reward.paid_to,
        }
    }
}
