//! Transaction builders: unsigned, for a wallet to sign and send.

use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use solana_sdk::{instruction::Instruction, message::Message, transaction::Transaction};
use utoipa::ToSchema;
use vouch_client::{
    Code, Pubkey,
    accounts::Action,
    instructions::{self, Convert},
    pda, token,
};
use vouch_db::api::codes;

use crate::{
    chain::RecentBlockhash,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract,
    state::AppState,
    types::{self, Address, Amount, WalletAddress},
};

/// Characters of a generated code: 31^8, about 850 thousand million of them.
const GENERATED: usize = 8;
/// Generated codes of which one has to be free.
const CANDIDATES: usize = 5;

/// Who wants which code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateReferralRequest {
    /// Address of the campaign.
    campaign: String,
    /// The referrer's wallet; signs.
    owner: String,
    /// 6 to 12 characters of A-Z and 2-9 without O, I and L, in either case; without
    /// it one is generated.
    code: Option<String>,
    /// Pays fee and rent, and signs; the owner when absent.
    payer: Option<String>,
}

/// A transaction that registers a code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreateReferralAnswer {
    /// The unsigned wire transaction in base64, with room for every signature.
    transaction: String,
    code: String,
    /// Address that the referral will have.
    referral: String,
    share_url: String,
    /// The last block height at which the transaction is accepted.
    last_valid_block_height: u64,
}

/// Build a transaction that registers a code
///
/// Refuses what the program would refuse.
#[utoipa::path(post, path = "/v1/transactions/create-referral", tag = "transactions",
    request_body = CreateReferralRequest,
    responses(
        (status = 200, body = CreateReferralAnswer),
        (status = 400, description = "malformed_json, invalid_address, not_a_wallet, invalid_code", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "code_taken, campaign_closed", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 503, description = "chain_unavailable, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn create_referral(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<CreateReferralRequest>,
) -> ApiResult<Json<CreateReferralAnswer>> {
    let Address(campaign) = request.campaign.parse()?;
    let WalletAddress(owner) = request.owner.parse()?;
    let wanted = request.code.as_deref().map(types::code).transpose()?;
    let payer = wallet_or(request.payer.as_deref(), owner)?;

    let (candidates, used) = match wanted {
        Some(code) => {
            let candidates = vec![code];
            let used = used(&state, &candidates).await?;
            (candidates, used)
        }
        None => {
            let all: Vec<Code> = (0..CANDIDATES).map(|_| generate()).collect();
            let used = used(&state, &all).await?;
            // Free in every campaign, so that its short link will be its own.
            let free = all
                .into_iter()
                .filter(|code| !used.contains(&code.to_string()))
                .collect();
            (free, used)
        }
    };
    let (code, blockhash) = tokio::try_join!(
        state.chain.check_create_referral(&campaign, &candidates),
        state.chain.blockhash()
    )?;
    let create = instructions::create_referral(&payer, &owner, &campaign, &code);
    let owns_short_link = !used.contains(&code.to_string());
    Ok(Json(CreateReferralAnswer {
        transaction: unsigned(&[create], &payer, blockhash)?,
        code: code.to_string(),
        referral: pda::referral(&campaign, &code).0.to_string(),
        share_url: state
            .links
            .share(code.as_str(), &campaign.to_string(), owns_short_link),
        last_valid_block_height: blockhash.last_valid_block_height,
    }))
}

/// Those of `codes` that some campaign uses already.
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

/// Who was referred by which code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConvertRequest {
    /// The code, in either case.
    code: String,
    /// Address of the campaign; without it the oldest referral with the code is meant.
    campaign: Option<String>,
    /// The wallet that was referred; signs.
    referee: String,
    /// Pays fee and rent, and signs; the referee when absent.
    payer: Option<String>,
    /// signup (when absent), mint, purchase, booking, enrollment, loan, rental,
    /// subscription or custom.
    action: Option<String>,
    /// What it was worth, as a decimal string; 0 when absent.
    amount: Option<String>,
    /// The campaign's own reference: 64 hexadecimal digits.
    reference: Option<String>,
}

/// A transaction that records a conversion and pays for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConvertAnswer {
    /// The unsigned wire transaction in base64, with room for every signature.
    transaction: String,
    /// Address that the conversion will have.
    conversion: String,
    referral: String,
    code: String,
    reward: Reward,
    /// The last block height at which the transaction is accepted.
    last_valid_block_height: u64,
}

