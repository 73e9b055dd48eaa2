//! Finds the transaction of each conversion, and reads the facts from it that the account
//! does not hold.
//!
//! The address is public before the account exists, and anybody may mention it in any
//! transaction, before and after. So a candidate counts only if it succeeded and contains
//! a `convert` or `purchase` instruction of the program with exactly this conversion.
//! Such a transaction created the conversion, because the program refuses existing ones.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use solana_client::rpc_response::RpcConfirmedTransactionStatusWithSignature;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::pubkey::Pubkey;
use vouch_client::instructions::{SALE_CONVERSION, Sale, read_sale};
use vouch_db::mirror::{Receipt, Receiptless, receiptless};
use vouch_replay::Transaction;

use crate::{
    failure::Failure,
    health::gauge,
    mirror::Mirror,
    transactions::{mentions, parse, transaction},
};

const BATCH: u32 = 256;
const POLL: Duration = Duration::from_secs(1);
/// A node indexes a transaction shortly after its accounts are confirmed.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// The time of the next attempt for a conversion.
struct Retry {
    at: Instant,
    pause: Duration,
}

/// Runs until something fails. Unresolved conversions are in the database, so a restart
/// continues with them.
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
                        Ok(Some(receipt)) => {
                            retries.remove(&address);
                            found.push(receipt);
                        }
                        Ok(None) => retry_later(&mut retries, address),
                        Err(error) => {
                            tracing::warn!(address, %error, "no receipt yet");
                            retry_later(&mut retries, address);
                        }
                    }
                }
                mirror.writer.lock().await.set_receipts(&found).await?;
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

/// Conversions whose next attempt is not due yet.
fn resting(retries: &HashMap<String, Retry>, now: Instant) -> Vec<String> {
    retries
        .iter()
        .filter(|(_, retry)| retry.at > now)
        .map(|(address, _)| address.clone())
        .collect()
}

/// Call this when the queue holds only conversions that are not due. Every entry that was
/// due at `now` has left the mirror, and would stay due for ever.
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

async fn find(mirror: &Mirror<'_>, conversion: &Receiptless) -> Result<Option<Receipt>, Failure> {
    let address: Pubkey = conversion
        .address
        .parse()
        .map_err(|error| Failure::chain("address", error))?;
    let confirmed = CommitmentConfig::confirmed();
    let mut candidates = mentions(mirror.chain, &address, confirmed).await?;
    candidates.retain(|candidate| candidate.err.is_none());
    order(&mut candidates, conversion.converted_at);
    first(candidates, async |candidate| {
        let signature = parse(&candidate.signature)?;
        let transaction = transaction(mirror.chain, &signature, confirmed).await?;
        let sale = made(&transaction, &address);
        Ok(sale.map(|sale| receipt(&conversion.address, candidate.signature, &sale)))
    })
    .await
}

