//! Analytics of codes, campaigns and wallets, compared with naive counts of the rows.

mod common;

use std::collections::BTreeMap;

use common::{
    ALICE, Answer, Api, BOB, CAMPAIGN, OFF_CURVE, OTHER_CAMPAIGN, campaign, give_campaigns,
    progress, referral, send,
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;
use vouch_db::{
    api::clicks::{self, Click},
    mirror::recount,
};
use vouch_localnet::Postgres;

/// A conversion as the test remembers it.
struct Sale {
    referral: String,
    campaign: &'static str,
    at: i64,
    reward: u64,
    status: &'static str,
    settled: i16,
}

/// The code and campaign of each link.
const LINKS: [(&str, &str); 3] = [
    ("STARTER7", CAMPAIGN),
    ("SECAND77", CAMPAIGN),
    ("THREE777", OTHER_CAMPAIGN),
];

fn address(code: &str, campaign: &str) -> String {
    format!("referral-{code}-{campaign}")
}

/// 2026-10-20 to 2026-11-02 (UTC): clocks of Berlin go back on the 25th, those of Los Angeles on November 1.
const SINCE: i64 = 1_792_454_400;
const DAYS: i64 = 14;

fn random_clicks(random: &mut StdRng) -> Vec<Click> {
    let of = |n: u128, random: &mut StdRng| {
        let at = SINCE * 1000 + random.gen_range(0..DAYS * 86_400_000);
        let (code, campaign) = LINKS[random.gen_range(0..3)];
        let clicked_at =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).unwrap();
        Click {
            id: Uuid::from_u128(n),
            clicked_at,
            campaign: campaign.into(),
            referral: address(code, campaign),
            code: code.into(),
            visitor: format!("{} {n}", clicked_at.date()).into_bytes(),
            user_agent: None,
            referrer_url: None,
            source: None,
            utm: Some(json!({ "utm_source": format!("source{:02}", random.gen_range(0..14)) })),
            wallet: None,
            verdict: ["human", "human", "human", "bot", "suspicious"][random.gen_range(0..5)]
                .into(),
            verdict_reason: None,
            device: Some(["phone", "desktop", "tablet"][random.gen_range(0..3)].into()),
            country: [Some("DE"), Some("IN"), None][random.gen_range(0..3)].map(str::to_owned),
        }
    };
    (0..4_000).map(|n| of(n, random)).collect()
}

fn random_sales(random: &mut StdRng) -> Vec<Sale> {
    let states = [
        ("pending", 0),
        ("paid", 7),
        ("cancelled", 0),
        ("lapsed", 0),
        ("pending", 2),
    ];
    let of = |random: &mut StdRng| {
        let (code, campaign) = LINKS[random.gen_range(0..3)];
        let (status, settled) = states[random.gen_range(0..5)];
        Sale {
            referral: address(code, campaign),
            campaign,
            at: SINCE + random.gen_range(0..DAYS * 86_400),
            reward: random.gen_range(u64::MAX / 2..u64::MAX),
            status,
            settled,
        }
    };
    (0..300).map(|_| of(random)).collect()
}

async fn store_sales(pool: &PgPool, sales: &[Sale]) {
    for (n, sale) in sales.iter().enumerate() {
        let n = i64::try_from(n).unwrap() + 10;
        sqlx::query(
            "WITH made AS (
                 INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
                 VALUES ($1, $1, $2, 'signature-' || $1, true) RETURNING seq
             )
             INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer, referee,
                 action, amount, reward_referrer, reward_referee, reward_partner, converted_at,
                 matures_at, status, settled)
             SELECT 'conversion-' || $1, seq, $1, $3, $4, 'CODE', $5, 'referee-' || $1, 'signup', 1,
                    $6::numeric, 0, 0, $2, $2, $7, $8 FROM made",
        )
        .bind(n)
        .bind(sale.at)
        .bind(sale.campaign)
        .bind(&sale.referral)
        .bind(ALICE)
        .bind(sale.reward.to_string())
        .bind(sale.status)
        .bind(sale.settled)
        .execute(pool)
        .await
        .unwrap();
    }
}

