//! Makes messages of facts, look after look.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::{counter, gauge};
use vouch_db::{
    PgPool,
    webhooks::{Outbox, is_conflict},
};

use crate::{
    config::Config,
    follow::{Incomplete, Seen, follow},
    health::{Health, Part},
    message::Time,
};

/// Pause after a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// A look that takes longer has failed: Postgres is silent.
const SILENCE: Duration = Duration::from_secs(60);
/// Time between two looks at the levels of budgets and vaults.
const LEVELS_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Database(#[from] vouch_db::Error),
    #[error("the mirror is not complete: {0}")]
    Incomplete(#[from] Incomplete),
}

/// Makes messages for ever.
pub(crate) async fn run(pool: &PgPool, config: &Config, health: &Arc<Health>) -> Infallible {
    let mut levels_at = None::<Instant>;
    loop {
        let with_levels = levels_at.is_none_or(|at| at.elapsed() >= LEVELS_EVERY);
        let outcome = tokio::time::timeout(SILENCE, look(pool, with_levels)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(vouch_db::api::busy().into()));
        health.passed(Part::Producer);
        match outcome {
            Ok(new) => {
                health.well(Part::Producer);
                if with_levels {
                    levels_at = Some(Instant::now());
                }
                if new == 0 {
                    tokio::time::sleep(config.poll()).await;
                }
            }
            // Another process was faster. This one looks again.
            Err(Failure::Database(error)) if is_conflict(&error) => {
                tokio::time::sleep(config.poll()).await;
            }
            Err(Failure::Database(error)) => {
                health.failed(Part::Producer, &error);
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(cause, "cannot make messages: {error}");
                tokio::time::sleep(PAUSE).await;
            }
            Err(failure @ Failure::Incomplete(_)) => {
                health.troubled(Part::Producer, "stopped", &failure);
                tracing::error!("cannot make messages: {failure}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One look. Returns how much there was to do.
async fn look(pool: &PgPool, with_levels: bool) -> Result<u64, Failure> {
    let mut outbox = Outbox::begin(pool).await?;
    let behind = outbox.behind();
    let seen = Seen {
        cursor: outbox.next_cursor(),
        sequence: outbox.sequence(),
        withdrawn: outbox.withdrawn().await?,
        settled: outbox.final_facts().await?,
        confirmed: outbox.confirmed_facts().await?,
        matured: outbox.matured().await?,
        milestones: outbox.milestones().await?,
        funded: if with_levels {
            outbox.funded_campaigns().await?
        } else {
            Vec::new()
        },
        short: if with_levels {
            outbox.short_vaults().await?
        } else {
            Vec::new()
        },
    };
    let passed = seen.cursor - outbox.cursor();
    let awards = u64::from(seen.milestones.award != outbox.award());
    let writes = follow(&seen, Time::now())?;
    let new = outbox.commit(&writes).await?;
    counter!("vouch_webhooks_messages_total").increment(new);
    let left = u32::try_from(behind - passed).unwrap_or(u32::MAX);
    gauge!("vouch_webhooks_transactions_behind").set(f64::from(left));
    Ok(new.max(u64::from(left)).max(awards))
}
