//! `vouch-indexer verify` with a real validator, and with one whose answers are cut.

use std::process::Output;

use serde_json::{Value, json};
use solana_client::rpc_request::RpcRequest;
use solana_sdk::{
    instruction::Instruction,
    signature::{Keypair, Signature},
};
use vouch_client::PROGRAM_ID;
use vouch_localnet::Instance;
use vouch_product_tests::{Fate, FaultyNode, Scene, verify};

/// A campaign, a code, and three conversions, of which two are in one transaction. Everything is
/// final.
async fn scene() -> Scene {
    let mut scene = Scene::new(Instance::create("verify-test").expect("a folder")).await;
    for wallets in [1, 2] {
        let referees: Vec<Keypair> = (0..wallets).map(|_| Keypair::new()).collect();
        let convert = referees.iter().map(|referee| scene.conversion(referee));
        let convert: Vec<Instruction> = convert.collect();
        let signers: Vec<_> = referees.iter().collect();
        let signature = scene.send(&convert, &signers).await;
        scene.story.push(signature);
    }
    scene.until_final().await;
    scene
}

/// Runs `verify` against a node that changes the results of its methods.
async fn verify_changed(url: &str, change: impl Fn(&str, &mut Value) + Send + 'static) -> Output {
    let node = FaultyNode::before(url).await;
    node.behave(move |request, answer| {
        let method = request["method"].as_str().expect("a method");
        change(method, &mut answer["result"]);
        Fate::Sent
    });
    verify(&node.url()).await
}

/// Fails unless the command was refused and said this on standard error.
fn assert_refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end(), format!("error: {expected}"));
}

/// [M12]
#[tokio::test]
async fn the_history_explains_every_account_or_says_what_is_missing() {
    // Given a campaign, a code and three conversions, of which two are in one transaction
    let scene = scene().await;
    let (url, story) = (scene.validator.rpc_url(), &scene.story);

    // When the node is asked for everything, then its history explains every account
    let output = verify(&url).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said} {output:?}");
    let (equal, rest) = said.split_once(" at slot ").expect("a slot");
    assert_eq!(equal, "5 accounts equal the history");
    let (_, counts) = rest.split_once(": ").expect("counts");
    assert_eq!(counts, "4 transactions, 5 calls\n");

    // When a node leaves a conversion out of its list, then the accounts differ
    let hidden = story[2].to_string();
    let leaves_out = verify_changed(&url, move |method, result| {
        if method == "getSignaturesForAddress" {
            let entries = result.as_array_mut().expect("a list");
            entries.retain(|entry| entry["signature"] != hidden.as_str());
        }
    })
    .await;
    let said = String::from_utf8_lossy(&leaves_out.stderr).into_owned();
    assert_eq!(leaves_out.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: 2 of 5 accounts differ from the history at slot "),
        "{said}"
    );
    let named = String::from_utf8_lossy(&leaves_out.stdout).into_owned();
    let mut ends: Vec<&str> = named
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.1))
        .collect();
    ends.sort_unstable();
    assert_eq!(ends, ["has other bytes", "is not in the history"]);

    // When a node has lost its first transactions, then the first that needs them is named
    let (lost, first) = (story[0].to_string(), story[1]);
    let pruned = verify_changed(&url, move |method, result| {
        if method == "getSignaturesForAddress" {
            let entries = result.as_array_mut().expect("a list");
            entries.retain(|entry| entry["signature"] != lost.as_str());
        }
    })
    .await;
    let slot = slot_of(&scene, &first).await;
    let campaign = scene.campaign;
    assert_refused(
        &pruned,
        &format!(
            "{first} in slot {slot} does not follow from what came before: instruction 0: the \
             account {campaign} is not known"
        ),
    );

    // When a node does not record inner instructions, then it is not believed
    let no_inner = verify_changed(&url, |method, result| {
        if method == "getTransaction" {
            result["meta"]["innerInstructions"] = Value::Null;
        }
    })
    .await;
    let opened = story[0];
    assert_refused(
        &no_inner,
        &format!("getTransaction: {opened}: the node does not record inner instructions"),
    );

    // When a node sends another transaction, then it is not believed
    let other = encoded(&scene, &story[1]).await;
    let swaps = verify_changed(&url, move |method, result| {
        if method == "getTransaction" {
            result["transaction"] = other.clone();
        }
    })
    .await;
    assert_refused(
        &swaps,
        &format!("getTransaction: {opened}: the node sent another transaction"),
    );

    // When a node answers with nothing at all, then that does not pass for equal
    let empty = verify_changed(&url, |method, result| match method {
        "getSignaturesForAddress" => *result = json!([]),
        "getProgramAccounts" => result["value"] = json!([]),
        _ => {}
    })
    .await;
    assert_refused(
        &empty,
        &format!("the node has neither accounts nor transactions of the program {PROGRAM_ID}"),
    );

    // When a node lists the oldest transactions first, then it is not believed
    let reversed = verify_changed(&url, |method, result| {
        if method == "getSignaturesForAddress" {
            result.as_array_mut().expect("a list").reverse();
        }
    })
    .await;
    let (older, newer) = (
        slot_of(&scene, &opened).await,
        slot_of(&scene, &first).await,
    );
    assert_refused(
        &reversed,
        &format!(
            "getSignaturesForAddress: slot {newer} comes after slot {older}, but newer ones come \
             first"
        ),
    );
}

/// Slot of a transaction.
async fn slot_of(scene: &Scene, signature: &Signature) -> u64 {
    let statuses = scene
        .rpc
        .get_signature_statuses_with_history(&[*signature])
        .await;
    let status = statuses.expect("an answer").value.remove(0);
    status.expect("a known transaction").slot
}

/// A transaction as the node encodes it.
async fn encoded(scene: &Scene, signature: &Signature) -> Value {
    let config = json!({ "encoding": "base64", "maxSupportedTransactionVersion": 0 });
    let parameters = json!([signature.to_string(), config]);
    let found = scene.rpc.send(RpcRequest::GetTransaction, parameters).await;
    let found: Value = found.expect("an answer");
    found["transaction"].clone()
}