/// The numbers that the answer should give for these clicks and sales.
fn numbers(clicks: &[&Click], sales: &[&Sale]) -> Value {
    let of = |verdict: &str| {
        clicks
            .iter()
            .filter(|click| click.verdict == verdict)
            .count()
    };
    let people = of("human");
    let visitors = clicks.len() - of("bot");
    let counted: Vec<_> = sales
        .iter()
        .filter(|sale| sale.status != "cancelled")
        .collect();
    let mut rewards: BTreeMap<&str, (u128, u128)> = BTreeMap::new();
    for sale in &counted {
        let mint = if sale.campaign == CAMPAIGN {
            OFF_CURVE
        } else {
            BOB
        };
        let (paid, pending) = rewards.entry(mint).or_default();
        if sale.settled & 1 == 1 {
            *paid += u128::from(sale.reward);
        } else if sale.status == "pending" {
            *pending += u128::from(sale.reward);
        }
    }
    rewards.retain(|_, sum| *sum != (0, 0));
    let rewards: Vec<Value> = rewards
        .into_iter()
        .map(|(mint, (paid, pending))| {
            let per_click = (people > 0).then(|| ((paid + pending) / people as u128).to_string());
            let decimals = if mint == BOB { 9 } else { 6 };
            json!({ "mint": mint, "decimals": decimals, "paid": paid.to_string(),
                    "pending": pending.to_string(), "per_click": per_click })
        })
        .collect();
    json!({
        "clicks": { "total": clicks.len(), "people": people, "bots": of("bot"),
                    "suspicious": of("suspicious"), "visitors": visitors },
        "conversions": counted.len(),
        "conversion_rate": (people > 0).then(|| counted.len() as f64 / people as f64),
        "rewards": rewards,
    })
}

/// Compares numbers. The last digit of a rate may differ, because JSON is read into floats.
fn same(found: &Value, expected: &Value, what: &str) {
    let mut found = found.clone();
    let rates = [&found, expected].map(|numbers| numbers["conversion_rate"].as_f64());
    match rates {
        [Some(one), Some(other)] => assert!((one - other).abs() < 1e-12, "{what}: {rates:?}"),
        rates => assert_eq!(rates[0], rates[1], "{what}"),
    }
    found["conversion_rate"] = expected["conversion_rate"].clone();
    assert_eq!(found, *expected, "{what}");
}

