//! Solana Actions and Solana Pay without a chain: what wallets are shown, and what they are told later.
//! `tests/product/tests/actions.rs` signs and sends.

mod common;

use common::{
    ALICE, Answer, Api, BOB, CAMPAIGN, FIREFOX, OFF_CURVE, OTHER_CAMPAIGN, campaign, click_ids,
    conversion, progress, referral, send,
};
use reqwest::{Method, header};
use serde_json::{Value, json};
use solana_sdk::pubkey::Pubkey;
use sqlx::PgPool;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use vouch_client::{
    ProgramError,
    accounts::{AccountType as _, Campaign, Funding, Proof, Settings, Uniqueness, VERSION},
};
use vouch_localnet::{Database, Postgres};

const ACTION: &str = "/v1/actions/codes/STARTER7";
/// 64 bytes in base58.
const SIGNATURE: &str =
    "99eUso3aSbE9tqGSTXzo3TLfKb9RkMTURrHKQ1K7Zh3BbeqPevr5E1iCbpTjqHuTFLtfxTTD5ekfVuZFzQyEQf8";

/// Status and code of a refusal that is a problem of RFC 9457 and an error of Solana Actions.
fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert_eq!(body["message"], body["detail"], "{body}");
    assert!(!body["message"].as_str().unwrap().is_empty());
    assert_eq!(body["status"], answer.status.as_u16());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let code = body["code"].as_str().unwrap().to_owned();
    (answer.status.as_u16(), code)
}

/// A campaign whose authority calls it Shop, with Alice's code STARTER7, and a service.
async fn world() -> (Database, PgPool, Api) {
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    referral(&pool, CAMPAIGN, "STARTER7", ALICE, 1_700_000_000).await;
    sqlx::query(
        "INSERT INTO campaign_profiles (campaign, set_by, name, symbol, landing_url)
         VALUES ($1, $2, 'Shop', 'SHOP', 'https://shop.example/')",
    )
    .bind(CAMPAIGN)
    .bind(ALICE)
    .execute(&pool)
    .await
    .unwrap();
    progress(&pool, 20, 9).await;
    let api = Api::start(database.url()).await.ready().await;
    (database, pool, api)
}

/// Gives the campaign these bytes.
async fn set(pool: &PgPool, change: impl FnOnce(&mut Campaign)) {
    let mut account: Campaign = borsh::from_slice(&[0; Campaign::SIZE - 8]).unwrap();
    account.version = VERSION;
    account.mint = OFF_CURVE.parse().unwrap();
    account.mint_decimals = 6;
    account.settings = Settings {
        referee_share_bps: 2_000,
        ..Settings::fixed(5_000_000)
    };
    change(&mut account);
    let mut data = Campaign::DISCRIMINATOR.to_vec();
    borsh::to_writer(&mut data, &account).unwrap();
    sqlx::query("UPDATE campaigns SET data = $1")
        .bind(data)
        .execute(pool)
        .await
        .unwrap();
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::query(sql).execute(pool).await.unwrap();
}

