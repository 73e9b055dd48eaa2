//! What is counted from clicks when they are written. Numbers in brackets refer to `docs/INVARIANTS.md`.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use sqlx::{Executor, PgConnection, PgPool, Row as _, types::Uuid, types::time::OffsetDateTime};
use time::{
    Duration,
    macros::{date, datetime},
};
use vouch_db::api::clicks::{self, Click, recount};
use vouch_localnet::{Database, Postgres};

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
            "SELECT subject, quarter, clicks, bot_clicks, suspicious_clicks FROM click_quarters",
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
             FROM click_quarters GROUP BY 1, 2 HAVING sum(visitors) > 0",
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
    }
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
async fn clients_cannot_invent_rows_without_end() {
    // Given clicks of a day with 5,000 invented sources, in groups, and some with a known one
    let (_database, pool) = database().await;
    let mut connection = pool.acquire().await.expect("a connection");
    let at = datetime!(2031-01-01 12:00 UTC);
    let of = |n: u128| Click {
        utm: (!n.is_multiple_of(10))
            .then(|| serde_json::json!({ "utm_source": format!("invented {n}") })),
        source: Some("qr".into()),
        ..click(n, at)
    };
    let all: Vec<Click> = (0..5_000).map(of).collect();
    for group in all.chunks(700) {
        clicks::insert(&mut connection, group)
            .await
            .expect("stored");
    }
    // Then 50 sources are named, and the others are counted together
    let day = "2031-01-01".to_owned();
    for subject in ["R", "C"] {
        let rows = days(&pool).await;
        let sources: Vec<_> = rows
            .iter()
            .filter(|((of, _, dimension, ..), _)| of == subject && dimension == "source")
            .collect();
        let rest = (
            subject.to_owned(),
            day.clone(),
            "source".to_owned(),
            String::new(),
            true,
        );
        let known = (
            subject.to_owned(),
            day.clone(),
            "source".to_owned(),
            "qr".to_owned(),
            false,
        );
        assert_eq!(rows[&known], 500);
        let named = sources.iter().filter(|((.., is_rest), _)| !is_rest).count();
        assert!((50..=51).contains(&named), "{named}");
        let of_named: i64 = sources
            .iter()
            .filter(|((.., is_rest), _)| !is_rest)
            .map(|(_, clicks)| **clicks)
            .sum();
        assert_eq!(rows[&rest], 5_000 - of_named);
    }
    assert_eq!(
        recount::day(&pool, date!(2031 - 01 - 01))
            .await
            .expect("counted"),
        []
    );
    // And a source that is named goes on being counted
    let named: String = pool
        .fetch_one(
            "SELECT value FROM click_days WHERE subject = 'R' AND value LIKE 'invented%' LIMIT 1",
        )
        .await
        .expect("a row")
        .get(0);
    let again = Click {
        utm: Some(serde_json::json!({ "utm_source": named })),
        ..click(9_999, at)
    };
    clicks::insert(&mut connection, &[again])
        .await
        .expect("stored");
    let key = ("R".to_owned(), day, "source".to_owned(), named, false);
    assert_eq!(days(&pool).await[&key], 2);
}

/// [A11]
#[tokio::test]
async fn old_counters_are_folded_in_parts_and_their_sums_stay() {
    // Given clicks of two years on two links
    let (_database, pool) = database().await;
    let mut connection = pool.acquire().await.expect("a connection");
    let mut all = Vec::new();
    for n in 0..200_u32 {
        let at = datetime!(2031-01-01 00:00 UTC) + Duration::days(i64::from(n) * 4);
        let referral = if n.is_multiple_of(2) { "R" } else { "S" };
        all.push(Click {
            referral: referral.into(),
            ..click(n.into(), at)
        });
    }
    clicks::insert(&mut connection, &all).await.expect("stored");
    let sum =
        "SELECT string_agg(concat_ws(' ', subject, clicks, visitors), ', ' ORDER BY subject) FROM (
                   SELECT subject, sum(clicks) AS clicks, sum(visitors) AS visitors
                   FROM click_quarters GROUP BY subject) AS sums";
    let text = async |sql: &str| -> String { pool.fetch_one(sql).await.expect("a row").get(0) };
    let before = text(sum).await;
    // When those of the first year are folded, seven rows at a time
    let until = datetime!(2032-01-01 00:00 UTC);
    let mut folded = 0;
    loop {
        let more = clicks::fold_quarters(&pool, until.unix_timestamp(), 7)
            .await
            .expect("folded");
        assert!(more <= 7, "{more}");
        folded += more;
        if more == 0 {
            break;
        }
    }
    // Then their sums are there, and the others as they were
    let old = all.iter().filter(|click| click.clicked_at < until).count();
    assert_eq!(folded, 2 * i64::try_from(old).expect("a number"));
    assert_eq!(text(sum).await, before);
    let rows = quarters(&pool).await;
    assert!(
        rows.keys()
            .all(|(_, quarter)| *quarter == 0 || *quarter >= until.unix_timestamp())
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
    // fold old counters of the same links
    let (database, pool) = database().await;
    let mut seeded = StdRng::seed_from_u64(8);
    let old: Vec<Click> = (0..500)
        .map(|n| {
            let one = random(n, &mut seeded);
            let at = one.clicked_at - Duration::days(3_000);
            Click {
                clicked_at: at,
                // A pseudonym is of one day.
                visitor: n.to_le_bytes().to_vec(),
                ..one
            }
        })
        .collect();
    let mut connection = pool.acquire().await.expect("a connection");
    clicks::insert(&mut connection, &old).await.expect("stored");
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
    let fold = async || {
        let mut folded = 0;
        let until = datetime!(2030-01-01 00:00 UTC).unix_timestamp();
        loop {
            match clicks::fold_quarters(&pool, until, 10)
                .await
                .expect("folded")
            {
                0 => break folded,
                more => folded += more,
            }
        }
    };
    // When all of them work at the same time, then nobody fails
    let (one, other) = tokio::join!(fold(), fold());
    for writer in writers {
        writer.await.expect("a writer");
    }
    // And each old row is folded once, and the counters are right
    let quarters = quarters(&pool).await;
    let old_rows: BTreeSet<_> = old
        .iter()
        .flat_map(|click| {
            let quarter = click.clicked_at.unix_timestamp() / 900;
            [(&click.referral, quarter), (&click.campaign, quarter)]
        })
        .collect();
    assert_eq!(
        one + other,
        i64::try_from(old_rows.len()).expect("a number")
    );
    let of_campaigns = ["C1", "C2"].map(|campaign| quarters[&(campaign.to_owned(), 0)].0);
    assert_eq!(of_campaigns.iter().sum::<i64>(), 500);
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
async fn a_group_of_clicks_reads_counters_by_their_keys_alone() {
    // Given many counters, and statistics of them
    let (_database, pool) = database().await;
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
    // When groups are written, more often than Postgres plans a statement for its values
    for group in 0..8 {
        let all: Vec<Click> = (0..1_000)
            .map(|n| Click {
                referral: format!("R{n}"),
                utm: Some(serde_json::json!({ "utm_source": format!("source {n}") })),
                ..click(group * 1_000 + n, datetime!(2031-01-01 12:00 UTC))
            })
            .collect();
        clicks::insert(&mut connection, &all).await.expect("stored");
    }
    // Then no table of counters was read as a whole
    let after = scans(&mut connection).await;
    assert_eq!(after.0, before.0);
    assert!(after.1 > before.1, "{before:?} {after:?}");
}
