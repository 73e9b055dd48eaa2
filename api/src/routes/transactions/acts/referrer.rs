//! Builders for a code's owner, and for its partner.

use serde::Deserialize;
use utoipa::ToSchema;
use vouch_client::{ProgramError, Pubkey, Share, instructions, pda, token};

use super::{Act, Plan, address, address_or, amount, exists, named};
use crate::{
    error::{ApiError, ApiResult},
    routes::transactions::settings::{expiry, small},
    schemas,
    state::AppState,
    types::Amount,
};

/// A code to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateReferralRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// Whether it earns.
    active: Option<bool>,
    /// Most conversions that it may ever have, as a decimal string; 0 for no limit.
    #[schema(value_type = Option<Amount>)]
    usage_limit: Option<String>,
    /// RFC 3339, or never.
    #[schema(value_type = Option<schemas::EndTime>)]
    expires_at: Option<String>,
    /// Pays the fee, and signs; the owner when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for UpdateReferralRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (code, at) = named(state, &self.code, self.campaign.as_deref()).await?;
        let (_, referral, seen) = state.chain.code(&at, &code).await?;
        let payer = address_or(self.payer.as_deref(), referral.owner, "payer")?;
        let limit = self.usage_limit.as_deref();
        let limit = limit.map_or(Ok(referral.usage_limit), |text| amount(text, "usage_limit"))?;
        if limit != 0 && limit < referral.conversions {
            return Err(ProgramError::InvalidUsageLimit.into());
        }
        let expires_at = self.expires_at.as_deref();
        let expires_at =
            expires_at.map_or(Ok(referral.expires_at), |text| expiry(text, "expires_at"))?;
        let is_new = expires_at != 0 && expires_at != referral.expires_at;
        if is_new && expires_at <= seen.now {
            return Err(ProgramError::InvalidExpiry.into());
        }
        let step = instructions::update_referral(
            &referral.owner,
            &pda::referral(&at, &code),
            self.active.unwrap_or(referral.active),
            limit,
            expires_at,
        );
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A partner for a code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPartnerRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// The wallet that gets a part; signs.
    #[schema(value_type = schemas::Address)]
    partner: String,
    /// Basis points of each reward. Either this or `fixed`.
    #[schema(minimum = 0, maximum = 65535)]
    share_bps: Option<i64>,
    /// Base units of each reward, as a decimal string.
    #[schema(value_type = Option<Amount>)]
    fixed: Option<String>,
    /// Pays fee and rent, and signs; the partner when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for SetPartnerRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let partner = address(&self.partner, "partner")?;
        let payer = address_or(self.payer.as_deref(), partner, "payer")?;
        let share = match (self.share_bps, &self.fixed) {
            (Some(bps), None) => Share {
                bps: small(bps, u32::from(u16::MAX), "share_bps")?,
                fixed: 0,
            },
            (None, Some(fixed)) => Share {
                bps: 0,
                fixed: amount(fixed, "fixed")?,
            },
            _ => {
                return Err(ApiError::conflicting_fields()
                    .saying("send share_bps or fixed")
                    .of_field("share_bps"));
            }
        };
        let (code, at) = named(state, &self.code, self.campaign.as_deref()).await?;
        let (campaign, referral, seen) = state.chain.code(&at, &code).await?;
        let most = campaign.reward_rule(seen.now).max_partner;
        if share.is_none() || share.at_most(&most) != share || partner == referral.owner {
            return Err(ProgramError::InvalidPartner.into());
        }
        let mut steps = Vec::new();
        if let Some(mint) = campaign.reward_mint() {
            let program = &campaign.token_program;
            let create = token::create_associated_token(&payer, &partner, &mint, program);
            steps.push(create);
        }
        let at_code = pda::referral(&at, &code);
        let step = instructions::set_partner(&referral.owner, &partner, &at, &at_code, share);
        steps.push(step);
        Ok(Plan {
            mints: campaign.reward_mint().into_iter().collect(),
            ..Plan::new(payer, steps)
        })
    }
}

/// A partnership to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndPartnershipRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// Whether the partner ends it, and signs; otherwise the owner.
    by_partner: bool,
    /// Pays the fee, and signs; who ends it when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for EndPartnershipRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (code, at) = named(state, &self.code, self.campaign.as_deref()).await?;
        let (_, referral, _) = state.chain.code(&at, &code).await?;
        let partner = referral.partner().ok_or_else(ApiError::no_partner)?;
        let party = if self.by_partner {
            partner
        } else {
            referral.owner
        };
        let payer = address_or(self.payer.as_deref(), party, "payer")?;
        let step = instructions::end_partnership(&party, &pda::referral(&at, &code));
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A code to offer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProposeOwnerRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// The wallet that may take it over; absent to withdraw the offer.
    #[schema(value_type = Option<schemas::Address>)]
    new_owner: Option<String>,
    /// Pays the fee, and signs; the owner when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for ProposeOwnerRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (code, at) = named(state, &self.code, self.campaign.as_deref()).await?;
        let (_, referral, _) = state.chain.code(&at, &code).await?;
        let payer = address_or(self.payer.as_deref(), referral.owner, "payer")?;
        let new = self.new_owner.as_deref();
        let new = new.map(|text| address(text, "new_owner")).transpose()?;
        let at_code = pda::referral(&at, &code);
        let step = instructions::propose_owner(&referral.owner, &at_code, new.as_ref());
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A code to take over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptOwnerRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// Pays fee and rent, and signs; the new owner when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for AcceptOwnerRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (code, at) = named(state, &self.code, self.campaign.as_deref()).await?;
        let (campaign, referral, _) = state.chain.code(&at, &code).await?;
        let new = referral.pending_owner;
        if new == Pubkey::default() {
            return Err(ApiError::no_offer());
        }
        let payer = address_or(self.payer.as_deref(), new, "payer")?;
        let mut steps = Vec::new();
        let referrer = pda::referrer(&at, &new);
        let seen = state.chain.see(&[referrer]).await?;
        if campaign.per_owner && !exists(&seen, &referrer) {
            steps.push(instructions::register_referrer(&payer, &new, &at));
        }
        if let Some(mint) = campaign.reward_mint() {
            let program = &campaign.token_program;
            steps.push(token::create_associated_token(&payer, &new, &mint, program));
        }
        let at_code = pda::referral(&at, &code);
        let step = instructions::accept_owner(&new, &at, &at_code, campaign.per_owner);
        steps.push(step);
        Ok(Plan {
            mints: campaign.reward_mint().into_iter().collect(),
            ..Plan::new(payer, steps)
        })
    }
}

/// A code to close.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseReferralRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// Pays the fee, and signs; the owner when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for CloseReferralRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (code, at) = named(state, &self.code, self.campaign.as_deref()).await?;
        let (_, referral, _) = state.chain.code(&at, &code).await?;
        if referral.open_conversions != 0 {
            return Err(ProgramError::RewardsPending.into());
        }
        let payer = address_or(self.payer.as_deref(), referral.owner, "payer")?;
        let step = instructions::close_referral(
            &referral.owner,
            &pda::referral(&at, &code),
            &referral.rent_payer,
        );
        Ok(Plan::new(payer, vec![step]))
    }
}