/// A8.
#[tokio::test]
async fn a_code_is_shown_as_an_action_with_what_the_wallet_gets() {
    // Given a campaign that pays 5 SHOP for each sign-up, a fifth of it to the wallet that signs up
    let (_database, pool, api) = world().await;
    set(&pool, |_| {}).await;
    // When a client asks for its Action, then it gets what the specification asks for, and no more
    let answer = api.get(ACTION).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-action-version"), "2.4");
    assert_eq!(
        answer.header("x-blockchain-ids"),
        "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
    );
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("x-action-version"), "{exposed}");
    assert!(exposed.contains("x-blockchain-ids"), "{exposed}");
    assert_eq!(
        answer.json(),
        json!({
            "type": "action",
            "icon": "https://vouch.example/v1/codes/STARTER7/qr.png",
            "title": "STARTER7 vouches for you: \"Shop\"",
            "description": "Sign once to join \"Shop\". Your wallet gets 1 \"SHOP\" (token FAJX…StGX), and \
                the one who invited you 4 \"SHOP\" (token FAJX…StGX), at once. Your wallet pays the \
                network's fee and the rent of the record, and of its account of that token if it has none.",
            "label": "Join",
        })
    );
    // And the icon is there
    let icon = api.get("/v1/codes/STARTER7/qr.png").await;
    assert_eq!(icon.header("content-type"), "image/png");
    // And so is the Action of the landing page's link, in either case, with what describes the link
    let landing = format!("/v1/actions/campaigns/{CAMPAIGN}?ref=starter7&utm_source=x&click_id=1");
    assert_eq!(api.get(&landing).await.json(), answer.json());
    let described = format!("{ACTION}?utm_source=x&src=social&wallet=nonsense");
    assert_eq!(api.get(&described).await.json(), answer.json());
    // And Solana Pay, which shows the label as the source of the request, gets the title as label
    let pay = api.get(&format!("{ACTION}?src=pay")).await.json();
    assert_eq!(pay["label"], "STARTER7 vouches for you: \"Shop\"");
    assert_eq!(pay["icon"], answer.json()["icon"]);
    // And a hold, a credential, a binding and bonuses are said
    set(&pool, |campaign| {
        campaign.settings.referee_share_bps = 0;
        campaign.settings.hold_seconds = 259_200;
        campaign.settings.attribution_window = 60;
        campaign.settings.gate_credential = Pubkey::new_unique();
        campaign.settings.bonuses[0].threshold = 9;
        campaign.settings.bonuses[0].amount = 1;
    })
    .await;
    let held = api.get(ACTION).await.json();
    assert_eq!(held["label"], "Join");
    assert_eq!(
        held["description"],
        "Sign once to join \"Shop\". The one who invited you gets at least 5 \"SHOP\" (token FAJX…StGX), \
         after a hold of 3 days, within which the campaign may cancel it. Your wallet gets no part of it. \
         Only for wallets that no other code has brought before. Your wallet needs the credential that the \
         campaign asks for. Your wallet pays the network's fee and the rent of the record, and of its \
         binding to the code."
    );
    // And each cost is said only where there is one: no account of a token for SOL, and none while a
    // reward waits
    let both: fn(&mut Campaign) = |campaign| campaign.settings.attribution_window = 60;
    let sol: fn(&mut Campaign) = |campaign| campaign.mint = Pubkey::default();
    let waits: fn(&mut Campaign) = |campaign| campaign.settings.hold_seconds = 60;
    for (change, costs) in [
        (
            both,
            "the rent of the record, of its binding to the code, and of its account of that token if it \
             has none.",
        ),
        (sol, "the rent of the record."),
        (waits, "the rent of the record."),
    ] {
        set(&pool, change).await;
        let said = api.get(ACTION).await.json()["description"].clone();
        let (_, said) = said.as_str().unwrap().split_once("fee and ").unwrap();
        assert_eq!(said, costs);
    }
    // And nothing of it was a click
    assert_eq!(click_ids(&pool).await, [""; 0]);
}

/// A stranger's campaign under our domain.
#[tokio::test]
async fn what_strangers_chose_is_told_apart_from_what_is_so() {
    // Given a campaign that calls its token like another one, and a code whose owner has a nickname
    let (_database, pool, api) = world().await;
    set(&pool, |_| {}).await;
    run(
        &pool,
        "INSERT INTO code_profiles (referral, owner, nickname)
         SELECT address, owner, 'Circle\" gives' FROM mirror.referrals WHERE code = 'STARTER7'",
    )
    .await;
    run(&pool, "UPDATE campaign_profiles SET name = 'Circle'").await;
    for symbol in ["USDC", "SOL"] {
        let chosen = format!("UPDATE campaign_profiles SET symbol = '{symbol}'");
        run(&pool, &chosen).await;
        // When it is shown
        let action = api.get(ACTION).await.json();
        // Then names and symbol are in quotes, beside the mint, and the button says nothing of them
        assert_eq!(
            action["title"],
            "\"Circle' gives\" vouches for you: \"Circle\""
        );
        let description = action["description"].as_str().unwrap();
        let own = format!("Your wallet gets 1 \"{symbol}\" (token FAJX…StGX), and");
        assert!(description.contains(&own), "{description}");
        let others = format!("invited you 4 \"{symbol}\" (token FAJX…StGX), at once.");
        assert!(description.contains(&others), "{description}");
        assert_eq!(description.matches(symbol).count(), 2, "{description}");
        assert_eq!(action["label"], "Join");
    }
    // And a token without a symbol is known by its mint, and SOL by the mint that it has not
    run(&pool, "UPDATE campaign_profiles SET symbol = NULL").await;
    let unnamed = api.get(ACTION).await.text;
    assert!(
        unnamed.contains("gets 1 tokens (token FAJX…StGX), and"),
        "{unnamed}"
    );
    let sol = "UPDATE campaigns SET mint = '11111111111111111111111111111111'";
    run(&pool, sol).await;
    let sol = api.get(ACTION).await.text;
    assert!(sol.contains("gets 1 SOL, and"), "{sol}");
}

