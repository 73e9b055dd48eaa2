//! Days of clicks, and short links. Numbers in brackets refer to `docs/INVARIANTS.md`.

use std::time::Duration;

use sqlx::{
    Executor, PgPool, Row as _,
    types::{
        Uuid,
        time::{Date, OffsetDateTime},
    },
};
use time::macros::{date, datetime};
use vouch_db::{
    Error,
    api::{
        self,
        clicks::{self, Click},
        codes,
    },
};
use vouch_localnet::{Database, Postgres};

async fn database() -> (Database, PgPool) {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    (database, pool)
}

fn click(number: u128, at: OffsetDateTime) -> Click {
    Click {
        id: Uuid::from_u128(number),
        clicked_at: at,
        campaign: "C".into(),
        referral: "R".into(),
        code: "STARTER7".into(),
        visitor: number.to_le_bytes().to_vec(),
        user_agent: None,
        referrer_url: None,
        source: None,
        utm: None,
        wallet: None,
        verdict: "human".into(),
        verdict_reason: None,
        device: None,
        country: None,
    }
}

/// The tables that hold clicks, with their numbers.
async fn days(pool: &PgPool) -> Vec<(String, i64)> {
    let rows = pool
        .fetch_all("SELECT tableoid::regclass::text, count(*) FROM clicks GROUP BY 1 ORDER BY 1")
        .await
        .expect("rows");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// [A4]
#[tokio::test]
async fn a_day_is_attached_while_clicks_are_being_written() {
    // Given somebody who writes clicks for long
    let (database, pool) = database().await;
    let day = date!(2031 - 01 - 02);
    clicks::create_partition(&pool, date!(2031 - 01 - 01))
        .await
        .expect("a day");
    let mut slow = pool.begin().await.expect("a transaction");
    let other = click(9, datetime!(2031-01-01 11:00 UTC));
    clicks::insert(
        &mut slow,
        &[Click {
            // Writers of one campaign wait for each other, but each for one statement alone.
            campaign: "D".into(),
            referral: "S".into(),
            ..other
        }],
    )
    .await
    .expect("stored");
    // When a day is made, then it is, and the click of another one comes in
    let writers = api::click_pool(database.url(), Duration::from_secs(30)).expect("a pool");
    let mut writer = writers.acquire().await.expect("a connection");
    let first = click(1, datetime!(2031-01-01 12:00 UTC));
    let (made, stored) = tokio::join!(
        clicks::create_partition(&pool, day),
        clicks::insert(&mut writer, std::slice::from_ref(&first)),
    );
    assert!(made.expect("made"));
    assert_eq!(stored.expect("stored"), 1);
    // And again, it is there already
    assert!(!clicks::create_partition(&pool, day).await.expect("there"));
    // And clicks of the day are in it, each once
    let second = click(2, datetime!(2031-01-02 00:00 UTC));
    for _ in 0..2 {
        let clicks = [first.clone(), second.clone()];
        clicks::insert(&mut writer, &clicks).await.expect("stored");
    }
    let expected = [
        ("clicks_20310101".to_owned(), 1),
        ("clicks_20310102".to_owned(), 1),
    ];
    assert_eq!(days(&pool).await, expected);
    slow.rollback().await.expect("released");
    // And it is as the others are: the same indexes, and no more constraints
    let shape = |table: &str| {
        format!(
            "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = '{table}'::regclass),
                    (SELECT count(*) FROM pg_constraint WHERE conrelid = '{table}'::regclass)"
        )
    };
    let row = async |table: &str| {
        let row = pool.fetch_one(shape(table).as_str()).await.expect("a row");
        (row.get::<i64, _>(0), row.get::<i64, _>(1))
    };
    let (indexes, constraints) = row("clicks_20310102").await;
    // The default partition has one more index, by which old clicks are found.
    assert_eq!((indexes + 1, constraints), row("clicks_default").await);
}

/// [A4]
#[tokio::test]
async fn a_click_that_waits_while_its_day_is_attached_is_stored_in_it() {
    // Given a day that is made and not yet committed
    let (database, pool) = database().await;
    let mut maker = pool.begin().await.expect("a transaction");
    maker
        .execute("SELECT create_click_partition('2031-01-02')")
        .await
        .expect("made");
    // And a click of that day, which waits for the default partition
    let other = PgPool::connect(database.url()).await.expect("a pool");
    let write = async {
        let mut writer = other.acquire().await.expect("a connection");
        let late = click(1, datetime!(2031-01-02 12:00 UTC));
        clicks::insert(&mut writer, &[late]).await
    };
    let commit = async {
        let waits = "SELECT EXISTS (SELECT FROM pg_locks
                     WHERE relation = 'clicks_default'::regclass AND NOT granted
                         AND database = (SELECT oid FROM pg_database
                                         WHERE datname = current_database()))";
        while !sqlx::query_scalar::<_, bool>(waits)
            .fetch_one(&pool)
            .await
            .expect("a row")
        {}
        maker.commit().await.expect("committed");
    };
    // When the day is committed, then the click is stored in it
    let (stored, ()) = tokio::join!(write, commit);
    assert_eq!(stored.expect("stored"), 1);
    assert_eq!(days(&pool).await, [("clicks_20310102".to_owned(), 1)]);
}

