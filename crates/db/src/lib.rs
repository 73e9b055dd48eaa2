//! All access to Postgres.
//!
//! Queries are checked at compile time against the schema as `.sqlx`, at the root of the
//! workspace, describes it.

pub mod amount;
pub mod api;
mod connect;
pub mod digest;
mod error;
pub mod grants;
pub mod keeper;
pub mod mirror;
mod schema;
pub mod webhooks;

use std::time::Duration;

pub use connect::{Schema, connect, connect_with, pool, pool_of};
pub(crate) use connect::{options, statement_timeout};
pub use error::{Error, Refusal};
pub use schema::{MIGRATOR, Unfit, await_schema, is_fit, migrate};
pub use sqlx::{PgPool, types::BigDecimal};

/// Postgres cancels a statement after this time.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// If Postgres has not even cancelled a statement by now, its machine or the network is
/// down. TCP alone would not notice.
const SILENCE: Duration = Duration::from_secs(35);

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