/// A8.
#[tokio::test]
async fn an_action_that_cannot_earn_is_disabled_with_the_reason() {
    let (_database, pool, api) = world().await;
    let shown = async || {
        let answer = api.get(ACTION).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let action = answer.json();
        let enabled = action["disabled"].is_null();
        assert_eq!(enabled, action["error"].is_null(), "{action}");
        assert_eq!(enabled, action["label"] != "Not available", "{action}");
        action["error"]["message"].clone()
    };
    // Given campaigns whose conversions need what an Action cannot give
    let page = "on its page";
    type Change = fn(&mut Campaign);
    let needs: [(Change, &str); 6] = [
        (|it| it.proof = Proof::Payment, "purchases"),
        (
            |it| it.proof = Proof::Attested,
            "vouches for each conversion",
        ),
        (|it| it.uniqueness = Uniqueness::Order, "counts orders"),
        (
            |it| it.settings = Settings::percent(500, 9),
            "a share of what an order is worth",
        ),
        (|it| it.settings.min_amount = 1, "a least amount"),
        (
            |it| {
                it.next = Settings::percent(500, 9);
                it.next_from = 1;
            },
            "a share of what an order is worth",
        ),
    ];
    for (change, words) in needs {
        set(&pool, change).await;
        // Then the reason is told, and where to go instead
        let reason = shown().await;
        let reason = reason.as_str().unwrap();
        assert!(reason.contains(words), "{words}: {reason}");
        assert!(
            reason.contains(page) || reason.contains("at its page"),
            "{reason}"
        );
    }
    // Given a budget that does not hold one more reward, and one that just does
    let budget = |committed| {
        move |it: &mut Campaign| {
            it.settings.budget = 10_000_000;
            it.committed = committed;
        }
    };
    set(&pool, budget(5_000_001)).await;
    let words = |error: ProgramError| format!("{}: {}", error.message(), error.advice());
    assert_eq!(shown().await, words(ProgramError::BudgetExhausted));
    set(&pool, budget(5_000_000)).await;
    assert_eq!(shown().await, Value::Null);
    // Given a vault, then its balance is not asked for, because that would need the node
    set(&pool, |it| it.funding = Funding::Vault).await;
    assert_eq!(shown().await, Value::Null);
    // Given a campaign or a code that does not count now
    set(&pool, |_| {}).await;
    for (change, back, reason) in [
        (
            "UPDATE campaigns SET paused = true",
            "UPDATE campaigns SET paused = false",
            words(ProgramError::CampaignPaused),
        ),
        (
            "UPDATE campaigns SET closed = true",
            "UPDATE campaigns SET closed = false",
            words(ProgramError::CampaignClosed),
        ),
        (
            "UPDATE referrals SET suspended = true",
            "UPDATE referrals SET suspended = false",
            "the code is not active".to_owned(),
        ),
        (
            "UPDATE referrals SET expires_at = 1",
            "UPDATE referrals SET expires_at = NULL",
            "the code has expired".to_owned(),
        ),
        (
            "UPDATE referrals SET usage_limit = 1, conversions = 1",
            "UPDATE referrals SET usage_limit = NULL, conversions = 0",
            "the code has reached its usage limit".to_owned(),
        ),
    ] {
        run(&pool, change).await;
        assert_eq!(shown().await, reason, "{change}");
        run(&pool, back).await;
        assert_eq!(shown().await, Value::Null, "{back}");
    }
    // Given a campaign of a layout that this version does not know, then it is not guessed at
    run(&pool, "UPDATE campaigns SET data = 'x'").await;
    let unknown = shown().await;
    assert_eq!(unknown, "this campaign is of another version of Vouch");
}

