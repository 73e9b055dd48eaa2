//! The builders of sharing: registering a code, and converting by it.

use axum::{Json, extract::State};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use solana_sdk::instruction::Instruction;
use utoipa::ToSchema;
use vouch_client::{
    Code, ProgramError, Pubkey,
    accounts::Action,
    instructions::{self, Convert, CreateReferral, Evidence, Offer},
    pda, token, voucher,
};
use vouch_db::api::codes;

use super::{Built, Payers, Plan, target};
use crate::{
    chain::{Checked, VoucherTimes},
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract,
    limits::Meter,
    schemas,
    state::AppState,
    types::{self, Address, Amount},
};

/// Characters of a generated code. There are 31^8 such codes, about 850 thousand million.
const GENERATED: usize = 8;
/// Number of generated codes to choose a free one from.
const CANDIDATES: usize = 5;

/// A code to register, and its owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateReferralRequest {
    /// Address of the campaign.
    #[schema(value_type = schemas::Address)]
    campaign: String,
    /// The referrer's wallet; signs.
    #[schema(value_type = schemas::Address)]
    owner: String,
    /// 6 to 12 characters of A-Z and 2-9 without O, I and L, in either case; without
    /// it one is generated.
    #[schema(value_type = Option<schemas::Code>)]
    code: Option<String>,
    /// Pays fee and rent, and signs; the owner when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
    /// Pays the fee: payer (when absent), sponsor, or sponsor_with_rent, which also pays the rent, and for
    /// no token account.
    #[schema(pattern = "^(payer|sponsor|sponsor_with_rent)$")]
    fee_payer: Option<String>,
    /// The campaign's attestor, where codes need one; signs.
    #[schema(value_type = Option<schemas::Address>)]
    attestor: Option<String>,
}

/// A transaction that registers a code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreateReferralAnswer {
    #[serde(flatten)]
    built: Built,
    code: String,
    /// Address that the referral will have.
    referral: String,
    share_url: String,
}

/// Build a transaction that registers a code
///
/// Refuses what the program would refuse. Where rewards are tokens, it also creates the
/// owner's associated token account, and where the campaign counts per owner, the owner's
/// account there, when they are missing; the payer pays for them.
#[utoipa::path(post, path = "/v1/transactions/create-referral", tag = "transactions",
    request_body = CreateReferralRequest,
    responses(
        (status = 200, body = CreateReferralAnswer),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, invalid_code, conflicting_fields", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "code_taken, campaign_closed, sponsor_off", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "attestation_required, wrong_attestor, transaction_would_fail, not_sponsored", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests, sponsor_limit_reached", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable, database_unavailable, sponsor_balance_low", body = ErrorEnvelope),
    ))]
pub(crate) async fn create_referral(
    State(state): State<AppState>,
    meter: Meter,
    extract::Json(request): extract::Json<CreateReferralRequest>,
) -> ApiResult<Json<CreateReferralAnswer>> {
    let Address(campaign) = request.campaign.parse()?;
    let Address(owner) = request.owner.parse()?;
    let wanted = request.code.as_deref().map(types::code).transpose()?;
    let (fee, payer) = (request.fee_payer.as_deref(), request.payer.as_deref());
    let payers = Payers::of(&state, fee, payer, owner)?;
    let payer = payers.payer;
    let attestor = request
        .attestor
        .as_deref()
        .map(|text| text.parse().map(|Address(wallet)| wallet))
        .transpose()?;
    meter.code(&state.limits, &owner.to_string()).await?;

    let (candidates, used) = match wanted {
        Some(code) => {
            let candidates = vec![code];
            let used = used(&state, &candidates).await?;
            (candidates, used)
        }
        None => {
            let all: Vec<Code> = (0..CANDIDATES).map(|_| generate()).collect();
            let used = used(&state, &all).await?;
            // Choose a code that is free in every campaign, so that its short link will
            // be its own.
            let free = all
                .into_iter()
                .filter(|code| !used.contains(&code.to_string()))
                .collect();
            (free, used)
        }
    };
    let asked = |code: &Code| CreateReferral {
        attestor,
        ..CreateReferral::new(&payer, &owner, &campaign, code)
    };
    let first = candidates.first().ok_or(ProgramError::CodeTaken)?;
    let asked_first = asked(first);
    let free = state
        .chain
        .check_create_referral(&asked_first, &candidates)
        .await?;
    let code = free.code;
    let per_owner = free.campaign.per_owner;
    let mut steps = Vec::new();
    if per_owner && !free.owner_registered {
        steps.push(instructions::register_referrer(&payer, &owner, &campaign));
    }
    steps.push(instructions::create_referral(&CreateReferral {
        per_owner,
        ..asked(&code)
    }));
    if let (Some(mint), Some(payer)) = (free.campaign.reward_mint(), payers.of_tokens) {
        let program = &free.campaign.token_program;
        let account = token::create_associated_token(&payer, &owner, &mint, program);
        steps.push(account);
    }
    let owns_short_link = !used.contains(&code.to_string());
    let mut plan = Plan::new(payer, steps).paid_by(&payers);
    plan.mints.extend(free.campaign.reward_mint());
    Ok(Json(CreateReferralAnswer {
        built: plan.build(&state).await?,
        code: code.to_string(),
        referral: pda::referral(&campaign, &code).to_string(),
        share_url: state
            .links
            .share(code.as_str(), &campaign.to_string(), owns_short_link),
    }))
}

