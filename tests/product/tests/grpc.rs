//! The indexer with a Yellowstone gRPC stream of a real validator, and what such a stream can do wrong.
//! Numbers in brackets refer to `docs/INVARIANTS.md`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use solana_client::rpc_config::RpcSendTransactionConfig;
use solana_sdk::{
    signature::{Keypair, Signer as _},
    transaction::Transaction,
};
use tokio::{net::TcpListener, time::Instant};
use vouch_product_tests::{Fate, FaultyStream, TOKEN, World, until};
use yellowstone_grpc_proto::geyser::{SubscribeUpdate, subscribe_update::UpdateOneof};

const TAKEN: &str = "vouch_indexer_grpc_transactions_total";
const GAPS: &str = "vouch_indexer_grpc_gaps_total";
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
    let (mut world, stream) = streaming().await;
    explain_nothing(&world);
    // When wallets convert, one by one and many at once, and one of them in vain
    let (before, start) = (world.node.calls_by_method(), Instant::now());
    for _ in 0..3 {
        let (_, signature) = world.scene.convert().await;
        world.until_mirrored(&signature, true).await;
    }
    world.scene.convert_many(20).await;
    convert_again(&world).await;
    // Then all of it is mirrored, counted and final, although no request for a transaction was answered
    world.until_equal(24).await;
    world.until_status("ok").await;
    assert!(world.metric(TAKEN).await >= 25);
    let mut requests = world.node.calls_by_method();
    for (method, number) in before {
        requests.entry(method).and_modify(|it| *it -= number);
    }
    println!(
        "25 transactions in {:?}, requests: {requests:?}",
        start.elapsed()
    );
    // And so it is if blocks come before their transactions
    stream.blocks_first();
    let (_, signature) = world.scene.convert().await;
    world.until_mirrored(&signature, true).await;
    world.scene.convert_many(10).await;
    world.until_equal(35).await;
    let by_stream = world.content().await;
    // When everything is mirrored again by requests alone, then it is the same, row by row
    world.node.behave_well();
    world.indexer.stop().await.expect("a clean exit");
    world.forget().await;
    let node = world.node.url();
    world.start(&node, &[]).await;
    world.until_equal(35).await;
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
    explain_nothing(&world);
    world.scene.convert_many(3).await;
    world.until_equal(12).await;
    world.node.behave_well();
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

/// A hash that no block has.
const OTHER: &str = "4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi";

/// Changes the hash of the block in this slot, also where the next one names it.
fn rename(update: &mut SubscribeUpdate, slot: u64) {
    if let Some(UpdateOneof::BlockMeta(block)) = &mut update.update_oneof {
        if block.slot == slot {
            block.blockhash = OTHER.into();
        }
        if block.parent_slot == slot {
            block.parent_blockhash = OTHER.into();
        }
    }
}

