//! A second copy of the mirror, filled beside the live one, that takes its place at once.
//!
//! The copy is the schema `mirror_next`. A [`super::Writer`] of [`crate::Schema::Next`] fills it. A
//! rebuild that died is continued, unless the migrations have changed since.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{awards, log, writer};
use crate::{Error, Schema, grants, options, schema};

/// How often another writer is looked for.
const POLL: Duration = Duration::from_millis(200);
/// Postgres gives up waiting for readers of the old copy after this time.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '10s'";

/// How long a lock of the old copy is waited for at a time, so that nobody waits long behind it.
const WAIT_FOR_READERS: &str = "SET LOCAL lock_timeout = '200ms';
    LOCK TABLE mirror_old.indexer_state IN ACCESS EXCLUSIVE MODE";
const READERS_POLL: Duration = Duration::from_secs(1);
const READERS_END: Duration = Duration::from_secs(600);

/// Makes what is kept, and refers to transactions by their numbers, refer to those of the new copy. A
/// number differs if the old copy lacked a transaction or had one too many.
const RENUMBER: &str = "
    -- Messages that were made already are not made again: their ids follow from signatures.
    UPDATE webhook_cursor SET seq = LEAST(seq, COALESCE(
        (SELECT min(old.seq) - 1 FROM mirror_old.transactions AS old
         LEFT JOIN mirror.transactions AS new USING (seq)
         WHERE old.signature IS DISTINCT FROM new.signature),
        (SELECT max(seq) FROM mirror_old.transactions), 0));
    DELETE FROM webhook_maturing WHERE NOT EXISTS (
        SELECT FROM mirror.conversions WHERE address = conversion);
    UPDATE webhook_maturing AS waiting SET seq = fact.seq, place = fact.place
    FROM mirror.conversions AS conversion JOIN mirror.events AS fact
        ON fact.seq = conversion.seq AND fact.subject = conversion.address
           AND fact.kind = 'conversion_recorded'
    WHERE conversion.address = waiting.conversion;
    UPDATE webhook_budgets SET seq = 0;
    DELETE FROM digests WHERE NOT EXISTS (
        SELECT FROM mirror.transactions AS new
        WHERE new.seq = digests.seq AND new.signature = digests.signature)";

/// Creates the second copy as the first one is: tables, constraints, indexes, views and rights.
const CREATE: &str = include_str!("rebuild.sql");

/// The connection of a rebuild. Its role has to own the mirror's schema, as the one that migrates
/// does, or to be allowed to act as the owner: the second copy belongs to the owner, too.
#[derive(Debug)]
pub struct Rebuild {
    connection: PgConnection,
}

/// The state in which a rebuild finds the second copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The second copy is empty.
    Empty,
    /// It holds what an earlier rebuild left.
    Continued,
}

