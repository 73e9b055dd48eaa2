//! The indexer's own state, for /healthz and /metrics.

mod probes;
mod status;

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use vouch_service::Heartbeat;

pub(crate) use self::status::Status;
use self::status::status_of;
use crate::{failure::Failure, standing::Line};

/// Uncertain conversions that are counted at most.
pub(crate) const MOST_UNCERTAIN: i64 = 1000;
/// Conversions that wait for ranks and are counted at most.
pub(crate) const MOST_WAITING: i64 = 5_000;

/// A part of the mirror that makes progress of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Confirmed transactions.
    Confirmed,
    /// Final transactions.
    Final,
    /// The comparison of accounts.
    Accounts,
}

/// The progress of a layer.
#[derive(Debug, Default)]
struct Progress {
    /// The last success, by this machine's clock.
    at: Option<Instant>,
    /// The failure since then.
    failure: Option<(Status, String)>,
}

impl Progress {
    fn age(&self) -> Option<f64> {
        self.at.map(|at| at.elapsed().as_secs_f64())
    }
}

/// The nodes as they are now.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    /// The lines of /healthz, that of the stream last.
    pub(crate) lines: Vec<Line>,
    /// Why nodes that may be right are too far apart.
    pub(crate) apart: Option<String>,
}

/// The answer of /healthz.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) status: Status,
    /// Everything confirmed up to this slot is mirrored.
    indexed_slot: Option<u64>,
    /// The chain's confirmed slot, as the node last told it.
    chain_slot: Option<u64>,
    slots_behind: Option<u64>,
    /// Everything up to this slot is mirrored, final and proven complete.
    finalized_slot: Option<u64>,
    /// Seconds since the mirror last held everything confirmed that the node listed.
    confirmed_age: Option<f64>,
    /// Seconds since the mirror last held everything final that the node listed.
    finalized_age: Option<f64>,
    /// Seconds since all accounts were last equal to the node's.
    accounts_age: Option<f64>,
    /// Seconds since the chain's confirmed slot last grew.
    #[serde(skip)]
    chain_slot_age: Option<f64>,
    /// Accounts that differ from the node's.
    differing_accounts: u64,
    /// Conversions of which the transactions do not tell which parts were paid; at most
    /// [`MOST_UNCERTAIN`].
    uncertain_conversions: i64,
    /// Conversions that should count for ranks by now and wait, because they are very many; at most
    /// [`MOST_WAITING`].
    pub(crate) waiting_for_ranks: i64,
    pub(crate) detail: Option<String>,
    /// The nodes.
    sources: Vec<Line>,
}

#[derive(Debug)]
struct Inner {
    /// The status that overrides the layers: before the first round, and while Postgres fails.
    fixed: Option<(Status, Option<String>)>,
    confirmed: Progress,
    finality: Progress,
    accounts: Progress,
    indexed_slot: Option<u64>,
    chain_slot: Option<u64>,
    /// When the chain's slot last grew, by this machine's clock.
    chain_slot_at: Option<Instant>,
    /// When it was last told.
    chain_slot_told: Option<Instant>,
    finalized_slot: Option<u64>,
    /// The final slot after which no later one is told, for a while already.
    stalled: Option<u64>,
    /// How many accounts differ, and from whose.
    differing: (u64, String),
    /// Conversions of which it is not certain what was paid, and their campaigns.
    uncertain: (i64, i64),
    /// Conversions that wait for ranks.
    waiting: i64,
    /// The comparison of accounts should be complete by then, again and again.
    accounts_due: Option<Instant>,
}

pub(crate) struct Health {
    inner: Mutex<Inner>,
    heartbeat: Heartbeat,
    nodes: OnceLock<Box<dyn Fn() -> Nodes + Send + Sync>>,
    max_slots_behind: u64,
    max_age: Duration,
}

impl Inner {
    fn layer(&mut self, layer: Layer) -> &mut Progress {
        match layer {
            Layer::Confirmed => &mut self.confirmed,
            Layer::Final => &mut self.finality,
            Layer::Accounts => &mut self.accounts,
        }
    }

    fn slots_behind(&self) -> Option<u64> {
        let (chain, indexed) = self.chain_slot.zip(self.indexed_slot)?;
        Some(chain.saturating_sub(indexed))
    }
}

impl Health {
    pub(crate) fn new(max_slots_behind: u64, max_age: Duration, heartbeat: Heartbeat) -> Self {
        Self {
            inner: Mutex::new(Inner {
                fixed: Some((Status::Starting, None)),
                confirmed: Progress::default(),
                finality: Progress::default(),
                accounts: Progress::default(),
                indexed_slot: None,
                chain_slot: None,
                chain_slot_at: None,
                chain_slot_told: None,
                finalized_slot: None,
                stalled: None,
                differing: (0, String::new()),
                uncertain: (0, 0),
                waiting: 0,
                accounts_due: None,
            }),
            heartbeat,
            nodes: OnceLock::new(),
            max_slots_behind,
            max_age,
        }
    }

