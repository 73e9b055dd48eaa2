//! The way of final transactions from a node's answer into Postgres, in steps, for benchmarks: what
//! [`crate::sync`] does with a batch.

use vouch_db::mirror::{Batch, Final, Writer};
use vouch_replay::Transaction;

use crate::{
    chain::{Chain, PAGE},
    commitment::Commitment,
    config::usual_limits,
    failure::Failure,
    ledger::{Ledger, Replayed},
    ranking::{self, Goal, Paces},
    sync::RANKED_BATCHES,
    transactions::{parse, transaction},
};

/// Applies final transactions to an empty mirror.
pub struct Applier {
    chain: Chain,
    writer: Writer,
    ledger: Ledger,
    /// The last applied transaction.
    seq: i64,
    /// Written batches.
    batches: usize,
    paces: Paces,
}

impl Applier {
    /// Becomes the writer of this database.
    ///
    /// # Errors
    /// When Postgres does not answer, or has another writer.
    pub async fn new(rpc_url: String, database_url: &str) -> Result<Self, String> {
        let writer = Writer::try_acquire(database_url)
            .await
            .map_err(|error| error.to_string())?;
        let chain = Chain::new(&[rpc_url], usual_limits(PAGE));
        Ok(Self {
            chain: chain.map_err(|error| error.to_string())?,
            writer: writer.ok_or("the database has another writer")?,
            ledger: Ledger::default(),
            seq: 0,
            batches: 0,
            paces: Paces::default(),
        })
    }

    /// Asks the node for a transaction.
    ///
    /// # Errors
    /// When the node does not have it.
    pub async fn fetch(&self, signature: &str, slot: u64) -> Result<Transaction, String> {
        let fetched = async {
            let signature = parse(signature)?;
            transaction(&self.chain, &signature, slot, Commitment::Finalized).await
        };
        fetched
            .await
            .map_err(|failure: Failure| failure.to_string())
    }

    /// Returns the changes of the next transactions.
    ///
    /// # Errors
    /// When Postgres does not answer, or they do not follow from those before.
    pub async fn replay(&mut self, transactions: &[Transaction]) -> Result<Batch, String> {
        let first = self.seq + 1;
        let Self {
            chain,
            writer,
            ledger,
            ..
        } = self;
        let replayed = ledger
            .replay(chain, writer, transactions, first, false)
            .await;
        let Replayed { batch, stopped } = replayed.map_err(|failure| failure.to_string())?;
        if let Some(failure) = stopped {
            return Err(failure.to_string());
        }
        self.seq = batch.transactions.last().map_or(self.seq, |last| last.seq);
        Ok(batch)
    }

    /// Writes what [`Self::replay`] returned, as final up to its last slot. Conversions count for
    /// ranks with the last batch, and now and then before.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn write(
        &mut self,
        batch: &Batch,
        first_slot: i64,
        is_last: bool,
    ) -> Result<(), String> {
        let Some(last) = batch.transactions.last() else {
            return Ok(());
        };
        self.batches += 1;
        let is_ranked = is_last || self.batches.is_multiple_of(RANKED_BATCHES);
        let range = Final {
            seq: last.seq,
            first_slot,
            last_slot: last.slot,
            time: is_ranked.then_some(last.block_time),
            source: "rpc".into(),
        };
        let written = async {
            self.writer.write(batch, Some(&range)).await?;
            let goal = Goal {
                clock: last.block_time,
                slot: last.slot,
            };
            let waits = |writer: &Writer| match is_last {
                true => writer.is_behind(),
                false => writer.is_waited_for(),
            };
            while is_ranked && waits(&self.writer) {
                ranking::step(&mut self.writer, goal, &self.paces.long).await?;
            }
            Ok(())
        };
        let written: Result<(), vouch_db::Error> = written.await;
        written.map_err(|error| error.to_string())
    }
}