/// Checks an answer by the lists, which hold what the caller may see.
fn check(answer: &Value, zone: &str, clicks: &[&Click], sales: &[&Sale]) {
    let tz = TimeZone::get(zone).unwrap();
    let local = |unix: i64| {
        let at = Timestamp::from_second(unix).unwrap();
        at.to_zoned_datetime(tz.clone()).date()
    };
    let within = |from: Date, to: Date| {
        let clicks: Vec<_> = clicks
            .iter()
            .copied()
            .filter(|click| (from..=to).contains(&local(click.clicked_at.unix_timestamp())))
            .collect();
        let sales: Vec<_> = sales
            .iter()
            .copied()
            .filter(|sale| (from..=to).contains(&local(sale.at)))
            .collect();
        numbers(&clicks, &sales)
    };
    let date = |value: &Value| value.as_str().unwrap().parse::<Date>().unwrap();
    let (from, to) = (date(&answer["from"]), date(&answer["to"]));
    same(&answer["totals"], &within(from, to), zone);
    same(&answer["all_time"], &within(Date::MIN, Date::MAX), zone);
    let mut next = from;
    for part in answer["series"].as_array().unwrap() {
        let (first, last) = (date(&part["from"]), date(&part["to"]));
        assert_eq!(first, next, "a hole: {zone}");
        let mut part = part.clone();
        part.as_object_mut().unwrap().remove("from");
        part.as_object_mut().unwrap().remove("to");
        same(&part, &within(first, last), &format!("{zone} {first}"));
        next = last.tomorrow().unwrap();
    }
    assert_eq!(next, to.tomorrow().unwrap(), "{zone}");
    // Breakdowns are of UTC days, and of people.
    let utc = |click: &Click| {
        let day: Date = click.clicked_at.date().to_string().parse().unwrap();
        (from..=to).contains(&day)
    };
    let people: Vec<_> = clicks
        .iter()
        .filter(|click| click.verdict == "human" && utc(click))
        .collect();
    let breakdown = |value: &dyn Fn(&Click) -> Option<String>| {
        let mut counts: BTreeMap<Option<String>, i64> = BTreeMap::new();
        for click in &people {
            *counts.entry(value(click)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(value, clicks)| (-clicks, value.clone()));
        let other: i64 = counts.iter().skip(10).map(|(_, clicks)| clicks).sum();
        let values: Vec<_> = counts
            .into_iter()
            .take(10)
            .map(|(value, clicks)| json!({ "value": value, "clicks": clicks }))
            .collect();
        json!({ "values": values, "other": other })
    };
    let source = |click: &Click| {
        let utm = click.utm.as_ref()?;
        Some(utm["utm_source"].as_str()?.to_owned())
    };
    assert_eq!(answer["by_source"], breakdown(&source), "{zone}");
    assert_eq!(
        answer["by_device"],
        breakdown(&|click| click.device.clone()),
        "{zone}"
    );
    assert_eq!(
        answer["by_country"],
        breakdown(&|click| click.country.clone()),
        "{zone}"
    );
    // The newest conversions, of every status
    let mut newest: Vec<i64> = sales.iter().map(|sale| sale.at).collect();
    newest.sort_unstable_by_key(|at| -at);
    let shown = answer["newest_conversions"].as_array().unwrap();
    let at: Vec<i64> = shown
        .iter()
        .map(|sale| {
            assert!(
                sale["signature"]
                    .as_str()
                    .unwrap()
                    .starts_with("signature-")
            );
            let at: Timestamp = sale["converted_at"].as_str().unwrap().parse().unwrap();
            at.as_second()
        })
        .collect();
    assert_eq!(at, newest[..10], "{zone}");
}

/// A service that deletes nothing, however old the times of a test are.
async fn keeping(database: &vouch_localnet::Database) -> Api {
    let days = [
        ("CLICK_RETENTION_DAYS", "65535"),
        ("CLICK_ROLLUP_RETENTION_DAYS", "65535"),
    ];
    Api::start_with(database.url(), &days).await.ready().await
}

async fn get(api: &Api, path: &str, token: &str) -> Answer {
    send(api.request(Method::GET, path).bearer_auth(token)).await
}

/// [A11]
#[tokio::test]
async fn analytics_are_what_the_lists_say_in_every_zone() {
    // Given an authority of two campaigns that owns the three codes in them, with clicks and conversions of
    // two weeks in which clocks change, and the counters that the writers keep
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let owner = Keypair::new();
    let wallet = owner.pubkey().to_string();
    campaign(&pool, CAMPAIGN).await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    give_campaigns(&pool, &owner).await;
    sqlx::query("UPDATE campaigns SET mint = $1, mint_decimals = 9 WHERE address = $2")
        .bind(BOB)
        .bind(OTHER_CAMPAIGN)
        .execute(&pool)
        .await
        .unwrap();
    for (n, (code, of)) in (0..).zip(LINKS) {
        referral(&pool, of, code, &wallet, 1_700_000_000 + n).await;
    }
    progress(&pool, 1_000, 100).await;
    let mut random = StdRng::seed_from_u64(11);
    let (all, sales) = (random_clicks(&mut random), random_sales(&mut random));
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    for group in all.chunks(333) {
        clicks::insert(&mut connection, group).await.unwrap();
    }
    while clicks::count(&pool, 1_000).await.unwrap() > 0 {}
    store_sales(&pool, &sales).await;
    let repaired = recount::referrals(&mut connection, "", true).await.unwrap();
    assert_eq!(repaired.drift.len(), 3);
    let mut day = 0;
    while let Some(last) = recount::quarters(&mut connection, day, true)
        .await
        .unwrap()
        .last
    {
        day = last;
    }
    let api = keeping(&database).await;
    let token = api.sign_in(&owner).await;
    let of_campaign = |of: &str| {
        let clicks: Vec<_> = all.iter().filter(|click| click.campaign == of).collect();
        let sales: Vec<_> = sales.iter().filter(|sale| sale.campaign == of).collect();
        (clicks, sales)
    };
    let of_code = |code: &str, of: &str| {
        let address = address(code, of);
        let clicks: Vec<_> = all
            .iter()
            .filter(|click| click.referral == address)
            .collect();
        let sales: Vec<_> = sales
            .iter()
            .filter(|sale| sale.referral == address)
            .collect();
        (clicks, sales)
    };
    // When the analytics of a code, a campaign and the wallet are asked for, in zones with offsets of whole
    // hours, halves and quarters, by day, week and month
    for (zone, by) in [
        ("UTC", "day"),
        ("Europe/Berlin", "day"),
        ("America/Los_Angeles", "day"),
        ("Asia/Kathmandu", "day"),
        ("Asia/Kolkata", "week"),
        ("Australia/Lord_Howe", "month"),
        ("Europe/Berlin", "month"),
    ] {
        let days = format!("from=2026-10-21&to=2026-11-03&zone={zone}&by={by}");
        let path = format!("/v1/codes/SECAND77/analytics?campaign={CAMPAIGN}&{days}");
        let answer = get(&api, &path, &token).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (clicks, sales_of) = of_code("SECAND77", CAMPAIGN);
        check(&answer.json(), zone, &clicks, &sales_of);
        assert_eq!(answer.json()["by"], by);
        assert_eq!(answer.json()["as_of_slot"], 1_000);
        // Then each is what the lists say
        let answer = get(
            &api,
            &format!("/v1/campaigns/{CAMPAIGN}/analytics?{days}"),
            &token,
        )
        .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (clicks, sales_of) = of_campaign(CAMPAIGN);
        check(&answer.json(), zone, &clicks, &sales_of);
        let answer = get(&api, &format!("/v1/me/analytics?{days}"), &token).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (clicks, sales_of): (Vec<_>, Vec<_>) = (all.iter().collect(), sales.iter().collect());
        let answer = answer.json();
        check(&answer, zone, &clicks, &sales_of);
        assert_eq!(answer["codes"], json!({ "total": 3, "counted": 3 }));
        // And the code with the most conversions is the first
        let tz = TimeZone::get(zone).unwrap();
        let within = |unix: i64| {
            let at = Timestamp::from_second(unix).unwrap();
            let day = at.to_zoned_datetime(tz.clone()).date().to_string();
            ("2026-10-21"..="2026-11-03").contains(&day.as_str())
        };
        let mut top: Vec<_> = LINKS
            .iter()
            .map(|(code, campaign)| {
                let (clicks, sales) = of_code(code, campaign);
                let clicks = clicks.iter().filter(|click| {
                    click.verdict == "human" && within(click.clicked_at.unix_timestamp())
                });
                let sales = sales
                    .iter()
                    .filter(|sale| sale.status != "cancelled" && within(sale.at));
                (sales.count(), clicks.count(), *code, *campaign)
            })
            .collect();
        top.sort_unstable_by_key(|row| std::cmp::Reverse((row.0, row.1)));
        let top: Vec<_> = top
            .into_iter()
            .map(|(conversions, clicks, code, campaign)| {
                json!({ "code": code, "campaign": campaign, "clicks": clicks, "conversions": conversions })
            })
            .collect();
        assert_eq!(answer["top_codes"], json!(top), "{zone}");
    }
    // And a campaign has its clicks by code
    let path = format!("/v1/campaigns/{CAMPAIGN}/analytics?from=2026-10-20&to=2026-11-02");
    let answer = get(&api, &path, &token).await.json();
    let count = |code: &str| {
        let of = all
            .iter()
            .filter(|click| click.code == code && click.verdict == "human");
        of.count()
    };
    let mut expected = [
        ("STARTER7", count("STARTER7")),
        ("SECAND77", count("SECAND77")),
    ];
    expected.sort_by_key(|(code, clicks)| (usize::MAX - clicks, *code));
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(code, clicks)| json!({ "value": code, "clicks": clicks }))
        .collect();
    assert_eq!(answer["by_code"], json!({ "values": expected, "other": 0 }));
    // And the view of SQL users has each code and day, for a role that may read nothing else
    let role = format!("reports_{}", Uuid::now_v7().simple());
    pool.execute(
        format!(
            "CREATE ROLE {role}; GRANT USAGE ON SCHEMA mirror TO {role};
             GRANT SELECT ON mirror.code_days TO {role}"
        )
        .as_str(),
    )
    .await
    .unwrap();
    let mut reader = PgConnection::connect(database.url()).await.unwrap();
    reader
        .execute(format!("SET ROLE {role}").as_str())
        .await
        .unwrap();
    let rows: Vec<(String, i64, i64, i64, String, String)> = sqlx::query_as(
        "SELECT concat_ws(' ', campaign, code, day), clicks, people_clicks, conversions,
                rewards_paid::text, rewards_pending::text
         FROM mirror.code_days WHERE owner = $1",
    )
    .bind(&wallet)
    .fetch_all(&mut reader)
    .await
    .unwrap();
    for table in ["mirror.conversions", "clicks", "mirror.conversion_quarters"] {
        let sql = format!("SELECT FROM {table}");
        let refused = reader.execute(sql.as_str()).await.unwrap_err();
        let refused = refused.into_database_error().unwrap();
        assert_eq!(refused.code().unwrap(), "42501", "{table}");
    }
    drop(reader);
    pool.execute(format!("DROP OWNED BY {role}; DROP ROLE {role}").as_str())
        .await
        .unwrap();
    let mut expected: BTreeMap<String, (i64, i64, i64, u128, u128)> = BTreeMap::new();
    for click in &all {
        let day = click.clicked_at.date();
        let row = expected
            .entry(format!("{} {} {day}", click.campaign, click.code))
            .or_default();
        row.0 += 1;
        row.1 += i64::from(click.verdict == "human");
    }
    for sale in &sales {
        let (code, _) = LINKS
            .iter()
            .find(|(code, of)| address(code, of) == sale.referral)
            .unwrap();
        let day = OffsetDateTime::from_unix_timestamp(sale.at).unwrap().date();
        let row = expected
            .entry(format!("{} {code} {day}", sale.campaign))
            .or_default();
        row.2 += i64::from(sale.status != "cancelled");
        if sale.settled & 1 == 1 {
            row.3 += u128::from(sale.reward);
        } else if sale.status == "pending" {
            row.4 += u128::from(sale.reward);
        }
    }
    let found: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| {
            let amount = |text: &str| text.parse::<u128>().unwrap();
            (row.0, (row.1, row.2, row.3, amount(&row.4), amount(&row.5)))
        })
        .collect();
    assert_eq!(found, expected);
    // And a recount of the service agrees
    let recount = std::process::Command::new(env!("CARGO_BIN_EXE_vouch-api"))
        .arg("recount")
        .env("DATABASE_URL", database.url())
        .env("CLICK_RETENTION_DAYS", "65535")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&recount.stdout);
    assert!(recount.status.success(), "{said}");
    assert_eq!(
        said.trim_end(),
        "the counters of clicks of 14 days equal a recount"
    );
}

