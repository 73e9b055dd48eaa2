//! Deletes what is over, and measures what waits.

use std::{convert::Infallible, time::Duration};

use metrics::gauge;
use vouch_db::{
    Error, PgPool,
    webhooks::{deliveries, retention},
};

use crate::config::Config;

/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(15);
/// Pause between two parts of what is deleted, so that others get their turn.
const PAUSE: Duration = Duration::from_millis(50);
/// Most parts in a round.
const PARTS: u32 = 200;

/// Works for ever.
pub(crate) async fn run(pool: &PgPool, config: &Config) -> Infallible {
    loop {
        if let Err(error) = round(pool, config.keep()).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(cause, "cannot delete what is over: {error}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn round(pool: &PgPool, keep: Duration) -> Result<(), Error> {
    let backlog = deliveries::backlog(pool).await?;
    let count = |number: i64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    gauge!("vouch_webhooks_waiting").set(count(backlog.waiting));
    gauge!("vouch_webhooks_oldest_seconds").set(backlog.oldest_seconds);
    gauge!("vouch_webhooks_endpoints_disabled").set(count(backlog.disabled));
    for _ in 0..PARTS {
        if !retention::sweep(pool, keep).await? {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
