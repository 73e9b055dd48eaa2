//! The indexer with several nodes, of which some fail or lie. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use serde_json::{Value, json};
use solana_sdk::signature::Signature;
use vouch_product_tests::{Fate, FaultyNode, World, health, until};

/// The proof of the listed range.
async fn proof(world: &World) -> String {
    let sql = "SELECT source FROM coverage WHERE proof = 'listed' AND first_slot = 0";
    let row = sqlx::query_scalar(sql).fetch_optional(&world.pool).await;
    row.expect("an answer").unwrap_or_default()
}

/// A world whose indexer asks two nodes: `rpc1`, which this returns, and `rpc2`, the world's own.
async fn two() -> (World, FaultyNode) {
    let mut world = World::new().await;
    let first = FaultyNode::before(&world.scene.validator.rpc_url()).await;
    let urls = format!("{},{}", first.url(), world.node.url());
    world.ask(&urls, &[]).await;
    world.until_status("ok").await;
    (world, first)
}

/// All transactions that are mirrored, in their order.
async fn history(world: &World) -> Vec<Signature> {
    let sql = "SELECT signature FROM transactions ORDER BY seq";
    let rows: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&world.pool)
        .await
        .expect("rows");
    let parse = |row: String| row.parse().expect("a signature");
    rows.into_iter().map(parse).collect()
}

/// [M1] [M10] [M11]
#[tokio::test]
async fn two_nodes_that_agree_prove_more_than_one() {
    // Given two nodes
    let (world, first) = two().await;
    world.scene.convert_many(3).await;
    world.until_equal(3).await;
    // Then both are asked for what is final, and that is noted
    until("two nodes prove it", async || {
        proof(&world).await == "rpc+rpc"
    })
    .await;
    // When one goes away, then the mirror goes on with the other, and both say so
    first.go_away();
    world.scene.convert_many(2).await;
    world.until_equal(5).await;
    until("one node proves it", async || proof(&world).await == "rpc").await;
    world.until_source("rpc1", "away").await;
    world.until_status("ok").await;
    // When the other one goes away, too, then nothing can be mirrored
    world.node.go_away();
    world.until_status("chain_unavailable").await;
    world.scene.convert_many(2).await;
    // And when both are back, then nothing is missing, and two nodes prove it again
    first.behave_well();
    world.node.behave_well();
    world.until_equal(7).await;
    world.until_source("rpc1", "ok").await;
    world.until_source("rpc2", "ok").await;
    world.until_status("ok").await;
    until("two nodes prove it", async || {
        proof(&world).await == "rpc+rpc"
    })
    .await;
}

/// [M1] [M11]
#[tokio::test]
async fn a_node_that_leaves_out_a_new_transaction_for_ever() {
    // Given two nodes, of which the first does not list a conversion, and does not know it
    let (world, first) = two().await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    let (_, signature) = world.scene.convert().await;
    first.hide(&[signature]);
    world.scene.convert_many(2).await;
    // Then the mirror equals the chain, and says who left it out
    world.until_equal(4).await;
    let detail = world.until_source("rpc1", "unreliable").await;
    let lacks = format!("its list lacks {signature} in slot ");
    let contradicts = "getSignaturesForAddress: the list ";
    assert!(
        detail.contains(&lacks) || detail.contains(contradicts),
        "{detail}"
    );
    world.until_source("rpc2", "ok").await;
    world.until_status("ok").await;
    let wrong = "vouch_indexer_source_wrong_total{source=\"rpc1\"}";
    assert!(world.metric(wrong).await > 0);
}

