//! Builders whose list comes from the mirror, and a node that does not simulate. The life of a campaign
//! by the API alone is in `api/tests/builders`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use solana_sdk::{
    clock::Clock,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
    sysvar,
    transaction::VersionedTransaction,
};
use vouch_client::{
    accounts::{Settings, Status},
    pda, token,
};
use vouch_product_tests::{Fate, REWARD, World, start_api_on, start_api_with, until};

/// Asks a builder. Returns status and answer.
async fn ask(url: &str, act: &str, body: &Value) -> (u16, Value) {
    let answer = reqwest::Client::new()
        .post(format!("{url}/v1/transactions/{act}"))
        .json(body)
        .send()
        .await
        .expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

/// Signs what a builder has built, and sends it.
async fn send(world: &World, answer: &Value, signers: &[&Keypair]) {
    let wire = answer["transaction"].as_str().expect("a transaction");
    let wire = BASE64.decode(wire).expect("base64");
    let unsigned: VersionedTransaction = bincode::deserialize(&wire).expect("wire format");
    let signed = VersionedTransaction::try_new(unsigned.message, signers).expect("all signers");
    let sent = world.scene.rpc.send_and_confirm_transaction(&signed).await;
    sent.expect("a confirmed transaction");
}

#[tokio::test]
async fn a_wallet_claims_all_that_the_mirror_knows_though_the_node_does_not_simulate() {
    // Given three conversions whose hold is over, in the mirror
    let settings = Settings {
        hold_seconds: 1,
        ..Settings::fixed(REWARD)
    };
    let world = World::with(settings).await;
    let scene = &world.scene;
    let mut conversions = Vec::new();
    for _ in 0..3 {
        conversions.push(scene.convert().await.0);
    }
    let last = scene.recorded(&conversions[2]).await;
    until("the hold is over", async || {
        let clock = scene.rpc.get_account_data(&sysvar::clock::ID).await;
        let clock: Clock = bincode::deserialize(&clock.expect("the clock")).expect("a clock");
        clock.unix_timestamp >= last.claimable_from()
    })
    .await;
    let pending = async || {
        let sql = "SELECT count(*) FROM conversions WHERE status = 'pending'";
        world.number(sql).await
    };
    until("they are mirrored", async || pending().await == 3).await;

    // When Alice's rewards are claimed through a node that never answers a simulation
    let api = start_api_on(&world, &world.node.url()).await;
    let url = api.url();
    world
        .node
        .behave(|request, _| match request["method"].as_str() {
            Some("simulateTransaction") => Fate::Held,
            _ => Fate::Sent,
        });
    let body = json!({
        "campaign": scene.campaign.to_string(), "wallet": scene.alice.pubkey().to_string(),
        "payer": scene.company.pubkey().to_string(),
    });
    let (status, answer) = ask(&url, "claim", &body).await;
    // Then the transaction is built, with the highest limit and a warning
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["cost"]["simulated"], false);
    assert_eq!(answer["cost"]["compute_units"], 1_400_000);
    assert_eq!(answer["warnings"][0]["code"], "not_simulated");
    assert_eq!(answer["claims"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer["left"], "0");
    // And it pays all three
    send(&world, &answer, &[&scene.company]).await;
    for conversion in &conversions {
        assert_eq!(scene.recorded(conversion).await.status, Status::Paid);
    }
    let mint = scene.opened.mint;
    let (account, _) =
        pda::associated_token(&scene.alice.pubkey(), &mint, &token::TOKEN_PROGRAM_ID);
    let data = scene.rpc.get_account_data(&account).await;
    assert_eq!(token::balance(&data.expect("an account")), Some(3 * REWARD));
    // And when the mirror has seen it, then nothing is due
    until("the payments are mirrored", async || pending().await == 0).await;
    let (status, refused) = ask(&url, "claim", &body).await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("nothing_to_claim"))
    );

    // When the campaign is closed, then rents of conversions go back, by what the mirror knows of them
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    world.node.behave(move |request, _| {
        if request["method"] == "getMultipleAccounts" {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        Fate::Sent
    });
    let close = json!({ "campaign": scene.campaign.to_string() });
    let (_, answer) = ask(&url, "close-campaign", &close).await;
    send(&world, &answer, &[&scene.company]).await;
    let accounts: Vec<String> = conversions.iter().map(Pubkey::to_string).collect();
    let body = json!({ "accounts": accounts, "payer": scene.company.pubkey().to_string() });
    reads.store(0, Ordering::SeqCst);
    let (status, answer) = ask(&url, "reclaim", &body).await;
    assert_eq!(status, 200, "{answer}");
    // One call reads the accounts, one their campaigns.
    assert_eq!(reads.load(Ordering::SeqCst), 2);
    send(&world, &answer, &[&scene.company]).await;
    for conversion in &conversions {
        let left = scene.rpc.get_balance(conversion).await.expect("a balance");
        assert_eq!(left, 0);
    }
}

const PATIENT: [(&str, &str); 1] = [("NODE_PATIENCE_MS", "10000")];
const HASTY: [(&str, &str); 1] = [("NODE_PATIENCE_MS", "300")];

