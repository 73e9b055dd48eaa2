//! Builders for a campaign's authority and attestor, and for funders of its vault.

use serde::Deserialize;
use utoipa::ToSchema;
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{Campaign, Conversion, Funding, Referral, Status},
    delegation,
    instructions::{self, Offer},
    pda, token,
};

use super::{Act, Plan, address, address_or, amount, named};
use crate::{
    error::{ApiError, ApiResult},
    routes::transactions::settings::expiry,
    schemas,
    state::AppState,
    types::{self, Amount},
};

/// A campaign to pause or resume.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPausedRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// Whether conversions are refused from now on.
    paused: bool,
    /// Pays the fee, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

/// The campaign and its address, and the payer: the authority unless `payer` is named.
async fn by_authority(
    state: &AppState,
    campaign: &str,
    payer: Option<&str>,
) -> ApiResult<(Pubkey, Campaign, Pubkey)> {
    let at = address(campaign, "campaign")?;
    let (campaign, _) = state.chain.campaign(&at, &[]).await?;
    let payer = address_or(payer, campaign.authority, "payer")?;
    Ok((at, campaign, payer))
}

fn must_be_open(campaign: &Campaign) -> ApiResult<()> {
    if campaign.closed {
        return Err(ProgramError::CampaignClosed.into());
    }
    Ok(())
}

impl Act for SetPausedRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (at, campaign, payer) =
            by_authority(state, &self.campaign, self.payer.as_deref()).await?;
        must_be_open(&campaign)?;
        let step = instructions::set_paused(&campaign.authority, &at, self.paused);
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A vault to fund.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FundVaultRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// The wallet that gives the tokens; signs.
    #[schema(value_type = schemas::Address)]
    funder: String,
    /// Base units, as a decimal string.
    #[schema(value_type = Amount)]
    amount: String,
    /// Token account of the funder; the associated one when absent.
    #[schema(value_type = Option<schemas::Address>)]
    source: Option<String>,
    /// Pays the fee, and signs; the funder when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for FundVaultRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let at = address(&self.campaign, "campaign")?;
        let funder = address(&self.funder, "funder")?;
        let payer = address_or(self.payer.as_deref(), funder, "payer")?;
        let units = amount(&self.amount, "amount")?;
        let (campaign, _) = state.chain.campaign(&at, &[]).await?;
        must_be_open(&campaign)?;
        if campaign.funding != Funding::Vault {
            return Err(ProgramError::NoVault.into());
        }
        let own = campaign.reward_account(&funder);
        let source = address_or(self.source.as_deref(), own, "source")?;
        let seen = state.chain.see(&[source]).await?;
        let account = seen.get(&source);
        let balance = account.and_then(|account| token::balance(&account.data));
        if balance.is_none_or(|balance| balance < units) {
            let message = format!(
                "the token account {source} holds {} base units: add some first",
                balance.unwrap_or(0)
            );
            return Err(ApiError::insufficient_tokens().saying(message));
        }
        let step = instructions::fund_vault(&funder, &at, &campaign, &source, units);
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A vault to withdraw from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithdrawVaultRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// Base units, as a decimal string.
    #[schema(value_type = Amount)]
    amount: String,
    /// Token account that receives them; the authority's associated one, which is created, when absent.
    #[schema(value_type = Option<schemas::Address>)]
    destination: Option<String>,
    /// Pays fee and rent, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for WithdrawVaultRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (at, campaign, payer) =
            by_authority(state, &self.campaign, self.payer.as_deref()).await?;
        let units = amount(&self.amount, "amount")?;
        let vault = campaign.vault().ok_or(ProgramError::NoVault)?;
        let own = campaign.reward_account(&campaign.authority);
        let destination = address_or(self.destination.as_deref(), own, "destination")?;
        let seen = state.chain.see(&[vault]).await?;
        let balance = seen.get(&vault).and_then(|it| token::balance(&it.data));
        let free = balance.unwrap_or(0).saturating_sub(campaign.owed);
        if units > free {
            let message = format!(
                "the vault holds {} base units, of which it owes {}: withdraw at most {free}",
                balance.unwrap_or(0),
                campaign.owed
            );
            return Err(ApiError::from(ProgramError::InsufficientVault).saying(message));
        }
        let mut steps = Vec::new();
        if destination == own {
            let (owner, program) = (&campaign.authority, &campaign.token_program);
            let create = token::create_associated_token(&payer, owner, &campaign.mint, program);
            steps.push(create);
        }
        steps.push(instructions::withdraw_vault(
            &at,
            &campaign,
            &destination,
            units,
        ));
        Ok(Plan::new(payer, steps))
    }
}

