//! Replays the history of a node into a file.

use std::{
    io::{IsTerminal as _, stderr},
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use solana_sdk::signature::Signature;
use vouch_audit::{Head, Moment, Store};
use vouch_replay::Transaction;

use crate::{
    chain::Chain,
    commitment::Commitment,
    failure::Failure,
    history::{List, Listed},
    ledger::effects,
    transactions::{parse, transaction},
};

/// The accounts and rows that a history leaves, and its length.
pub(super) struct History {
    pub(super) store: Store,
    /// Number of transactions, failed ones included.
    pub(super) transactions: u64,
    /// Number of calls in those that succeeded.
    pub(super) calls: usize,
    /// The last transaction at or before the slot of interest; its time is that of the last one that
    /// succeeded.
    pub(super) last: Moment,
}

impl History {
    pub(super) fn of(store: Store) -> Self {
        Self {
            store,
            transactions: 0,
            calls: 0,
            last: Moment {
                seq: 0,
                time: i64::MIN,
            },
        }
    }
}

/// Replays the history up to and including `end`. Fails if it does not contain what the `claim` says.
pub(super) async fn replay(
    chain: &Chain,
    end: u64,
    concurrency: usize,
    claim: Option<&Claim>,
) -> Result<History> {
    let ready = chain.sources().ready(end).await?;
    let Some(source) = ready.first() else {
        bail!("there is no node");
    };
    let mut list = List::whole(source, end).await?;
    let total = list.len();
    if let Some(claim) = claim {
        // Before hours of work.
        claim.check_count(total as u64)?;
    }
    let mut history = History::of(Store::new()?);
    // A failed transaction proves something only of an uncertain conversion.
    let failed_count = AtomicBool::new(false);
    let mut before = (0, None);
    while let Some(page) = list.take_page().await? {
        let first = history.transactions + 1;
        let page = page.iter().filter(|listed| listed.slot <= end);
        let mut transactions = stream::iter((first..).zip(page))
            .map(async |(seq, listed)| {
                let is_claimed = claim.is_some_and(|claim| claim.head.seq == seq);
                let counts = is_claimed || failed_count.load(Ordering::Relaxed);
                let found = if listed.failed && !counts {
                    None
                } else {
                    let signature = parse(&listed.signature)?;
                    Some(transaction_of(chain, &signature, listed.slot).await?)
                };
                Ok::<_, Failure>((seq, listed, found))
            })
            .buffered(concurrency);
        while let Some((seq, listed, transaction)) = transactions.try_next().await? {
            history.transactions = seq;
            if seq.is_multiple_of(100) {
                progress(&format!("{seq} of {total} transactions replayed"));
            }
            if let Some(claim) = claim {
                claim.check(seq, listed, transaction.as_ref())?;
                if listed.slot <= claim.until {
                    history.last.seq = seq;
                }
            }
            let transaction = match transaction {
                // It was listed before the conversion became uncertain.
                None if history.store.is_provable() => {
                    let signature = parse(&listed.signature)?;
                    transaction_of(chain, &signature, listed.slot).await?
                }
                None => continue,
                Some(transaction) => transaction,
            };
            let place = (transaction.slot, transaction.index);
            if place.0 < before.0
                || (place.0 == before.0 && place.1.is_some() && place.1 <= before.1)
            {
                bail!(
                    "the node lists transactions in another order than their blocks': {place:?} \
                     comes after {before:?}"
                );
            }
            before = place;
            if claim.is_some_and(|claim| transaction.slot <= claim.until) {
                history.last.time = transaction.block_time;
            }
            history.calls += apply(chain, &mut history.store, seq, &transaction).await?;
            failed_count.store(history.store.is_provable(), Ordering::Relaxed);
        }
    }
    if let Some(claim) = claim {
        claim.check_count(history.transactions)?;
    }
    Ok(history)
}

async fn transaction_of(
    chain: &Chain,
    signature: &Signature,
    slot: u64,
) -> Result<Transaction, Failure> {
    transaction(chain, signature, slot, Commitment::Finalized).await
}

/// Somebody's claim about the history.
pub(super) struct Claim {
    /// The last transaction of a digest.
    pub(super) head: Head,
    /// The slot of interest.
    pub(super) until: u64,
}

impl Claim {
    /// Fails if the node has fewer transactions.
    fn check_count(&self, transactions: u64) -> Result<()> {
        let Head { seq, slot, .. } = self.head;
        ensure!(
            transactions >= seq,
            "the API counts {seq} transactions up to slot {slot}, but the node has {transactions}"
        );
        Ok(())
    }

    /// Fails if the transaction contradicts it.
    fn check(&self, seq: u64, listed: &Listed, transaction: Option<&Transaction>) -> Result<()> {
        let head = &self.head;
        if seq == head.seq {
            let claimed = Signature::from(head.signature).to_string();
            if claimed != listed.signature {
                bail!(
                    "the API says that transaction {seq} of the program is {claimed}, but in the \
                     node's history it is {}",
                    listed.signature
                );
            }
            if listed.slot > head.slot {
                bail!(
                    "the API's digest of slot {} holds {claimed}, which is in slot {}",
                    head.slot,
                    listed.slot
                );
            }
            if let Some(transaction) = transaction
                && transaction.block_time != head.time
            {
                bail!(
                    "the API says that {claimed} is of the time {}, but its block is of {}",
                    head.time,
                    transaction.block_time
                );
            }
        } else if seq > head.seq && listed.slot <= head.slot {
            bail!(
                "the API's digest of slot {} lacks {} in slot {}",
                head.slot,
                listed.signature,
                listed.slot
            );
        }
        Ok(())
    }
}

/// Applies one transaction. Returns the number of its calls.
async fn apply(
    chain: &Chain,
    store: &mut Store,
    seq: u64,
    transaction: &Transaction,
) -> Result<usize> {
    let before = store.view(transaction)?;
    let effects = effects(&before, chain, transaction).await?;
    store.apply(seq, transaction.block_time, &effects)?;
    Ok(transaction.calls().count())
}

/// Shows the progress to a person.
pub(super) fn progress(line: &str) {
    if stderr().is_terminal() {
        eprint!("\r{line}");
    }
}
