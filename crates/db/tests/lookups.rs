//! Look-ups of orders, transactions and attempts at a size.

use std::time::Duration;

use sqlx::{Executor, PgPool, Row as _};
use vouch_db::api::{
    self,
    conversions::{self, Filter, Standing},
    why::{self, Of},
};
use vouch_localnet::Postgres;

/// The rows that the pool's one connection has read so far, of tables and of indexes.
async fn read(pool: &PgPool) -> i64 {
    pool.execute("SELECT pg_stat_force_next_flush()")
        .await
        .expect("a flush");
    let row = pool
        .fetch_one(
            "SELECT (SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables
                     WHERE relname IN ('calls', 'transactions', 'conversions', 'referrals'))
                  + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes
                     WHERE relname IN ('calls', 'transactions', 'conversions', 'referrals'))",
        )
        .await
        .expect("statistics");
    row.get(0)
}

#[tokio::test]
async fn each_look_up_reads_few_rows_however_many_there_are() {
    // Given 300,000 attempts, of which most failed, 60,000 of them by one wallet, and 60,000 conversions
    let database = Postgres::test_database().await.expect("a database");
    let pool = PgPool::connect(database.url()).await.expect("a pool");
    pool.execute(
        "INSERT INTO transactions (seq, slot, block_time, signature, succeeded,
             failed_instruction, error_code)
         SELECT n, n, n, 'signature-' || n, n <= 60000,
             CASE WHEN n > 60000 THEN 0 END, CASE WHEN n > 60000 THEN 6001 END
         FROM generate_series(1, 300000) AS n;
         INSERT INTO calls (seq, instruction, inner_index, name, campaign, referral, conversion, wallet)
         SELECT n, 0, -1, 'convert', 'C', 'R', 'conversion-' || n % 120000,
             CASE WHEN n % 5 = 0 THEN 'whale' ELSE 'wallet-' || n END
         FROM generate_series(1, 300000) AS n;
         INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer, referee,
             action, amount, reference, reward_referrer, reward_referee, reward_partner,
             converted_at, matures_at, status, settled)
         SELECT 'conversion-' || n, n, n, 'C', 'R', 'STARTER7', 'Alice', 'wallet-' || n,
             'signup', 1, sha256(n::text::bytea), 1, 0, 0, n, n, 'paid', 7
         FROM generate_series(1, 60000) AS n;
         ANALYZE transactions; ANALYZE calls; ANALYZE conversions; ANALYZE referrals",
    )
    .await
    .expect("rows");
    let one = api::pool(database.url(), 1, Duration::from_secs(30)).expect("a pool");
    // Then the attempts of a wallet, also of one with many, and those for an order cost their own rows
    for (of, found) in [
        (("wallet-200001", "C"), 1),
        (("whale", "C"), 20),
        (("nobody", "C"), 0),
        (("whale", "D"), 0),
    ] {
        let before = read(&one).await;
        let (wallet, campaign) = of;
        let attempts = why::attempts(&one, Of::Wallet { wallet, campaign }).await;
        let cost = read(&one).await - before;
        assert_eq!(attempts.expect("an answer").len(), found, "{of:?}");
        // Some for each of at most 20 attempts: its transaction and its referral.
        assert!(cost <= 400, "{of:?} has read {cost} rows");
    }
    let before = read(&one).await;
    let attempts = why::attempts(&one, Of::Conversion("conversion-100000")).await;
    let cost = read(&one).await - before;
    let attempts = attempts.expect("an answer");
    assert_eq!(attempts.len(), 2);
    assert_eq!(
        (attempts[0].at, attempts[0].error_code),
        (220_000, Some(6001))
    );
    assert!(cost <= 100, "{cost}");
    // And so do the conversions of an order, of a transaction and of a wallet
    // SHA-256 of 4711
    let order = [
        0xde, 0x65, 0x0d, 0x61, 0xf5, 0xbd, 0x16, 0x6a, 0x91, 0xf8, 0xcc, 0xec, 0x31, 0x58, 0x29,
        0x7d, 0xb1, 0x8b, 0x9d, 0x50, 0xea, 0xed, 0xca, 0x23, 0x8c, 0xd2, 0x9d, 0xc3, 0xa2, 0x14,
        0xa9, 0x16,
    ];
    let filter = Filter::default;
    for (filter, found) in [
        (
            Filter {
                reference: Some(order),
                ..filter()
            },
            Some("conversion-4711"),
        ),
        (
            Filter {
                reference: Some(order),
                campaign: Some("C".to_owned()),
                ..filter()
            },
            Some("conversion-4711"),
        ),
        (
            Filter {
                reference: Some([7; 32]),
                ..filter()
            },
            None,
        ),
        (
            Filter {
                signature: Some("signature-4711".to_owned()),
                ..filter()
            },
            Some("conversion-4711"),
        ),
        (
            Filter {
                signature: Some("signature-250000".to_owned()),
                ..filter()
            },
            None,
        ),
        (
            Filter {
                referee: Some("wallet-4711".to_owned()),
                campaign: Some("C".to_owned()),
                ..filter()
            },
            Some("conversion-4711"),
        ),
    ] {
        let before = read(&one).await;
        let list = conversions::list(&one, &filter, None, 51).await;
        let cost = read(&one).await - before;
        let list = list.expect("an answer");
        let addresses: Vec<_> = list.iter().map(|one| one.address.as_str()).collect();
        assert_eq!(
            addresses,
            found.into_iter().collect::<Vec<_>>(),
            "{filter:?}"
        );
        assert!(cost <= 100, "{filter:?} has read {cost} rows");
    }
}

