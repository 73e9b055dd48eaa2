//! Leaderboards of categories and regions, changes of ranks, and the choice of both.

mod common;

use common::{ALICE, Api, BOB, CAMPAIGN, campaign, referral, send};
use reqwest::Method;
use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};
use sqlx::PgPool;
use vouch_localnet::Postgres;

const DAY: i64 = 86_400;
/// The chain's clock.
const NOW: i64 = 1_780_000_000;

async fn sign_in(api: &Api, wallet: &Keypair) -> String {
    let address = wallet.pubkey().to_string();
    let asked = api
        .post("/v1/auth/challenge", &json!({ "wallet": address }))
        .await
        .json();
    let message = asked["message"].as_str().unwrap();
    let body = json!({
        "wallet": address, "nonce": asked["nonce"], "token": "bearer",
        "signature": wallet.sign_message(message.as_bytes()).to_string(),
    });
    let opened = api.post("/v1/auth/sessions", &body).await.json();
    opened["token"].as_str().unwrap().to_owned()
}

/// Inserts the entries of a leaderboard of all time, as the indexer keeps it, with an `@` as it was a
/// day earlier: wallets with their conversions.
async fn board(pool: &PgPool, key: &str, period: &str, entries: &[(&str, i64)]) {
    for (wallet, conversions) in entries {
        sqlx::query(
            "WITH board AS (
                 INSERT INTO boards AS board VALUES ($1, $2, 1)
                 ON CONFLICT (campaign, period) DO UPDATE SET referrers = board.referrers + 1
             )
             INSERT INTO referrer_totals VALUES ($1, $3, $2, $4, 0, $4, 0)",
        )
        .bind(key)
        .bind(period)
        .bind(wallet)
        .bind(conversions)
        .execute(pool)
        .await
        .unwrap();
    }
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::query(sql).execute(pool).await.unwrap();
}

/// Rank, previous rank, change and trend.
fn change(entry: &Value) -> Value {
    json!([
        entry["rank"],
        entry["previous_rank"],
        entry["change"],
        entry["trend"]
    ])
}

