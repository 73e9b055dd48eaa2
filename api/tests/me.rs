//! A wallet's own data: its codes, their profiles, its rewards and badges.

mod common;

use common::{
    ALICE, Api, CAMPAIGN, OTHER_CAMPAIGN, campaign, conversion, progress, referral, send,
};
use reqwest::Method;
use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};
use sqlx::PgPool;
use vouch_localnet::Postgres;

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

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::query(sql).execute(pool).await.unwrap();
}

/// S7.
#[tokio::test]
async fn only_the_owner_of_a_code_sets_its_profile() {
    // Given a code of Carol's in one campaign, and the same code of somebody else's in another one
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let (carol, dave) = (Keypair::new(), Keypair::new());
    campaign(&pool, CAMPAIGN).await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    let owner = carol.pubkey().to_string();
    referral(&pool, CAMPAIGN, "STARTER7", &owner, 1_700_000_000).await;
    referral(&pool, OTHER_CAMPAIGN, "STARTER7", ALICE, 1_700_000_001).await;
    let api = Api::start(database.url()).await.ready().await;
    let token = sign_in(&api, &carol).await;
    let of_dave = sign_in(&api, &dave).await;
    let path = "/v1/codes/starter7/profile";
    let put = async |token: &str, path: &str, body: &Value| {
        send(api.request(Method::PUT, path).bearer_auth(token).json(body)).await
    };
    let shown = async || api.get("/v1/codes/STARTER7").await.json()["profile"].clone();
    assert_eq!(shown().await, Value::Null);
    // When she sets it, then everybody sees it
    let profile = json!({
        "nickname": "Carol", "description": "I teach Rust.", "message": "é".repeat(280),
        "category": "dev-tools", "region": "DE",
    });
    let answer = put(&token, path, &profile).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, profile.clone())
    );
    assert_eq!(shown().await, profile);
    // And nobody else sets it, and she not that of the other campaign
    let answer = put(&of_dave, path, &profile).await;
    assert_eq!(answer.refusal(), refused(403, "not_code_owner"));
    let other = format!("{path}?campaign={OTHER_CAMPAIGN}");
    let answer = put(&token, &other, &profile).await;
    assert_eq!(answer.refusal(), refused(403, "not_code_owner"));
    // And what is too long, hidden or of another form is refused
    for (field, value) in [
        ("nickname", "a".repeat(41)),
        ("nickname", String::new()),
        ("description", "a".repeat(501)),
        ("message", "é".repeat(281)),
        ("message", "pay \u{202e}ecila".to_owned()),
        ("message", "two\nlines".to_owned()),
        ("message", "nul\0".to_owned()),
        ("category", "Dev".to_owned()),
        ("category", "-a".to_owned()),
        ("category", "a".repeat(33)),
        ("region", "de".to_owned()),
        ("region", "DEU".to_owned()),
    ] {
        let mut bad = profile.clone();
        bad[field] = json!(value);
        let answer = put(&token, path, &bad).await;
        assert_eq!(answer.refusal(), refused(400, "invalid_profile"), "{bad}");
    }
    let answer = put(&token, path, &json!({ "name": "x" })).await;
    assert_eq!(answer.refusal(), refused(400, "unknown_field"));
    // And what looks like HTML or SQL is text
    let odd = json!({
        "nickname": "<script>alert(1)</script>", "description": "'; DROP TABLE code_profiles; --",
        "message": null, "category": null, "region": null,
    });
    assert_eq!(put(&token, path, &odd).await.status, 200);
    assert_eq!(shown().await, odd);
    // When she gives the code away, then her profile is not shown, and not hers to set
    let give = format!(
        "UPDATE referrals SET owner = '{}' WHERE owner = '{owner}'",
        dave.pubkey()
    );
    run(&pool, &give).await;
    assert_eq!(shown().await, Value::Null);
    let answer = put(&token, path, &profile).await;
    assert_eq!(answer.refusal(), refused(403, "not_code_owner"));
    // And his profile has none of her texts
    let his = json!({
        "nickname": null, "description": "Mine now.", "message": null, "category": null,
        "region": null,
    });
    let answer = put(&of_dave, path, &json!({ "description": "Mine now." })).await;
    assert_eq!(answer.json(), his);
    assert_eq!(shown().await, his);
    // When he gives it back, then his is not shown either, nor hers from before
    let back = format!("UPDATE referrals SET owner = '{owner}' WHERE code = 'STARTER7'");
    run(&pool, &back).await;
    assert_eq!(shown().await, Value::Null);
}

