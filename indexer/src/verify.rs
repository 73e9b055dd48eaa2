//! `vouch-indexer verify`: the node's accounts against the node's history.
//!
//! The two come from different parts of a node. If both agree on every byte, the node's history
//! is complete for its accounts, and nothing has changed an account but the program's own
//! instructions. Both come from one node: if it hides the same in both, this does not notice.

use std::{
    collections::{BTreeMap, HashSet},
    io::{IsTerminal as _, stderr},
};

use anyhow::{Result, bail};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use solana_client::rpc_response::RpcConfirmedTransactionStatusWithSignature;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::pubkey::Pubkey;
use vouch_client::{PROGRAM_ID, accounts::Account};
use vouch_db::mirror::Commitment;
use vouch_replay::{Given, Kind, Need, Transaction, encode};

use crate::{
    chain::Chain,
    config::VerifyConfig,
    failure::Failure,
    transactions::{page, parse, transaction},
};

/// Number of differences that are printed.
const PRINTED: usize = 20;

/// Runs the command. Prints the result.
///
/// # Errors
/// When the node does not answer, when its history cannot be replayed, and when its accounts
/// differ.
pub(crate) async fn run(config: &VerifyConfig) -> Result<()> {
    let chain = Chain::new(&config.rpc_url);
    // The accounts come first: then no later transaction is needed to explain them.
    let (slot, accounts) = chain.bytes(Commitment::Finalized).await?;
    let history = history(&chain, slot).await?;
    // An empty answer must not pass for an equal one.
    if accounts.is_empty() && history.is_empty() {
        bail!("the node has neither accounts nor transactions of the program {PROGRAM_ID}");
    }
    let (replayed, calls) = replay(&chain, &history, usize::from(config.concurrency)).await?;
    let differences = differences(&accounts, &replayed);
    for difference in differences.iter().take(PRINTED) {
        println!("{difference}");
    }
    if !differences.is_empty() {
        bail!(
            "{} of {} accounts differ from the history at slot {slot}",
            differences.len(),
            accounts.len()
        );
    }
    println!(
        "{} accounts equal the history at slot {slot}: {} transactions, {calls} calls",
        accounts.len(),
        history.len()
    );
    Ok(())
}

/// Every transaction that mentions the program, up to and including `slot`, oldest first.
async fn history(
    chain: &Chain,
    slot: u64,
) -> Result<Vec<RpcConfirmedTransactionStatusWithSignature>, Failure> {
    let finalized = CommitmentConfig::finalized();
    let mut all: Vec<RpcConfirmedTransactionStatusWithSignature> = Vec::new();
    let mut seen = HashSet::new();
    loop {
        let page = page(chain, &PROGRAM_ID, finalized, all.last()).await?;
        // A node may return less than a full page before the end, so only an empty one is the
        // end.
        if page.is_empty() {
            break;
        }
        for entry in page {
            check_order(all.last(), &entry)?;
            // A node that repeats itself would have no end.
            if !seen.insert(parse(&entry.signature)?) {
                return Err(Failure::Chain(format!(
                    "getSignaturesForAddress: {} is listed twice",
                    entry.signature
                )));
            }
            all.push(entry);
        }
        progress(&format!("{} transactions found", all.len()));
    }
    all.retain(|entry| entry.slot <= slot);
    all.reverse();
    Ok(all)
}

/// Fails unless `entry` may come after `last` in a list with the newest first.
fn check_order(
    last: Option<&RpcConfirmedTransactionStatusWithSignature>,
    entry: &RpcConfirmedTransactionStatusWithSignature,
) -> Result<(), Failure> {
    match last {
        Some(last) if entry.slot > last.slot => Err(Failure::Chain(format!(
            "getSignaturesForAddress: slot {} comes after slot {}, but newer ones come first",
            entry.slot, last.slot
        ))),
        _ => Ok(()),
    }
}

