//! Badges, milestones and the kept leaderboard of a campaign.

mod common;

use common::{ALICE, Api, BOB, CAMPAIGN, OTHER_CAMPAIGN, campaign};
use serde_json::{Value, json};
use sqlx::PgPool;
use vouch_localnet::Postgres;

/// Inserts a total as the indexer keeps it.
async fn total(
    pool: &PgPool,
    campaign: &str,
    referrer: &str,
    conversions: i64,
    rewards: &str,
    last: i64,
) {
    sqlx::query(
        "WITH period AS (
             SELECT * FROM leaderboard_periods((now() AT TIME ZONE 'UTC')::date) AS span (period)
         ), board AS (
             INSERT INTO boards AS board SELECT $1, period, 1 FROM period
             ON CONFLICT (campaign, period) DO UPDATE SET referrers = board.referrers + 1
         )
         INSERT INTO referrer_totals SELECT $1, $2, period, $3, $4::numeric, $5, $6 FROM period",
    )
    .bind(campaign)
    .bind(referrer)
    .bind(conversions)
    .bind(rewards)
    .bind(last)
    .bind(if campaign.is_empty() { 0 } else { last * 3 })
    .execute(pool)
    .await
    .unwrap();
}

/// Inserts an award as the indexer gives it.
async fn award(pool: &PgPool, campaign: &str, referrer: &str, badge: &str, month: &str) {
    sqlx::query(
        "INSERT INTO awards (campaign, referrer, badge, month, awarded_at)
         VALUES ($1, $2, $3, $4, '2026-02-01T00:00:00Z')",
    )
    .bind(campaign)
    .bind(referrer)
    .bind(badge)
    .bind(month)
    .execute(pool)
    .await
    .unwrap();
}