/// [M1] [M6] [M11]
#[tokio::test]
async fn a_mirror_from_nothing_with_a_node_that_leaves_out_something() {
    // Given a history, and what a mirror of it is
    let (mut world, first) = two().await;
    world.scene.convert_many(8).await;
    world.until_equal(8).await;
    let before = world.content().await;
    let all = history(&world).await;
    assert_eq!(all.len(), 10);
    let cut = |most: usize| {
        move |request: &Value, answer: &mut Value| {
            if request["method"] == "getSignaturesForAddress" {
                let list = answer["result"].as_array_mut().expect("a list");
                list.truncate(most);
                if !request["params"][1]["before"].is_null() {
                    list.clear();
                }
            }
            Fate::Sent
        }
    };
    // When one of two nodes leaves out the first transaction, one in the middle, or the last of the
    // list, or sends the beginning of its list only, or nothing
    for (hidden, most) in [
        (all.first(), usize::MAX),
        (all.get(4), usize::MAX),
        (all.last(), usize::MAX),
        (None, 5),
        (None, 0),
    ] {
        world.indexer.stop().await.expect("a clean exit");
        world.forget().await;
        first.behave(cut(most));
        if let Some(hidden) = hidden {
            first.hide(&[*hidden]);
        }
        world.indexer.start_again().await.expect("a start");
        // Then the mirror is the same, row by row, and says who left it out
        world.until_equal(8).await;
        assert_eq!(world.content().await, before, "{hidden:?} {most}");
        let detail = world.until_source("rpc1", "unreliable").await;
        assert!(!detail.is_empty());
        world.until_source("rpc2", "ok").await;
    }
}

/// [M6] [M10]
#[tokio::test]
async fn a_node_that_refuses_is_silent_or_of_another_slot_holds_up_nobody() {
    let (world, first) = two().await;
    let mut count = 0;
    // When one of two nodes refuses everything, and wishes to be asked again in an hour
    first.behave(|_, _| Fate::Refused(3600));
    world.scene.convert_many(2).await;
    count += 2;
    world.until_equal(count).await;
    let detail = world.until_source("rpc1", "away").await;
    assert!(detail.contains("429"), "{detail}");
    // Then it is hardly asked any more
    let calls = first.all_calls();
    world.scene.convert_many(2).await;
    count += 2;
    world.until_equal(count).await;
    let asked = first.all_calls() - calls;
    assert!(asked <= 4, "asked {asked} times");
    // When it never answers
    first.behave_well();
    world.until_source("rpc1", "ok").await;
    first.fall_silent();
    let transactions = first.calls("getTransaction");
    world.scene.convert_many(20).await;
    count += 20;
    world.until_equal(count).await;
    // Then most transactions were asked for at the other node alone: those that ran when it fell
    // silent, and a few later ones, were asked for here
    let asked = first.calls("getTransaction") - transactions;
    assert!(asked <= 12, "asked for {asked} of 20 transactions");
    world.until_source("rpc1", "away").await;
    // When it tells slots that the chain has not reached, or no slot but the first
    for slot in [900_000_000_000_u64, 1] {
        first.behave_well();
        world.until_source("rpc1", "ok").await;
        first.change("getSlot", move |result| *result = json!(slot));
        world.scene.convert_many(2).await;
        count += 2;
        // Then finality goes on, and is not ahead of the chain
        world.until_equal(count).await;
        let finalized = world.number("SELECT finalized_slot FROM finality").await;
        let chain = world.scene.rpc.get_slot().await.expect("a slot");
        assert!(finalized <= i64::try_from(chain).expect("a slot"));
        let detail = world.until_source("rpc1", "behind").await;
        let contradicts = format!("it tells slot {slot}, but everything up to ");
        assert!(
            detail == "its slot does not grow" || detail.starts_with(&contradicts),
            "{detail}"
        );
        world.until_status("ok").await;
    }
    // When its final slot grows, but hardly
    first.behave_well();
    world.until_source("rpc1", "ok").await;
    let (mut held, mut looks) = (None, 0_u64);
    first.behave(move |request, answer| {
        let finalized = request["params"][0]["commitment"] == "finalized";
        if request["method"] == "getSlot" && finalized {
            let told = answer["result"].as_u64().expect("a slot");
            looks += 1;
            answer["result"] = json!(*held.get_or_insert(told) + looks / 8);
        }
        Fate::Sent
    });
    // Then it does not hold back finality either
    world.scene.convert_many(2).await;
    count += 2;
    world.until_equal(count).await;
    let detail = world.until_source("rpc1", "behind").await;
    // On a busy machine it falls far below what is mirrored before its pace is measured
    let is_far = detail.starts_with("it tells slot ") && detail.contains(", but everything up to ");
    assert!(is_far || detail.starts_with("its slots take "), "{detail}");
    world.until_status("ok").await;
}

