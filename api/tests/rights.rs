//! Every route of the OpenAPI document is tried without credentials and as a stranger.

mod common;

use std::collections::BTreeSet;

use common::{ALICE, Answer, Api, CAMPAIGN, OTHER_CAMPAIGN, campaign, referral, send};
use reqwest::Method;
use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};
use sqlx::PgPool;
use vouch_localnet::Postgres;

/// Every route that anybody may call. Reads of what is public on chain or for everybody; what is no read
/// writes nothing, except a session for who proves to own the wallet, a click of a wallet that lets an
/// Action build a transaction, and the word of an authority by a final transaction.
const FOR_ANYBODY: [&str; 66] = [
    "GET /actions.json",
    "GET /healthz",
    "GET /livez",
    "GET /r/{code}",
    "GET /readyz",
    "GET /v1/actions/campaigns/{address}",
    "GET /v1/actions/codes/{code}",
    "GET /v1/badges",
    "GET /v1/campaigns",
    "GET /v1/campaigns/{address}",
    "GET /v1/campaigns/{address}/badges",
    "GET /v1/campaigns/{address}/live",
    "GET /v1/clicks/{id}",
    "GET /v1/codes/{code}",
    "GET /v1/codes/{code}/live",
    "GET /v1/codes/{code}/qr.png",
    "GET /v1/codes/{code}/qr.svg",
    "GET /v1/codes/{code}/stats",
    "GET /v1/codes/{code}/validate",
    "GET /v1/conversions",
    "GET /v1/conversions/{address}",
    "GET /v1/coverage",
    "GET /v1/digest",
    "GET /v1/digest/rows",
    "GET /v1/leaderboard",
    "GET /v1/leaderboard/live",
    "GET /v1/names",
    "GET /v1/referrers/{wallet}/badges",
    "GET /v1/referrers/{wallet}/live",
    "GET /v1/referrers/{wallet}/milestones",
    "GET /v1/referrers/{wallet}/ranks",
    "GET /v1/totals",
    "GET /v1/why",
    "POST /v1/actions/campaigns/{address}",
    "POST /v1/actions/codes/{code}",
    "POST /v1/actions/codes/{code}/conversions/{conversion}",
    "POST /v1/actions/codes/{code}/conversions/{conversion}/check",
    "POST /v1/auth/challenge",
    "POST /v1/auth/sessions",
    // The transaction says by itself what holds.
    "POST /v1/campaigns/{address}/delegate",
    "POST /v1/transactions/accept-authority",
    "POST /v1/transactions/accept-owner",
    "POST /v1/transactions/bind",
    "POST /v1/transactions/cancel-conversion",
    "POST /v1/transactions/claim",
    "POST /v1/transactions/close-campaign",
    "POST /v1/transactions/close-referral",
    "POST /v1/transactions/convert",
    "POST /v1/transactions/create-campaign",
    "POST /v1/transactions/create-referral",
    "POST /v1/transactions/delegate",
    "POST /v1/transactions/end-partnership",
    "POST /v1/transactions/fund-vault",
    "POST /v1/transactions/propose-authority",
    "POST /v1/transactions/propose-owner",
    "POST /v1/transactions/purchase",
    "POST /v1/transactions/reclaim",
    "POST /v1/transactions/reclaim-campaign",
    "POST /v1/transactions/revoke-voucher",
    "POST /v1/transactions/set-partner",
    "POST /v1/transactions/set-paused",
    "POST /v1/transactions/set-suspended",
    // Only who has signed a transaction that the service has built gets the sponsor's signature.
    "POST /v1/transactions/sponsor",
    "POST /v1/transactions/update-campaign",
    "POST /v1/transactions/update-referral",
    "POST /v1/transactions/withdraw-vault",
];

/// A route of the document.
#[derive(Debug)]
struct Route {
    method: Method,
    /// With its parameters.
    path: String,
    /// Each scheme with its roles. A caller that fulfils one of them is allowed.
    security: Vec<(String, Vec<String>)>,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Roles besides that of a wallet that has signed in.
    fn roles(&self) -> BTreeSet<&str> {
        let roles = self.security.iter().flat_map(|(_, roles)| roles);
        roles.map(String::as_str).collect()
    }
}

fn routes(document: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else {
                continue;
            };
            let alternatives = operation["security"].as_array();
            let security = alternatives.into_iter().flatten().flat_map(|alternative| {
                let schemes = alternative.as_object().unwrap();
                // An alternative of no scheme would let everybody in.
                assert_eq!(schemes.len(), 1, "{method} {path}");
                schemes.iter().map(|(scheme, roles)| {
                    let roles = roles.as_array().unwrap().iter();
                    let roles = roles.map(|role| role.as_str().unwrap().to_owned());
                    (scheme.clone(), roles.collect())
                })
            });
            let security = security.collect();
            routes.push(Route {
                method,
                security,
                path: path.clone(),
            });
        }
    }
    routes
}

