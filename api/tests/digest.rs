//! The routes of digests, on a real Postgres.

mod common;

use common::*;
use serde_json::{Value, json};
use sqlx::{Executor as _, PgPool};
use vouch_localnet::Postgres;

/// 600 transactions in the slots 1 to 600, of which every third made a conversion that counts, and
/// number 600 paid one.
async fn story(pool: &PgPool) {
    for sql in [
        "INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
         SELECT n, n, 1700000000 + n, 'S' || n, true FROM generate_series(1, 600) AS n",
        "INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer, partner,
             referee, action, amount, reward_referrer, reward_referee, reward_partner, converted_at,
             matures_at, status, settled)
         SELECT 'conversion-' || n, n, n, 'C', 'R', 'STARTER7', 'A', 'Q', 'B', 'signup',
             18446744073709551615, 3, 2, 1, 1700000000 + n, 1700000000 + n, 'pending', 0
         FROM generate_series(3, 600, 3) AS n",
        // Those do not count: cancelled, and can still be cancelled
        "UPDATE conversions SET status = 'cancelled' WHERE seq = 30",
        "UPDATE conversions SET matures_at = 1700000601 WHERE seq = 33",
        "INSERT INTO events (seq, place, kind, campaign, referral, subject, wallet, units, detail)
         VALUES (600, 0, 'part_paid', NULL, NULL, 'conversion-3', 'A', 3, '{\"part\": \"referrer\"}')",
        "INSERT INTO digests VALUES (300, 305, 'S300', 1700000300, 'G', 512, 98, 294, 0,
             decode(repeat('aa', 32), 'hex'), decode(repeat('bb', 32), 'hex'))",
        "INSERT INTO digests VALUES (600, 610, 'S600', 1700000600, 'G', 512, 198, 594, 3,
             decode(repeat('cc', 32), 'hex'), decode(repeat('dd', 64), 'hex'))",
    ] {
        pool.execute(sql).await.unwrap();
    }
}

/// The transactions of a page's conversions.
fn numbers(page: &Value) -> Vec<i64> {
    let rows = page["conversions"].as_array().unwrap().iter();
    rows.map(|row| row["seq"].as_i64().unwrap()).collect()
}

