//! Transactions whose fee the sponsor pays: tickets for them, and the sponsor's signature.

use std::net::IpAddr;

use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use solana_sdk::{message::VersionedMessage, transaction::VersionedTransaction};
use utoipa::ToSchema;
use vouch_client::Pubkey;
use vouch_db::api::sponsor::{self as store, Sponsored};

use super::{PACKET_DATA_SIZE, serialized};
use crate::{
    chain::Trial,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract,
    limits::Meter,
    schemas,
    sponsor::{FeePayer, Sponsor, Ticket, refused},
    state::AppState,
};

/// A builder's knowledge of a transaction whose fee the sponsor shall pay.
pub(super) struct Asked {
    /// The campaign that its instructions name.
    pub(super) campaign: Option<Pubkey>,
    /// The wallet that acts, and that it counts for.
    pub(super) wallet: Pubkey,
    /// Lamports.
    pub(super) fee: u64,
    /// Lamports, at most, that the sponsor pays for accounts.
    pub(super) rent: u64,
    pub(super) last_valid_height: u64,
}

/// The ticket of a message, if the sponsor would sign it now.
///
/// # Errors
/// `not_sponsored`, `sponsor_balance_low`, `sponsor_limit_reached`, `chain_unavailable`, `overloaded` or
/// `database_unavailable`.
pub(super) async fn ticket(
    state: &AppState,
    sponsor: &Sponsor,
    message: &VersionedMessage,
    asked: Asked,
) -> ApiResult<String> {
    let Some(campaign) = asked.campaign else {
        refused("not_sponsored");
        return Err(ApiError::not_sponsored());
    };
    sponsor.check(message, &campaign, asked.fee)?;
    let signers = usize::from(message.header().num_required_signatures);
    let mut signers = message.static_account_keys().iter().take(signers);
    if !signers.any(|signer| *signer == asked.wallet) {
        return Err(ApiError::internal().because(anyhow::anyhow!("the wallet does not sign")));
    }
    let ticket = Ticket {
        campaign,
        wallet: asked.wallet,
        fee: asked.fee,
        rent: asked.rent,
        last_valid_height: asked.last_valid_height,
    };
    tokio::try_join!(
        sponsor.check_balance(state, ticket.lamports()),
        sponsor.check_room(state, &ticket, None),
    )?;
    Ok(sponsor.ticket(&ticket, message))
}

/// A transaction that everybody but the sponsor has signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SponsorRequest {
    /// The wire transaction in base64, as a builder returned it, with every signature but the first.
    #[schema(value_type = schemas::Transaction)]
    transaction: String,
    /// The `sponsorship` of the builder's answer.
    #[schema(value_type = schemas::Sponsorship)]
    sponsorship: String,
}

/// A transaction that the sponsor has signed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SponsorAnswer {
    /// Its signature in base58, by which the chain knows it.
    signature: String,
    /// The signed wire transaction in base64.
    transaction: String,
    /// The last block height at which it is accepted.
    last_valid_block_height: u64,
    /// Whether the node has taken it. Otherwise send it yourself, or repeat the request.
    sent: bool,
}

/// Have the sponsor sign a transaction, and send it
///
/// Takes what a builder returned for `fee_payer`, signed by all other signers. The sponsor signs these very
/// bytes alone, last, after the node has tried them, and within the limits of a day. The same transaction
/// gets the same signature, and counts once.
#[utoipa::path(post, path = "/v1/transactions/sponsor", tag = "transactions",
    request_body = SponsorRequest,
    responses(
        (status = 200, body = SponsorAnswer),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_transaction, invalid_sponsorship, missing_signature", body = ErrorEnvelope),
        (status = 409, description = "sponsor_off, transaction_expired, sponsorship_pending", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "not_sponsored, transaction_would_fail", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests, sponsor_limit_reached", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable, database_unavailable, sponsor_balance_low", body = ErrorEnvelope),
    ))]
