//! The indexer's own state, for /healthz and /metrics.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use vouch_service::{Heartbeat, Readiness};

use crate::{failure::Failure, sources::Sources, standing::Line};

/// Slots that finality may lag behind the chain before the indexer counts as behind:
/// about a minute. 32 is normal.
const MAX_SLOTS_UNFINALIZED: u64 = 150;

/// The state of the indexer. Only [`Status::Ok`] is healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub(crate) enum Status {
    /// Nothing is mirrored yet.
    Starting,
    /// Live.
    Ok,
    /// Live, but the mirror or its finality lags too far behind the chain, or makes no progress.
    Behind,
    /// The node does not answer, or its answers cannot be right.
    ChainUnavailable,
    /// Postgres does not answer.
    DatabaseUnavailable,
    /// Another process is the writer.
    Standby,
    /// This version cannot read a transaction, or the node left one out, or too many would be undone.
    Stopped,
    /// Accounts differ from the node's.
    Diverged,
}

impl From<Status> for &'static str {
    fn from(status: Status) -> Self {
        match status {
            Status::Starting => "starting",
            Status::Ok => "ok",
            Status::Behind => "behind",
            Status::ChainUnavailable => "chain_unavailable",
            Status::DatabaseUnavailable => "database_unavailable",
            Status::Standby => "standby",
            Status::Stopped => "stopped",
            Status::Diverged => "diverged",
        }
    }
}

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
    pub(crate) detail: Option<String>,
    /// The nodes.
    sources: Vec<Line>,
}

#[derive(Debug)]
struct Inner {
    /// What overrides the layers: before the first round, and while Postgres fails.
    fixed: Option<(Status, Option<String>)>,
    confirmed: Progress,
    finality: Progress,
    accounts: Progress,
    indexed_slot: Option<u64>,
    chain_slot: Option<u64>,
    /// When the chain's slot last grew, by this machine's clock.
    chain_slot_at: Option<Instant>,
    finalized_slot: Option<u64>,
    /// How many accounts differ, and from whose.
    differing: (u64, String),
    /// The comparison of accounts should be complete by then, again and again.
    accounts_due: Option<Instant>,
}

pub(crate) struct Health {
    inner: Mutex<Inner>,
    heartbeat: Heartbeat,
    sources: OnceLock<Arc<Sources>>,
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

