//! Finds the transaction that made each conversion.
//!
//! An address is public before its account exists, and anybody may mention it in any
//! transaction, before and after. So a candidate is believed only when it succeeded
//! and holds a `convert` instruction of the program with this very conversion.
//! A `convert` that succeeded has made its conversion: the program refuses existing ones.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use solana_client::{
    rpc_client::GetConfirmedSignaturesForAddress2Config, rpc_config::RpcTransactionConfig,
    rpc_response::RpcConfirmedTransactionStatusWithSignature,
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{bs58, pubkey::Pubkey, signature::Signature};
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, EncodedTransaction, UiCompiledInstruction,
    UiInstruction, UiMessage, UiTransactionEncoding, option_serializer::OptionSerializer,
};
use vouch_client::{
    PROGRAM_ID,
    instructions::{CONVERT_CONVERSION_INDEX, convert_discriminator},
};
use vouch_db::mirror::{Receiptless, receiptless};

use crate::{failure::Failure, health::gauge, mirror::Mirror};

const BATCH: u32 = 256;
const POLL: Duration = Duration::from_secs(1);
/// Signatures in one answer: the most that a node gives.
const PAGE: usize = 1000;
/// A node indexes a transaction a moment after its accounts are confirmed.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// When a conversion is looked for again.
struct Retry {
    at: Instant,
    pause: Duration,
}

/// Runs until something fails. What is unresolved stands in the rows, so that a
/// restart forgets nothing.
pub(crate) async fn run(mirror: &Mirror<'_>) -> Result<(), Failure> {
    let mut retries: HashMap<String, Retry> = HashMap::new();
    loop {
        let now = Instant::now();
        let resting: Vec<String> = retries
            .iter()
            .filter(|(_, retry)| retry.at > now)
            .map(|(address, _)| address.clone())
            .collect();
        let (queue, unresolved) = receiptless(mirror.pool, &resting, BATCH).await?;
        gauge("vouch_indexer_unresolved_signatures", unresolved);
        if unresolved == 0 {
            retries.clear();
        }
        if !queue.is_empty() {
            let mut results = stream::iter(queue)
                .map(|conversion| async move {
                    let found = find(mirror, &conversion).await;
                    (conversion.address, found)
                })
                .buffer_unordered(mirror.config.concurrent_signatures())
                .ready_chunks(64);
            while let Some(results) = results.next().await {
                let mut found = Vec::new();
                for (address, result) in results {
                    match result {
                        Ok(Some(signature)) => {
                            retries.remove(&address);
                            found.push((address, signature));
                        }
                        Ok(None) => retry_later(&mut retries, address),
                        Err(error) => {
                            tracing::warn!(address, %error, "no signature yet");
                            retry_later(&mut retries, address);
                        }
                    }
                }
                mirror.writer.lock().await.set_signatures(&found).await?;
            }
            continue;
        }
        let next = retries.values().map(|retry| retry.at).min();
        let pause = next.map_or(POLL, |at| {
            at.saturating_duration_since(Instant::now()).min(POLL)
        });
        tokio::select! {
            () = tokio::time::sleep(pause.max(Duration::from_millis(10))) => {}
            () = mirror.converted.notified() => {}
        }
    }
}

fn retry_later(retries: &mut HashMap<String, Retry>, address: String) {
    let pause = retries
        .get(&address)
        .map_or(FIRST_RETRY, |retry| (retry.pause * 2).min(LAST_RETRY));
    let at = Instant::now() + pause;
    retries.insert(address, Retry { at, pause });
}

