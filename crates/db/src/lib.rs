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
use sqlx::{
    Connection, Executor,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
pub use sqlx::{PgPool, types::BigDecimal};

/// The migrations of this version, in order.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// A statement that takes this long will not end well; sooner than a person notices.
/// Postgres ends it itself.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Postgres that has not ended a statement by now is not there: its machine or the
/// network went silent, which no connection would ever notice.
const SILENCE: Duration = Duration::from_secs(35);

const RETRY_EVERY: Duration = Duration::from_millis(500);
const LOG_EVERY: u32 = 10;

/// A pool of connections to the database at `url` that connects when it is first used.
///
/// A query waits at most 5 seconds for a connection, then fails with
/// [`Error::Unavailable`]. Postgres ends it after 30 seconds, with the same error.
///
/// # Errors
/// [`Error::Query`] when `url` is no URL of a Postgres database.
pub fn pool(url: &str) -> Result<PgPool, Error> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.options([statement_timeout()]);
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
/// It may take as long as it needs to, also while another process migrates.
///
/// # Errors
/// [`Error::Migrate`] when the database is newer than this version, or was migrated
/// by files that have since been changed.
pub async fn migrate(pool: &PgPool) -> Result<(), Error> {
    // A connection of its own, because it has no limit.
    let mut connection = pool.acquire().await?.detach();
    connection.execute("SET statement_timeout = 0").await?;
    MIGRATOR.run_direct(&mut connection).await?;
    Ok(connection.close().await?)
}

/// As a setting of a connection.
fn statement_timeout() -> (&'static str, String) {
    let milliseconds = STATEMENT_TIMEOUT.as_millis();
    ("statement_timeout", milliseconds.to_string())
}

/// Fails with [`Error::Unavailable`] when Postgres is silent. What was begun may or may
/// not be done; its connection must not be used again.
async fn unless_silent<T>(action: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(SILENCE, action).await {
        Ok(outcome) => outcome,
        Err(elapsed) => {
            let silent = std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed);
            Err(Error::Unavailable(sqlx::Error::Io(silent)))
        }
    }
}