#[tokio::test]
async fn a_rank_has_its_change_and_its_neighbours_in_every_group() {
    // Given eight referrers in the order of their numbers: the first three make music, and Alice
    // is the sixth
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    let wallets: Vec<String> = (0..8)
        .map(|_| Keypair::new().pubkey().to_string())
        .collect();
    let mut names: Vec<&str> = wallets.iter().map(String::as_str).collect();
    names[5] = ALICE;
    let now: Vec<_> = names.iter().copied().zip((1..=8).rev()).collect();
    board(&pool, "", "", &now).await;
    board(&pool, "#category/music", "", &[now[0], now[1], now[5]]).await;
    board(&pool, "#region/DE", "", &[now[5], now[7]]).await;
    let api = Api::start(database.url()).await.ready().await;
    let ask = async |query: &str| api.get(&format!("/v1/leaderboard?{query}")).await.json();
    for (kind, value) in [("category", "music"), ("region", "DE")] {
        sqlx::query(
            "INSERT INTO referrer_choices (referrer, kind, from_day, value, chosen_at)
             VALUES ($1, $2, '2026-01-02', $3, '2026-01-01')",
        )
        .bind(ALICE)
        .bind(kind)
        .bind(value)
        .execute(&pool)
        .await
        .unwrap();
    }
    // Then nobody knows a change while the mirror has not caught up with the day before
    let first = ask("limit=1").await;
    assert_eq!(first["compared_at"], Value::Null);
    assert_eq!(change(&first["entries"][0]), json!([1, null, null, null]));
    assert_eq!(first["neighbours"], json!([]));
    // When a day earlier, the last three were first, in their order, and the second and third were not there
    let earlier = [
        (names[5], 9),
        (names[6], 8),
        (names[7], 7),
        (names[0], 6),
        (names[3], 5),
        (names[4], 4),
    ];
    board(&pool, "", "@", &earlier).await;
    board(&pool, "#category/music", "@", &[(names[5], 1)]).await;
    let clock = format!(
        "UPDATE indexer_state SET final_time = {NOW}, earlier_time = {}, ranked_slot = 7",
        NOW - DAY
    );
    run(&pool, &clock).await;
    // Then each has its change: the fourth was fifth, and the fifth was sixth
    let all = ask(&format!("limit=8&wallet={ALICE}")).await;
    assert_eq!(all["compared_at"], json!(NOW - DAY));
    let entries = all["entries"].as_array().unwrap();
    let changes: Vec<_> = entries.iter().map(change).collect();
    assert_eq!(
        changes,
        [
            json!([1, 4, 3, "up"]),
            json!([2, null, null, "new"]),
            json!([3, null, null, "new"]),
            json!([4, 5, 1, "up"]),
            json!([5, 6, 1, "up"]),
            json!([6, 1, -5, "down"]),
            json!([7, 2, -5, "down"]),
            json!([8, 3, -5, "down"]),
        ]
    );
    // And Alice has her neighbours, also from another page, and the first has two after it
    assert_eq!(all["neighbours"], json!(entries[3..8]));
    let page = ask(&format!("limit=2&wallet={ALICE}")).await;
    assert_eq!(
        (&page["own"], &page["neighbours"]),
        (&all["own"], &all["neighbours"])
    );
    let top = ask(&format!("limit=1&wallet={}", names[0])).await;
    assert_eq!(top["neighbours"], json!(entries[0..3]));
    // And the category has its own ranks
    let music = ask(&format!("category=music&wallet={ALICE}")).await;
    assert_eq!(music["total_entries"], 3);
    let ranks: Vec<_> = music["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(change)
        .collect();
    assert_eq!(
        ranks,
        [
            json!([1, null, null, "new"]),
            json!([2, null, null, "new"]),
            json!([3, 1, -2, "down"])
        ]
    );
    assert_eq!(music["entries"][0]["rewards"], Value::Null);
    // And no other category has them
    let art = ask(&format!("category=art&wallet={ALICE}")).await;
    assert_eq!(
        (
            &art["entries"],
            &art["total_entries"],
            &art["own"],
            &art["neighbours"]
        ),
        (&json!([]), &json!(0), &Value::Null, &json!([]))
    );
    // And all her ranks are told at once, with their totals
    let ranks = api
        .get(&format!("/v1/referrers/{ALICE}/ranks"))
        .await
        .json();
    let standing = |of: &str| {
        let standing = &ranks[of];
        json!([
            standing["group"],
            standing["total_entries"],
            change(&standing["own"])
        ])
    };
    assert_eq!(standing("overall"), json!([null, 8, [6, 1, -5, "down"]]));
    assert_eq!(
        standing("category"),
        json!(["music", 3, [3, 1, -2, "down"]])
    );
    assert_eq!(standing("region"), json!(["DE", 2, [1, null, null, "new"]]));
    assert_eq!(
        (
            &ranks["as_of_slot"],
            &ranks["compared_at"],
            &ranks["period"]
        ),
        (&json!(7), &json!(NOW - DAY), &json!("all"))
    );
    // And a wallet that has chosen nothing has no rank in groups
    let ranks = api
        .get(&format!("/v1/referrers/{BOB}/ranks?period=week"))
        .await
        .json();
    assert_eq!(
        ranks["overall"],
        json!({ "group": null, "total_entries": 0, "own": null })
    );
    assert_eq!(
        (&ranks["category"], &ranks["region"]),
        (&Value::Null, &Value::Null)
    );
    // And the leader of a category has a badge of it, and of no campaign
    sqlx::query(
        "INSERT INTO awards (campaign, referrer, badge, month)
         VALUES ('#category/music', $1, 'category_leader', '2026-05')",
    )
    .bind(ALICE)
    .execute(&pool)
    .await
    .unwrap();
    let badges = api
        .get(&format!("/v1/referrers/{ALICE}/badges"))
        .await
        .json();
    let badge = &badges["awards"][0];
    assert_eq!(
        json!([
            badge["badge"],
            badge["campaign"],
            badge["category"],
            badge["month"]
        ]),
        json!(["category_leader", null, "music", "2026-05"])
    );
    let milestones = format!("/v1/referrers/{ALICE}/milestones");
    assert_eq!(api.get(&milestones).await.json()["milestones"], json!([]));
    // When the mirror falls behind by more than two days, then nobody knows a change
    run(
        &pool,
        "UPDATE indexer_state SET final_time = final_time + 86401",
    )
    .await;
    let late = ask("limit=2").await;
    assert_eq!(late["compared_at"], Value::Null);
    assert_eq!(change(&late["entries"][0]), json!([1, null, null, null]));
}

#[tokio::test]
async fn a_referrer_chooses_its_category_and_region() {
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    let (carol, dave) = (Keypair::new(), Keypair::new());
    let owner = carol.pubkey().to_string();
    referral(&pool, CAMPAIGN, "STARTER7", &owner, 1_700_000_000).await;
    let api = Api::start(database.url()).await.ready().await;
    let (token, of_dave) = (sign_in(&api, &carol).await, sign_in(&api, &dave).await);
    let path = "/v1/me/profile";
    let put = async |token: &str, body: &Value| {
        send(api.request(Method::PUT, path).bearer_auth(token).json(body)).await
    };
    let none = json!({ "value": null, "next": null, "next_from": null });
    let shown = async || {
        send(api.request(Method::GET, path).bearer_auth(&token))
            .await
            .json()
    };
    assert_eq!(shown().await, json!({ "category": none, "region": none }));
    // When something else is chosen than what there is, or by somebody without a code, then it is refused
    for (body, status, code) in [
        (json!({ "category": "spam" }), 400, "unknown_category"),
        (json!({ "category": "Music" }), 400, "unknown_category"),
        (json!({ "region": "EU" }), 400, "unknown_region"),
        (json!({ "region": 1 }), 400, "wrong_type"),
        (json!({ "wallet": ALICE }), 400, "unknown_field"),
    ] {
        let answer = put(&token, &body).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{body}");
    }
    let answer = put(&of_dave, &json!({ "category": "music" })).await;
    assert_eq!(answer.refusal(), (403, "not_a_referrer".to_owned()));
    let rows = "SELECT count(*) FROM referrer_choices";
    let count: i64 = sqlx::query_scalar(rows).fetch_one(&pool).await.unwrap();
    assert_eq!(count, 0);
    // When Carol chooses, then it is to begin
    let answer = put(&token, &json!({ "category": "music", "region": "DE" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    let answer = answer.json();
    assert_eq!(answer, shown().await);
    let first: String = sqlx::query_scalar(
        "SELECT max(from_day)::text FROM referrer_choices WHERE kind = 'region'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(
        answer["region"],
        json!({ "value": null, "next": "DE", "next_from": first })
    );
    // When it has begun, and she takes it back, then it is so until the next month
    run(
        &pool,
        "UPDATE referrer_choices SET from_day = '2026-01-02', chosen_at = '2026-01-01'",
    )
    .await;
    let answer = put(&token, &json!({ "category": "music" })).await.json();
    assert_eq!(
        answer["category"],
        json!({ "value": "music", "next": null, "next_from": null })
    );
    let month: String = sqlx::query_scalar(
        "SELECT max(from_day)::text FROM referrer_choices WHERE kind = 'region'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(
        answer["region"],
        json!({ "value": "DE", "next": null, "next_from": month })
    );
    assert!(month.ends_with("-01"), "{month}");
}
