//! The API serves pages: pages in words for broken links, and the names of wallets.

mod common;

use common::{
    ALICE, Answer, Api, BOB, CAMPAIGN, OFF_CURVE, OTHER_CAMPAIGN, campaign, referral, send,
};
use reqwest::{Method, header};
use serde_json::json;
use sqlx::PgPool;
use vouch_localnet::Postgres;

/// The `Accept` of a browser when somebody opens a link.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn open(api: &Api, method: Method, path: &str) -> Answer {
    send(
        api.request(method, path)
            .header(header::ACCEPT, BROWSER)
            .header("x-request-id", "from-a-browser"),
    )
    .await
}

#[tokio::test]
async fn a_browser_gets_a_page_for_a_broken_link_and_a_program_gets_json() {
    // Given a service with one code
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    referral(&pool, CAMPAIGN, "STARTER7", ALICE, 1_700_000_000).await;
    let api = Api::start(database.url()).await.ready().await;
    for (path, status, code) in [
        ("/r/NEVER234", 404, "code_not_found"),
        ("/r/STARTER0", 400, "invalid_code"),
        ("/r/STARTER7?campaign=nonsense", 400, "invalid_address"),
        ("/nothing", 404, "route_not_found"),
        ("/r/STARTER7/more", 404, "route_not_found"),
    ] {
        // When a browser opens what is refused, then it gets a page with the same status
        for method in [Method::GET, Method::HEAD] {
            let page = open(&api, method, path).await;
            assert_eq!(page.status.as_u16(), status, "{path}");
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
            assert_eq!(page.header("x-request-id"), "from-a-browser");
            assert!(
                page.header("content-security-policy")
                    .starts_with("default-src 'none'"),
                "{path}"
            );
        }
        // And a program gets the error envelope
        assert_eq!(api.get(path).await.refusal(), (status, code.to_owned()));
    }
    // And routes for programs answer JSON, also to a browser
    for (method, path, status, code) in [
        (Method::GET, "/v1/codes/NEVER234", 404, "code_not_found"),
        (Method::GET, "/v1/nothing", 404, "route_not_found"),
        (Method::GET, "/docs/nothing.js", 404, "route_not_found"),
        (Method::GET, "/assets/nothing.js", 404, "route_not_found"),
        (Method::GET, "/embed/nothing.js", 404, "route_not_found"),
        (
            Method::GET,
            "/embed/..%2Findex.html",
            404,
            "route_not_found",
        ),
        (Method::POST, "/r/STARTER7", 405, "method_not_allowed"),
    ] {
        let refused = open(&api, method, path).await.refusal();
        assert_eq!(refused, (status, code.to_owned()), "{path}");
    }
    // And a link that works leads on
    let followed = open(&api, Method::GET, "/r/STARTER7").await;
    assert_eq!(followed.status.as_u16(), 302);
}

/// S7.
#[tokio::test]
async fn names_are_those_of_the_newest_codes_of_present_owners() {
    // Given codes of Alice with two nicknames, one of Bob that Alice named before, and one without
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    referral(&pool, CAMPAIGN, "EARLYA22", ALICE, 1_700_000_000).await;
    referral(&pool, CAMPAIGN, "NEWERA22", ALICE, 1_700_000_001).await;
    referral(&pool, CAMPAIGN, "NEWEST22", ALICE, 1_700_000_002).await;
    referral(&pool, CAMPAIGN, "GAVENB22", BOB, 1_700_000_003).await;
    for (code, owner, nickname) in [
        ("EARLYA22", ALICE, Some("Early")),
        ("NEWERA22", ALICE, Some("<b>Newer</b>")),
        ("NEWEST22", ALICE, None),
        ("GAVENB22", ALICE, Some("Alice's")),
    ] {
        sqlx::query(
            "INSERT INTO code_profiles (referral, owner, nickname)
             SELECT address, $2, $3 FROM mirror.referrals WHERE code = $1",
        )
        .bind(code)
        .bind(owner)
        .bind(nickname)
        .execute(&pool)
        .await
        .unwrap();
    }
    let api = Api::start(database.url()).await.ready().await;
    // When their names are asked for, then each wallet has the one of its newest code that has one
    let answer = api
        .get(&format!(
            "/v1/names?wallets={BOB},{ALICE},{ALICE},{OFF_CURVE}"
        ))
        .await
        .json();
    let expected = json!({ "names": [{ "wallet": ALICE, "nickname": "<b>Newer</b>" }] });
    assert_eq!(answer, expected);
    // And a question that is too large, or none, is refused
    let many: Vec<String> = (0..201_u8).map(|number| bs58(&[number; 32])).collect();
    for (query, code) in [
        (format!("?wallets={}", many.join(",")), "invalid_query"),
        ("?wallets=nonsense".to_owned(), "invalid_address"),
        ("?wallets=".to_owned(), "invalid_address"),
        (String::new(), "invalid_query"),
    ] {
        let refused = api.get(&format!("/v1/names{query}")).await.refusal();
        assert_eq!(refused, (400, code.to_owned()), "{query}");
    }
}

fn bs58(bytes: &[u8; 32]) -> String {
    solana_sdk::pubkey::Pubkey::from(*bytes).to_string()
}