/// [M1] [M6] [M11]
#[tokio::test]
async fn of_two_nodes_one_that_lists_inventions_is_named() {
    // Given two nodes
    let (world, first) = two().await;
    // When the first one lists a page of inventions, and answers nothing that can be used after it,
    // because the validator does not know where that page ends
    first.behave(|request, answer| {
        let range = &request["params"][1];
        let lists = request["method"] == "getSignaturesForAddress";
        if lists && range["commitment"] == "finalized" && range["before"].is_null() {
            let limit = range["limit"].as_u64().expect("a limit");
            let page = (0..limit).map(|number| {
                let mut bytes = [7; 64];
                bytes[..8].copy_from_slice(&number.to_be_bytes());
                let signature = Signature::from(bytes).to_string();
                let slot = &range["minContextSlot"];
                json!({ "signature": signature, "slot": slot, "err": null, "memo": null })
            });
            answer["result"] = page.collect();
        }
        Fate::Sent
    });
    world.scene.convert_many(2).await;
    // Then it is named, and the mirror equals the chain
    world.until_equal(2).await;
    let detail = world.until_source("rpc1", "unreliable").await;
    assert!(detail.contains("but no node knows it as final"), "{detail}");
    world.until_status("ok").await;
}

/// [M1] [M11]
#[tokio::test]
async fn a_node_whose_transactions_are_wrong_stops_nothing() {
    // Given two nodes
    let (world, first) = two().await;
    for lie in ["slot", "meta", "nothing", "signer"] {
        // When the first one tells another slot, no effects, or nothing of transactions, or changes a
        // byte of the second signature
        first.change("getTransaction", move |result| match lie {
            "slot" => result["slot"] = json!(1),
            "meta" => result["meta"] = Value::Null,
            "signer" => {
                let encoded = result["transaction"][0].as_str().expect("base64");
                let (before, rest) = encoded.split_at(100);
                let digit = if rest.starts_with('A') { "B" } else { "A" };
                result["transaction"][0] = format!("{before}{digit}{}", &rest[1..]).into();
            }
            _ => *result = Value::Null,
        });
        world.scene.convert_many(2).await;
    }
    // Then they are read from the other
    world.until_equal(8).await;
    world.until_status("ok").await;
    // And it is known that the first one has invented something, as soon as it is asked again: who fails
    // comes last for a while
    let mut conversions = 8;
    let detail = loop {
        if let Some(detail) = world.source("rpc1", "unreliable").await {
            break detail;
        }
        world.scene.convert_many(1).await;
        conversions += 1;
        world.until_equal(conversions).await;
    };
    let reason = "the node sent a transaction that its signers have not signed";
    assert!(detail.ends_with(reason), "{detail}");
}

/// [M8]
#[tokio::test]
async fn a_node_of_another_chain_is_left_out() {
    // Given two nodes, of which one is of another chain from the start
    let mut world = World::new().await;
    let first = FaultyNode::before(&world.scene.validator.rpc_url()).await;
    let other = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY";
    first.change("getGenesisHash", move |result| *result = json!(other));
    let urls = format!("{},{}", first.url(), world.node.url());
    world.ask(&urls, &[]).await;
    world.scene.convert_many(2).await;
    // Then the other one is mirrored, and health says why
    world.until_equal(2).await;
    let detail = world.until_source("rpc1", "other_chain").await;
    assert_eq!(detail, format!("its genesis hash is {other}"));
    world.until_status("ok").await;
    assert_eq!(first.calls("getSignaturesForAddress"), 0);
    // When the other one is of that chain, too, after it was away
    world.node.go_away();
    world.until_status("chain_unavailable").await;
    world
        .node
        .change("getGenesisHash", move |result| *result = json!(other));
    // Then the process ends
    until("the indexer ends", async || {
        world.indexer.ensure_running().is_err()
    })
    .await;
    let end = world.indexer.ensure_running().expect_err("it ended");
    let end = end.to_string();
    assert!(
        end.contains("the mirror in this database is of the chain with genesis hash"),
        "{end}"
    );
    assert_eq!(world.number("SELECT count(*) FROM conversions").await, 2);
}

