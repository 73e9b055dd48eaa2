//! How often somebody may ask. Limits are of one request a minute where a test counts, so that a busy
//! machine has a minute for two requests.

mod common;

use std::time::Instant;

use common::{ALICE, Answer, Api, BOB, CAMPAIGN, campaign, give_campaigns, send};
use reqwest::Method;
use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};
use sqlx::PgPool;
use vouch_localnet::{Database, Postgres};

const ONE: [(&str, &str); 5] = [
    ("BUILDS_PER_MINUTE", "1"),
    ("CODES_PER_MINUTE", "1"),
    ("SIGN_INS_PER_MINUTE", "1"),
    ("CHANGES_PER_MINUTE", "1"),
    ("TRUSTED_PROXY_HOPS", "1"),
];
const BUILD: &str = "/v1/transactions/convert";
const CREATE: &str = "/v1/transactions/create-referral";
const CHALLENGE: &str = "/v1/auth/challenge";
const SESSIONS: &str = "/v1/auth/sessions";

/// Two replicas with one database, behind a proxy, with these limits.
async fn replicas(limits: &[(&str, &str)]) -> (Database, PgPool, [Api; 2]) {
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let start = async || Api::start_with(database.url(), limits).await.ready().await;
    let replicas = [start().await, start().await];
    (database, pool, replicas)
}

async fn post(api: &Api, client: &str, path: &str, body: &Value) -> Answer {
    let request = api.request(Method::POST, path).json(body);
    send(request.header("x-forwarded-for", client)).await
}

/// Checks that the limit of this policy refuses, and says when to come back: within a minute.
fn assert_limited(answer: &Answer, policy: &str, quota: u32) {
    assert_eq!(answer.refusal(), (429, "too_many_requests".to_owned()));
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let state = format!("\"{policy}\";r=0;t={seconds}");
    assert!(
        answer
            .header("ratelimit")
            .split(", ")
            .any(|one| one == state),
        "{}",
        answer.header("ratelimit")
    );
    let stated = format!("\"{policy}\";q={quota};w=60");
    let policies = answer.header("ratelimit-policy");
    assert!(policies.split(", ").any(|one| one == stated), "{policies}");
}

/// A7.
#[tokio::test]
async fn replicas_count_together_by_network() {
    let (_database, pool, [one, other]) = replicas(&ONE).await;
    let nothing = json!({});
    // Given routes that are limited by network, each with what it answers while there is room
    let wallet = json!({ "wallet": ALICE });
    for (policy, path, body, status) in [
        ("builds", BUILD, &nothing, 400),
        ("challenges", CHALLENGE, &wallet, 200),
        ("sign-ins", SESSIONS, &nothing, 400),
    ] {
        // When a network asks one replica, then that is answered, and says that nothing is left
        let answer = post(&one, "2001:db8:0:1::1", path, body).await;
        assert_eq!(answer.status, status, "{path} {}", answer.text);
        let left = format!("\"{policy}\";r=0;t=60");
        assert_eq!(answer.header("ratelimit"), left);
        assert_eq!(
            answer.header("ratelimit-policy"),
            format!("\"{policy}\";q=1;w=60")
        );
        // And the other replica refuses it, also another address of the network, and a forged one
        for client in [
            "2001:db8:0:1::1",
            "2001:db8:0:1:f::2",
            "192.0.2.1, 2001:db8:0:1::3",
        ] {
            assert_limited(&post(&other, client, path, body).await, policy, 1);
        }
        assert_limited(&post(&one, "2001:db8:0:1::1", path, body).await, policy, 1);
        // But other networks are served
        for client in ["2001:db8:0:2::1", "192.0.2.1", "192.0.2.2"] {
            let answer = post(&other, client, path, body).await;
            assert_eq!(answer.status, status, "{client} {}", answer.text);
        }
    }
    // And so is what costs nothing
    let request = one.request(Method::GET, "/v1/campaigns");
    let answer = send(request.header("x-forwarded-for", "2001:db8:0:1::1")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("ratelimit"), "");
    // When a site with a /48 asks from many of its networks at once
    let started = Instant::now();
    let racing = (0..60).map(|n| {
        let api = if n % 2 == 0 { &one } else { &other };
        async move { post(api, &format!("2001:db8:9:{n:x}::1"), BUILD, &json!({})).await }
    });
    let answers = futures::future::join_all(racing).await;
    let seconds = started.elapsed().as_secs();
    // Then it gets ten times as much as one network, and one more each six seconds
    let served = answers.iter().filter(|answer| answer.status == 400).count();
    assert!(
        (10..=11 + seconds / 6).contains(&(served as u64)),
        "{served} in {seconds} s"
    );
    let refused = answers.iter().find(|answer| answer.status == 429);
    assert_limited(refused.unwrap(), "builds", 10);
    // And others are served meanwhile, of the same provider and elsewhere
    for client in ["2001:db8:a::1", "2001:db9::1", "198.51.100.1"] {
        let answer = post(&one, client, BUILD, &nothing).await;
        assert_eq!(answer.refusal(), (400, "missing_field".to_owned()));
    }
    // And no address is stored
    let stored: Vec<String> = sqlx::query_scalar("SELECT encode(subject, 'escape') FROM limits")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert!(stored.len() > 10, "{}", stored.len());
    for subject in stored {
        assert!(
            !subject.contains("192.0.2") && !subject.contains("2001:db8"),
            "{subject}"
        );
    }
}

