//! How much a leaderboard reads, however large it is. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use std::time::Duration;

use sqlx::{Connection as _, Executor, PgConnection, PgPool, Row as _};
use vouch_db::{
    api::{
        self,
        leaderboard::{self, After, Board, Measure, Start},
    },
    mirror::recount,
};
use vouch_localnet::Postgres;

/// Referrers of the campaign C: the n-th has `1 + n % 1000` conversions, rewards of `n`, a volume of
/// `2n`, and the last conversion at `n`.
const REFERRERS: i64 = 50_000;

async fn filled() -> (vouch_localnet::Database, PgPool) {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let fill = format!(
        "INSERT INTO referrer_totals
         SELECT campaign, 'wallet' || lpad(n::text, 8, '0'), period, 1 + n % 1000,
                CASE WHEN campaign = '' THEN 0 ELSE n END, n, CASE WHEN campaign = '' THEN 0 ELSE 2 * n END
         FROM generate_series(1, {REFERRERS}) AS n,
              (VALUES ('C'), ('')) AS scope (campaign), (VALUES (''), ('2026')) AS span (period);
         INSERT INTO boards SELECT campaign, period, {REFERRERS}
         FROM (VALUES ('C'), ('')) AS scope (campaign), (VALUES (''), ('2026')) AS span (period);
         ANALYZE referrer_totals"
    );
    pool.execute(fill.as_str()).await.expect("rows");
    repair(&database).await;
    (database, pool)
}

/// Makes the parts of leaderboards that lack them. Returns what differed.
async fn repair(database: &vouch_localnet::Database) -> Vec<String> {
    let mut connection = PgConnection::connect(database.url())
        .await
        .expect("Postgres");
    let (mut after, mut drift) = (None, Vec::new());
    loop {
        let range = recount::fences(&mut connection, after.as_ref(), true).await;
        let range = range.expect("counted");
        drift.extend(range.drift.into_iter().map(|drift| {
            let recount::Drift { of, kept, counted } = drift;
            format!("{of}: {kept}; counted: {counted}")
        }));
        if range.last.is_none() {
            return drift;
        }
        after = range.last;
    }
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
async fn a_page_and_a_rank_read_about_as_many_rows_at_any_depth() {
    // Given 50,000 referrers in a campaign and over all of them, and one connection, because each
    // keeps the statistics of its own reads until it writes them
    let (database, _filler) = filled().await;
    let one = api::pool(database.url(), 1, Duration::from_secs(30)).expect("a pool");
    for (campaign, measure) in [
        (Some("C"), Measure::Conversions),
        (Some("C"), Measure::Rewards),
        (Some("C"), Measure::Volume),
        (None, Measure::Conversions),
    ] {
        let board = Board {
            campaign: campaign.map(str::to_owned),
            period: "2026".into(),
            measure,
        };
        // By conversions, 50 referrers have 500, and before them are the 500 times 50 with more. By the
        // others, 25,000 have more than the one in the middle.
        let (value, rank) = match measure {
            Measure::Conversions => (500, 25_000 + 25),
            Measure::Rewards => (25_000, 25_001),
            Measure::Volume => (50_000, 25_001),
        };
        let middle = Start::After(After {
            value,
            last_converted_at: if measure == Measure::Conversions {
                24_499
            } else {
                25_000
            },
            wallet: match measure {
                Measure::Conversions => "wallet00024499".into(),
                _ => "wallet00025000".into(),
            },
        });
        for (start, rank) in [
            (Start::Rank(1), 1),
            (Start::Rank(REFERRERS / 2), REFERRERS / 2),
            (Start::Rank(REFERRERS - 99), REFERRERS - 99),
            (middle, rank + 1),
        ] {
            // When a page of 100 is read
            let before = reads(&one).await;
            let page = leaderboard::page(&one, &board, &start, 100, None).await;
            let read = reads(&one).await;
            // Then it has them, and the table was not searched for them
            let page = page.expect("a page");
            assert_eq!(page.entries.len(), 100, "{board:?} {start:?}");
            assert_eq!(page.total_entries, REFERRERS);
            assert_eq!(page.entries[0].rank, rank, "{board:?} {start:?}");
            assert_eq!(read.0 - before.0, 0, "{board:?} {start:?}");
            let rows = read.1 - before.1;
            assert!((100..=2_300).contains(&rows), "{rows} {board:?} {start:?}");
        }
        // When the place of the first and of the last one is asked for
        for (wallet, rank) in match measure {
            // The first of those with 2 conversions has 998 times 50 with more before it.
            Measure::Conversions => [("wallet00000999", 1), ("wallet00000001", 49_901)],
            _ => [("wallet00050000", 1), ("wallet00000001", REFERRERS)],
        } {
            let before = reads(&one).await;
            let page = leaderboard::page(&one, &board, &Start::Rank(1), 1, Some(wallet)).await;
            let read = reads(&one).await;
            // Then only its own part is counted
            let own = page.expect("a page").own.expect("a place");
            assert_eq!(own.rank, rank, "{board:?}");
            assert_eq!(read.0 - before.0, 0, "{board:?}");
            let rows = read.1 - before.1;
            assert!((1..=2_300).contains(&rows), "{rows} {board:?}");
        }
        // And a wallet without a place has none, and no page begins behind the last entry
        let none = Start::Rank(REFERRERS + 1);
        let page = leaderboard::page(&one, &board, &none, 1, Some("nobody")).await;
        let page = page.expect("a page");
        assert_eq!((page.entries, page.own), (vec![], None));
    }
}

/// [M4]
#[tokio::test]
async fn parts_that_drift_are_found_and_made_anew() {
    // Given parts that are right
    let (database, pool) = filled().await;
    assert_eq!(repair(&database).await, Vec::<String>::new());
    // When one has an entry too many, one is missing, one is too much, and a leaderboard has none
    pool.execute(
        "UPDATE board_fences SET entries = entries + 1
         WHERE campaign = 'C' AND period = '2026' AND measure = 'rewards' AND score < -1e38;
         DELETE FROM board_fences WHERE (campaign, period, measure, score) IN (
             SELECT campaign, period, measure, score FROM board_fences
             WHERE campaign = 'C' AND period = '2026' AND measure = 'volume'
             ORDER BY score OFFSET 1 LIMIT 1);
         INSERT INTO board_fences VALUES ('', '', 'conversions', -999, 1998, '', 5);
         DELETE FROM board_fences WHERE campaign = '' AND period = '2026'",
    )
    .await
    .expect("a change");
    // Then each is named: the 48 parts of a leaderboard have 1,042 entries each
    assert_eq!(
        repair(&database).await,
        [
            "part from the first place on by conversions of the leaderboard \
             over all campaigns: 1042 referrers; counted: 51 referrers",
            "part from 999 on by conversions of the leaderboard over all campaigns: 5 referrers; \
             counted: 6 referrers or more",
            "first part by conversions of the leaderboard over all campaigns in 2026: missing; \
             counted: there",
            "part from the first place on by rewards of the leaderboard of \
             C in 2026: 1043 referrers; counted: 1042 referrers",
            "part from the first place on by volume of the leaderboard of C \
             in 2026: 1042 referrers; counted: 1043 referrers or more",
        ]
    );
    // And afterwards they are right
    assert_eq!(repair(&database).await, Vec::<String>::new());
    let sums = "SELECT count(*) FROM (
                    SELECT FROM board_fences GROUP BY campaign, period, measure
                    HAVING sum(entries) = 50000 AND count(*) = 48) AS whole";
    let row = pool.fetch_one(sums).await.expect("a row");
    assert_eq!(row.get::<i64, _>(0), 8);
}
