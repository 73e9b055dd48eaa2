//! A sponsor of fees on a real validator: what it pays, and who tries to have it pay more.

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "this test uses a part of it")]
#[path = "../builders/world.rs"]
mod world;

mod acts;
mod away;
mod limits;
mod rent;

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use common::{Answer, Api};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use solana_sdk::{
    message::VersionedMessage,
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer},
    signer::keypair::write_keypair_file,
    transaction::VersionedTransaction,
};
use vouch_client::accounts::Conversion;
use world::{World, key, text};

const DEADLINE: Duration = Duration::from_secs(120);

/// A builder's transaction, with the signatures of these wallets.
fn signed(built: &Value, signers: &[&Keypair]) -> VersionedTransaction {
    let wire = BASE64
        .decode(built["transaction"].as_str().unwrap())
        .unwrap();
    let mut transaction: VersionedTransaction = bincode::deserialize(&wire).unwrap();
    sign(&mut transaction, signers);
    transaction
}

fn sign(transaction: &mut VersionedTransaction, signers: &[&Keypair]) {
    let message = transaction.message.serialize();
    for signer in signers {
        let keys = transaction.message.static_account_keys();
        let place = keys.iter().position(|key| *key == signer.pubkey()).unwrap();
        transaction.signatures[place] = signer.sign_message(&message);
    }
}

fn wire(transaction: &VersionedTransaction) -> String {
    BASE64.encode(bincode::serialize(transaction).unwrap())
}

/// Asks for the sponsor's signature.
async fn ask(api: &Api, transaction: &str, sponsorship: &Value) -> Answer {
    let body = json!({ "transaction": transaction, "sponsorship": sponsorship });
    api.post("/v1/transactions/sponsor", &body).await
}

async fn refuses(api: &Api, transaction: &str, sponsorship: &Value, status: u16, code: &str) {
    let answer = ask(api, transaction, sponsorship).await;
    assert_eq!(answer.refusal(), (status, code.to_owned()));
}

async fn built(api: &Api, act: &str, body: &Value) -> Value {
    let answer = api.post(&format!("/v1/transactions/{act}"), body).await;
    assert_eq!(answer.status, 200, "{act}: {}", answer.text);
    answer.json()
}

