//! The sign of life of a service's work.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// When the work last showed that it goes on, by this machine's monotonic clock.
///
/// The work beats whenever it passes a point that it must pass again and again: also when it has
/// nothing to do, waits for Postgres or the node, or repeats what failed. So work that is idle beats,
/// and work that is stuck does not. No task of its own may beat, because that would say nothing
/// about the work.
#[derive(Debug)]
pub struct Heartbeat {
    start: Instant,
    /// Milliseconds from `start` to the last beat.
    last: AtomicU64,
    limit: Duration,
}

impl Heartbeat {
    /// A heartbeat that beats now. The work is stuck when it is silent for longer than `limit`,
    /// which is longer than the longest step between two beats.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            limit,
        }
    }

    /// The work goes on.
    pub fn beat(&self) {
        self.last.fetch_max(self.now(), Ordering::Relaxed);
    }

    /// Time since the last beat.
    #[must_use]
    pub fn age(&self) -> Duration {
        let last = self.last.load(Ordering::Relaxed);
        Duration::from_millis(self.now().saturating_sub(last))
    }

    /// Longest silence that is no failure.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the work has been silent for too long.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.age() > self.limit
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
