//! Follows the chain: confirmed transactions as they come, and final ones for good.
//!
//! A node lists the program's transactions in the order of the chain. The mirror holds a prefix
//! of the final ones, and confirmed ones after it. Each round compares its own with the list:
//! what is new is fetched and applied, and if the list has another transaction at a place,
//! everything from that place on is undone first.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use vouch_db::mirror::{self, Batch, Final, Known};
use vouch_replay::Transaction;

use crate::{
    chain::Commitment,
    failure::Failure,
    health::gauge,
    history::{self, Anchor, List, Listed},
    ledger::{Ledger, Replayed, rewind, slot},
    session::Mirror,
    transactions::{parse, transaction},
};

/// Transactions in one database transaction: enough for speed, few enough to become visible
/// quickly.
const BATCH: usize = 500;
/// A slot counts as listed only this long after the node has called it final, because the node
/// may index its transactions later.
const SETTLE: Duration = Duration::from_secs(2);
/// Pauses before a transaction is asked for again: 100 and 200 ms.
const FETCH_PAUSE: Duration = Duration::from_millis(100);
const LAST_FETCH_PAUSE: Duration = Duration::from_millis(200);
/// With more confirmed transactions than this after the last final one, the mirror is too far
/// behind to show them, and waits until it has the final ones.
const MOST_CONFIRMED: usize = 20_000;

/// The state of the mirror, in memory.
pub(crate) struct Sync<'a> {
    mirror: &'a Mirror<'a>,
    ledger: Ledger,
    /// The last final transaction, and the one before it.
    anchor: Option<Anchor>,
    /// The confirmed transactions after it.
    suffix: Vec<Known>,
    /// The slot up to which everything is listed and final.
    covered: Option<u64>,
    /// A slot that the node called final, and when.
    settling: Option<(u64, Instant)>,
    /// The confirmed slot of the last round.
    reached: Option<u64>,
}

