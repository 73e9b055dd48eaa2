//! Days of clicks: made ahead of time, and deleted when they are old.

use std::time::Duration;

use time::{Date, OffsetDateTime};
use vouch_db::{Error, api};

use crate::database::Database;

/// Days that are made ahead, so that a job that fails for a week harms nothing.
const AHEAD: i64 = 8;
/// Days after which visitors are forgotten. Their pseudonyms last for one; clicks of a few days may
/// still come from the spool file.
const VISITOR_DAYS: i64 = 8;
/// Visitors that one statement deletes.
const VISITORS: i64 = 5_000;
/// Interval of the upkeep, and of its repetition after a failure.
const EVERY: Duration = Duration::from_secs(3600);
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Does the upkeep for ever. Clicks are kept for `retention` days.
pub(crate) async fn run(database: &Database, retention: u16) {
    loop {
        database.came_up().await;
        let today = OffsetDateTime::now_utc().date();
        let pause = match upkeep(database, today, retention).await {
            Ok(()) => EVERY,
            Err(error) => {
                // Rows of a day that are in the default partition stay there.
                let passes = error.is_unavailable() || api::is_busy(&error);
                let pause = if passes { AGAIN_AFTER } else { EVERY };
                let cause = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(cause, "the upkeep of clicks is repeated");
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn upkeep(database: &Database, today: Date, retention: u16) -> Result<(), Error> {
    let later = |days| today.saturating_add(time::Duration::days(days));
    // Each on its own, because the rows of a day that are in the default partition keep it there.
    let mut failed = None;
    for day in (0..AHEAD).map(later) {
        let made = database
            .run(async |pool| api::clicks::create_partition(&pool, day).await)
            .await;
        if let Err(error) = made {
            failed = Some(error);
        }
    }
    let oldest = later(-i64::from(retention));
    let dropped = database
        .run(async |pool| api::clicks::drop_partitions(&pool, oldest).await)
        .await?;
    if dropped > 0 {
        tracing::info!(days = dropped, before = %oldest, "deleted old clicks");
    }
    let oldest = later(-VISITOR_DAYS).midnight().assume_utc();
    loop {
        let forgotten = database
            .run(async |pool| api::clicks::forget_visitors(&pool, oldest, VISITORS).await)
            .await?;
        if forgotten == 0 {
            break;
        }
    }
    failed.map_or(Ok(()), Err)
}
