//! `vouch-indexer verify`: a node's history against its accounts, or against somebody's API.
//!
//! The node's accounts and its history come from different parts of a node. If both agree on every
//! byte, the node's history is complete for its accounts, and nothing has changed an account but the
//! program's own instructions. Both come from one node: if it hides the same in both, this does not
//! notice.
//!
//! An API is another party. If its digest follows from the history, it counts what the chain counts:
//! `docs/digest.md` says what is compared, and what is not.

mod api;
mod compare;
mod history;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use solana_sdk::pubkey::Pubkey;
use vouch_client::PROGRAM_ID;

use crate::{
    chain::Chain, commitment::Commitment, config::VerifyConfig, ledger::agrees,
    verify::history::History,
};

/// Number of differences that are printed.
const PRINTED: usize = 20;

/// Runs the command. Prints the result.
///
/// # Errors
/// When the node does not answer, when its history cannot be replayed, and when something differs.
pub(crate) async fn run(config: &VerifyConfig) -> Result<()> {
    let concurrency = usize::from(config.concurrency);
    // Each node by itself: nothing that one says helps another one.
    for url in &config.rpc_url {
        let chain = Chain::new(&[url.to_owned()], config.limits())?;
        match &config.api {
            Some(api) => compare::run(&chain, concurrency, api, config.slot).await?,
            None => accounts(&chain, concurrency).await?,
        }
    }
    Ok(())
}

/// Compares the node's accounts with its history.
async fn accounts(chain: &Chain, concurrency: usize) -> Result<()> {
    // The accounts come first: then no later transaction is needed to explain them.
    let (slot, accounts) = chain.bytes(Commitment::Finalized).await?;
    let history = history::replay(chain, slot, concurrency, None).await?;
    // An empty answer must not pass for an equal one.
    if accounts.is_empty() && history.transactions == 0 {
        bail!("the node has neither accounts nor transactions of the program {PROGRAM_ID}");
    }
    let differences = differences(&accounts, &history)?;
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
        history.transactions,
        history.calls
    );
    tell_uncertain(&history)
}

/// Says of how many conversions the history does not tell what was paid.
fn tell_uncertain(history: &History) -> Result<()> {
    let uncertain = history.store.uncertain()?;
    if uncertain != 0 {
        println!(
            "of {uncertain} conversions the transactions do not tell which parts were paid: what is \
             not proven counts as owed"
        );
    }
    Ok(())
}

/// A line for each account that differs.
fn differences(node: &BTreeMap<Pubkey, Vec<u8>>, history: &History) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for (address, data) in node {
        let computed = history.store.account(address)?;
        let doubt = history.store.doubt(address)?;
        match &computed {
            _ if agrees(doubt, computed.as_deref(), Some(data)) => {}
            Some(_) => differences.push(format!("{address} has other bytes")),
            None => differences.push(format!("{address} is not in the history")),
        }
    }
    let mut missing = Vec::new();
    history.store.addresses(|address| {
        if !node.contains_key(&address) {
            missing.push(address);
        }
    })?;
    for address in missing {
        let computed = history.store.account(&address)?;
        if !agrees(history.store.doubt(&address)?, computed.as_deref(), None) {
            differences.push(format!("{address} is missing on the node"));
        }
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use vouch_audit::Store;
    use vouch_client::accounts::{Account, Closed};
    use vouch_replay::{Change, Effects, Position, encode};

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
        let changes = [
            (same, closed(1)),
            (other, closed(2)),
            (only_history, closed(1)),
        ];
        let effects = Effects {
            position: Position::default(),
            changes: changes
                .map(|(address, account)| Change {
                    address,
                    account: Some(account),
                    doubt: None,
                })
                .into(),
            facts: Vec::new(),
        };
        let mut store = Store::new().expect("a file");
        store.apply(1, 0, &[effects]).expect("applied");
        let history = History::of(store);
        // Then all but the same are named
        assert_eq!(
            differences(&node, &history).expect("read"),
            [
                format!("{other} has other bytes"),
                format!("{only_node} is not in the history"),
                format!("{only_history} is missing on the node"),
            ]
        );
    }
}