#[tokio::test]
async fn refusals_are_problems_and_errors_of_actions() {
    let (_database, pool, api) = world().await;
    set(&pool, |_| {}).await;
    let (other, none) = (OTHER_CAMPAIGN, "/v1/actions/codes/NEVER234");
    for (path, status, code) in [
        (none, 404, "code_not_found"),
        ("/v1/actions/codes/0", 400, "invalid_code"),
        (&format!("{ACTION}?campaign=x"), 400, "invalid_address"),
        (&format!("{ACTION}?campaign={other}"), 404, "code_not_found"),
        (
            &format!("/v1/actions/campaigns/{CAMPAIGN}"),
            404,
            "code_not_found",
        ),
        (
            &format!("/v1/actions/campaigns/{CAMPAIGN}?ref=0"),
            400,
            "invalid_code",
        ),
        (
            "/v1/actions/campaigns/x?ref=STARTER7",
            400,
            "invalid_address",
        ),
        ("/v1/actions/x", 404, "route_not_found"),
        ("/v1/actions/codes/STARTER7/x", 404, "route_not_found"),
    ] {
        assert_eq!(
            refusal(&api.get(path).await),
            (status, code.to_owned()),
            "{path}"
        );
    }
    let unknown = api.post("/v1/actions/codes", &json!({})).await;
    assert_eq!(refusal(&unknown), (404, "route_not_found".to_owned()));
    assert_eq!(unknown.header("x-action-version"), "2.4");
    // Fields of later versions of the specification are ignored, the wallet is needed
    let bob = json!({ "account": BOB, "type": "transaction", "data": { "a": ["b"] }, "x": 1 });
    for (body, status, code) in [
        (bob.clone(), 503, "chain_unavailable"),
        (json!({}), 400, "missing_field"),
        (json!({ "account": 1 }), 400, "wrong_type"),
        (json!({ "account": "x" }), 400, "invalid_address"),
        (json!([]), 400, "malformed_json"),
    ] {
        let answer = api.post(ACTION, &body).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{body}");
    }
    let answer = send(api.request(Method::POST, ACTION).body("{}")).await;
    assert_eq!(refusal(&answer), (415, "unsupported_media_type".to_owned()));
    let answer = send(api.request(Method::PUT, ACTION).json(&bob)).await;
    assert_eq!(refusal(&answer), (405, "method_not_allowed".to_owned()));
    // And a transaction that was not built is no click
    assert_eq!(click_ids(&pool).await, [""; 0]);
    // And elsewhere unknown fields are refused as before
    let answer = api
        .post(
            "/v1/transactions/convert",
            &json!({ "code": "STARTER7", "referee": BOB, "x": 1 }),
        )
        .await;
    assert_eq!(answer.refusal(), (400, "unknown_field".to_owned()));
}