/// Replays the history. Returns the accounts that it leaves, and the number of calls.
async fn replay(
    chain: &Chain,
    history: &[RpcConfirmedTransactionStatusWithSignature],
    concurrency: usize,
) -> Result<(BTreeMap<Pubkey, Account>, usize), Failure> {
    let mut transactions = stream::iter(history.iter().filter(|entry| entry.err.is_none()))
        .map(async |entry| {
            let signature = parse(&entry.signature)?;
            transaction(chain, &signature, CommitmentConfig::finalized()).await
        })
        .buffered(concurrency);
    let mut accounts = BTreeMap::new();
    let mut calls = 0;
    let mut before = (0, None);
    let mut number = 0_usize;
    while let Some(transaction) = transactions.try_next().await? {
        let place = (transaction.slot, transaction.index);
        if place.0 < before.0 || (place.0 == before.0 && place.1.is_some() && place.1 <= before.1) {
            return Err(Failure::Chain(format!(
                "the node lists transactions in another order than their blocks': {place:?} comes \
                 after {before:?}"
            )));
        }
        before = place;
        calls += apply(chain, &mut accounts, &transaction).await?;
        number += 1;
        if number.is_multiple_of(100) {
            progress(&format!(
                "{number} of {} transactions replayed",
                history.len()
            ));
        }
    }
    Ok((accounts, calls))
}

/// Applies one transaction. Returns the number of its calls.
async fn apply(
    chain: &Chain,
    accounts: &mut BTreeMap<Pubkey, Account>,
    transaction: &Transaction,
) -> Result<usize, Failure> {
    let mut given = Given::default();
    let effects = loop {
        match vouch_replay::transaction(accounts, transaction, &given) {
            Ok(effects) => break effects,
            Err(vouch_replay::Error {
                kind: Kind::Needs(Need::MintDecimals(mint)),
                ..
            }) if given.decimals.is_empty() => {
                given.decimals.push((mint, chain.decimals(&mint).await?));
            }
            Err(error) => {
                let signature = solana_sdk::signature::Signature::from(transaction.signature);
                return Err(Failure::Chain(format!(
                    "{signature} in slot {} does not follow from what came before: {error}",
                    transaction.slot
                )));
            }
        }
    };
    let calls = effects.len();
    for change in effects.into_iter().flat_map(|effects| effects.changes) {
        match change.account {
            Some(account) => accounts.insert(change.address, account),
            None => accounts.remove(&change.address),
        };
    }
    Ok(calls)
}

/// A line for each account that differs.
fn differences(
    node: &BTreeMap<Pubkey, Vec<u8>>,
    replayed: &BTreeMap<Pubkey, Account>,
) -> Vec<String> {
    let mut differences = Vec::new();
    for (address, data) in node {
        match replayed.get(address) {
            Some(account) if encode(account) == *data => {}
            Some(_) => differences.push(format!("{address} has other bytes")),
            None => differences.push(format!("{address} is not in the history")),
        }
    }
    let missing = replayed
        .keys()
        .filter(|address| !node.contains_key(address));
    differences.extend(missing.map(|address| format!("{address} is missing on the node")));
    differences
}

/// Shows the progress to a person.
fn progress(line: &str) {
    if stderr().is_terminal() {
        eprint!("\r{line}");
    }
}

#[cfg(test)]
mod tests {
    use vouch_client::accounts::Closed;

    use super::*;

    #[test]
    fn every_difference_is_named() {
        // Given four accounts: the same, different, only on the node, only in the history
        let [same, other, only_node, only_history] =
            [1, 2, 3, 4].map(|byte| Pubkey::new_from_array([byte; 32]));
        let closed = |byte| {
            Account::Closed(Box::new(Closed {
                version: byte,
                campaign: Pubkey::default(),
                rent_payer: Pubkey::default(),
                treasury: Pubkey::default(),
            }))
        };
        let node = BTreeMap::from([
            (same, encode(&closed(1))),
            (other, encode(&closed(1))),
            (only_node, encode(&closed(1))),
        ]);
        let replayed = BTreeMap::from([
            (same, closed(1)),
            (other, closed(2)),
            (only_history, closed(1)),
        ]);
        // Then all but the same are named
        assert_eq!(
            differences(&node, &replayed),
            [
                format!("{other} has other bytes"),
                format!("{only_node} is not in the history"),
                format!("{only_history} is missing on the node"),
            ]
        );
    }
}