/// Those of `codes` that are registered in any campaign.
async fn used(state: &AppState, codes: &[Code]) -> ApiResult<Vec<String>> {
    let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
    Ok(state
        .database
        .run(async |pool| codes::in_use(&pool, &codes).await)
        .await?)
}

fn generate() -> Code {
    let mut random = rand::thread_rng();
    let text: Vec<u8> = (0..GENERATED)
        .filter_map(|_| Code::ALPHABET.choose(&mut random).copied())
        .collect();
    Code::from_bytes(&text).expect("eight characters of the alphabet are a code")
}

/// A wallet, and the code that referred it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConvertRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// The wallet that was referred; signs.
    #[schema(value_type = schemas::Address)]
    referee: String,
    /// Pays fee and rent, and signs; the referee when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
    /// Pays the fee: payer (when absent), sponsor, or sponsor_with_rent, which also pays the rent, and for
    /// no token account.
    #[schema(pattern = "^(payer|sponsor|sponsor_with_rent)$")]
    fee_payer: Option<String>,
    /// signup (when absent), mint, purchase, booking, enrollment, loan, rental,
    /// subscription or custom.
    #[schema(
        pattern = "^(signup|mint|purchase|booking|enrollment|loan|rental|subscription|custom)$"
    )]
    action: Option<String>,
    /// The worth of the action, as a decimal string; 0 when absent.
    #[schema(value_type = Option<Amount>)]
    amount: Option<String>,
    /// The campaign's own reference: 64 hexadecimal digits.
    #[schema(value_type = Option<schemas::Hash>)]
    reference: Option<String>,
    /// The attestor's word, in campaigns that need it.
    voucher: Option<VoucherRequest>,
    /// Whether an Action asks: it binds a wallet that no code has brought yet before it converts, and its
    /// transaction has no version.
    #[serde(skip)]
    is_action: bool,
}

impl ConvertRequest {
    /// A sign-up of `referee`, who pays for it, and is bound to the code before where the campaign needs a binding.
    pub(crate) fn signup(code: &Code, campaign: Option<&Address>, referee: &Address) -> Self {
        Self {
            code: code.to_string(),
            campaign: campaign.map(ToString::to_string),
            referee: referee.to_string(),
            payer: None,
            fee_payer: None,
            action: None,
            amount: None,
            reference: None,
            voucher: None,
            is_action: true,
        }
    }
}

/// The attestor's signature for exactly this conversion.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoucherRequest {
    /// The attestor's Ed25519 signature, in base58.
    #[schema(value_type = schemas::Signature)]
    signature: String,
    /// Unix seconds of the attestor's statement, as they were signed.
    issued_at: i64,
    /// Unix seconds before which it can be used, as they were signed: at most 30 days later.
    expires_at: i64,
}

/// A transaction that records a conversion and pays for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConvertAnswer {
    #[serde(flatten)]
    pub(crate) built: Built,
    /// Address that the conversion will have.
    pub(crate) conversion: String,
    pub(crate) referral: String,
    code: String,
    pub(crate) reward: Reward,
}

/// The reward of the conversion, in base units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reward {
    pub(crate) referrer: Amount,
    pub(crate) referee: Amount,
    pub(crate) partner: Amount,
}