/// A code to suspend.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetSuspendedRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// Whether it stops earning.
    suspended: bool,
    /// Pays the fee, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for SetSuspendedRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (code, at) = named(state, &self.code, self.campaign.as_deref()).await?;
        let (campaign, _, _) = state.chain.code(&at, &code).await?;
        let payer = address_or(self.payer.as_deref(), campaign.authority, "payer")?;
        let referral = pda::referral(&at, &code);
        let step = instructions::set_suspended(&campaign.authority, &at, &referral, self.suspended);
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A conversion to cancel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelConversionRequest {
    /// Address of the conversion.
    #[schema(value_type = schemas::Address)]
    conversion: String,
    /// Pays the fee, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for CancelConversionRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let at = address(&self.conversion, "conversion")?;
        let seen = state.chain.see(&[at]).await?;
        let conversion = seen.read::<Conversion>(&at)?;
        let conversion = conversion.ok_or_else(ApiError::conversion_not_found)?;
        match conversion.status {
            Status::Paid => {
                return Err(ApiError::already_paid()
                    .saying("this reward is paid: a conversion can be cancelled within its hold"));
            }
            Status::Cancelled => return Err(ApiError::conversion_cancelled()),
            Status::Pending => {}
        }
        if seen.now >= conversion.claimable_from() {
            return Err(ProgramError::HoldOver.into());
        }
        let seen = state.chain.see(&[conversion.referral]).await?;
        let referral = seen.read::<Referral>(&conversion.referral)?;
        let referral = referral.ok_or_else(ApiError::campaign_not_found)?;
        let (campaign, seen) = state.chain.campaign(&referral.campaign, &[]).await?;
        let payer = address_or(self.payer.as_deref(), campaign.authority, "payer")?;
        let offer = Offer::at(referral.campaign, &campaign, &referral, seen.now)
            .map_err(|error| ApiError::internal().because(error))?;
        let step = instructions::cancel_conversion(&offer, &at, &conversion);
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A campaign to offer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProposeAuthorityRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// The wallet that may take it over; absent to withdraw the offer.
    #[schema(value_type = Option<schemas::Address>)]
    new_authority: Option<String>,
    /// Pays the fee, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for ProposeAuthorityRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (at, campaign, payer) =
            by_authority(state, &self.campaign, self.payer.as_deref()).await?;
        let new = self.new_authority.as_deref();
        let new = new.map(|text| address(text, "new_authority")).transpose()?;
        let step = instructions::propose_authority(&campaign.authority, &at, new.as_ref());
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A campaign whose authority names a delegate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DelegateRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// The wallet that may act for the authority off chain; absent for nobody.
    #[schema(value_type = Option<schemas::Wallet>)]
    wallet: Option<String>,
    /// Pays the fee, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for DelegateRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (at, campaign, payer) =
            by_authority(state, &self.campaign, self.payer.as_deref()).await?;
        let wallet = self.wallet.as_deref();
        let wallet = wallet.map(|text| address(text, "wallet")).transpose()?;
        if wallet.is_some_and(|wallet| !wallet.is_on_curve()) {
            // It could not sign in.
            return Err(ApiError::not_a_wallet().of_field("wallet"));
        }
        let genesis = state.chain.genesis();
        let genesis = genesis.ok_or_else(ApiError::chain_unavailable)?;
        let wallet = wallet.unwrap_or_default();
        let step = delegation::instruction(&campaign.authority, genesis, &at, &wallet);
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A campaign to take over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptAuthorityRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// Pays the fee, and signs; the new authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for AcceptAuthorityRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let at = address(&self.campaign, "campaign")?;
        let (campaign, _) = state.chain.campaign(&at, &[]).await?;
        let new = campaign.pending_authority;
        if new == Pubkey::default() {
            return Err(ApiError::no_offer());
        }
        let payer = address_or(self.payer.as_deref(), new, "payer")?;
        let step = instructions::accept_authority(&new, &at);
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A campaign to close.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseCampaignRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// The wallet that closes it, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    sender: Option<String>,
    /// Pays the fee, and signs; the sender when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for CloseCampaignRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (at, campaign, _) = by_authority(state, &self.campaign, None).await?;
        must_be_open(&campaign)?;
        let sender = address_or(self.sender.as_deref(), campaign.authority, "sender")?;
        let payer = address_or(self.payer.as_deref(), sender, "payer")?;
        let step = instructions::close_campaign(&sender, &at);
        Ok(Plan::new(payer, vec![step]))
    }
}

/// A campaign that is over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReclaimCampaignRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// Token account that receives the rest of the vault; the authority's associated one, which is
    /// created, when absent.
    #[schema(value_type = Option<schemas::Address>)]
    destination: Option<String>,
    /// Pays fee and rent, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for ReclaimCampaignRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let (at, campaign, payer) =
            by_authority(state, &self.campaign, self.payer.as_deref()).await?;
        if !campaign.closed {
            return Err(ProgramError::CampaignNotClosed.into());
        }
        let own = campaign.reward_account(&campaign.authority);
        let destination = address_or(self.destination.as_deref(), own, "destination")?;
        let mut steps = Vec::new();
        if campaign.pays_from_vault() && destination == own {
            let (owner, program) = (&campaign.authority, &campaign.token_program);
            let create = token::create_associated_token(&payer, owner, &campaign.mint, program);
            steps.push(create);
        }
        let step = instructions::reclaim_campaign(&at, &campaign, Some(&destination));
        steps.push(step);
        Ok(Plan::new(payer, steps))
    }
}

/// A voucher to revoke.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeVoucherRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// SHA-256 of the voucher's message: 64 hexadecimal digits.
    #[schema(value_type = schemas::Hash)]
    digest: String,
    /// RFC 3339: the voucher's own expiry.
    #[schema(value_type = schemas::Time)]
    expires_at: String,
    /// Pays fee and rent, and signs; the attestor when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
}

impl Act for RevokeVoucherRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let digest = types::reference(&self.digest)?;
        let expires_at = expiry(&self.expires_at, "expires_at")?;
        let (at, campaign, _) = by_authority(state, &self.campaign, None).await?;
        let attestor = campaign.settings.attestor;
        if attestor == Pubkey::default() {
            return Err(ProgramError::InvalidAttestor.into());
        }
        let payer = address_or(self.payer.as_deref(), attestor, "payer")?;
        let step = instructions::revoke_voucher(&payer, &attestor, &at, digest, expires_at);
        Ok(Plan::new(payer, vec![step]))
    }
}
