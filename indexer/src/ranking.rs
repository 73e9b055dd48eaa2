//! The counting of conversions for ranks, in steps by time, and the size of batches.
//!
//! All writes go through one connection, so a new transaction waits for the step that runs. While the mirror follows the
//! chain, steps are short, and one new transaction comes before the next step. While very many conversions wait, such
//! steps are a little longer. While the mirror catches up, nobody waits for a single transaction, and steps are long:
//! a total that many conversions of a step change is written once.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Steps after one that took too long, before one may be longer again.
const WARY: u32 = 16;

/// How long steps and batches are in this process. A session that ends leaves them as they are: what took too long is
/// not tried again with the same size.
#[derive(Debug)]
pub(crate) struct Paces {
    /// Steps while the mirror follows the chain.
    pub(crate) short: Shared,
    /// Steps while very many conversions wait.
    pub(crate) longer: Shared,
    /// Steps while the mirror catches up.
    pub(crate) long: Shared,
    /// Transactions of a batch.
    pub(crate) batch: Shared,
}

impl Default for Paces {
    fn default() -> Self {
        Self {
            short: Shared::new(Pace::short()),
            longer: Shared::new(Pace::longer()),
            long: Shared::new(Pace::long()),
            batch: Shared::new(Pace::batch()),
        }
    }
}

/// A pace that outlives sessions.
#[derive(Debug)]
pub(crate) struct Shared(Mutex<Pace>);

impl Shared {
    fn new(pace: Pace) -> Self {
        Self(Mutex::new(pace))
    }

    pub(crate) fn get(&self) -> MutexGuard<'_, Pace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many conversions a step counts, by the time that the steps before it took.
#[derive(Debug)]
pub(crate) struct Pace {
    most: i64,
    least: i64,
    limit: i64,
    aim: Duration,
    /// So many steps are not longer than the one before, because one took too long.
    wary: u32,
}

impl Pace {
    /// Steps of about 50 ms, the first of at most 200 conversions. On a machine so slow that 100 take longer, a step of fewer
    /// would cost nearly as much.
    fn short() -> Self {
        Self {
            most: 200,
            least: 100,
            limit: 2_000,
            aim: Duration::from_millis(50),
            wary: 0,
        }
    }

    /// Steps of about 250 ms, for a mirror that follows the chain while very many wait.
    fn longer() -> Self {
        Self {
            most: 500,
            least: 200,
            limit: 4_000,
            aim: Duration::from_millis(250),
            wary: 0,
        }
    }

    /// Steps of about 4 seconds, the first of a process of at most 2,000 conversions. Postgres cancels a statement after
    /// 15 seconds, so the first one is small however slow the machine is. A shorter step changes more totals.
    fn long() -> Self {
        Self {
            most: 2_000,
            least: 1_000,
            limit: 50_000,
            aim: Duration::from_secs(4),
            wary: 0,
        }
    }

    /// Batches of at most 1,000 transactions, of which a slow Postgres gets fewer. The statements of one must end before the
    /// connection counts as silent.
    fn batch() -> Self {
        Self {
            most: 1_000,
            least: 100,
            limit: 1_000,
            aim: Duration::from_secs(5),
            wary: 0,
        }
    }

    /// Most conversions that the next step counts.
    pub(crate) fn most(&self) -> i64 {
        self.most
    }

    /// A step that counted so many took so long.
    pub(crate) fn took(&mut self, counted: i64, time: Duration) {
        // It ended with a second, for example. Most of its time is none of a single conversion.
        if counted < self.most / 2 && time <= self.aim {
            return;
        }
        let factor = self.aim.as_secs_f64() / time.as_secs_f64().max(1e-6);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a step has fewer than 2^52 conversions"
        )]
        let next = (counted as f64 * factor) as i64;
        let longest = if self.wary > 0 {
            self.most
        } else {
            self.most * 2
        };
        self.wary = self.wary.saturating_sub(1);
        let next = next.clamp(self.most / 2, longest);
        self.most = next.clamp(self.least, self.limit);
    }

    /// A step took so long that Postgres cancelled it, or was silent. Returns whether a shorter one is possible.
    pub(crate) fn too_long(&mut self) -> bool {
        let is_possible = self.most > 1;
        self.wary = WARY;
        self.most = (self.most / 2).max(1);
        self.least = self.least.min(self.most);
        is_possible
    }
}