#[tokio::test]
async fn each_status_reads_few_rows_of_a_campaign_with_many_conversions() {
    // Given 20,000 conversions of a campaign, of which ten have each status but one has all others, and
    // the same beside it of another campaign
    let many = |common: &str| {
        format!(
            "TRUNCATE conversions CASCADE;
             INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer, referee,
                 action, amount, reference, reward_referrer, reward_referee, reward_partner,
                 converted_at, matures_at, status, settled)
             SELECT campaign || n, n, n, campaign, 'R', 'STARTER7', 'Alice', 'wallet-' || n,
                 'signup', 1, NULL, 1, 0, 0, n,
                 -- The later the conversion, the earlier its hold ends; those of the waiting end by 1000000.
                 CASE WHEN kind = 'held' THEN 2000000 - n ELSE 1000000 - n END,
                 CASE WHEN kind IN ('held', 'waiting') THEN 'pending' ELSE kind END, 0
             FROM generate_series(1, 20000) AS n CROSS JOIN (VALUES ('C'), ('D')) AS of (campaign)
             CROSS JOIN LATERAL (SELECT CASE WHEN n % 2000 = 1 THEN 'held'
                 WHEN n % 2000 = 2 THEN 'waiting' WHEN n % 2000 = 3 THEN 'paid'
                 WHEN n % 2000 = 4 THEN 'cancelled' WHEN n % 2000 = 5 THEN 'lapsed'
                 ELSE '{common}' END AS kind) AS stands;
             ANALYZE conversions"
        )
    };
    let database = Postgres::test_database().await.expect("a database");
    let pool = PgPool::connect(database.url()).await.expect("a pool");
    pool.execute(
        "INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
         SELECT n, n, n, 'signature-' || n, true FROM generate_series(1, 20000) AS n;
         ANALYZE transactions",
    )
    .await
    .expect("transactions");
    let one = api::pool(database.url(), 1, Duration::from_secs(30)).expect("a pool");
    let kinds = [
        (Standing::Held, "held", 1),
        (Standing::Waiting, "waiting", 2),
        (Standing::Paid, "paid", 3),
        (Standing::Cancelled, "cancelled", 4),
        (Standing::Lapsed, "lapsed", 5),
    ];
    for (_, common, _) in kinds {
        pool.execute(many(common).as_str()).await.expect("rows");
        for (standing, name, rest) in kinds.into_iter().filter(|(_, name, _)| *name != common) {
            // When the ten are read in pages of four
            let mut found = Vec::new();
            let mut after: Option<(i64, String)> = None;
            for size in [4, 4, 2] {
                let before = read(&one).await;
                let place = after
                    .as_ref()
                    .map(|(time, address)| (*time, address.as_str()));
                let page = conversions::of_campaign(&one, "C", standing, 1_000_000, place, 4).await;
                let cost = read(&one).await - before;
                let page = page.expect("an answer");
                assert_eq!(page.len(), size, "{name} among {common}");
                assert!(cost <= 40, "{name} among {common} has read {cost} rows");
                after = page.last().map(|last| {
                    let time = match standing {
                        Standing::Held | Standing::Waiting => last.matures_at,
                        _ => last.converted_at,
                    };
                    (time, last.address.clone())
                });
                found.extend(page.into_iter().map(|one| one.address));
            }
            // Then these are all, the newest first: their holds end first, too
            let newest: Vec<_> = (0..10)
                .rev()
                .map(|times| format!("C{}", times * 2_000 + rest))
                .collect();
            assert_eq!(found, newest, "{name} among {common}");
        }
        // And the first page of the others costs a page
        let (standing, ..) = kinds
            .into_iter()
            .find(|(_, name, _)| *name == common)
            .expect("one of them");
        let before = read(&one).await;
        let page = conversions::of_campaign(&one, "C", standing, 1_000_000, None, 51).await;
        let cost = read(&one).await - before;
        assert_eq!(page.expect("an answer").len(), 51, "{common}");
        assert!(cost <= 400, "{common} has read {cost} rows");
    }
}

