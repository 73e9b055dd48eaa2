//! The time from a node's notification of a conversion until its row is visible, beside one bare commit.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;
use sqlx::{Executor as _, PgPool};
use tokio::time::sleep;

use crate::{announcer::Announcer, history::History};

const POLL: Duration = Duration::from_millis(1);
/// Pause before the next notification: a quiet time, in which no round waits for the one before it.
pub(crate) const QUIET: Duration = Duration::from_millis(400);
/// A time in which rounds are shared, because announcements come faster than those begin.
pub(crate) const BUSY: Duration = Duration::from_millis(40);
const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize)]
pub(crate) struct Lag {
    pub(crate) conversions: usize,
    /// Milliseconds from the notification until the row is visible.
    pub(crate) visible_median_ms: f64,
    pub(crate) visible_p99_ms: f64,
    /// Milliseconds that a commit of one row takes.
    pub(crate) commit_median_ms: f64,
    pub(crate) commit_p99_ms: f64,
}

/// Announces each of these transactions, after a pause, once `show` has made the node list it.
pub(crate) async fn measure(
    history: &History,
    announcer: &Announcer,
    pool: &PgPool,
    numbers: std::ops::Range<u64>,
    pause: Duration,
    show: impl Fn(u64),
) -> Result<Lag> {
    pool.execute("CREATE TABLE IF NOT EXISTS bare_commits (number bigint PRIMARY KEY)")
        .await?;
    let (mut visible, mut commits) = (Vec::new(), Vec::new());
    for number in numbers {
        sleep(pause).await;
        let began = Instant::now();
        sqlx::query("INSERT INTO bare_commits VALUES ($1)")
            .bind(i64::try_from(number)?)
            .execute(pool)
            .await?;
        commits.push(began.elapsed());
        show(number + 1);
        let began = Instant::now();
        announcer.announce(history.signature(number), history.slot(number));
        loop {
            let held: i64 = sqlx::query_scalar("SELECT confirmed_seq FROM indexer_state")
                .fetch_one(pool)
                .await?;
            if held > i64::try_from(number)? {
                break;
            }
            ensure!(began.elapsed() < DEADLINE, "a conversion does not appear");
            sleep(POLL).await;
        }
        visible.push(began.elapsed());
    }
    visible.sort_unstable();
    commits.sort_unstable();
    Ok(Lag {
        conversions: visible.len(),
        visible_median_ms: percentile(&visible, 50),
        visible_p99_ms: percentile(&visible, 99),
        commit_median_ms: percentile(&commits, 50),
        commit_p99_ms: percentile(&commits, 99),
    })
}

/// The moments at which these transactions were visible.
pub(crate) async fn watch(pool: &PgPool, numbers: std::ops::Range<u64>) -> Result<Vec<Instant>> {
    let mut seen = Vec::new();
    let mut last = Instant::now();
    for number in numbers {
        loop {
            let held: i64 = sqlx::query_scalar("SELECT confirmed_seq FROM indexer_state")
                .fetch_one(pool)
                .await?;
            if held > i64::try_from(number)? {
                break;
            }
            ensure!(last.elapsed() < DEADLINE, "a conversion does not appear");
            sleep(POLL).await;
        }
        last = Instant::now();
        seen.push(last);
    }
    Ok(seen)
}

/// Milliseconds.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    let duration = sorted.get(place).copied().unwrap_or_default();
    duration.as_secs_f64() * 1000.0
}

/// Lets so many conversions of 5,000 referrers wait that mature at this time.
pub(crate) async fn crowd(pool: &PgPool, count: i64, matures_at: i64) -> Result<()> {
    sqlx::query(
        "WITH sale AS (
             SELECT 'waits' || lpad(number::text, 38, '0') AS address, 'R' || number % 5000 AS referrer
             FROM generate_series(1, $1) AS number
         ), sold AS (
             INSERT INTO conversions
             SELECT address, 1, 1, 'Crowd', 'code of ' || referrer, 'AZURE23', referrer, NULL, 'Zoe', 'signup', 1,
                    NULL, 7, 0, 0, $2, $2, 'paid', 7
             FROM sale
         )
         INSERT INTO maturing SELECT address, 1, $2, 'Crowd', $2 FROM sale",
    )
    .bind(count)
    .bind(matures_at)
    .execute(pool)
    .await?;
    Ok(())
}

/// How many of them wait.
pub(crate) async fn waiting(pool: &PgPool) -> Result<i64> {
    let waiting = sqlx::query_scalar("SELECT count(*) FROM maturing WHERE campaign = 'Crowd'");
    Ok(waiting.fetch_one(pool).await?)
}
