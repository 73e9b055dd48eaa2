//! The indexer with a Yellowstone gRPC stream of a real validator, and what such a stream can do wrong.
//! Numbers in brackets refer to `docs/INVARIANTS.md`.

use serde_json::json;
use solana_client::rpc_config::RpcSendTransactionConfig;
use solana_sdk::{
    signature::{Keypair, Signer as _},
    transaction::Transaction,
};
use vouch_product_tests::{Fate, FaultyStream, TOKEN, World, until};
use yellowstone_grpc_proto::geyser::{SubscribeUpdate, subscribe_update::UpdateOneof};

const TAKEN: &str = "vouch_indexer_grpc_transactions_total";
const FORKS: &str = "vouch_indexer_grpc_forks_total";
const UNDONE: &str = "vouch_indexer_undone_transactions_total";

/// A world whose indexer follows a stream that can be made wrong, and is live.
async fn streaming() -> (World, FaultyStream) {
    let mut world = World::with_grpc(1_000).await;
    let stream = FaultyStream::before(&world.scene.validator.grpc_url(), Some(TOKEN)).await;
    let node = world.node.url();
    world.ask(&node, &[("GRPC_URL", &stream.url())]).await;
    live(&world).await;
    (world, stream)
}

/// Waits until the stream is live, and everything before it is mirrored.
async fn live(world: &World) {
    world.until_source("grpc", "ok").await;
    world.until_status("ok").await;
}

/// From now on, the node explains no transaction.
fn explain_nothing(world: &World) {
    world.node.keep_away(|request| {
        let is_refused = request["method"] == "getTransaction";
        let refusal = json!({ "error": { "code": -32000, "message": "not this one" } });
        is_refused.then_some((refusal, Fate::Sent))
    });
}

/// Sends a conversion of a wallet that has converted already, and waits until it has failed on chain.
async fn convert_again(world: &World) {
    let referee = Keypair::new();
    let conversion = || world.scene.conversion(&referee);
    world.scene.send(&[conversion()], &[&referee]).await;
    let blockhash = world.scene.rpc.get_latest_blockhash().await;
    let again = Transaction::new_signed_with_payer(
        &[
            conversion(),
            // Another transaction than the first.
            solana_system_interface::instruction::transfer(
                &world.scene.company.pubkey(),
                &referee.pubkey(),
                1,
            ),
        ],
        Some(&world.scene.company.pubkey()),
        &[&world.scene.company, &referee],
        blockhash.expect("a blockhash"),
    );
    let config = RpcSendTransactionConfig {
        skip_preflight: true,
        ..RpcSendTransactionConfig::default()
    };
    let rpc = &world.scene.rpc;
    let sent = rpc.send_transaction_with_config(&again, config).await;
    let sent = sent.expect("a signature");
    until("it has failed", async || {
        let status = rpc.get_signature_status(&sent).await.expect("an answer");
        status.is_some_and(|status| status.is_err())
    })
    .await;
    world.until_mirrored(&sent, true).await;
}

/// [M1] [M4] [M6]
#[tokio::test]
async fn conversions_come_over_the_stream_and_are_the_same_rows_as_by_requests() {
    // Given a stream, and a node that explains no transaction
    let (mut world, _stream) = streaming().await;
    explain_nothing(&world);
    let asked = world.node.calls("getTransaction");
    // When wallets convert, one by one and many at once, and one of them in vain
    for _ in 0..3 {
        let (_, signature) = world.scene.convert().await;
        world.until_mirrored(&signature, true).await;
    }
    world.scene.convert_many(20).await;
    convert_again(&world).await;
    // Then all of it is mirrored, counted and final
    world.until_equal(24).await;
    world.until_status("ok").await;
    assert!(world.metric(TAKEN).await >= 25);
    let requests = world.node.calls("getTransaction") - asked;
    println!("25 transactions, {requests} requests for transactions");
    let by_stream = world.content().await;
    // When everything is mirrored again by requests alone, then it is the same, row by row
    world.node.behave_well();
    world.indexer.stop().await.expect("a clean exit");
    world.forget().await;
    let node = world.node.url();
    world.start(&node, &[]).await;
    world.until_equal(24).await;
    assert_eq!(world.content().await, by_stream);
    assert_eq!(world.metric(TAKEN).await, 0);
}

