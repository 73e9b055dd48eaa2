//! Vouchers that the API signs, in Postgres. Numbers in brackets refer to `docs/INVARIANTS.md`.

use sqlx::PgPool;
use vouch_db::api::attestations::{self, Attestation, For, Recorded, Rules};
use vouch_localnet::{Database, Postgres};

async fn database() -> (Database, PgPool) {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    (database, pool)
}

fn rules(per_wallet: i64, per_day: i64) -> Rules {
    Rules {
        per_wallet,
        per_day,
        least_amount: 0,
        most_amount: u64::MAX,
        valid_seconds: 60,
    }
}

/// Records a voucher for this subject and wallet, that byte says which.
async fn record(pool: &PgPool, subject: &str, referee: &str, byte: u8, rules: &Rules) -> Recorded {
    let of = For {
        campaign: "campaign",
        subject,
        referral: "referral",
        referee,
        asked_by: "authority",
    };
    attestations::record(pool, &of, &voucher(0, byte), rules)
        .await
        .expect("an outcome")
}

fn voucher(turn: i32, byte: u8) -> Attestation {
    Attestation {
        turn,
        message: vec![byte; 209],
        attestor: "attestor".to_owned(),
        signature: vec![byte; 64],
        issued_at: 1,
        expires_at: 61,
    }
}

/// The vouchers of each day for a wallet, or with an empty one for all.
async fn days(pool: &PgPool, wallet: &str) -> Vec<i64> {
    let sql = "SELECT vouchers FROM attestation_days WHERE campaign = 'campaign' AND wallet = $1";
    sqlx::query_scalar(sql)
        .bind(wallet)
        .fetch_all(pool)
        .await
        .expect("numbers")
}

async fn kept(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM attestations")
        .fetch_one(pool)
        .await
        .expect("a number")
}

/// [A13]
#[tokio::test]
async fn of_many_requests_for_one_order_one_voucher_is_recorded() {
    let (_database, pool) = database().await;
    let rules = rules(100, 100);
    let racing = (0..64).map(|byte| record(&pool, "order", "wallet", byte, &rules));
    let outcomes = futures::future::join_all(racing).await;
    let first = outcomes.iter().position(|it| *it == Recorded::Now);
    let first = u8::try_from(first.expect("one")).expect("a number");
    let others = outcomes.iter().filter(|it| **it == Recorded::Other).count();
    assert_eq!((others, kept(&pool).await), (63, 1));
    assert_eq!(
        (days(&pool, "wallet").await, days(&pool, "").await),
        (vec![1], vec![1])
    );
    // And it is the one that others are given
    let latest = attestations::latest(&pool, "campaign", "order").await;
    assert_eq!(latest.expect("an answer"), Some(voucher(0, first)));
    let none = attestations::latest(&pool, "campaign", "another").await;
    assert_eq!(none.expect("an answer"), None);
}

/// [A13]
#[tokio::test]
async fn of_many_orders_exactly_the_limits_are_recorded() {
    let (_database, pool) = database().await;
    // When 64 orders of 8 wallets are asked for at once, of which each may have 3, and all together 9
    let rules = rules(3, 9);
    let names: Vec<(String, String)> = (0..64)
        .map(|n| (format!("order {n}"), format!("wallet {}", n % 8)))
        .collect();
    let racing = names
        .iter()
        .map(|(order, wallet)| record(&pool, order, wallet, 7, &rules));
    let outcomes = futures::future::join_all(racing).await;
    let now = outcomes.iter().filter(|it| **it == Recorded::Now).count();
    // Then what is recorded is what is counted
    let now = i64::try_from(now).expect("a number");
    let all = days(&pool, "").await;
    assert_eq!((kept(&pool).await, all.iter().sum::<i64>()), (now, now));
    let mut of_wallets = 0;
    for n in 0..8 {
        let of_wallet = days(&pool, &format!("wallet {n}")).await;
        assert!(of_wallet.iter().all(|number| *number <= 3), "{of_wallet:?}");
        of_wallets += of_wallet.iter().sum::<i64>();
    }
    assert_eq!(of_wallets, now);
    // And a test that midnight (UTC) does not cut in two has exactly the limit
    assert!(all.iter().all(|number| *number <= 9), "{all:?}");
    if all.len() == 1 {
        assert_eq!(now, 9);
    }
}

#[tokio::test]
async fn limits_of_zero_allow_none() {
    let (_database, pool) = database().await;
    assert_eq!(
        record(&pool, "order", "wallet", 1, &rules(0, 9)).await,
        Recorded::WalletFull
    );
    assert_eq!(
        record(&pool, "order", "wallet", 1, &rules(9, 0)).await,
        Recorded::DayFull
    );
    // Then nothing is left of either
    assert_eq!(kept(&pool).await, 0);
    assert_eq!(
        (days(&pool, "wallet").await, days(&pool, "").await),
        (vec![], vec![])
    );
}
