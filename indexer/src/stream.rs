//! The deliveries of a stream of confirmed blocks: the blocks, each following its parent, and in them the
//! transactions that name the program. Bounded in memory; what does not fit is asked of a node instead.
//!
//! It proves nothing by what it leaves out. See `docs/decisions/mirror.md`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use solana_sdk::signature::Signature;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use vouch_db::mirror::Known;

use crate::{
    health::gauge,
    sent::Sent,
    standing::{DOUBT, Line, State},
};

/// Most blocks that are remembered: about 200 seconds.
const MOST_BLOCKS: usize = 512;
/// Most bytes of the transactions that are remembered, as they were sent. In memory they take a few times that.
const MOST_BYTES: usize = 32 << 20;
/// Blocks that are asked for again after the connection was lost, so that their hashes are compared.
const OVERLAP: usize = 150;
/// Most times within [`DOUBT`] that it may replace confirmed blocks. A cluster hardly ever does.
const MOST_FORKS: usize = 3;
/// Most times within [`DOUBT`] that it may leave out blocks while it is connected.
const MOST_GAPS: usize = 10;

/// The head of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) slot: u64,
    pub(crate) hash: String,
    pub(crate) parent_slot: u64,
    pub(crate) parent_hash: String,
    /// Unix seconds.
    pub(crate) time: Option<i64>,
}

/// A transaction of a block.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) signature: Signature,
    /// Its index in the block.
    pub(crate) index: u32,
    /// `None` if it is of a kind that only a node can explain.
    pub(crate) sent: Option<Sent>,
    /// About the memory that it takes, at least the length of the message that brought it.
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct Block {
    head: Head,
    /// In their order.
    transactions: Vec<Delivered>,
}

/// The place of a transaction among those that came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Its block comes later.
    Waiting,
    /// It comes after its block, and nothing that came before follows it on the chain.
    Last,
    /// It comes after its block, and after something that follows it on the chain.
    Late,
    /// It is known, or of a block before all that are known.
    Known,
}

/// How a block follows those that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next one. Whether it has transactions.
    Next(bool),
    /// One that is known, with the same hash.
    Known,
    /// One before all that are known.
    Old,
    /// It does not follow from the last one: blocks are missing between.
    Gap,
    /// Another block than before is in this slot, or follows what was before it.
    Fork(u64),
}

#[derive(Debug, Default)]
struct Inner {
    /// Each follows the one before it.
    blocks: VecDeque<Block>,
    /// Transactions of slots of which the block has not come yet.
    waiting: BTreeMap<u64, Vec<Delivered>>,
    /// Bytes of all transactions.
    bytes: usize,
    /// Up to this slot, the blocks are of the chain that the nodes know.
    checked: Option<u64>,
    /// Whether the blocks that come now are.
    is_checked: bool,
    /// Blocks from this slot on were replaced, by the stream alone; and the hash that the first of them had.
    suspect: Option<(u64, String)>,
    /// Blocks from this slot on were replaced, and the nodes know the new ones.
    abandoned: Option<u64>,
    /// Whether there is a stream at all.
    is_configured: bool,
    /// Why it is not connected.
    failure: Option<(State, String)>,
    /// When it was last wrong, and why.
    doubt: Option<(Instant, String)>,
    /// When it last replaced blocks.
    forks: Times<MOST_FORKS>,
    /// When it last left out blocks.
    gaps: Times<MOST_GAPS>,
}

/// When something happened that may happen `MOST` times within [`DOUBT`].
#[derive(Debug, Default)]
struct Times<const MOST: usize>(VecDeque<Instant>);

impl<const MOST: usize> Times<MOST> {
    fn note(&mut self) {
        self.0.push_back(Instant::now());
        if self.0.len() > MOST + 1 {
            self.0.pop_front();
        }
    }

    fn are_too_many(&self) -> bool {
        self.0.iter().filter(|at| at.elapsed() < DOUBT).count() > MOST
    }
}

/// The stream, as far as the mirror sees it.
#[derive(Debug)]
pub(crate) struct Stream {
    inner: Mutex<Inner>,
    /// Whether it announces transactions.
    live: watch::Sender<bool>,
    /// The slot of the last block that can be used.
    reached: watch::Sender<u64>,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            live: watch::Sender::new(false),
            reached: watch::Sender::new(0),
        }
    }
}

fn size(transactions: &[Delivered]) -> usize {
    transactions.iter().map(|it| it.bytes).sum()
}

impl Block {
    fn slot(&self) -> u64 {
        self.head.slot
    }
}

impl Inner {
    fn last(&self) -> Option<&Head> {
        self.blocks.back().map(|block| &block.head)
    }