/// [M13]
#[tokio::test]
async fn digests_and_their_rows_are_served_page_by_page() {
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let api = Api::start(database.url()).await.ready().await;
    // Given no digest, then there is none
    for path in ["/v1/digest", "/v1/digest/rows?slot=9&bucket=0"] {
        let answer = api.get(path).await;
        assert_eq!(answer.refusal(), (404, "digest_not_found".into()), "{path}");
    }
    // Given digests of the slots 305 and 610
    story(&pool).await;
    let newest = api.get("/v1/digest").await.json();
    assert_eq!(
        newest,
        json!({
            "genesis_hash": "G",
            "slot": 610,
            "seq": 600,
            "signature": "S600",
            "time": 1_700_000_600,
            "bucket_size": 512,
            "conversions": 198,
            "rewards": "594",
            "paid": "3",
            "root": "cc".repeat(32),
            "buckets": ["dd".repeat(32), "dd".repeat(32)],
        })
    );
    // Then a slot has the newest one that is not later
    for (slot, expected) in [("305", 305), ("609", 305), ("9223372036854775807", 610)] {
        let found = api.get(&format!("/v1/digest?slot={slot}")).await.json();
        assert_eq!(found["slot"], expected, "{slot}");
    }
    let beyond = api.get("/v1/digest?slot=9223372036854775808").await;
    assert_eq!(beyond.refusal(), (400, "invalid_query".into()));
    let before = api.get("/v1/digest?slot=304").await;
    assert_eq!(before.refusal(), (404, "digest_not_found".into()));

    // Then the pages of the first bucket hold 256 transactions each, without what does not count
    let first = api.get("/v1/digest/rows?slot=610&bucket=0").await.json();
    let counted = |from: i64, to: i64| -> Vec<i64> {
        let all = (from..=to).filter(|seq| seq % 3 == 0);
        all.filter(|seq| ![30, 33].contains(seq)).collect()
    };
    assert_eq!(numbers(&first), counted(1, 256));
    assert_eq!(
        (first["upto"].as_i64(), first["last"].as_i64()),
        (Some(256), Some(512))
    );
    assert_eq!(
        (first["slot"].as_i64(), first["seq"].as_i64()),
        (Some(610), Some(600))
    );
    assert_eq!(
        first["conversions"][0],
        json!({
            "seq": 3,
            "conversion": "conversion-3",
            "campaign": "C",
            "referral": "R",
            "referrer": "A",
            "partner": "Q",
            "referee": "B",
            "amount": "18446744073709551615",
            "reward_referrer": "3",
            "reward_referee": "2",
            "reward_partner": "1",
            "converted_at": 1_700_000_003,
            "matures_at": 1_700_000_003,
        })
    );
    let second = api.get("/v1/digest/rows?slot=610&bucket=0&after=256").await;
    let second = second.json();
    assert_eq!(numbers(&second), counted(257, 512));
    assert_eq!(second["upto"], second["last"]);
    // And those of the second bucket hold the rest, with the payment
    let rest = api.get("/v1/digest/rows?slot=610&bucket=1").await.json();
    assert_eq!(numbers(&rest), counted(513, 600));
    assert_eq!(
        rest["payments"],
        json!([{
            "seq": 600,
            "conversion": "conversion-3",
            "part": "referrer",
            "recipient": "A",
            "units": "3",
        }])
    );
    // And an older digest has the rows of its moment
    let older = api.get("/v1/digest/rows?slot=400&bucket=0&after=256").await;
    let older = older.json();
    assert_eq!(numbers(&older), counted(257, 300));
    assert_eq!(
        (older["slot"].as_i64(), older["upto"].as_i64()),
        (Some(305), Some(300))
    );
    assert_eq!(older["payments"], json!([]));
    // And a row of no transaction, which only a mistake makes, comes with the first ones
    pool.execute("UPDATE conversions SET seq = -5 WHERE seq = 600")
        .await
        .unwrap();
    let first = api.get("/v1/digest/rows?slot=610&bucket=0").await.json();
    assert_eq!(numbers(&first)[..2], [0, 3]);

    // And what is not there is refused
    for (path, code) in [
        (
            "/v1/digest/rows?slot=610&bucket=2",
            (404, "bucket_not_found"),
        ),
        (
            "/v1/digest/rows?slot=610&bucket=18446744073709551615",
            (404, "bucket_not_found"),
        ),
        (
            "/v1/digest/rows?slot=610&bucket=0&after=512",
            (400, "invalid_query"),
        ),
        (
            "/v1/digest/rows?slot=610&bucket=1&after=511",
            (400, "invalid_query"),
        ),
        (
            "/v1/digest/rows?slot=610&bucket=1&after=600",
            (400, "invalid_query"),
        ),
        ("/v1/digest/rows?slot=610", (400, "invalid_query")),
        ("/v1/digest/rows?bucket=0", (400, "invalid_query")),
        ("/v1/digest?slot=-1", (400, "invalid_query")),
        (
            "/v1/digest?slot=18446744073709551616",
            (400, "invalid_query"),
        ),
        ("/v1/digest?height=1", (400, "invalid_query")),
    ] {
        let refusal = api.get(path).await.refusal();
        assert_eq!(refusal, (code.0, code.1.to_owned()), "{path}");
    }
}

/// [M13]
#[tokio::test]
async fn a_page_is_found_by_its_transactions() {
    // Given 100,000 conversions in as many transactions
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    for sql in [
        "INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer, referee,
             action, amount, reward_referrer, reward_referee, reward_partner, converted_at,
             matures_at, status, settled)
         SELECT 'conversion-' || n, n, n, 'C', 'R', 'STARTER7', 'A', 'B', 'signup', 1, 1, 0, 0, n, n,
             'paid', 7
         FROM generate_series(1, 100000) AS n",
        "INSERT INTO events (seq, place, kind, subject, wallet, units, detail)
         SELECT n, 0, 'part_paid', 'conversion-' || n, 'A', 1, '{\"part\": \"referrer\"}'
         FROM generate_series(1, 100000) AS n",
        "ANALYZE conversions",
        "ANALYZE events",
    ] {
        pool.execute(sql).await.unwrap();
    }
    // Then neither query of a page reads a whole table, for any span of numbers
    for query in [
        "SELECT address FROM conversions WHERE seq > $1 AND seq <= $2 AND matures_at <= 5
             AND status <> 'cancelled' ORDER BY GREATEST(seq, 0), address",
        "SELECT subject FROM events WHERE seq > $1 AND seq <= $2 AND kind = 'part_paid'
         ORDER BY GREATEST(seq, 0), subject, place",
    ] {
        let mut connection = pool.acquire().await.unwrap();
        for sql in [
            "SET plan_cache_mode = force_generic_plan".to_owned(),
            "DEALLOCATE ALL".to_owned(),
            format!("PREPARE page (bigint, bigint) AS {query}"),
        ] {
            sqlx::raw_sql(&sql).execute(&mut *connection).await.unwrap();
        }
        let plan = sqlx::raw_sql("EXPLAIN EXECUTE page(50000, 50256)");
        let plan = plan.fetch_all(&mut *connection).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| sqlx::Row::get(row, 0)).collect();
        assert!(
            !plan.iter().any(|line| line.contains("Seq Scan")),
            "{plan:#?}"
        );
    }
}
