//! Counts stored clicks by time and by where they come from, beside the writers: a crowd on one campaign makes
//! its numbers late, and no click slow.

use std::time::{Duration, Instant};

use vouch_db::api::clicks;

use crate::database::Database;

/// Notes of clicks that one statement counts. It takes far less than the time limit of a statement.
const NOTES: i32 = 2_000;
/// Pause when all are counted.
const PAUSE: Duration = Duration::from_secs(1);
/// The same after a failure.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How often metrics tell what is not counted yet.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Tells by metrics what is not counted yet, also while another process counts.
#[expect(clippy::cast_precision_loss, reason = "gauges")]
async fn tell(database: &Database) {
    // If it fails, so does the count that follows, which the log tells of.
    if let Ok(backlog) = database
        .run(async |pool| clicks::backlog(&pool).await)
        .await
    {
        metrics::gauge!("vouch_api_uncounted_clicks").set(backlog.notes as f64);
        metrics::gauge!("vouch_api_uncounted_clicks_seconds").set(backlog.age as f64);
    }
}

/// Counts for ever. Of several processes one counts at a time.
pub(crate) async fn run(database: &Database) {
    let mut most = NOTES;
    let mut told: Option<Instant> = None;
    loop {
        database.came_up().await;
        if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            tell(database).await;
            told = Some(Instant::now());
        }
        let counted = database
            .run(async |pool| clicks::count(&pool, most).await)
            .await;
        match counted {
            // There may be more.
            Ok(counted) if counted >= i64::from(most) => most = NOTES.min(most * 2),
            Ok(_) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                // A slow Postgres takes fewer of them in time.
                most = (most / 2).max(1);
                tracing::warn!(
                    cause = %anyhow::Error::from(error).root_cause(),
                    "counting clicks failed; they are counted later"
                );
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }
}