#[tokio::test]
async fn wallets_and_keys_have_limits_of_their_own() {
    let (database, pool, [one, other]) = replicas(&ONE).await;
    let authority = Keypair::new();
    campaign(&pool, CAMPAIGN).await;
    give_campaigns(&pool, &authority).await;
    // Given a wallet whose code was built, then the next one is refused by each replica
    let body = |owner: &str| json!({ "campaign": CAMPAIGN, "owner": owner, "code": "STARTER7" });
    let unreachable = (503, "chain_unavailable".to_owned());
    let built = post(&one, "192.0.2.1", CREATE, &body(ALICE)).await;
    assert_eq!(built.refusal(), unreachable);
    let both = "\"builds\";r=0;t=60, \"codes\";r=0;t=60";
    assert_eq!(built.header("ratelimit"), both);
    let wide = [ONE.as_slice(), &[("BUILDS_PER_MINUTE", "1000000")]].concat();
    let third = Api::start_with(database.url(), &wide).await.ready().await;
    assert_limited(
        &post(&third, "192.0.2.1", CREATE, &body(ALICE)).await,
        "codes",
        1,
    );
    // But neither another wallet on that network nor the wallet itself on another one: nobody can use
    // up its limit by naming it
    let answer = post(&third, "192.0.2.1", CREATE, &body(BOB)).await;
    assert_eq!(answer.refusal(), unreachable);
    let answer = post(&third, "192.0.2.2", CREATE, &body(ALICE)).await;
    assert_eq!(answer.refusal(), unreachable);

    // Given the authority with a session, and a key of it
    let sign_in = async |client: &str| -> Answer {
        let address = authority.pubkey().to_string();
        let asked = post(&one, client, CHALLENGE, &json!({ "wallet": address })).await;
        let asked = asked.json();
        let message = asked["message"].as_str().unwrap();
        let body = json!({
            "wallet": address, "nonce": asked["nonce"], "token": "bearer",
            "signature": authority.sign_message(message.as_bytes()).to_string(),
        });
        post(&other, client, SESSIONS, &body).await
    };
    let opened = sign_in("192.0.2.3").await;
    let token = opened.json()["token"].as_str().unwrap().to_owned();
    // Then a second session within the minute is refused, also from another network
    assert_limited(&sign_in("192.0.2.4").await, "sign-ins", 1);
    let keys = format!("/v1/campaigns/{CAMPAIGN}/keys");
    let send_as = async |api: &Api, token: &str, method: Method, path: &str, body: Value| {
        send(api.request(method, path).bearer_auth(token).json(&body)).await
    };
    let key = json!({ "name": "Server", "scopes": ["write:profile"] });
    let made = send_as(&one, &token, Method::POST, &keys, key.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("ratelimit"), "\"changes\";r=0;t=60");
    let again = send_as(&other, &token, Method::POST, &keys, key).await;
    assert_limited(&again, "changes", 1);
    // And the key has a limit of its own
    let secret = made.json()["key"].as_str().unwrap().to_owned();
    let path = format!("/v1/campaigns/{CAMPAIGN}/profile");
    let profile = json!({ "name": "Shop", "landing_url": "https://shop.example/" });
    let set = send_as(&other, &secret, Method::PUT, &path, profile.clone()).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let again = send_as(&one, &secret, Method::PUT, &path, profile).await;
    assert_limited(&again, "changes", 1);
    // And nothing keeps the wallet from reading, from revoking the key, and from logging out
    let one_key = format!("{keys}/{}", made.json()["id"].as_str().unwrap());
    for (method, path, status) in [
        (Method::GET, keys.as_str(), 200),
        (Method::DELETE, one_key.as_str(), 204),
        (Method::DELETE, SESSIONS, 204),
    ] {
        let answer = send_as(&one, &token, method, path, json!({})).await;
        assert_eq!(answer.status, status, "{path} {}", answer.text);
    }
    // And without settings a wallet has five codes a minute, a network 60 transactions
    let usual = Api::start(database.url()).await.ready().await;
    let answer = post(&usual, "192.0.2.9", CREATE, &body(BOB)).await;
    let policies = answer.header("ratelimit-policy");
    assert_eq!(policies, "\"builds\";q=60;w=60, \"codes\";q=5;w=60");
}

#[tokio::test]
async fn while_postgres_is_away_each_replica_counts_for_itself() {
    // Given a replica that knows the key of nonces, and a Postgres that stops
    let instance = vouch_localnet::Instance::create("limits-test").unwrap();
    let mut postgres = Postgres::private(instance.dir()).await.unwrap();
    let database = postgres.create_database("limits").await.unwrap();
    let api = Api::start_with(database.url(), &ONE).await.ready().await;
    let wallet = json!({ "wallet": ALICE });
    assert_eq!(
        post(&api, "192.0.2.1", CHALLENGE, &wallet).await.status,
        200
    );
    postgres.stop().await.unwrap();
    // When a network asks twice, then the second time is refused, and others are served
    let answer = post(&api, "192.0.2.2", CHALLENGE, &wallet).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_limited(
        &post(&api, "192.0.2.2", CHALLENGE, &wallet).await,
        "challenges",
        1,
    );
    assert_limited(
        &post(&api, "192.0.2.1", CHALLENGE, &wallet).await,
        "challenges",
        1,
    );
    assert_eq!(
        post(&api, "192.0.2.3", CHALLENGE, &wallet).await.status,
        200
    );
    let metrics = api.metrics().await;
    assert!(
        metrics.contains("\nvouch_api_limits_counted_alone_total 2\n"),
        "{metrics}"
    );
}
