//! The API's queries: what it reads of the mirror, and the clicks it writes.

pub mod campaigns;
pub mod clicks;
pub mod codes;
pub mod conversions;
pub mod leaderboard;
pub mod stats;

use std::time::Duration;

pub use sqlx::PgConnection;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::Error;

/// A query that takes longer is given up by Postgres.
const STATEMENT_TIMEOUT: &str = "5s";

/// A pool of at most `connections` connections that connects when it is first used.
///
/// A query is given up by Postgres after 5 seconds, and waits at most `patience` for
/// a connection; both are [`Error::Unavailable`].
///
/// # Errors
/// When `url` is no URL of a Postgres database.
pub fn pool(url: &str, connections: u32, patience: Duration) -> Result<PgPool, Error> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.application_name("vouch-api").options([
        ("statement_timeout", STATEMENT_TIMEOUT),
        // Filters are optional parameters; a generic plan could use no index.
        ("plan_cache_mode", "force_custom_plan"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        .connect_lazy_with(options))
}

/// A connection that belongs to the caller alone: dropping it closes it, and never
/// waits for a Postgres that has gone silent, as giving it back to the pool does.
///
/// # Errors
/// See [`Error`].
pub async fn own_connection(pool: &PgPool) -> Result<PgConnection, Error> {
    Ok(pool.acquire().await?.detach())
}

/// Whether Postgres answers.
///
/// # Errors
/// [`Error::Unavailable`] when it does not; another error when it refuses.
pub async fn ping(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SELECT 1 AS one")
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// How far the mirror is, as slots of the chain.
#[derive(Debug, Clone, Copy, Default)]
pub struct MirrorState {
    /// Up to here everything confirmed is mirrored.
    pub indexed_slot: Option<i64>,
    /// Up to here everything is finalized.
    pub finalized_slot: Option<i64>,
}

/// How far the mirror is.
///
/// # Errors
/// See [`Error`].
pub async fn mirror_state(pool: &PgPool) -> Result<MirrorState, Error> {
    let state = sqlx::query_as!(
        MirrorState,
        "SELECT indexed_slot, finalized_slot FROM indexer_state"
    )
    .fetch_optional(pool)
    .await?;
    Ok(state.unwrap_or_default())
}

/// The error of a query that is not even tried, because Postgres is known to be away.
#[must_use]
pub fn unavailable() -> Error {
    Error::Unavailable(sqlx::Error::PoolClosed)
}

/// The error of a query that is not waited for any longer, although Postgres may be there.
#[must_use]
pub fn busy() -> Error {
    Error::Unavailable(sqlx::Error::PoolTimedOut)
}

/// Whether the error says that Postgres itself is away. That no connection was free in
/// time, or that one query took too long, says nothing about the next one.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    match error {
        Error::Unavailable(sqlx::Error::PoolTimedOut) => false,
        Error::Unavailable(sqlx::Error::Database(error)) => {
            // 57P01 to 57P05: shutting down, crashed, starting, gone.
            error
                .code()
                .is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
        }
        Error::Unavailable(_) => true,
        _ => false,
    }
}

/// Whether the error is about the very rows that were to be written, so that trying
/// again later cannot help: SQLSTATE classes 22 (data) and 23 (integrity). Anything
/// else (rights, a read-only standby, a full disk) may pass.
#[must_use]
pub fn is_about_data(error: &Error) -> bool {
    let (Error::Constraint { source, .. } | Error::Query(source)) = error else {
        return false;
    };
    match source {
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("22") || code.starts_with("23")),
        sqlx::Error::Encode(_) => true,
        _ => false,
    }
}