/// The metric of how many conversions have counted.
pub(crate) const RANKED: &str = "vouch_indexer_ranked_total";

/// Up to where conversions should count: the chain's clock, and its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goal {
    pub(crate) clock: i64,
    pub(crate) slot: i64,
}

/// Counts one step towards `goal`. Returns whether conversions wait afterwards. A step that takes so long that Postgres
/// cancels it, or that the connection counts as silent, is tried again with half as many, the next time.
pub(crate) async fn step(
    writer: &mut vouch_db::mirror::Writer,
    goal: Goal,
    pace: &Shared,
) -> Result<bool, vouch_db::Error> {
    let start = Instant::now();
    let most = pace.get().most();
    writer.count_at_most(most);
    let counted = match writer.count(goal.clock, goal.slot).await {
        Err(error) if error.is_too_long() => {
            let is_shorter = pace.get().too_long();
            tracing::warn!(%error, most, "counting for ranks took too long");
            if error.is_cancelled() && is_shorter {
                return Ok(true);
            }
            return Err(error);
        }
        counted => counted?,
    };
    metrics::histogram!("vouch_indexer_rank_seconds").record(start.elapsed().as_secs_f64());
    metrics::counter!(RANKED).increment(counted);
    pace.get().took(writer.moved(), start.elapsed());
    Ok(writer.is_behind())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn steps_become_longer_and_shorter_by_their_time() {
        let mut pace = Pace::short();
        let times = [10, 10, 10, 10, 50, 100, 1_000, 1_000, 1_000, 25, 40];
        let most = times.map(|time| {
            pace.took(pace.most(), ms(time));
            pace.most()
        });
        assert_eq!(
            most,
            [
                400, 800, 1_600, 2_000, 2_000, 1_000, 500, 250, 125, 250, 312
            ]
        );
        // However short or long
        (0..100).for_each(|_| pace.took(pace.most(), Duration::ZERO));
        assert_eq!(pace.most(), 2_000);
        (0..100).for_each(|_| pace.took(pace.most(), Duration::MAX));
        assert_eq!(pace.most(), 100);
    }

    #[test]
    fn a_step_that_counts_few_makes_the_next_one_no_longer() {
        let mut pace = Pace::long();
        pace.took(2_000, ms(100));
        pace.took(4_000, ms(100));
        assert_eq!(pace.most(), 8_000);
        // It ended with a second
        pace.took(10, ms(1));
        pace.took(0, ms(1));
        assert_eq!(pace.most(), 8_000);
        // Each of its conversions is expensive
        pace.took(10, ms(6_000));
        assert_eq!(pace.most(), 4_000);
        pace.took(3_000, ms(4_000));
        assert_eq!(pace.most(), 3_000);
    }

    #[test]
    fn a_cancelled_step_becomes_shorter_down_to_one_conversion() {
        let mut pace = Pace::long();
        let most: Vec<_> = std::iter::from_fn(|| pace.too_long().then(|| pace.most())).collect();
        assert_eq!(most, [1_000, 500, 250, 125, 62, 31, 15, 7, 3, 1]);
        // The next ones are no longer, however short they are
        (0..WARY).for_each(|_| pace.took(1, ms(1)));
        assert_eq!(pace.most(), 1);
        pace.took(1, ms(4_000));
        assert_eq!(pace.most(), 1);
        pace.took(1, ms(1));
        assert_eq!(pace.most(), 2);
    }
}
