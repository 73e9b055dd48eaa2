//! The API's queries: reads of the mirror, writes of clicks, profiles, sessions, keys and limits.

pub mod analytics;
pub mod attestations;
pub mod auth;
pub mod awards;
pub mod campaigns;
pub mod choices;
pub mod claims;
pub mod clicks;
pub mod codes;
pub mod conversions;
pub mod coverage;
pub mod leaderboard;
pub mod limits;
pub mod live;
pub mod me;
pub mod names;
pub mod profiles;
pub mod sponsor;
pub mod stats;
pub mod totals;
pub mod why;

use std::time::Duration;

pub use sqlx::PgConnection;
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{Error, Refusal, options};

/// Postgres cancels a query after this time.
const STATEMENT_TIMEOUT: &str = "5s";
/// Postgres cancels a query of clicks that waits for a lock for this time.
const CLICK_LOCK_TIMEOUT: &str = "1s";

/// A pool of at most `connections` connections. It connects on first use.
///
/// Postgres cancels a query after 5 seconds. A query waits at most `patience` for a
/// connection. Both fail with [`Error::Unavailable`].
///
/// # Errors
/// [`Error::Refused`] when `url` is not the URL of a Postgres database.
pub fn pool(url: &str, connections: u32, patience: Duration) -> Result<PgPool, Error> {
    let options = options(url, "vouch-api")?.options([
        ("statement_timeout", STATEMENT_TIMEOUT),
        // Filters are optional parameters; a generic plan could use no index.
        ("plan_cache_mode", "force_custom_plan"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        .connect_lazy_with(options))
}

/// A pool that only counts requests. A query waits briefly for a lock, and a transaction that its client
/// left open ends: another replica may wait for its rows.
///
/// # Errors
/// See [`pool`].
pub fn limit_pool(url: &str, connections: u32, patience: Duration) -> Result<PgPool, Error> {
    let options = options(url, "vouch-api limits")?.options([
        ("statement_timeout", "1s"),
        ("lock_timeout", "300ms"),
        ("idle_in_transaction_session_timeout", "1s"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        .connect_lazy_with(options))
}

/// A pool for clicks alone: of two connections, one for those that come in and one for those that
/// are replayed. A query that waits for a lock fails after a second, because the click is better off
/// in the file meanwhile.
///
/// # Errors
/// See [`pool`].
pub fn click_pool(url: &str, patience: Duration) -> Result<PgPool, Error> {
    let options = options(url, "vouch-api clicks")?.options([
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("lock_timeout", CLICK_LOCK_TIMEOUT),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(patience)
        .connect_lazy_with(options))
}

/// A connection outside the pool. Dropping it closes it at once; returning a connection
/// to the pool could wait for a silent Postgres.
///
/// # Errors
/// See [`Error`].
pub async fn own_connection(pool: &PgPool) -> Result<PgConnection, Error> {
    Ok(pool.acquire().await?.detach())
}

/// Checks that Postgres answers.
///
/// # Errors
/// [`Error::Unavailable`] when Postgres does not answer; another error when it refuses.
pub async fn ping(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SELECT 1 AS one")
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// The mirror's progress, in slots of the chain.
#[derive(Debug, Clone, Copy, Default)]
pub struct MirrorState {
    /// Everything confirmed up to this slot is mirrored.
    pub indexed_slot: Option<i64>,
    /// Everything up to this slot is mirrored, final and proven complete.
    pub finalized_slot: Option<i64>,
}

/// Whether the indexer has noted progress in the last `seconds`. Without it, nobody knows whether who was
/// the owner of a code or the authority of a campaign still is.
///
/// # Errors
/// See [`Error`].
pub async fn is_mirror_fresh(pool: &PgPool, seconds: f64) -> Result<bool, Error> {
    let fresh = sqlx::query_scalar!(
        r#"SELECT indexed_slot IS NOT NULL AND updated_at > now() - make_interval(secs => $1)
               AS "fresh!"
           FROM indexer_state"#,
        seconds,
    )
    .fetch_optional(pool)
    .await?;
    Ok(fresh.unwrap_or_default())
}

/// Returns the mirror's progress.
///
/// # Errors
/// See [`Error`].
pub async fn mirror_state(pool: &PgPool) -> Result<MirrorState, Error> {
    let state = sqlx::query_as!(
        MirrorState,
        "SELECT indexed_slot, finalized_slot FROM indexer_state, finality"
    )
    .fetch_optional(pool)
    .await?;
    Ok(state.unwrap_or_default())
}

/// The error of a query that is skipped because Postgres is known to be down.
#[must_use]
pub fn unavailable() -> Error {
    Error::Unavailable(sqlx::Error::PoolClosed)
}

/// The error of a query that gave up waiting. Postgres may be up.
#[must_use]
pub fn busy() -> Error {
    Error::Unavailable(sqlx::Error::PoolTimedOut)
}

/// Whether Postgres works, and had no connection or not enough time for this query: too many ask for
/// too much at the same time.
#[must_use]
pub fn is_busy(error: &Error) -> bool {
    match error {
        Error::Unavailable(sqlx::Error::PoolTimedOut) => true,
        Error::Unavailable(sqlx::Error::Database(error))
        | Error::Query(sqlx::Error::Database(error)) => {
            // Cancelled by its time limit; no connection is left; a lock was not free in time; a transaction waited
            // too long for its next statement.
            matches!(
                error.code().as_deref(),
                Some("57014" | "53300" | "55P03" | "25P03")
            )
        }
        _ => false,
    }
}

/// Whether the error means that Postgres itself is down. A timeout while waiting for a
/// connection or for one query says nothing about the next query.
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
        // The rights to one table say nothing about the next query.
        Error::Refused(refusal) => !matches!(refusal, Refusal::Rights(_)),
        _ => false,
    }
}

/// Whether the error is caused by the rows to be written, so that retrying cannot help:
/// SQLSTATE classes 22 (data) and 23 (integrity). Other errors (permissions, a read-only
/// standby, a full disk) may pass.
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
