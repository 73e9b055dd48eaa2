//! Counts stored clicks by time and by where they come from, beside the writers: a crowd on one campaign makes
//! its numbers late, and no click slow.

use std::time::Duration;

use vouch_db::api::clicks;

use crate::database::Database;

/// Notes of clicks that one statement counts. It takes far less than the time limit of a statement.
const NOTES: i32 = 2_000;
/// Pause when all are counted.
const PAUSE: Duration = Duration::from_secs(1);
/// The same after a failure.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Counts for ever. Of several processes one counts at a time.
pub(crate) async fn run(database: &Database) {
    let mut most = NOTES;
    loop {
        database.came_up().await;
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
