//! The counting of conversions for ranks, in steps by time.
//!
//! All writes go through one connection, so a new transaction waits for the step that runs. While the mirror follows the
//! chain, steps are short, and one new transaction comes before the next step. While it catches up, nobody waits for
//! a single transaction, and steps are long: a total that many conversions of a step change is written once.

use std::time::{Duration, Instant};

use crate::{failure::Failure, health::MOST_WAITING, session::Mirror};

/// How many conversions a step counts, by the time that the steps before it took.
#[derive(Debug)]
pub(crate) struct Pace {
    most: i64,
    least: i64,
    limit: i64,
    aim: Duration,
}

impl Pace {
    /// Steps of about 50 ms, the first of at most 200 conversions.
    pub(crate) fn short() -> Self {
        Self {
            most: 200,
            least: 20,
            limit: 2_000,
            aim: Duration::from_millis(50),
        }
    }

    /// Steps of about 10 seconds, the first of at most 2,000 conversions. Postgres cancels a statement after 30
    /// seconds, so the first one is small however slow the machine is. A shorter step changes more totals.
    pub(crate) fn long() -> Self {
        Self {
            most: 2_000,
            least: 1_000,
            limit: 200_000,
            aim: Duration::from_secs(10),
        }
    }

    /// Most conversions that the next step counts.
    pub(crate) fn most(&self) -> i64 {
        self.most
    }

    /// A whole step took so long.
    pub(crate) fn took(&mut self, time: Duration) {
        let factor = self.aim.as_secs_f64() / time.as_secs_f64().max(1e-6);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a step has fewer than 2^52 conversions"
        )]
        let next = (self.most as f64 * factor.clamp(0.5, 4.0)) as i64;
        self.most = next.clamp(self.least, self.limit);
    }
}

/// Up to where conversions should count: the chain's clock, and its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goal {
    pub(crate) clock: i64,
    pub(crate) slot: i64,
}

/// Counts one step towards `goal`. Returns whether conversions wait afterwards.
pub(crate) async fn step(
    writer: &mut vouch_db::mirror::Writer,
    goal: Goal,
    pace: &mut Pace,
) -> Result<bool, vouch_db::Error> {
    let start = Instant::now();
    writer.count_at_most(pace.most());
    let counted = writer.count(goal.clock, goal.slot).await?;
    metrics::histogram!("vouch_indexer_rank_seconds").record(start.elapsed().as_secs_f64());
    metrics::counter!("vouch_indexer_ranked_total").increment(counted);
    let is_behind = writer.is_behind();
    // The last step may have been a small one.
    if is_behind {
        pace.took(start.elapsed());
    }
    Ok(is_behind)
}

/// Tells health how many conversions wait that should count by now.
pub(crate) async fn tell(mirror: &Mirror<'_>, goal: Option<Goal>) -> Result<(), Failure> {
    let waiting = match goal {
        None => 0,
        Some(goal) => vouch_db::mirror::waiting(mirror.pool, goal.clock, MOST_WAITING).await?,
    };
    mirror.health.waiting(waiting);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_longer_and_shorter_by_their_time() {
        let mut pace = Pace::short();
        let times = [
            10, 10, 50, 100, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 25,
        ];
        let most = times.map(|time| {
            pace.took(Duration::from_millis(time));
            pace.most()
        });
        assert_eq!(
            most,
            [800, 2_000, 2_000, 1_000, 500, 250, 125, 62, 31, 20, 40]
        );
        // However short or long
        (0..100).for_each(|_| pace.took(Duration::ZERO));
        assert_eq!(pace.most(), 2_000);
        (0..100).for_each(|_| pace.took(Duration::MAX));
        assert_eq!(pace.most(), 20);
    }
}
