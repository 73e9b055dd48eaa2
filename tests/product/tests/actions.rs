//! Solana Actions and Solana Pay through the published client, a real validator and the mirror.

use std::{fs, net::SocketAddr, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use solana_sdk::{
    instruction::InstructionError,
    signature::{Keypair, Signer},
    transaction::{Transaction, TransactionError, VersionedTransaction},
};
use sqlx::Row as _;
use vouch_client::{
    Code, ProgramError,
    accounts::{AccountType as _, Binding, Settings},
    instructions::{self, Bind},
    pda,
};
use vouch_localnet::{ProcessSpec, Service, ServiceSpec, built_binary, npm_in, workspace_root};
use vouch_product_tests::{World, fund, until};

/// The published packages.
fn published() -> PathBuf {
    workspace_root().join("tests/published")
}

/// Runs the process to its end, and shows its output when it fails.
async fn succeed(mut spec: ProcessSpec) {
    let log = tempfile::NamedTempFile::new().expect("a file");
    spec.log = Some(log.path().to_owned());
    let line = format!("{} {:?}", spec.name, spec.args);
    let mut process = spec.spawn().expect("it runs");
    let status = process.wait().await.expect("it ends");
    let output = fs::read_to_string(log.path()).unwrap_or_default();
    assert!(status.success(), "{line} ended with {status}:\n{output}");
}

/// A file that is deleted in the end.
struct Answers(PathBuf);

impl Drop for Answers {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

async fn api(world: &World) -> Service {
    let dir = world.scene.instance.dir();
    let mut api = Service::start(ServiceSpec {
        name: "api".into(),
        binary: built_binary("vouch-api").expect("the api is built"),
        args: Vec::new(),
        dir: dir.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: vec![
            ("DATABASE_URL".into(), world.database.url().into()),
            ("RPC_URL".into(), world.scene.validator.rpc_url()),
            // The client takes no other links than those of https.
            ("PUBLIC_URL".into(), "https://vouch.example".into()),
            ("PUBLIC_CHAIN".into(), "localnet".into()),
            (
                "CLICK_SPOOL".into(),
                dir.join("clicks.spool").to_string_lossy().into_owned(),
            ),
        ],
    })
    .await
    .expect("the api listens");
    api.wait_healthy().await.expect("a healthy api");
    api
}

#[tokio::test]
async fn a_wallet_joins_by_an_action_and_is_told_so() {
    // Given a campaign and a code in the mirror, and two wallets with SOL
    let world = World::new().await;
    let api = api(&world).await;
    let scene = &world.scene;
    let (bob, carol) = (Keypair::new(), Keypair::new());
    for wallet in [&bob, &carol] {
        fund(&scene.rpc, &wallet.pubkey()).await;
    }
    let code = scene.code.to_string();
    let action = format!("{}/v1/actions/codes/{code}", api.url());
    let answer = async || reqwest::get(&action).await.expect("an answer");
    until("the code is an Action of this chain", async || {
        let answer = answer().await;
        answer.status() == 200 && answer.headers().contains_key("x-blockchain-ids")
    })
    .await;
    assert!(
        published().join("node_modules").is_dir(),
        "run `npm ci` in {}, or use ./dev, which does",
        published().display()
    );
    // The compiler looks for the types from where the file is.
    let answers = Answers(published().join(format!("answers-{}.ts", std::process::id())));
    let file = scene.instance.dir().join("scene.json");
    let contents = json!({
        "api": api.url(),
        "publicUrl": "https://vouch.example",
        "rpcUrl": scene.validator.rpc_url(),
        "code": code,
        "campaign": scene.campaign.to_string(),
        "alice": scene.alice.pubkey().to_string(),
        "bob": bob.to_bytes().to_vec(),
        "carol": carol.to_bytes().to_vec(),
        "answers": answers.0,
    });
    fs::write(&file, contents.to_string()).expect("ours");
    // When one joins by the share link's Action, and one by Solana Pay
    let run = npm_in(published(), ["run", "--silent", "actions"]).expect("Node is there");
    succeed(run.env("VOUCH_SCENE", file.to_string_lossy())).await;
    // Then all answers have the specification's types
    let types = npm_in(published(), ["run", "--silent", "types", "--"]).expect("Node is there");
    succeed(types.args([&answers.0])).await;
    // And both conversions are in the mirror, as they are on chain
    for (wallet, source) in [(&bob, "blink"), (&carol, "pay")] {
        let key = wallet.pubkey().to_bytes();
        let address = pda::conversion(&scene.campaign, &key);
        let recorded = scene.recorded(&address).await;
        let sql = format!(
            "SELECT code, referee, reward_referrer::bigint FROM conversions WHERE address = '{address}'"
        );
        until("the conversion is in the mirror", async || {
            let found = sqlx::query(&sql).fetch_optional(&world.pool).await;
            found.expect("an answer").is_some()
        })
        .await;
        let row = sqlx::query(&sql).fetch_one(&world.pool).await;
        let row = row.expect("a row");
        assert_eq!(row.get::<String, _>(0), code);
        assert_eq!(row.get::<String, _>(1), wallet.pubkey().to_string());
        let reward = u64::try_from(row.get::<i64, _>(2)).expect("a reward");
        assert_eq!(reward, recorded.reward().referrer);
        // And each was a click of a person with that wallet: the press of the button, not what was shown
        let clicks = sqlx::query("SELECT source, verdict, code FROM clicks WHERE wallet = $1")
            .bind(wallet.pubkey().to_string())
            .fetch_all(&world.pool)
            .await
            .expect("rows");
        assert_eq!(clicks.len(), 1);
        let click = &clicks[0];
        assert_eq!(click.get::<Option<String>, _>(0).as_deref(), Some(source));
        assert_eq!(click.get::<String, _>(1), "human");
        assert_eq!(click.get::<String, _>(2), code);
    }
    assert_eq!(world.number("SELECT count(*) FROM clicks").await, 2);

    // Given that the campaign needs a binding now, and a wallet that no code has brought
    let settings = Settings {
        attribution_window: 86_400,
        ..scene.opened.settings
    };
    let company = scene.company.pubkey();
    let update = instructions::update_campaign(&company, &scene.campaign, &settings);
    scene.send(&[update], &[]).await;
    let dave = Keypair::new();
    fund(&scene.rpc, &dave.pubkey()).await;
    // And a wallet whose binding names another code, which its owner has switched off since then
    let erin = Keypair::new();
    fund(&scene.rpc, &erin.pubkey()).await;
    let other: Code = "CHANGED2".parse().expect("a code");
    scene.register(&bob, &other).await;
    let bind = instructions::bind(&Bind {
        payer: erin.pubkey(),
        wallet: erin.pubkey(),
        campaign: scene.campaign,
        code: other,
        bound: None,
    });
    let at = pda::referral(&scene.campaign, &other);
    let off = instructions::update_referral(&bob.pubkey(), &at, false, 0, 0);
    scene.send(&[bind], &[&erin]).await;
    let joins = async |wallet: &Keypair| {
        let body = json!({ "account": wallet.pubkey().to_string() });
        let request = reqwest::Client::new().post(&action).json(&body);
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.json::<Value>().await.expect("JSON"))
    };
    // Then it cannot join by this code as long as the other one earns
    let (status, refused) = joins(&erin).await;
    assert_eq!(
        (status.as_u16(), &refused["code"]),
        (409, &json!("bound_elsewhere"))
    );
    scene.send(&[off], &[&bob]).await;
    // When they join by an Action, then one transaction binds each to the code and converts
    for wallet in [&dave, &erin] {
        let (_, answer) = joins(wallet).await;
        let wire = answer["transaction"].as_str().expect("a transaction");
        let wire = BASE64.decode(wire).expect("base64");
        let unsigned: VersionedTransaction = bincode::deserialize(&wire).expect("a transaction");
        let transaction = VersionedTransaction::try_new(unsigned.message, &[wallet]);
        let transaction = transaction.expect("signed");
        let sent = scene.rpc.send_and_confirm_transaction(&transaction).await;
        sent.expect("a confirmed transaction");
        let bound = pda::binding(&scene.campaign, &wallet.pubkey());
        let bound = scene.rpc.get_account_data(&bound).await;
        let bound = Binding::decode(&bound.expect("the binding")).expect("a binding");
        assert_eq!(bound.wallet, wallet.pubkey());
        assert_eq!(bound.referral, pda::referral(&scene.campaign, &scene.code));
        let key = wallet.pubkey().to_bytes();
        let recorded = scene
            .recorded(&pda::conversion(&scene.campaign, &key))
            .await;
        assert_eq!(recorded.referral, bound.referral);
    }

    // A share of an amount of 0 would use up a wallet's only conversion for nothing. Without a proof of the
    // amount, the program has no such campaign
    let settings = Settings::percent(500, 1_000_000);
    let update = instructions::update_campaign(&company, &scene.campaign, &settings);
    let hash = scene.rpc.get_latest_blockhash().await.expect("a hash");
    let signers = [&scene.company];
    let update = Transaction::new_signed_with_payer(&[update], Some(&company), &signers, hash);
    let refused = scene.rpc.send_and_confirm_transaction(&update).await;
    let refused = refused.expect_err("a refusal").get_transaction_error();
    let code = ProgramError::InvalidReward.code();
    let expected = TransactionError::InstructionError(0, InstructionError::Custom(code));
    assert_eq!(refused, Some(expected));
    // Given that conversions need a least amount from now on
    let settings = Settings {
        min_amount: 1,
        ..scene.opened.settings
    };
    let update = instructions::update_campaign(&company, &scene.campaign, &settings);
    scene.send(&[update], &[]).await;
    let before = world.number("SELECT count(*) FROM clicks").await;
    // When a wallet asks for its Action, then there is no transaction to sign, and no click
    let erin = Keypair::new();
    let body = json!({ "account": erin.pubkey().to_string() });
    let answer = reqwest::Client::new()
        .post(&action)
        .json(&body)
        .send()
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 409);
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["code"], "action_unsupported");
    assert_eq!(
        answer["message"],
        "this campaign counts orders of a least amount: place one on its page"
    );
    assert_eq!(answer["transaction"], Value::Null);
    assert_eq!(world.number("SELECT count(*) FROM clicks").await, before);
}