/// [A11] [S4]
#[tokio::test]
async fn analytics_are_for_the_owner_the_authority_and_its_key_alone() {
    // Given a code of an owner in a campaign of an authority
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let (authority, owner) = (Keypair::new(), Keypair::new());
    campaign(&pool, CAMPAIGN).await;
    give_campaigns(&pool, &authority).await;
    let wallet = owner.pubkey().to_string();
    referral(&pool, CAMPAIGN, "STARTER7", &wallet, 1_700_000_000).await;
    let api = Api::start(database.url()).await.ready().await;
    let of_authority = api.sign_in(&authority).await;
    let of_owner = api.sign_in(&owner).await;
    let key = async |scope: &str| {
        let path = format!("/v1/campaigns/{CAMPAIGN}/keys");
        let body = json!({ "name": "k", "scopes": [scope] });
        let request = api
            .request(Method::POST, &path)
            .bearer_auth(&of_authority)
            .json(&body);
        let made = send(request).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["key"].as_str().unwrap().to_owned()
    };
    let (reads, writes) = (key("read:analytics").await, key("write:profile").await);
    let code = "/v1/codes/STARTER7/analytics";
    let campaign = format!("/v1/campaigns/{CAMPAIGN}/analytics");
    // Then each sees what is its own, and nothing else
    for (path, token, expected) in [
        (code, &of_owner, Ok(())),
        (code, &of_authority, Err("not_code_owner")),
        (code, &reads, Err("session_required")),
        (&*campaign, &of_authority, Ok(())),
        (&campaign, &reads, Ok(())),
        (&campaign, &of_owner, Err("not_campaign_authority")),
        (&campaign, &writes, Err("missing_scope")),
        ("/v1/me/analytics", &of_owner, Ok(())),
        ("/v1/me/analytics", &reads, Err("session_required")),
    ] {
        let answer = get(&api, path, token).await;
        match expected {
            Ok(()) => {
                assert_eq!(answer.status, 200, "{path}: {}", answer.text);
                assert_eq!(answer.header("cache-control"), "no-store");
                assert_eq!(answer.json()["series"].as_array().unwrap().len(), 30);
                assert_eq!(answer.json()["totals"]["conversion_rate"], Value::Null);
            }
            Err(code) => assert_eq!(answer.refusal(), (403, code.to_owned()), "{path}"),
        }
    }
    // And what cannot be answered is refused, with the parameter
    for (query, field) in [
        ("zone=Mars/Olympus", "zone"),
        ("from=yesterday", "from"),
        ("from=2026-02-02&to=2026-02-01", "from"),
        ("from=2024-01-01&to=2026-01-01", "from"),
        ("to=2100-01-01", "to"),
    ] {
        for (path, token) in [
            (code, &of_owner),
            (&campaign, &reads),
            ("/v1/me/analytics", &of_owner),
        ] {
            let answer = get(&api, &format!("{path}?{query}"), token).await;
            assert_eq!(
                answer.refusal(),
                (400, "invalid_query".to_owned()),
                "{query}"
            );
            assert_eq!(answer.json()["error"]["field"], field, "{query}");
        }
    }
    let answer = get(&api, &format!("{code}?by=hour"), &of_owner).await;
    assert_eq!(answer.refusal(), (400, "invalid_query".to_owned()));
}

