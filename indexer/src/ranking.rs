//! The counting of conversions for ranks, in steps by time.
//!
//! All writes go through one connection, so a new transaction waits for the step that runs. While the mirror follows the
//! chain, steps are short, and one new transaction comes before the next step. While very many conversions wait, such
//! steps are a little longer. While the mirror catches up, nobody waits for a single transaction, and steps are long:
//! a total that many conversions of a step change is written once.

use std::time::{Duration, Instant};

/// How many conversions a step counts, by the time that the steps before it took.
#[derive(Debug)]
pub(crate) struct Pace {
    most: i64,
    least: i64,
    limit: i64,
    aim: Duration,
}

impl Pace {
    /// Steps of about 50 ms, the first of at most 200 conversions. On a machine so slow that 100 take longer, a step of fewer
    /// would cost nearly as much.
    pub(crate) fn short() -> Self {
        Self {
            most: 200,
            least: 100,
            limit: 2_000,
            aim: Duration::from_millis(50),
        }
    }

    /// Steps of about 250 ms, for a mirror that follows the chain while very many wait.
    pub(crate) fn longer() -> Self {
        Self {
            most: 500,
            least: 200,
            limit: 4_000,
            aim: Duration::from_millis(250),
        }
    }

    /// Steps of about 4 seconds, the first of at most 2,000 conversions. Postgres cancels a statement after 15
    /// seconds, so the first one is small however slow the machine is. A shorter step changes more totals.
    pub(crate) fn long() -> Self {
        Self {
            most: 2_000,
            least: 1_000,
            limit: 50_000,
            aim: Duration::from_secs(4),
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
        let next = next.clamp(self.most / 2, self.most * 2);
        self.most = next.clamp(self.least, self.limit);
    }

    /// Postgres cancelled a step. Returns whether a shorter one is possible.
    pub(crate) fn cancelled(&mut self) -> bool {
        let is_possible = self.most > 1;
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
/// cancels it is tried again with half as many, the next time.
pub(crate) async fn step(
    writer: &mut vouch_db::mirror::Writer,
    goal: Goal,
    pace: &mut Pace,
) -> Result<bool, vouch_db::Error> {
    let start = Instant::now();
    writer.count_at_most(pace.most());
    let counted = match writer.count(goal.clock, goal.slot).await {
        Err(error) if error.is_cancelled() && pace.cancelled() => {
            tracing::warn!(%error, most = pace.most(), "counting for ranks took too long");
            return Ok(true);
        }
        counted => counted?,
    };
    metrics::histogram!("vouch_indexer_rank_seconds").record(start.elapsed().as_secs_f64());
    metrics::counter!(RANKED).increment(counted);
    pace.took(writer.moved(), start.elapsed());
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
        let most: Vec<_> = std::iter::from_fn(|| pace.cancelled().then(|| pace.most())).collect();
        assert_eq!(most, [1_000, 500, 250, 125, 62, 31, 15, 7, 3, 1]);
        pace.took(1, ms(4_000));
        assert_eq!(pace.most(), 1);
        pace.took(1, ms(1));
        assert_eq!(pace.most(), 2);
    }
}
