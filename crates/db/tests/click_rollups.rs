//! Counters of clicks, counted when clicks are written. Numbers in brackets refer to `docs/INVARIANTS.md`.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use sqlx::{
    Executor, PgConnection, PgPool, Row as _, postgres::PgPoolOptions, types::Uuid,
    types::time::OffsetDateTime,
};
use time::{
    Duration,
    macros::{date, datetime},
};
use vouch_db::api::{
    analytics::{self, Subject},
    clicks::{self, Click, recount},
};
use vouch_localnet::{Database, Postgres};

/// A pool of one connection, whose statistics it writes itself.
async fn pool_of_one(url: &str) -> PgPool {
    let options = PgPoolOptions::new().max_connections(1);
    options.connect(url).await.expect("a pool")
}

async fn database() -> (Database, PgPool) {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    (database, pool)
}

/// Subject and quarter: clicks, bots, suspicious.
type Quarters = BTreeMap<(String, i64), (i64, i64, i64)>;
/// Subject, day, dimension, value and whether it is the rest: clicks.
type Days = BTreeMap<(String, String, String, String, bool), i64>;

async fn quarters(pool: &PgPool) -> Quarters {
    let rows = pool
        .fetch_all(
            "SELECT subject, quarter, clicks, bot_clicks, suspicious_clicks FROM click_quarters
             WHERE quarter > 0",
        )
        .await
        .expect("rows");
    rows.iter()
        .map(|row| {
            (
                (row.get(0), row.get(1)),
                (row.get(2), row.get(3), row.get(4)),
            )
        })
        .collect()
}

async fn visitors(pool: &PgPool) -> BTreeMap<(String, String), i64> {
    let rows = pool
        .fetch_all(
            "SELECT subject, (to_timestamp(quarter) AT TIME ZONE 'UTC')::date::text, sum(visitors)::bigint
             FROM click_quarters WHERE quarter > 0 GROUP BY 1, 2 HAVING sum(visitors) > 0",
        )
        .await
        .expect("rows");
    rows.iter()
        .map(|row| ((row.get(0), row.get(1)), row.get(2)))
        .collect()
}

