//! An authority names, on chain, the wallet that acts for it off chain.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use reqwest::Method;
use serde_json::{Value, json};
use solana_client::rpc_config::RpcSendTransactionConfig;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer},
    transaction::{Transaction, VersionedTransaction},
};
use vouch_client::delegation;

use crate::{
    common::{Answer, campaign, send},
    world::{DEADLINE, World, key, text},
};

/// Sends the transaction, whether or not it fails on chain, and waits until it is confirmed. Later ones are in
/// later slots.
async fn submit(world: &World, instructions: &[Instruction], signers: &[&Keypair]) -> Signature {
    let hash = world.rpc.get_latest_blockhash().await.unwrap();
    let payer = signers[0].pubkey();
    let transaction = Transaction::new_signed_with_payer(instructions, Some(&payer), signers, hash);
    submit_signed(world, &transaction.into()).await
}

async fn submit_signed(world: &World, transaction: &VersionedTransaction) -> Signature {
    let config = RpcSendTransactionConfig {
        skip_preflight: true,
        ..Default::default()
    };
    let sent = world
        .rpc
        .send_transaction_with_config(transaction, config)
        .await;
    let signature = sent.unwrap();
    until(world, &signature, CommitmentConfig::confirmed()).await;
    let slot = world.rpc.get_slot().await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    while world.rpc.get_slot().await.unwrap() == slot {
        assert!(Instant::now() < deadline, "no slot after {slot}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    signature
}

/// Waits until the transaction has this commitment.
async fn until(world: &World, signature: &Signature, commitment: CommitmentConfig) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = world.rpc.get_signature_statuses(&[*signature]).await;
        let status = found.unwrap().value.remove(0);
        if status.is_some_and(|status| status.satisfies_commitment(commitment)) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{signature} is not {commitment:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A memo with this text that these accounts sign.
fn memo(text: &str, signers: &[&Keypair]) -> Instruction {
    let signers = signers.iter();
    Instruction {
        program_id: delegation::MEMO_PROGRAM_ID,
        accounts: signers
            .map(|it| AccountMeta::new_readonly(it.pubkey(), true))
            .collect(),
        data: text.as_bytes().to_vec(),
    }
}

async fn shown(world: &World, campaign: &Pubkey, signature: &Signature) -> Answer {
    let path = format!("/v1/campaigns/{campaign}/delegate");
    let body = json!({ "signature": signature.to_string() });
    world.api.post(&path, &body).await
}

/// Signs the transaction of a builder, and sends it.
async fn act(world: &World, body: &Value, signer: &Keypair) -> Signature {
    let answer = world.ask("delegate", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["signers"], json!([text(signer)]));
    let wire = BASE64.decode(answer["transaction"].as_str().unwrap());
    let unsigned: VersionedTransaction = bincode::deserialize(&wire.unwrap()).unwrap();
    let signed = VersionedTransaction::try_new(unsigned.message, &[signer]).unwrap();
    submit_signed(world, &signed).await
}

pub(crate) async fn play(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    // Given a campaign, which the mirror knows
    let body = json!({
        "authority": text(company), "id": "88", "settings": { "reward": { "fixed": "1000000" } },
    });
    let answer = world.act("create-campaign", &body, &[company]).await;
    let at = key(&answer, "campaign");
    let path = format!("/v1/campaigns/{at}");
    let unknown = Signature::from([7; 64]);
    let answer = shown(world, &at, &unknown).await;
    assert_eq!(answer.refusal(), (404, "campaign_not_found".to_owned()));
    campaign(&world.pool, &at.to_string()).await;
    let belongs_to = async |wallet: &Keypair| {
        sqlx::query("UPDATE campaigns SET authority = $1 WHERE address = $2")
            .bind(text(wallet))
            .bind(at.to_string())
            .execute(&world.pool)
            .await
            .unwrap();
    };
    belongs_to(company).await;
    let answer = shown(world, &at, &unknown).await;
    assert_eq!(answer.refusal(), (404, "transaction_not_found".to_owned()));
    // When its authority names Alice, then nobody, then Bob, by what the builder builds
    let names = |wallet: &Keypair| json!({ "campaign": at.to_string(), "wallet": text(wallet) });
    let to_alice = act(world, &names(alice), company).await;
    let to_nobody = act(world, &json!({ "campaign": at.to_string() }), company).await;
    let to_bob = act(world, &names(bob), company).await;
    // And others say something like it
    let genesis = world.rpc.get_genesis_hash().await.unwrap();
    let words = delegation::text(&genesis, &at, &alice.pubkey());
    let of_another = delegation::text(&genesis, &alice.pubkey(), &alice.pubkey());
    // The Memo program refuses what is no UTF-8.
    let failing = Instruction {
        data: vec![0xff],
        ..memo("", &[company])
    };
    let no_words = [
        submit(world, &[memo(&words, &[bob])], &[bob]).await,
        submit(world, &[memo(&words, &[])], &[company]).await,
        submit(world, &[memo(&words, &[company, bob])], &[company, bob]).await,
        submit(world, &[memo(&format!("{words} "), &[company])], &[company]).await,
        submit(world, &[memo(&of_another, &[company])], &[company]).await,
        submit(world, &[memo(&words, &[company]), failing], &[company]).await,
    ];
    until(world, &no_words[5], CommitmentConfig::finalized()).await;
    // Then none of these says anything
    for signature in &no_words {
        let answer = shown(world, &at, signature).await;
        assert_eq!(
            answer.refusal(),
            (422, "no_delegation".to_owned()),
            "{signature}"
        );
    }
    let token = world.api.sign_in(alice).await;
    let bobs = world.api.sign_in(bob).await;
    let get =
        |path: String, token: &str| send(world.api.request(Method::GET, &path).bearer_auth(token));
    let keys = format!("{path}/keys");
    let refused = (403, "not_campaign_authority".to_owned());
    assert_eq!(get(keys.clone(), &token).await.refusal(), refused);
    // When the first one is shown
    let answer = shown(world, &at, &to_alice).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["campaign"], at.to_string());
    assert_eq!(answer["authority"], text(company));
    assert_eq!(answer["delegate"], text(alice));
    // Then Alice may do for the company what is off chain, and what she makes is the company's
    assert_eq!(get(keys.clone(), &token).await.status, 200);
    let post = |path: &str, token: &str, body: Value| {
        send(
            world
                .api
                .request(Method::POST, path)
                .bearer_auth(token)
                .json(&body),
        )
    };
    let new = json!({ "name": "server", "scopes": ["read:analytics"] });
    let made = post(&keys, &token, new.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json()["key"].as_str().unwrap().to_owned();
    // But nothing that moves money
    let rich = json!({ "name": "server", "scopes": ["write:attestations"] });
    assert_eq!(post(&keys, &token, rich).await.refusal(), refused);
    let rules = format!("{path}/attestation-rules");
    let set = json!({ "per_wallet_per_day": 1, "per_day": 1, "least_amount": "0", "most_amount": "1",
        "valid_seconds": 60 });
    let request = world.api.request(Method::PUT, &rules).bearer_auth(&token);
    assert_eq!(send(request.json(&set)).await.refusal(), refused);
    let asked = json!({ "code": "STARTER7", "referee": text(bob), "reference": "00".repeat(32) });
    let attestations = format!("{path}/attestations");
    assert_eq!(post(&attestations, &token, asked).await.refusal(), refused);
    let listed = get(keys.clone(), &token).await.json();
    assert_eq!(listed["keys"][0]["created_by"], text(company));
    assert_eq!(listed["keys"][0]["made_by"], text(alice));
    assert_eq!(listed["keys"][0]["works"], true);
    let profile = json!({ "name": "Spring", "landing_url": "https://acme.example/" });
    let set = send(
        world
            .api
            .request(Method::PUT, &format!("{path}/profile"))
            .bearer_auth(&token)
            .json(&profile),
    )
    .await;
    assert_eq!(set.status, 200, "{}", set.text);
    assert_eq!(world.api.get(&path).await.json()["name"], "Spring");
    assert_eq!(world.api.get(&path).await.json()["delegate"], text(alice));
    let analytics = format!("{path}/analytics");
    assert_eq!(get(analytics.clone(), &token).await.status, 200);
    assert_eq!(get(analytics.clone(), &made).await.status, 200);
    let own = get("/v1/me/delegations".to_owned(), &token).await.json();
    let one = json!([{ "campaign": at.to_string(), "authority": text(company) }]);
    assert_eq!(own["delegations"], one);
    let after = get(format!("/v1/me/delegations?after={at}"), &token).await;
    assert_eq!(after.json()["delegations"], json!([]));
    let own = get("/v1/me/delegations".to_owned(), &bobs).await.json();
    assert_eq!(own["delegations"], json!([]));
    // When the authority has ended it, then it is over, with the keys that she made, and the first one does not bring
    // it back
    let answer = shown(world, &at, &to_nobody).await.json();
    assert_eq!(answer["delegate"], Value::Null);
    let answer = shown(world, &at, &to_alice).await;
    assert_eq!(answer.refusal(), (409, "delegation_superseded".to_owned()));
    assert_eq!(get(keys.clone(), &token).await.refusal(), refused);
    let own = get("/v1/me/delegations".to_owned(), &token).await.json();
    assert_eq!(own["delegations"], json!([]));
    let ended = get(analytics.clone(), &made).await;
    assert_eq!(ended.refusal(), (401, "unauthenticated".to_owned()));
    // When Bob is named, and the campaign is given to Alice, then Bob can do nothing, and nobody shows it
    let answer = shown(world, &at, &to_bob).await.json();
    assert_eq!(answer["delegate"], text(bob));
    let listed = get(keys.clone(), &bobs).await.json();
    assert_eq!(listed["keys"][0]["made_by"], text(alice));
    assert_eq!(listed["keys"][0]["works"], false);
    belongs_to(alice).await;
    assert_eq!(get(keys.clone(), &bobs).await.refusal(), refused);
    assert_eq!(world.api.get(&path).await.json()["delegate"], Value::Null);
    let answer = shown(world, &at, &to_bob).await;
    assert_eq!(answer.refusal(), (422, "no_delegation".to_owned()));
    // And it counts again when the campaign comes back
    belongs_to(company).await;
    assert_eq!(get(keys.clone(), &bobs).await.status, 200);
    // And who cannot sign in is no delegate
    let body = json!({ "campaign": at.to_string(), "wallet": at.to_string() });
    world.refuses("delegate", &body, 400, "not_a_wallet").await;
}
