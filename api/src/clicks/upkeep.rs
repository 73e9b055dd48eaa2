//! Days of clicks: made ahead of time, and deleted when they are old.

use std::time::Duration;

use time::{Date, OffsetDateTime};
use vouch_db::{
    Error,
    api::{self, clicks},
};

use crate::database::Database;

/// Days that are made ahead, so that a job that fails for a week harms nothing.
const AHEAD: i64 = 8;
/// Days after which visitors are forgotten. Their pseudonyms last for one; clicks of a few days may
/// still come from the spool file.
const VISITOR_DAYS: i64 = 8;
/// Rows that one statement deletes.
const ROWS: i32 = 5_000;
/// Interval of the upkeep, and of its repetition after a failure.
const EVERY: Duration = Duration::from_secs(3600);
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Does the upkeep for ever. Clicks are kept for `retention` days, and what was counted from them by time for
/// `rollups` days.
pub(crate) async fn run(database: &Database, retention: u16, rollups: u16) {
    loop {
        database.came_up().await;
        let made = make_days(database, OffsetDateTime::now_utc().date()).await;
        // A wrong clock of this machine must delete nothing.
        let today = database.run(async |pool| clicks::today(&pool).await).await;
        let deleted = match today {
            Ok(today) => delete(database, today, retention, rollups).await,
            Err(error) => after("asking for the day", Err(error)),
        };
        tokio::time::sleep(made.min(deleted)).await;
    }
}

/// Makes the days of clicks that come next. Returns the pause until the next time.
async fn make_days(database: &Database, today: Date) -> Duration {
    let later = |days| today.saturating_add(time::Duration::days(days));
    let mut pause = EVERY;
    for day in (0..AHEAD).map(later) {
        let made = database
            .run(async |pool| clicks::create_partition(&pool, day).await)
            .await;
        pause = pause.min(after("making a day of clicks", made.map(|_new| 0)));
    }
    pause
}

/// Deletes old rows of each kind, even if the deletion of another kind has failed. Returns the pause until
/// the next time.
async fn delete(database: &Database, today: Date, retention: u16, rollups: u16) -> Duration {
    let later = |days| today.saturating_add(time::Duration::days(days));
    let mut pause = EVERY;
    let oldest = later(-i64::from(retention));
    let dropped = repeat(|| async {
        let dropped = database
            .run(async |pool| clicks::drop_partition(&pool, oldest).await)
            .await?;
        Ok(u64::from(dropped))
    });
    pause = pause.min(after("dropping days of clicks", dropped.await));
    let deleted = repeat(|| async {
        let deleted = database
            .run(async |pool| clicks::delete_default(&pool, oldest, ROWS).await)
            .await?;
        Ok(u64::try_from(deleted).unwrap_or_default())
    });
    pause = pause.min(after("deleting clicks of no day", deleted.await));
    let oldest = later(-VISITOR_DAYS).midnight().assume_utc();
    let forgotten = repeat(|| async {
        database
            .run(async |pool| clicks::forget_visitors(&pool, oldest, ROWS.into()).await)
            .await
    });
    pause = pause.min(after("forgetting visitors", forgotten.await));
    let oldest = later(-i64::from(rollups));
    let deleted = repeat(|| async {
        let before = oldest.midnight().assume_utc().unix_timestamp();
        let deleted = database
            .run(async |pool| clicks::delete_quarters(&pool, before, ROWS).await)
            .await?;
        Ok(u64::try_from(deleted).unwrap_or_default())
    });
    pause = pause.min(after("deleting counted hours of clicks", deleted.await));
    let deleted = repeat(|| async {
        let deleted = database
            .run(async |pool| clicks::delete_days(&pool, oldest, ROWS).await)
            .await?;
        Ok(u64::try_from(deleted).unwrap_or_default())
    });
    pause.min(after("deleting counted days of clicks", deleted.await))
}

/// Repeats one step, each a transaction of its own, until there is nothing left for it. Returns the sum of
/// what the steps have done.
async fn repeat<F>(mut step: impl FnMut() -> F) -> Result<u64, Error>
where
    F: Future<Output = Result<u64, Error>>,
{
    let mut done = 0_u64;
    loop {
        match step().await? {
            0 => return Ok(done),
            more => done = done.saturating_add(more),
        }
    }
}

/// Logs what a part has done or why it failed. Returns the pause after it.
fn after(part: &str, outcome: Result<u64, Error>) -> Duration {
    match outcome {
        Ok(0) => EVERY,
        Ok(done) => {
            tracing::info!(part, done, "upkeep of clicks");
            EVERY
        }
        Err(error) => {
            let passes = error.is_unavailable() || api::is_busy(&error);
            let cause = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(part, cause, "a part of the upkeep of clicks is repeated");
            if passes { AGAIN_AFTER } else { EVERY }
        }
    }
}
