//! The indexer's own state, for /healthz and /metrics.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::failure::Failure;

/// Slots that finality may lag behind the chain before the indexer counts as behind:
/// about a minute. 32 is normal.
const MAX_SLOTS_UNFINALIZED: u64 = 150;

/// The state of the indexer. Only [`Status::Ok`] is healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Not live yet.
    Starting,
    /// Live.
    Ok,
    /// Live, but the mirror or its finality lags too far behind the chain.
    Behind,
    /// The node does not answer.
    ChainUnavailable,
    /// Postgres does not answer.
    DatabaseUnavailable,
    /// Another process is the writer.
    Standby,
    /// This version cannot read an account.
    Stopped,
}

/// The answer of /healthz.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) status: Status,
    /// Everything confirmed up to this slot is mirrored.
    indexed_slot: Option<u64>,
    /// The chain's confirmed slot.
    chain_slot: Option<u64>,
    slots_behind: Option<u64>,
    /// Everything up to this slot is mirrored and final.
    finalized_slot: Option<u64>,
    detail: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Health {
    report: Mutex<Report>,
    max_slots_behind: u64,
}

impl Health {
    pub(crate) fn new(max_slots_behind: u64) -> Self {
        Self {
            report: Mutex::new(Report {
                status: Status::Starting,
                indexed_slot: None,
                chain_slot: None,
                slots_behind: None,
                finalized_slot: None,
                detail: None,
            }),
            max_slots_behind,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Report) -> T) -> T {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut report);
        report.slots_behind = report
            .chain_slot
            .zip(report.indexed_slot)
            .map(|(chain, indexed)| chain.saturating_sub(indexed));
        if let Some(behind) = report.slots_behind {
            gauge("vouch_indexer_slots_behind", behind);
            let unfinalized = report
                .chain_slot
                .zip(report.finalized_slot)
                .map_or(0, |(chain, finalized)| chain.saturating_sub(finalized));
            let too_far = behind > self.max_slots_behind || unfinalized > MAX_SLOTS_UNFINALIZED;
            report.status = match report.status {
                Status::Ok if too_far => Status::Behind,
                Status::Behind if !too_far => Status::Ok,
                other => other,
            };
        }
        metrics::gauge!("vouch_indexer_healthy")
            .set(f64::from(u8::from(report.status == Status::Ok)));
        result
    }

    pub(crate) fn report(&self) -> Report {
        self.change(|report| report.clone())
    }

    /// Sets the status until the next call.
    pub(crate) fn set(&self, status: Status, detail: Option<String>) {
        self.change(|report| {
            report.status = status;
            report.detail = detail;
        });
    }

    pub(crate) fn failed(&self, failure: &Failure) {
        let status = match failure {
            Failure::Database(_) => Status::DatabaseUnavailable,
            Failure::Chain(_) => Status::ChainUnavailable,
            Failure::Account { .. } | Failure::OtherChain { .. } => Status::Stopped,
        };
        self.set(status, Some(failure.to_string()));
    }

    pub(crate) fn chain_slot(&self, slot: u64) {
        gauge("vouch_indexer_chain_slot", slot);
        self.change(|report| report.chain_slot = Some(slot));
    }

    pub(crate) fn indexed_slot(&self, slot: u64) {
        gauge("vouch_indexer_indexed_slot", slot);
        self.change(|report| report.indexed_slot = Some(slot));
    }

    pub(crate) fn finalized_slot(&self, slot: u64) {
        gauge("vouch_indexer_finalized_slot", slot);
        self.change(|report| report.finalized_slot = Some(slot));
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
    use super::*;

    #[test]
    fn too_far_behind_turns_red_and_back() {
        // Given a live indexer
        let health = Health::new(10);
        health.set(Status::Ok, None);
        health.indexed_slot(100);
        // When the chain runs ahead, then it is behind
        health.chain_slot(110);
        assert_eq!(health.report().status, Status::Ok);
        health.chain_slot(111);
        assert_eq!(health.report().status, Status::Behind);
        assert_eq!(health.report().slots_behind, Some(11));
        // When it has caught up, then it is healthy again
        health.indexed_slot(111);
        assert_eq!(health.report().status, Status::Ok);
        // When the node is away, then being close does not make it healthy
        health.failed(&Failure::Chain("gone".into()));
        health.indexed_slot(111);
        assert_eq!(health.report().status, Status::ChainUnavailable);
    }
    #[test]
    fn finality_that_stands_still_turns_red_and_back() {
        // Given a live indexer that mirrors everything
        let health = Health::new(10);
        health.set(Status::Ok, None);
        let reach = |slot| {
            health.indexed_slot(slot);
            health.chain_slot(slot);
        };
        // When nothing is final yet, or finality lags as much as is normal, then it is
        // healthy
        reach(1000);
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
}