/// Build a transaction that records a conversion and pays for it
///
/// Refuses what the program would refuse. It also creates the referee's associated token
/// account when it is missing and the referee is paid at once; the payer pays for it. If it
/// does not fit into the transaction it is left out: that part of the reward then waits to
/// be claimed.
///
/// A campaign that asks for its attestor's word needs a `voucher`.
#[utoipa::path(post, path = "/v1/transactions/convert", tag = "transactions",
    request_body = ConvertRequest,
    responses(
        (status = 200, body = ConvertAnswer),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, invalid_code, invalid_action, invalid_amount, invalid_reference, invalid_signature, conflicting_fields", body = ErrorEnvelope),
        (status = 404, description = "code_not_found, campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "already_converted, campaign_closed, campaign_paused, campaign_not_started, campaign_ended, code_inactive, code_expired, usage_limit_reached, payment_required, binding_not_found, not_bound, binding_expired, bound_elsewhere, owner_limit_reached, referrer_not_found, budget_exhausted, vault_exhausted, sponsor_off", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "self_referral, amount_too_small, missing_reference, attestation_required, invalid_voucher, voucher_expired, voucher_revoked, credential_required, credential_expired, transaction_too_large, transaction_would_fail, not_sponsored", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests, sponsor_limit_reached", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable, database_unavailable, sponsor_balance_low", body = ErrorEnvelope),
    ))]
pub(crate) async fn convert(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<ConvertRequest>,
) -> ApiResult<Json<ConvertAnswer>> {
    let (answer, _) = build_convert(&state, request).await?;
    Ok(Json(answer))
}

/// The conversion's transaction, and what the chain has said for it.
///
/// # Errors
/// Those of [`convert`].
pub(crate) async fn build_convert(
    state: &AppState,
    request: ConvertRequest,
) -> ApiResult<(ConvertAnswer, Checked)> {
    let code = types::code(&request.code)?;
    let campaign: Option<Address> = request.campaign.as_deref().map(str::parse).transpose()?;
    let Address(referee) = request.referee.parse()?;
    let (fee, payer) = (request.fee_payer.as_deref(), request.payer.as_deref());
    let payers = Payers::of(state, fee, payer, referee)?;
    let payer = payers.payer;
    let action = request
        .action
        .as_deref()
        .map_or(Ok(Action::Signup), types::action)?;
    let Amount(amount) = request
        .amount
        .as_deref()
        .map_or(Ok(Amount(0)), str::parse)?;
    let reference = request
        .reference
        .as_deref()
        .map_or(Ok([0; 32]), types::reference)?;

    let signed = request
        .voucher
        .map(|voucher| {
            let times = VoucherTimes {
                issued_at: voucher.issued_at,
                expires_at: voucher.expires_at,
            };
            types::signature(&voucher.signature).map(|signature| (signature, times))
        })
        .transpose()?;

    let campaign = target(state, &code, campaign).await?;
    let args = Convert {
        payer,
        referee,
        action,
        amount,
        reference,
        evidence: Evidence::None,
    };
    let times = signed.map(|(_, times)| times);
    let checked = state
        .chain
        .check_convert(&campaign, &code, &args, times, request.is_action)
        .await?;
    let offer = Offer::at(campaign, &checked.campaign, &checked.referral, checked.now)
        .map_err(|error| ApiError::internal().because(error))?;
    let mut steps = Vec::new();
    if let Some(bind) = &checked.bind {
        steps.push(instructions::bind(bind));
    }
    if let (Some((signature, _)), Some(message)) = (signed, checked.message) {
        let attestor = checked.campaign.settings.attestor;
        if !signature.verify(attestor.as_ref(), &message) {
            return Err(ProgramError::InvalidVoucher.into());
        }
        steps.push(voucher::instruction(
            &attestor,
            signature.as_array(),
            &message,
        ));
    }
    // `convert` must directly follow the voucher.
    steps.push(instructions::convert(&offer, &checked.args));
    let plan = Plan {
        optional: (payers.of_tokens).and_then(|payer| receiver(&checked, &payer)),
        is_legacy: request.is_action,
        ..Plan::new(payer, steps).paid_by(&payers)
    };
    let answer = ConvertAnswer {
        built: plan.build(state).await?,
        conversion: checked.conversion.to_string(),
        referral: offer.referral_address.to_string(),
        code: code.to_string(),
        reward: Reward {
            referrer: Amount(checked.reward.referrer),
            referee: Amount(checked.reward.referee),
            partner: Amount(checked.reward.partner),
        },
    };
    Ok((answer, checked))
}

/// The instruction that creates the referee's token account, if the referee is paid at
/// once. The payer of a conversion pays for no other account: the owner's was created
/// with the code, and the partner's when the partner agreed.
fn receiver(checked: &Checked, payer: &Pubkey) -> Option<Instruction> {
    let Checked { campaign, args, .. } = checked;
    let at_once = campaign.in_force(checked.now).hold_seconds == 0;
    let mint = campaign
        .reward_mint()
        .filter(|_| at_once && checked.reward.referee > 0)?;
    let (referee, program) = (&args.referee, &campaign.token_program);
    Some(token::create_associated_token(
        payer, referee, &mint, program,
    ))
}
