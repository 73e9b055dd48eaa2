//! The sponsor's limits and records in Postgres. Numbers in brackets refer to `docs/INVARIANTS.md`.

use sqlx::PgPool;
use vouch_db::api::sponsor::{self, Recorded, Share, Sponsored};
use vouch_localnet::{Database, Postgres};

async fn database() -> (Database, PgPool) {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    (database, pool)
}

fn share(subject: &str, transactions: i64, lamports: u64) -> Share {
    Share {
        subject: subject.to_owned(),
        transactions,
        lamports,
    }
}

/// A transaction with this number, of this fee and rent, of a wallet of its own.
async fn record(pool: &PgPool, number: u8, cost: [u64; 2], shares: &[Share]) -> Recorded {
    let wallet = format!("wallet {number}");
    record_of(pool, (&wallet, number), cost, shares, 1, &[]).await
}

/// The last height of the transactions.
const LAST: u64 = 1_000;

/// A transaction of a wallet, at this height of the chain, when those with these numbers have ended.
async fn record_of(
    pool: &PgPool,
    (wallet, number): (&str, u8),
    cost: [u64; 2],
    shares: &[Share],
    height: u64,
    ended: &[u8],
) -> Recorded {
    let ended: Vec<Vec<u8>> = ended.iter().map(|number| vec![*number; 32]).collect();
    let sponsored = Sponsored {
        message_hash: [number; 32],
        message: &[number],
        sponsor: "sponsor",
        campaign: "campaign",
        wallet,
        fee: cost[0],
        rent: cost[1],
        last_valid_height: LAST,
    };
    sponsor::record(pool, &sponsored, shares, height, &ended)
        .await
        .expect("an outcome")
}

/// Transactions and lamports of a subject on each day.
async fn days(pool: &PgPool, subject: &str) -> Vec<(i64, i64)> {
    let sql = "SELECT transactions, lamports::bigint FROM sponsor_days WHERE subject = $1";
    sqlx::query_as(sql)
        .bind(subject)
        .fetch_all(pool)
        .await
        .expect("rows")
}

async fn recorded(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM sponsored_transactions")
        .fetch_one(pool)
        .await
        .expect("a number")
}

