//! Sign-in with a wallet, sessions, and attacks on both.

mod common;

use common::{Answer, Api, CAMPAIGN, campaign, send};
use reqwest::{Method, header};
use serde_json::{Value, json};
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
};
use sqlx::PgPool;
use vouch_db::api::auth::{Ended, sweep};
use vouch_localnet::{Database, Postgres};

const ORIGIN: &str = "https://vouch.example";
const COOKIE: &str = "__Host-vouch_session";

async fn world() -> (Database, PgPool, Api) {
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    // Everybody comes from this machine.
    let many = [
        ("SIGN_INS_PER_MINUTE", "1000"),
        ("CHANGES_PER_MINUTE", "1000"),
    ];
    let api = Api::start_with(database.url(), &many).await.ready().await;
    (database, pool, api)
}

async fn challenge(api: &Api, wallet: &Pubkey) -> Value {
    let answer = api
        .post(
            "/v1/auth/challenge",
            &json!({ "wallet": wallet.to_string() }),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// A signed challenge, as a program sends it.
fn signed(wallet: &Keypair, challenge: &Value) -> Value {
    let message = challenge["message"].as_str().unwrap();
    json!({
        "wallet": wallet.pubkey().to_string(),
        "nonce": challenge["nonce"],
        "signature": wallet.sign_message(message.as_bytes()).to_string(),
        "token": "bearer",
    })
}

async fn open(api: &Api, body: &Value) -> Answer {
    api.post("/v1/auth/sessions", body).await
}

/// Signs in and returns the bearer token.
async fn sign_in(api: &Api, wallet: &Keypair) -> String {
    let answer = open(
        api,
        &signed(wallet, &challenge(api, &wallet.pubkey()).await),
    )
    .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["token"].as_str().unwrap().to_owned()
}

async fn me(api: &Api, token: &str) -> Answer {
    send(api.request(Method::GET, "/v1/me").bearer_auth(token)).await
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

/// S1 to S3.
#[tokio::test]
async fn a_wallet_signs_in_with_the_message_of_the_standard() {
    // Given a wallet
    let (_database, pool, api) = world().await;
    let wallet = Keypair::new();
    // When it asks for a challenge
    let asked = challenge(&api, &wallet.pubkey()).await;
    // Then the message is the standard's, of this service, for five minutes
    let input = &asked["input"];
    let field = |name: &str| input[name].as_str().unwrap().to_owned();
    let expected = format!(
        "vouch.example wants you to sign in with your Solana account:\n{}\n\nSigning in proves \
         that this wallet is yours. It sends no transaction and costs nothing.\n\nURI: \
         https://vouch.example/\nVersion: 1\nChain ID: mainnet\nNonce: {}\nIssued At: {}\n\
         Expiration Time: {}",
        wallet.pubkey(),
        asked["nonce"].as_str().unwrap(),
        field("issuedAt"),
        field("expirationTime"),
    );
    assert_eq!(asked["message"], expected);
    assert_eq!(asked["expires_at"], input["expirationTime"]);
    assert_eq!(field("domain"), "vouch.example");
    let time = |text: &str| {
        use time::{OffsetDateTime, format_description::well_known::Rfc3339};
        OffsetDateTime::parse(text, &Rfc3339).unwrap()
    };
    let life = time(&field("expirationTime")) - time(&field("issuedAt"));
    assert_eq!(life.whole_seconds(), 300);
    // And nothing is stored, however many challenges somebody asks for
    for _ in 0..50 {
        challenge(&api, &wallet.pubkey()).await;
    }
    let rows = "SELECT (SELECT count(*) FROM used_nonces) + (SELECT count(*) FROM sessions)";
    let rows: i64 = sqlx::query_scalar(rows).fetch_one(&pool).await.unwrap();
    assert_eq!(rows, 0);
    // When it signs, then it has a session
    let opened = open(&api, &signed(&wallet, &asked)).await;
    assert_eq!(opened.status, 201, "{}", opened.text);
    assert_eq!(opened.header("cache-control"), "no-store");
    assert_eq!(opened.header("set-cookie"), "");
    let token = opened.json()["token"].as_str().unwrap().to_owned();
    let mine = me(&api, &token).await;
    assert_eq!(mine.json()["wallet"], wallet.pubkey().to_string());
    assert_eq!(mine.header("cache-control"), "no-store");
    // And the token is nowhere in the database, only its hash
    let stored: String = sqlx::query_scalar("SELECT sessions::text FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(!stored.contains(&token[3..]), "{stored}");
    // When the same signature is sent again, then it is refused
    let again = open(&api, &signed(&wallet, &asked)).await;
    assert_eq!(again.refusal(), refused(409, "challenge_used"));
    // And the logs have no token
    let log = std::fs::read_to_string(api.service.log()).unwrap();
    assert!(!log.contains(&token[3..]));
}

/// The bytes that a wallet with this key signs for a message.
type Form = fn(&[u8], &[u8; 32]) -> Vec<u8>;

/// S1.
#[tokio::test]
async fn hardware_wallets_sign_off_chain_messages() {
    let (_database, _pool, api) = world().await;
    let wallet = Keypair::new();
    let other = Keypair::new();
    let key = wallet.pubkey().to_bytes();
    // Given the forms that are published
    let forms: [Form; 4] = [
        |message, _| message.to_vec(),
        |message, _| {
            let length = u16::try_from(message.len()).unwrap().to_le_bytes();
            [b"\xffsolana offchain\0\0", length.as_slice(), message].concat()
        },
        |message, key| {
            let length = u16::try_from(message.len()).unwrap().to_le_bytes();
            let head = [b"\xffsolana offchain\0".as_slice(), &[9; 32], &[1, 1], key];
            [head.concat().as_slice(), &length, message].concat()
        },
        |message, key| [b"\xffsolana offchain\x01\x01", key.as_slice(), message].concat(),
    ];
    for (place, form) in forms.iter().enumerate() {
        // When the wallet signs one, then it has a session
        let asked = challenge(&api, &wallet.pubkey()).await;
        let bytes = form(asked["message"].as_str().unwrap().as_bytes(), &key);
        let body = |bytes: &[u8], signature: Signature| {
            json!({
                "wallet": wallet.pubkey().to_string(), "nonce": asked["nonce"], "token": "bearer",
                "signature": signature.to_string(), "signed_message": base64(bytes),
            })
        };
        // But not with another text in it, even if it signed that
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        let answer = open(&api, &body(&changed, wallet.sign_message(&changed))).await;
        assert_eq!(answer.refusal(), refused(400, "wrong_message"), "{place}");
        // And not with somebody else's signature
        let answer = open(&api, &body(&bytes, other.sign_message(&bytes))).await;
        assert_eq!(answer.refusal(), refused(401, "wrong_signature"), "{place}");
        let answer = open(&api, &body(&bytes, wallet.sign_message(&bytes))).await;
        assert_eq!(answer.status, 201, "{place} {}", answer.text);
    }
    // And the Solana CLI does not say which bytes it has signed
    let asked = challenge(&api, &wallet.pubkey()).await;
    let message = asked["message"].as_str().unwrap();
    let length = u16::try_from(message.len()).unwrap().to_le_bytes();
    let bytes = [
        b"\xffsolana offchain\0\x01",
        length.as_slice(),
        message.as_bytes(),
    ]
    .concat();
    let mut body = signed(&wallet, &asked);
    body["signature"] = json!(wallet.sign_message(&bytes).to_string());
    assert_eq!(open(&api, &body).await.status, 201);
}

/// S1.
#[tokio::test]
async fn what_is_not_a_fresh_signature_of_our_message_is_refused() {
    let (database, pool, api) = world().await;
    let wallet = Keypair::new();
    let asked = challenge(&api, &wallet.pubkey()).await;
    let good = signed(&wallet, &asked);
    let message = asked["message"].as_str().unwrap();
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    // Given changes of a good request, then each is refused with its code
    let elsewhere = message.replacen("vouch.example", "evil.example", 1);
    let elsewhere_signature = wallet.sign_message(elsewhere.as_bytes()).to_string();
    let mut elsewhere_body = with("signature", json!(elsewhere_signature));
    let nonce = asked["nonce"].as_str().unwrap();
    let other_nonce = format!(
        "{}{}",
        &nonce[..79],
        if nonce.ends_with('0') { '1' } else { '0' }
    );
    let stranger = Keypair::new();
    for (body, status, code) in [
        // Made for another domain, with and without its bytes
        (elsewhere_body.clone(), 401, "wrong_signature"),
        (
            {
                elsewhere_body["signed_message"] = json!(base64(elsewhere.as_bytes()));
                elsewhere_body
            },
            400,
            "wrong_message",
        ),
        (with("nonce", json!(other_nonce)), 400, "invalid_challenge"),
        (with("nonce", json!("")), 400, "invalid_challenge"),
        (
            with("nonce", json!("0".repeat(80))),
            400,
            "invalid_challenge",
        ),
        (
            with("wallet", json!(stranger.pubkey().to_string())),
            400,
            "invalid_challenge",
        ),
        (
            with("wallet", json!(common::OFF_CURVE)),
            400,
            "not_a_wallet",
        ),
        (
            with("signature", json!("1".repeat(64))),
            401,
            "wrong_signature",
        ),
        (with("signature", json!("x")), 400, "invalid_signature"),
        (with("signed_message", json!("%")), 400, "wrong_message"),
        (with("signed_message", json!("")), 400, "wrong_message"),
        (with("token", json!("both")), 400, "wrong_type"),
        (with("domain", json!("vouch.example")), 400, "unknown_field"),
    ] {
        assert_eq!(
            open(&api, &body).await.refusal(),
            refused(status, code),
            "{body}"
        );
    }
    // Given a key of small order, for which a signature of anything can be made
    let neutral = Pubkey::new_from_array([0; 32]);
    let asked_neutral = challenge(&api, &neutral).await;
    let mut identity = [0; 64];
    identity[0] = 1;
    let body = json!({
        "wallet": neutral.to_string(), "nonce": asked_neutral["nonce"], "token": "bearer",
        "signature": Signature::from(identity).to_string(),
    });
    assert_eq!(
        open(&api, &body).await.refusal(),
        refused(401, "wrong_signature")
    );
    // Given a service of another domain with the same database
    let other = Api::start_with(
        database.url(),
        &[("PUBLIC_URL", "https://vouch.example:8443")],
    )
    .await
    .ready()
    .await;
    // Then a signature for the one is none for the other
    assert_eq!(
        open(&other, &good).await.refusal(),
        refused(401, "wrong_signature")
    );
    // And replicas share their nonces: the good one works at the other one of the same domain, once
    let replica = Api::start(database.url()).await.ready().await;
    assert_eq!(open(&replica, &good).await.status, 201);
    assert_eq!(
        open(&api, &good).await.refusal(),
        refused(409, "challenge_used")
    );
    // Given a challenge that was made ten minutes ago
    let asked = expired(&pool, &wallet.pubkey()).await;
    // Then its signature is refused, because it has expired
    let answer = open(&api, &signed(&wallet, &asked)).await;
    assert_eq!(answer.refusal(), refused(409, "challenge_expired"));
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(sessions, 1);
}

/// A challenge of ten minutes ago, made with the service's key as docs/decisions/sign-in.md describes
/// nonces.
async fn expired(pool: &PgPool, wallet: &Pubkey) -> Value {
    use hmac::{Hmac, Mac as _};
    let key: Vec<u8> = sqlx::query_scalar("SELECT key FROM sign_in_key")
        .fetch_one(pool)
        .await
        .unwrap();
    let then = time::OffsetDateTime::now_utc().unix_timestamp() - 600;
    let head = [[7; 16].as_slice(), &then.to_be_bytes()].concat();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(b"vouch sign-in nonce 1");
    mac.update(wallet.as_ref());
    mac.update(&head);
    let tag = mac.finalize().into_bytes();
    let nonce: String = head
        .iter()
        .chain(&tag[..16])
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json!({ "nonce": nonce, "message": "it does not get so far" })
}

/// S1.
#[tokio::test]
async fn of_64_that_race_with_one_nonce_exactly_one_wins() {
    let (_database, pool, api) = world().await;
    let wallet = Keypair::new();
    let body = signed(&wallet, &challenge(&api, &wallet.pubkey()).await);
    // When one signed challenge is sent 64 times at once
    let racing = (0..64).map(|_| open(&api, &body));
    let answers = futures::future::join_all(racing).await;
    // Then exactly one opens a session
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(won, 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.refusal(), refused(409, "challenge_used"));
    }
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(sessions, 1);
}

#[tokio::test]
async fn a_wallet_has_no_more_than_20_sessions_however_many_it_opens_at_once() {
    let (_database, pool, api) = world().await;
    let wallet = Keypair::new();
    // Given 60 signed challenges of one wallet
    let mut bodies = Vec::new();
    for _ in 0..60 {
        bodies.push(signed(&wallet, &challenge(&api, &wallet.pubkey()).await));
    }
    // When they are sent at once
    let racing = bodies.iter().map(|body| open(&api, body));
    let answers = futures::future::join_all(racing).await;
    // Then each opens a session, and 20 are left: those that were opened last
    for answer in &answers {
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(sessions, 20);
    let last = sign_in(&api, &wallet).await;
    assert_eq!(me(&api, &last).await.status, 200);
}

/// Signs in with a cookie, and returns it as a browser sends it.
async fn cookie(api: &Api, wallet: &Keypair) -> String {
    let mut body = signed(wallet, &challenge(api, &wallet.pubkey()).await);
    body["token"] = json!("cookie");
    let answer = open(api, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["token"], Value::Null);
    let set = answer.header("set-cookie").to_owned();
    let (pair, attributes) = set.split_once("; ").unwrap();
    assert_eq!(
        attributes,
        "Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"
    );
    assert!(pair.starts_with(&format!("{COOKIE}=vs_")), "{pair}");
    pair.to_owned()
}

/// S5.
#[tokio::test]
async fn a_cookie_works_only_for_pages_of_this_service() {
    let (database, _pool, api) = world().await;
    let wallet = Keypair::new();
    let cookie = cookie(&api, &wallet).await;
    let with = |method: Method, path: &str, headers: &[(&'static str, &str)]| {
        let mut request = api.request(method, path).header(header::COOKIE, &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request)
    };
    let logout = "/v1/auth/sessions/current";
    // Then it reads
    assert_eq!(with(Method::GET, "/v1/me", &[]).await.status, 200);
    // And what changes something is refused unless a page of this service sends it
    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "https://vouch.example.evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", ORIGIN)],
        &[("sec-fetch-site", "none")],
        &[
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "same-origin"),
        ],
    ] {
        let answer = with(Method::DELETE, logout, headers).await;
        assert_eq!(
            answer.refusal(),
            refused(403, "cross_site_request"),
            "{headers:?}"
        );
    }
    // And it is no bearer token, nor is a bearer token a cookie
    let token = cookie.split_once('=').unwrap().1;
    assert_eq!(
        me(&api, token).await.refusal(),
        refused(401, "unauthenticated")
    );
    let bearer = sign_in(&api, &wallet).await;
    let as_cookie = send(
        api.request(Method::GET, "/v1/me")
            .header(header::COOKIE, format!("{COOKIE}={bearer}")),
    );
    assert_eq!(as_cookie.await.refusal(), refused(401, "unauthenticated"));
    // And a wrong bearer token is not made good by the cookie
    let answer = with(
        Method::GET,
        "/v1/me",
        &[("authorization", "Bearer vs_wrong")],
    )
    .await;
    assert_eq!(answer.refusal(), refused(401, "unauthenticated"));
    // And another site cannot sign its visitor in as somebody else
    let mut body = signed(&wallet, &challenge(&api, &wallet.pubkey()).await);
    body["token"] = json!("cookie");
    let forced = send(
        api.request(Method::POST, "/v1/auth/sessions")
            .header(header::ORIGIN, "https://evil.example")
            .json(&body),
    )
    .await;
    assert_eq!(forced.refusal(), refused(403, "cross_site_request"));
    // And pages of other origins may send neither cookies nor tokens
    let preflight = send(
        api.request(Method::OPTIONS, "/v1/me")
            .header(header::ORIGIN, "https://evil.example")
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization"),
    )
    .await;
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        "content-type,last-event-id"
    );
    assert_eq!(preflight.header("access-control-allow-credentials"), "");
    // When a page of this service logs out, then the cookie is removed and does not work any more
    let answer = with(Method::DELETE, logout, &[("origin", ORIGIN)]).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("set-cookie"),
        format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure")
    );
    let answer = with(Method::GET, "/v1/me", &[]).await;
    assert_eq!(answer.refusal(), refused(401, "unauthenticated"));
    // And on this machine the cookie needs no TLS
    let local = Api::start_with(database.url(), &[("PUBLIC_URL", "http://localhost:8080")])
        .await
        .ready()
        .await;
    let mut body = signed(&wallet, &challenge(&local, &wallet.pubkey()).await);
    body["token"] = json!("cookie");
    let set = open(&local, &body).await.header("set-cookie").to_owned();
    assert!(
        set.starts_with("vouch_session=vs_") && !set.contains("Secure"),
        "{set}"
    );
}

