//! Answers and refusals of the API.

mod common;

use common::{
    ALICE, Api, BOB, CAMPAIGN, OFF_CURVE, OTHER_CAMPAIGN, campaign, conversion, give_campaigns,
    progress, referral, send,
};
use reqwest::{Method, header};
use serde_json::{Value, json};
use solana_sdk::signature::Keypair;
use sqlx::PgPool;
use vouch_localnet::Postgres;

#[tokio::test]
async fn bad_input_is_refused_with_its_code() {
    // Given a service with one code
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    referral(&pool, CAMPAIGN, "STARTER7", ALICE, 1_700_000_000).await;
    let api = Api::start(database.url()).await.ready().await;
    // When requests are invalid, then status and code are these
    for (path, status, code) in [
        ("/nothing", 404, "route_not_found"),
        ("/docs/nothing.js", 404, "route_not_found"),
        ("/r/STARTER7/more", 404, "route_not_found"),
        ("/r/NEVER234", 404, "code_not_found"),
        ("/r/short", 400, "invalid_code"),
        ("/r/STARTER0", 400, "invalid_code"),
        ("/r/%ff%fe%ff%fe%ff%fe", 400, "invalid_code"),
        ("/r/STARTER7?campaign=nonsense", 400, "invalid_address"),
        (
            &format!("/r/STARTER7?campaign={OTHER_CAMPAIGN}"),
            404,
            "code_not_found",
        ),
        ("/v1/codes/NEVER234", 404, "code_not_found"),
        ("/v1/codes/ab", 400, "invalid_code"),
        ("/v1/codes/STARTER7?campaign=1", 400, "invalid_address"),
        ("/v1/codes/STARTER7?campain=x", 400, "invalid_query"),
        ("/v1/codes/NEVER234/stats", 404, "code_not_found"),
        ("/v1/codes/NEVER234/qr.png", 404, "code_not_found"),
        ("/v1/codes/STARTER7/qr.gif", 404, "route_not_found"),
        ("/v1/campaigns/0OIl", 400, "invalid_address"),
        (&format!("/v1/campaigns/{BOB}"), 404, "campaign_not_found"),
        ("/v1/campaigns?limit=0", 400, "invalid_query"),
        ("/v1/campaigns?cursor=!", 400, "invalid_query"),
        ("/v1/conversions?limit=201", 400, "invalid_query"),
        ("/v1/conversions?limit=ten", 400, "invalid_query"),
        ("/v1/conversions?limit=1&limit=2", 400, "invalid_query"),
        ("/v1/conversions?cursor=AAAA", 400, "invalid_query"),
        ("/v1/conversions?code=NEVER234", 404, "code_not_found"),
        ("/v1/conversions?code=ab", 400, "invalid_code"),
        ("/v1/leaderboard?period=day", 400, "invalid_query"),
        ("/v1/leaderboard?limit=-1", 400, "invalid_query"),
        ("/v1/leaderboard?wallet=x", 400, "invalid_address"),
        ("/v1/referrers/0OIl/badges", 400, "invalid_address"),
        ("/v1/leaderboard?measure=money", 400, "invalid_query"),
        // Rewards of different tokens are not compared.
        ("/v1/leaderboard?measure=rewards", 400, "invalid_query"),
        ("/v1/leaderboard?measure=volume", 400, "invalid_query"),
        ("/v1/leaderboard?rank=0", 400, "invalid_query"),
        ("/v1/leaderboard?rank=281474976710657", 400, "invalid_query"),
        ("/v1/leaderboard?rank=1&cursor=MTox", 400, "invalid_query"),
        ("/v1/leaderboard?cursor=MTox", 400, "invalid_query"),
        ("/v1/leaderboard?category=spam", 400, "unknown_category"),
        ("/v1/leaderboard?category=", 400, "unknown_category"),
        (
            "/v1/leaderboard?category=%23region/DE",
            400,
            "unknown_category",
        ),
        ("/v1/leaderboard?region=de", 400, "unknown_region"),
        ("/v1/leaderboard?region=UK", 400, "unknown_region"),
        (
            "/v1/leaderboard?category=art&region=DE",
            400,
            "invalid_query",
        ),
        (
            &format!("/v1/leaderboard?category=art&campaign={CAMPAIGN}"),
            400,
            "invalid_query",
        ),
        // The units of these campaigns differ.
        (
            "/v1/leaderboard?category=art&measure=rewards",
            400,
            "invalid_query",
        ),
        (
            "/v1/leaderboard?region=DE&measure=volume",
            400,
            "invalid_query",
        ),
        (
            "/v1/leaderboard?campaign=%23category/art",
            400,
            "invalid_address",
        ),
        (
            &format!("/v1/referrers/{BOB}/ranks?period=day"),
            400,
            "invalid_query",
        ),
        ("/v1/referrers/0OIl/ranks", 400, "invalid_address"),
        // A campaign that does not exist is no empty answer.
        (
            &format!("/v1/leaderboard?campaign={OTHER_CAMPAIGN}"),
            404,
            "campaign_not_found",
        ),
        (
            &format!("/v1/conversions?campaign={OTHER_CAMPAIGN}"),
            404,
            "campaign_not_found",
        ),
        (
            &format!("/v1/conversions?campaign={OTHER_CAMPAIGN}&code=STARTER7"),
            404,
            "campaign_not_found",
        ),
        (
            &format!("/v1/campaigns/{OTHER_CAMPAIGN}/badges"),
            404,
            "campaign_not_found",
        ),
        (
            &format!("/v1/referrers/{ALICE}/badges?campaign={OTHER_CAMPAIGN}"),
            404,
            "campaign_not_found",
        ),
        (
            &format!("/v1/referrers/{ALICE}/milestones?campaign={OTHER_CAMPAIGN}"),
            404,
            "campaign_not_found",
        ),
        // Metrics are for the operator.
        ("/metrics", 404, "route_not_found"),
        (
            &format!("/v1/referrers/{ALICE}/badges?cursor=x"),
            400,
            "invalid_query",
        ),
        (
            &format!("/v1/referrers/{ALICE}/badges?campaign=1"),
            400,
            "invalid_address",
        ),
        (
            &format!("/v1/referrers/{ALICE}/milestones?cursor=MTIz"),
            400,
            "invalid_query",
        ),
        (
            &format!("/v1/referrers/{ALICE}/milestones?limit=0"),
            400,
            "invalid_query",
        ),
        ("/v1/campaigns/0OIl/badges", 400, "invalid_address"),
        (
            &format!("/v1/campaigns/{CAMPAIGN}/badges?wallet={ALICE}"),
            400,
            "invalid_query",
        ),
    ] {
        assert_eq!(
            api.get(path).await.refusal(),
            (status, code.to_owned()),
            "{path}"
        );
    }
    // And a wrong parameter is named, in words that no language has for itself
    let answer = api.get("/v1/conversions?limit=1&limit=2").await.json();
    assert_eq!(answer["error"]["field"], "limit");
    let answer = api.get("/v1/codes/STARTER7?campain=x").await.json();
    assert_eq!(answer["error"]["field"], "campain");
    assert_eq!(
        answer["error"]["message"],
        "there is no such parameter; known are campaign"
    );
    // And a smart wallet is a wallet
    for path in [
        format!("/v1/conversions?referee={OFF_CURVE}"),
        format!("/v1/leaderboard?wallet={OFF_CURVE}"),
        format!("/v1/referrers/{OFF_CURVE}/badges"),
        format!("/v1/referrers/{OFF_CURVE}/milestones"),
    ] {
        assert_eq!(api.get(&path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_with_their_code() {
    // Given a service whose chain does not answer
    let database = Postgres::test_database().await.unwrap();
    let api = Api::start(database.url()).await.ready().await;
    let convert = "/v1/transactions/convert";
    let create = "/v1/transactions/create-referral";
    // When bodies are invalid, then status and code are these, before any other check
    for (path, body, status, code) in [
        (convert, json!({}), 400, "missing_field"),
        (convert, json!([]), 400, "malformed_json"),
        // The values of an object, without their names
        (
            convert,
            json!(["STARTER7", CAMPAIGN, BOB, null, null, null, null, null]),
            400,
            "malformed_json",
        ),
        (
            convert,
            json!({ "code": 7, "referee": BOB }),
            400,
            "wrong_type",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": BOB, "x": 1 }),
            400,
            "unknown_field",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": "0OIl" }),
            400,
            "invalid_address",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": "1".repeat(45) }),
            400,
            "invalid_address",
        ),
        (
            convert,
            json!({ "code": "bad code", "referee": BOB }),
            400,
            "invalid_code",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": BOB, "action": "theft" }),
            400,
            "invalid_action",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": BOB, "amount": "-1" }),
            400,
            "invalid_amount",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": BOB, "amount": "18446744073709551616" }),
            400,
            "invalid_amount",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": BOB, "amount": 1 }),
            400,
            "wrong_type",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": BOB, "reference": "00" }),
            400,
            "invalid_reference",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": BOB }),
            404,
            "code_not_found",
        ),
        (
            convert,
            json!({ "code": "STARTER7", "referee": BOB, "campaign": CAMPAIGN }),
            503,
            "chain_unavailable",
        ),
        (
            create,
            json!({ "campaign": CAMPAIGN }),
            400,
            "missing_field",
        ),
        (
            create,
            json!({ "campaign": "x", "owner": ALICE }),
            400,
            "invalid_address",
        ),
        (
            create,
            json!({ "campaign": CAMPAIGN, "owner": ALICE, "code": "no" }),
            400,
            "invalid_code",
        ),
        (
            create,
            json!({ "campaign": CAMPAIGN, "owner": ALICE }),
            503,
            "chain_unavailable",
        ),
    ] {
        assert_eq!(
            api.post(path, &body).await.refusal(),
            (status, code.to_owned()),
            "{body}"
        );
    }
    // And when the body is not JSON, too large, or of another type
    let raw = |body: Vec<u8>, kind: &str| {
        let kind = kind.to_owned();
        send(
            api.request(Method::POST, convert)
                .header(header::CONTENT_TYPE, kind)
                .body(body),
        )
    };
    let json = "application/json";
    let expect = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(
        raw(b"{".to_vec(), json).await.refusal(),
        expect(400, "malformed_json")
    );
    assert_eq!(
        raw(b"\xff".to_vec(), json).await.refusal(),
        expect(400, "malformed_json")
    );
    assert_eq!(
        raw(Vec::new(), json).await.refusal(),
        expect(400, "malformed_json")
    );
    let large = raw(vec![b' '; 64 * 1024 + 1], json).await;
    assert_eq!(large.refusal(), expect(413, "body_too_large"));
    let text = raw(b"{}".to_vec(), "text/plain").await;
    assert_eq!(text.refusal(), expect(415, "unsupported_media_type"));
    // And when the path does not support the method
    let wrong = send(api.request(Method::DELETE, convert)).await;
    assert_eq!(wrong.refusal(), expect(405, "method_not_allowed"));
    assert_eq!(wrong.header("allow"), "POST");
}

/// S7.
#[tokio::test]
async fn a_campaigns_authority_sets_its_profile_and_takes_it_along_when_it_goes() {
    // Given a campaign of Carol's
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let (carol, dave) = (Keypair::new(), Keypair::new());
    campaign(&pool, CAMPAIGN).await;
    give_campaigns(&pool, &carol).await;
    referral(&pool, CAMPAIGN, "STARTER7", ALICE, 1_700_000_000).await;
    sqlx::query("INSERT INTO referral_totals VALUES ($1, 1, 1, 1, 1)")
        .bind(format!("referral-STARTER7-{CAMPAIGN}"))
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("INSERT INTO mint_totals SELECT * FROM counted_mints")
        .execute(&pool)
        .await
        .unwrap();
    let api = Api::start(database.url()).await.ready().await;
    let (of_carol, of_dave) = (api.sign_in(&carol).await, api.sign_in(&dave).await);
    let path = format!("/v1/campaigns/{CAMPAIGN}/profile");
    let profile =
        json!({ "name": "Shop", "symbol": "SHP", "landing_url": "https://shop.example/?x=1" });
    let put = async |token: &str, path: &str, body: &serde_json::Value| {
        send(api.request(Method::PUT, path).bearer_auth(token).json(body)).await
    };
    let expect = |status: u16, code: &str| (status, code.to_owned());
    // Then an invalid profile is refused, and one of a campaign that does not exist
    for (bad, code) in [
        (
            json!({ "name": " ", "landing_url": "https://shop.example/" }),
            "invalid_name",
        ),
        (
            json!({ "name": "Shop", "symbol": "<b>", "landing_url": "https://shop.example/" }),
            "invalid_symbol",
        ),
        (
            json!({ "name": "Shop", "landing_url": "javascript:alert(1)" }),
            "invalid_landing_url",
        ),
    ] {
        let answer = put(&of_carol, &path, &bad).await;
        assert_eq!(answer.refusal(), expect(400, code));
    }
    let other = format!("/v1/campaigns/{OTHER_CAMPAIGN}/profile");
    let answer = put(&of_carol, &other, &profile).await;
    assert_eq!(answer.refusal(), expect(404, "campaign_not_found"));
    // And nobody else sets it: there is no token of the operator's
    let answer = put(&of_dave, &path, &profile).await;
    assert_eq!(answer.refusal(), expect(403, "not_campaign_authority"));
    // When she sets it, then pages show it, and links lead to that page with its query
    assert_eq!(put(&of_carol, &path, &profile).await.json(), profile);
    let shown = async || {
        let campaign = api.get(&format!("/v1/campaigns/{CAMPAIGN}")).await.json();
        let all = api.get("/v1/campaigns").await.json();
        assert_eq!(all["campaigns"][0]["name"], campaign["name"]);
        json!([
            campaign["name"],
            campaign["symbol"],
            campaign["landing_url"]
        ])
    };
    assert_eq!(
        shown().await,
        json!(["Shop", "SHP", "https://shop.example/?x=1"])
    );
    let leads_to = async |start: &str| {
        // A link is at most two seconds old.
        api.until("/r/STARTER7", |answer| {
            answer.header("location").starts_with(start)
        })
        .await;
    };
    leads_to("https://shop.example/?x=1&ref=STARTER7&click_id=").await;
    api.until("/v1/totals", |answer| {
        answer.json()["tokens"][0]["symbol"] == "SHP"
    })
    .await;
    // When she gives the campaign away, then nothing of hers is shown, and links lead elsewhere
    give_campaigns(&pool, &dave).await;
    assert_eq!(shown().await, json!([null, null, null]));
    leads_to("https://vouch.example/welcome?ref=STARTER7&click_id=").await;
    api.until("/v1/totals", |answer| {
        answer.json()["tokens"][0]["symbol"].is_null()
    })
    .await;
    let answer = put(&of_carol, &path, &profile).await;
    assert_eq!(answer.refusal(), expect(403, "not_campaign_authority"));
    // And the next authority sets its own, which does not come back to her
    let next = json!({ "name": "Next", "landing_url": "https://next.example/" });
    assert_eq!(put(&of_dave, &path, &next).await.json(), next);
    assert_eq!(
        shown().await,
        json!(["Next", null, "https://next.example/"])
    );
    give_campaigns(&pool, &carol).await;
    assert_eq!(shown().await, json!([null, null, null]));
}

#[tokio::test]
async fn answers_look_like_this() {
    // Given a campaign with the largest amounts, a code and a conversion
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    referral(&pool, CAMPAIGN, "STARTER7", ALICE, 1_700_000_000).await;
    conversion(&pool, BOB, 1_700_000_100, 9).await;
    conversion(&pool, ALICE, 1_700_000_200, 7).await;
    // And the older conversion is not final yet
    progress(&pool, 9, 7).await;
    let api = Api::start(database.url()).await.ready().await;
    // Then the answers are these
    insta::assert_json_snapshot!("code", api.get("/v1/codes/starter7").await.json());
    insta::assert_json_snapshot!(
        "validate",
        api.get("/v1/codes/starter7/validate").await.json()
    );
    insta::assert_json_snapshot!("stats", api.get("/v1/codes/starter7/stats").await.json());
    insta::assert_json_snapshot!(
        "campaign",
        api.get(&format!("/v1/campaigns/{CAMPAIGN}")).await.json()
    );
    let first = api
        .get("/v1/conversions?code=starter7&limit=1")
        .await
        .json();
    insta::assert_json_snapshot!("conversions", first);
    let coverage = api.get("/v1/coverage").await.json();
    insta::assert_json_snapshot!("coverage", coverage);
    // And the second page has the rest
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = api
        .get(&format!(
            "/v1/conversions?code=starter7&limit=1&cursor={cursor}"
        ))
        .await
        .json();
    let newer = &second["conversions"][0];
    assert_eq!(newer["address"], BOB);
    assert_eq!(newer["signature"], "signature-9");
    assert_eq!(newer["commitment"], "confirmed");
    assert_eq!(second["next_cursor"], Value::Null);
    // And pictures, pages and the document have their content types
    let png = api.get("/v1/codes/starter7/qr.png").await;
    assert_eq!(png.header("content-type"), "image/png");
    let svg = api.get("/v1/codes/starter7/qr.svg").await;
    assert_eq!(svg.header("content-type"), "image/svg+xml");
    assert!(svg.text.contains("<svg"), "{}", svg.text);
    assert!(api.get("/docs/").await.text.contains("swagger"));
    // And every page of the front end begins with the same document, under a strict policy
    let home = api.get("/").await;
    assert!(home.text.contains("/docs/"), "{}", home.text);
    assert_eq!(home.header("cache-control"), "no-cache");
    let policy = home.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self' http://node.example:8899;",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(rule), "{rule}: {policy}");
    }
    let forged = "/welcome?ref=<script>alert(1)</script>".to_owned();
    for path in [forged, format!("/c/{CAMPAIGN}"), "/leaderboard".into()] {
        assert_eq!(api.get(&path).await.text, home.text, "{path}");
    }
    // And what is no page is refused as elsewhere
    for path in [
        "/nothing",
        "/c/",
        "/assets/nothing.js",
        "/assets/../index.html",
    ] {
        let refused = api.get(path).await.refusal();
        assert_eq!(refused, (404, "route_not_found".to_owned()), "{path}");
    }
    let document = api.get("/openapi.json").await.json();
    let committed: serde_json::Value =
        serde_json::from_str(include_str!("../openapi.json")).unwrap();
    assert_eq!(document, committed);
}

#[test]
fn the_committed_openapi_document_is_current() {
    // Given the code, then `vouch-api openapi > api/openapi.json` changes nothing
    assert_eq!(
        vouch_api::openapi().unwrap(),
        include_str!("../openapi.json")
    );
}

#[tokio::test]
async fn validate_gives_one_reason() {
    // Given a code
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    referral(&pool, CAMPAIGN, "STARTER7", ALICE, 1_700_000_000).await;
    let api = Api::start(database.url()).await.ready().await;
    let reason = async |code: &str| {
        let answer = api.get(&format!("/v1/codes/{code}/validate")).await.json();
        assert_eq!(answer["valid"], answer["reason"].is_null());
        answer["reason"].as_str().unwrap_or("valid").to_owned()
    };
    assert_eq!(reason("starter7").await, "valid");
    assert_eq!(reason("NEVER234").await, "not_found");
    assert_eq!(reason("not-a-code").await, "bad_format");
    // When its referral or its campaign changes, then the reason is the program's first
    // one
    for (change, expected) in [
        (
            "UPDATE referrals SET conversions = 18446744073709551615, usage_limit = 18446744073709551615",
            "limit_reached",
        ),
        ("UPDATE referrals SET expires_at = 1", "expired"),
        ("UPDATE referrals SET suspended = true", "inactive"),
        ("UPDATE campaigns SET ends_at = 1", "campaign_ended"),
        (
            "UPDATE campaigns SET starts_at = 9223372036854775807",
            "campaign_not_started",
        ),
        ("UPDATE campaigns SET paused = true", "campaign_paused"),
        ("UPDATE campaigns SET closed = true", "campaign_closed"),
    ] {
        sqlx::query(change).execute(&pool).await.unwrap();
        assert_eq!(reason("STARTER7").await, expected);
    }
}

#[tokio::test]
async fn what_a_client_invents_becomes_no_metric() {
    // Given a service
    let database = Postgres::test_database().await.unwrap();
    let api = Api::start(database.url()).await.ready().await;
    // When a client has asked once by a method and a path of its own
    let ask = async |number: usize| {
        let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        let answer = send(api.request(method.clone(), "/v1/campaigns")).await;
        assert_eq!(answer.status, 405);
        let answer = send(api.request(method, &format!("/{number}/x"))).await;
        assert_eq!(answer.status, 404);
        let answer = api.get(&format!("/r/{number}")).await;
        assert_eq!(answer.refusal(), (400, "invalid_code".to_owned()));
    };
    ask(0).await;
    let series = |metrics: String| {
        let mut names: Vec<String> = metrics
            .lines()
            .filter(|line| line.starts_with("vouch_api_request"))
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
            .collect();
        names.sort();
        names
    };
    let before = series(api.metrics().await);
    assert!(
        before.iter().any(|name| name.contains("method=\"other\"")),
        "{before:?}"
    );
    // And then by a thousand of them
    for number in 1..1000 {
        ask(number).await;
    }
    // Then there is no new series
    assert_eq!(series(api.metrics().await), before);
}

#[tokio::test]
async fn web_pages_of_others_may_read_and_build_but_set_no_profile() {
    // Given a service
    let database = Postgres::test_database().await.unwrap();
    let api = Api::start(database.url()).await.ready().await;
    let preflight = |path: String, method: &'static str| {
        send(
            api.request(Method::OPTIONS, &path)
                .header(header::ORIGIN, "https://shop.example")
                .header(header::ACCESS_CONTROL_REQUEST_METHOD, method),
        )
    };
    // Then builders accept every origin, and the method that sets a profile none
    let answer = preflight("/v1/transactions/convert".into(), "POST").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let answer = preflight(format!("/v1/campaigns/{CAMPAIGN}/profile"), "PUT").await;
    assert_eq!(answer.header("access-control-allow-methods"), "GET,POST");
}

#[tokio::test]
async fn public_answers_have_a_tag_and_are_not_sent_twice() {
    // Given a campaign, and somebody with a session
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    let api = Api::start(database.url()).await.ready().await;
    let path = format!("/v1/campaigns/{CAMPAIGN}");
    let unless = async |tag: &str| {
        let request = api.request(Method::GET, &path);
        send(request.header(header::IF_NONE_MATCH, tag)).await
    };
    // Then its answer has a tag, and a cache may store it if it asks each time whether it has changed
    let first = api.get(&path).await;
    let tag = first.header("etag").to_owned();
    assert_eq!(first.header("cache-control"), "public, no-cache");
    assert_eq!(api.get(&path).await.header("etag"), tag);
    // And who has it gets no body, also by a weak tag in a list
    for known in [tag.clone(), format!("\"other\", W/{tag}")] {
        let answer = unless(&known).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (304, ""));
        assert_eq!(answer.header("etag"), tag);
        assert_eq!(answer.header("cache-control"), "public, no-cache");
        assert_eq!(answer.header("content-type"), "");
    }
    // When it changes, then it is sent, with another tag
    sqlx::query("UPDATE campaigns SET paused = true")
        .execute(&pool)
        .await
        .unwrap();
    let changed = unless(&tag).await;
    assert_eq!(changed.json()["paused"], true);
    assert_ne!(changed.header("etag"), tag);
    // And refusals and what is for one caller are not stored
    let token = api.sign_in(&Keypair::new()).await;
    let mine = send(api.request(Method::GET, "/v1/me").bearer_auth(token)).await;
    assert_eq!((mine.status.as_u16(), mine.header("etag")), (200, ""));
    assert_eq!(mine.header("cache-control"), "no-store");
    let none = api.get(&format!("/v1/campaigns/{OTHER_CAMPAIGN}")).await;
    assert_eq!((none.status.as_u16(), none.header("etag")), (404, ""));
    assert_eq!(none.header("cache-control"), "no-store");
}
