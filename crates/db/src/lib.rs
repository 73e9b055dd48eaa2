//! All access to Postgres.
//!
//! Queries are checked at compile time against the schema as `.sqlx`, at the root of the
//! workspace, describes it.

pub mod amount;
pub mod api;
mod error;
pub mod mirror;
pub mod webhooks;

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

/// Postgres cancels a statement after this time.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// If Postgres has not even cancelled a statement by now, its machine or the network is
/// down. TCP alone would not notice.
const SILENCE: Duration = Duration::from_secs(35);

/// The number of this version's last migration.
fn latest_migration() -> i64 {
    let versions = MIGRATOR.iter().map(|migration| migration.version);
    versions.max().unwrap_or_default()
}

const RETRY_EVERY: Duration = Duration::from_millis(500);
const LOG_EVERY: u32 = 10;

/// A pool of connections to the database at `url`. It connects on first use.
///
/// A query waits at most 5 seconds for a connection. Postgres cancels it after 30
/// seconds. Both fail with [`Error::Unavailable`].
///
/// # Errors
/// [`Error::Query`] when `url` is not the URL of a Postgres database.
pub fn pool(url: &str) -> Result<PgPool, Error> {
    pool_of(url, Schema::Live)
}

/// [`pool`], with the tables of this copy of the mirror.
///
/// # Errors
/// As [`pool`].
pub fn pool_of(url: &str, schema: Schema) -> Result<PgPool, Error> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.options([statement_timeout(), schema.search_path()]);
    Ok(PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.application_name("vouch")))
}

/// A pool of connections to the database at `url`, after a first connection succeeded.
///
/// While Postgres is down, this function waits and logs that it does.
///
/// # Errors
/// When `url` is not the URL of a Postgres database, or Postgres refuses for a reason
/// that waiting does not cure (unknown database, wrong password).
pub async fn connect(url: &str) -> Result<PgPool, Error> {
    connect_with(url, || ()).await
}

/// Like [`connect`]. It calls `attempted` after each attempt, every few seconds.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(url: &str, mut attempted: impl FnMut()) -> Result<PgPool, Error> {
    let pool = pool(url)?;
    let mut attempt = 0_u32;
    loop {
        let outcome = pool.acquire().await.map_err(Error::from);
        attempted();
        match outcome {
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

/// Applies the migrations of this version. Several processes may call this at once:
/// Postgres lets one of them work while the others wait.
///
/// There is no time limit, also while another process migrates.
///
/// # Errors
/// [`Error::Migrate`] when the database is newer than this version, or when an applied
/// migration file has changed since.
pub async fn migrate(pool: &PgPool) -> Result<(), Error> {
    // A connection outside the pool, so that the pool's connections keep their time
    // limit.
    let mut connection = pool.acquire().await?.detach();
    connection.execute("SET statement_timeout = 0").await?;
    MIGRATOR.run_direct(&mut connection).await?;
    Ok(connection.close().await?)
}

/// A copy of the mirror. Unqualified names of tables lead to it after `public`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// The one that everybody reads.
    Live,
    /// The one that a rebuild fills, to take the place of the live one.
    Next,
}

impl Schema {
    /// The setting of a connection that makes it see this copy.
    fn search_path(self) -> (&'static str, String) {
        let path = match self {
            Self::Live => "public,mirror",
            Self::Next => "public,mirror_next",
        };
        ("search_path", path.to_owned())
    }
}

/// The statement timeout as a setting of a connection.
fn statement_timeout() -> (&'static str, String) {
    let milliseconds = STATEMENT_TIMEOUT.as_millis();
    ("statement_timeout", milliseconds.to_string())
}

/// Fails with [`Error::Unavailable`] when Postgres is silent. The action may or may not
/// have happened; its connection must not be used again.
async fn unless_silent<T>(action: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(SILENCE, action).await {
        Ok(outcome) => outcome,
        Err(elapsed) => {
            let silent = std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed);
            Err(Error::Unavailable(sqlx::Error::Io(silent)))
        }
    }
}