/// [M2] [M6]
#[tokio::test]
async fn a_stream_that_dies_is_replayed_and_one_that_stays_away_is_done_without() {
    let (mut world, stream) = streaming().await;
    assert_eq!(stream.asked(), [None]);
    world.scene.convert_many(3).await;
    // When its connection is cut, then it goes on where it was
    stream.cut();
    until("it is asked for blocks again", async || {
        stream.asked().last().is_some_and(Option::is_some)
    })
    .await;
    live(&world).await;
    world.scene.convert_many(3).await;
    world.until_equal(6).await;
    // When it is away, then conversions are mirrored without it, and that is said
    stream.go_away();
    let detail = world.until_source("grpc", "away").await;
    world.scene.convert_many(3).await;
    world.until_equal(9).await;
    world.until_status("ok").await;
    assert!(detail.contains("Subscribe: "), "{detail}");
    // When it is back, then it is used again, and nothing was a fork
    stream.behave_well();
    live(&world).await;
    let before = world.metric(TAKEN).await;
    world.scene.convert_many(3).await;
    world.until_equal(12).await;
    assert!(world.metric(TAKEN).await >= before + 3);
    assert_eq!(
        (world.metric(FORKS).await, world.metric(UNDONE).await),
        (0, 0)
    );
    // When the validator dies, and with it what could be replayed, then the stream begins anew
    world.scene.validator.kill().await.expect("it ran");
    world.until_source("grpc", "away").await;
    world.scene.validator.resume().await.expect("a validator");
    live(&world).await;
    world.scene.convert_many(3).await;
    world.until_equal(15).await;
}

/// [M6]
#[tokio::test]
async fn a_stream_that_refuses_or_is_silent_holds_up_nobody() {
    // Given a server that wants another token
    let mut world = World::with_grpc(1_000).await;
    let url = world.scene.validator.grpc_url();
    let node = world.node.url();
    let wrong = [("GRPC_URL", url.as_str()), ("GRPC_TOKEN", "a-wrong-token")];
    world.ask(&node, &wrong).await;
    let detail = world.until_source("grpc", "away").await;
    assert_eq!(detail, "Subscribe: Unauthenticated: No valid auth token");
    world.scene.convert_many(2).await;
    world.until_equal(2).await;
    world.until_status("ok").await;
    let log = std::fs::read_to_string(world.indexer.log()).expect("a log");
    assert!(!log.contains("a-wrong-token"), "the token is in the log");
    // When it wants this one, then it is served
    let right = [("GRPC_URL", url.as_str()), ("GRPC_TOKEN", TOKEN)];
    world.ask(&node, &right).await;
    live(&world).await;
    // When it sends nothing but pings, then that is noticed, and the WebSocket is listened to again
    let stream = FaultyStream::before(&url, Some(TOKEN)).await;
    stream.behave(|update| matches!(update.update_oneof, Some(UpdateOneof::Ping(_))));
    world.ask(&node, &[("GRPC_URL", &stream.url())]).await;
    let detail = world.until_source("grpc", "away").await;
    assert_eq!(detail, "Subscribe: no block in 10s");
    world.scene.convert_many(2).await;
    world.until_equal(4).await;
    // When it leaves out every transaction, then lists bring them
    stream.behave(|update| !matches!(update.update_oneof, Some(UpdateOneof::Transaction(_))));
    live(&world).await;
    world.scene.convert_many(2).await;
    world.until_equal(6).await;
    assert_eq!(world.metric(TAKEN).await, 0);
}

/// Changes the hash of the block in this slot, also where the next one names it.
fn rename(update: &mut SubscribeUpdate, slot: u64) {
    if let Some(UpdateOneof::BlockMeta(block)) = &mut update.update_oneof {
        let other = "4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi";
        if block.slot == slot {
            block.blockhash = other.into();
        }
        if block.parent_slot == slot {
            block.parent_blockhash = other.into();
        }
    }
}