async fn days(pool: &PgPool) -> Days {
    let rows = pool
        .fetch_all("SELECT subject, day::text, dimension, value, is_rest, clicks FROM click_days")
        .await
        .expect("rows");
    rows.iter()
        .map(|row| {
            let key = (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
            (key, row.get(5))
        })
        .collect()
}

/// Counts what is noted, in parts. Returns how many notes there were.
async fn count_all(pool: &PgPool) -> i64 {
    let mut all = 0;
    loop {
        match clicks::count(pool, 300).await.expect("counted") {
            0 => return all,
            counted => all += counted,
        }
    }
}

/// Rows of the counters by day that were read.
async fn rows_read(connection: &mut PgConnection) -> i64 {
    let flush = "SELECT pg_stat_force_next_flush()";
    connection.execute(flush).await.expect("a flush");
    connection
        .fetch_one(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'click_days'",
        )
        .await
        .expect("a row")
        .get(0)
}

/// How often the counters were read as a whole and by an index. A connection's statistics are its own until
/// it writes them.
async fn scans(connection: &mut PgConnection) -> (i64, i64) {
    let flush = "SELECT pg_stat_force_next_flush()";
    connection.execute(flush).await.expect("a flush");
    let row = connection
        .fetch_one(
            "SELECT sum(seq_scan)::bigint, sum(idx_scan)::bigint FROM pg_stat_user_tables
             WHERE relname IN ('click_days', 'click_quarters')",
        )
        .await
        .expect("a row");
    (row.get(0), row.get(1))
}

fn click(number: u128, at: OffsetDateTime) -> Click {
    Click {
        id: Uuid::from_u128(number),
        clicked_at: at,
        campaign: "C".into(),
        referral: "R".into(),
        code: "STARTER7".into(),
        visitor: vec![7],
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

fn random(number: u128, random: &mut StdRng) -> Click {
    let at = datetime!(2031-01-01 00:00 UTC)
        + Duration::milliseconds(random.gen_range(0..3 * 86_400_000));
    let (referral, campaign) = [("R1", "C1"), ("R2", "C1"), ("R3", "C2")][random.gen_range(0..3)];
    let pick = |random: &mut StdRng, of: &[&str]| {
        let place = random.gen_range(0..=of.len());
        of.get(place).map(|value| (*value).to_owned())
    };
    let day = at.date().to_string();
    Click {
        campaign: campaign.into(),
        referral: referral.into(),
        code: format!("CODE{referral}"),
        // A pseudonym is valid for a day.
        visitor: format!("{day} {}", random.gen_range(0..40)).into_bytes(),
        source: pick(random, &["qr", "link"]),
        utm: pick(random, &["Poster", "poster", "news"])
            .map(|source| serde_json::json!({ "utm_source": source, "utm_term": "x" })),
        verdict: ["human", "human", "human", "bot", "suspicious"][random.gen_range(0..5)].into(),
        device: pick(random, &["phone", "desktop"]),
        country: pick(random, &["DE", "AT", "FR"]),
        ..click(number, at)
    }
}

/// [A11]
#[tokio::test]
async fn counters_of_clicks_follow_from_the_list() {
    // Given clicks of three days on three codes in two campaigns, written in groups, some of them twice
    let (_database, pool) = database().await;
    let mut connection = pool.acquire().await.expect("a connection");
    let mut seeded = StdRng::seed_from_u64(7);
    let all: Vec<Click> = (0..3_000).map(|n| random(n, &mut seeded)).collect();
    for group in all.chunks(170) {
        let stored = clicks::insert(&mut connection, group).await;
        assert_eq!(stored.expect("stored"), group.len() as u64);
        let again = clicks::insert(&mut connection, &group[..50.min(group.len())]).await;
        assert_eq!(again.expect("stored"), 0);
        // And some are counted meanwhile, while a recount always finds all of them
        clicks::count(&pool, 90).await.expect("counted");
    }
    let day = date!(2031 - 01 - 02);
    assert_eq!(recount::day(&pool, day).await.expect("counted"), []);
    assert!(count_all(&pool).await > 0);
    // Then the counters are what somebody counts who goes through the list
    let (mut expected, mut by_day) = (Quarters::new(), Days::new());
    let mut seen: BTreeSet<(String, String, Vec<u8>)> = BTreeSet::new();
    let mut people: BTreeMap<(String, String), i64> = BTreeMap::new();
    for click in &all {
        let seconds = click.clicked_at.unix_timestamp();
        let day = click.clicked_at.date().to_string();
        for subject in [&click.referral, &click.campaign] {
            let sum = expected
                .entry((subject.clone(), seconds / 900 * 900))
                .or_default();
            sum.0 += 1;
            sum.1 += i64::from(click.verdict == "bot");
            sum.2 += i64::from(click.verdict == "suspicious");
            if click.verdict != "human" {
                continue;
            }
            let utm = click
                .utm
                .as_ref()
                .map(|utm| utm["utm_source"].as_str().expect("text"));
            let source = utm.map(str::to_lowercase).or(click.source.clone());
            let mut dimensions = vec![
                ("source", source),
                ("device", click.device.clone()),
                ("country", click.country.clone()),
            ];
            if *subject == click.campaign {
                dimensions.push(("code", Some(click.code.clone())));
            }
            for (dimension, value) in dimensions {
                let key = (
                    subject.clone(),
                    day.clone(),
                    dimension.to_owned(),
                    value.unwrap_or_default(),
                    false,
                );
                *by_day.entry(key).or_default() += 1;
            }
        }
        if click.verdict != "bot"
            && seen.insert((click.referral.clone(), day.clone(), click.visitor.clone()))
        {
            for subject in [&click.referral, &click.campaign] {
                *people.entry((subject.clone(), day.clone())).or_default() += 1;
            }
        }
    }
    assert_eq!(quarters(&pool).await, expected);
    assert_eq!(days(&pool).await, by_day);
    assert_eq!(visitors(&pool).await, people);
    // And a recount of each day finds no difference
    assert_eq!(
        recount::days(&pool).await.expect("days"),
        Some((date!(2031 - 01 - 01), date!(2031 - 01 - 03)))
    );
    for day in [
        date!(2031 - 01 - 01),
        date!(2031 - 01 - 02),
        date!(2031 - 01 - 03),
    ] {
        assert_eq!(recount::day(&pool, day).await.expect("counted"), []);
    }
    // When somebody changes counters of a day, then each is named
    pool.execute(
        "DELETE FROM click_quarters WHERE subject = 'R1' AND quarter < 1925078400;
         DELETE FROM click_days WHERE subject = 'R2' AND dimension = 'device';
         INSERT INTO click_days VALUES ('X', '2031-01-01', 'source', 'x', false, 1);
         UPDATE click_days SET clicks = clicks + 1
         WHERE (subject, day, dimension, value) = ('C2', '2031-01-01', 'country', 'DE')",
    )
    .await
    .expect("a change");
    let drift = recount::day(&pool, date!(2031 - 01 - 01))
        .await
        .expect("counted");
    let named: BTreeSet<&str> = drift
        .iter()
        .map(|drift| drift.of.as_str())
        .filter(|of| !of.starts_with("quarter"))
        .collect();
    let of = BTreeSet::from([
        "country of C2",
        "device of R2",
        "source of X",
        "visitors of R1",
    ]);
    assert_eq!(named, of);
    let missing = expected
        .keys()
        .filter(|(subject, quarter)| subject == "R1" && *quarter < 1_925_078_400);
    assert_eq!(
        drift
            .iter()
            .filter(|drift| drift.of.starts_with("quarter"))
            .count(),
        missing.count()
    );
}

/// [A11]
#[tokio::test]
async fn clients_cannot_invent_rows_without_end_or_hide_what_is_real() {
    // Given clicks of a day with 4,500 invented sources, in groups, and some with a known one. One that is not
    // known begins when there are many already
    let (_database, pool) = database().await;
    let mut connection = pool.acquire().await.expect("a connection");
    let at = datetime!(2031-01-01 12:00 UTC);
    let of = |n: u128| {
        let source = match n % 10 {
            0 => None,
            1 if n > 1_000 => Some("real".to_owned()),
            _ => Some(format!("invented {n}")),
        };
        Click {
            utm: source.map(|source| serde_json::json!({ "utm_source": source })),
            source: Some("qr".into()),
            ..click(n, at)
        }
    };
    let all: Vec<Click> = (0..5_000).map(of).collect();
    for group in all.chunks(500) {
        clicks::insert(&mut connection, group)
            .await
            .expect("stored");
        count_all(&pool).await;
        // Then 50 sources are named besides those that are known, and the others are counted together
        let rows = days(&pool).await;
        for subject in ["R", "C"] {
            let named = rows.keys().filter(|(of, _, dimension, value, is_rest)| {
                of == subject && dimension == "source" && value != "qr" && !is_rest
            });
            assert_eq!(named.count(), 50);
        }
    }
    // And both the known and the real one have all their clicks
    let rows = days(&pool).await;
    for subject in ["R", "C"] {
        let count = |value: &str, is_rest| {
            let day = "2031-01-01".to_owned();
            let key = (
                subject.to_owned(),
                day,
                "source".to_owned(),
                value.to_owned(),
                is_rest,
            );
            rows[&key]
        };
        assert_eq!(count("qr", false), 500);
        assert_eq!(count("real", false), 400);
        assert_eq!(count("", true), 5_000 - 500 - 400 - 49);
    }
    assert_eq!(
        recount::day(&pool, date!(2031 - 01 - 01))
            .await
            .expect("counted"),
        []
    );
}

/// [A11]
#[tokio::test]
async fn a_campaign_with_thousands_of_codes_is_counted_with_few_reads() {
    // Given a campaign of which 2,000 codes are clicked in a day
    let (_database, pool) = database().await;
    let mut connection = pool.acquire().await.expect("a connection");
    let of = |n: u128| {
        let code = n % 2_000;
        Click {
            referral: format!("R{code}"),
            code: format!("CODE{code:04}"),
            ..click(n, datetime!(2031-01-01 12:00 UTC))
        }
    };
    let all: Vec<Click> = (0..4_000).map(of).collect();
    clicks::insert(&mut connection, &all[..2_000])
        .await
        .expect("stored");
    connection
        .execute("SELECT count_clicks(5000)")
        .await
        .expect("counted");
    let before = rows_read(&mut connection).await;
    // When each of them is clicked again
    clicks::insert(&mut connection, &all[2_000..])
        .await
        .expect("stored");
    let counted = connection
        .fetch_one("SELECT count_clicks(5000)")
        .await
        .expect("counted")
        .get::<i64, _>(0);
    assert_eq!(counted, 2_000);
    // Then the named codes are read once, and not once for each of the others
    let read = rows_read(&mut connection).await - before;
    assert!((1_000..20_000).contains(&read), "{read}");
    let rows = days(&pool).await;
    let codes = rows
        .iter()
        .filter(|((_, _, dimension, ..), _)| dimension == "code");
    assert_eq!(codes.clone().count(), 1_001);
    assert_eq!(codes.map(|(_, clicks)| clicks).sum::<i64>(), 4_000);
}

/// [A11]
#[tokio::test]
async fn a_writer_waits_for_nobody_of_the_same_campaign() {
    // Given a writer that has not ended, and somebody who holds all that is counted of the campaign
    let (_database, pool) = database().await;
    let mut connection = pool.acquire().await.expect("a connection");
    let at = datetime!(2031-01-01 12:00 UTC);
    clicks::insert(&mut connection, &[click(0, at)])
        .await
        .expect("stored");
    assert_eq!(count_all(&pool).await, 2);
    let mut holder = pool.begin().await.expect("a transaction");
    clicks::insert(&mut holder, &[click(1, at)])
        .await
        .expect("stored");
    holder
        .execute("SELECT FROM click_quarters FOR UPDATE; SELECT FROM click_days FOR UPDATE")
        .await
        .expect("locks");
    // When another one stores clicks on another code of the campaign, then it need not wait
    connection
        .execute("SET lock_timeout = '100ms'")
        .await
        .expect("a limit");
    let other = Click {
        referral: "S".into(),
        code: "OTHER777".into(),
        ..click(2, at)
    };
    let stored = clicks::insert(&mut connection, &[other]).await;
    assert_eq!(stored.expect("stored"), 1);
    // And both are counted afterwards
    holder.commit().await.expect("committed");
    count_all(&pool).await;
    let of_campaign: i64 = pool
        .fetch_one("SELECT clicks FROM click_quarters WHERE subject = 'C' AND quarter = 0")
        .await
        .expect("a row")
        .get(0);
    assert_eq!(of_campaign, 3);
}

#[tokio::test]
async fn what_referrers_of_older_clicks_held_is_taken_away() {
    // Given clicks of older services, on two days
    let (_database, pool) = database().await;
    let mut connection = pool.acquire().await.expect("a connection");
    let pages = [
        (
            Some("https://a.example/b?token=1#c"),
            Some("https://a.example/b"),
        ),
        (
            Some("https://me:secret@a.example/@b"),
            Some("https://a.example/@b"),
        ),
        (
            Some("https://me@a.example?x=y@z"),
            Some("https://a.example"),
        ),
        (Some("https://a.example/@b"), Some("https://a.example/@b")),
        (None, None),
    ];
    let all: Vec<Click> = (0..10_u32)
        .map(|n| Click {
            referrer_url: pages[n as usize % 5].0.map(str::to_owned),
            ..click(
                n.into(),
                datetime!(2031-01-01 12:00 UTC) + Duration::hours(i64::from(n) * 5),
            )
        })
        .collect();
    clicks::insert(&mut connection, &all).await.expect("stored");
    // When the procedure is called, then nothing is left of it
    pool.execute("CALL strip_click_referrers()")
        .await
        .expect("called");
    let rows = pool
        .fetch_all("SELECT referrer_url FROM clicks ORDER BY clicked_at")
        .await
        .expect("rows");
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row.get::<Option<&str>, _>(0), pages[n % 5].1, "{n}");
    }
    assert_eq!(rows.len(), 10);
}

/// [A11]
#[tokio::test]
async fn old_counters_are_deleted_in_parts_and_their_sums_stay() {
    // Given clicks of two years on two links
    let (_database, pool) = database().await;
    let mut connection = pool.acquire().await.expect("a connection");
    let mut all = Vec::new();
    for n in 0..200_u32 {
        let at = datetime!(2031-01-01 00:00 UTC) + Duration::days(i64::from(n) * 4);
        let referral = if n.is_multiple_of(2) { "R" } else { "S" };
        all.push(Click {
            referral: referral.into(),
            visitor: n.to_le_bytes().to_vec(),
            ..click(n.into(), at)
        });
    }
    clicks::insert(&mut connection, &all).await.expect("stored");
    count_all(&pool).await;
    let text = async |sql: &str| -> String { pool.fetch_one(sql).await.expect("a row").get(0) };
    // When those of the first year are deleted, seven rows at a time
    let until = datetime!(2032-01-01 00:00 UTC);
    let mut deleted = 0;
    loop {
        let more = clicks::delete_quarters(&pool, until.unix_timestamp(), 7)
            .await
            .expect("deleted");
        assert!(more <= 7, "{more}");
        deleted += more;
        if more == 0 {
            break;
        }
    }
    // Then the sums of all are there, and the others as they were
    let old = all.iter().filter(|click| click.clicked_at < until).count();
    assert_eq!(deleted, 2 * i64::try_from(old).expect("a number"));
    let sums = "SELECT string_agg(concat_ws(' ', subject, clicks, visitors), ', ' ORDER BY subject)
                FROM click_quarters WHERE quarter = 0";
    assert_eq!(text(sums).await, "C 200 200, R 100 100, S 100 100");
    let rows = quarters(&pool).await;
    assert_eq!(rows.len(), 2 * (200 - old));
    assert!(
        rows.keys()
            .all(|(_, quarter)| *quarter >= until.unix_timestamp())
    );
    // And the days of these are deleted
    let mut deleted = 0;
    loop {
        let more = clicks::delete_days(&pool, until.date(), 50)
            .await
            .expect("deleted");
        deleted += more;
        if more == 0 {
            break;
        }
    }
    // Three dimensions of the link, and one more of the campaign.
    assert_eq!(deleted, 7 * i64::try_from(old).expect("a number"));
    let oldest = text("SELECT min(day)::text FROM click_days").await;
    assert!(oldest.as_str() >= "2032-01-01", "{oldest}");
}

/// [A11]
#[tokio::test]
async fn writers_that_share_links_and_campaigns_do_not_block_each_other_for_good() {
    // Given clicks of the same links in another order for each of four writers, and two processes that
    // count them
    let (database, pool) = database().await;
    let mut seeded = StdRng::seed_from_u64(8);
    let writers: Vec<_> = (1..=4_u128)
        .map(|writer| {
            let clicks: Vec<Click> = (0..1_500)
                .map(|n| random(writer * 100_000 + n, &mut seeded))
                .collect();
            let url = database.url().to_owned();
            tokio::spawn(async move {
                let pool = vouch_db::connect(&url).await.expect("a pool");
                let mut connection = pool.acquire().await.expect("a connection");
                for group in clicks.chunks(50) {
                    clicks::insert(&mut connection, group)
                        .await
                        .expect("stored");
                }
            })
        })
        .collect();
    let (end, ended) = tokio::sync::watch::channel(false);
    let count = async || {
        while !*ended.borrow() {
            clicks::count(&pool, 100).await.expect("counted");
            tokio::task::yield_now().await;
        }
    };
    // When all of them work at the same time, then nobody fails
    let write = async {
        for writer in writers {
            writer.await.expect("a writer");
        }
        end.send_replace(true);
    };
    tokio::join!(count(), count(), write);
    // And each click is counted once
    count_all(&pool).await;
    let of_campaigns: i64 = pool
        .fetch_one(
            "SELECT sum(clicks)::bigint FROM click_quarters WHERE subject LIKE 'C%' AND quarter = 0",
        )
        .await
        .expect("a row")
        .get(0);
    assert_eq!(of_campaigns, 6_000);
    for day in [
        date!(2031 - 01 - 01),
        date!(2031 - 01 - 02),
        date!(2031 - 01 - 03),
    ] {
        assert_eq!(recount::day(&pool, day).await.expect("counted"), []);
    }
}

/// [A11]
#[tokio::test]
async fn counters_are_written_and_read_by_their_keys_alone() {
    // Given many counters, and statistics of them
    let (database, pool) = database().await;
    pool.execute(
        "INSERT INTO click_days
         SELECT 'R' || n % 20000, date '2030-01-01' + n / 20000, 'source', 'invented', false, 1
         FROM generate_series(0, 199999) AS n;
         INSERT INTO click_quarters
         SELECT 'R' || n % 20000, 1900000800 + n / 20000 * 900, 1, 0, 0, 1
         FROM generate_series(0, 199999) AS n;
         ANALYZE click_days; ANALYZE click_quarters",
    )
    .await
    .expect("rows");
    let mut connection = pool.acquire().await.expect("a connection");
    let before = scans(&mut connection).await;
    // When groups are written and counted, more often than Postgres plans a statement for its values
    for group in 0..8 {
        let all: Vec<Click> = (0..1_000)
            .map(|n| Click {
                referral: format!("R{n}"),
                utm: Some(serde_json::json!({ "utm_source": format!("source {n}") })),
                ..click(group * 1_000 + n, datetime!(2031-01-01 12:00 UTC))
            })
            .collect();
        clicks::insert(&mut connection, &all).await.expect("stored");
        connection
            .execute("SELECT count_clicks(5000)")
            .await
            .expect("counted");
    }
    // And what the analytics of a code are made of is read
    let one = pool_of_one(database.url()).await;
    let code = [Subject {
        address: "R7".into(),
        code: "STARTER7".into(),
        campaign: "C".into(),
        mint: None,
        decimals: None,
    }];
    let bounds = [1_900_000_800, 1_924_992_000, 1_925_078_400];
    let spans = analytics::spans(&one, &code, &bounds).await.expect("spans");
    assert_eq!(spans[1].people(), 8);
    let days = (date!(2030 - 01 - 01), date!(2031 - 01 - 01));
    let shares = analytics::shares(&one, &code, days.0, days.1).await;
    assert_eq!(shares.expect("shares").len(), 4);
    let all_time = analytics::all_time(&one, &code).await.expect("a sum");
    assert_eq!(all_time.clicks, 8);
    let by_subject = analytics::by_subject(&one, &code, bounds[0], bounds[2]).await;
    assert_eq!(by_subject.expect("rows")[0].people, 18);
    let mut flushed = one.acquire().await.expect("a connection");
    scans(&mut flushed).await;
    // Then no table of counters was read as a whole
    let after = scans(&mut connection).await;
    assert_eq!(after.0, before.0);
    assert!(after.1 > before.1, "{before:?} {after:?}");
}