/// [M1] [M11]
#[tokio::test]
async fn an_absence_is_believed_only_if_every_node_says_so() {
    // Given a confirmed conversion, and two nodes that do not list it from now on
    let (world, first) = two().await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    let (_, signature) = world.scene.convert().await;
    world.until_mirrored(&signature, true).await;
    first.hide(&[signature]);
    let hidden = signature.to_string();
    world.node.change("getSignaturesForAddress", move |result| {
        let list = result.as_array_mut().expect("a list");
        list.retain(|entry| entry["signature"] != hidden.as_str());
    });
    // When the first does not know it at all, and the second still does, then it stays
    world
        .until_detail(&format!("lacks {signature}, but rpc2 knows it in slot"))
        .await;
    world.until_mirrored(&signature, true).await;
    // And what comes before it becomes final
    let before = format!(
        "SELECT slot - 1 - finalized_slot FROM transactions, finality WHERE signature = '{signature}'"
    );
    until("what comes before it is final", async || {
        world.number(&before).await == 0
    })
    .await;
    // When no node knows it, then it is undone
    world.node.hide(&[signature]);
    world.until_mirrored(&signature, false).await;
    // And when both know it again, then it is back
    first.behave_well();
    world.node.behave_well();
    world.until_mirrored(&signature, true).await;
}

/// [M10] [M11]
#[tokio::test]
async fn what_a_lonely_node_left_out_is_found_when_another_one_is_back() {
    // Given two nodes, of which one is away, and the other hides a conversion
    let (world, first) = two().await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    let (_, signature) = world.scene.convert().await;
    world.node.go_away();
    first.hide(&[signature]);
    // So the mirror does without it, for good
    world.until_mirrored(&signature, false).await;
    let (_, later) = world.scene.convert().await;
    until("the next conversion is final", async || {
        let sql = format!(
            "SELECT count(*) FROM transactions, finality
             WHERE signature = '{later}' AND slot <= finalized_slot"
        );
        world.number(&sql).await == 1
    })
    .await;
    // When the other node is back
    world.node.behave_well();
    // Then the mirror stops, and names what is missing
    world
        .until_detail(&format!("{signature} is final and not in the mirror"))
        .await;
    assert_eq!(health(&world.indexer).await["status"], "stopped");
}

#[tokio::test]
async fn a_slow_answer_makes_the_mirror_ask_one_more_node_and_no_third() {
    // Given three nodes, and no answer to questions for transactions
    let mut world = World::new().await;
    let url = world.scene.validator.rpc_url();
    let nodes = [
        FaultyNode::before(&url).await,
        FaultyNode::before(&url).await,
        FaultyNode::before(&url).await,
    ];
    let urls: Vec<_> = nodes.iter().map(FaultyNode::url).collect();
    world.ask(&urls.join(","), &[]).await;
    world.until_status("ok").await;
    let asked = || -> u64 { nodes.iter().map(|it| it.calls("getTransaction")).sum() };
    let before = asked();
    let hedges = world.metric("vouch_indexer_hedges_total").await;
    for node in &nodes {
        node.behave(|request, _| {
            if request["method"] == "getTransaction" {
                Fate::Held
            } else {
                Fate::Sent
            }
        });
    }
    // When a wallet converts, then two nodes are asked for its transaction
    let (_, signature) = world.scene.convert().await;
    until("a second node is asked", async || asked() - before == 2).await;
    assert!(world.metric("vouch_indexer_hedges_total").await > hedges);
    // And no third one, while many other requests are answered
    let lists = || -> u64 { nodes.iter().map(|it| it.calls("getSlot")).sum() };
    let so_far = lists();
    until("time passes for the nodes", async || lists() - so_far >= 15).await;
    assert_eq!(asked() - before, 2);
    // And when nodes answer again, then nothing is missing
    for node in &nodes {
        node.behave_well();
    }
    world.until_mirrored(&signature, true).await;
    world.until_equal(1).await;
}