    fn find(&self, slot: u64) -> Option<&Block> {
        let place = self.blocks.binary_search_by_key(&slot, Block::slot);
        self.blocks.get(place.ok()?)
    }

    /// Blocks from this slot on are replaced.
    fn suspect(&mut self, slot: u64) {
        let place = self.blocks.partition_point(|block| block.slot() < slot);
        let replaced = self.blocks.get(place);
        let replaced = replaced.map(|block| (slot, block.head.hash.clone()));
        let before = self.suspect.take();
        self.suspect = before
            .into_iter()
            .chain(replaced)
            .min_by_key(|(slot, _)| *slot);
        self.is_checked = false;
        self.forks.note();
    }

    /// Forgets the blocks from this slot on.
    fn cut(&mut self, slot: u64) {
        let keep = self.blocks.partition_point(|block| block.slot() < slot);
        for block in self.blocks.drain(keep..) {
            self.bytes -= size(&block.transactions);
        }
        let checked = self.checked.filter(|_| !self.blocks.is_empty());
        self.checked = checked.map(|checked| checked.min(slot.saturating_sub(1)));
    }

    /// Transactions of the replaced blocks have to be undone. Returns the slot of the first one.
    fn abandon(&mut self) -> Option<u64> {
        let slot = self.suspect.take().map(|(slot, _)| slot);
        self.abandoned = self.abandoned.into_iter().chain(slot).min();
        slot
    }

    fn forget(&mut self) {
        self.blocks.clear();
        self.waiting.clear();
        self.bytes = 0;
        self.checked = None;
        self.is_checked = false;
        self.suspect = None;
    }

    /// Compares the block with those that are known.
    fn step(&self, head: &Head) -> Step {
        let Some((first, last)) = self.blocks.front().zip(self.last()) else {
            return Step::Next(false);
        };
        if head.slot < first.slot() {
            return Step::Old;
        }
        if let Some(known) = self.find(head.slot) {
            return if known.head.hash == head.hash {
                Step::Known
            } else {
                Step::Fork(head.slot)
            };
        }
        if head.slot < last.slot {
            return Step::Fork(head.slot);
        }
        if head.parent_slot == last.slot && head.parent_hash == last.hash {
            return Step::Next(false);
        }
        match self.find(head.parent_slot) {
            Some(parent) if parent.head.hash == head.parent_hash => Step::Fork(parent.slot() + 1),
            Some(parent) => Step::Fork(parent.slot()),
            None if head.parent_slot < last.slot => Step::Fork(head.parent_slot),
            None => Step::Gap,
        }
    }

    /// Makes room by forgetting the oldest. Returns whether it had to forget all.
    fn shrink(&mut self) -> bool {
        while self.blocks.len() > MOST_BLOCKS || (self.bytes > MOST_BYTES && self.blocks.len() > 1)
        {
            let Some(block) = self.blocks.pop_front() else {
                return false;
            };
            self.bytes -= size(&block.transactions);
        }
        // One block holds less than that, and nobody sends more before it.
        let is_too_much = self.bytes > MOST_BYTES;
        if is_too_much {
            self.forget();
        }
        is_too_much
    }
}

impl Stream {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_live(&self, inner: &Inner, live: bool) {
        if inner.is_configured {
            gauge("vouch_indexer_grpc_live", live.into());
        }
        self.live.send_replace(live);
    }

    /// There is a stream.
    pub(crate) fn configure(&self) {
        self.inner().is_configured = true;
    }

    /// A connection begins. Returns the slot from which it should repeat the blocks.
    pub(crate) fn begin(&self) -> Option<u64> {
        let mut inner = self.inner();
        inner.is_checked = false;
        for transactions in std::mem::take(&mut inner.waiting).into_values() {
            inner.bytes -= size(&transactions);
        }
        let place = inner.blocks.len().saturating_sub(OVERLAP);
        inner.blocks.get(place).map(Block::slot)
    }

    /// The connection ended, or there is none.
    pub(crate) fn failed(&self, state: State, reason: String) {
        let mut inner = self.inner();
        inner.failure = Some((state, reason));
        self.set_live(&inner, false);
    }

    /// Nobody follows it any more.
    pub(crate) fn ended(&self) {
        let mut inner = self.inner();
        inner.is_checked = false;
        inner.failure = None;
        self.set_live(&inner, false);
    }

    /// Blocks that were sent before are not compared with those that come.
    pub(crate) fn forget(&self) {
        let mut inner = self.inner();
        inner.forget();
        self.set_live(&inner, false);
    }

