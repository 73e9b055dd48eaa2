//! Quotas in Postgres. Numbers in brackets refer to `docs/INVARIANTS.md`.

use sqlx::{Executor, PgPool, Row as _};
use vouch_db::api::limits::{self, Quota, Standing};
use vouch_localnet::{Database, Postgres};

async fn database() -> (Database, PgPool) {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    (database, pool)
}

/// A quota of so many requests in eleven days, so that a slow test gets none back.
fn quota(subject: u8, requests: u32) -> Quota {
    Quota {
        subject: [subject; 16],
        step: 1_000_000.0 / f64::from(requests),
        window: 1_000_000.0,
    }
}

async fn take(pool: &PgPool, quotas: &[Quota]) -> Vec<Standing> {
    limits::take(pool, quotas).await.expect("standings")
}

/// [A7]
#[tokio::test]
async fn of_many_requests_at_once_each_quota_lets_through_what_it_has() {
    // Given a narrow quota of 100 requests, and a wide one of 8
    let (_database, pool) = database().await;
    let (narrow, wide) = (quota(1, 100), quota(2, 8));
    // When 64 requests count on both at once, in either order
    let racing = (0..64).map(|n| {
        let both = if n % 2 == 0 {
            [narrow, wide]
        } else {
            [wide, narrow]
        };
        let pool = &pool;
        async move { (n, take(pool, &both).await) }
    });
    let standings = futures::future::join_all(racing).await;
    // Then 8 get through, and the others are told that it is the wide one that is full
    let passed = standings
        .iter()
        .filter(|(_, both)| both.iter().all(|one| one.has_room));
    assert_eq!(passed.count(), 8);
    for (n, both) in &standings {
        assert!(both[n % 2].has_room, "the narrow one has room");
    }
    // And who was refused has used up nothing: the narrow one has room for 92 more, one of them asked here
    let after = take(&pool, &[narrow]).await[0];
    assert!(after.has_room);
    assert!((80_000.0..=90_001.0).contains(&after.whole_in), "{after:?}");
    // And the full one says when it will be whole
    let full = take(&pool, &[wide]).await[0];
    assert!(!full.has_room);
    assert!(
        (990_000.0..=1_000_001.0).contains(&full.whole_in),
        "{full:?}"
    );
    // And others have their own
    assert!(take(&pool, &[quota(3, 1)]).await[0].has_room);
    assert!(!take(&pool, &[quota(3, 1)]).await[0].has_room);
}

#[tokio::test]
async fn quotas_that_are_whole_are_forgotten() {
    // Given 25,000 quotas that are whole, and one that is not
    let (_database, pool) = database().await;
    pool.execute(
        "INSERT INTO limits SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), now() - interval '1 second'
         FROM generate_series(1, 25000) AS n",
    )
    .await
    .expect("rows");
    assert!(take(&pool, &[quota(255, 1)]).await[0].has_room);
    // When they are swept, then that goes in parts, and the other one stays
    let sweep = async || limits::sweep(&pool).await.expect("swept");
    assert!(sweep().await && sweep().await && !sweep().await);
    let left: i64 = pool
        .fetch_one("SELECT count(*) FROM limits")
        .await
        .expect("a row")
        .get(0);
    assert_eq!(left, 1);
    assert!(!take(&pool, &[quota(255, 1)]).await[0].has_room);
    // And one that is whole counts as new
    pool.execute("UPDATE limits SET whole_at = now() - interval '1 day'")
        .await
        .expect("set");
    assert!(take(&pool, &[quota(255, 1)]).await[0].has_room);
}