/// A7.
#[tokio::test]
async fn actions_have_a_limit_of_their_own_and_each_account_within_it() {
    // Given a service that builds one transaction of an Action a minute for a network
    let database = Postgres::test_database().await.unwrap();
    let start = async |limit| {
        let limits = [(limit, "1"), ("TRUSTED_PROXY_HOPS", "1")];
        Api::start_with(database.url(), &limits).await.ready().await
    };
    let post = async |api: &Api, client: &str, path: &str, body: Value| {
        let request = api.request(Method::POST, path).json(&body);
        send(request.header("x-forwarded-for", client)).await
    };
    let api = start("ACTIONS_PER_MINUTE").await;
    let missing = (400, "missing_field".to_owned());
    let limited = (429, "too_many_requests".to_owned());
    let landing = format!("/v1/actions/campaigns/{CAMPAIGN}?ref=STARTER7");
    for (client, path) in [("192.0.2.1", ACTION), ("198.51.100.1", &landing)] {
        // When it has asked for one, then there is no second one
        let first = post(&api, client, path, json!({})).await;
        assert_eq!(refusal(&first), missing);
        assert_eq!(first.header("ratelimit-policy"), "\"actions\";q=1;w=60");
        let second = post(&api, client, path, json!({})).await;
        assert_eq!(refusal(&second), limited);
        assert!(second.header("retry-after").parse::<u64>().unwrap() <= 60);
        // But other builders have a limit of their own
        let elsewhere = post(&api, client, "/v1/transactions/convert", json!({})).await;
        assert_eq!(elsewhere.refusal(), missing);
        // And what became of the first one is said
        let next = format!("{ACTION}/conversions/{BOB}?campaign={CAMPAIGN}");
        assert_eq!(
            refusal(&post(&api, client, &next, json!({})).await),
            missing
        );
    }
    // Given a service that builds one a minute for an account within a network
    let api = start("ACTION_ACCOUNTS_PER_MINUTE").await;
    let unknown = (404, "code_not_found".to_owned());
    for (client, account, expected) in [
        ("192.0.2.3", BOB, &unknown),
        ("192.0.2.3", BOB, &limited),
        // Then others of the same proxy, and the account elsewhere, are served
        ("192.0.2.3", ALICE, &unknown),
        ("192.0.2.4", BOB, &unknown),
    ] {
        let answer = post(&api, client, ACTION, json!({ "account": account })).await;
        assert_eq!(refusal(&answer), *expected, "{client} {account}");
    }
    // And without settings a network has 600, and an account in it 10
    let usual = Api::start(database.url()).await.ready().await;
    let answer = usual.post(ACTION, &json!({ "account": BOB })).await;
    let policies = "\"actions\";q=600;w=60, \"action-accounts\";q=10;w=60";
    assert_eq!(answer.header("ratelimit-policy"), policies);
}

#[tokio::test]
async fn every_origin_may_ask_as_the_specification_says() {
    let (_database, pool, api) = world().await;
    set(&pool, |_| {}).await;
    let next = format!("{ACTION}/conversions/{BOB}?campaign={CAMPAIGN}");
    for path in ["/actions.json", ACTION, &next, &format!("{next}/check")] {
        // When a client asks what it may, with and without the headers of a browser
        for bare in [true, false] {
            let mut request = api.request(Method::OPTIONS, path);
            if !bare {
                request = request
                    .header(header::ORIGIN, "https://dial.to")
                    .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
                    .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type");
            }
            let answer = send(request).await;
            // Then it may what the specification lists
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
            assert_eq!(
                answer.header("access-control-allow-methods"),
                "GET,POST,PUT,OPTIONS"
            );
            let allowed = answer
                .header("access-control-allow-headers")
                .to_ascii_lowercase();
            for name in [
                "content-type",
                "authorization",
                "content-encoding",
                "accept-encoding",
                "x-accept-action-version",
                "x-accept-blockchain-ids",
            ] {
                assert!(
                    allowed.split(',').any(|one| one.trim() == name),
                    "{allowed}"
                );
            }
            assert_eq!(answer.header("x-action-version"), "2.4");
        }
    }
    // And the rules map share links and landing pages to paths that answer
    let rules = api.get("/actions.json").await;
    assert_eq!(rules.header("content-type"), "application/json");
    assert_eq!(rules.header("access-control-allow-origin"), "*");
    let rules = rules.json();
    let mapped = |path: &str| {
        rules["rules"].as_array().unwrap().iter().find_map(|rule| {
            // As the specification says: one segment for a star, any number for two; the query stays.
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let pattern = rule["pathPattern"].as_str()?;
            let rest = path.strip_prefix(pattern.trim_end_matches('*'))?;
            let stars = if pattern.ends_with("**") { "**" } else { "*" };
            if stars == "*" && rest.contains('/') {
                return None;
            }
            let to = rule["apiPath"].as_str()?.strip_suffix(stars)?;
            Some(format!("{to}{rest}?{query}"))
        })
    };
    let landing = format!("/c/{CAMPAIGN}?ref=STARTER7&click_id=1");
    for link in [
        "/r/STARTER7",
        "/r/starter7?src=qr&utm_source=x",
        &landing,
        ACTION,
    ] {
        let path = mapped(link).unwrap_or_else(|| panic!("{link} has no rule"));
        let action = api.get(&path).await;
        assert_eq!(action.status, 200, "{link} {path}");
        assert_eq!(action.json()["type"], "action");
    }
    assert_eq!(mapped("/welcome"), None);
    assert_eq!(mapped("/r/STARTER7/more"), None);
}