    /// Something that it has sent was wrong. It is not used for a while.
    pub(crate) fn doubt(&self, reason: String) {
        tracing::warn!(source = "grpc", reason, "the stream was wrong");
        metrics::counter!("vouch_indexer_source_wrong_total", "source" => "grpc").increment(1);
        let mut inner = self.inner();
        inner.forget();
        inner.doubt = Some((Instant::now(), reason));
        self.set_live(&inner, false);
    }

    /// Why it was wrong lately.
    pub(crate) fn doubted(&self) -> Option<String> {
        let inner = self.inner();
        let doubt = inner.doubt.as_ref().filter(|(at, _)| at.elapsed() < DOUBT);
        doubt.map(|(_, reason)| reason.clone())
    }

    /// A transaction of this slot. Servers send some of them after their block.
    pub(crate) fn transaction(&self, slot: u64, mut delivered: Delivered) -> Arrival {
        let mut inner = self.inner();
        let bytes = delivered.bytes;
        let place = inner.blocks.binary_search_by_key(&slot, Block::slot);
        let first = inner.blocks.front().map(Block::slot);
        let arrival = match place {
            Ok(place) => {
                let is_newest = place + 1 == inner.blocks.len();
                let Some(block) = inner.blocks.get_mut(place) else {
                    return Arrival::Known;
                };
                if let Some(sent) = &mut delivered.sent {
                    sent.block_time = block.head.time;
                }
                let mut known = block.transactions.iter();
                if known
                    .any(|it| it.signature == delivered.signature || it.index == delivered.index)
                {
                    return Arrival::Known;
                }
                let place = block
                    .transactions
                    .partition_point(|it| it.index < delivered.index);
                let is_last = is_newest && place == block.transactions.len();
                block.transactions.insert(place, delivered);
                match is_last {
                    true => Arrival::Last,
                    false => Arrival::Late,
                }
            }
            Err(_) if first.is_some_and(|first| slot < first) => return Arrival::Known,
            Err(_) => {
                inner.waiting.entry(slot).or_default().push(delivered);
                Arrival::Waiting
            }
        };
        inner.bytes += bytes;
        if inner.shrink() {
            self.set_live(&inner, false);
        }
        arrival
    }

    /// A block, with the transactions that came before it.
    pub(crate) fn block(&self, head: Head) -> Step {
        let mut inner = self.inner();
        let mut step = inner.step(&head);
        let slot = head.slot;
        // Transactions that wait for earlier slots wait in vain.
        let later = inner.waiting.split_off(&(slot + 1));
        let mut transactions = Vec::new();
        for (of, waiting) in std::mem::replace(&mut inner.waiting, later) {
            if of == slot {
                transactions = waiting;
            } else {
                inner.bytes -= size(&waiting);
            }
        }
        match step {
            Step::Known | Step::Old => {
                inner.bytes -= size(&transactions);
                return step;
            }
            Step::Next(_) => step = Step::Next(!transactions.is_empty()),
            Step::Gap => {
                inner.cut(0);
                // It may be of another fork, or of another chain.
                inner.is_checked = false;
                self.set_live(&inner, false);
            }
            Step::Fork(from) => {
                inner.suspect(from);
                inner.cut(from);
                self.set_live(&inner, false);
                let last = inner.last();
                if last.is_some_and(|last| {
                    (last.slot, &last.hash) != (head.parent_slot, &head.parent_hash)
                }) {
                    inner.cut(0);
                }
            }
        }
        transactions.sort_by_key(|it| it.index);
        transactions.dedup_by_key(|it| it.index);
        for delivered in &mut transactions {
            if let Some(sent) = &mut delivered.sent {
                sent.block_time = head.time;
            }
        }
        inner.blocks.push_back(Block { head, transactions });
        inner.bytes = inner
            .blocks
            .iter()
            .map(|it| size(&it.transactions))
            .sum::<usize>()
            + inner.waiting.values().map(|it| size(it)).sum::<usize>();
        if inner.is_checked {
            inner.checked = Some(slot);
            self.reached.send_replace(slot);
        }
        if inner.shrink() {
            self.set_live(&inner, false);
        }
        step
    }

    /// Whether this block is still one of those that follow each other.
    pub(crate) fn has(&self, slot: u64, hash: &str) -> bool {
        let inner = self.inner();
        inner
            .find(slot)
            .is_some_and(|block| block.head.hash == hash)
    }

    /// The last block, if it is not known yet whether it is of the chain that the nodes know.
    pub(crate) fn last(&self) -> Option<(u64, String)> {
        let inner = self.inner();
        inner.last().map(|last| (last.slot, last.hash.clone()))
    }