/// Waits until the transaction has succeeded.
async fn landed(world: &World, answer: &Value) {
    assert_eq!(answer["sent"], true, "{answer}");
    let signature: Signature = answer["signature"].as_str().unwrap().parse().unwrap();
    let deadline = Instant::now() + DEADLINE;
    while !world.rpc.confirm_transaction(&signature).await.unwrap() {
        assert!(Instant::now() < deadline, "{signature} is in no block");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Transactions and lamports of the days of a subject.
async fn counted(world: &World, subject: &str) -> (i64, i64) {
    let sql = "SELECT COALESCE(sum(transactions), 0)::bigint, COALESCE(sum(lamports), 0)::bigint
               FROM sponsor_days WHERE subject = $1";
    sqlx::query_as(sql)
        .bind(subject)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

async fn recorded(world: &World) -> i64 {
    let sql = "SELECT count(*) FROM sponsored_transactions";
    sqlx::query_scalar(sql)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

/// A counter of all these processes together.
async fn metric(processes: &[&Api], name: &str) -> u64 {
    let mut sum = 0;
    for api in processes {
        let text = api.metrics().await;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        sum += line.map_or(0, |value| value.trim().parse::<u64>().unwrap());
    }
    sum
}

/// The settings, and a campaign with the code STARTER7 of Alice.
struct Setting<'a> {
    world: &'a World,
    sponsor: &'a Keypair,
    keypair: &'a str,
    campaign: Pubkey,
}

impl Setting<'_> {
    fn convert(&self, referee: &Pubkey) -> Value {
        json!({ "campaign": self.campaign.to_string(), "code": "STARTER7",
            "referee": referee.to_string(), "fee_payer": "sponsor" })
    }

    fn register(&self, owner: &Keypair) -> Value {
        json!({ "campaign": self.campaign.to_string(), "owner": text(owner), "fee_payer": "sponsor" })
    }

    /// A process with the sponsor and these settings.
    async fn another(&self, settings: &[(&str, &str)]) -> Api {
        let key = [
            ("SPONSOR_KEYPAIR", self.keypair),
            ("SPONSOR_CAMPAIGNS", "all"),
        ];
        let settings: Vec<(&str, &str)> = key.iter().chain(settings).copied().collect();
        self.world.another(&settings).await
    }
}

impl Setting<'_> {
    /// A process whose sponsor also pays the rent, in this campaign.
    async fn with_rent(&self, campaign: &Pubkey) -> Api {
        let campaign = campaign.to_string();
        self.another(&[
            ("SPONSOR_RENT", "true"),
            ("SPONSOR_CAMPAIGNS", &campaign),
            ("SPONSOR_WALLET_LAMPORTS_PER_DAY", "100000000"),
            ("SPONSOR_NETWORK_LAMPORTS_PER_DAY", "1000000000"),
            ("SPONSOR_CAMPAIGN_LAMPORTS_PER_DAY", "8000000000"),
            ("SPONSOR_LAMPORTS_PER_DAY", "8000000000"),
        ])
        .await
    }
}

#[tokio::test]
async fn a_sponsor_pays_fees_within_its_limits_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sponsor.json");
    let keypair = path.to_str().unwrap();
    let sponsor = Keypair::new();
    write_keypair_file(&sponsor, keypair).unwrap();
    let world = World::with(&[("SPONSOR_KEYPAIR", keypair), ("SPONSOR_CAMPAIGNS", "all")]).await;
    let World { company, alice, .. } = &world;
    let open = json!({ "authority": text(company), "name": "Spring",
        "settings": { "reward": { "fixed": "5000000" } } });
    let opened = world.act("create-campaign", &open, &[company]).await;
    let campaign = key(&opened, "campaign");
    let register = json!({ "campaign": campaign.to_string(), "code": "STARTER7",
        "owner": text(alice) });
    world.act("create-referral", &register, &[alice]).await;
    let setting = Setting {
        world: &world,
        sponsor: &sponsor,
        keypair,
        campaign,
    };
    off_or_poor(&setting).await;
    world.airdrop(&sponsor.pubkey()).await;
    let late = expires(&setting).await;
    let landed = pays_the_fee(&setting).await;
    named_by_no_instruction(&setting).await;
    limits::limits(&setting).await;
    away::node_and_postgres(&setting).await;
    away::killed(&setting).await;
    // These use up what the others' limits have for the network.
    acts::all(&setting).await;
    rent::rent(&setting).await;
    expired(&setting, &late, &landed).await;
}

/// Without a key, and without lamports.
async fn off_or_poor(setting: &Setting<'_>) {
    let Setting { world, .. } = setting;
    let convert = setting.convert(&world.bob.pubkey());
    // Given a sponsor that has nothing yet, then it promises nothing
    world
        .refuses("convert", &convert, 503, "sponsor_balance_low")
        .await;
    // Given no sponsor, then it is off
    let off = world.another(&[]).await;
    let answer = off.post("/v1/transactions/convert", &convert).await;
    assert_eq!(answer.refusal(), (409, "sponsor_off".to_owned()));
    refuses(&off, "", &json!(""), 409, "sponsor_off").await;
    // But whoever pays for himself is served
    let mut own = convert;
    own["fee_payer"] = "payer".into();
    let answer = built(&off, "convert", &own).await;
    assert_eq!(answer["sponsorship"], Value::Null);
}

/// A signed transaction, its ticket, and the last block height that takes it.
struct Asked {
    transaction: String,
    sponsorship: Value,
    last_valid: u64,
}

/// A transaction that nobody sends.
async fn expires(setting: &Setting<'_>) -> Asked {
    let Setting { world, .. } = setting;
    let frank = Keypair::new();
    world.airdrop(&frank.pubkey()).await;
    let answer = built(&world.api, "convert", &setting.convert(&frank.pubkey())).await;
    asked(&answer, &[&frank])
}

fn asked(answer: &Value, signers: &[&Keypair]) -> Asked {
    Asked {
        transaction: wire(&signed(answer, signers)),
        sponsorship: answer["sponsorship"].clone(),
        last_valid: answer["last_valid_block_height"].as_u64().unwrap(),
    }
}