impl Rebuild {
    /// Connects to the database.
    ///
    /// # Errors
    /// When Postgres does not answer or refuses the connection.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let options = options(url, "vouch-indexer rebuild")?;
        let connection = PgConnection::connect_with(&options).await?;
        Ok(Self { connection })
    }

    /// Views of other schemas that read the mirror's tables. They would go on reading the old copy,
    /// and disappear with it.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn dependents(&mut self) -> Result<Vec<String>, Error> {
        Ok(sqlx::query_scalar!(
            r#"SELECT DISTINCT dependent.oid::regclass::text AS "name!"
               FROM pg_depend AS link
               JOIN pg_rewrite AS rule ON link.classid = 'pg_rewrite'::regclass AND rule.oid = link.objid
               JOIN pg_class AS dependent ON dependent.oid = rule.ev_class
               JOIN pg_class AS source
                   ON link.refclassid = 'pg_class'::regclass AND source.oid = link.refobjid
               JOIN pg_namespace AS schema ON schema.oid = source.relnamespace
               WHERE schema.nspname IN ('mirror', 'mirror_old')
                 AND dependent.relnamespace <> source.relnamespace
               ORDER BY 1"#
        )
        .fetch_all(&mut self.connection)
        .await?)
    }

    /// Creates the second copy, or finds the one that an earlier rebuild left.
    ///
    /// # Errors
    /// When Postgres does not answer. [`Error::Refused`] if the role may not act as the mirror's owner,
    /// or the owner may not create schemas.
    pub async fn prepare(&mut self) -> Result<Start, Error> {
        let mut transaction = self.connection.begin().await?;
        schema::await_migration(&mut transaction).await?;
        // An older copy lacks what later migrations changed.
        let version = version(&mut transaction).await?;
        if made_for(&mut transaction).await?.as_ref() == Some(&version) {
            return Ok(Start::Continued);
        }
        transaction
            .execute("DROP SCHEMA IF EXISTS mirror_next CASCADE")
            .await?;
        transaction.execute(CREATE).await?;
        let mark = format!("COMMENT ON SCHEMA mirror_next IS '{version}'");
        transaction.execute(mark.as_str()).await?;
        transaction.commit().await?;
        Ok(Start::Empty)
    }

    /// Ends the live mirror's writer, and keeps others out as long as this connection lives. Reads
    /// go on.
    ///
    /// # Errors
    /// When Postgres does not answer, or the role may not end the writer's connection: it needs
    /// `pg_signal_backend` or membership in the writer's role.
    pub async fn take_over(&mut self) -> Result<(), Error> {
        let key = writer::lock(Schema::Live);
        loop {
            let won = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "won!""#, key)
                .fetch_one(&mut self.connection)
                .await?;
            if won {
                return Ok(());
            }
            sqlx::query!(
                "SELECT pg_terminate_backend(pid) FROM pg_locks
                 WHERE locktype = 'advisory' AND granted AND objsubid = 1
                   AND classid::bigint = $1::bigint >> 32
                   AND objid::bigint = $1::bigint & 4294967295
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                key,
            )
            .fetch_all(&mut self.connection)
            .await?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Puts the second copy into the place of the live one, in one database transaction. The caller
    /// has [taken over](Self::take_over). Readers notice nothing: a query that runs reads the old
    /// copy to its end, and so does a transaction. Badges that the old copy had not given are given,
    /// and what refers to transactions by their numbers refers to the new ones.
    ///
    /// Returns `false` if the database was migrated since the second copy was created. Then it has to
    /// be created anew.
    ///
    /// # Errors
    /// [`Error::Query`] when a transaction reads the old copy for more than ten minutes. When Postgres
    /// does not answer. Then nothing has changed.
    pub async fn swap(&mut self) -> Result<bool, Error> {
        let started = std::time::Instant::now();
        loop {
            match self.try_swap().await {
                Err(Error::Query(cause))
                    if is_locked(&cause) && started.elapsed() < READERS_END =>
                {
                    tokio::time::sleep(READERS_POLL).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_swap(&mut self) -> Result<bool, Error> {
        let mut transaction = self.connection.begin().await?;
        // One that runs would change the old copy.
        schema::await_migration(&mut transaction).await?;
        let version = version(&mut transaction).await?;
        if made_for(&mut transaction).await? != Some(version) {
            return Ok(false);
        }
        // Roles may have come since the second copy was created.
        grants::grants(&mut transaction, "mirror_next").await?;
        for rename in [
            "ALTER SCHEMA mirror RENAME TO mirror_old",
            "ALTER SCHEMA mirror_next RENAME TO mirror",
            "COMMENT ON SCHEMA mirror IS NULL",
        ] {
            transaction.execute(rename).await?;
        }
        awards::complete(&mut transaction).await?;
        transaction.execute(RENUMBER).await?;
        log::note(&mut transaction, log::Withdrawn::Everything, &[]).await?;
        // A transaction that began with the old copy looks names up in the new one from now on, so
        // it has to end first. Each reads this table before others. New readers wait for a moment.
        transaction.execute(WAIT_FOR_READERS).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes the old copy, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while a long query reads it, or when Postgres does not answer.
    pub async fn remove_old(&mut self) -> Result<(), Error> {
        self.connection.execute(LOCK_TIMEOUT).await?;
        let outcome = self
            .connection
            .execute("DROP SCHEMA IF EXISTS mirror_old CASCADE")
            .await;
        self.connection.execute("RESET lock_timeout").await?;
        outcome?;
        Ok(())
    }
}

/// The database's last migration.
async fn version(connection: &mut PgConnection) -> Result<String, Error> {
    // The migrator's own table is not among the migrations, so this is not checked while compiling.
    let last = "SELECT coalesce(max(version), 0)::text FROM _sqlx_migrations WHERE success";
    Ok(sqlx::query_scalar(last).fetch_one(connection).await?)
}

/// The last migration when the second copy was created; `None` if there is no copy.
async fn made_for(connection: &mut PgConnection) -> Result<Option<String>, Error> {
    let found = sqlx::query_scalar!(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace
         WHERE nspname = 'mirror_next'"
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.flatten())
}

/// Whether a lock was not free in time.
fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("55P03"))
}
