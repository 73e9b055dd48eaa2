//! Everything that Vouch says to Postgres.
//!
//! Queries are checked against the schema at compile time, with what `.sqlx` at the
//! root of the workspace remembers of it.

pub mod amount;
pub mod api;
mod error;
pub mod mirror;

use std::time::Duration;

pub use error::Error;
pub use sqlx::{PgPool, types::BigDecimal};
use sqlx::{
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// The migrations of this version, in order.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

const RETRY_EVERY: Duration = Duration::from_millis(500);
const LOG_EVERY: u32 = 10;

/// A pool of connections to the database at `url` that connects when it is first used.
///
/// A query waits at most 5 seconds for a connection, then fails with
/// [`Error::Unavailable`].
///
/// # Errors
/// [`Error::Query`] when `url` is no URL of a Postgres database.
pub fn pool(url: &str) -> Result<PgPool, Error> {
    let options: PgConnectOptions = url.parse()?;
    Ok(PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.application_name("vouch")))
}

/// A pool of connections to the database at `url`, which is known to answer.
///
/// Waits for as long as Postgres is away, and says so in the log.
///
/// # Errors
/// When `url` is no URL of a Postgres database, or Postgres answers with a refusal
/// (unknown database, wrong password) that waiting does not cure.
pub async fn connect(url: &str) -> Result<PgPool, Error> {
    let pool = pool(url)?;
    let mut attempt = 0_u32;
    loop {
        match pool.acquire().await.map_err(Error::from) {
            Ok(connection) => {
                drop(connection);
                if attempt > 0 {
                    tracing::info!("connected to Postgres");
                }
                return Ok(pool);
            }
            Err(Error::Unavailable(cause)) => {
                if attempt.is_multiple_of(LOG_EVERY) {
                    tracing::warn!(%cause, "waiting for Postgres");
                }
            }
            Err(refusal) => return Err(refusal),
        }
        attempt = attempt.saturating_add(1);
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// Brings the schema to what this version needs. Safe to run from several processes
/// at once: Postgres lets one of them work and the others wait.
///
/// # Errors
/// [`Error::Migrate`] when the database is newer than this version, or was migrated
/// by files that have since been changed.
pub async fn migrate(pool: &PgPool) -> Result<(), Error> {
    MIGRATOR.run(pool).await?;
    Ok(())
}