/// Badge and campaign of each award.
fn short(page: &Value) -> Vec<(&str, &str)> {
    let awards = page["awards"].as_array().unwrap().iter();
    awards
        .map(|award| {
            (
                award["badge"].as_str().unwrap(),
                award["campaign"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn badges_and_milestones() {
    // Given Alice with seven conversions in one campaign and a hundred in another, and Bob with one
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    total(&pool, CAMPAIGN, ALICE, 7, "35", 100).await;
    total(&pool, OTHER_CAMPAIGN, ALICE, 100, "500", 100).await;
    total(&pool, CAMPAIGN, BOB, 1, "5", 100).await;
    award(&pool, CAMPAIGN, ALICE, "conversions_1", "").await;
    award(&pool, CAMPAIGN, ALICE, "conversions_5", "").await;
    award(&pool, OTHER_CAMPAIGN, ALICE, "conversions_1", "").await;
    award(&pool, CAMPAIGN, BOB, "conversions_1", "").await;
    award(&pool, CAMPAIGN, ALICE, "monthly_leader", "2026-01").await;
    let api = Api::start(database.url()).await.ready().await;
    // Then her badges are these, newest first
    let path = format!("/v1/referrers/{ALICE}/badges");
    let all = api.get(&path).await.json();
    assert_eq!(
        short(&all),
        [
            ("monthly_leader", CAMPAIGN),
            ("conversions_1", OTHER_CAMPAIGN),
            ("conversions_5", CAMPAIGN),
            ("conversions_1", CAMPAIGN),
        ]
    );
    assert_eq!(
        all["awards"][0],
        json!({
            "id": 5, "badge": "monthly_leader", "conversions": null, "title": "Leader of the month",
            "description": "The most conversions of a month in a campaign.",
            "reward": "A badge on the profile", "icon": "trophy", "colour": "#ff8f00",
            "campaign": CAMPAIGN, "category": null, "referrer": ALICE, "month": "2026-01",
            "awarded_at": "2026-02-01T00:00:00Z", "claimed": false
        })
    );
    assert_eq!(all["awards"][2]["month"], Value::Null);
    assert_eq!(all["awards"][2]["conversions"], 5);
    // And in pages, and of one campaign
    let first = api.get(&format!("{path}?limit=3")).await.json();
    assert_eq!(short(&first), short(&all)[..3]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = api
        .get(&format!("{path}?limit=3&cursor={cursor}"))
        .await
        .json();
    assert_eq!(short(&second), short(&all)[3..]);
    assert_eq!(second["next_cursor"], Value::Null);
    let other = api
        .get(&format!("{path}?campaign={OTHER_CAMPAIGN}"))
        .await
        .json();
    assert_eq!(short(&other), [("conversions_1", OTHER_CAMPAIGN)]);
    // And a campaign has those of all its referrers
    let of_campaign = api
        .get(&format!("/v1/campaigns/{CAMPAIGN}/badges?limit=2"))
        .await
        .json();
    assert_eq!(
        short(&of_campaign),
        [("monthly_leader", CAMPAIGN), ("conversions_1", CAMPAIGN)]
    );
    assert_eq!(of_campaign["awards"][1]["referrer"], BOB);
    assert_ne!(of_campaign["next_cursor"], Value::Null);
    // When she has claimed one, then it says so
    let claim = "UPDATE awards SET claimed_at = now() WHERE badge = 'monthly_leader'";
    sqlx::query(claim).execute(&pool).await.unwrap();
    let claimed = api.get(&path).await.json();
    assert_eq!(claimed["awards"][0]["claimed"], true);
    assert_eq!(claimed["awards"][1]["claimed"], false);

    // Then her milestones are these, by address
    let path = format!("/v1/referrers/{ALICE}/milestones");
    let ten = json!({
        "badge": "conversions_10", "conversions": 10, "title": "Ten referrals",
        "description": "Ten conversions in a campaign.", "reward": "A badge on the profile",
        "icon": "medal", "colour": "#9e9e9e"
    });
    let seven = json!({ "campaign": CAMPAIGN, "conversions": 7, "next": ten });
    let hundred = json!({ "campaign": OTHER_CAMPAIGN, "conversions": 100, "next": null });
    let all = api.get(&path).await.json();
    assert_eq!(
        all,
        json!({ "milestones": [seven, hundred], "next_cursor": null })
    );
    let first = api.get(&format!("{path}?limit=1")).await.json();
    assert_eq!(first["milestones"], json!([seven]));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = api
        .get(&format!("{path}?limit=1&cursor={cursor}"))
        .await
        .json();
    assert_eq!(
        second,
        json!({ "milestones": [hundred], "next_cursor": null })
    );
    // And of a campaign in which nothing counts yet, the first one is next
    let none = api
        .get(&format!(
            "/v1/referrers/{BOB}/milestones?campaign={OTHER_CAMPAIGN}"
        ))
        .await
        .json();
    let milestone = &none["milestones"][0];
    assert_eq!(milestone["conversions"], 0);
    assert_eq!(milestone["next"]["badge"], "conversions_1");
    assert_eq!(none["milestones"].as_array().unwrap().len(), 1);
    let none = api
        .get(&format!("/v1/referrers/{OTHER}/milestones"))
        .await
        .json();
    assert_eq!(none, json!({ "milestones": [], "next_cursor": null }));
    let none = api
        .get(&format!("/v1/referrers/{OTHER}/badges"))
        .await
        .json();
    assert_eq!(none, json!({ "awards": [], "next_cursor": null }));
    // And every kind is listed
    let kinds = api.get("/v1/badges").await.json();
    let names = kinds["badges"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|kind| kind["badge"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "conversions_1",
            "conversions_5",
            "conversions_10",
            "conversions_25",
            "conversions_50",
            "conversions_100",
            "monthly_leader",
            "category_leader"
        ]
    );
}

/// A wallet that has referred nobody.
const OTHER: &str = "2q7pyhPwAwZ3QMfZrnAbDhnh9mDUqycszcpf86VgQxhF";

#[tokio::test]
async fn leaderboards_read_kept_totals_and_ties_go_to_whoever_was_first() {
    // Given referrers with equal conversions, two of them also with equal rewards, and one with less
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let last = "SysvarRent111111111111111111111111111111111";
    campaign(&pool, CAMPAIGN).await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    total(&pool, CAMPAIGN, OTHER, 2, "10", 200).await;
    total(&pool, CAMPAIGN, BOB, 2, "10", 100).await;
    total(&pool, CAMPAIGN, ALICE, 2, "36893488147419103230", 300).await;
    total(&pool, CAMPAIGN, last, 1, "99", 1).await;
    // And over all campaigns, in units of two tokens
    total(&pool, "", last, 10, "0", 2).await;
    total(&pool, "", BOB, 2, "0", 100).await;
    let api = Api::start(database.url()).await.ready().await;
    let board = async |query: &str| api.get(&format!("/v1/leaderboard?{query}")).await.json();
    let entry = |rank, wallet, rewards: &str, second: &str, volume: &str| {
        let last = format!("1970-01-01T00:{second}Z");
        json!({ "rank": rank, "wallet": wallet, "conversions": 2, "rewards": rewards,
            "volume": volume, "last_converted_at": last, "previous_rank": null, "change": null,
            "trend": null })
    };
    for period in ["all", "year", "quarter", "month", "week"] {
        // When the best two are requested, with the own place of the third
        let query = format!("campaign={CAMPAIGN}&period={period}&limit=2&wallet={ALICE}");
        let two = board(&query).await;
        // Then the earlier last conversion wins
        let bob = entry(1, BOB, "10", "01:40", "300");
        let entries = [bob.clone(), entry(2, OTHER, "10", "03:20", "600")];
        let alice = entry(3, ALICE, "36893488147419103230", "05:00", "900");
        assert_eq!(two["entries"], json!(entries), "{period}");
        assert_eq!(two["total_entries"], 4);
        assert_eq!(two["own"], alice);
        // And the next page goes on after it, to the end
        let cursor = two["next_cursor"].as_str().unwrap();
        let query =
            format!("campaign={CAMPAIGN}&period={period}&limit=2&cursor={cursor}&wallet={BOB}");
        let rest = board(&query).await;
        assert_eq!(rest["entries"][0], alice);
        assert_eq!(rest["entries"][1]["rank"], 4);
        assert_eq!(rest["entries"][1]["wallet"], last);
        assert_eq!(rest["own"], bob);
        let cursor = rest["next_cursor"].as_str().unwrap();
        let end = board(&format!(
            "campaign={CAMPAIGN}&period={period}&cursor={cursor}"
        ))
        .await;
        assert_eq!(
            (&end["entries"], &end["next_cursor"]),
            (&json!([]), &Value::Null)
        );
        assert_eq!(end["total_entries"], 4);
        // And by rewards, the order is another
        let query = format!("campaign={CAMPAIGN}&period={period}&measure=rewards&wallet={OTHER}");
        let rewards = board(&query).await;
        let wallets = rewards["entries"].as_array().unwrap().iter();
        let wallets: Vec<_> = wallets.map(|entry| &entry["wallet"]).collect();
        assert_eq!(wallets, [ALICE, last, BOB, OTHER], "{period}");
        assert_eq!(rewards["own"]["rank"], 4);
        // And by volume, and from a rank on
        let query = format!("campaign={CAMPAIGN}&period={period}&measure=volume&rank=3");
        let volume = board(&query).await;
        let places = volume["entries"].as_array().unwrap().iter();
        let places: Vec<_> = places
            .map(|entry| (&entry["rank"], &entry["wallet"], &entry["volume"]))
            .collect();
        assert_eq!(
            places,
            [
                (&json!(3), &json!(BOB), &json!("300")),
                (&json!(4), &json!(last), &json!("3"))
            ],
            "{period}"
        );
        // And over all campaigns, conversions are added, and rewards of different tokens are not
        let all = board(&format!("period={period}")).await;
        let first = json!({ "rank": 1, "wallet": last, "conversions": 10, "rewards": null,
            "volume": null, "last_converted_at": "1970-01-01T00:00:02Z", "previous_rank": null,
            "change": null, "trend": null });
        assert_eq!(all["entries"][0], first, "{period}");
        assert_eq!(all["total_entries"], 2);
    }
    // And a campaign without conversions has nobody
    let nobody = board(&format!("campaign={OTHER_CAMPAIGN}&wallet={BOB}")).await;
    assert_eq!(
        (&nobody["entries"], &nobody["total_entries"], &nobody["own"]),
        (&json!([]), &json!(0), &Value::Null)
    );
}
