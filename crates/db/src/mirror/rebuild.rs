//! A second copy of the mirror, filled beside the live one, that takes its place at once.
//!
//! The copy is the schema `mirror_next`. A [`super::Writer`] of [`crate::Schema::Next`] fills it. A
//! rebuild that died is continued, unless the migrations have changed since.

use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{awards, writer};
use crate::{Error, Schema, latest_migration, options};

/// How often another writer is looked for.
const POLL: std::time::Duration = std::time::Duration::from_millis(200);
/// Postgres gives up waiting for readers of the old copy after this time.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '10s'";

/// Creates the second copy as the first one is: tables, constraints, indexes, views and rights.
const CREATE: &str = include_str!("rebuild.sql");

/// The connection of a rebuild. Its role has to own the mirror's schema, as the one that migrates
/// does.
#[derive(Debug)]
pub struct Rebuild {
    connection: PgConnection,
}

/// What a rebuild begins with.
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
    /// When Postgres does not answer, or the role may not create schemas.
    pub async fn prepare(&mut self) -> Result<Start, Error> {
        // An older version's copy lacks what later migrations changed.
        let made_for = latest_migration().to_string();
        let found = sqlx::query_scalar!(
            "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace
             WHERE nspname = 'mirror_next'"
        )
        .fetch_optional(&mut self.connection)
        .await?;
        if found.flatten().as_deref() == Some(made_for.as_str()) {
            return Ok(Start::Continued);
        }
        let mut transaction = self.connection.begin().await?;
        transaction
            .execute("DROP SCHEMA IF EXISTS mirror_next CASCADE")
            .await?;
        transaction.execute(CREATE).await?;
        let mark = format!("COMMENT ON SCHEMA mirror_next IS '{made_for}'");
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
    /// copy to its end. Badges that the old copy had not given are given.
    ///
    /// # Errors
    /// When Postgres does not answer. Then nothing has changed.
    pub async fn swap(&mut self) -> Result<(), Error> {
        let mut transaction = self.connection.begin().await?;
        transaction
            .execute("ALTER SCHEMA mirror RENAME TO mirror_old")
            .await?;
        transaction
            .execute("ALTER SCHEMA mirror_next RENAME TO mirror")
            .await?;
        transaction
            .execute("COMMENT ON SCHEMA mirror IS NULL")
            .await?;
        awards::complete(&mut transaction).await?;
        Ok(transaction.commit().await?)
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
