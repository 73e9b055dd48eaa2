//! `/v1/campaigns/{address}/attestations`: vouchers of a campaign whose attestor's key this service has.

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use solana_sdk::signature::{Signature, Signer as _};
use utoipa::ToSchema;
use vouch_client::{
    Pubkey,
    accounts::Action,
    instructions::{Convert, Evidence},
    pda,
    voucher::{self, Statement},
};
use vouch_db::api::attestations::{self, Attestation, For, Recorded, Rules};

use crate::{
    chain::VoucherTimes,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract,
    rights::{Authority, AuthorityOrKey, WriteAttestations},
    routes::digest::hex,
    schemas,
    state::AppState,
    types::{self, Address, Amount},
};

/// Times that a request is done again because another one for the same order was faster.
const TURNS: usize = 3;

/// The vouchers that a campaign's servers may have signed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttestationRules {
    /// Most vouchers for one wallet on a day (UTC).
    per_wallet_per_day: u32,
    /// Most vouchers on a day (UTC).
    per_day: u32,
    /// The least amount of a conversion, as a decimal string.
    #[schema(value_type = Amount)]
    least_amount: String,
    /// The largest amount of a conversion, as a decimal string.
    #[schema(value_type = Amount)]
    most_amount: String,
    /// Life of a voucher, from 60 to 2592000 seconds.
    #[schema(minimum = 60, maximum = 2592000)]
    valid_seconds: u32,
}

/// A conversion to vouch for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttestationRequest {
    /// The code, in either case.
    #[schema(value_type = schemas::Code)]
    code: String,
    /// The wallet that was referred.
    #[schema(value_type = schemas::Address)]
    referee: String,
    /// signup (when absent), mint, purchase, booking, enrollment, loan, rental,
    /// subscription or custom.
    #[schema(
        pattern = "^(signup|mint|purchase|booking|enrollment|loan|rental|subscription|custom)$"
    )]
    action: Option<String>,
    /// The worth of the action, as a decimal string; 0 when absent.
    #[schema(value_type = Option<Amount>)]
    amount: Option<String>,
    /// The order: 64 hexadecimal digits. Each has one voucher; without it, the wallet has one.
    #[schema(value_type = Option<schemas::Hash>)]
    reference: Option<String>,
}

/// A signed voucher.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttestationAnswer {
    /// As `voucher` of `/v1/transactions/convert`.
    voucher: SignedVoucher,
    /// The attestor that has signed.
    attestor: String,
    /// The 209 bytes that were signed, in base64.
    message: String,
    /// SHA-256 of the message in hexadecimal digits, by which the attestor can revoke it.
    digest: String,
    /// Address of the referral that is credited.
    referral: String,
    /// Whether it was signed before.
    repeated: bool,
}

/// A voucher as the builder of conversions takes it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedVoucher {
    /// The attestor's Ed25519 signature in base58.
    signature: String,
    /// Unix seconds, as they were signed.
    issued_at: i64,
    /// Unix seconds, as they were signed.
    expires_at: i64,
}

/// Set the vouchers that this service signs for a campaign's servers
///
/// Only the campaign's authority can. The rules hold while that wallet is the authority.
#[utoipa::path(put, path = "/v1/campaigns/{address}/attestation-rules", tag = "attestations",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign")),
    request_body = AttestationRules,
    security(("session" = ["campaign_authority"]), ("cookie" = ["campaign_authority"])),
    responses(
        (status = 200, body = AttestationRules),
        (status = 400, description = "invalid_address, malformed_json, missing_field, unknown_field, wrong_type, invalid_amount, invalid_rules", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_campaign_authority, session_required, cross_site_request", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable, mirror_stale", body = ErrorEnvelope),
    ))]
