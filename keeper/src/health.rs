//! The keeper's reports about itself.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use vouch_db::keeper::Backlog;
use vouch_service::{Health, Heartbeat, Readiness};

use crate::failure::Failure;

/// How the keeper is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It has not finished a round yet.
    Starting,
    /// It pays what can be paid.
    Ok,
    /// It has no key and sends nothing.
    Off,
    /// Its account holds too little: it sends nothing.
    LowBalance,
    /// It has spent what it may spend today.
    BudgetSpent,
    /// So many transactions have no known end that it sends nothing more.
    Waiting,
    /// The node does not answer, or not rightly.
    ChainUnavailable,
    /// Postgres does not answer, or refuses.
    DatabaseUnavailable,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ok => "ok",
            Self::Off => "off",
            Self::LowBalance => "low_balance",
            Self::BudgetSpent => "budget_spent",
            Self::Waiting => "waiting",
            Self::ChainUnavailable => "chain_unavailable",
            Self::DatabaseUnavailable => "database_unavailable",
        }
    }

    /// Whether it does what it is meant to do.
    fn is_ready(self) -> bool {
        matches!(self, Self::Ok | Self::Off)
    }
}

/// The state of the last rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Facts {
    status: Status,
    /// Why it is not `ok`.
    detail: Option<String>,
    /// The address whose SOL pays the fees.
    address: Option<String>,
    /// Lamports that it holds.
    balance: Option<u64>,
    /// Lamports that the transactions of today (UTC) cost.
    spent_today: i64,
    /// Claims that are due.
    due: i64,
    /// Seconds for which the oldest of them has been due.
    oldest_due_seconds: i64,
    /// Claims that wait because they could not be paid.
    waiting: i64,
    /// Transactions whose end is not known yet.
    in_flight: usize,
    /// The last error, also if it has passed.
    last_error: Option<String>,
}

/// Health of the keeper, shared by its parts.
#[derive(Debug)]
pub(crate) struct Report {
    heartbeat: Heartbeat,
    facts: Mutex<Facts>,
    round: Mutex<Option<Instant>>,
}

impl Report {
    pub(crate) fn new(heartbeat: Heartbeat, address: Option<String>) -> Self {
        let facts = Facts {
            status: Status::Starting,
            detail: None,
            address,
            balance: None,
            spent_today: 0,
            due: 0,
            oldest_due_seconds: 0,
            waiting: 0,
            in_flight: 0,
            last_error: None,
        };
        Self {
            heartbeat,
            facts: facts.into(),
            round: Mutex::default(),
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work goes on.
    pub(crate) fn beat(&self) {
        self.heartbeat.beat();
    }

    /// A round was complete.
    pub(crate) fn completed(&self, status: Status, detail: Option<String>) {
        let mut facts = self.facts();
        facts.status = status;
        facts.detail = detail;
        *self.round.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// A round ended early.
    pub(crate) fn failed(&self, failure: &Failure) {
        let status = match failure {
            Failure::Database(_) => Status::DatabaseUnavailable,
            Failure::Chain(_) | Failure::OtherChain { .. } => Status::ChainUnavailable,
        };
        {
            let mut facts = self.facts();
            facts.status = status;
            facts.detail = Some(failure.to_string());
        }
        self.error(failure);
    }

    /// Keeps an error for people.
    pub(crate) fn error(&self, error: impl std::fmt::Display) {
        metrics::counter!("vouch_keeper_errors_total").increment(1);
        self.facts().last_error = Some(error.to_string());
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    pub(crate) fn money(&self, balance: u64, spent_today: i64) {
        metrics::gauge!("vouch_keeper_balance_lamports").set(balance as f64);
        metrics::gauge!("vouch_keeper_spent_today_lamports").set(spent_today as f64);
        let mut facts = self.facts();
        facts.balance = Some(balance);
        facts.spent_today = spent_today;
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    pub(crate) fn backlog(&self, backlog: Backlog) {
        metrics::gauge!("vouch_keeper_due").set(backlog.due as f64);
        metrics::gauge!("vouch_keeper_oldest_due_seconds").set(backlog.oldest as f64);
        metrics::gauge!("vouch_keeper_waiting").set(backlog.waiting as f64);
        let mut facts = self.facts();
        facts.due = backlog.due;
        facts.oldest_due_seconds = backlog.oldest;
        facts.waiting = backlog.waiting;
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    pub(crate) fn in_flight(&self, count: usize) {
        metrics::gauge!("vouch_keeper_in_flight").set(count as f64);
        self.facts().in_flight = count;
    }
}

impl Health for Report {
    fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    fn readiness(&self) -> Readiness {
        let facts = self.facts().clone();
        let status = facts.status;
        let readiness = Readiness {
            ready: status.is_ready(),
            cause: facts.detail,
            ..Readiness::ready(status.name())
        };
        let round = *self.round.lock().unwrap_or_else(PoisonError::into_inner);
        readiness.age("round", round.map(|round| round.elapsed()))
    }

    fn healthz(&self) -> Response {
        let facts = self.facts().clone();
        let code = if facts.status.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (code, [(header::CACHE_CONTROL, "no-store")], Json(facts)).into_response()
    }
}
