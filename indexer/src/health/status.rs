//! How the mirror is, in one word, and why.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Inner, MOST_UNCERTAIN};
use crate::failure::Failure;

/// Slots that finality may lag behind the chain before the indexer counts as behind:
/// about a minute. 32 is normal.
pub(super) const MAX_SLOTS_UNFINALIZED: u64 = 150;

/// The state of the indexer. [`Status::Ok`] and [`Status::Degraded`] are healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub(crate) enum Status {
    /// Nothing is mirrored yet.
    Starting,
    /// Live.
    Ok,
    /// Live, and of some conversions the transactions do not tell what was paid.
    Degraded,
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
            Status::Degraded => "degraded",
            Status::Behind => "behind",
            Status::ChainUnavailable => "chain_unavailable",
            Status::DatabaseUnavailable => "database_unavailable",
            Status::Standby => "standby",
            Status::Stopped => "stopped",
            Status::Diverged => "diverged",
        }
    }
}

impl Inner {
    /// The first thing that is wrong. `apart` says which sources contradict each other.
    pub(super) fn status(
        &self,
        max_slots_behind: u64,
        max_age: Duration,
        apart: Option<String>,
    ) -> (Status, Option<String>) {
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
        let stalled = self.stalled.map_or_else(
            || "not everything final is mirrored".to_owned(),
            |slot| format!("no slot after {slot}, which is mirrored, is told to be final"),
        );
        let ages = [
            (self.chain_slot_at, "the node has told no new slot"),
            (self.confirmed.at, "not everything confirmed is mirrored"),
            (self.finality.at, &stalled),
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
        if let Some(apart) = apart {
            return (Status::Behind, Some(apart));
        }
        if self.accounts_due.is_some_and(|due| due <= Instant::now()) {
            let cause = "the accounts were not compared for long".to_owned();
            return (Status::Behind, Some(cause));
        }
        if let (conversions @ 1.., campaigns) = self.uncertain {
            let more = if conversions >= MOST_UNCERTAIN {
                " or more"
            } else {
                ""
            };
            let cause = format!(
                "of {conversions}{more} conversions, in {campaigns} campaigns, the transactions do not \
                 tell which parts were paid"
            );
            return (Status::Degraded, Some(cause));
        }
        (Status::Ok, None)
    }
}

impl Status {
    /// Whether the mirror is live. Anybody can make it [`Status::Degraded`], so that is no reason to
    /// call it dead.
    pub(crate) fn is_healthy(self) -> bool {
        matches!(self, Self::Ok | Self::Degraded)
    }
}

/// The status of the whole during a failure.
pub(super) fn status_of(failure: &Failure) -> Status {
    match failure {
        Failure::Database(_) => Status::DatabaseUnavailable,
        Failure::Chain(_)
        | Failure::Silent(_)
        | Failure::Behind(_)
        | Failure::Wrong(_)
        | Failure::Misplaced(_)
        | Failure::Invented(_)
        | Failure::Extra { .. } => Status::ChainUnavailable,
        Failure::Incomplete { .. }
        | Failure::TooMuch { .. }
        | Failure::Replay { .. }
        | Failure::Corrupt(_)
        | Failure::OtherChain { .. }
        | Failure::SeveralChains(_) => Status::Stopped,
    }
}