#[tokio::test]
async fn sessions_are_listed_ended_and_bounded() {
    let (_database, pool, api) = world().await;
    let (alice, bob) = (Keypair::new(), Keypair::new());
    let first = sign_in(&api, &alice).await;
    let second = sign_in(&api, &alice).await;
    let of_bob = sign_in(&api, &bob).await;
    let list = async |token: &str| {
        let request = api.request(Method::GET, "/v1/auth/sessions");
        send(request.bearer_auth(token)).await.json()["sessions"].clone()
    };
    let delete = async |token: &str, path: &str| {
        send(api.request(Method::DELETE, path).bearer_auth(token)).await
    };
    // Given two sessions of Alice, then each sees both, the newest first
    let seen = list(&first).await;
    let current: Vec<_> = seen
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["current"])
        .collect();
    assert_eq!(current, [false, true]);
    assert_eq!(seen[0]["user_agent"], common::FIREFOX);
    assert_eq!(seen[0]["kind"], "bearer");
    // And Bob cannot end one of them
    let path = format!("/v1/auth/sessions/{}", seen[0]["id"].as_str().unwrap());
    let answer = delete(&of_bob, &path).await;
    assert_eq!(answer.refusal(), refused(404, "session_not_found"));
    let answer = delete(&of_bob, "/v1/auth/sessions/x").await;
    assert_eq!(answer.refusal(), refused(404, "session_not_found"));
    // When Alice ends the other one, then only that one ends
    assert_eq!(delete(&first, &path).await.status, 204);
    assert_eq!(
        me(&api, &second).await.refusal(),
        refused(401, "unauthenticated")
    );
    assert_eq!(me(&api, &first).await.status, 200);
    // When she signs in more often than 20 times, then the oldest ends
    let mut newest = String::new();
    for _ in 0..20 {
        newest = sign_in(&api, &alice).await;
    }
    assert_eq!(list(&newest).await.as_array().unwrap().len(), 20);
    assert_eq!(
        me(&api, &first).await.refusal(),
        refused(401, "unauthenticated")
    );
    // When she logs out everywhere, then all end, and Bob's does not
    assert_eq!(delete(&newest, "/v1/auth/sessions").await.status, 204);
    assert_eq!(
        me(&api, &newest).await.refusal(),
        refused(401, "unauthenticated")
    );
    assert_eq!(me(&api, &of_bob).await.status, 200);
    // And use is noted, at most once a minute
    let used = async || -> time::OffsetDateTime {
        sqlx::query_scalar("SELECT last_used_at FROM sessions")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    let before = used().await;
    me(&api, &of_bob).await;
    assert_eq!(used().await, before);
    let set = async |sql: &str| {
        sqlx::query(sql).execute(&pool).await.unwrap();
    };
    set("UPDATE sessions SET last_used_at = now() - interval '2 minutes'").await;
    let before = used().await;
    me(&api, &of_bob).await;
    assert!(used().await > before);
    // When nobody uses it for a week, then it has ended
    set("UPDATE sessions SET last_used_at = now() - interval '8 days'").await;
    assert_eq!(
        me(&api, &of_bob).await.refusal(),
        refused(401, "unauthenticated")
    );
    // And when its time is over, too
    set("UPDATE sessions SET last_used_at = now(), expires_at = now() - interval '1 second'").await;
    assert_eq!(
        me(&api, &of_bob).await.refusal(),
        refused(401, "unauthenticated")
    );
    // And sweeping deletes what has ended, in batches, and nothing else
    set("INSERT INTO used_nonces SELECT decode(lpad(to_hex(n), 80, '0'), 'hex'), now() - interval '2 hours'
         FROM generate_series(1, 2500) AS n").await;
    set("INSERT INTO used_nonces VALUES ('\\x00', now())").await;
    let kept = sign_in(&api, &alice).await;
    for ended in Ended::ALL {
        while sweep(&pool, ended).await.unwrap() {}
    }
    let left: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT nonce FROM used_nonces WHERE expires_at < now() - interval '1 hour'
             OR nonce = '\\x00'
         UNION ALL SELECT token_hash FROM sessions WHERE expires_at < now()",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(left, [[0]]);
    assert_eq!(me(&api, &kept).await.status, 200);
}

/// S3, S6 and S7.
#[tokio::test]
async fn keys_are_made_by_the_authority_and_work_while_it_is_one() {
    let (_database, pool, api) = world().await;
    let (authority, stranger) = (Keypair::new(), Keypair::new());
    campaign(&pool, CAMPAIGN).await;
    let give = async |to: &Keypair| common::give_campaigns(&pool, to).await;
    give(&authority).await;
    let token = sign_in(&api, &authority).await;
    let of_stranger = sign_in(&api, &stranger).await;
    let keys = format!("/v1/campaigns/{CAMPAIGN}/keys");
    let post = async |token: &str, path: &str, body: Value| {
        send(
            api.request(Method::POST, path)
                .bearer_auth(token)
                .json(&body),
        )
        .await
    };
    let list = async || {
        let request = api.request(Method::GET, &keys).bearer_auth(&token);
        send(request).await.json()["keys"].clone()
    };
    let profile = async |key: &str, campaign: &str| {
        let path = format!("/v1/campaigns/{campaign}/profile");
        let body = json!({ "name": "Shop", "landing_url": "https://shop.example/" });
        send(api.request(Method::PUT, &path).bearer_auth(key).json(&body)).await
    };
    // Given requests that are wrong, then each is refused with its code
    for (body, code) in [
        (
            json!({ "name": "", "scopes": ["write:profile"] }),
            "invalid_key_name",
        ),
        (
            json!({ "name": "a\u{202e}b", "scopes": ["write:profile"] }),
            "invalid_key_name",
        ),
        (json!({ "name": "a", "scopes": [] }), "unknown_scope"),
        (json!({ "name": "a", "scopes": ["admin"] }), "unknown_scope"),
        (
            json!({ "name": "a", "scopes": ["write:profile"], "expires_in_days": 0 }),
            "invalid_expiry_days",
        ),
    ] {
        assert_eq!(
            post(&token, &keys, body).await.refusal(),
            refused(400, code)
        );
    }
    let wanted = json!({ "name": "Server", "scopes": ["write:profile", "read:analytics"], "expires_in_days": 30 });
    let answer = post(&of_stranger, &keys, wanted.clone()).await;
    assert_eq!(answer.refusal(), refused(403, "not_campaign_authority"));
    // When the authority makes a key, then it is shown once and works for its scopes
    let made = post(&token, &keys, wanted.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("vk_live_") && key.len() == 51);
    assert_eq!(made["prefix"], key[..16]);
    assert_eq!(made["scopes"], json!(["read:analytics", "write:profile"]));
    let listed = list().await;
    assert!(!listed.to_string().contains(&key[16..]));
    assert_eq!(
        (&listed[0]["works"], &listed[0]["last_used_at"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(profile(key, CAMPAIGN).await.status, 200);
    assert_ne!(list().await[0]["last_used_at"], Value::Null);
    let stored: String = sqlx::query_scalar("SELECT api_keys::text FROM api_keys")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(!stored.contains(&key[16..]), "{stored}");
    // And not for another campaign, nor for what needs a wallet, nor without the scope
    let answer = profile(key, common::OTHER_CAMPAIGN).await;
    assert_eq!(answer.refusal(), refused(403, "not_campaign_authority"));
    assert_eq!(
        me(&api, key).await.refusal(),
        refused(403, "session_required")
    );
    let answer = post(key, &keys, wanted.clone()).await;
    assert_eq!(answer.refusal(), refused(403, "session_required"));
    let weak = post(
        &token,
        &keys,
        json!({ "name": "Weak", "scopes": ["read:analytics"] }),
    )
    .await;
    let weak = weak.json();
    let answer = profile(weak["key"].as_str().unwrap(), CAMPAIGN).await;
    assert_eq!(answer.refusal(), refused(403, "missing_scope"));
    // When it is replaced, then both work for the overlap, and only the new one after it
    let rotate = format!("{keys}/{}/rotate", made["id"].as_str().unwrap());
    let answer = post(&token, &rotate, json!({ "overlap_seconds": 604_801 })).await;
    assert_eq!(answer.refusal(), refused(400, "invalid_overlap"));
    let next = post(&token, &rotate, json!({ "overlap_seconds": 3600 }))
        .await
        .json();
    let next_key = next["key"].as_str().unwrap();
    assert_eq!(
        (&next["name"], &next["scopes"]),
        (&made["name"], &made["scopes"])
    );
    // And the new one has the old one's whole life, not what the overlap has left of it
    let time = |text: &Value| {
        use time::{OffsetDateTime, format_description::well_known::Rfc3339};
        OffsetDateTime::parse(text.as_str().unwrap(), &Rfc3339).unwrap()
    };
    let life = |key: &Value| (time(&key["expires_at"]) - time(&key["created_at"])).whole_days();
    assert_eq!(life(&next), 30);
    let replaced = |keys: &Value| {
        let mut keys = keys.as_array().unwrap().iter();
        keys.find(|one| one["id"] == made["id"]).unwrap()["replaced_by"].clone()
    };
    assert_eq!(replaced(&list().await), next["id"]);
    assert_eq!(next["replaced_by"], Value::Null);
    // And so has one that replaces the old one again, because the answer was lost
    let again = post(&token, &rotate, json!({ "overlap_seconds": 3600 }))
        .await
        .json();
    assert_eq!(life(&again), 30);
    assert_eq!(replaced(&list().await), again["id"]);
    let lost = format!("{keys}/{}", again["id"].as_str().unwrap());
    let gone = send(api.request(Method::DELETE, &lost).bearer_auth(&token)).await;
    assert_eq!(gone.status, 204);
    assert_eq!(profile(key, CAMPAIGN).await.status, 200);
    assert_eq!(profile(next_key, CAMPAIGN).await.status, 200);
    let over = "UPDATE api_keys SET expires_at = now() WHERE id = $1::uuid";
    sqlx::query(over)
        .bind(made["id"].as_str())
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(
        profile(key, CAMPAIGN).await.refusal(),
        refused(401, "unauthenticated")
    );
    let answer = post(&token, &rotate, json!({})).await;
    assert_eq!(answer.refusal(), refused(404, "key_not_found"));
    // When the authority gives the campaign away, then its keys and its rights end
    give(&stranger).await;
    assert_eq!(
        profile(next_key, CAMPAIGN).await.refusal(),
        refused(401, "unauthenticated")
    );
    let answer = post(&token, &keys, wanted.clone()).await;
    assert_eq!(answer.refusal(), refused(403, "not_campaign_authority"));
    // And the new one sees and revokes them
    let seen = send(api.request(Method::GET, &keys).bearer_auth(&of_stranger))
        .await
        .json();
    let works: Vec<_> = seen["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["works"])
        .collect();
    assert_eq!(works, [false; 4]);
    let one = format!("{keys}/{}", next["id"].as_str().unwrap());
    let delete =
        async |path: &str| send(api.request(Method::DELETE, path).bearer_auth(&of_stranger)).await;
    assert_eq!(delete(&one).await.status, 204);
    assert_eq!(delete(&one).await.status, 204);
    let answer = delete(&format!("{keys}/x")).await;
    assert_eq!(answer.refusal(), refused(404, "key_not_found"));
    // When the former authority is one again, then its keys work again, except revoked ones
    give(&authority).await;
    assert_eq!(
        profile(next_key, CAMPAIGN).await.refusal(),
        refused(401, "unauthenticated")
    );
    let answer = profile(weak["key"].as_str().unwrap(), CAMPAIGN).await;
    assert_eq!(answer.refusal(), refused(403, "missing_scope"));
    // And a campaign has at most 20 that have not ended, however many are made at once
    let racing = (0..30).map(|_| post(&token, &keys, wanted.clone()));
    let answers = futures::future::join_all(racing).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 19);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.refusal(), refused(409, "too_many_keys"));
    }
}

/// S6.
#[tokio::test]
async fn former_authorities_take_no_room_for_keys() {
    let (_database, pool, api) = world().await;
    let (former, authority) = (Keypair::new(), Keypair::new());
    campaign(&pool, CAMPAIGN).await;
    common::give_campaigns(&pool, &former).await;
    // Given a former authority that has made and revoked as many keys as one can, and has 20 more
    sqlx::query(
        "INSERT INTO api_keys (id, campaign, created_by, name, prefix, key_hash, scopes, created_at, revoked_at)
         SELECT gen_random_uuid(), $1, $2, 'k', 'vk_live_', sha256(n::text::bytea),
             ARRAY['write:profile'], now() + interval '1 day', CASE WHEN n > 20 THEN now() END
         FROM generate_series(1, 220) AS n",
    )
    .bind(CAMPAIGN)
    .bind(former.pubkey().to_string())
    .execute(&pool)
    .await
    .unwrap();
    let keys = format!("/v1/campaigns/{CAMPAIGN}/keys");
    let make = async |token: &str| {
        let body = json!({ "name": "Server", "scopes": ["write:profile"] });
        send(
            api.request(Method::POST, &keys)
                .bearer_auth(token)
                .json(&body),
        )
        .await
    };
    let of_former = sign_in(&api, &former).await;
    assert_eq!(
        make(&of_former).await.refusal(),
        refused(409, "too_many_keys")
    );
    // When another wallet is the authority, then it makes one, which works and is listed first
    common::give_campaigns(&pool, &authority).await;
    let token = sign_in(&api, &authority).await;
    let made = make(&token).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let listed = send(api.request(Method::GET, &keys).bearer_auth(&token)).await;
    let listed = listed.json()["keys"].clone();
    assert_eq!(listed[0]["id"], made.json()["id"]);
    assert_eq!(listed[0]["works"], true);
    assert_eq!(listed.as_array().unwrap().len(), 221);
    assert_eq!(listed[1]["works"], false);
}

/// S8.
#[tokio::test]
async fn while_the_mirror_is_old_nothing_is_changed_that_may_be_somebody_elses() {
    // Given an authority with a key, which owns a code and has a badge, and a mirror that is four minutes old
    let (_database, pool, api) = world().await;
    let wallet = Keypair::new();
    let address = wallet.pubkey().to_string();
    campaign(&pool, CAMPAIGN).await;
    common::give_campaigns(&pool, &wallet).await;
    common::referral(&pool, CAMPAIGN, "STARTER7", &address, 1_700_000_000).await;
    let award: i64 = sqlx::query_scalar(
        "INSERT INTO awards (campaign, referrer, badge, month)
         VALUES ($1, $2, 'conversions_1', '') RETURNING id",
    )
    .bind(CAMPAIGN)
    .bind(&address)
    .fetch_one(&pool)
    .await
    .unwrap();
    common::mirrored_ago(&pool, "4 minutes").await;
    let token = sign_in(&api, &wallet).await;
    let keys = format!("/v1/campaigns/{CAMPAIGN}/keys");
    let profile = format!("/v1/campaigns/{CAMPAIGN}/profile");
    let call = async |token: &str, method: Method, path: &str, body: Value| {
        send(api.request(method, path).bearer_auth(token).json(&body)).await
    };
    let new_key = json!({ "name": "Server", "scopes": ["write:profile"] });
    let shop = json!({ "name": "Shop", "landing_url": "https://shop.example/" });
    let made = call(&token, Method::POST, &keys, new_key.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let one_key = format!("{keys}/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(
        call(&key, Method::PUT, &profile, shop.clone()).await.status,
        200
    );
    // When it is six minutes old
    common::mirrored_ago(&pool, "6 minutes").await;
    // Then what a former owner could do harm with is refused, and can be repeated
    for (token, method, path, body) in [
        (&token, Method::PUT, profile.as_str(), &shop),
        (&key, Method::PUT, &profile, &shop),
        (&token, Method::POST, &keys, &new_key),
        (
            &token,
            Method::POST,
            &format!("{one_key}/rotate"),
            &json!({}),
        ),
        (
            &token,
            Method::PUT,
            "/v1/codes/STARTER7/profile",
            &json!({ "nickname": "C" }),
        ),
    ] {
        let answer = call(token, method, path, body.clone()).await;
        assert_eq!(answer.refusal(), refused(503, "mirror_stale"), "{path}");
        assert_eq!(answer.header("retry-after"), "2");
    }
    // And strangers are told that they are strangers
    let stranger = sign_in(&api, &Keypair::new()).await;
    let answer = call(&stranger, Method::PUT, &profile, shop.clone()).await;
    assert_eq!(answer.refusal(), refused(403, "not_campaign_authority"));
    // But what reads, takes rights away, or does not depend on the chain's present goes on
    assert_eq!(me(&api, &token).await.status, 200);
    for (method, path, status) in [
        (Method::GET, keys.as_str(), 200),
        (Method::DELETE, &one_key, 204),
        (Method::POST, &format!("/v1/badges/{award}/claim"), 200),
    ] {
        let answer = call(&token, method, path, json!({})).await;
        assert_eq!(answer.status, status, "{path} {}", answer.text);
    }
    // And with a mirror that has never been complete nothing is changed, either
    sqlx::query("UPDATE indexer_state SET indexed_slot = NULL, updated_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    let answer = call(&token, Method::PUT, &profile, shop.clone()).await;
    assert_eq!(answer.refusal(), refused(503, "mirror_stale"));
    // When the mirror is back, then all is as before
    common::mirrored_ago(&pool, "0 seconds").await;
    assert_eq!(call(&token, Method::PUT, &profile, shop).await.status, 200);
}

#[tokio::test]
async fn a_repeated_request_for_a_key_gets_the_same_key() {
    let (database, pool, api) = world().await;
    let replica = Api::start(database.url()).await.ready().await;
    let authority = Keypair::new();
    campaign(&pool, CAMPAIGN).await;
    common::give_campaigns(&pool, &authority).await;
    let token = sign_in(&api, &authority).await;
    let keys = format!("/v1/campaigns/{CAMPAIGN}/keys");
    let post = async |api: &Api, path: &str, repeated: &str, body: &Value| {
        let request = api.request(Method::POST, path).bearer_auth(&token);
        send(request.header("idempotency-key", repeated).json(body)).await
    };
    let count = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM api_keys")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    let body = json!({ "name": "Server", "scopes": ["write:profile"], "expires_in_days": 30 });
    // Given a request that is made many times at once, then all get the same key, and there is one
    let once = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    let racing = (0..10).map(|_| post(&api, &keys, once, &body));
    let answers = futures::future::join_all(racing).await;
    let first = answers[0].json();
    for answer in &answers {
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.json(), first);
    }
    assert_eq!(count().await, 1);
    // And at another replica, in quotes as the draft has it, and it works
    let again = post(&replica, &keys, &format!("\"{once}\""), &body).await;
    assert_eq!(again.json(), first);
    let key = first["key"].as_str().unwrap();
    assert_eq!(
        me(&api, key).await.refusal(),
        refused(403, "session_required")
    );
    // But not for another body, with another idempotency key, or for another operation
    let other = json!({ "name": "Other", "scopes": ["write:profile"], "expires_in_days": 30 });
    let answer = post(&api, &keys, once, &other).await;
    assert_eq!(answer.refusal(), refused(422, "idempotency_key_reused"));
    let second = post(&api, &keys, "another-one-of-16", &body).await.json();
    assert_ne!(second["key"], first["key"]);
    let rotate = format!("{keys}/{}/rotate", first["id"].as_str().unwrap());
    let next = post(&api, &rotate, once, &json!({})).await.json();
    assert_ne!(next["key"], first["key"]);
    assert_eq!(post(&replica, &rotate, once, &json!({})).await.json(), next);
    assert_eq!(count().await, 3);
    // And what is no idempotency key is refused
    for bad in ["short", "", "with a space in it", &"x".repeat(129)] {
        let answer = post(&api, &keys, bad, &body).await;
        assert_eq!(
            answer.refusal(),
            refused(400, "invalid_idempotency_key"),
            "{bad}"
        );
    }
    // And it is nowhere in the database
    let stored: String = sqlx::query_scalar("SELECT string_agg(api_keys::text, ' ') FROM api_keys")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(!stored.contains(once) && !stored.contains(&key[16..]));
}