    /// The nodes know the block in this slot, and so all before it and after it.
    pub(crate) fn checked(&self) {
        let mut inner = self.inner();
        inner.is_checked = true;
        inner.checked = inner.last().map(|last| last.slot);
        self.reached.send_replace(inner.checked.unwrap_or_default());
        if let Some(slot) = inner.abandon() {
            metrics::counter!("vouch_indexer_grpc_forks_total").increment(1);
            tracing::warn!(
                slot,
                "the stream replaced blocks, and the node knows the new ones"
            );
        }
        inner.failure = None;
        self.set_live(&inner, true);
    }

    /// The first block that it has replaced by another, if no node was asked about that yet.
    pub(crate) fn replaced(&self) -> Option<(u64, String)> {
        self.inner().suspect.clone()
    }

    /// A node no longer has the first block that was replaced. What was taken from it and later ones is undone, and
    /// lists bring it again.
    pub(crate) fn abandon(&self) {
        self.inner().abandon();
    }

    /// Whether it replaces blocks more often than any cluster does.
    pub(crate) fn is_restless(&self) -> bool {
        self.inner().forks.are_too_many()
    }

    /// It has left out blocks while it was connected. Returns whether it does so again and again.
    pub(crate) fn gap(&self) -> bool {
        let mut inner = self.inner();
        inner.gaps.note();
        inner.gaps.are_too_many()
    }

    pub(crate) fn is_checked(&self) -> bool {
        self.inner().is_checked
    }

    /// Whether it announces transactions, now and later.
    pub(crate) fn live(&self) -> watch::Receiver<bool> {
        self.live.subscribe()
    }

    /// Waits until the blocks up to this slot are there, while the stream is live, but not longer than this.
    pub(crate) async fn reach(&self, slot: u64, within: Duration) {
        let (mut live, mut reached) = (self.live.subscribe(), self.reached.subscribe());
        let reach = async {
            tokio::select! {
                _ = live.wait_for(|live| !live) => {}
                _ = reached.wait_for(|reached| *reached >= slot) => {}
            }
        };
        // Whatever is not there is asked of a node.
        let _ = timeout(within, reach).await;
    }

    /// The transaction in this slot, if it was delivered.
    pub(crate) fn sent(&self, signature: &Signature, slot: u64) -> Option<Sent> {
        let inner = self.inner();
        let block = inner.find(slot)?;
        if inner.checked.is_none_or(|checked| slot > checked) {
            return None;
        }
        let mut delivered = block.transactions.iter();
        delivered
            .find(|it| it.signature == *signature)?
            .sent
            .clone()
    }

    /// The transactions after the last mirrored one, when everything up to the slot `proven` is mirrored. `None`
    /// if that is not known.
    pub(crate) fn after(&self, last: &Known, proven: u64) -> Option<Vec<(Signature, Sent)>> {
        let inner = self.inner();
        let first = inner.blocks.front()?.slot();
        let checked = inner.checked?;
        if first > proven || inner.abandoned.is_some() {
            return None;
        }
        let last_slot = u64::try_from(last.slot).ok()?;
        let last_index = last.block_index.and_then(|it| u32::try_from(it).ok());
        let mut found = Vec::new();
        let from = proven.saturating_add(1).max(last_slot);
        let place = inner.blocks.partition_point(|block| block.slot() < from);
        for block in inner.blocks.range(place..) {
            if block.slot() > checked {
                break;
            }
            for delivered in &block.transactions {
                if block.slot() == last_slot && delivered.index <= last_index? {
                    continue;
                }
                found.push((delivered.signature, delivered.sent.clone()?));
            }
        }
        Some(found)
    }

    /// Blocks from this slot on are no longer of the chain.
    pub(crate) fn abandoned(&self) -> Option<u64> {
        self.inner().abandoned
    }

    /// Transactions taken from blocks from this slot on are undone.
    pub(crate) fn undone(&self, slot: u64) {
        let mut inner = self.inner();
        inner.abandoned = inner.abandoned.filter(|abandoned| *abandoned < slot);
    }

    /// The line of /healthz; `None` if there is no stream.
    pub(crate) fn line(&self) -> Option<Line> {
        let doubt = self.doubted();
        let inner = self.inner();
        let (state, detail) = match (&inner.failure, doubt) {
            (_, Some(reason)) => (State::Unreliable, Some(reason)),
            (Some((state, reason)), _) => (*state, Some(reason.clone())),
            (None, None) if inner.is_checked => (State::Ok, None),
            (None, None) => (State::Unknown, None),
        };
        let slot = inner.last().map(|last| last.slot);
        inner
            .is_configured
            .then(|| Line::of_stream("grpc", state, slot, detail))
    }
}

#[cfg(test)]
mod tests;