/// [A4]
#[tokio::test]
async fn a_day_takes_the_clicks_that_came_before_it_was_made() {
    // Given clicks of a day that nobody has made, of the day before it, and one that is just being written
    let (database, pool) = database().await;
    let day = date!(2031 - 01 - 02);
    let all = [
        click(1, datetime!(2031-01-01 23:59:59.999999 UTC)),
        click(2, datetime!(2031-01-02 00:00 UTC)),
        click(3, datetime!(2031-01-02 23:59:59.999999 UTC)),
    ];
    let mut connection = pool.acquire().await.expect("a connection");
    clicks::insert(&mut connection, &all).await.expect("stored");
    assert_eq!(days(&pool).await, [("clicks_default".to_owned(), 3)]);
    let mut writer = pool.begin().await.expect("a transaction");
    let last = click(4, datetime!(2031-01-02 12:00 UTC));
    clicks::insert(&mut writer, std::slice::from_ref(&last))
        .await
        .expect("stored");
    // When the day is made, then that gives up while the click is being written
    let busy = clicks::create_partition(&pool, day)
        .await
        .expect_err("held");
    assert!(api::is_busy(&busy), "{busy:?}");
    // And afterwards the day has its clicks and nothing else, each once
    writer.commit().await.expect("written");
    assert!(clicks::create_partition(&pool, day).await.expect("made"));
    let expected = [
        ("clicks_20310102".to_owned(), 3),
        ("clicks_default".to_owned(), 1),
    ];
    assert_eq!(days(&pool).await, expected);
    // And a click that comes again is still known
    let stored = clicks::insert(&mut connection, &[last]).await;
    assert_eq!(stored.expect("an answer"), 0);
    assert_eq!(days(&pool).await, expected);
    // When more clicks of a day wait than may be moved while others stand behind
    let owner = PgPool::connect(database.url()).await.expect("a pool");
    owner
        .execute(
            "INSERT INTO clicks_default (id, clicked_at, campaign, referral, code, visitor, verdict)
             SELECT gen_random_uuid(), timestamptz '2031-01-03 00:00Z' + n * interval '1 second',
                 'C', 'R', 'STARTER7', '\\x00', 'human'
             FROM generate_series(1, 20001) AS n",
        )
        .await
        .expect("rows");
    // Then the day is refused, and they stay where they can be read
    let third = date!(2031 - 01 - 03);
    let refused = clicks::create_partition(&pool, third)
        .await
        .expect_err("too many");
    assert!(!api::is_busy(&refused), "{refused:?}");
    let stays = [expected[0].clone(), ("clicks_default".to_owned(), 20_002)];
    assert_eq!(days(&pool).await, stays);
    // And one fewer is moved
    owner
        .execute("DELETE FROM clicks_default WHERE clicked_at = '2031-01-03 00:00:01Z'")
        .await
        .expect("deleted");
    assert!(clicks::create_partition(&pool, third).await.expect("made"));
    let moved = [
        expected[0].clone(),
        ("clicks_20310103".to_owned(), 20_000),
        expected[1].clone(),
    ];
    assert_eq!(days(&pool).await, moved);
}

/// [A4]
#[tokio::test]
async fn whoever_reads_the_default_partition_holds_up_a_day_and_no_click() {
    // Given somebody who reads every partition for long
    let (database, pool) = database().await;
    let day = date!(2031 - 01 - 01);
    clicks::create_partition(&pool, day).await.expect("a day");
    let mut reader = pool.begin().await.expect("a transaction");
    reader
        .execute("SELECT count(*) FROM clicks")
        .await
        .expect("read");
    // When the next day is made, then that gives up, and is busy
    let next = date!(2031 - 01 - 02);
    let busy = clicks::create_partition(&pool, next)
        .await
        .expect_err("held");
    assert!(api::is_busy(&busy), "{busy:?}");
    // And so does the deletion of old days
    let busy = clicks::drop_partition(&pool, next).await.expect_err("held");
    assert!(api::is_busy(&busy), "{busy:?}");
    // But clicks come in
    let writers = api::click_pool(database.url(), Duration::from_secs(30)).expect("a pool");
    let mut writer = writers.acquire().await.expect("a connection");
    let one = click(1, datetime!(2031-01-01 12:00 UTC));
    assert_eq!(
        clicks::insert(&mut writer, &[one]).await.expect("stored"),
        1
    );
    // When nobody reads any more, then both are done
    reader.rollback().await.expect("released");
    assert!(clicks::create_partition(&pool, next).await.expect("made"));
    assert!(clicks::drop_partition(&pool, next).await.expect("done"));
}