/// From now on, nothing becomes final. From the next transaction on, the stream says another hash of its block.
/// Returns whether the node knows that.
fn misname_the_next_block(world: &World, stream: &FaultyStream) -> Arc<AtomicBool> {
    world.node.keep_away(|request| {
        let is_final =
            request["method"] == "getSlot" && request["params"][0]["commitment"] == "finalized";
        let refusal = json!({ "error": { "code": -32000, "message": "not now" } });
        is_final.then_some((refusal, Fate::Sent))
    });
    // Until then the node knows this hash. It is asked for it if the stream is checked at this block.
    let is_there = Arc::new(AtomicBool::new(true));
    let knows = Arc::clone(&is_there);
    world.node.behave(move |request, answer| {
        let is_asked = request["method"] == "isBlockhashValid" && request["params"][0] == OTHER;
        if is_asked && knows.load(Ordering::SeqCst) {
            answer["result"]["value"] = true.into();
        }
        Fate::Sent
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
    is_there
}

/// [M3] [M6]
#[tokio::test]
async fn what_comes_from_a_block_that_was_replaced_is_undone() {
    let (world, stream) = streaming().await;
    world.scene.convert_many(2).await;
    world.until_equal(2).await;
    // Given a conversion in a block whose hash is not what it will be
    let is_there = misname_the_next_block(&world, &stream);
    let (_, signature) = world.scene.convert().await;
    world.until_mirrored(&signature, true).await;
    assert_eq!(world.metric(UNDONE).await, 0);
    // When the stream repeats its blocks, and this one is another one
    is_there.store(false, Ordering::SeqCst);
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

/// [M3] [M6]
#[tokio::test]
async fn what_is_too_much_to_undo_becomes_final() {
    // Given a mirror that undoes two transactions at once, and four since a block whose hash is not what it will be
    let (mut world, stream) = streaming().await;
    let (node, url) = (world.node.url(), stream.url());
    let settings = [("GRPC_URL", url.as_str()), ("MAX_UNDO", "2")];
    world.ask(&node, &settings).await;
    live(&world).await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    let is_there = misname_the_next_block(&world, &stream);
    for _ in 0..4 {
        let (_, signature) = world.scene.convert().await;
        world.until_mirrored(&signature, true).await;
    }
    // When the stream replaces that block, then the mirror stops, and undoes nothing
    is_there.store(false, Ordering::SeqCst);
    stream.behave_well();
    stream.cut();
    world.until_status("stopped").await;
    assert_eq!(world.metric(UNDONE).await, 0);
    // When they become final, then nothing is left to undo, and the mirror goes on
    world.node.behave_well();
    world.until_equal(5).await;
    live(&world).await;
    world.scene.convert_many(2).await;
    world.until_equal(7).await;
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

/// [M3] [M11]
#[tokio::test]
async fn a_stream_that_replaces_blocks_which_the_nodes_have_undoes_nothing() {
    let (world, stream) = streaming().await;
    // Given conversions that are not final
    world.node.keep_away(|request| {
        let is_final =
            request["method"] == "getSlot" && request["params"][0]["commitment"] == "finalized";
        let refusal = json!({ "error": { "code": -32000, "message": "not now" } });
        is_final.then_some((refusal, Fate::Sent))
    });
    world.scene.convert_many(3).await;
    let (_, signature) = world.scene.convert().await;
    world.until_mirrored(&signature, true).await;
    // When a block names another one before it than was sent
    let mut is_done = false;
    stream.behave(move |update| {
        if let Some(UpdateOneof::BlockMeta(block)) = &mut update.update_oneof
            && !is_done
        {
            is_done = true;
            block.parent_blockhash = OTHER.into();
        }
        true
    });
    // Then a node is asked, the stream is not used for a while, and nothing is undone
    let detail = world.until_source("grpc", "unreliable").await;
    assert!(
        detail.starts_with("it replaced the block ") && detail.ends_with("which a node still has"),
        "{detail}"
    );
    world.node.behave_well();
    world.scene.convert_many(2).await;
    world.until_equal(6).await;
    assert_eq!(
        (world.metric(FORKS).await, world.metric(UNDONE).await),
        (0, 0)
    );
}

/// [M6]
#[tokio::test]
async fn a_server_that_does_not_speak_the_protocol_and_messages_that_are_too_long_hold_up_nobody() {
    // Given a server without TLS where TLS is expected
    let mut world = World::with_grpc(1_000).await;
    let (node, url) = (world.node.url(), world.scene.validator.grpc_url());
    let tls = url.replace("http:", "https:");
    world.ask(&node, &[("GRPC_URL", &tls)]).await;
    let detail = world.until_source("grpc", "away").await;
    assert!(detail.starts_with("connect: "), "{detail}");
    println!("{detail}");
    world.scene.convert_many(2).await;
    world.until_equal(2).await;
    // Given one that takes connections, and says nothing
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    let accept = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(silent.accept().await.expect("a connection"));
        }
    });
    let at_it = format!("http://{address}");
    world.ask(&node, &[("GRPC_URL", &at_it)]).await;
    let detail = world.until_source("grpc", "away").await;
    assert_eq!(detail, "Subscribe: no answer");
    world.scene.convert_many(2).await;
    world.until_equal(4).await;
    accept.abort();
    // Given a stream, when a transaction comes with more than can be read
    let stream = FaultyStream::before(&url, Some(TOKEN)).await;
    let settings = [("GRPC_URL", stream.url()), ("MAX_ANSWER_MIB", "1".into())];
    let settings = settings.each_ref().map(|(name, it)| (*name, it.as_str()));
    world.ask(&node, &settings).await;
    live(&world).await;
    // Everything after it is too long as well, so that the stream stays away until that is seen
    let mut is_long = false;
    stream.behave(move |update| {
        is_long |= matches!(update.update_oneof, Some(UpdateOneof::Transaction(_)));
        if is_long {
            update.filters.push("x".repeat(1 << 20));
        }
        true
    });
    let (_, signature) = world.scene.convert().await;
    // Then it is said, and the transaction comes from a node
    let detail = world.until_source("grpc", "away").await;
    assert!(
        detail.starts_with("Subscribe: ")
            && detail.contains("the limit is: 1048576 bytes")
            && detail.ends_with("(MAX_ANSWER_MIB)"),
        "{detail}"
    );
    world.until_mirrored(&signature, true).await;
    // And it is not asked for again: the stream is live at once, and brings what is shorter
    stream.behave_well();
    live(&world).await;
    assert_eq!(stream.asked().last(), Some(&None));
    explain_nothing(&world);
    let (_, signature) = world.scene.convert().await;
    world.until_mirrored(&signature, true).await;
    world.until_equal(6).await;
}

/// [M3]
#[tokio::test]
async fn a_stream_that_was_away_for_longer_than_it_can_repeat_begins_anew() {
    // Given a server that repeats ten blocks
    let mut world = World::with_grpc(10).await;
    let stream = FaultyStream::before(&world.scene.validator.grpc_url(), Some(TOKEN)).await;
    let node = world.node.url();
    world.ask(&node, &[("GRPC_URL", &stream.url())]).await;
    live(&world).await;
    world.scene.convert_many(2).await;
    world.until_equal(2).await;
    // When it is away while conversions come and become final, which takes longer than that
    stream.go_away();
    world.until_source("grpc", "away").await;
    world.scene.convert_many(3).await;
    world.until_equal(5).await;
    let gaps = world.metric(GAPS).await;
    stream.behave_well();
    // Then it is asked for blocks that it no longer has, and then for none
    live(&world).await;
    assert!(world.metric(GAPS).await > gaps);
    let asked = stream.asked();
    assert!(matches!(asked[..], [None, .., Some(_), None]), "{asked:?}");
    explain_nothing(&world);
    world.scene.convert_many(3).await;
    world.until_equal(8).await;
    assert_eq!(world.metric(FORKS).await, 0);
}

/// [M1] [M2] [M3] [M4] [M6]
#[tokio::test]
async fn a_stream_in_disorder_and_deaths_of_the_indexer_change_nothing() {
    let (mut world, stream) = streaming().await;
    let node = world.node.url();
    // Given a stream that loses, repeats and reorders what it sends, and ends again and again
    stream.disorder(7);
    let mut count = 0;
    let mut forks = 0;
    // When wallets convert until it has done each of these often, and the indexer dies now and then
    while {
        let mess = stream.mess();
        mess.lost.min(mess.repeated).min(mess.late) < 8 || mess.cut < 3 || count < 60
    } {
        world.scene.convert_many(10).await;
        count += 10;
        if count % 30 == 0 {
            forks += world.metric(FORKS).await;
            world.indexer.kill().await.expect("it ran");
            world.start(&node, &[("GRPC_URL", &stream.url())]).await;
        }
    }
    println!("{count} conversions, {:?}", stream.mess());
    // Then each conversion is mirrored once, and nothing was a fork
    world.until_equal(count).await;
    assert_eq!(forks + world.metric(FORKS).await, 0);
    let content = world.content().await;
    stream.behave_well();
    live(&world).await;
    // When everything is mirrored again by requests alone, then it is the same, row by row
    world.indexer.stop().await.expect("a clean exit");
    world.forget().await;
    world.start(&node, &[]).await;
    world.until_equal(count).await;
    assert_eq!(world.content().await, content);
}