/// Transactions that are too old, new or signed before.
async fn expired(setting: &Setting<'_>, late: &Asked, landed: &Asked) {
    let Setting { world, .. } = setting;
    let last = late.last_valid.max(landed.last_valid);
    let deadline = Instant::now() + DEADLINE;
    // The service may know a blockhash that is a second old.
    while world.rpc.get_block_height().await.unwrap() <= last + 10 {
        assert!(Instant::now() < deadline, "the chain stands still");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let before = recorded(world).await;
    let (ticket, code) = (&late.sponsorship, "transaction_expired");
    refuses(&world.api, &late.transaction, ticket, 409, code).await;
    // And whoever repeats a request learns by which signature it is known
    let answer = ask(&world.api, &landed.transaction, &landed.sponsorship).await;
    assert_eq!(answer.refusal(), (409, code.to_owned()));
    let wire = BASE64.decode(&landed.transaction).unwrap();
    let mut transaction: VersionedTransaction = bincode::deserialize(&wire).unwrap();
    sign(&mut transaction, &[setting.sponsor]);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    let signature = transaction.signatures[0].to_string();
    assert!(detail.ends_with(&signature), "{detail}");
    assert_eq!(recorded(world).await, before);
}

/// The sponsor's signatures and refusals.
async fn pays_the_fee(setting: &Setting<'_>) -> Asked {
    let Setting { world, sponsor, .. } = setting;
    let other = setting.another(&[]).await;
    let bob = &world.bob;
    let before = [&sponsor.pubkey(), &bob.pubkey()];
    let before = [
        world.lamports(before[0]).await,
        world.lamports(before[1]).await,
    ];
    // When Bob lets a conversion be built, then the sponsor is its fee payer
    let answer = built(&world.api, "convert", &setting.convert(&bob.pubkey())).await;
    assert_eq!(answer["signers"], json!([text(sponsor), text(bob)]));
    let ticket = &answer["sponsorship"];
    let fair = signed(&answer, &[bob]);
    // And the sponsor does not sign what Bob has not signed
    let unsigned = signed(&answer, &[]);
    for api in [&world.api, &other] {
        refuses(api, &wire(&unsigned), ticket, 400, "missing_signature").await;
    }
    let mut foreign = fair.clone();
    foreign.signatures[1] = world.company.sign_message(&fair.message.serialize());
    refuses(&other, &wire(&foreign), ticket, 400, "missing_signature").await;
    // And not what he has changed, though he has signed it: a price, a blockhash, a step less
    let changes: [fn(&mut VersionedMessage); 3] = [
        |message| {
            if let VersionedMessage::V0(message) = message {
                message.instructions[1].data[1] ^= 1;
            }
        },
        |message| message.set_recent_blockhash(Default::default()),
        |message| {
            if let VersionedMessage::V0(message) = message {
                message.instructions.pop();
            }
        },
    ];
    for change in changes {
        let mut changed = fair.clone();
        change(&mut changed.message);
        sign(&mut changed, &[bob]);
        refuses(&other, &wire(&changed), ticket, 400, "invalid_sponsorship").await;
    }
    // And not with the ticket of another transaction, of nobody, or of none
    let theirs = built(&world.api, "create-referral", &setting.register(bob)).await;
    for wrong in [&theirs["sponsorship"], &json!("x"), &json!("")] {
        refuses(&other, &wire(&fair), wrong, 400, "invalid_sponsorship").await;
    }
    // And not what is no transaction
    for wrong in ["", "?", "AAAA", &BASE64.encode([1; 1233])] {
        refuses(&other, wrong, ticket, 400, "invalid_transaction").await;
    }
    assert_eq!(recorded(world).await, 0);
    assert_eq!(counted(world, "all").await, (0, 0));

    // When he asks eight times at once, then all get the same signature
    let text_of = wire(&fair);
    let racing = (0..8).map(|n| {
        let api = if n % 2 == 0 { &world.api } else { &other };
        ask(api, &text_of, ticket)
    });
    let answers = futures::future::join_all(racing).await;
    let first = answers[0].json();
    for given in &answers {
        assert_eq!(given.status, 200, "{}", given.text);
        assert_eq!(given.json()["signature"], first["signature"]);
    }
    landed(world, &first).await;
    // And it counts once, for everybody that it counts for
    let fee: i64 = answer["cost"]["fee"].as_str().unwrap().parse().unwrap();
    let subjects = [
        "all".to_owned(),
        format!("wallet {}", bob.pubkey()),
        format!("campaign {}", setting.campaign),
    ];
    for subject in &subjects {
        assert_eq!(counted(world, subject).await, (1, fee), "{subject}");
    }
    let networks: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sponsor_days WHERE subject LIKE 'network %' AND subject NOT LIKE '%127.0.0%'",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(networks, 2);
    let both = [&world.api, &other];
    let sent = metric(&both, "vouch_api_sponsored_transactions_total ").await;
    assert_eq!(sent, 1);
    let lamports = metric(&both, "vouch_api_sponsored_lamports_total ").await;
    assert_eq!(i64::try_from(lamports), Ok(fee));
    let refused = "vouch_api_sponsor_refused_total{reason=\"missing_signature\"} ";
    assert_eq!(metric(&both, refused).await, 3);
    // And the sponsor has paid the fee, and Bob the rent
    let taken = before[0] - world.lamports(&sponsor.pubkey()).await;
    assert_eq!(i64::try_from(taken), Ok(fee));
    let rent = before[1] - world.lamports(&bob.pubkey()).await;
    assert_eq!(answer["cost"]["rent"], rent.to_string());
    let conversion: Conversion = world.read(&key(&answer, "conversion")).await;
    assert_eq!(conversion.referee, bob.pubkey());
    // And the signed bytes are recorded
    let message = fair.message.serialize();
    let kept: (Vec<u8>, Vec<u8>, String) =
        sqlx::query_as("SELECT message_hash, message, wallet FROM sponsored_transactions")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(kept.0, Sha256::digest(&message).to_vec());
    assert_eq!((kept.1, kept.2), (message, text(bob)));
    // And whoever asks later gets the same again
    let again = ask(&other, &text_of, ticket).await.json();
    assert_eq!(again["signature"], first["signature"]);
    assert_eq!(again["transaction"], first["transaction"]);
    assert_eq!(counted(world, "all").await, (1, fee));
    let landed = asked(&answer, &[bob]);

    // When what was built would fail by now, then the sponsor does not sign it, and nothing is counted
    let dave = Keypair::new();
    world.airdrop(&dave.pubkey()).await;
    let answer = built(&world.api, "convert", &setting.convert(&dave.pubkey())).await;
    let late = signed(&answer, &[&dave]);
    let mut own = setting.convert(&dave.pubkey());
    own["fee_payer"] = "payer".into();
    world.act("convert", &own, &[&dave]).await;
    let ticket = &answer["sponsorship"];
    refuses(&other, &wire(&late), ticket, 422, "transaction_would_fail").await;
    assert_eq!(counted(world, "all").await, (1, fee));
    assert_eq!(recorded(world).await, 1);
    landed
}

/// The sponsor as anything but the fee payer.
async fn named_by_no_instruction(setting: &Setting<'_>) {
    let Setting { world, sponsor, .. } = setting;
    let carol = Keypair::new();
    world.airdrop(&carol.pubkey()).await;
    let fair = setting.convert(&carol.pubkey());
    let with = |field: &str, value: Value| {
        let mut body = fair.clone();
        body[field] = value;
        body
    };
    for body in [
        with("payer", json!(text(sponsor))),
        with("fee_payer", json!("sponsor_with_rent")),
    ] {
        world.refuses("convert", &body, 422, "not_sponsored").await;
    }
    let mut own = setting.register(&carol);
    own["owner"] = text(sponsor).into();
    world
        .refuses("create-referral", &own, 422, "not_sponsored")
        .await;
    let body = setting.convert(&sponsor.pubkey());
    world.refuses("convert", &body, 422, "not_sponsored").await;
    let body = with("fee_payer", json!("somebody"));
    world.refuses("convert", &body, 400, "wrong_type").await;
    // A company pays for itself
    let pause = json!({ "campaign": setting.campaign.to_string(), "paused": true,
        "fee_payer": "sponsor" });
    world
        .refuses("set-paused", &pause, 400, "unknown_field")
        .await;
    // A wallet without SOL cannot pay the rent
    let empty = setting.convert(&Pubkey::new_unique());
    world
        .refuses("convert", &empty, 422, "transaction_would_fail")
        .await;
    // Campaigns that are not named are not sponsored, and fees are bounded
    let elsewhere = Pubkey::new_unique().to_string();
    // Three signatures cost 15000.
    let three = with("payer", json!(text(&world.company)));
    for (settings, body) in [
        ([("SPONSOR_CAMPAIGNS", elsewhere.as_str())], &fair),
        ([("SPONSOR_HIGHEST_FEE", "14999")], &three),
    ] {
        let api = setting.another(&settings).await;
        let answer = api.post("/v1/transactions/convert", body).await;
        assert_eq!(answer.refusal(), (422, "not_sponsored".to_owned()));
    }
    assert_eq!(recorded(world).await, 1);
}