impl<'a> Sync<'a> {
    /// Reads from Postgres how far the mirror is.
    pub(crate) async fn new(mirror: &'a Mirror<'a>) -> Result<Self, Failure> {
        let state = vouch_db::mirror::state(mirror.pool).await?;
        let known = mirror::known(mirror.pool, state.final_seq - 1).await?;
        let (mut known, suffix): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|known| known.seq <= state.final_seq);
        let anchor = known.pop().map(|last| Anchor {
            before: known.pop(),
            last,
        });
        Ok(Self {
            mirror,
            ledger: Ledger::default(),
            anchor,
            suffix,
            covered: state
                .finalized_slot
                .and_then(|slot| u64::try_from(slot).ok()),
            settling: None,
            reached: state.indexed_slot.and_then(|slot| u64::try_from(slot).ok()),
        })
    }

    /// The last final transaction.
    fn last_final(&self) -> Option<&Known> {
        self.anchor.as_ref().map(|anchor| &anchor.last)
    }

    /// These transactions are final, too.
    fn advance_anchor(&mut self, known: impl IntoIterator<Item = Known>) {
        for last in known {
            let before = self.anchor.take().map(|anchor| anchor.last);
            self.anchor = Some(Anchor { before, last });
        }
    }

    /// The number of the last mirrored transaction.
    fn last_seq(&self) -> i64 {
        let last = self.suffix.last().or(self.last_final());
        last.map_or(0, |known| known.seq)
    }

    /// Makes final what the node lists as final.
    pub(crate) async fn finalize(&mut self) -> Result<(), Failure> {
        let chain = self.mirror.chain;
        let tip = chain.slot(Commitment::Finalized).await?;
        let (end, since) = *self.settling.get_or_insert((tip, Instant::now()));
        if since.elapsed() < SETTLE {
            return Ok(());
        }
        if self.covered.is_some_and(|covered| covered >= end) {
            self.settling = None;
            return Ok(());
        }
        let below = slot(end)?;
        let held = self.suffix.iter().filter(|known| known.slot <= below);
        let held = held.map(|known| known.signature.clone()).collect();
        let mut list = List::read(chain, self.anchor.as_ref(), end, held).await?;
        self.check_absent(list.absent()).await?;
        let total = list.len();
        let mut done = 0;
        while let Some(mut page) = list.take_page(chain).await? {
            page.retain(|listed| listed.slot <= end);
            for batch in page.chunks(BATCH) {
                self.finalize_batch(batch).await?;
                done += batch.len();
                if total > BATCH {
                    tracing::info!(done, total, "mirrored final transactions");
                    gauge("vouch_indexer_backlog", (total - done) as u64);
                }
            }
        }
        // What the mirror still has up to this slot is on no final block.
        if self.suffix.iter().any(|known| known.slot <= below) {
            self.rewind_to(0).await?;
        }
        let time = chain.block_time(end).await;
        self.advance(&Batch::default(), end, time).await?;
        self.settling = None;
        Ok(())
    }

    /// Fails if the node knows one of these transactions after all: then its list is not complete.
    /// A list alone does not prove that the cluster abandoned what it lacks.
    async fn check_absent(&self, absent: &HashSet<String>) -> Result<(), Failure> {
        for signature in absent {
            if let Some(slot) = self.mirror.chain.landed(&parse(signature)?).await? {
                return Err(Failure::Chain(format!(
                    "getSignaturesForAddress: the node lacks {signature}, but knows it in slot {slot}"
                )));
            }
        }
        Ok(())
    }

    /// Makes the next listed transactions final. They do not have to be the last ones of their
    /// slot.
    async fn finalize_batch(&mut self, listed: &[Listed]) -> Result<(), Failure> {
        let Some(last) = listed.last() else {
            return Ok(());
        };
        let same = equal(&self.suffix, listed);
        if same > 0 {
            let confirmed: Vec<_> = self.suffix.drain(..same).collect();
            self.advance_anchor(confirmed);
        }
        let rest = listed.get(same..).unwrap_or_default();
        let mut stopped = None;
        let mut batch = Batch::default();
        if !rest.is_empty() {
            if !self.suffix.is_empty() {
                self.rewind_to(0).await?;
            }
            let (transactions, missing) = fetch(self.mirror, rest, Commitment::Finalized).await;
            (batch, stopped) = self.replay(&transactions, false).await?;
            stopped = stopped.or(missing);
            self.advance_anchor(batch.transactions.iter().map(known));
        }
        // The slot of the last transaction may hold more of them.
        let reached = match &stopped {
            None => last.slot,
            Some(_) => self
                .last_final()
                .map_or(0, |known| u64::try_from(known.slot).unwrap_or_default()),
        };
        let time = self.last_final().map(|known| known.block_time);
        self.advance(&batch, reached.saturating_sub(1), time)
            .await?;
        stopped.map_or(Ok(()), Err)
    }

    /// Writes the batch, and that everything up to `end` is listed and final.
    async fn advance(&mut self, batch: &Batch, end: u64, time: Option<i64>) -> Result<(), Failure> {
        let end = end.max(self.covered.unwrap_or_default());
        let range = Final {
            seq: self.last_final().map_or(0, |known| known.seq),
            first_slot: self.covered.map_or(Ok(0), |covered| slot(covered + 1))?,
            last_slot: slot(end)?,
            time,
            source: "rpc".into(),
        };
        // Without a new slot, the range that is covered stays as it is.
        let range = Final {
            first_slot: range.first_slot.min(range.last_slot),
            ..range
        };
        self.write(batch, Some(&range)).await?;
        self.covered = Some(end);
        self.mirror.health.finalized_slot(end);
        Ok(())
    }

    /// Applies what is confirmed.
    pub(crate) async fn follow(&mut self) -> Result<(), Failure> {
        let chain = self.mirror.chain;
        let tip = chain.slot(Commitment::Confirmed).await?;
        self.mirror.health.chain_slot(tip);
        // A node that is behind what was mirrored has to catch up first.
        let tip = tip.max(self.reached.unwrap_or_default());
        let anchor = self.anchor.as_ref();
        let Some(listed) = history::confirmed(chain, anchor, tip, MOST_CONFIRMED).await? else {
            return Ok(());
        };
        let merged = merge(&self.suffix, &listed);
        let differs = merged != listed;
        match self.follow_to(merged).await {
            // Perhaps the mirror holds a transaction that was abandoned: try without it.
            Err(Failure::Replay { .. }) if differs => self.follow_to(listed).await?,
            outcome => outcome?,
        }
        // A node may index the transactions of its newest slot a little later.
        if let Some(reached) = self.reached.replace(tip) {
            self.mirror
                .writer
                .lock()
                .await
                .indexed(slot(reached)?)
                .await?;
            self.mirror.health.indexed_slot(reached);
        }
        Ok(())
    }

    /// Whether the mirror holds this transaction, and it is not final.
    pub(crate) fn holds(&self, signature: &str) -> bool {
        self.suffix.iter().any(|known| known.signature == signature)
    }

    /// Makes the confirmed transactions equal to `listed`.
    async fn follow_to(&mut self, listed: Vec<Listed>) -> Result<(), Failure> {
        let same = equal(&self.suffix, &listed);
        if same < self.suffix.len() {
            self.rewind_to(same).await?;
        }
        for listed in listed.get(same..).unwrap_or_default().chunks(BATCH) {
            let (transactions, missing) = fetch(self.mirror, listed, Commitment::Confirmed).await;
            let (batch, stopped) = self.replay(&transactions, true).await?;
            self.write(&batch, None).await?;
            self.suffix.extend(batch.transactions.iter().map(known));
            if let Some(failure) = stopped.or(missing) {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Undoes all but the first `keep` transactions that are not final.
    async fn rewind_to(&mut self, keep: usize) -> Result<(), Failure> {
        let seq = match keep.checked_sub(1).and_then(|last| self.suffix.get(last)) {
            Some(known) => known.seq,
            None => self.last_final().map_or(0, |known| known.seq),
        };
        let undone = self.suffix.len().saturating_sub(keep);
        tracing::warn!(
            undone,
            seq,
            "the cluster abandoned transactions: undoing them"
        );
        metrics::counter!("vouch_indexer_undone_transactions_total").increment(undone as u64);
        self.ledger.forget();
        rewind(&mut *self.mirror.writer.lock().await, seq).await?;
        self.suffix.truncate(keep);
        Ok(())
    }

    async fn replay(
        &mut self,
        transactions: &[Transaction],
        revocable: bool,
    ) -> Result<(Batch, Option<Failure>), Failure> {
        let seq = self.last_seq() + 1;
        let mut writer = self.mirror.writer.lock().await;
        let replayed = self
            .ledger
            .replay(self.mirror.chain, &mut writer, transactions, seq, revocable)
            .await;
        if replayed.is_err() {
            self.ledger.forget();
        }
        let Replayed { batch, stopped } = replayed?;
        Ok((batch, stopped))
    }

    async fn write(&mut self, batch: &Batch, range: Option<&Final>) -> Result<(), Failure> {
        let start = Instant::now();
        let outcome = self.mirror.writer.lock().await.write(batch, range).await;
        if outcome.is_err() {
            self.ledger.forget();
        }
        outcome?;
        if !batch.transactions.is_empty() {
            metrics::histogram!("vouch_indexer_apply_seconds")
                .record(start.elapsed().as_secs_f64());
            metrics::counter!("vouch_indexer_transactions_total")
                .increment(batch.transactions.len() as u64);
        }
        Ok(())
    }
}

fn known(row: &mirror::Transaction) -> Known {
    Known {
        seq: row.seq,
        slot: row.slot,
        block_time: row.block_time,
        signature: row.signature.clone(),
    }
}

/// The listed transactions, in the order of the list, up to the first that the node does not return.
async fn fetch(
    mirror: &Mirror<'_>,
    listed: &[Listed],
    commitment: Commitment,
) -> (Vec<Transaction>, Option<Failure>) {
    let mut found = stream::iter(listed)
        .map(|listed| fetch_one(mirror, listed, commitment))
        .buffered(mirror.config.concurrency());
    let mut transactions = Vec::with_capacity(listed.len());
    while let Some(outcome) = found.next().await {
        match outcome {
            Ok(transaction) => transactions.push(transaction),
            Err(failure) => return (transactions, Some(failure)),
        }
    }
    (transactions, None)
}

/// A listed transaction. A single answer that fails is asked for again, so that one of many does not
/// hold up the others.
async fn fetch_one(
    mirror: &Mirror<'_>,
    listed: &Listed,
    commitment: Commitment,
) -> Result<Transaction, Failure> {
    let signature = parse(&listed.signature)?;
    let mut pause = FETCH_PAUSE;
    loop {
        let outcome = transaction(mirror.chain, &signature, commitment).await;
        match outcome {
            Ok(found) if found.slot == listed.slot => return Ok(found),
            Ok(found) => {
                return Err(Failure::Chain(format!(
                    "getTransaction: {signature} is in slot {}, but was listed in slot {}",
                    found.slot, listed.slot
                )));
            }
            Err(failure) if pause > LAST_FETCH_PAUSE => return Err(failure),
            Err(_) => {
                metrics::counter!("vouch_indexer_fetches_repeated_total").increment(1);
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }
}

/// How many transactions at the beginning of both are the same.
fn equal(known: &[Known], listed: &[Listed]) -> usize {
    let pairs = known.iter().zip(listed);
    pairs
        .take_while(|(known, listed)| is(known, listed))
        .count()
}

fn is(known: &Known, listed: &Listed) -> bool {
    known.signature == listed.signature && u64::try_from(known.slot) == Ok(listed.slot)
}

/// The confirmed transactions that the mirror should hold: those of the list, and those that it
/// holds and that the list lacks. That one answer lacks a transaction does not prove that the
/// cluster abandoned it. When its slot is final, the list of the final ones does.
fn merge(known: &[Known], listed: &[Listed]) -> Vec<Listed> {
    let signatures: HashSet<&str> = listed.iter().map(|it| it.signature.as_str()).collect();
    let mut kept = known
        .iter()
        .filter(|known| !signatures.contains(known.signature.as_str()))
        .filter_map(|known| {
            Some(Listed {
                signature: known.signature.clone(),
                slot: u64::try_from(known.slot).ok()?,
                failed: false,
            })
        })
        .peekable();
    let mut merged = Vec::with_capacity(listed.len());
    for listed in listed {
        while let Some(kept) = kept.next_if(|kept| kept.slot < listed.slot) {
            merged.push(kept);
        }
        merged.push(listed.clone());
    }
    merged.extend(kept);
    merged
}
