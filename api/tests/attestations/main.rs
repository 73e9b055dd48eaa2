//! Vouchers that the service signs for a campaign that has left it its attestor's key, on a real validator.

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "this test uses a part of it")]
#[path = "../builders/world.rs"]
mod world;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use common::{Answer, Api, send};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer},
    signer::keypair::write_keypair_file,
};
use vouch_client::accounts::Conversion;
use world::{World, key, text};

/// The service that has the key, the campaign, and who asks.
struct Setting<'a> {
    world: &'a World,
    api: &'a Api,
    campaign: String,
    /// A key of the campaign's server.
    server: String,
    /// The authority's session.
    authority: String,
}

impl Setting<'_> {
    async fn attest_by(&self, api: &Api, bearer: &str, body: &Value) -> Answer {
        let path = format!("/v1/campaigns/{}/attestations", self.campaign);
        send(
            api.request(Method::POST, &path)
                .bearer_auth(bearer)
                .json(body),
        )
        .await
    }

    async fn attest(&self, body: &Value) -> Answer {
        self.attest_by(self.api, &self.server, body).await
    }

    async fn refuses(&self, body: &Value, status: u16, code: &str) {
        let answer = self.attest(body).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{body}");
    }

    async fn rules(&self, method: Method, bearer: &str, rules: &Value) -> Answer {
        let path = format!("/v1/campaigns/{}/attestation-rules", self.campaign);
        let request = self.api.request(method.clone(), &path).bearer_auth(bearer);
        let request = if method == Method::PUT {
            request.json(rules)
        } else {
            request
        };
        send(request).await
    }

    /// Vouchers that were signed.
    async fn signed(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM attestations")
            .fetch_one(&self.world.pool)
            .await
            .unwrap()
    }
}

fn order(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

fn of(referee: &Pubkey, order: &str, amount: &str) -> Value {
    json!({ "code": "STARTER7", "referee": referee.to_string(), "action": "custom",
        "amount": amount, "reference": order })
}

#[tokio::test]
async fn a_server_has_vouchers_signed_within_the_rules_of_its_authority() {
    let world = World::new().await;
    let World { company, alice, .. } = &world;
    let attestor = Keypair::new();
    let open = json!({ "authority": text(company), "name": "Orders", "proof": "attested",
        "uniqueness": "order",
        "settings": { "reward": { "fixed": "5000000" }, "attestor": text(&attestor) } });
    let opened = world.act("create-campaign", &open, &[company]).await;
    let campaign = key(&opened, "campaign").to_string();
    let register = json!({ "campaign": campaign, "code": "STARTER7", "owner": text(alice) });
    world.act("create-referral", &register, &[alice]).await;
    // The mirror says whose campaign it is.
    common::campaign(&world.pool, &campaign).await;
    common::give_campaigns(&world.pool, company).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("{campaign}.json"));
    write_keypair_file(&attestor, file.to_str().unwrap()).unwrap();
    let keys = [("ATTESTOR_KEYS", folder.path().to_str().unwrap())];
    let [api, other] = [world.another(&keys).await, world.another(&keys).await];
    let authority = api.sign_in(company).await;
    let [server, reader] = [
        new_key(&api, &campaign, &authority, "write:attestations").await,
        new_key(&api, &campaign, &authority, "read:analytics").await,
    ];
    let setting = Setting {
        world: &world,
        api: &api,
        campaign,
        server,
        authority,
    };
    rules(&setting, &reader).await;
    let first = one_for_an_order(&setting, &other).await;
    pays(&setting, &first).await;
    limits(&setting).await;
    changes(&setting, &first).await;
}