pub(crate) async fn set_rules(
    authority: Authority,
    State(state): State<AppState>,
    extract::Json(request): extract::Json<AttestationRules>,
) -> ApiResult<Json<AttestationRules>> {
    authority.itself()?;
    let amount = |text: &str, field: &str| -> ApiResult<u64> {
        let Amount(amount) = text
            .parse()
            .map_err(|error: ApiError| error.of_field(field))?;
        Ok(amount)
    };
    let rules = Rules {
        per_wallet: request.per_wallet_per_day.into(),
        per_day: request.per_day.into(),
        least_amount: amount(&request.least_amount, "least_amount")?,
        most_amount: amount(&request.most_amount, "most_amount")?,
        valid_seconds: i32::try_from(request.valid_seconds).unwrap_or(i32::MAX),
    };
    for (field, number) in [
        ("per_wallet_per_day", request.per_wallet_per_day),
        ("per_day", request.per_day),
    ] {
        // The document has them as int32.
        if i32::try_from(number).is_err() {
            return Err(ApiError::invalid_rules()
                .saying("at most 2147483647 vouchers")
                .of_field(field));
        }
    }
    if rules.least_amount > rules.most_amount {
        return Err(ApiError::invalid_rules().of_field("most_amount"));
    }
    if !(60..=voucher::MAX_LIFE).contains(&i64::from(rules.valid_seconds)) {
        return Err(ApiError::invalid_rules().of_field("valid_seconds"));
    }
    let Authority {
        campaign, wallet, ..
    } = &authority;
    let set = state
        .database
        .run(async |pool| attestations::set_rules(&pool, campaign, wallet, &rules).await)
        .await?;
    if set {
        Ok(Json(answer(&rules)))
    } else {
        // It was given away meanwhile.
        Err(ApiError::not_campaign_authority())
    }
}

/// Show the vouchers that this service signs for a campaign's servers
#[utoipa::path(get, path = "/v1/campaigns/{address}/attestation-rules", tag = "attestations",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign")),
    security(("session" = ["campaign_authority"]), ("cookie" = ["campaign_authority"])),
    responses(
        (status = 200, body = AttestationRules),
        (status = 400, description = "invalid_address", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_campaign_authority, session_required", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found, no_attestation_rules", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show_rules(
    authority: Authority,
    State(state): State<AppState>,
) -> ApiResult<Json<AttestationRules>> {
    Ok(Json(answer(&rules(&state, &authority.campaign).await?)))
}

fn answer(rules: &Rules) -> AttestationRules {
    let number = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    AttestationRules {
        per_wallet_per_day: number(rules.per_wallet),
        per_day: number(rules.per_day),
        least_amount: rules.least_amount.to_string(),
        most_amount: rules.most_amount.to_string(),
        valid_seconds: rules.valid_seconds.unsigned_abs(),
    }
}

async fn rules(state: &AppState, campaign: &str) -> ApiResult<Rules> {
    let found = state
        .database
        .run(async |pool| attestations::rules(&pool, campaign).await)
        .await?;
    found.ok_or_else(ApiError::no_attestation_rules)
}

/// Have a voucher signed
///
/// For a campaign whose attestor's key this service has, within the rules of its authority, and only if the
/// program would accept the conversion. The same order gets the same voucher until that has expired.
#[utoipa::path(post, path = "/v1/campaigns/{address}/attestations", tag = "attestations",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign")),
    request_body = AttestationRequest,
    security(("session" = ["campaign_authority"]), ("cookie" = ["campaign_authority"]),
        ("api_key" = ["write:attestations"])),
    responses(
        (status = 200, body = AttestationAnswer),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, invalid_code, invalid_action, invalid_amount, invalid_reference", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_campaign_authority, missing_scope, cross_site_request", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found, code_not_found, no_attestation_rules", body = ErrorEnvelope),
        (status = 409, description = "attestor_off, attestor_changed, order_attested, already_converted, campaign_closed, campaign_paused, campaign_not_started, campaign_ended, code_inactive, code_expired, usage_limit_reached, payment_required, binding_not_found, not_bound, binding_expired, bound_elsewhere, owner_limit_reached, referrer_not_found, budget_exhausted, vault_exhausted", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "amount_out_of_bounds, self_referral, amount_too_small, missing_reference, invalid_voucher, credential_required, credential_expired", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests, attestation_limit_reached", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable, database_unavailable, mirror_stale", body = ErrorEnvelope),
    ))]