/// [M3] [M6]
#[tokio::test]
async fn what_comes_from_a_block_that_was_replaced_is_undone() {
    let (world, stream) = streaming().await;
    world.scene.convert_many(2).await;
    world.until_equal(2).await;
    // Given that nothing becomes final, and a conversion in a block whose hash is not what it will be
    world.node.keep_away(|request| {
        let is_final =
            request["method"] == "getSlot" && request["params"][0]["commitment"] == "finalized";
        let refusal = json!({ "error": { "code": -32000, "message": "not now" } });
        is_final.then_some((refusal, Fate::Sent))
    });
    let mut renamed = None;
    stream.behave(move |update| {
        if let Some(UpdateOneof::Transaction(update)) = &update.update_oneof {
            renamed.get_or_insert(update.slot);
        }
        if let Some(slot) = renamed {
            rename(update, slot);
        }
        true
    });
    let (_, signature) = world.scene.convert().await;
    world.until_mirrored(&signature, true).await;
    assert_eq!(world.metric(UNDONE).await, 0);
    // When the stream repeats its blocks, and this one is another one
    stream.behave_well();
    stream.cut();
    // Then it is undone, and mirrored again
    until("it is undone", async || world.metric(UNDONE).await == 1).await;
    assert_eq!(world.metric(FORKS).await, 1);
    world.until_mirrored(&signature, true).await;
    world.node.behave_well();
    world.until_equal(3).await;
    live(&world).await;
}

/// [M1] [M3] [M11]
#[tokio::test]
async fn a_stream_of_another_chain_or_with_forged_transactions_is_not_used() {
    let (mut world, stream) = streaming().await;
    // When a transaction is not what its wallets have signed
    stream.behave(|update| {
        if let Some(UpdateOneof::Transaction(update)) = &mut update.update_oneof {
            let transaction = update
                .transaction
                .as_mut()
                .and_then(|it| it.transaction.as_mut());
            let message = transaction
                .and_then(|it| it.message.as_mut())
                .expect("a message");
            for instruction in &mut message.instructions {
                instruction.data.push(0);
            }
        }
        true
    });
    world.scene.convert_many(2).await;
    // Then a node is asked, and the stream is not used for a while
    world.until_equal(2).await;
    let detail = world.until_source("grpc", "unreliable").await;
    let reason = "the node sent a transaction that its signers have not signed";
    assert!(detail.ends_with(reason), "{detail}");
    world.scene.convert_many(2).await;
    world.until_equal(4).await;
    assert_eq!(
        (world.metric(TAKEN).await, world.metric(UNDONE).await),
        (0, 0)
    );
    // When all of its blocks have hashes that no node knows, then it is of another chain
    stream.behave(|update| {
        if let Some(UpdateOneof::BlockMeta(block)) = &update.update_oneof {
            let (slot, parent) = (block.slot, block.parent_slot);
            rename(update, slot);
            rename(update, parent);
        }
        true
    });
    let node = world.node.url();
    world.ask(&node, &[("GRPC_URL", &stream.url())]).await;
    let detail = world.until_source("grpc", "other_chain").await;
    assert!(
        detail.starts_with("no node knows its block 4vJ9JU1b"),
        "{detail}"
    );
    world.scene.convert_many(2).await;
    world.until_equal(6).await;
    assert_eq!(world.metric(TAKEN).await, 0);
    // When it tells slots of the future, then it is wrong, too
    stream.behave(|update| {
        if let Some(UpdateOneof::BlockMeta(block)) = &mut update.update_oneof {
            block.slot += 1_000_000;
        }
        true
    });
    world.ask(&node, &[("GRPC_URL", &stream.url())]).await;
    let detail = world.until_source("grpc", "unreliable").await;
    assert!(detail.contains("but the chain is at"), "{detail}");
    world.scene.convert_many(2).await;
    world.until_equal(8).await;
}