async fn new_key(api: &Api, campaign: &str, session: &str, scope: &str) -> String {
    let path = format!("/v1/campaigns/{campaign}/keys");
    let body = json!({ "name": "Shop", "scopes": [scope] });
    let made = api.request(Method::POST, &path).bearer_auth(session);
    let made = send(made.json(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["key"].as_str().unwrap().to_owned()
}

/// The rights to ask, and the rules of what is asked for.
async fn rules(setting: &Setting<'_>, reader: &str) {
    let Setting {
        world, authority, ..
    } = setting;
    let bob = world.bob.pubkey();
    let body = of(&bob, &order(1), "5");
    // Without rules, nothing is signed
    setting.refuses(&body, 404, "no_attestation_rules").await;
    let none = setting.rules(Method::GET, authority, &Value::Null).await;
    assert_eq!(none.refusal(), (404, "no_attestation_rules".to_owned()));
    // Only the authority sets them, and they make sense
    let fair = json!({ "per_wallet_per_day": 2, "per_day": 3, "least_amount": "5",
        "most_amount": "10", "valid_seconds": 600 });
    let stranger = setting.api.sign_in(&world.alice).await;
    let answer = setting.rules(Method::PUT, &stranger, &fair).await;
    assert_eq!(answer.refusal(), (403, "not_campaign_authority".to_owned()));
    let answer = setting.rules(Method::PUT, &setting.server, &fair).await;
    assert_eq!(answer.refusal(), (403, "session_required".to_owned()));
    for (field, value) in [
        ("per_wallet_per_day", json!(2_147_483_648_u32)),
        ("per_day", json!(2_147_483_648_u32)),
        ("most_amount", json!("4")),
        ("valid_seconds", json!(59)),
        ("valid_seconds", json!(2_592_001)),
    ] {
        let mut wrong = fair.clone();
        wrong[field] = value;
        let answer = setting.rules(Method::PUT, authority, &wrong).await;
        assert_eq!(answer.refusal(), (400, "invalid_rules".to_owned()));
        assert_eq!(answer.json()["field"], field);
    }
    let answer = setting.rules(Method::PUT, authority, &fair).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, fair.clone()));
    let answer = setting.rules(Method::GET, authority, &Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, fair));
    // A key needs the scope, and a process the attestor's key
    let answer = setting.attest_by(setting.api, reader, &body).await;
    assert_eq!(answer.refusal(), (403, "missing_scope".to_owned()));
    let answer = setting.attest_by(&world.api, &setting.server, &body).await;
    assert_eq!(answer.refusal(), (409, "attestor_off".to_owned()));
    for amount in ["4", "11"] {
        let body = of(&bob, &order(1), amount);
        setting.refuses(&body, 422, "amount_out_of_bounds").await;
    }
    // And nothing is signed that the program refuses
    let own = of(&world.alice.pubkey(), &order(1), "5");
    setting.refuses(&own, 422, "self_referral").await;
    let mut nobody = body;
    nobody["code"] = "NEVER234".into();
    setting.refuses(&nobody, 404, "code_not_found").await;
    assert_eq!(setting.signed().await, 0);
}

/// Many requests for one order, to two processes.
async fn one_for_an_order(setting: &Setting<'_>, other: &Api) -> Value {
    let bob = setting.world.bob.pubkey();
    let body = of(&bob, &order(1), "5");
    let racing = (0..8).map(|n| {
        let api = if n % 2 == 0 { setting.api } else { other };
        setting.attest_by(api, &setting.server, &body)
    });
    let answers = futures::future::join_all(racing).await;
    let mut new = 0;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        new += usize::from(answer.json()["repeated"] == false);
        assert_eq!(answer.json()["voucher"], answers[0].json()["voucher"]);
    }
    assert_eq!((new, setting.signed().await), (1, 1));
    // Then it is signed as the program's document says
    let first = answers[0].json();
    let message = BASE64.decode(first["message"].as_str().unwrap()).unwrap();
    let signature: Signature = first["voucher"]["signature"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let attestor: Pubkey = key(&first, "attestor");
    assert!(signature.verify(attestor.as_ref(), &message));
    let digest: String = Sha256::digest(&message)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(first["digest"], digest);
    let times = [
        &first["voucher"]["issued_at"],
        &first["voucher"]["expires_at"],
    ];
    let [issued, expires] = times.map(|time| time.as_i64().unwrap());
    assert_eq!(expires - issued, 600);
    // And the order has no other words
    let dave = Pubkey::new_unique();
    for other in [of(&bob, &order(1), "6"), of(&dave, &order(1), "5")] {
        setting.refuses(&other, 409, "order_attested").await;
    }
    assert_eq!(setting.signed().await, 1);
    first
}