pub(crate) async fn sponsor(
    State(state): State<AppState>,
    meter: Meter,
    extract::Json(request): extract::Json<SponsorRequest>,
) -> ApiResult<Json<SponsorAnswer>> {
    let sponsor = Sponsor::asked(&state, FeePayer::Sponsor)?.ok_or_else(ApiError::sponsor_off)?;
    let mut transaction = read(&request.transaction)?;
    let message = transaction.message.serialize();
    let ticket = sponsor.redeem(&request.sponsorship, &message)?;
    // The ticket says so already. The check does not depend on how it was made.
    sponsor.check(&transaction.message, &ticket.campaign, ticket.fee)?;
    check_signatures(&transaction, &message)?;

    let height = state.chain.blockhash().await?.height();
    let message_hash: [u8; 32] = Sha256::digest(&message).into();
    let is_recorded = recorded(&state, &message_hash).await?;
    if height > ticket.last_valid_height {
        refused("expired");
        let error = ApiError::transaction_expired();
        return Err(if is_recorded {
            let signature = sponsor.sign(&mut transaction);
            error.saying(format!(
                "the blockhash of the transaction is too old: see whether it has landed before, as {signature}"
            ))
        } else {
            error
        });
    }
    if !is_recorded {
        let sponsored = Sponsored {
            message_hash,
            message: &message,
            sponsor: &sponsor.address().to_string(),
            campaign: &ticket.campaign.to_string(),
            wallet: &ticket.wallet.to_string(),
            fee: ticket.fee,
            rent: ticket.rent,
            last_valid_height: ticket.last_valid_height,
        };
        let address = meter.address();
        let allowed = allow(
            &state,
            sponsor,
            &transaction,
            &sponsored,
            &ticket,
            address,
            height,
        );
        if let Err(error) = allowed.await
            // Another request for this very transaction may have been faster: then it may be full or landed by that.
            && !recorded(&state, &message_hash).await?
        {
            return Err(error);
        }
    }
    let signature = sponsor.sign(&mut transaction);
    let wire = serialized(&transaction)?;
    let sent = state.chain.send(&transaction).await;
    if let Err(error) = &sent {
        let cause = error.cause.as_ref().map(|cause| format!("{cause:#}"));
        tracing::warn!(cause, %signature, "could not send a sponsored transaction");
    }
    Ok(Json(SponsorAnswer {
        signature: signature.to_string(),
        transaction: BASE64.encode(wire),
        last_valid_block_height: ticket.last_valid_height,
        sent: sent.is_ok(),
    }))
}

async fn recorded(state: &AppState, message_hash: &[u8; 32]) -> ApiResult<bool> {
    Ok(state
        .database
        .run_signing(async |pool| store::is_recorded(&pool, message_hash).await)
        .await?)
}

/// Records a transaction if it may be signed. The checks that cost little come first: whoever has no room causes
/// neither a trial nor a write.
async fn allow(
    state: &AppState,
    sponsor: &Sponsor,
    transaction: &VersionedTransaction,
    sponsored: &Sponsored<'_>,
    ticket: &Ticket,
    address: IpAddr,
    height: u64,
) -> ApiResult<()> {
    sponsor.check_room(state, ticket, Some(address)).await?;
    let ended = sponsor.check_pending(state, sponsored, height).await?;
    sponsor.check_balance(state, ticket.lamports()).await?;
    try_out(state, transaction, ticket.lamports()).await?;
    sponsor
        .record(state, sponsored, ticket, address, height, &ended)
        .await
}

fn read(text: &str) -> ApiResult<VersionedTransaction> {
    let invalid = || {
        refused("invalid_transaction");
        ApiError::invalid_transaction().of_field("transaction")
    };
    let wire = BASE64.decode(text).map_err(|_| invalid())?;
    if wire.len() > PACKET_DATA_SIZE {
        return Err(invalid());
    }
    let transaction: VersionedTransaction = bincode::deserialize(&wire).map_err(|_| invalid())?;
    // Also: as many signatures as the message asks for.
    transaction.sanitize().map_err(|_| invalid())?;
    Ok(transaction)
}

/// Refuses a transaction that lacks a signature of another signer than the first.
fn check_signatures(transaction: &VersionedTransaction, message: &[u8]) -> ApiResult<()> {
    let keys = transaction.message.static_account_keys();
    let missing = transaction
        .signatures
        .iter()
        .zip(keys)
        .skip(1)
        .find(|(signature, key)| !signature.verify(key.as_ref(), message));
    let Some((_, key)) = missing else {
        return Ok(());
    };
    refused("missing_signature");
    Err(ApiError::missing_signature().saying(format!(
        "this is not signed by {key}: each signer but the sponsor signs before it does"
    )))
}

/// Refuses a transaction that would fail, whose blockhash is too old, or that takes more than so many lamports
/// from the sponsor.
async fn try_out(
    state: &AppState,
    transaction: &VersionedTransaction,
    lamports: u64,
) -> ApiResult<()> {
    let (trial, taken) = state.chain.try_as_is(transaction).await;
    match trial {
        Trial::Succeeds(_) => {}
        Trial::Expired => {
            refused("expired");
            return Err(ApiError::transaction_expired());
        }
        Trial::Unknown => {
            refused("not_simulated");
            return Err(ApiError::chain_unavailable().saying(
                "the node could not try the transaction, and the sponsor pays for no other",
            ));
        }
        Trial::Fails { .. } | Trial::TooPoor | Trial::Refused { .. } => {
            refused("would_fail");
            return Err(ApiError::transaction_would_fail().saying(
                "the node has tried the transaction again, and it would fail now: build a new one",
            ));
        }
    }
    if taken.is_some_and(|taken| taken > lamports) {
        refused("not_sponsored");
        tracing::error!(
            taken,
            lamports,
            "a sponsored transaction would take more than it says"
        );
        return Err(ApiError::not_sponsored());
    }
    Ok(())
}
