//! A database of its own for a test, and what tests ask it.
#![allow(unreachable_pub, reason = "a module of test files")]
#![allow(dead_code, reason = "no test file uses all of it")]

use std::time::Duration;

use sqlx::{Executor as _, PgPool, Row as _};
use vouch_db::mirror::Writer;
use vouch_localnet::{Database, Postgres};

/// A database with the schema, and connections to it.
pub struct Store {
    pub pool: PgPool,
    pub database: Database,
}

impl Store {
    pub async fn new() -> Self {
        let database = Postgres::test_database().await;
        Self::on(database.expect("a database")).await
    }

    pub async fn on(database: Database) -> Self {
        let pool = vouch_db::connect(database.url()).await.expect("a pool");
        Self { pool, database }
    }

    /// The mirror's writer.
    pub async fn writer(&self) -> Writer {
        let writer = Writer::try_acquire(self.database.url()).await;
        let writer = writer.expect("Postgres answers");
        writer.expect("nobody else writes")
    }

    /// Executes one or several statements.
    pub async fn run(&self, sql: &str) {
        self.pool.execute(sql).await.expect(sql);
    }

    /// The number that a query returns.
    pub async fn number(&self, sql: &str) -> i64 {
        let row = self.pool.fetch_one(sql).await.expect(sql);
        row.get(0)
    }

    /// The text that a query returns; `nothing` if it returns no row.
    pub async fn text(&self, sql: &str) -> String {
        let row = self.pool.fetch_optional(sql).await.expect(sql);
        row.map_or("nothing".to_owned(), |row| row.get(0))
    }

    /// The texts that a query returns.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.pool.fetch_all(sql).await.expect(sql);
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Waits until a query returns this number.
    pub async fn until(&self, sql: &str, expected: i64) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while self.number(sql).await != expected {
            assert!(
                tokio::time::Instant::now() < deadline,
                "still not so: {sql}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