#[tokio::test]
async fn a_page_by_status_costs_the_same_with_strangers_conversions_in_front_of_it() {
    // Given 20,000 conversions, of which the last tenth is of one campaign, and those of two others are before it in
    // every order
    let database = Postgres::test_database().await.expect("a database");
    let pool = PgPool::connect(database.url()).await.expect("a pool");
    pool.execute(
        "INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
         SELECT n, n, n, 'signature-' || n, true FROM generate_series(1, 20000) AS n;
         ANALYZE transactions",
    )
    .await
    .expect("transactions");
    let one = api::pool(database.url(), 1, Duration::from_secs(30)).expect("a pool");
    let campaign = "C".repeat(44);
    for (standing, status, first_end) in [
        (Standing::Held, "pending", 1_000_000),
        (Standing::Waiting, "pending", 100_000),
        (Standing::Paid, "paid", 100_000),
        (Standing::Cancelled, "cancelled", 100_000),
        (Standing::Lapsed, "lapsed", 100_000),
    ] {
        let rows = format!(
            "TRUNCATE conversions CASCADE;
             INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer, referee,
                 action, amount, reference, reward_referrer, reward_referee, reward_partner,
                 converted_at, matures_at, status, settled)
             SELECT rpad(md5(n::text), 44, 'a'), n, n,
                 repeat(CASE WHEN n > 18000 THEN 'C' WHEN n % 2 = 0 THEN 'B' ELSE 'D' END, 44),
                 repeat('R', 44), 'STARTER7', 'Alice', 'wallet-' || n, 'signup', 1, NULL, 1, 0, 0,
                 20000 - n, {first_end} + n, '{status}', 0
             FROM generate_series(1, 20000) AS n;
             ANALYZE conversions"
        );
        pool.execute(rows.as_str()).await.expect("rows");
        // When its first page is read, and the next one
        let mut after: Option<(i64, String)> = None;
        for _ in 0..2 {
            let before = read(&one).await;
            let place = after
                .as_ref()
                .map(|(time, address)| (*time, address.as_str()));
            let page =
                conversions::of_campaign(&one, &campaign, standing, 1_000_000, place, 50).await;
            let cost = read(&one).await - before;
            let page = page.expect("an answer");
            // Then it has its own rows, and has read no others
            assert_eq!(page.len(), 50, "{standing:?}");
            assert!(page.iter().all(|one| one.campaign == campaign));
            assert!(cost <= 400, "{standing:?} has read {cost} rows");
            after = page.last().map(|last| {
                let time = match standing {
                    Standing::Held | Standing::Waiting => last.matures_at,
                    _ => last.converted_at,
                };
                (time, last.address.clone())
            });
        }
    }
}

#[tokio::test]
async fn a_page_of_what_is_paid_costs_the_same_behind_many_conversions_that_are_held() {
    // Given a campaign with 2,000 paid conversions and 18,000 newer ones that are held; statistics know that
    // most conversions of all campaigns are paid
    let database = Postgres::test_database().await.expect("a database");
    let pool = PgPool::connect(database.url()).await.expect("a pool");
    pool.execute(
        "INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
         SELECT n, n, n, 'signature-' || n, true FROM generate_series(1, 40000) AS n;
         INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer, referee,
             action, amount, reference, reward_referrer, reward_referee, reward_partner,
             converted_at, matures_at, status, settled)
         SELECT rpad(md5(n::text), 44, 'a'), n, n,
             repeat(CASE WHEN n > 20000 THEN 'C' ELSE 'B' END, 44),
             repeat('R', 44), 'STARTER7', 'Alice', 'wallet-' || n, 'signup', 1, NULL, 1, 0, 0,
             n, 1000000 + n, CASE WHEN n > 22000 THEN 'pending' ELSE 'paid' END, 7
         FROM generate_series(1, 40000) AS n;
         ANALYZE transactions; ANALYZE conversions",
    )
    .await
    .expect("rows");
    let one = api::pool(database.url(), 1, Duration::from_secs(30)).expect("a pool");
    let campaign = "C".repeat(44);
    // When what is paid is read
    let before = read(&one).await;
    let page = conversions::of_campaign(&one, &campaign, Standing::Paid, 1_000_000, None, 50).await;
    let cost = read(&one).await - before;
    // Then these are the newest of them, and no other rows were read
    let times: Vec<i64> = page
        .expect("an answer")
        .into_iter()
        .map(|one| one.converted_at)
        .collect();
    assert_eq!(times, (21_951..=22_000).rev().collect::<Vec<_>>());
    assert!(cost <= 400, "{cost} rows");
    // And no other index has that order. In a million conversions the planner took the one that has the pending ones,
    // too, while both had the same.
    for (order, expected) in [("(converted_at + 0)", 1), ("(converted_at - 0)", 1)] {
        let indexes: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_indexes WHERE tablename = 'conversions' AND strpos(indexdef, $1) > 0",
        )
        .bind(order)
        .fetch_one(&pool)
        .await
        .expect("a number");
        assert_eq!(indexes, expected, "{order}");
    }
}
