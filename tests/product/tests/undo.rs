//! Undoing of what the cluster abandoned. Numbers in brackets refer to `docs/INVARIANTS.md`.

use std::sync::{Arc, Mutex};

use solana_sdk::signature::{Keypair, Signature, Signer as _};
use vouch_client::{Code, instructions, pda};
use vouch_product_tests::{Fate, World, until};

/// The row's version and number. The version changes if the row is written again.
async fn version(world: &World, signature: &Signature) -> String {
    sqlx::query_scalar("SELECT xmin::text || ' ' || seq FROM transactions WHERE signature = $1")
        .bind(signature.to_string())
        .fetch_one(&world.pool)
        .await
        .expect("a row")
}

/// [M1] [M4]
#[tokio::test]
async fn only_what_comes_after_the_fork_is_undone() {
    // Given a mirror, after which nothing more becomes final, and of the transactions only those
    // are listed that are shown
    let world = World::new().await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    let base = world.scene.rpc.get_slot().await.expect("a slot");
    let shown = Arc::new(Mutex::new(Vec::<String>::new()));
    let list = Arc::clone(&shown);
    let mut held = None;
    world.node.behave(move |request, answer| {
        let finalized = request["params"][0]["commitment"] == "finalized";
        match request["method"].as_str() {
            Some("getSlot") if finalized => {
                answer["result"] = held.get_or_insert(answer["result"].clone()).clone();
            }
            Some("getSignaturesForAddress") => {
                let shown = list.lock().expect("not poisoned");
                let entries = answer["result"].as_array_mut().expect("a list");
                entries.retain(|entry| {
                    entry["slot"].as_u64() <= Some(base)
                        || entry["signature"]
                            .as_str()
                            .is_some_and(|it| shown.iter().any(|shown| shown == it))
                });
            }
            _ => {}
        }
        Fate::Sent
    });
    let show = |signature: &Signature| {
        let mut shown = shown.lock().expect("not poisoned");
        shown.push(signature.to_string());
    };
    let mut signatures = Vec::new();
    for _ in 0..3 {
        signatures.push(world.scene.convert().await.1);
    }
    let [first, second, third] = signatures.as_slice() else {
        unreachable!("three conversions")
    };
    // When the first and the third are mirrored, and then it turns out that the second is between
    show(first);
    show(third);
    world.until_mirrored(first, true).await;
    world.until_mirrored(third, true).await;
    let (kept, moved) = (version(&world, first).await, version(&world, third).await);
    let undone = "vouch_indexer_undone_transactions_total";
    assert_eq!(world.metric(undone).await, 0);
    show(second);
    world.until_mirrored(second, true).await;
    world.until_mirrored(third, true).await;
    // Then the third was undone and applied again, behind the second, and the first was not touched
    assert_eq!(world.metric(undone).await, 1);
    assert_eq!(version(&world, first).await, kept);
    assert_ne!(version(&world, third).await, moved);
    let order = format!(
        "SELECT count(*) FROM transactions AS a JOIN transactions AS b ON b.seq = a.seq + 1
             JOIN transactions AS c ON c.seq = b.seq + 1
         WHERE a.signature = '{first}' AND b.signature = '{second}' AND c.signature = '{third}'"
    );
    assert_eq!(world.number(&order).await, 1);
    // And everything counts once
    world.node.behave_well();
    world.until_equal(4).await;
    world.until_status("ok").await;
}

/// [M1] [M3]
#[tokio::test]
async fn a_closing_that_was_abandoned_is_undone() {
    // Given a second code, which is final
    let world = World::new().await;
    let scene = &world.scene;
    let code: Code = "BRAVE234".parse().expect("a code");
    let carol = Keypair::new();
    scene.register(&carol, &code).await;
    scene.convert().await;
    until("all of it is final", async || {
        let sql = "SELECT count(*) FROM transactions, finality WHERE slot <= finalized_slot";
        world.number(sql).await == 4
    })
    .await;
    until("the conversion counts", async || {
        world.number("SELECT count(*) FROM maturing").await == 0
    })
    .await;
    let before = world.content().await;
    // When its owner closes it
    let referral = pda::referral(&scene.campaign, &code);
    let close = instructions::close_referral(&carol.pubkey(), &referral, &scene.company.pubkey());
    let closing = scene.send(&[close], &[&carol]).await;
    world.until_mirrored(&closing, true).await;
    let closed = "SELECT count(*) FROM referrals WHERE closed";
    assert_eq!(world.number(closed).await, 1);
    // And the cluster abandons that
    world.node.hide(&[closing]);
    world.until_mirrored(&closing, false).await;
    // Then every row is as before
    assert_eq!(world.content().await, before);
    // And when it was not abandoned after all, then the code is closed again
    world.node.behave_well();
    world.until_mirrored(&closing, true).await;
    assert_eq!(world.number(closed).await, 1);
    world.until_status("ok").await;
}

/// [M1]
#[tokio::test]
async fn too_many_at_once_are_undone_only_if_somebody_allows_it() {
    // Given a mirror that undoes two transactions at once, and three that are not final
    let mut world = World::new().await;
    let url = world.node.url();
    world.ask(&url, &[("MAX_UNDO", "2")]).await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    let mut later = Vec::new();
    for _ in 0..3 {
        later.push(world.scene.convert().await.1);
    }
    for signature in &later {
        world.until_mirrored(signature, true).await;
    }
    let before = world.content().await;
    // When the cluster abandons all three
    world.node.hide(&later);
    // Then the mirror stops, with the numbers and what can be done, and undoes nothing
    world.until_status("stopped").await;
    let last = world.number("SELECT final_seq FROM indexer_state").await;
    world
        .until_detail(&format!(
            "3 confirmed transactions after number {last} would be undone at once, more than \
             MAX_UNDO=2: if the cluster abandoned them, start once with ALLOW_UNDO_AFTER={last}"
        ))
        .await;
    assert_eq!(world.content().await, before);
    // And another number allows nothing
    let other = (last - 1).to_string();
    let settings = [("MAX_UNDO", "2"), ("ALLOW_UNDO_AFTER", other.as_str())];
    world.ask(&url, &settings).await;
    world.until_status("stopped").await;
    assert_eq!(world.content().await, before);
    // When it is allowed, then they are undone
    let allowed = last.to_string();
    let settings = [("MAX_UNDO", "2"), ("ALLOW_UNDO_AFTER", allowed.as_str())];
    world.ask(&url, &settings).await;
    for signature in &later {
        world.until_mirrored(signature, false).await;
    }
    assert_eq!(world.number("SELECT count(*) FROM conversions").await, 1);
}