#[tokio::test]
async fn a_wallet_sees_its_codes_rewards_and_badges() {
    // Given Carol with two codes for two tokens, and two conversions of the first one
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let (carol, dave) = (Keypair::new(), Keypair::new());
    let (owner, other) = (carol.pubkey().to_string(), dave.pubkey().to_string());
    campaign(&pool, CAMPAIGN).await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    run(
        &pool,
        &format!("UPDATE campaigns SET mint = 'other-mint' WHERE address = '{OTHER_CAMPAIGN}'"),
    )
    .await;
    referral(&pool, CAMPAIGN, "STARTER7", &owner, 1_700_000_000).await;
    referral(&pool, OTHER_CAMPAIGN, "SECOND77", &owner, 1_700_000_001).await;
    referral(&pool, CAMPAIGN, "THEIRS77", ALICE, 1_700_000_002).await;
    let address = format!("UPDATE referrals SET address = '{ALICE}' WHERE code = 'SECOND77'");
    run(&pool, &address).await;
    conversion(&pool, common::BOB, 1_700_000_100, 9).await;
    conversion(&pool, ALICE, 1_700_000_200, 11).await;
    progress(&pool, 11, 9).await;
    for sql in [
        format!("UPDATE conversions SET referrer = '{owner}'"),
        // The later one is held, and not paid, except for Dave, who was referred.
        format!("UPDATE conversions SET status = 'pending', settled = 2, referee = '{other}', reward_referee = 5
         WHERE address = '{ALICE}'"),
        // He is also her partner.
        format!("UPDATE conversions SET partner = '{other}',
             reward_partner = CASE WHEN status = 'pending' THEN 3 ELSE 7 END"),
        format!("INSERT INTO referral_totals VALUES
            ('referral-STARTER7-{CAMPAIGN}', 2, 1, 18446744073709551615, 18446744073709551615)"),
        // The first one was paid by a later transaction, to the owner.
        "INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
         SELECT max(seq) + 1, 12, 1700000300, 'claim', true FROM transactions".to_owned(),
        format!("INSERT INTO events (seq, place, kind, subject, wallet, units, detail)
         SELECT max(seq), 0, 'part_paid', '{}', '{owner}', 18446744073709551615, '{{\"part\": \"referrer\"}}'
         FROM transactions", common::BOB),
        format!("INSERT INTO events (seq, place, kind, subject, wallet, units, detail)
         SELECT max(seq), 1, 'part_paid', '{}', '{other}', 7, '{{\"part\": \"partner\"}}'
         FROM transactions", common::BOB),
        format!("INSERT INTO events (seq, place, kind, subject, wallet, units, detail)
         SELECT seq, 1, 'part_paid', address, '{other}', 5, '{{\"part\": \"referee\"}}'
         FROM conversions WHERE address = '{ALICE}'"),
        format!("INSERT INTO awards (campaign, referrer, badge, month)
         VALUES ('{CAMPAIGN}', '{owner}', 'conversions_1', ''), ('{CAMPAIGN}', '{ALICE}', 'conversions_1', '')"),
    ] {
        run(&pool, &sql).await;
    }
    let api = Api::start(database.url()).await.ready().await;
    let token = sign_in(&api, &carol).await;
    let of_dave = sign_in(&api, &dave).await;
    let get = async |token: &str, path: &str| {
        send(api.request(Method::GET, path).bearer_auth(token)).await
    };
    // Then she sees sums of each token, never added
    let most = "18446744073709551615";
    let me = get(&token, "/v1/me").await.json();
    assert_eq!(me["wallet"], owner);
    assert_eq!(
        me["rewards"],
        json!([
            { "mint": common::OFF_CURVE, "decimals": 6, "codes": 1, "paid": most, "pending": most },
            { "mint": "other-mint", "decimals": 6, "codes": 1, "paid": "0", "pending": "0" },
        ])
    );
    assert_eq!(me["badges"], json!({ "total": 1, "unclaimed": 1 }));
    // And her codes, in pages
    let first = get(&token, "/v1/me/codes?limit=1").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = get(&token, &format!("/v1/me/codes?limit=1&cursor={cursor}"))
        .await
        .json();
    let codes = [&first["codes"][0]["code"], &second["codes"][0]["code"]];
    assert_eq!(codes, ["SECOND77", "STARTER7"]);
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!(
        second["codes"][0]["share_url"],
        "https://vouch.example/r/STARTER7"
    );
    assert_eq!(
        (
            &second["codes"][0]["conversions"],
            &second["codes"][0]["pending"]
        ),
        (&json!(2), &json!(most))
    );
    // And her rewards with their receipts
    let rewards = get(&token, "/v1/me/rewards").await.json();
    let [pending, paid] = [&rewards["rewards"][0], &rewards["rewards"][1]];
    assert_eq!(
        (&pending["status"], &pending["paid_by"], &pending["paid_to"]),
        (&json!("pending"), &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&paid["status"], &paid["paid_by"], &paid["paid_to"]),
        (&json!("paid"), &json!("claim"), &json!(owner))
    );
    assert_eq!(
        (&paid["signature"], &paid["commitment"]),
        (&json!("signature-9"), &json!("finalized"))
    );
    assert_eq!(
        (&pending["signature"], &pending["commitment"]),
        (&json!("signature-11"), &json!("confirmed"))
    );
    assert_eq!(
        (&paid["units"], &paid["mint"]),
        (&json!(most), &json!(common::OFF_CURVE))
    );
    // And Dave his parts, each with its own receipt
    let parts = async |query: &str| {
        let page = get(&of_dave, &format!("/v1/me/rewards?{query}")).await;
        let rewards = page.json()["rewards"].clone();
        let one = |part: &Value| {
            let fields = ["conversion", "units", "status", "paid_by", "paid_to"];
            json!(fields.map(|field| part[field].clone()))
        };
        rewards
            .as_array()
            .unwrap()
            .iter()
            .map(one)
            .collect::<Vec<_>>()
    };
    let referred = json!([ALICE, "5", "paid", "signature-11", other]);
    let owed = json!([ALICE, "3", "pending", null, null]);
    let got = json!([common::BOB, "7", "paid", "claim", other]);
    assert_eq!(parts("role=referee").await, std::slice::from_ref(&referred));
    assert_eq!(parts("role=referee&status=paid").await, [referred]);
    assert_eq!(parts("role=referee&status=pending").await, [Value::Null; 0]);
    assert_eq!(parts("role=partner").await, [owed.clone(), got.clone()]);
    assert_eq!(parts("role=partner&status=pending").await, [owed]);
    assert_eq!(parts("role=partner&status=paid").await, [got]);
    let only = async |query: &str| {
        let page = get(&token, &format!("/v1/me/rewards?{query}")).await.json();
        let rewards = page["rewards"].as_array().unwrap().iter();
        rewards
            .map(|one| one["conversion"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(only("status=pending").await, [ALICE]);
    assert_eq!(only("status=paid").await, [common::BOB]);
    assert_eq!(only("limit=1").await, [ALICE]);
    assert_eq!(only("role=referee").await, [""; 0]);
    assert_eq!(only("role=partner&status=paid").await, [""; 0]);
    for bad in [
        "role=owner",
        "status=all",
        "limit=0",
        "cursor=x",
        "wallet=x",
    ] {
        let answer = get(&token, &format!("/v1/me/rewards?{bad}")).await;
        assert_eq!(answer.refusal(), refused(400, "invalid_query"), "{bad}");
    }
    // And Dave sees nothing of hers
    let nothing = get(&of_dave, "/v1/me").await.json();
    assert_eq!(
        (&nothing["rewards"], &nothing["badges"]["total"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(
        get(&of_dave, "/v1/me/codes").await.json()["codes"],
        json!([])
    );
    assert_eq!(
        get(&of_dave, "/v1/me/rewards").await.json()["rewards"],
        json!([])
    );
    // When she claims her badge, also twice, then it is claimed; nobody else claims it
    let badges = format!("/v1/referrers/{owner}/badges");
    let award = api.get(&badges).await.json()["awards"][0]["id"]
        .as_i64()
        .unwrap();
    let claim = async |token: &str, id: &str| {
        let path = format!("/v1/badges/{id}/claim");
        send(api.request(Method::POST, &path).bearer_auth(token)).await
    };
    let answer = claim(&of_dave, &award.to_string()).await;
    assert_eq!(answer.refusal(), refused(403, "not_award_owner"));
    for id in ["0", "-1", "9223372036854775808", "x"] {
        assert_eq!(
            claim(&token, id).await.refusal(),
            refused(404, "award_not_found"),
            "{id}"
        );
    }
    assert_eq!(api.get(&badges).await.json()["awards"][0]["claimed"], false);
    for _ in 0..2 {
        let answer = claim(&token, &award.to_string()).await;
        assert_eq!(answer.json(), json!({ "id": award, "claimed": true }));
    }
    assert_eq!(api.get(&badges).await.json()["awards"][0]["claimed"], true);
    let claimed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM awards WHERE claimed_at IS NOT NULL")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(claimed, 1);
    assert_eq!(
        get(&token, "/v1/me").await.json()["badges"],
        json!({ "total": 1, "unclaimed": 0 })
    );
}
