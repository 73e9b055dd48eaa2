//! Finds the transaction that made each conversion.
//!
//! An address is public before its account exists, and anybody may mention it in any
//! transaction, before and after. So a candidate is believed only when it succeeded
//! and holds a `convert` or `purchase` instruction of the program with this very
//! conversion. One that succeeded has made it: the program refuses existing ones.

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
    instructions::raw::{ConvertAccounts, PurchaseAccounts},
};
use vouch_db::mirror::{Receiptless, receiptless};

use crate::{chain::Chain, failure::Failure, health::gauge, mirror::Mirror};

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
        let resting = resting(&retries, now);
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
        drop_due(&mut retries, now);
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

/// What is not to be looked for yet.
fn resting(retries: &HashMap<String, Retry>, now: Instant) -> Vec<String> {
    retries
        .iter()
        .filter(|(_, retry)| retry.at > now)
        .map(|(address, _)| address.clone())
        .collect()
}

/// For when nothing but what rests is in the queue: whatever was due at `now` is no longer
/// in the mirror, and would be due for ever.
fn drop_due(retries: &mut HashMap<String, Retry>, now: Instant) {
    retries.retain(|_, retry| retry.at > now);
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
    let mut candidates = candidates(mirror.chain, &address).await?;
    order(&mut candidates, conversion.converted_at);
    let found = first(candidates, async |candidate| {
        let transaction = transaction(mirror.chain, &candidate.signature).await?;
        Ok(made(&transaction, &conversion.address))
    });
    Ok(found.await?.map(|candidate| candidate.signature))
}

/// The first candidate that is the right one. One that cannot be looked at keeps nobody
/// from finding a later one, but without it nobody knows that there is none.
async fn first<T>(
    candidates: Vec<T>,
    mut is_right: impl AsyncFnMut(&T) -> Result<bool, Failure>,
) -> Result<Option<T>, Failure> {
    let mut failure = None;
    for candidate in candidates {
        match is_right(&candidate).await {
            Ok(true) => return Ok(Some(candidate)),
            Ok(false) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(None), Err)
}

pub(crate) async fn transaction(
    chain: &Chain,
    signature: &str,
) -> Result<EncodedConfirmedTransactionWithStatusMeta, Failure> {
    let signature: Signature = signature
        .parse()
        .map_err(|error| Failure::chain("signature", error))?;
    let config = RpcTransactionConfig {
        encoding: Some(UiTransactionEncoding::Json),
        commitment: Some(CommitmentConfig::confirmed()),
        max_supported_transaction_version: Some(0),
    };
    chain
        .rpc
        .get_transaction_with_config(&signature, config)
        .await
        .map_err(|error| Failure::rpc("getTransaction", error))
}

/// Every successful transaction that mentions `address`, the newest first.
pub(crate) async fn candidates(
    chain: &Chain,
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
        let page = chain
            .rpc
            .get_signatures_for_address_with_config(address, config)
            .await
            .map_err(|error| Failure::rpc("getSignaturesForAddress", error))?;
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
    calls(transaction).iter().any(|call| {
        let position = if call.data.starts_with(&ConvertAccounts::DISCRIMINATOR) {
            ConvertAccounts::CONVERSION
        } else if call.data.starts_with(&PurchaseAccounts::DISCRIMINATOR) {
            PurchaseAccounts::CONVERSION
        } else {
            return false;
        };
        let account = call.accounts.get(position);
        account.is_some_and(|account| account == conversion)
    })
}

/// An instruction of the program.
pub(crate) struct Call {
    pub(crate) accounts: Vec<String>,
    pub(crate) data: Vec<u8>,
}

/// The program's instructions in the transaction, also those inside of other programs;
/// none when it failed.
pub(crate) fn calls(transaction: &EncodedConfirmedTransactionWithStatusMeta) -> Vec<Call> {
    let transaction = &transaction.transaction;
    let (Some(meta), EncodedTransaction::Json(inner)) =
        (&transaction.meta, &transaction.transaction)
    else {
        return Vec::new();
    };
    let UiMessage::Raw(message) = &inner.message else {
        return Vec::new();
    };
    if meta.err.is_some() {
        return Vec::new();
    }
    let mut keys: Vec<&str> = message.account_keys.iter().map(String::as_str).collect();
    if let OptionSerializer::Some(loaded) = &meta.loaded_addresses {
        keys.extend(loaded.writable.iter().map(String::as_str));
        keys.extend(loaded.readonly.iter().map(String::as_str));
    }
    let program = PROGRAM_ID.to_string();
    let key = |index: &u8| keys.get(usize::from(*index)).copied();
    let call = |instruction: &UiCompiledInstruction| {
        if key(&instruction.program_id_index) != Some(program.as_str()) {
            return None;
        }
        let accounts: Option<Vec<&str>> = instruction.accounts.iter().map(key).collect();
        Some(Call {
            accounts: accounts?.into_iter().map(str::to_owned).collect(),
            data: bs58::decode(&instruction.data).into_vec().ok()?,
        })
    };
    let inner = match &meta.inner_instructions {
        OptionSerializer::Some(inner) => inner.as_slice(),
        _ => &[],
    };
    let inner = inner
        .iter()
        .flat_map(|inner| &inner.instructions)
        .filter_map(|instruction| match instruction {
            UiInstruction::Compiled(instruction) => Some(instruction),
            UiInstruction::Parsed(_) => None,
        });
    message
        .instructions
        .iter()
        .chain(inner)
        .filter_map(call)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_candidate_that_cannot_be_read_hides_no_other() {
        let look = async |candidate: &&str| match *candidate {
            "unreadable" | "unreadable too" => Err(Failure::Chain((*candidate).to_owned())),
            other => Ok(other == "right"),
        };
        // Given an unreadable candidate before the right one, then the right one is found
        let found = first(vec!["wrong", "unreadable", "right", "wrong"], look).await;
        assert_eq!(found.expect("found"), Some("right"));
        // Given no right one, then the first failure is told
        let found = first(vec!["wrong", "unreadable", "unreadable too"], look).await;
        assert_eq!(found.expect_err("unknown").to_string(), "unreadable");
        // Given none that is right or unreadable, then there is none
        let found = first(vec!["wrong"], look).await;
        assert_eq!(found.expect("known"), None);
    }

    #[test]
    fn what_is_gone_is_not_due_for_ever() {
        // Given one conversion that is due, and one that rests
        let now = Instant::now();
        let mut retries = HashMap::new();
        for (address, at) in [("due", now), ("resting", now + FIRST_RETRY)] {
            let pause = FIRST_RETRY;
            retries.insert(address.to_owned(), Retry { at, pause });
        }
        assert_eq!(resting(&retries, now), ["resting"]);
        // When the queue holds nothing besides what rests
        drop_due(&mut retries, now);
        // Then only what rests is looked for again
        assert_eq!(retries.keys().collect::<Vec<_>>(), ["resting"]);
    }
}