/// The voucher pays.
async fn pays(setting: &Setting<'_>, first: &Value) {
    let Setting { world, .. } = setting;
    let mut convert = of(&world.bob.pubkey(), &order(1), "5");
    convert["campaign"] = setting.campaign.clone().into();
    convert["voucher"] = first["voucher"].clone();
    let answer = world.act("convert", &convert, &[&world.bob]).await;
    let conversion: Conversion = world.read(&key(&answer, "conversion")).await;
    assert_eq!(conversion.referee, world.bob.pubkey());
    // And it is given again, but the program takes it once
    let again = setting
        .attest(&of(&world.bob.pubkey(), &order(1), "5"))
        .await;
    assert_eq!(again.json()["voucher"], first["voucher"]);
    world
        .refuses("convert", &convert, 409, "already_converted")
        .await;
}

/// Two for a wallet on a day, and three in all.
async fn limits(setting: &Setting<'_>) {
    let Setting { world, .. } = setting;
    let bob = world.bob.pubkey();
    let second = setting.attest(&of(&bob, &order(2), "5")).await;
    assert_eq!(second.status, 200, "{}", second.text);
    let third = setting.attest(&of(&bob, &order(3), "5")).await;
    let last = setting
        .attest(&of(&Pubkey::new_unique(), &order(4), "5"))
        .await;
    let full = setting
        .attest(&of(&Pubkey::new_unique(), &order(5), "5"))
        .await;
    let sql = "SELECT count(DISTINCT day) FROM attestation_days";
    let days: i64 = sqlx::query_scalar(sql)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    // Midnight (UTC) gives room anew.
    if days > 1 {
        return;
    }
    let code = || "attestation_limit_reached".to_owned();
    assert_eq!(third.refusal(), (429, code()));
    assert_eq!(last.status, 200, "{}", last.text);
    assert_eq!(full.refusal(), (429, code()));
    // And what was signed is given again
    let again = setting.attest(&of(&bob, &order(2), "5")).await;
    assert_eq!(again.json()["voucher"], second.json()["voucher"]);
    assert_eq!(setting.signed().await, 3);
}

/// A campaign that is paused, one that has another attestor, and one that has another authority.
async fn changes(setting: &Setting<'_>, first: &Value) {
    let Setting { world, .. } = setting;
    let company = &world.company;
    let pause = |paused| json!({ "campaign": setting.campaign, "paused": paused });
    world.act("set-paused", &pause(true), &[company]).await;
    let body = of(&Pubkey::new_unique(), &order(6), "5");
    setting.refuses(&body, 409, "campaign_paused").await;
    world.act("set-paused", &pause(false), &[company]).await;
    let change = json!({ "campaign": setting.campaign,
        "settings": { "attestor": text(&world.alice) } });
    world.act("update-campaign", &change, &[company]).await;
    setting.refuses(&body, 409, "attestor_changed").await;
    let known = of(&world.bob.pubkey(), &order(1), "5");
    setting.refuses(&known, 409, "attestor_changed").await;
    assert_ne!(first["attestor"], text(&world.alice));
    // The rules are the authority's, and go with it
    common::give_campaigns(&world.pool, &world.alice).await;
    let session = setting.api.sign_in(&world.alice).await;
    let answer = setting.rules(Method::GET, &session, &Value::Null).await;
    assert_eq!(answer.refusal(), (404, "no_attestation_rules".to_owned()));
    // As does the key
    setting.refuses(&known, 401, "unauthenticated").await;
}