async fn sign_in(api: &Api, wallet: &Keypair, token: &str) -> Answer {
    let address = wallet.pubkey().to_string();
    let asked = api
        .post("/v1/auth/challenge", &json!({ "wallet": address }))
        .await
        .json();
    let message = asked["message"].as_str().unwrap();
    let body = json!({
        "wallet": address, "nonce": asked["nonce"], "token": token,
        "signature": wallet.sign_message(message.as_bytes()).to_string(),
    });
    let answer = api.post("/v1/auth/sessions", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer
}

/// S4.
#[tokio::test]
async fn every_protected_route_refuses_who_has_no_right_and_every_private_one_is_protected() {
    // Given a campaign, a code and a badge of others, and a stranger with a session and a key
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    referral(&pool, CAMPAIGN, "STARTER7", ALICE, 1_700_000_000).await;
    let award: i64 = sqlx::query_scalar(
        "INSERT INTO awards (campaign, referrer, badge, month)
         VALUES ($1, $2, 'conversions_1', '') RETURNING id",
    )
    .bind(CAMPAIGN)
    .bind(ALICE)
    .fetch_one(&pool)
    .await
    .unwrap();
    let api = Api::start(database.url()).await.ready().await;
    let stranger = Keypair::new();
    let bearer = sign_in(&api, &stranger, "bearer").await.json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let cookie = sign_in(&api, &stranger, "cookie").await;
    let cookie = cookie
        .header("set-cookie")
        .split_once(';')
        .unwrap()
        .0
        .to_owned();
    sqlx::query("UPDATE campaigns SET authority = $1 WHERE address = $2")
        .bind(stranger.pubkey().to_string())
        .bind(OTHER_CAMPAIGN)
        .execute(&pool)
        .await
        .unwrap();
    let key = send(
        api.request(
            Method::POST,
            &format!("/v1/campaigns/{OTHER_CAMPAIGN}/keys"),
        )
        .bearer_auth(&bearer)
        .json(
            &json!({ "name": "k", "scopes": ["read:analytics", "write:attestations", "write:events", "write:profile"] }),
        ),
    )
    .await
    .json()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let document = api.get("/openapi.json").await.json();
    let schemes = document["components"]["securitySchemes"]
        .as_object()
        .unwrap();
    let routes = routes(&document);
    assert!(routes.len() > 35, "{}", routes.len());
    let mut public = BTreeSet::from(FOR_ANYBODY);
    let mut protected = 0;
    for route in &routes {
        let name = route.name();
        if route.security.is_empty() {
            // Then what has no requirement is on the list of what is public
            assert!(
                public.remove(&*name),
                "{name} has no requirement: give it one, or decide that it is for anybody"
            );
            continue;
        }
        protected += 1;
        for (scheme, _) in &route.security {
            assert!(schemes.contains_key(scheme), "{name}: {scheme}");
        }
        let id = if route.path.starts_with("/v1/badges") {
            award.to_string()
        } else {
            "019b0000-0000-7000-8000-000000000000".to_owned()
        };
        let path = route
            .path
            .replace("{code}", "STARTER7")
            .replace("{address}", CAMPAIGN)
            .replace("{wallet}", ALICE)
            .replace("{id}", &id);
        assert!(!path.contains('{'), "{name}: a parameter without a value");
        let request = || {
            let request = api.request(route.method.clone(), &path);
            if route.method == Method::GET {
                request
            } else {
                request.json(&json!({}))
            }
        };
        // And without credentials it is refused, before anything else is looked at
        let wrong = format!("vs_{}", "A".repeat(43));
        let wrong_key = format!("vk_live_{}", "A".repeat(43));
        for attempt in [
            request(),
            request()
                .header("cookie", format!("__Host-vouch_session={wrong}"))
                .header("origin", "https://vouch.example"),
            request().bearer_auth(&wrong),
            request().bearer_auth(&wrong_key),
            request().header("authorization", format!("Basic {bearer}")),
        ] {
            let answer = send(attempt).await;
            assert_eq!(
                answer.refusal(),
                (401, "unauthenticated".to_owned()),
                "{name}"
            );
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        // And where more is needed than some wallet, a stranger and a key of another campaign are
        // refused
        let roles = route.roles();
        if roles.is_empty() {
            let answer = send(request().bearer_auth(&key)).await;
            assert_eq!(
                answer.refusal(),
                (403, "session_required".to_owned()),
                "{name}"
            );
            continue;
        }
        let expected = if roles.contains("code_owner") {
            "not_code_owner"
        } else if roles.contains("award_owner") {
            "not_award_owner"
        } else {
            assert!(
                roles.contains("campaign_authority"),
                "{name}: unknown roles {roles:?}"
            );
            "not_campaign_authority"
        };
        let answer = send(request().bearer_auth(&bearer)).await;
        assert_eq!(answer.refusal(), (403, expected.to_owned()), "{name}");
        let with_cookie = request().header("cookie", &cookie);
        let answer = send(with_cookie.header("origin", "https://vouch.example")).await;
        assert_eq!(answer.refusal(), (403, expected.to_owned()), "{name}");
        let answer = send(request().bearer_auth(&key)).await;
        let takes_keys = route.security.iter().any(|(scheme, _)| scheme == "api_key");
        let expected = if takes_keys {
            expected
        } else {
            "session_required"
        };
        assert_eq!(answer.refusal(), (403, expected.to_owned()), "{name}");
    }
    assert!(protected >= 13, "{protected}");
    assert!(
        public.is_empty(),
        "not in the document, or not public: {public:?}"
    );
    // And nothing of the others has changed
    let changed: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM code_profiles) + (SELECT count(*) FROM campaign_profiles)
             + (SELECT count(*) FROM api_keys WHERE campaign = $1)
             + (SELECT count(*) FROM campaign_delegates)
             + (SELECT count(*) FROM attestation_rules)
             + (SELECT count(*) FROM awards WHERE claimed_at IS NOT NULL)",
    )
    .bind(CAMPAIGN)
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(changed, 0);
}