/// [A1] [A11]
#[tokio::test]
async fn a_code_with_a_million_clicks_and_conversions_is_read_from_counters() {
    // Given a code with a million conversions and as many clicks in a year, and counters of both
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let owner = Keypair::new();
    campaign(&pool, CAMPAIGN).await;
    give_campaigns(&pool, &owner).await;
    let wallet = owner.pubkey().to_string();
    referral(&pool, CAMPAIGN, "STARTER7", &wallet, 1_700_000_000).await;
    let referral = address("STARTER7", CAMPAIGN);
    for sql in [
        "INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer, referee,
             action, amount, reward_referrer, reward_referee, reward_partner, converted_at,
             matures_at, status, settled)
         SELECT n::text, n, n, $1, $2, 'STARTER7', 'owner', 'referee', 'signup', 1, 3, 0, 0,
             1767225600 + n * 31, 0, 'pending', 0 FROM generate_series(1, 1000000) AS n",
        "INSERT INTO click_quarters
         SELECT subject, 1767225600 + n * 900, 29, 0, 0, 1
         FROM generate_series(0, 35135) AS n, (VALUES ($1), ($2)) AS of (subject)",
        "INSERT INTO conversion_quarters
         SELECT subject, 1767225600 + n * 900, 29, 0, 87
         FROM generate_series(0, 35135) AS n, (VALUES ($1), ($2)) AS of (subject)",
        "INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
         SELECT n, n, 0, concat($1::text, $2::text, n), true
         FROM generate_series(999000, 1000000) AS n",
    ] {
        sqlx::query(sql)
            .bind(CAMPAIGN)
            .bind(&referral)
            .execute(&pool)
            .await
            .unwrap();
    }
    pool.execute("ANALYZE conversions; ANALYZE click_quarters; ANALYZE conversion_quarters")
        .await
        .unwrap();
    // And nobody can read the clicks
    pool.execute("ALTER TABLE clicks RENAME TO hidden")
        .await
        .unwrap();
    let api = keeping(&database).await;
    let token = api.sign_in(&owner).await;
    let year = "from=2026-01-01&to=2027-01-01&zone=Europe/Berlin";
    // When a year of it is asked for, then it is answered, and only a few conversions were read
    for path in [
        format!("/v1/codes/STARTER7/analytics?{year}"),
        format!("/v1/campaigns/{CAMPAIGN}/analytics?{year}"),
        format!("/v1/me/analytics?{year}"),
    ] {
        let answer = get(&api, &path, &token).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let answer = answer.json();
        assert_eq!(answer["series"].as_array().unwrap().len(), 366);
        assert_eq!(answer["totals"]["clicks"]["total"], 29 * 35_136 - 29 * 4);
        assert_eq!(answer["newest_conversions"].as_array().unwrap().len(), 10);
    }
    let read: i64 = {
        drop(api);
        // The statistics of a connection are written when it ends.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let connections = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name LIKE 'vouch-api%'";
        while sqlx::query_scalar::<_, i64>(connections)
            .fetch_one(&pool)
            .await
            .unwrap()
            > 0
        {
            assert!(std::time::Instant::now() < deadline);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        sqlx::query_scalar(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'conversions'",
        )
        .fetch_one(&pool)
        .await
        .unwrap()
    };
    // Each answer looks at ten conversions and a few more.
    assert!((30..1_000).contains(&read), "{read}");
}

