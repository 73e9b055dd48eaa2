//! `vouch-indexer verify`: the node's accounts against the node's history.
//!
//! The two come from different parts of a node. If both agree on every byte, the node's history
//! is complete for its accounts, and nothing has changed an account but the program's own
//! instructions. Both come from one node: if it hides the same in both, this does not notice.

use std::{
    collections::{BTreeMap, HashSet},
    io::{IsTerminal as _, stderr},
    time::Duration,
};

use anyhow::{Result, bail};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use solana_sdk::pubkey::Pubkey;
use vouch_client::{PROGRAM_ID, accounts::Account};
use vouch_replay::{Transaction, encode};

use crate::{
    chain::{Chain, Commitment, PAGE},
    config::VerifyConfig,
    failure::Failure,
    history::{Anchor, List},
    ledger::effects,
    transactions::{parse, transaction},
};

/// Time limit of a request. The answer with all accounts is large.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Number of differences that are printed.
const PRINTED: usize = 20;

/// What the history leaves.
#[derive(Default)]
struct Replayed {
    accounts: BTreeMap<Pubkey, Account>,
    transactions: usize,
    calls: usize,
}

/// Runs the command. Prints the result.
///
/// # Errors
/// When the node does not answer, when its history cannot be replayed, and when its accounts
/// differ.
pub(crate) async fn run(config: &VerifyConfig) -> Result<()> {
    for url in &config.rpc_url {
        node(url, config).await?;
    }
    Ok(())
}

/// Verifies one node.
async fn node(url: &str, config: &VerifyConfig) -> Result<()> {
    let chain = Chain::new(&[url.to_owned()], TIMEOUT, PAGE);
    // The accounts come first: then no later transaction is needed to explain them.
    let (slot, accounts) = chain.bytes(Commitment::Finalized).await?;
    let replayed = replay(&chain, slot, usize::from(config.concurrency)).await?;
    // An empty answer must not pass for an equal one.
    if accounts.is_empty() && replayed.transactions == 0 {
        bail!("the node has neither accounts nor transactions of the program {PROGRAM_ID}");
    }
    let differences = differences(&accounts, &replayed.accounts);
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
        "{} accounts equal the history at slot {slot}: {} transactions, {} calls",
        accounts.len(),
        replayed.transactions,
        replayed.calls
    );
    Ok(())
}

/// Replays the history up to and including `end`. Returns the accounts that it leaves.
async fn replay(chain: &Chain, end: u64, concurrency: usize) -> Result<Replayed, Failure> {
    let ready = chain.sources().ready(end).await?;
    let source = ready
        .first()
        .ok_or(Failure::Silent("there is no node".into()))?;
    let mut list = List::read(source, &Anchor::default(), end, HashSet::new()).await?;
    let total = list.len();
    let mut replayed = Replayed::default();
    let mut before = (0, None);
    while let Some(page) = list.take_page().await? {
        let page = page.iter().filter(|listed| listed.slot <= end);
        let mut transactions = stream::iter(page)
            .map(async |listed| {
                if listed.failed {
                    return Ok(None);
                }
                let signature = parse(&listed.signature)?;
                transaction(chain, &signature, listed.slot, Commitment::Finalized)
                    .await
                    .map(Some)
            })
            .buffered(concurrency);
        while let Some(transaction) = transactions.try_next().await? {
            replayed.transactions += 1;
            if replayed.transactions.is_multiple_of(100) {
                progress(&format!(
                    "{} of {total} transactions replayed",
                    replayed.transactions
                ));
            }
            let Some(transaction) = transaction else {
                continue;
            };
            let place = (transaction.slot, transaction.index);
            if place.0 < before.0
                || (place.0 == before.0 && place.1.is_some() && place.1 <= before.1)
            {
                return Err(Failure::Chain(format!(
                    "the node lists transactions in another order than their blocks': {place:?} \
                     comes after {before:?}"
                )));
            }
            before = place;
            replayed.calls += apply(chain, &mut replayed.accounts, &transaction).await?;
        }
    }
    Ok(replayed)
}

/// Applies one transaction. Returns the number of its calls.
async fn apply(
    chain: &Chain,
    accounts: &mut BTreeMap<Pubkey, Account>,
    transaction: &Transaction,
) -> Result<usize, Failure> {
    let effects = effects(accounts, chain, transaction).await?;
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