/// The answer of a node that has not reached a slot.
fn behind() -> Value {
    json!({ "jsonrpc": "2.0", "id": 0, "error": { "code": -32016,
        "message": "Minimum context slot has not been reached", "data": { "contextSlot": 1 } } })
}

/// [A10]
#[tokio::test]
async fn no_transaction_is_built_from_the_accounts_of_a_node_that_is_behind() {
    let world = World::with(Settings::fixed(REWARD)).await;
    let patient = start_api_with(&world, &world.node.url(), &PATIENT).await;
    let pause = json!({ "campaign": world.scene.campaign.to_string(), "paused": true });
    let built = async |url: &str| {
        let (status, answer) = ask(url, "set-paused", &pause).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    // Given a service that has seen a slot
    built(&patient.url()).await;
    // When the first nodes that a balancer chooses have not reached it
    let left = Arc::new(AtomicUsize::new(2));
    let waits = Arc::clone(&left);
    world.node.keep_away(move |request| {
        let is_conditional = request["method"] == "getMultipleAccounts"
            && request["params"][1]["minContextSlot"].is_u64();
        let one_less = |left: usize| left.checked_sub(1);
        let waits = is_conditional
            && waits
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                .is_ok();
        waits.then(|| (behind(), Fate::Sent))
    });
    // Then the service waits for one that has
    built(&patient.url()).await;
    assert_eq!(left.load(Ordering::SeqCst), 0);
    world.node.behave_well();
    drop(patient);
    // And when none reaches it, or one does not know the condition and answers of an older slot, then
    // nothing is built
    let hasty = start_api_with(&world, &world.node.url(), &HASTY).await;
    let url = hasty.url();
    let unavailable = async || {
        let (status, answer) = ask(&url, "set-paused", &pause).await;
        assert_eq!(
            (status, &answer["code"]),
            (503, &json!("chain_unavailable"))
        );
        let said = answer["detail"].as_str().expect("a text");
        assert!(said.starts_with("the node is behind"), "{said}");
    };
    built(&url).await;
    world.node.keep_away(|request| {
        let is_read = request["method"] == "getMultipleAccounts";
        is_read.then(|| (behind(), Fate::Sent))
    });
    unavailable().await;
    world.node.behave_well();
    built(&url).await;
    world.node.change("getMultipleAccounts", |result| {
        result["context"]["slot"] = 1.into();
    });
    unavailable().await;
    world.node.behave_well();
    built(&url).await;
    // And when it reads, but none can try the transaction, then the answer says so
    world.node.keep_away(|request| {
        let is_trial = request["method"] == "simulateTransaction";
        is_trial.then(|| (behind(), Fate::Sent))
    });
    let answer = built(&url).await;
    assert_eq!(answer["warnings"][0]["code"], "not_simulated");
}

/// [A10]
#[tokio::test]
async fn neither_the_mirror_nor_one_answer_far_ahead_stops_a_builder() {
    let world = World::with(Settings::fixed(REWARD)).await;
    let api = start_api_with(&world, &world.node.url(), &HASTY).await;
    let url = api.url();
    let campaign = world.scene.campaign.to_string();
    let pause = json!({ "campaign": campaign, "paused": true });
    let built = async || {
        let (status, answer) = ask(&url, "set-paused", &pause).await;
        assert_eq!(status, 200, "{answer}");
    };
    built().await;
    // When one answer is of a slot far ahead
    let left = Arc::new(AtomicUsize::new(1));
    let wild = Arc::clone(&left);
    world.node.change("getMultipleAccounts", move |result| {
        if wild.swap(0, Ordering::SeqCst) == 1 {
            result["context"]["slot"] = 1_000_000_000.into();
        }
    });
    // Then this build and the next one do not need it
    built().await;
    assert_eq!(left.load(Ordering::SeqCst), 0);
    built().await;
    // And when nodes have not reached the mirror's slot, then claims ask for it first, and do without
    let asked = Arc::new(AtomicUsize::new(0));
    let slots = Arc::clone(&asked);
    world.node.keep_away(move |request| {
        let slot = &request["params"][1]["minContextSlot"];
        let is_ahead = slot.as_u64().is_some_and(|slot| slot >= 1_000_000);
        if is_ahead {
            slots.fetch_add(1, Ordering::SeqCst);
        }
        is_ahead.then(|| (behind(), Fate::Sent))
    });
    let claim = json!({ "campaign": campaign, "wallet": Keypair::new().pubkey().to_string() });
    // The indexer sets its slot again with each block.
    until("a claim sees the mirror's slot", async || {
        let sql = "UPDATE indexer_state SET indexed_slot = 1000000";
        sqlx::query(sql).execute(&world.pool).await.expect(sql);
        let (status, answer) = ask(&url, "claim", &claim).await;
        assert_eq!((status, &answer["code"]), (409, &json!("nothing_to_claim")));
        asked.load(Ordering::SeqCst) > 0
    })
    .await;
    built().await;
}