/// [A4]
#[tokio::test]
async fn old_clicks_and_visitors_are_deleted_and_their_numbers_stay() {
    // Given clicks of three days, and of one that has no partition
    let (_database, pool) = database().await;
    let mut connection = pool.acquire().await.expect("a connection");
    for day in [1, 2, 3] {
        let day = Date::from_calendar_date(2031, time::Month::January, day).expect("a day");
        clicks::create_partition(&pool, day).await.expect("a day");
    }
    let all = [
        click(1, datetime!(2031-01-01 23:59:59 UTC)),
        click(2, datetime!(2031-01-02 00:00 UTC)),
        click(3, datetime!(2031-01-03 00:00 UTC)),
        click(4, datetime!(2030-06-01 00:00 UTC)),
    ];
    clicks::insert(&mut connection, &all).await.expect("stored");
    assert_eq!(days(&pool).await.len(), 4);
    // When those before the second day are deleted
    let second = date!(2031 - 01 - 02);
    let drop_one = async || clicks::drop_partition(&pool, second).await.expect("done");
    assert!(drop_one().await && !drop_one().await);
    let delete = async || {
        let deleted = clicks::delete_default(&pool, second, 10).await;
        deleted.expect("done")
    };
    assert_eq!((delete().await, delete().await), (1, 0));
    // Then the others are there
    let left = [
        ("clicks_20310102".to_owned(), 1),
        ("clicks_20310103".to_owned(), 1),
    ];
    assert_eq!(days(&pool).await, left);
    // And visitors are forgotten in parts, the oldest first
    let until = datetime!(2031-01-02 00:00 UTC);
    let forget = async || {
        clicks::forget_visitors(&pool, until, 1)
            .await
            .expect("an answer")
    };
    assert_eq!((forget().await, forget().await, forget().await), (1, 1, 0));
    let row = pool
        .fetch_one("SELECT clicks, unique_visitors, (SELECT count(*) FROM referral_visitors) FROM referral_clicks")
        .await
        .expect("a row");
    assert_eq!(
        (
            row.get::<i64, _>(0),
            row.get::<i64, _>(1),
            row.get::<i64, _>(2)
        ),
        (4, 4, 2)
    );
}