/// What the conversion pays, in base units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reward {
    referrer: Amount,
}

/// Build a transaction that records a conversion and pays the referrer
///
/// Refuses what the program would refuse. It also creates the referrer's associated
/// token account when that is missing; the payer pays for it.
#[utoipa::path(post, path = "/v1/transactions/convert", tag = "transactions",
    request_body = ConvertRequest,
    responses(
        (status = 200, body = ConvertAnswer),
        (status = 400, description = "malformed_json, invalid_address, not_a_wallet, invalid_code, invalid_action, invalid_amount, invalid_reference", body = ErrorEnvelope),
        (status = 404, description = "code_not_found, campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "already_converted, campaign_closed, campaign_paused, campaign_not_started, campaign_ended, code_inactive, code_expired, usage_limit_reached, token_account_unavailable", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "self_referral", body = ErrorEnvelope),
        (status = 503, description = "chain_unavailable, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn convert(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<ConvertRequest>,
) -> ApiResult<Json<ConvertAnswer>> {
    let code = types::code(&request.code)?;
    let campaign: Option<Address> = request.campaign.as_deref().map(str::parse).transpose()?;
    let WalletAddress(referee) = request.referee.parse()?;
    let payer = wallet_or(request.payer.as_deref(), referee)?;
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

    let (campaign, receiver) = target(&state, &code, campaign).await?;
    let ((found, referral), blockhash) = tokio::try_join!(
        state
            .chain
            .check_convert(&campaign, &code, &referee, receiver),
        state.chain.blockhash()
    )?;
    let create_token =
        token::create_associated_token(&payer, &referral.owner, &found.mint, &found.token_program);
    let convert = instructions::convert(&Convert {
        payer,
        referee,
        campaign,
        mint: found.mint,
        token_program: found.token_program,
        referrer: referral.owner,
        code,
        action,
        amount,
        reference,
    });
    Ok(Json(ConvertAnswer {
        transaction: unsigned(&[create_token, convert], &payer, blockhash)?,
        conversion: pda::conversion(&campaign, &referee).0.to_string(),
        referral: pda::referral(&campaign, &code).0.to_string(),
        code: code.to_string(),
        reward: Reward {
            referrer: Amount(found.reward_fixed),
        },
        last_valid_block_height: blockhash.last_valid_block_height,
    }))
}

/// The campaign that is meant, and the referrer's token account as far as the mirror
/// knows it. A campaign that the caller names needs no mirror.
async fn target(
    state: &AppState,
    code: &Code,
    campaign: Option<Address>,
) -> ApiResult<(Pubkey, Option<Pubkey>)> {
    let known = match (state.find_referral(code, campaign.as_ref()).await, campaign) {
        (Ok(known), _) => known,
        (Err(_), Some(_)) => None,
        (Err(error), None) => return Err(error),
    };
    let receiver = known.as_ref().and_then(|known| {
        let campaign = known.campaign_state.as_ref()?;
        let (owner, mint) = (known.owner.parse().ok()?, campaign.mint.parse().ok()?);
        let token_program = campaign.token_program.parse().ok()?;
        Some(pda::associated_token(&owner, &mint, &token_program).0)
    });
    match (campaign, known) {
        (Some(Address(campaign)), _) => Ok((campaign, receiver)),
        (None, Some(known)) => {
            let Address(campaign) = known.campaign.parse().map_err(|error: ApiError| {
                ApiError::internal().because(anyhow::anyhow!(error.message))
            })?;
            Ok((campaign, receiver))
        }
        (None, None) => Err(ApiError::code_not_found()),
    }
}

fn wallet_or(text: Option<&str>, default: Pubkey) -> ApiResult<Pubkey> {
    text.map_or(Ok(default), |text| {
        text.parse().map(|WalletAddress(wallet)| wallet)
    })
}

/// The wire form of a transaction that nobody has signed: zeros where signatures go.
fn unsigned(
    instructions: &[Instruction],
    payer: &Pubkey,
    blockhash: RecentBlockhash,
) -> ApiResult<String> {
    let message = Message::new_with_blockhash(instructions, Some(payer), &blockhash.hash);
    let wire = bincode::serialize(&Transaction::new_unsigned(message))
        .map_err(|error| ApiError::internal().because(error))?;
    Ok(BASE64.encode(wire))
}
