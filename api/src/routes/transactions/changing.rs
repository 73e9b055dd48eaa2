//! The builder that changes a campaign's settings.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vouch_client::{
    ProgramError,
    accounts::{Campaign, Proof, RewardKind},
    instructions, token,
};

use super::{
    Built, Plan, Warning, WarningCode, address, address_or, amount,
    previews::{Paying, Preview, SOL_DECIMALS, Tokens, previewed, warning},
    settings::{SettingsAnswer, SettingsInput},
};
use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract, schemas,
    state::AppState,
    types::{Amount, timestamp},
};

/// A change of a campaign's settings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateCampaignRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// The settings that change. The rest stays as it was announced last, or is in force.
    settings: SettingsInput,
    /// Pays the fee, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
    /// Amount of the conversion in the preview.
    #[schema(value_type = Option<Amount>)]
    example_amount: Option<String>,
}

/// A transaction that changes a campaign's settings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UpdateCampaignAnswer {
    #[serde(flatten)]
    built: Built,
    /// Whether the change cuts something, so that it waits for the campaign's notice. Budget, attestor,
    /// attested_codes and treasury change at once nevertheless.
    is_cut: bool,
    /// RFC 3339: from when the settings hold, if the transaction is sent now.
    in_force_from: Option<String>,
    settings: SettingsAnswer,
    preview: Preview,
}

/// Build a transaction that changes a campaign's settings
///
/// The campaign's authority signs. Raises hold at once, cuts after the campaign's notice.
#[utoipa::path(post, path = "/v1/transactions/update-campaign", tag = "transactions",
    request_body = UpdateCampaignRequest,
    responses(
        (status = 200, body = UpdateCampaignAnswer),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, invalid_amount, invalid_time, conflicting_fields", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "campaign_closed", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "invalid_reward, invalid_shares, invalid_tiers, invalid_bonuses, invalid_hold, invalid_attribution_window, invalid_schedule, invalid_owner_limit, invalid_gate, invalid_budget, invalid_attestor, invalid_treasury, too_many_bonuses, unsupported_mint, transaction_would_fail", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn update_campaign(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<UpdateCampaignRequest>,
) -> ApiResult<Json<UpdateCampaignAnswer>> {
    let at = address(&request.campaign, "campaign")?;
    let payer = request.payer.as_deref();
    let example = request.example_amount.as_deref();
    let example = example
        .map(|text| amount(text, "example_amount"))
        .transpose()?;
    let (campaign, seen) = state.chain.campaign(&at, &[]).await?;
    if campaign.closed {
        return Err(ProgramError::CampaignClosed.into());
    }
    let now = seen.now;
    let base = campaign.announced(now).map(|(_, settings)| settings);
    let base = base.unwrap_or_else(|| campaign.in_force(now));
    let settings = request.settings.apply(*base)?;
    if settings.reward_kind == RewardKind::Percent && settings.reward_max == 0 {
        let message = "a reward that becomes a percentage needs a maximum";
        return Err(ApiError::missing_field()
            .saying(message)
            .of_field("settings.reward.max"));
    }
    let from = campaign.in_force_from(&settings, now);
    let tokens = tokens(&state, &campaign).await?;
    let preview = previewed(campaign.terms(), &settings, tokens, example)?;
    let update = instructions::update_campaign(&campaign.authority, &at, &settings);
    let mut plan = Plan::new(
        address_or(payer, campaign.authority, "payer")?,
        vec![update],
    );
    plan.warnings.extend(warning(campaign.terms(), &preview));
    if let Some((old, _)) = campaign.announced(now)
        && from > old
    {
        let at = |time| timestamp(time).unwrap_or_default();
        let message = format!(
            "the cut that was announced for {} is replaced, so its notice starts again: {}",
            at(old),
            at(from)
        );
        plan.warnings
            .push(Warning::new(WarningCode::AnnouncedCutRestarts, message));
    }
    Ok(Json(UpdateCampaignAnswer {
        built: plan.build(&state).await?,
        is_cut: from != now,
        in_force_from: timestamp(from),
        settings: (&settings).into(),
        preview,
    }))
}

/// The tokens of a campaign's rewards and payments.
async fn tokens(state: &AppState, campaign: &Campaign) -> ApiResult<Tokens> {
    let reward_decimals = if campaign.rewards_are_sol() {
        SOL_DECIMALS
    } else {
        campaign.mint_decimals
    };
    let same = campaign.pays_in_rewards();
    let payment = if campaign.proof != Proof::Payment {
        None
    } else if campaign.payments_are_sol() {
        Some(Paying::new(None, SOL_DECIMALS))
    } else {
        let mint = campaign.payment_mint;
        let decimals = if same {
            reward_decimals
        } else {
            let seen = state.chain.see(&[mint]).await?;
            let found = seen
                .get(&mint)
                .and_then(|account| token::mint(&account.data));
            found.ok_or(ProgramError::UnsupportedMint)?.decimals
        };
        Some(Paying::new(Some(&mint), decimals))
    };
    Ok(Tokens {
        reward_mint: campaign.reward_mint(),
        reward_decimals,
        payment,
        same,
    })
}