/// The first result of a candidate. An unreadable candidate does not stop the search. If
/// no candidate has a result, returns the first error: that candidate might have been the
/// right one.
async fn first<C, T>(
    candidates: Vec<C>,
    mut read: impl AsyncFnMut(C) -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    let mut failure = None;
    for candidate in candidates {
        match read(candidate).await {
            Ok(Some(result)) => return Ok(Some(result)),
            Ok(None) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(None), Err)
}

/// Sorts by likelihood: closest to the time of the conversion, then oldest. So a stranger
/// who mentions the address a thousand times does not cost a thousand reads.
fn order(candidates: &mut [RpcConfirmedTransactionStatusWithSignature], converted_at: i64) {
    candidates.sort_by_key(|entry| {
        let distance = entry
            .block_time
            .map_or(u64::MAX, |time| time.abs_diff(converted_at));
        (distance, entry.slot)
    });
}

/// The sale by which a call of this transaction recorded `conversion`, if one did.
fn made(transaction: &Transaction, conversion: &Pubkey) -> Option<Sale> {
    transaction
        .calls()
        .filter(|call| call.accounts.get(SALE_CONVERSION) == Some(conversion))
        .find_map(|call| read_sale(call.data))
}

fn receipt(conversion: &str, signature: String, sale: &Sale) -> Receipt {
    Receipt {
        conversion: conversion.to_owned(),
        signature,
        action: sale.action.name().to_owned(),
        amount: sale.amount.into(),
        reference: (sale.reference != [0; 32]).then(|| sale.reference.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use vouch_client::{
        PROGRAM_ID,
        instructions::raw::{ConvertAccounts, PurchaseAccounts},
    };
    use vouch_replay::transaction::{Instruction, Outcome};

    use super::*;

    #[tokio::test]
    async fn a_candidate_that_cannot_be_read_hides_no_other() {
        let read = async |candidate: &'static str| match candidate {
            "wrong" => Ok(None),
            "right" => Ok(Some("the result")),
            unreadable => Err(Failure::Chain(unreadable.to_owned())),
        };
        // Given an unreadable candidate before the right one, then the right one is found
        let found = first(vec!["wrong", "unreadable", "right", "wrong"], read).await;
        assert_eq!(found.expect("found"), Some("the result"));
        // Given no right one, then the first failure is returned
        let found = first(vec!["wrong", "unreadable", "unreadable too"], read).await;
        assert_eq!(found.expect_err("unknown").to_string(), "unreadable");
        // Given neither right nor unreadable ones, then the result is none
        let found = first(vec!["wrong"], read).await;
        assert_eq!(found.expect("known"), None);
    }

    /// [M7]
    #[test]
    fn a_receipt_says_what_the_instruction_said_of_this_conversion() {
        // Given calls that record two conversions, and one that only mentions the second
        let [first, second, other] = [1, 2, 3].map(|byte| Pubkey::new_from_array([byte; 32]));
        let call = |conversion: Pubkey, discriminator: [u8; 8], amount: u64| {
            let mut data = discriminator.to_vec();
            data.extend(b"AZURE234\0\0\0\0");
            data.push(2);
            data.extend(amount.to_le_bytes());
            data.extend([0; 32]);
            let mut accounts = vec![Pubkey::default(); SALE_CONVERSION];
            accounts.push(conversion);
            Instruction {
                program: PROGRAM_ID,
                accounts,
                data,
                inner: Vec::new(),
            }
        };
        let transaction = Transaction {
            signature: [0; 64],
            slot: 1,
            index: None,
            block_time: 1,
            fee_payer: Pubkey::default(),
            fee: None,
            signers: Vec::new(),
            outcome: Outcome::Succeeded,
            balances: Vec::new(),
            decimals: Vec::new(),
            instructions: vec![
                call(first, ConvertAccounts::DISCRIMINATOR, 1),
                call(second, [7; 8], 2),
                call(second, PurchaseAccounts::DISCRIMINATOR, u64::MAX),
            ],
        };
        // When the second is looked for, then its own call is read
        let sale = made(&transaction, &second).expect("a sale");
        let receipt = receipt("B", "signature".to_owned(), &sale);
        assert_eq!(
            receipt,
            Receipt {
                conversion: "B".into(),
                signature: "signature".into(),
                action: "purchase".into(),
                amount: u64::MAX.into(),
                reference: None,
            }
        );
        // And no call made another conversion
        assert_eq!(made(&transaction, &other), None);
        // And a failed transaction made none
        let failed = Transaction {
            outcome: Outcome::Failed {
                instruction: None,
                code: None,
            },
            ..transaction
        };
        assert_eq!(made(&failed, &second), None);
    }

    #[test]
    fn what_is_gone_is_not_due_for_ever() {
        // Given one conversion that is due, and one that is not
        let now = Instant::now();
        let mut retries = HashMap::new();
        for (address, at) in [("due", now), ("resting", now + FIRST_RETRY)] {
            let pause = FIRST_RETRY;
            retries.insert(address.to_owned(), Retry { at, pause });
        }
        assert_eq!(resting(&retries, now), ["resting"]);
        // When the queue holds only conversions that are not due
        drop_due(&mut retries, now);
        // Then only those stay
        assert_eq!(retries.keys().collect::<Vec<_>>(), ["resting"]);
    }
}
