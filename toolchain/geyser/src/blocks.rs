//! The blocks of the chain, each told once it is complete and confirmed, in the order of the chain.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::broadcast;
use yellowstone_grpc_proto::geyser::{SubscribeUpdateBlockMeta, SubscribeUpdateTransactionInfo};

/// Blocks that a client may be behind before its stream ends.
const MOST_BEHIND: usize = 256;
/// Slots that are remembered while they are not confirmed.
const MOST_OPEN: usize = 1_000;

/// A confirmed block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) meta: SubscribeUpdateBlockMeta,
    /// In their order.
    pub(crate) transactions: Vec<SubscribeUpdateTransactionInfo>,
}

/// A slot of which no block was told yet.
#[derive(Debug, Default)]
struct Open {
    meta: Option<SubscribeUpdateBlockMeta>,
    transactions: Vec<SubscribeUpdateTransactionInfo>,
    is_confirmed: bool,
}

impl Open {
    /// Whether everything of it is there. The validator tells transactions later than blocks.
    fn is_complete(&self) -> bool {
        let expected = self.meta.as_ref().map(|it| it.executed_transaction_count);
        expected == Some(self.transactions.len() as u64)
    }
}

#[derive(Debug)]
struct Inner {
    open: BTreeMap<u64, Open>,
    /// The last blocks, oldest first.
    told: VecDeque<Arc<Block>>,
    most: usize,
}

#[derive(Debug)]
pub(crate) struct Blocks {
    inner: Mutex<Inner>,
    sender: broadcast::Sender<Arc<Block>>,
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                open: BTreeMap::new(),
                told: VecDeque::new(),
                most: 1,
            }),
            sender: broadcast::Sender::new(MOST_BEHIND),
        }
    }
}

impl Blocks {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps this many blocks for replays.
    pub(crate) fn keep(&self, most: usize) {
        self.inner().most = most.max(1);
    }

    pub(crate) fn transaction(&self, slot: u64, transaction: SubscribeUpdateTransactionInfo) {
        self.change(slot, |open| open.transactions.push(transaction));
    }

    pub(crate) fn meta(&self, meta: SubscribeUpdateBlockMeta) {
        self.change(meta.slot, |open| open.meta = Some(meta));
    }

    /// This slot is confirmed, and with it those that it follows.
    pub(crate) fn confirmed(&self, slot: u64) {
        let mut inner = self.inner();
        let mut next = Some(slot);
        while let Some(slot) = next.take() {
            if let Some(open) = inner.open.get_mut(&slot)
                && !open.is_confirmed
            {
                open.is_confirmed = true;
                next = open.meta.as_ref().map(|meta| meta.parent_slot);
            }
        }
        self.tell(&mut inner);
    }

    fn change(&self, slot: u64, change: impl FnOnce(&mut Open)) {
        let mut inner = self.inner();
        let last = inner.told.back().map(|block| block.meta.slot);
        // What comes after its block was told would come too late.
        if last.is_some_and(|last| slot <= last) {
            return;
        }
        change(inner.open.entry(slot).or_default());
        if inner.open.len() > MOST_OPEN {
            inner.open.pop_first();
        }
        self.tell(&mut inner);
    }

    /// Tells the confirmed blocks that are complete, up to the first one that is not.
    fn tell(&self, inner: &mut Inner) {
        loop {
            // The validator tells a block before it is confirmed, but tells none of those that it replays when it
            // starts.
            let mut open = inner.open.iter();
            let first = open.find(|(_, open)| open.is_confirmed && open.meta.is_some());
            let Some((slot, _)) = first.filter(|(_, open)| open.is_complete()) else {
                return;
            };
            let slot = *slot;
            let later = inner.open.split_off(&(slot + 1));
            // Slots before it that are not confirmed never will be.
            let open = std::mem::replace(&mut inner.open, later).remove(&slot);
            let Some((Some(meta), mut transactions)) =
                open.map(|open| (open.meta, open.transactions))
            else {
                return;
            };
            transactions.sort_by_key(|transaction| transaction.index);
            let block = Arc::new(Block { meta, transactions });
            inner.told.push_back(Arc::clone(&block));
            while inner.told.len() > inner.most {
                inner.told.pop_front();
            }
            // Without clients nobody receives it.
            let _ = self.sender.send(block);
        }
    }

    /// The blocks from this slot on, and then those that come; with `None`, only those that come. Fails with the
    /// first slot that there is if this one is older.
    pub(crate) fn from(
        &self,
        slot: Option<u64>,
    ) -> Result<(Vec<Arc<Block>>, broadcast::Receiver<Arc<Block>>), Option<u64>> {
        let inner = self.inner();
        let old = match slot {
            None => Vec::new(),
            Some(slot) => {
                let first = inner.told.front().map(|block| block.meta.slot);
                if first.is_none_or(|first| slot < first) {
                    return Err(first);
                }
                let told = inner.told.iter();
                told.filter(|block| block.meta.slot >= slot)
                    .cloned()
                    .collect()
            }
        };
        Ok((old, self.sender.subscribe()))
    }

    /// The slot of the last block.
    pub(crate) fn last(&self) -> Option<u64> {
        self.inner().told.back().map(|block| block.meta.slot)
    }

    /// The slot of the first block that can be replayed.
    pub(crate) fn first(&self) -> Option<u64> {
        self.inner().told.front().map(|block| block.meta.slot)
    }
}