/// [A11]
#[tokio::test]
async fn the_last_days_are_compared_with_those_before_and_many_codes_have_a_bound() {
    // Given a wallet with 60 codes, of which the newest has clicks on each of the last 70 days, in a zone ahead
    // of UTC
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let owner = Keypair::new();
    let wallet = owner.pubkey().to_string();
    campaign(&pool, CAMPAIGN).await;
    give_campaigns(&pool, &owner).await;
    for n in 0..60 {
        referral(
            &pool,
            CAMPAIGN,
            &format!("CODE{n:02}77"),
            &wallet,
            1_700_000_000 + n,
        )
        .await;
    }
    let newest = address("CODE5977", CAMPAIGN);
    let now = OffsetDateTime::now_utc();
    let all: Vec<Click> = (0..70_u32)
        .flat_map(|days| (0..=days % 5).map(move |n| (days, n)))
        .map(|(days, n)| Click {
            id: Uuid::from_u128(u128::from(days * 10 + n)),
            clicked_at: now - time::Duration::days(days.into()),
            campaign: CAMPAIGN.into(),
            referral: newest.clone(),
            code: "CODE5977".into(),
            visitor: days.to_le_bytes().to_vec(),
            user_agent: None,
            referrer_url: None,
            source: None,
            utm: None,
            wallet: None,
            verdict: "human".into(),
            verdict_reason: None,
            device: None,
            country: None,
        })
        .collect();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    clicks::insert(&mut connection, &all).await.unwrap();
    while clicks::count(&pool, 1_000).await.unwrap() > 0 {}
    let api = Api::start(database.url()).await.ready().await;
    let token = api.sign_in(&owner).await;
    // When its analytics are asked for, then each window has its days
    let zone = TimeZone::get("Asia/Kathmandu").unwrap();
    let path = "/v1/me/analytics?zone=Asia/Kathmandu";
    let answer = get(&api, path, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    let today: Date = answer["to"].as_str().unwrap().parse().unwrap();
    let within = |from: i32, to: i32| {
        let begin = today.checked_sub(jiff::Span::new().days(from)).unwrap();
        let end = today.checked_sub(jiff::Span::new().days(to)).unwrap();
        all.iter()
            .filter(|click| {
                let at = Timestamp::from_second(click.clicked_at.unix_timestamp()).unwrap();
                (begin..=end).contains(&at.to_zoned_datetime(zone.clone()).date())
            })
            .count()
    };
    for (window, from, to) in [
        ("last_7_days", 6, 0),
        ("previous_7_days", 13, 7),
        ("last_30_days", 29, 0),
        ("previous_30_days", 59, 30),
        ("all_time", 100, 0),
    ] {
        assert_eq!(
            answer[window]["clicks"]["total"],
            within(from, to),
            "{window}"
        );
    }
    // And the newest 50 codes are counted
    assert_eq!(answer["codes"], json!({ "total": 60, "counted": 50 }));
    // When the days times the codes are too many, then they are refused
    for (to, status) in [("2026-03-14", 200), ("2026-03-15", 400)] {
        let path = format!("/v1/me/analytics?from=2026-01-01&to={to}");
        let answer = get(&api, &path, &token).await;
        assert_eq!(answer.status, status, "{to}: {}", answer.text);
        if status == 400 {
            assert_eq!(answer.refusal().1, "invalid_query");
            assert_eq!(answer.json()["error"]["field"], "from");
        }
    }
}

#[tokio::test]
async fn metrics_tell_of_clicks_that_are_not_counted() {
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    // Given notes of clicks, and somebody who keeps them from being counted
    let mut holder = pool.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('count_clicks', 0))")
        .execute(&mut *holder)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO uncounted_clicks
         SELECT 'campaign', 'referral', 'STARTER7', 900 * n, '', '', '', 1, 0, 0, 0
         FROM generate_series(1, 3) AS n",
    )
    .execute(&pool)
    .await
    .unwrap();
    let api = Api::start(database.url()).await.ready().await;
    let value = |metrics: &str, name: &str| -> Option<i64> {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().parse().ok()
    };
    let until = async |is_told: &dyn Fn(i64, i64) -> bool| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
        loop {
            let metrics = api.metrics().await;
            let notes = value(&metrics, "vouch_api_uncounted_clicks ");
            let age = value(&metrics, "vouch_api_uncounted_clicks_seconds ");
            if notes
                .zip(age)
                .is_some_and(|(notes, age)| is_told(notes, age))
            {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{metrics}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    // Then metrics tell how many there are, and that the oldest is of 1970
    until(&|notes, age| notes == 3 && age > 1_700_000_000).await;
    // And once they are counted, that there are none
    holder.rollback().await.unwrap();
    until(&|notes, age| notes == 0 && age == 0).await;
}
