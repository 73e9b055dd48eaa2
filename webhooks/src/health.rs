//! How the service is.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use vouch_db::Error;
use vouch_service::{Heartbeat, Readiness};

/// A part of the service that works in rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// Makes messages of facts.
    Producer,
    /// Delivers messages.
    Sender,
}

/// Why a part does not work.
#[derive(Debug, Clone)]
struct Trouble {
    status: &'static str,
    cause: String,
    since: Instant,
}

#[derive(Debug, Default)]
struct Progress {
    /// It has finished a round since the last beat.
    passed: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
}

/// How the service is.
#[derive(Debug)]
pub(crate) struct Health {
    heartbeat: Heartbeat,
    parts: [Progress; 2],
}

impl Health {
    pub(crate) fn new(heartbeat: Heartbeat) -> Self {
        let health = Self {
            heartbeat,
            parts: Default::default(),
        };
        health.troubled(Part::Producer, "starting", "waiting for Postgres");
        health
    }

    /// The part has finished a round. It is a beat of the heart when both have.
    pub(crate) fn passed(&self, part: Part) {
        self.part(part).passed.store(true, Ordering::Relaxed);
        if self
            .parts
            .iter()
            .all(|part| part.passed.load(Ordering::Relaxed))
        {
            for part in &self.parts {
                part.passed.store(false, Ordering::Relaxed);
            }
            self.heartbeat.beat();
        }
    }

    /// The process waits for Postgres before its parts begin.
    pub(crate) fn waits(&self) {
        self.heartbeat.beat();
    }

    pub(crate) fn well(&self, part: Part) {
        *self.trouble(part) = None;
    }

    /// The part could not do its work, and tries again.
    pub(crate) fn failed(&self, part: Part, error: &Error) {
        let status = if error.is_unavailable() {
            "database_unavailable"
        } else {
            "failing"
        };
        self.troubled(part, status, error);
    }

    pub(crate) fn troubled(&self, part: Part, status: &'static str, cause: impl ToString) {
        let mut trouble = self.trouble(part);
        let since = trouble
            .as_ref()
            .filter(|trouble| trouble.status == status)
            .map_or_else(Instant::now, |trouble| trouble.since);
        *trouble = Some(Trouble {
            status,
            cause: cause.to_string(),
            since,
        });
    }

    fn part(&self, part: Part) -> &Progress {
        let [producer, sender] = &self.parts;
        match part {
            Part::Producer => producer,
            Part::Sender => sender,
        }
    }

    fn trouble(&self, part: Part) -> std::sync::MutexGuard<'_, Option<Trouble>> {
        self.part(part)
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl vouch_service::Health for Health {
    fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    fn readiness(&self) -> Readiness {
        for part in [Part::Producer, Part::Sender] {
            if let Some(trouble) = self.trouble(part).clone() {
                let age: Duration = trouble.since.elapsed();
                return Readiness::unready(trouble.status, trouble.cause)
                    .age(trouble.status, Some(age));
            }
        }
        Readiness::ready("ok")
    }
}