/// [A12]
#[tokio::test]
async fn of_many_requests_at_once_exactly_the_limit_is_recorded() {
    // Given a wallet that has room for 100 transactions, and 9 in all
    let (_database, pool) = database().await;
    let shares = [share("wallet a", 100, u64::MAX), share("all", 9, u64::MAX)];
    // When 64 are asked for at once, in either order of the shares
    let racing = (0..64).map(|number| {
        let mut shares = shares.clone();
        if number % 2 == 1 {
            shares.reverse();
        }
        let pool = &pool;
        async move { (number, record(pool, number, [5_000, 0], &shares).await) }
    });
    let outcomes = futures::future::join_all(racing).await;
    // Then those that are recorded are those that are counted, on both
    let now = outcomes.iter().filter(|(_, it)| *it == Recorded::Now);
    let now = i64::try_from(now.count()).expect("a number");
    assert_eq!(recorded(&pool).await, now);
    for subject in ["wallet a", "all"] {
        let days = days(&pool, subject).await;
        assert_eq!(days.iter().map(|(number, _)| number).sum::<i64>(), now);
        assert_eq!(days.iter().map(|(_, sum)| sum).sum::<i64>(), now * 5_000);
        // And no day has more than the limit; a test that midnight does not cut in two has exactly that
        assert!(days.iter().all(|(number, _)| *number <= 9), "{days:?}");
        if days.len() == 1 {
            assert_eq!(now, 9);
        }
    }
    // And the others are told which is full
    for (number, outcome) in outcomes {
        let all = if number % 2 == 0 { 1 } else { 0 };
        assert!(
            [Recorded::Now, Recorded::Full(all)].contains(&outcome),
            "{number}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn lamports_of_fee_and_rent_never_exceed_the_limit() {
    let (_database, pool) = database().await;
    // Given room for 100 transactions, and for 30000 lamports
    let shares = [share("all", 100, 30_000)];
    // When 64 of 4000 lamports are asked for at once, then 7 are recorded
    let racing = (0..64).map(|number| record(&pool, number, [3_000, 1_000], &shares));
    let outcomes = futures::future::join_all(racing).await;
    let now = outcomes.iter().filter(|it| **it == Recorded::Now).count();
    let found = days(&pool, "all").await;
    assert!(found.iter().all(|(_, sum)| *sum <= 30_000), "{found:?}");
    if found.len() == 1 {
        assert_eq!((now, &found[..]), (7, &[(7, 28_000)][..]));
        // And one that is small enough still gets what is left, to the lamport
        let full = sponsor::full(&pool, &shares, 2_001)
            .await
            .expect("an answer");
        assert_eq!(full, Some(0));
        let full = sponsor::full(&pool, &shares, 2_000)
            .await
            .expect("an answer");
        assert_eq!(full, None);
        let more = record(&pool, 100, [2_000, 1], &shares).await;
        let rest = record(&pool, 101, [2_000, 0], &shares).await;
        let sums = days(&pool, "all").await;
        // Midnight (UTC) gives room anew.
        if sums.len() == 1 {
            assert_eq!((more, rest), (Recorded::Full(0), Recorded::Now));
            assert_eq!(sums, [(8, 30_000)]);
        }
    }
}

#[tokio::test]
async fn a_transaction_counts_once_however_often_it_is_asked_for() {
    let (_database, pool) = database().await;
    let shares = [share("all", 100, u64::MAX)];
    let known = async |number: u8| {
        let found = sponsor::is_recorded(&pool, &[number; 32]).await;
        found.expect("an answer")
    };
    assert!(!known(7).await);
    // When one is asked for 64 times at once, then one of them records it
    let racing = (0..64).map(|_| record(&pool, 7, [5_000, 0], &shares));
    let outcomes = futures::future::join_all(racing).await;
    let now = outcomes.iter().filter(|it| **it == Recorded::Now).count();
    let before = outcomes
        .iter()
        .filter(|it| **it == Recorded::Before)
        .count();
    assert_eq!((now, before), (1, 63));
    assert!(known(7).await);
    assert_eq!(days(&pool, "all").await, [(1, 5_000)]);
    // And one that is refused leaves nothing, so that it can be asked for again
    let none = [share("all", 100, u64::MAX), share("none", 0, u64::MAX)];
    assert_eq!(record(&pool, 8, [5_000, 0], &none).await, Recorded::Full(1));
    assert!(!known(8).await);
    assert_eq!(days(&pool, "all").await, [(1, 5_000)]);
    assert_eq!(days(&pool, "none").await, []);
    assert_eq!(record(&pool, 8, [5_000, 0], &shares).await, Recorded::Now);
}

/// [A12]
#[tokio::test]
async fn a_wallet_has_one_transaction_that_may_still_land() {
    let (_database, pool) = database().await;
    let shares = [share("all", 100, u64::MAX)];
    let cost = [5_000, 0];
    // When a wallet asks for 64 at once, then one is recorded
    let racing = (0..64).map(|number| record_of(&pool, ("a", number), cost, &shares, 1, &[]));
    let outcomes = futures::future::join_all(racing).await;
    let first = outcomes.iter().position(|it| *it == Recorded::Now);
    let first = u8::try_from(first.expect("one")).expect("a number");
    let others = outcomes.iter().filter(|it| **it == Recorded::Pending);
    assert_eq!((others.count(), recorded(&pool).await), (63, 1));
    let pending = async |height| {
        let found = sponsor::pending(&pool, "a", height).await;
        found.expect("messages")
    };
    assert_eq!(pending(LAST).await, [[first]]);
    assert_eq!(pending(LAST + 1).await, [[0_u8; 1]; 0]);
    // And other wallets do not wait for it
    assert_eq!(record(&pool, 100, cost, &shares).await, Recorded::Now);
    // And it waits until that one has ended, or can land no more
    let asked = async |number, height, ended: &[u8]| {
        record_of(&pool, ("a", number), cost, &shares, height, ended).await
    };
    assert_eq!(asked(101, LAST, &[]).await, Recorded::Pending);
    assert_eq!(asked(101, LAST, &[200]).await, Recorded::Pending);
    assert_eq!(asked(first, LAST, &[]).await, Recorded::Before);
    assert_eq!(asked(101, LAST, &[first]).await, Recorded::Now);
    assert_eq!(asked(102, LAST, &[first]).await, Recorded::Pending);
    assert_eq!(asked(102, LAST + 1, &[]).await, Recorded::Now);
    // And none that waited was counted
    let sums = days(&pool, "all").await;
    assert_eq!(sums.iter().map(|(number, _)| number).sum::<i64>(), 4);
}

/// The day (UTC) of Postgres, in text.
async fn day(pool: &PgPool) -> String {
    let sql = "SELECT (now() AT TIME ZONE 'UTC')::date::text";
    sqlx::query_scalar(sql)
        .fetch_one(pool)
        .await
        .expect("a day")
}

#[tokio::test]
async fn yesterday_does_not_count_and_goes_after_a_week() {
    let (_database, pool) = database().await;
    let began = day(&pool).await;
    // Given days that are full: yesterday, and nine days ago
    let sql = "INSERT INTO sponsor_days (day, subject, transactions, lamports)
               SELECT (now() AT TIME ZONE 'UTC')::date - ago, 'all', 100, 100 FROM UNNEST($1::int[]) ago";
    let inserted = sqlx::query(sql).bind(vec![1, 8, 9]).execute(&pool).await;
    inserted.expect("rows");
    // And networks of yesterday and of today
    let sql = "INSERT INTO sponsor_days (day, subject, transactions, lamports)
               SELECT (now() AT TIME ZONE 'UTC')::date - ago, 'network a', 1, 1 FROM UNNEST($1::int[]) ago";
    let inserted = sqlx::query(sql).bind(vec![0, 1]).execute(&pool).await;
    inserted.expect("rows");
    // Then today has room
    let today = sponsor::today(&pool, "all").await.expect("a day");
    assert_eq!((today.transactions, today.lamports), (0, 0));
    let shares = [share("all", 1, 100)];
    assert_eq!(record(&pool, 1, [100, 0], &shares).await, Recorded::Now);
    let today = sponsor::today(&pool, "all").await.expect("a day");
    // And the oldest is deleted, and what is over of a network
    assert!(!sponsor::sweep(&pool).await.expect("a sweep"));
    let left = (days(&pool, "all").await, days(&pool, "network a").await);
    // Midnight (UTC) makes another day of this one.
    if day(&pool).await != began {
        return;
    }
    assert_eq!((today.transactions, today.lamports), (1, 100));
    assert_eq!((left.0.len(), left.1.len()), (3, 1));
}
