//! A list of final transactions in batches, and the node's answers.

use std::{collections::VecDeque, time::Duration};

use futures::{StreamExt as _, stream};
use vouch_replay::Transaction;

use crate::{
    commitment::Commitment,
    failure::Failure,
    history::{List, Listed},
    mirror::Mirror,
    source::Source,
    transactions::{parse, transaction},
};

/// Pauses before a transaction is asked for again: 100 and 200 ms.
const FETCH_PAUSE: Duration = Duration::from_millis(100);
const LAST_FETCH_PAUSE: Duration = Duration::from_millis(200);

/// The transactions up to the first that the node did not return, and why it did not.
pub(crate) type Answers = (Vec<Transaction>, Option<Failure>);

/// A batch of listed transactions.
pub(crate) struct Fetched {
    pub(crate) listed: Vec<Listed>,
    /// The answers, if a node was asked already.
    pub(crate) answers: Option<Answers>,
}

impl Fetched {
    /// Transactions that no node was asked for.
    pub(crate) fn unasked(listed: Vec<Listed>) -> Self {
        Self {
            listed,
            answers: None,
        }
    }
}

/// A list of final transactions, oldest first, in batches.
pub(crate) struct Batches<'a> {
    list: List<'a>,
    source: &'a Source,
    /// Later slots are left out.
    end: u64,
    size: usize,
    /// The rest of a page; empty at the end of the list.
    page: VecDeque<Listed>,
    /// Why the next page could not be read.
    failure: Option<Failure>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(list: List<'a>, source: &'a Source, end: u64, size: usize) -> Self {
        Self {
            list,
            source,
            end,
            size,
            page: VecDeque::new(),
            failure: None,
        }
    }

    /// The next batch; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Listed>>, Failure> {
        self.failure.take().map_or(Ok(()), Err)?;
        self.fill().await?;
        let size = self.size.min(self.page.len());
        let batch: Vec<_> = self.page.drain(..size).collect();
        // The batch is good without the next one.
        self.failure = self.fill().await.err();
        Ok(Some(batch).filter(|batch| !batch.is_empty()))
    }

    /// Whether the batch that was returned last is followed by none.
    pub(crate) fn is_over(&self) -> bool {
        self.page.is_empty() && self.failure.is_none()
    }

    /// Reads pages until one has a transaction up to the end.
    async fn fill(&mut self) -> Result<(), Failure> {
        while self.page.is_empty() {
            let Some(page) = self.source.judge(self.list.take_page().await)? else {
                break;
            };
            let end = self.end;
            self.page
                .extend(page.into_iter().filter(|listed| listed.slot <= end));
        }
        Ok(())
    }

    /// The next batch, with answers if `asks`.
    pub(crate) async fn fetch_next(
        &mut self,
        mirror: &Mirror<'_>,
        asks: bool,
    ) -> Result<Option<Fetched>, Failure> {
        let Some(listed) = self.next().await? else {
            return Ok(None);
        };
        let answers = match asks {
            true => Some(fetch(mirror, &listed, Commitment::Finalized).await),
            false => None,
        };
        Ok(Some(Fetched { listed, answers }))
    }
}

/// The listed transactions, in the order of the list, up to the first that the node does not return.
pub(crate) async fn fetch(
    mirror: &Mirror<'_>,
    listed: &[Listed],
    commitment: Commitment,
) -> Answers {
    let mut found = stream::iter(listed)
        .map(|listed| fetch_one(mirror, listed, commitment))
        .buffered(mirror.concurrency);
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
        let outcome = transaction(mirror.chain, &signature, listed.slot, commitment).await;
        if outcome.is_ok() || pause > LAST_FETCH_PAUSE {
            return outcome;
        }
        metrics::counter!("vouch_indexer_fetches_repeated_total").increment(1);
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