pub(crate) async fn attest(
    authority: AuthorityOrKey<WriteAttestations>,
    State(state): State<AppState>,
    extract::Json(request): extract::Json<AttestationRequest>,
) -> ApiResult<Json<AttestationAnswer>> {
    let AuthorityOrKey {
        campaign, wallet, ..
    } = &authority;
    let Address(at) = campaign.parse()?;
    let code = types::code(&request.code)?;
    let Address(referee) = request.referee.parse()?;
    let action = request.action.as_deref();
    let action = action.map_or(Ok(Action::Signup), types::action)?;
    let Amount(amount) = request.amount.as_deref().unwrap_or("0").parse()?;
    let reference = request.reference.as_deref();
    let reference = reference.map(types::reference).transpose()?;
    let subject = reference.map_or_else(|| format!("wallet {referee}"), |order| hex(&order));
    let args = Convert {
        payer: referee,
        referee,
        action,
        amount,
        reference: reference.unwrap_or_default(),
        evidence: Evidence::None,
    };

    let key = state.attestors.of(&at).ok_or_else(ApiError::attestor_off)?;
    let rules = rules(&state, campaign).await?;
    let bounds = rules.least_amount..=rules.most_amount;
    if !bounds.contains(&amount) {
        return Err(ApiError::amount_out_of_bounds().of_field("amount"));
    }
    for _ in 0..TURNS {
        let (known, _, seen) = state.chain.code(&at, &code).await?;
        let attestor = known.settings.attestor;
        if attestor != key.pubkey() {
            return Err(ApiError::attestor_changed());
        }
        let last = state
            .database
            .run_signing(async |pool| attestations::latest(&pool, campaign, &subject).await)
            .await?;
        let turn = match last {
            // One of a former attestor is worth nothing.
            Some(last) if seen.now < last.expires_at && last.attestor == attestor.to_string() => {
                let statement = statement(&at, known.created_at, &code, &args, times(&last));
                if voucher::message(&statement).as_slice() != last.message {
                    return Err(ApiError::order_attested());
                }
                return Ok(Json(signed(&last, &statement.referral, true)));
            }
            Some(last) => last.turn.saturating_add(1),
            None => 0,
        };
        let times = VoucherTimes {
            issued_at: seen.now,
            expires_at: seen.now.saturating_add(rules.valid_seconds.into()),
        };
        // A wallet may be bound later, in the same transaction.
        let checked = state
            .chain
            .check_convert(&at, &code, &args, Some(times), true)
            .await?;
        let message = checked.message.ok_or_else(ApiError::internal)?;
        let new = Attestation {
            turn,
            message: message.to_vec(),
            attestor: attestor.to_string(),
            signature: key.sign_message(&message).as_ref().to_vec(),
            issued_at: times.issued_at,
            expires_at: times.expires_at,
        };
        let referral = pda::referral(&at, &code);
        let of = For {
            campaign,
            subject: &subject,
            referral: &referral.to_string(),
            referee: &referee.to_string(),
            asked_by: wallet,
        };
        let recorded = state
            .database
            .run_signing(async |pool| attestations::record(&pool, &of, &new, &rules).await)
            .await?;
        match recorded {
            Recorded::Now => {
                metrics::counter!("vouch_api_attestations_total").increment(1);
                return Ok(Json(signed(&new, &referral, false)));
            }
            // Another request was faster: its voucher is the one.
            Recorded::Other => {}
            Recorded::WalletFull => return Err(full("for this wallet")),
            Recorded::DayFull => return Err(full("of this campaign")),
        }
    }
    Err(ApiError::overloaded())
}

fn full(of: &str) -> ApiError {
    metrics::counter!("vouch_api_attestations_refused_total").increment(1);
    ApiError::attestation_limit_reached().saying(format!(
        "the campaign's rules allow no more vouchers {of} on this day (UTC)"
    ))
}

fn times(last: &Attestation) -> VoucherTimes {
    VoucherTimes {
        issued_at: last.issued_at,
        expires_at: last.expires_at,
    }
}

fn statement(
    campaign: &Pubkey,
    campaign_created_at: i64,
    code: &vouch_client::Code,
    args: &Convert,
    times: VoucherTimes,
) -> Statement {
    Statement {
        campaign: *campaign,
        campaign_created_at,
        referral: pda::referral(campaign, code),
        referee: args.referee,
        action: args.action,
        amount: args.amount,
        reference: args.reference,
        issued_at: times.issued_at,
        expires_at: times.expires_at,
    }
}

fn signed(voucher: &Attestation, referral: &Pubkey, repeated: bool) -> AttestationAnswer {
    use sha2::{Digest as _, Sha256};
    let signature = Signature::try_from(voucher.signature.as_slice()).unwrap_or_default();
    AttestationAnswer {
        voucher: SignedVoucher {
            signature: signature.to_string(),
            issued_at: voucher.issued_at,
            expires_at: voucher.expires_at,
        },
        attestor: voucher.attestor.clone(),
        message: BASE64.encode(&voucher.message),
        digest: hex(&Sha256::digest(&voucher.message)),
        referral: referral.to_string(),
        repeated,
    }
}
