//! `/v1/codes/{code}`: a code, whether it can be used, and its statistics.

use axum::{Json, extract::State};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use vouch_client::{
    ProgramError,
    accounts::{AccountType as _, Campaign},
};
use vouch_db::api::{codes::Referral, profiles, stats};
use vouch_rules::eligibility::{CampaignState, CodeState, Refusal};

use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{CodeQuery, PathCode, PathText, Query},
    routes::profiles::CodeProfile,
    schemas,
    state::AppState,
    types::{self, Amount, timestamp},
};

/// A code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodeAnswer {
    code: String,
    /// Address of the referral.
    referral: String,
    campaign: String,
    /// The referrer's wallet.
    owner: String,
    /// Switched on by its owner.
    active: bool,
    /// Switched off by the campaign.
    suspended: bool,
    /// Most conversions; null for no limit.
    usage_limit: Option<Amount>,
    conversions: Amount,
    /// RFC 3339; null for never.
    expires_at: Option<String>,
    /// RFC 3339.
    created_at: Option<String>,
    share_url: String,
    qr_png_url: String,
    qr_svg_url: String,
    /// Its Solana Action, for wallets.
    action_url: String,
    /// Its transaction request of Solana Pay, for wallets.
    solana_pay_url: String,
    /// The owner's profile of it; null for none.
    profile: Option<CodeProfile>,
}

/// Show a code
#[utoipa::path(get, path = "/v1/codes/{code}", tag = "codes",
    params(("code" = inline(schemas::Code), Path, description = "The code, in either case"), CodeQuery),
    responses(
        (status = 200, body = CodeAnswer),
        (status = 400, description = "invalid_code, invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 404, description = "code_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    PathCode(code): PathCode,
    Query(query): Query<CodeQuery>,
) -> ApiResult<Json<CodeAnswer>> {
    let found = state.referral(&code, query.campaign()?.as_ref()).await?;
    let profile = state
        .database
        .run(async |pool| profiles::find(&pool, &found.address).await)
        .await
        .map_err(ApiError::from)?;
    let links = &state.links;
    let short = found.owns_short_link;
    Ok(Json(CodeAnswer {
        share_url: links.share(&found.code, &found.campaign, short),
        qr_png_url: links.qr_image(&found.code, &found.campaign, short, "png"),
        qr_svg_url: links.qr_image(&found.code, &found.campaign, short, "svg"),
        action_url: links.action(&found.code, &found.campaign, short),
        solana_pay_url: links.pay(&found.code, &found.campaign, short),
        code: found.code,
        referral: found.address,
        campaign: found.campaign,
        owner: found.owner,
        active: found.active,
        suspended: found.suspended,
        usage_limit: found.usage_limit.map(Amount),
        conversions: Amount(found.conversions),
        expires_at: found.expires_at.and_then(timestamp),
        created_at: timestamp(found.created_at),
        profile: profile.map(CodeProfile::from),
    }))
}

/// Why a code cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InvalidReason {
    BadFormat,
    NotFound,
    Inactive,
    Expired,
    LimitReached,
    CampaignPaused,
    CampaignNotStarted,
    CampaignEnded,
    CampaignClosed,
}

impl From<InvalidReason> for ApiError {
    fn from(reason: InvalidReason) -> Self {
        match reason {
            InvalidReason::BadFormat => Self::invalid_code(),
            InvalidReason::NotFound => Self::code_not_found(),
            InvalidReason::Inactive => Self::code_inactive(),
            InvalidReason::Expired => Self::code_expired(),
            InvalidReason::LimitReached => Self::usage_limit_reached(),
            InvalidReason::CampaignPaused => ProgramError::CampaignPaused.into(),
            InvalidReason::CampaignNotStarted => ProgramError::CampaignNotStarted.into(),
            InvalidReason::CampaignEnded => ProgramError::CampaignEnded.into(),
            InvalidReason::CampaignClosed => ProgramError::CampaignClosed.into(),
        }
    }
}

/// Whether a code can be used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValidateAnswer {
    /// In upper case when it is well formed, else as it was sent.
    code: String,
    valid: bool,
    /// Null when it is valid.
    reason: Option<InvalidReason>,
}

