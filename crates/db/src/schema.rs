//! The schema: its migrations, and which services work with it.

use std::time::Duration;

use sqlx::{
    Connection, Executor, PgConnection, PgPool,
    migrate::{Migrate as _, Migrator},
};

use crate::{Error, unless_silent};

/// The migrations of this version, in order.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Key of the advisory lock that a migration holds. Postgres keeps such locks apart by database.
const MIGRATING: i64 = 0x566f_7563_684d_6967;
const POLL: Duration = Duration::from_millis(250);
const LOG_EVERY: u32 = 40;

/// Why a service does not work with the schema. Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nobody has made a schema.
    #[error("the database has no schema yet: run `vouch-indexer migrate` on it")]
    Missing,
    /// The schema lacks migrations that the service needs.
    #[error(
        "the schema has version {found}, and this service needs version {needed}: run \
         `vouch-indexer migrate` of this service's version"
    )]
    Older {
        /// The last migration that was applied.
        found: i64,
        /// The last migration of this version.
        needed: i64,
    },
    /// A later migration broke services as old as this one.
    #[error(
        "the schema has version {found}, which works with services that know version {oldest}, and \
         this one knows {known}: update this service"
    )]
    Newer {
        /// The last migration that was applied.
        found: i64,
        /// The last migration that a service has to know.
        oldest: i64,
        /// The last migration of this version.
        known: i64,
    },
}

/// Applies the migrations of this version. Several processes may call this at once: one works
/// while the others wait. There is no time limit. Returns how many migrations were applied.
///
/// # Errors
/// [`Error::Migrate`] when the database has a migration that this version does not know, or when an
/// applied migration file has changed since. [`Error::Refused`] when the role may not change the
/// schema.
pub async fn migrate(pool: &PgPool) -> Result<usize, Error> {
    // A connection outside the pool, so that the pool's connections keep their time limit. Closing
    // it releases the lock, also after a failure.
    let mut connection = pool.acquire().await?.detach();
    connection.execute("SET statement_timeout = 0").await?;
    sqlx::query!("SELECT pg_advisory_lock($1)", MIGRATING)
        .execute(&mut connection)
        .await?;
    connection.ensure_migrations_table().await?;
    let before = connection.list_applied_migrations().await?.len();
    MIGRATOR.run_direct(&mut connection).await?;
    let after = connection.list_applied_migrations().await?.len();
    connection.close().await?;
    Ok(after.saturating_sub(before))
}

/// Returns when this version works with the schema. It waits while Postgres is away and while a
/// migration runs, and calls `attempted` after each attempt, several times a minute.
///
/// # Errors
/// [`Error::Unfit`] when it does not. [`Error::Refused`] as [`crate::connect`].
pub async fn await_schema(pool: &PgPool, mut attempted: impl FnMut()) -> Result<(), Error> {
    let mut attempt = 0_u32;
    loop {
        let outcome = is_fit(pool).await;
        attempted();
        let waits_for = match outcome {
            Ok(true) => return Ok(()),
            Ok(false) => "a migration".to_owned(),
            Err(Error::Unavailable(cause)) => format!("Postgres: {cause}"),
            Err(error) => return Err(error),
        };
        if attempt.is_multiple_of(LOG_EVERY) {
            tracing::info!("waiting for {waits_for}");
        }
        attempt = attempt.saturating_add(1);
        tokio::time::sleep(POLL).await;
    }
}

/// Whether this version works with the schema; `false` if a migration that runs now may make it.
///
/// # Errors
/// [`Error::Unfit`] when it does not and no migration runs.
pub async fn is_fit(pool: &PgPool) -> Result<bool, Error> {
    unless_silent(async {
        let mut connection = pool.acquire().await?;
        // It is asked first: a migration that ends after the answer has left its version.
        let is_free = sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_xact_lock_shared($1) AS "free!""#,
            MIGRATING
        )
        .fetch_one(&mut *connection)
        .await?;
        match fitness(&mut connection).await? {
            None => Ok(true),
            Some(_) if !is_free => Ok(false),
            Some(unfit) => Err(Error::Unfit(unfit)),
        }
    })
    .await
}

/// The number of this version's last migration.
fn latest_migration() -> i64 {
    let versions = MIGRATOR.iter().map(|step| step.version);
    versions.max().unwrap_or_default()
}

/// Why this version does not work with the schema; `None` if it does.
async fn fitness(connection: &mut PgConnection) -> Result<Option<Unfit>, Error> {
    let known = latest_migration();
    // The migrator's own table is not among the migrations, so these are not checked while
    // compiling.
    let exists = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
    if !sqlx::query_scalar::<_, bool>(exists)
        .fetch_one(&mut *connection)
        .await?
    {
        return Ok(Some(Unfit::Missing));
    }
    let last = "SELECT max(version) FROM _sqlx_migrations WHERE success";
    let found = sqlx::query_scalar::<_, Option<i64>>(last)
        .fetch_one(&mut *connection)
        .await?;
    let Some(found) = found else {
        return Ok(Some(Unfit::Missing));
    };
    if found < known {
        return Ok(Some(Unfit::Older {
            found,
            needed: known,
        }));
    }
    let oldest = sqlx::query_scalar!("SELECT oldest FROM schema_compatibility")
        .fetch_one(connection)
        .await?;
    Ok((known < oldest).then_some(Unfit::Newer {
        found,
        oldest,
        known,
    }))
}

/// Waits until no migration runs, and keeps others out until the end of the transaction.
pub(crate) async fn await_migration(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock_shared($1)", MIGRATING)
        .execute(connection)
        .await?;
    Ok(())
}