async fn find(mirror: &Mirror<'_>, conversion: &Receiptless) -> Result<Option<String>, Failure> {
    let address: Pubkey = conversion
        .address
        .parse()
        .map_err(|error| Failure::chain("address", error))?;
    let mut candidates = candidates(mirror, &address).await?;
    order(&mut candidates, conversion.converted_at);
    for candidate in candidates {
        let signature: Signature = candidate
            .signature
            .parse()
            .map_err(|error| Failure::chain("signature", error))?;
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Json),
            commitment: Some(CommitmentConfig::confirmed()),
            max_supported_transaction_version: Some(0),
        };
        let transaction = mirror
            .chain
            .rpc
            .get_transaction_with_config(&signature, config)
            .await
            .map_err(|error| Failure::chain("getTransaction", error))?;
        if made(&transaction, &conversion.address) {
            return Ok(Some(candidate.signature));
        }
    }
    Ok(None)
}

/// Every successful transaction that mentions `address`.
async fn candidates(
    mirror: &Mirror<'_>,
    address: &Pubkey,
) -> Result<Vec<RpcConfirmedTransactionStatusWithSignature>, Failure> {
    let mut candidates = Vec::new();
    let mut before = None;
    loop {
        let config = GetConfirmedSignaturesForAddress2Config {
            before,
            limit: Some(PAGE),
            commitment: Some(CommitmentConfig::confirmed()),
            ..Default::default()
        };
        let page = mirror
            .chain
            .rpc
            .get_signatures_for_address_with_config(address, config)
            .await
            .map_err(|error| Failure::chain("getSignaturesForAddress", error))?;
        let last = page.last().map(|entry| entry.signature.clone());
        let full = page.len() == PAGE;
        candidates.extend(page.into_iter().filter(|entry| entry.err.is_none()));
        match last {
            Some(last) if full => {
                let last = last
                    .parse()
                    .map_err(|error| Failure::chain("signature", error))?;
                before = Some(last);
            }
            _ => return Ok(candidates),
        }
    }
}

/// The most likely first: of the time of the conversion, and of those the oldest. So a
/// stranger who mentions the address a thousand times does not cost a thousand reads.
fn order(candidates: &mut [RpcConfirmedTransactionStatusWithSignature], converted_at: i64) {
    candidates.sort_by_key(|entry| {
        let distance = entry
            .block_time
            .map_or(u64::MAX, |time| time.abs_diff(converted_at));
        (distance, entry.slot)
    });
}

/// Whether the transaction succeeded and converted into `conversion`, directly or
/// through another program.
fn made(transaction: &EncodedConfirmedTransactionWithStatusMeta, conversion: &str) -> bool {
    let transaction = &transaction.transaction;
    let (Some(meta), EncodedTransaction::Json(inner)) =
        (&transaction.meta, &transaction.transaction)
    else {
        return false;
    };
    let UiMessage::Raw(message) = &inner.message else {
        return false;
    };
    if meta.err.is_some() {
        return false;
    }
    let mut keys: Vec<&str> = message.account_keys.iter().map(String::as_str).collect();
    if let OptionSerializer::Some(loaded) = &meta.loaded_addresses {
        keys.extend(loaded.writable.iter().map(String::as_str));
        keys.extend(loaded.readonly.iter().map(String::as_str));
    }
    let program = PROGRAM_ID.to_string();
    let converts = |instruction: &UiCompiledInstruction| {
        let key = |index: u8| keys.get(usize::from(index)).copied();
        let account = instruction.accounts.get(CONVERT_CONVERSION_INDEX).copied();
        key(instruction.program_id_index) == Some(program.as_str())
            && account.and_then(key) == Some(conversion)
            && bs58::decode(&instruction.data)
                .into_vec()
                .is_ok_and(|data| data.starts_with(&convert_discriminator()))
    };
    if message.instructions.iter().any(converts) {
        return true;
    }
    let OptionSerializer::Some(inner) = &meta.inner_instructions else {
        return false;
    };
    inner
        .iter()
        .flat_map(|inner| &inner.instructions)
        .any(|instruction| match instruction {
            UiInstruction::Compiled(instruction) => converts(instruction),
            UiInstruction::Parsed(_) => false,
        })
}
