//! How much a leaderboard reads, however large it is. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use std::time::Duration;

use sqlx::{Executor, PgPool, Row as _};
use vouch_db::api::{
    self,
    leaderboard::{self, After, Board, Measure},
};
use vouch_localnet::Postgres;

/// Referrers of the campaign C: the n-th has `1 + n % 1000` conversions, and the last one at `n`.
const REFERRERS: i64 = 50_000;

async fn filled() -> (vouch_localnet::Database, PgPool) {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let fill = format!(
        "INSERT INTO referrer_totals
         SELECT campaign, 'wallet' || lpad(n::text, 8, '0'), period, 1 + n % 1000,
                CASE WHEN campaign = '' THEN 0 ELSE n END, n
         FROM generate_series(1, {REFERRERS}) AS n,
              (VALUES ('C'), ('')) AS scope (campaign), (VALUES (''), ('2026')) AS span (period);
         INSERT INTO boards SELECT campaign, period, {REFERRERS}
         FROM (VALUES ('C'), ('')) AS scope (campaign), (VALUES (''), ('2026')) AS span (period);
         ANALYZE referrer_totals"
    );
    pool.execute(fill.as_str()).await.expect("rows");
    (database, pool)
}

/// Rows of `referrer_totals` that were read so far: by reading the whole table, and by an index.
async fn reads(pool: &PgPool) -> (i64, i64) {
    // Without this, statistics are written after a second.
    pool.execute("SELECT pg_stat_force_next_flush()")
        .await
        .expect("a flush");
    let row = pool
        .fetch_one(
            "SELECT seq_tup_read, (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes
                                   WHERE relname = 'referrer_totals')
             FROM pg_stat_user_tables WHERE relname = 'referrer_totals'",
        )
        .await
        .expect("statistics");
    (row.get(0), row.get(1))
}

/// [A1]
#[tokio::test]
async fn a_page_reads_about_as_many_rows_as_it_has_entries_at_any_depth() {
    // Given 50,000 referrers in a campaign and over all of them, and one connection, because each
    // keeps the statistics of its own reads until it writes them
    let (database, _filler) = filled().await;
    let one = api::pool(database.url(), 1, Duration::from_secs(30)).expect("a pool");
    for (campaign, measure) in [
        (Some("C"), Measure::Conversions),
        (Some("C"), Measure::Rewards),
        (None, Measure::Conversions),
    ] {
        let board = Board {
            campaign: campaign.map(str::to_owned),
            period: "2026".into(),
            measure,
        };
        let value = match measure {
            Measure::Conversions => 500,
            Measure::Rewards => 25_000,
        };
        let middle = After {
            rank: 25_000,
            value,
            last_converted_at: 25_000,
            wallet: "wallet00025000".into(),
        };
        for after in [None, Some(middle)] {
            // When a page of 100 is read
            let before = reads(&one).await;
            let page = leaderboard::page(&one, &board, after.as_ref(), 100, Some("nobody")).await;
            let read = reads(&one).await;
            // Then it has them, and the table was not searched for them
            let page = page.expect("a page");
            assert_eq!(page.entries.len(), 100, "{board:?}");
            assert_eq!(page.total_entries, REFERRERS);
            let rank = after.as_ref().map_or(1, |after| after.rank + 1);
            assert_eq!(page.entries[0].rank, rank, "{board:?} {after:?}");
            assert_eq!(read.0 - before.0, 0, "{board:?} {after:?}");
            let rows = read.1 - before.1;
            assert!((100..=250).contains(&rows), "{rows} {board:?} {after:?}");
        }
        // When a place is asked for
        let before = reads(&one).await;
        let page = leaderboard::page(&one, &board, None, 1, Some("wallet00000001")).await;
        let read = reads(&one).await;
        // Then the rows before it are counted in the index
        let own = page.expect("a page").own.expect("a place");
        let rank = match measure {
            // It has 2 conversions. 998 of 1,000 referrers have more, and it was the first of the others.
            Measure::Conversions => REFERRERS / 1000 * 998 + 1,
            Measure::Rewards => REFERRERS,
        };
        assert_eq!(own.rank, rank, "{board:?}");
        assert_eq!(read.0 - before.0, 0, "{board:?}");
    }
}
