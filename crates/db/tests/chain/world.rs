//! A mirror that is told of a chain.

use sqlx::{Executor, PgPool, Row as _};
use vouch_db::mirror::{Batch, Final, Writer};
use vouch_localnet::{Database, FORGET_MIRROR, Postgres};

use super::Chain;

/// A mirror.
pub struct World {
    pub pool: PgPool,
    pub writer: Writer,
    pub database: Database,
    /// How many transactions are written.
    pub written: usize,
    /// The chain's clock up to which conversions count.
    pub time: i64,
}

impl World {
    pub async fn new() -> Self {
        let database = Postgres::test_database().await.expect("a database");
        let pool = vouch_db::connect(database.url()).await.expect("a pool");
        Self::on(database, pool).await
    }

    pub async fn on(database: Database, pool: PgPool) -> Self {
        let writer = Writer::try_acquire(database.url())
            .await
            .expect("Postgres answers")
            .expect("nobody else writes");
        Self {
            pool,
            writer,
            database,
            written: 0,
            time: 0,
        }
    }

    /// Writes the next transactions, which are final.
    pub async fn apply(&mut self, chain: &Chain, count: usize) {
        let (batch, range) = chain.next(self.written, count);
        self.writer
            .write(&batch, Some(&range))
            .await
            .expect("written");
        self.written += count;
        self.time = self.time.max(range.time.expect("a time"));
    }

    /// Writes the next transactions, which are final, while more are known: what they do counts
    /// later.
    pub async fn catch_up(&mut self, chain: &Chain, count: usize) {
        let (batch, range) = chain.next(self.written, count);
        let range = Final {
            time: None,
            ..range
        };
        let outcome = self.writer.write(&batch, Some(&range)).await;
        outcome.expect("written");
        self.written += count;
    }

    /// Writes the next transactions, which are confirmed.
    pub async fn confirm(&mut self, chain: &Chain, count: usize) {
        let (mut batch, _) = chain.next(self.written, count);
        batch.before = chain.before(self.written, self.written + count);
        self.writer.write(&batch, None).await.expect("written");
        self.written += count;
    }

    /// Makes everything up to transaction `seq` final, at this time of the chain.
    pub async fn finalize(&mut self, seq: i64, time: i64) {
        let range = Final {
            seq,
            first_slot: 0,
            last_slot: seq,
            time: Some(time),
            source: "test".into(),
        };
        let outcome = self.writer.write(&Batch::default(), Some(&range)).await;
        outcome.expect("written");
        self.time = self.time.max(time);
    }

    /// Undoes all transactions but the first `count`.
    pub async fn rewind(&mut self, chain: &Chain, count: usize) {
        let last = i64::try_from(count).expect("a number");
        let before = self.writer.before(last).await.expect("rows");
        let back = chain.undo(count, self.written);
        let undone = self.writer.rewind(last, &before, &back).await;
        undone.expect("undone");
        self.written = count;
    }

    /// Deletes everything that follows from the chain.
    pub async fn clear(&mut self) {
        self.pool.execute(FORGET_MIRROR).await.expect("deleted");
        (self.written, self.time) = (0, 0);
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.pool.fetch_all(sql).await.expect(sql);
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The awards, in their order.
    pub async fn awards(&self) -> Vec<String> {
        self.texts(
            "SELECT concat_ws(' ', campaign, referrer, badge, NULLIF(month, ''))
             FROM awards ORDER BY id",
        )
        .await
    }

    /// The rows of awards.
    pub async fn rows(&self) -> Vec<String> {
        self.texts("SELECT row::text FROM awards AS row ORDER BY id")
            .await
    }

    /// The totals of referrers, without those of a day earlier.
    pub async fn totals(&self) -> Vec<String> {
        self.texts(
            "SELECT format('%s %s %s: %s for %s, last %s', campaign, referrer, period, conversions,
                 rewards, last_converted_at)
             FROM referrer_totals WHERE period NOT LIKE '@%' ORDER BY campaign, referrer, period",
        )
        .await
    }

    /// The totals and the leaderboards.
    pub async fn content(&self) -> Vec<String> {
        let mut content = Vec::new();
        for sql in [
            "SELECT row::text FROM referrer_totals AS row ORDER BY campaign, referrer, period",
            "SELECT row::text FROM boards AS row ORDER BY campaign, period",
        ] {
            content.extend(self.texts(sql).await);
        }
        content
    }
}

/// Lines of text, one below the other.
pub fn lines(lines: &[String]) -> String {
    lines.join("\n")
}