/// [A4]
#[tokio::test]
async fn a_million_clicks_of_no_day_are_deleted_in_parts_while_others_come() {
    // Given a million old clicks in the default partition, new ones there, and an old day that somebody
    // reads
    let (database, pool) = database().await;
    clicks::create_partition(&pool, date!(2030 - 01 - 01))
        .await
        .expect("a day");
    // Without a time limit.
    let owner = PgPool::connect(database.url()).await.expect("a pool");
    owner.execute(
        "INSERT INTO clicks_default (id, clicked_at, campaign, referral, code, visitor, verdict)
         SELECT gen_random_uuid(), timestamptz '2029-06-01 00:00Z' + n * interval '1 second',
             'C', 'R', 'STARTER7', '\\x00', 'human'
         FROM generate_series(1, 1000000) AS n;
         INSERT INTO clicks_default (id, clicked_at, campaign, referral, code, visitor, verdict)
         SELECT gen_random_uuid(), timestamptz '2031-06-01 00:00Z' + n * interval '1 second',
             'C', 'R', 'STARTER7', '\\x00', 'human'
         FROM generate_series(1, 1000) AS n;
         ANALYZE clicks_default",
    )
    .await
    .expect("rows");
    let mut reader = pool.begin().await.expect("a transaction");
    reader
        .execute("SELECT count(*) FROM clicks WHERE clicked_at < '2030-02-01'")
        .await
        .expect("read");
    let oldest = date!(2031 - 01 - 01);
    let busy = clicks::drop_partition(&pool, oldest)
        .await
        .expect_err("held");
    assert!(api::is_busy(&busy), "{busy:?}");
    // When they are deleted in parts, with the time limit that the API has for a statement
    let api = api::pool(database.url(), 1, Duration::from_secs(30)).expect("a pool");
    let read_without_index = async || {
        api.execute("SELECT pg_stat_force_next_flush()")
            .await
            .expect("a flush");
        let row = api
            .fetch_one(
                "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'clicks_default'",
            )
            .await
            .expect("statistics");
        row.get::<i64, _>(0)
    };
    let before = read_without_index().await;
    let writers = api::click_pool(database.url(), Duration::from_secs(30)).expect("a pool");
    let mut writer = writers.acquire().await.expect("a connection");
    let mut deleted = 0;
    for part in 0_u128.. {
        let more = clicks::delete_default(&api, oldest, 5_000)
            .await
            .expect("deleted");
        deleted += more;
        if more == 0 {
            break;
        }
        // Then clicks come in between the parts
        let one = click(part, datetime!(2031-02-01 12:00 UTC));
        let stored = clicks::insert(&mut writer, &[one]).await;
        assert_eq!(stored.expect("stored"), 1);
    }
    // And each part found its rows by an index
    assert_eq!(read_without_index().await - before, 0);
    // And all old ones are gone, although the old day is being read, and the others are there
    assert_eq!(deleted, 1_000_000);
    assert_eq!(days(&pool).await, [("clicks_default".to_owned(), 1_200)]);
    reader.rollback().await.expect("released");
    // And the old day is dropped as soon as nobody reads it, and no vacuum runs in the default partition
    let deadline = std::time::Instant::now() + Duration::from_secs(300);
    loop {
        match clicks::drop_partition(&pool, oldest).await {
            Ok(dropped) => {
                assert!(dropped);
                break;
            }
            Err(error) => assert!(api::is_busy(&error), "{error:?}"),
        }
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// [A6]
#[tokio::test]
async fn a_code_that_thousands_have_squatted_is_one_step_in_an_index() {
    // Given a code in 20,000 campaigns, of which the 7th had it first, and the statistics of one
    // connection, which are its own until it writes them
    let (database, pool) = database().await;
    pool.execute(
        "INSERT INTO referrals (address, campaign, code, owner, active, suspended, conversions,
             created_at, closed, seq, slot)
         SELECT 'referral-' || n, 'campaign-' || n, 'STARTER7', 'owner', true, false, 0, 1, n = 7, n, n
         FROM generate_series(1, 20000) AS n;
         INSERT INTO short_links VALUES ('STARTER7', 'referral-7', 'campaign-7', 1, 0);
         ANALYZE referrals; ANALYZE short_links",
    )
    .await
    .expect("rows");
    let one = api::pool(database.url(), 1, Duration::from_secs(30)).expect("a pool");
    let reads = async || {
        one.execute("SELECT pg_stat_force_next_flush()")
            .await
            .expect("a flush");
        let row = one
            .fetch_one(
                "SELECT sum(seq_tup_read)::bigint, (
                     SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes
                     WHERE relname IN ('referrals', 'short_links'))
                 FROM pg_stat_user_tables WHERE relname = 'referrals'",
            )
            .await
            .expect("statistics");
        (row.get::<i64, _>(0), row.get::<i64, _>(1))
    };
    for (campaign, address, owns) in [
        (None, "referral-7", true),
        (Some("campaign-7"), "referral-7", true),
        (Some("campaign-19999"), "referral-19999", false),
    ] {
        // When it is looked up, then its owner is found
        let before = reads().await;
        let found = codes::find(&one, "STARTER7", campaign).await;
        let read = reads().await;
        let found = found.expect("an answer").expect("a code");
        assert_eq!(
            (found.address.as_str(), found.owns_short_link),
            (address, owns)
        );
        // And few rows were read
        assert_eq!(read.0 - before.0, 0, "{campaign:?}");
        assert!(read.1 - before.1 <= 4, "{campaign:?} {}", read.1 - before.1);
    }
    // And so it is asked whether it is in use
    let before = reads().await;
    let asked = ["STARTER7".to_owned(), "STARTER8".to_owned()];
    let used = codes::in_use(&one, &asked).await.expect("an answer");
    let read = reads().await;
    assert_eq!(used, ["STARTER7"]);
    assert!(read.1 - before.1 <= 2);
}

/// A query that asks for too much does not mean that the database is away.
#[tokio::test]
async fn a_query_that_is_cancelled_is_busy_and_not_away() {
    let (_database, pool) = database().await;
    let error: Error = pool
        .execute("SET statement_timeout = '10ms'; SELECT pg_sleep(60)")
        .await
        .expect_err("cancelled")
        .into();
    assert!(api::is_busy(&error) && !api::is_away(&error), "{error:?}");
    assert!(api::is_busy(&api::busy()));
    assert!(!api::is_busy(&api::unavailable()));
}