    fn status(&self, max_slots_behind: u64, max_age: Duration) -> (Status, Option<String>) {
        if let Some(fixed) = &self.fixed {
            return fixed.clone();
        }
        for progress in [&self.confirmed, &self.finality] {
            if let Some((status, detail)) = &progress.failure {
                return (*status, Some(detail.clone()));
            }
        }
        if let (differing @ 1.., whose) = &self.differing {
            let detail = format!("accounts that differ from {whose}: {differing}");
            return (Status::Diverged, Some(detail));
        }
        let Some(behind) = self.slots_behind() else {
            return (Status::Starting, Some("nothing is mirrored yet".to_owned()));
        };
        let unfinalized = self
            .chain_slot
            .zip(self.finalized_slot)
            .map_or(0, |(chain, finalized)| chain.saturating_sub(finalized));
        // The first of them may be the cause of the others.
        let ages = [
            (self.chain_slot_at, "the node has told no new slot"),
            (self.confirmed.at, "not everything confirmed is mirrored"),
            (self.finality.at, "not everything final is mirrored"),
        ];
        for (at, what) in ages {
            let age = at.map(|at| at.elapsed()).unwrap_or_default();
            if age > max_age {
                let cause = format!("{what} for {} s", age.as_secs());
                return (Status::Behind, Some(cause));
            }
        }
        let distances = [
            (behind, max_slots_behind, "the mirror"),
            (unfinalized, MAX_SLOTS_UNFINALIZED, "what is final"),
        ];
        for (slots, most, what) in distances {
            if slots > most {
                let cause = format!("{what} is {slots} slots behind the chain");
                return (Status::Behind, Some(cause));
            }
        }
        if self.accounts_due.is_some_and(|due| due <= Instant::now()) {
            let cause = "the accounts were not compared for long".to_owned();
            return (Status::Behind, Some(cause));
        }
        (Status::Ok, None)
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
                finalized_slot: None,
                differing: (0, String::new()),
                accounts_due: None,
            }),
            heartbeat,
            sources: OnceLock::new(),
            max_slots_behind,
            max_age,
        }
    }

    /// Reports these sources from now on.
    pub(crate) fn watch(&self, sources: &Arc<Sources>) {
        // There is one chain in a process.
        let _ = self.sources.set(Arc::clone(sources));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut inner)
    }

    pub(crate) fn report(&self) -> Report {
        self.change(|inner| {
            let (status, detail) = inner.status(self.max_slots_behind, self.max_age);
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
                detail,
                sources: self.sources.get().map_or_else(Vec::new, |it| it.lines()),
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
        });
    }

    pub(crate) fn indexed_slot(&self, slot: u64) {
        gauge("vouch_indexer_indexed_slot", slot);
        self.change(|inner| inner.indexed_slot = Some(slot));
    }

    pub(crate) fn finalized_slot(&self, slot: u64) {
        gauge("vouch_indexer_finalized_slot", slot);
        self.change(|inner| inner.finalized_slot = Some(slot));
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

impl vouch_service::Health for Health {
    fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// A standby serves its purpose: it is there.
    fn readiness(&self) -> Readiness {
        let report = self.report();
        Readiness {
            ready: matches!(report.status, Status::Ok | Status::Standby),
            status: report.status.into(),
            cause: report.detail,
            ages: [
                ("confirmed", report.confirmed_age),
                ("finalized", report.finalized_age),
                ("accounts", report.accounts_age),
                ("chain_slot", report.chain_slot_age),
            ]
            .into_iter()
            .filter_map(|(name, age)| Some((name, age?)))
            .collect(),
        }
    }

    fn healthz(&self) -> Response {
        let report = self.report();
        let status = if report.status == Status::Ok {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, Json(report)).into_response()
    }

    fn observe(&self) {
        let report = self.report();
        metrics::gauge!("vouch_indexer_healthy")
            .set(f64::from(u8::from(report.status == Status::Ok)));
        for (name, age) in [
            ("vouch_indexer_confirmed_age_seconds", report.confirmed_age),
            ("vouch_indexer_finalized_age_seconds", report.finalized_age),
            ("vouch_indexer_accounts_age_seconds", report.accounts_age),
        ] {
            if let Some(age) = age {
                metrics::gauge!(name).set(age);
            }
        }
    }
}

fn status_of(failure: &Failure) -> Status {
    match failure {
        Failure::Database(_) => Status::DatabaseUnavailable,
        Failure::Chain(_)
        | Failure::Silent(_)
        | Failure::Behind(_)
        | Failure::Wrong(_)
        | Failure::Extra { .. } => Status::ChainUnavailable,
        Failure::Incomplete { .. }
        | Failure::TooMuch { .. }
        | Failure::Replay { .. }
        | Failure::Corrupt(_)
        | Failure::OtherChain { .. }
        | Failure::SeveralChains(_) => Status::Stopped,
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
mod tests {
    use vouch_service::Health as _;

    use super::*;

    const AGE: Duration = Duration::from_secs(3600);

    /// A health of which both layers have made progress at these slots.
    fn live(indexed: u64, chain: u64) -> Health {
        let health = Health::new(10, AGE, Heartbeat::new(AGE));
        health.succeeded(Layer::Confirmed);
        health.succeeded(Layer::Final);
        health.indexed_slot(indexed);
        health.chain_slot(chain);
        health
    }

    #[test]
    fn too_far_behind_turns_red_and_back() {
        // Given a live indexer
        let health = live(100, 110);
        assert_eq!(health.report().status, Status::Ok);
        // When the chain runs ahead, then it is behind
        health.chain_slot(111);
        assert_eq!(health.report().status, Status::Behind);
        assert_eq!(health.report().slots_behind, Some(11));
        // When it has caught up, then it is healthy again
        health.indexed_slot(111);
        assert_eq!(health.report().status, Status::Ok);
        // When the node is away, then being close does not make it healthy
        let gone = Failure::Chain("gone".into());
        health.failed(Layer::Confirmed, &gone);
        assert_eq!(health.report().status, Status::ChainUnavailable);
        assert_eq!(health.report().detail.as_deref(), Some("gone"));
        // When only finality fails, then that is told too
        health.succeeded(Layer::Confirmed);
        health.failed(Layer::Final, &gone);
        assert_eq!(health.report().status, Status::ChainUnavailable);
        health.succeeded(Layer::Final);
        assert_eq!(health.report().status, Status::Ok);
        // When accounts differ, then it is not healthy
        health.differences(2, "the node's".into());
        assert_eq!(health.report().status, Status::Diverged);
    }

    #[test]
    fn finality_that_stands_still_turns_red_and_back() {
        // Given a live indexer that mirrors everything
        let health = live(1000, 1000);
        let reach = |slot| {
            health.indexed_slot(slot);
            health.chain_slot(slot);
        };
        // When nothing is final yet, or finality lags as much as is normal, then it is
        // healthy
        assert_eq!(health.report().status, Status::Ok);
        health.finalized_slot(968);
        reach(968 + MAX_SLOTS_UNFINALIZED);
        assert_eq!(health.report().status, Status::Ok);
        // When finality stands still, then it is behind
        reach(968 + MAX_SLOTS_UNFINALIZED + 1);
        assert_eq!(health.report().status, Status::Behind);
        assert_eq!(health.report().slots_behind, Some(0));
        // When finality goes on, then it is healthy again
        health.finalized_slot(969);
        assert_eq!(health.report().status, Status::Ok);
    }

    #[test]
    fn readiness_names_the_cause_and_the_ages() {
        // Given an indexer that is too far behind
        let health = live(100, 111);
        // Then it is not ready, with the cause and the age of all that happened
        let readiness = health.readiness();
        assert!(!readiness.ready);
        assert_eq!(readiness.status, "behind");
        let cause = "the mirror is 11 slots behind the chain";
        assert_eq!(readiness.cause.as_deref(), Some(cause));
        let ages: Vec<_> = readiness.ages.keys().copied().collect();
        assert_eq!(ages, ["chain_slot", "confirmed", "finalized"]);
        // When it has caught up, then it is
        health.indexed_slot(111);
        assert_eq!(health.readiness().status, "ok");
        assert!(health.readiness().ready);
        // When another one is the writer, then it is ready, but /healthz says what it is
        health.set(
            Status::Standby,
            Some("another indexer is the writer".into()),
        );
        assert_eq!(health.readiness().status, "standby");
        assert!(health.readiness().ready);
        assert_eq!(health.healthz().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn accounts_that_are_not_compared_turn_red() {
        // Given a live indexer whose accounts are compared
        let health = live(100, 100);
        health.expect_accounts(AGE);
        assert_eq!(health.report().status, Status::Ok);
        // When no comparison is complete in time, then it is behind
        health.expect_accounts(Duration::ZERO);
        let report = health.report();
        assert_eq!(report.status, Status::Behind);
        assert_eq!(
            report.detail.as_deref(),
            Some("the accounts were not compared for long")
        );
        // And when one is, then it is healthy again
        health.succeeded(Layer::Accounts);
        health.expect_accounts(AGE);
        assert_eq!(health.report().status, Status::Ok);
    }

    #[test]
    fn silence_turns_red_without_any_slot() {
        // Given an indexer whose node told the same slots for longer than is allowed
        let health = Health {
            max_age: Duration::ZERO,
            ..live(100, 100)
        };
        // Then it is behind, though no slot says so
        assert_eq!(health.report().slots_behind, Some(0));
        assert_eq!(health.report().status, Status::Behind);
        let cause = "the node has told no new slot for 0 s";
        assert_eq!(health.report().detail.as_deref(), Some(cause));
    }
}
