//! Builders for a wallet that was referred, besides converting.

use serde::Deserialize;
use utoipa::ToSchema;
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{Action, Binding, Proof, Referral},
    instructions::{self, Bind, Offer, Purchase},
    pda, preflight, token,
};

use super::{Act, Payers, Plan, address, amount, named};
use crate::{
    error::{ApiError, ApiResult},
    schemas,
    state::AppState,
    types::{self, Amount},
};

/// A wallet to bind.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BindRequest {
    /// The code that brought the wallet, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// The wallet; signs.
    #[schema(value_type = schemas::Address)]
    wallet: String,
    /// Pays fee and rent, and signs; the wallet when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
    /// Pays the fee: payer (when absent), sponsor, or sponsor_with_rent, which also pays the rent, and for
    /// no token account.
    #[schema(pattern = "^(payer|sponsor|sponsor_with_rent)$")]
    fee_payer: Option<String>,
}

impl Act for BindRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let wallet = address(&self.wallet, "wallet")?;
        let (fee, payer) = (self.fee_payer.as_deref(), self.payer.as_deref());
        let payers = Payers::of(state, fee, payer, wallet)?;
        let payer = payers.payer;
        let (code, at) = named(state, &self.code, self.campaign.as_deref()).await?;
        let (campaign, referral, seen) = state.chain.code(&at, &code).await?;
        if wallet == referral.owner || referral.partner() == Some(wallet) {
            return Err(ProgramError::SelfReferral.into());
        }
        if campaign.in_force(seen.now).attribution_window == 0 {
            return Err(ProgramError::BindingNotNeeded.into());
        }
        preflight::check_open(&campaign, seen.now)?;
        preflight::check_earning(&referral, seen.now)?;
        let binding = pda::binding(&at, &wallet);
        let seen = state.chain.see(&[binding]).await?;
        let bound = seen.read::<Binding>(&binding)?;
        let bound = match bound.filter(|bound| seen.now < bound.expires_at) {
            None => None,
            Some(bound) => {
                // The program looks whether that code can still earn.
                let seen = state.chain.see(&[bound.referral]).await?;
                let lost = seen.read::<Referral>(&bound.referral)?;
                let owner = lost.filter(|_| campaign.per_owner).map(|it| it.owner);
                Some((
                    bound.referral,
                    owner.map(|owner| pda::referrer(&at, &owner)),
                ))
            }
        };
        let step = instructions::bind(&Bind {
            payer,
            wallet,
            campaign: at,
            code,
            bound,
        });
        Ok(Plan::new(payer, vec![step]).paid_by(&payers))
    }
}

/// A purchase.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurchaseRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// The wallet that was referred and pays; signs.
    #[schema(value_type = schemas::Address)]
    buyer: String,
    /// Pays fee and rent, and signs; the buyer when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
    /// Pays the fee: payer (when absent), sponsor, or sponsor_with_rent, which also pays the rent, and for
    /// no token account.
    #[schema(pattern = "^(payer|sponsor|sponsor_with_rent)$")]
    fee_payer: Option<String>,
    /// purchase (when absent), or another action.
    #[schema(
        pattern = "^(signup|mint|purchase|booking|enrollment|loan|rental|subscription|custom)$"
    )]
    action: Option<String>,
    /// The price in base units of the payment token, before any discount, as a decimal string.
    #[schema(value_type = Amount)]
    amount: String,
    /// The most that the buyer agrees to pay; the price when absent.
    #[schema(value_type = Option<Amount>)]
    max_payment: Option<String>,
    /// The seller's own reference: 64 hexadecimal digits.
    #[schema(value_type = Option<schemas::Hash>)]
    reference: Option<String>,
    /// The buyer's token account that pays; the associated one when absent.
    #[schema(value_type = Option<schemas::Address>)]
    source: Option<String>,
}

impl Act for PurchaseRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let buyer = address(&self.buyer, "buyer")?;
        let (fee, payer) = (self.fee_payer.as_deref(), self.payer.as_deref());
        let payers = Payers::of(state, fee, payer, buyer)?;
        let payer = payers.payer;
        let price = amount(&self.amount, "amount")?;
        let max_payment = self.max_payment.as_deref();
        let max_payment = max_payment.map_or(Ok(price), |text| amount(text, "max_payment"))?;
        let action = self.action.as_deref();
        let action = action.map_or(Ok(Action::Purchase), types::action)?;
        let reference = self.reference.as_deref();
        let reference = reference.map_or(Ok([0; 32]), types::reference)?;
        let source = self.source.as_deref();
        let source = source.map(|text| address(text, "source")).transpose()?;
        let (code, at) = named(state, &self.code, self.campaign.as_deref()).await?;
        let (campaign, referral, seen) = state.chain.code(&at, &code).await?;
        if campaign.proof != Proof::Payment {
            return Err(ProgramError::PaymentNotAccepted.into());
        }
        let offer = Offer::at(at, &campaign, &referral, seen.now)
            .map_err(|error| ApiError::internal().because(error))?;
        let args = Purchase {
            payer,
            action,
            max_payment,
            payment_token_program: payment_program(state, &campaign.payment_mint).await?,
            payment_source: source,
            ..Purchase::new(&buyer, price, reference)
        };
        let conversion = offer.conversion(&buyer, &reference);
        let seen = state.chain.see(&[conversion]).await?;
        if seen.get(&conversion).is_some_and(|it| !it.data.is_empty()) {
            return Err(ProgramError::AlreadyConverted.into());
        }
        let at_once = offer.settings().hold_seconds == 0 && offer.settings().pays_referee();
        let receiver = campaign
            .reward_mint()
            .filter(|_| at_once && campaign.mint != campaign.payment_mint)
            .zip(payers.of_tokens)
            .map(|(mint, payer)| {
                token::create_associated_token(&payer, &buyer, &mint, &campaign.token_program)
            });
        Ok(Plan {
            optional: receiver,
            ..Plan::new(payer, vec![instructions::purchase(&offer, &args)]).paid_by(&payers)
        })
    }
}

/// The program of the token that buyers pay with; anything for SOL.
async fn payment_program(state: &AppState, mint: &Pubkey) -> ApiResult<Pubkey> {
    if *mint == Pubkey::default() {
        return Ok(token::TOKEN_PROGRAM_ID);
    }
    let seen = state.chain.see(&[*mint]).await?;
    Ok(seen
        .get(mint)
        .map_or(token::TOKEN_PROGRAM_ID, |account| account.owner))
}