#[tokio::test]
async fn answers_are_compressed_for_who_takes_it() {
    let (_database, pool, api) = world().await;
    set(&pool, |_| {}).await;
    let url = reqwest::Url::parse(&api.service.url()).unwrap();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    // The client of these tests would undo it unseen.
    let raw = async |accepts: &str| {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "GET {ACTION} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept-encoding: {accepts}\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(answer[..end].to_vec())
            .unwrap()
            .to_ascii_lowercase();
        (head, answer[end + 4..].to_vec())
    };
    // When a client takes gzip, then it gets it, with a tag of its own
    let (head, body) = raw("br, gzip").await;
    assert!(head.contains("\r\ncontent-encoding: gzip"), "{head}");
    assert!(head.contains("\r\nvary: accept-encoding"), "{head}");
    assert!(head.contains("\r\netag: w/\""), "{head}");
    assert!(
        head.contains(&format!("\r\ncontent-length: {}", body.len())),
        "{head}"
    );
    assert_eq!(body[..2], [0x1f, 0x8b]);
    // And else it does not
    for accepts in ["identity", "gzip;q=0"] {
        let (head, body) = raw(accepts).await;
        assert!(!head.contains("content-encoding"), "{head}");
        assert_eq!(body[0], b'{');
    }
}

#[tokio::test]
async fn the_next_action_says_what_became_of_the_conversion() {
    let (_database, pool, api) = world().await;
    set(&pool, |_| {}).await;
    let next = format!("{ACTION}/conversions/{OFF_CURVE}?campaign={CAMPAIGN}");
    let again = format!("{ACTION}/conversions/{OFF_CURVE}/check?campaign={CAMPAIGN}");
    let body = json!({ "account": BOB, "signature": SIGNATURE });
    let ask = async || {
        let answer = api.post(&next, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        // The button that asks again shows the same
        let checked = api.post(&again, &body).await.json();
        assert_eq!(checked["type"], "post");
        assert_eq!(checked["links"]["next"]["type"], "inline");
        assert_eq!(checked["links"]["next"]["action"], answer.json());
        answer.json()
    };
    // Given a transaction that the mirror does not know, then there is a button to ask again
    let pending = ask().await;
    assert_eq!(pending["type"], "action");
    assert_eq!(pending["title"], "Not recorded yet");
    let button = json!([{ "type": "post", "href": again, "label": "Check again" }]);
    assert_eq!(pending["links"]["actions"], button);
    let icon = format!("https://vouch.example/v1/codes/STARTER7/qr.png?campaign={CAMPAIGN}");
    assert_eq!(pending["icon"], icon);
    // Given that it failed, and so did another one after it, then the program's reason is said
    let failed = |seq: i64, signature: &str, error: i64| {
        let sql = format!(
            "WITH t AS (
                 INSERT INTO transactions (seq, slot, block_time, signature, succeeded,
                     failed_instruction, error_code)
                 VALUES ({seq}, 9, 1700000000, '{signature}', false, 0, {error}) RETURNING seq
             )
             INSERT INTO calls (seq, instruction, inner_index, name, campaign, referral, conversion, wallet)
             SELECT seq, 0, -1, 'convert', '{CAMPAIGN}', 'r', '{OFF_CURVE}', '{BOB}' FROM t"
        );
        let pool = pool.clone();
        async move { run(&pool, &sql).await }
    };
    failed(1, SIGNATURE, 6001).await;
    failed(2, "another", 6002).await;
    let refused = ask().await;
    assert_eq!(refused["title"], "Not recorded");
    let message = vouch_client::ProgramError::from_code(6001)
        .unwrap()
        .message();
    assert_eq!(refused["error"]["message"], message);
    let button = json!([{
        "type": "transaction", "href": format!("{ACTION}?campaign={CAMPAIGN}"), "label": "Try again"
    }]);
    assert_eq!(refused["links"]["actions"], button);
    // And so it is if the binding before it in the same transaction is what failed
    run(&pool, "UPDATE calls SET instruction = 1").await;
    let bind = format!(
        "INSERT INTO calls (seq, instruction, inner_index, name, campaign, referral, wallet)
         VALUES (1, 0, -1, 'bind', '{CAMPAIGN}', 'r', '{BOB}')"
    );
    run(&pool, &bind).await;
    assert_eq!(ask().await, refused);
    // But not if what failed is of another program
    run(&pool, "UPDATE transactions SET failed_instruction = 2").await;
    let message = "it failed outside of the program, for example for lack of SOL";
    assert_eq!(ask().await["error"]["message"], message);
    // And who does not name it, is not told of others' transactions
    let unnamed = api.post(&next, &json!({ "account": BOB })).await.json();
    assert_eq!(unnamed["title"], "Not recorded yet");
    // Given the conversion, then the chain of Actions is complete
    conversion(&pool, OFF_CURVE, 1_700_000_100, 9).await;
    run(
        &pool,
        "UPDATE conversions SET reward_referrer = 4000000, reward_referee = 1000000",
    )
    .await;
    let recorded = ask().await;
    assert_eq!(recorded["type"], "completed");
    assert_eq!(recorded["title"], "Recorded: \"Shop\"");
    assert_eq!(recorded["links"], Value::Null);
    assert_eq!(
        recorded["description"],
        format!(
            "Your wallet has got 1 \"SHOP\" (token FAJX…StGX). The record is final. https://vouch.example/conversion/{OFF_CURVE}"
        )
    );
    // And as long as it waits for its hold, or was cancelled, that is said
    run(
        &pool,
        "UPDATE conversions SET status = 'pending', slot = 10",
    )
    .await;
    assert_eq!(
        ask().await["description"],
        format!(
            "Your wallet gets 1 \"SHOP\" (token FAJX…StGX), and the record says when. The record is confirmed, and final \
             within seconds. https://vouch.example/conversion/{OFF_CURVE}"
        )
    );
    run(&pool, "UPDATE conversions SET status = 'lapsed', slot = 9").await;
    let description = async || {
        let said = ask().await["description"].clone();
        let (words, _) = said.as_str().unwrap().split_once(" The record").unwrap();
        words.to_owned()
    };
    assert_eq!(
        description().await,
        "The period for claims ended before your wallet got 1 \"SHOP\" (token FAJX…StGX): it is no longer \
         owed."
    );
    run(&pool, "UPDATE conversions SET reward_referee = 0").await;
    assert_eq!(
        description().await,
        "The period for claims ended before the one who invited you was paid."
    );
    run(
        &pool,
        "UPDATE conversions SET status = 'cancelled', slot = 9, reward_referee = 1000000",
    )
    .await;
    let cancelled = ask().await["description"].clone();
    assert!(
        cancelled
            .as_str()
            .unwrap()
            .starts_with("The campaign cancelled it within its hold. "),
        "{cancelled}"
    );
    // And once the wallet's own part was paid, it has got it, even if other parts wait or lapse
    let paid = format!(
        "INSERT INTO events (seq, place, kind, subject, wallet, units, detail)
         SELECT seq, 1, 'part_paid', address, '{BOB}', 1000000, '{{\"part\": \"referee\"}}'
         FROM conversions"
    );
    run(&pool, &paid).await;
    for status in ["pending", "lapsed"] {
        let change = format!("UPDATE conversions SET status = '{status}'");
        run(&pool, &change).await;
        assert_eq!(
            description().await,
            "Your wallet has got 1 \"SHOP\" (token FAJX…StGX).",
            "{status}"
        );
    }
    // And another wallet is told nothing of it
    let alice = json!({ "account": ALICE });
    for path in [&next, &again] {
        let answer = api.post(path, &alice).await;
        assert_eq!(refusal(&answer), (404, "conversion_not_found".to_owned()));
    }
    // And what is no question is refused
    let nowhere = format!("{ACTION}/conversions/{OFF_CURVE}");
    let unsigned = json!({ "account": BOB, "signature": "x" });
    for (path, body, code) in [
        (&nowhere, &body, "invalid_query"),
        (
            &format!("{ACTION}/conversions/x?campaign={CAMPAIGN}"),
            &body,
            "invalid_address",
        ),
        (&next, &unsigned, "invalid_signature"),
    ] {
        assert_eq!(
            refusal(&api.post(path, body).await),
            (400, code.to_owned()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_code_has_links_and_qr_codes_for_wallets() {
    let (_database, _pool, api) = world().await;
    // Given a code, then it says its links for wallets
    let code = api.get("/v1/codes/starter7").await.json();
    let action = "solana-action:https://vouch.example/v1/actions/codes/STARTER7";
    let pay = "solana:https%3A%2F%2Fvouch.example%2Fv1%2Factions%2Fcodes%2FSTARTER7%3Fsrc%3Dpay";
    assert_eq!(code["action_url"], action);
    assert_eq!(code["solana_pay_url"], pay);
    // And each of them has a QR code, besides that of the share link
    let share = "https://vouch.example/r/STARTER7?src=qr";
    for (content, text) in [
        ("", share),
        ("?content=link", share),
        ("?content=pay", pay),
        ("?content=action", action),
    ] {
        let picture = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M)
            .unwrap()
            .render::<qrcode::render::svg::Color<'_>>()
            .min_dimensions(512, 512)
            .build();
        let svg = api
            .get(&format!("/v1/codes/STARTER7/qr.svg{content}"))
            .await;
        assert_eq!(svg.text, picture, "{content}");
        let png = api
            .get(&format!("/v1/codes/STARTER7/qr.png{content}"))
            .await;
        assert_eq!(png.header("content-type"), "image/png");
    }
    let answer = api.get("/v1/codes/STARTER7/qr.svg?content=x").await;
    assert_eq!(answer.refusal(), (400, "invalid_query".to_owned()));
    assert_eq!(answer.json()["field"], "content");
}

#[tokio::test]
async fn a_link_cannot_say_that_it_is_an_action() {
    let (_database, _pool, api) = world().await;
    for (asked, stored) in [
        ("qr", json!("qr")),
        ("pay", Value::Null),
        ("blink", Value::Null),
    ] {
        // When somebody follows a link with that source
        let link = format!("/r/STARTER7?src={asked}");
        let click = api.get(&link).await.target("click_id");
        // Then the click has it only if links have it
        let path = format!("/v1/clicks/{click}");
        let found = api.until(&path, |answer| answer.status == 200).await.json();
        assert_eq!(found["source"], stored, "{asked}");
    }
}

#[tokio::test]
async fn a_verdict_is_told_with_its_reason() {
    let (_database, _pool, api) = world().await;
    // Given clicks of a person, and of machines by their agent and by what they load
    for (agent, loads, verdict, reason) in [
        (FIREFOX, Some("document"), "human", None),
        // Another browser, because the same one again would be a duplicate.
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            None,
            "human",
            None,
        ),
        (FIREFOX, Some("image"), "bot", Some("embedded")),
        ("GPTBot/1.2", None, "bot", Some("known_bot")),
        ("WhatsApp/2.23.20.0 A", None, "bot", Some("link_preview")),
    ] {
        let mut request = api
            .request(Method::GET, "/r/STARTER7")
            .header(header::USER_AGENT, agent);
        if let Some(loads) = loads {
            request = request.header("sec-fetch-dest", loads);
        }
        let click = send(request).await.target("click_id");
        // When somebody who has the id asks, then the verdict and its reason are there
        let path = format!("/v1/clicks/{click}");
        let found = api.until(&path, |answer| answer.status == 200).await.json();
        assert_eq!(
            json!([found["verdict"], found["verdict_reason"]]),
            json!([verdict, reason]),
            "{agent} {loads:?}"
        );
    }
}