    /// Reports these nodes from now on.
    pub(crate) fn watch(&self, nodes: impl Fn() -> Nodes + Send + Sync + 'static) {
        // There is one chain in a process.
        let _ = self.nodes.set(Box::new(nodes));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut inner)
    }

    pub(crate) fn report(&self) -> Report {
        let nodes = self.nodes.get().map(|nodes| nodes()).unwrap_or_default();
        let Nodes {
            lines: sources,
            apart,
        } = nodes;
        self.change(|inner| {
            let (status, detail) = inner.status(self.max_slots_behind, self.max_age, apart);
            Report {
                status,
                indexed_slot: inner.indexed_slot,
                chain_slot: inner.chain_slot,
                slots_behind: inner.slots_behind(),
                finalized_slot: inner.finalized_slot,
                confirmed_age: inner.confirmed.age(),
                finalized_age: inner.finality.age(),
                accounts_age: inner.accounts.age(),
                chain_slot_age: inner.chain_slot_at.map(|at| at.elapsed().as_secs_f64()),
                differing_accounts: inner.differing.0,
                uncertain_conversions: inner.uncertain.0,
                waiting_for_ranks: inner.waiting,
                detail,
                sources,
            }
        })
    }

    /// The work goes on.
    pub(crate) fn beat(&self) {
        self.heartbeat.beat();
    }

    /// Sets the status until a layer makes progress or fails.
    pub(crate) fn set(&self, status: Status, detail: Option<String>) {
        self.change(|inner| inner.fixed = Some((status, detail)));
    }

    /// The session ended.
    pub(crate) fn ended(&self, failure: &Failure) {
        self.set(status_of(failure), Some(failure.to_string()));
    }

    /// A layer does not make progress.
    pub(crate) fn failed(&self, layer: Layer, failure: &Failure) {
        self.change(|inner| {
            inner.fixed = None;
            inner.layer(layer).failure = Some((status_of(failure), failure.to_string()));
        });
    }

    /// A layer holds everything that the node has.
    pub(crate) fn succeeded(&self, layer: Layer) {
        self.change(|inner| {
            inner.fixed = None;
            *inner.layer(layer) = Progress {
                at: Some(Instant::now()),
                failure: None,
            };
        });
    }

    /// So many accounts differ from those of `whose`.
    pub(crate) fn differences(&self, differing: u64, whose: String) {
        self.change(|inner| inner.differing = (differing, whose));
    }

    /// Notes of how many conversions in how many campaigns it is not certain what was paid.
    pub(crate) fn uncertain(&self, uncertain: (i64, i64)) {
        gauge(
            "vouch_indexer_uncertain_conversions",
            u64::try_from(uncertain.0).unwrap_or_default(),
        );
        self.change(|inner| inner.uncertain = uncertain);
    }

    /// So many conversions should count for ranks by now and wait.
    pub(crate) fn waiting(&self, waiting: i64) {
        gauge(
            "vouch_indexer_waiting_for_ranks",
            u64::try_from(waiting).unwrap_or_default(),
        );
        self.change(|inner| inner.waiting = waiting);
    }

    /// The comparison of accounts should be complete within this time.
    pub(crate) fn expect_accounts(&self, within: Duration) {
        self.change(|inner| inner.accounts_due = Some(Instant::now() + within));
    }

    pub(crate) fn chain_slot(&self, slot: u64) {
        gauge("vouch_indexer_chain_slot", slot);
        self.change(|inner| {
            if inner.chain_slot.is_none_or(|before| before < slot) {
                inner.chain_slot_at = Some(Instant::now());
            }
            inner.chain_slot = Some(slot);
            inner.chain_slot_told = Some(Instant::now());
        });
    }

    /// The chain's confirmed slot, if a node has told it within this time.
    #[cfg(feature = "grpc")]
    pub(crate) fn chain(&self, within: Duration) -> Option<u64> {
        self.change(|inner| {
            let is_new = inner.chain_slot_told?.elapsed() < within;
            inner.chain_slot.filter(|_| is_new)
        })
    }

    pub(crate) fn indexed_slot(&self, slot: u64) {
        gauge("vouch_indexer_indexed_slot", slot);
        self.change(|inner| inner.indexed_slot = Some(slot));
    }

    pub(crate) fn finalized_slot(&self, slot: u64) {
        gauge("vouch_indexer_finalized_slot", slot);
        self.change(|inner| inner.finalized_slot = Some(slot));
    }

    /// After this slot, which is mirrored, none is told to be final; `None` if one is.
    pub(crate) fn stalled(&self, slot: Option<u64>) {
        self.change(|inner| inner.stalled = slot);
    }

    /// Everything confirmed up to this slot is mirrored.
    pub(crate) fn indexed(&self) -> Option<u64> {
        self.change(|inner| inner.indexed_slot)
    }

    /// Everything up to this slot is mirrored and final.
    pub(crate) fn finality(&self) -> Option<u64> {
        self.change(|inner| inner.finalized_slot)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "slots and counts stay below 2^52"
)]
pub(crate) fn gauge(name: &'static str, value: u64) {
    metrics::gauge!(name).set(value as f64);
}

#[cfg(test)]
mod tests;