/// Check a code while somebody types it
///
/// Always answers 200 for a question that can be answered, with one reason, in the
/// order in which the program checks.
#[utoipa::path(get, path = "/v1/codes/{code}/validate", tag = "codes",
    params(("code" = String, Path, description = "The text that was typed"), CodeQuery),
    responses(
        (status = 200, body = ValidateAnswer),
        (status = 400, description = "invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn validate(
    State(state): State<AppState>,
    PathText(text): PathText,
    Query(query): Query<CodeQuery>,
) -> ApiResult<Json<ValidateAnswer>> {
    let campaign = query.campaign()?;
    let (code, reason) = match types::code(&text) {
        Err(_) => (
            text.chars().take(64).collect(),
            Some(InvalidReason::BadFormat),
        ),
        Ok(code) => {
            let reason = match state.find_referral(&code, campaign.as_ref()).await? {
                None => Some(InvalidReason::NotFound),
                Some(found) => invalid(&found, OffsetDateTime::now_utc().unix_timestamp()),
            };
            (code.to_string(), reason)
        }
    };
    Ok(Json(ValidateAnswer {
        code,
        valid: reason.is_none(),
        reason,
    }))
}

/// The first reason, in the order of the program's checks.
pub(super) fn invalid(referral: &Referral, now: i64) -> Option<InvalidReason> {
    let campaign = referral.campaign_state.as_ref().map(|campaign| {
        let account = Campaign::decode(&campaign.data).ok();
        let arrived = account.as_ref().and_then(|account| account.arrived(now));
        let (starts_at, ends_at) = match arrived {
            Some(settings) => (settings.starts_at, settings.ends_at),
            None => (
                campaign.starts_at.unwrap_or(0),
                campaign.ends_at.unwrap_or(0),
            ),
        };
        CampaignState {
            closed: campaign.closed,
            paused: campaign.paused,
            starts_at,
            ends_at,
        }
    });
    let code = CodeState {
        active: referral.active,
        suspended: referral.suspended,
        expires_at: referral.expires_at.unwrap_or(0),
        usage_limit: referral.usage_limit.unwrap_or(0),
        conversions: referral.conversions,
    };
    let open = campaign.map_or(Ok(()), |campaign| campaign.check(now));
    let refusal = open.and_then(|()| code.check(now)).err()?;
    Some(match refusal {
        Refusal::CampaignClosed => InvalidReason::CampaignClosed,
        Refusal::CampaignPaused => InvalidReason::CampaignPaused,
        Refusal::CampaignNotStarted => InvalidReason::CampaignNotStarted,
        Refusal::CampaignEnded => InvalidReason::CampaignEnded,
        Refusal::Inactive => InvalidReason::Inactive,
        Refusal::Expired => InvalidReason::Expired,
        Refusal::UsageLimitReached => InvalidReason::LimitReached,
    })
}

/// The numbers of a code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatsAnswer {
    code: String,
    /// Address of the referral.
    referral: String,
    clicks: ClickStats,
    conversions: ConversionStats,
    rewards: RewardStats,
    /// Conversions for each click that is neither a bot's nor suspicious; null without such clicks.
    conversion_rate: Option<f64>,
    /// The numbers hold everything confirmed up to this slot.
    as_of_slot: Option<i64>,
}

/// Clicks on a code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClickStats {
    total: i64,
    /// Different visitors that are no bots; a visitor on two days counts twice.
    unique: i64,
    bots: i64,
    /// A flood of one network, or the same click again. They are no bots.
    suspicious: i64,
}

/// Conversions of a code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConversionStats {
    /// Confirmed and finalized, without cancelled ones.
    total: i64,
    finalized: i64,
}

/// The referrer's rewards, in base units as decimal strings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RewardStats {
    paid: String,
    pending: String,
    /// Whether more may have been paid, and less be owed: transactions do not tell it.
    uncertain: bool,
}

/// Show the numbers of a code
#[utoipa::path(get, path = "/v1/codes/{code}/stats", tag = "codes",
    params(("code" = inline(schemas::Code), Path, description = "The code, in either case"), CodeQuery),
    responses(
        (status = 200, body = StatsAnswer),
        (status = 400, description = "invalid_code, invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 404, description = "code_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn stats(
    State(state): State<AppState>,
    PathCode(code): PathCode,
    Query(query): Query<CodeQuery>,
) -> ApiResult<Json<StatsAnswer>> {
    let found = state.referral(&code, query.campaign()?.as_ref()).await?;
    let stats = state
        .database
        .run(async |pool| stats::of_referral(&pool, &found.address).await)
        .await
        .map_err(ApiError::from)?;
    let people = stats.clicks - stats.bot_clicks - stats.suspicious_clicks;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let conversion_rate = (people > 0).then(|| stats.conversions as f64 / people as f64);
    Ok(Json(StatsAnswer {
        code: found.code,
        referral: found.address,
        clicks: ClickStats {
            total: stats.clicks,
            unique: stats.unique_visitors,
            bots: stats.bot_clicks,
            suspicious: stats.suspicious_clicks,
        },
        conversions: ConversionStats {
            total: stats.conversions,
            finalized: stats.conversions_finalized,
        },
        rewards: RewardStats {
            paid: stats.rewards_paid.to_string(),
            pending: stats.rewards_pending.to_string(),
            uncertain: stats.uncertain,
        },
        conversion_rate,
        as_of_slot: stats.as_of_slot,
    }))
}
