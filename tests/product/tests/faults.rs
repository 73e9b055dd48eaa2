//! The indexer with a node whose answers are wrong. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};
use vouch_client::{Code, accounts::Settings, instructions, pda};
use vouch_product_tests::{Fate, REWARD, World, health, recount, start_indexer, until};

async fn detail(world: &World) -> String {
    let health = health(&world.indexer).await;
    health["detail"].as_str().unwrap_or_default().to_owned()
}

/// [M6] [M10] [M11]
#[tokio::test]
async fn answers_that_are_empty_or_cut_off_remove_nothing() {
    // Given a mirror with final conversions
    let world = World::new().await;
    world.scene.convert_many(3).await;
    world.until_equal(3).await;
    let before = world.content().await;
    // When every list is empty, then that is refused
    world
        .node
        .change("getSignaturesForAddress", |result| *result = json!([]));
    world.until_detail("the list does not reach back to").await;
    // And when it lacks its end, then that is refused, too
    world.scene.convert_many(2).await;
    world.node.change("getSignaturesForAddress", |result| {
        result.as_array_mut().expect("a list").pop();
    });
    world.until_detail("the list does not reach back to").await;
    // Then nothing was removed, and nothing was called final meanwhile
    assert_eq!(world.content().await, before);
    let converted = world.scene.until_final().await;
    let finalized = world.number("SELECT finalized_slot FROM finality").await;
    assert!(finalized < i64::try_from(converted).expect("a slot"));
    // When the node answers rightly again, then the mirror equals the chain
    world.node.behave_well();
    world.until_equal(5).await;
    world.until_status("ok").await;
    // When every account is missing in the node's answers, then none is removed, and health says it
    let before = world.content().await;
    world.node.change("getMultipleAccounts", |result| {
        for account in result["value"].as_array_mut().expect("accounts") {
            *account = Value::Null;
        }
    });
    world.until_status("diverged").await;
    // Accounts that have changed after the node's slot are compared in the next pass
    world
        .until_detail("accounts that differ from the node's: 7")
        .await;
    assert_eq!(world.content().await, before);
    // And when they are back, then it is healthy again, and that is noted as a proof
    world.node.behave_well();
    world.until_status("ok").await;
    let proven = "SELECT count(*) FROM coverage WHERE proof = 'accounts'";
    until("the accounts are proven", async || {
        world.number(proven).await == 1
    })
    .await;
}

/// [M1] [M4] [M11]
#[tokio::test]
async fn an_abandoned_transaction_leaves_no_trace() {
    // Given a mirror with a final conversion, and a second code
    let world = World::new().await;
    let (carol, code): (_, Code) = (Keypair::new(), "BRAVE234".parse().expect("a code"));
    world.scene.register(&carol, &code).await;
    world.scene.convert_many(1).await;
    world.scene.until_final().await;
    until("both codes are final", async || {
        world
            .number("SELECT count(*) FROM referrals, finality WHERE slot <= finalized_slot")
            .await
            == 2
    })
    .await;
    // When a conversion with Alice's code is confirmed, and one with Carol's after it
    let (abandoned, signature) = world.scene.convert().await;
    let mirrored = format!("SELECT count(*) FROM conversions WHERE address = '{abandoned}'");
    until("it is mirrored", async || {
        world.number(&mirrored).await == 1
    })
    .await;
    let confirmed = "SELECT sum(conversions)::bigint FROM referral_totals";
    assert_eq!(world.number(confirmed).await, 2);
    // And the cluster abandons the first one
    world.node.hide(&[signature]);
    let referee = Keypair::new();
    let convert = world
        .scene
        .conversion_with(&code, &carol.pubkey(), &referee);
    world.scene.send(&[convert], &[&referee]).await;
    world.scene.until_final().await;
    // Then it is undone as soon as its slot is final
    until("it is undone", async || world.number(&mirrored).await == 0).await;
    // And Carol's conversion is there, final, and counted once
    let counted = "SELECT sum(conversions_final)::bigint FROM referral_totals";
    until("the others count", async || {
        world.number(counted).await == 2
    })
    .await;
    for (sql, expected) in [
        (confirmed, 2),
        ("SELECT sum(conversions)::bigint FROM referrer_daily", 2),
        ("SELECT count(*) FROM transactions", 5),
        ("SELECT max(seq) FROM transactions", 5),
        ("SELECT count(*) FROM accounts_before", 0),
        ("SELECT count(*) FROM maturing", 0),
        (
            "SELECT count(*) FROM events WHERE kind = 'conversion_recorded'",
            2,
        ),
    ] {
        assert_eq!(world.number(sql).await, expected, "{sql}");
    }
    let alice = "SELECT conversions::bigint FROM referrals WHERE code = 'AZURE234'";
    assert_eq!(world.number(alice).await, 1);
    // And because the validator did not abandon it, the comparison of accounts notices that
    // somebody hides a transaction
    world.until_status("diverged").await;
    assert_eq!(
        detail(&world).await,
        "accounts that differ from the node's: 1"
    );
}

/// [M1] [M4] [M5]
#[tokio::test]
async fn whatever_was_abandoned_the_mirror_is_as_before() {
    // Given a campaign that holds rewards for a minute, a conversion whose minute is over, and one
    // that can still be cancelled; both are final
    let settings = Settings {
        hold_seconds: 60,
        ..Settings::fixed(REWARD)
    };
    let world = World::with(settings).await;
    let scene = &world.scene;
    let (mature, _) = scene.convert().await;
    let due = scene.recorded(&mature).await.converted_at + 58;
    until("the first minute is nearly over", async || {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a time");
        i64::try_from(clock.as_secs()).expect("a time") >= due
    })
    .await;
    let (held, _) = scene.convert().await;
    let waiting = "SELECT count(*) FROM maturing JOIN conversions ON address = conversion, finality
         WHERE conversions.slot <= finalized_slot";
    let counted = "SELECT coalesce(sum(conversions_final), 0)::bigint FROM referral_totals";
    until("one counts, and one waits", async || {
        world.number(counted).await == 1 && world.number(waiting).await == 1
    })
    .await;
    let before = world.content().await;
    // When the first is claimed, the second cancelled, somebody converts, a code is registered, and
    // the campaign and the code are changed
    let (company, alice) = (&scene.company, &scene.alice);
    let referral = pda::referral(&scene.campaign, &scene.code);
    let first = scene.recorded(&mature).await;
    let second = scene.recorded(&held).await;
    let claim = scene.offer(&scene.code, &alice.pubkey(), |offer| {
        instructions::claim(offer, &mature, &first)
    });
    let cancel = scene.offer(&scene.code, &alice.pubkey(), |offer| {
        instructions::cancel_conversion(offer, &held, &second)
    });
    let mut later = vec![
        scene.send(&[claim], &[]).await,
        scene.send(&[cancel], &[]).await,
        scene.convert().await.1,
        scene
            .register(&Keypair::new(), &"BRAVE234".parse().expect("a code"))
            .await,
    ];
    for change in [
        instructions::set_suspended(&company.pubkey(), &scene.campaign, &referral, true),
        instructions::set_paused(&company.pubkey(), &scene.campaign, true),
    ] {
        later.push(scene.send(&[change], &[]).await);
    }
    let limit = instructions::update_referral(&alice.pubkey(), &referral, true, 9, 0);
    later.push(scene.send(&[limit], &[alice]).await);
    let transactions = "SELECT count(*) FROM transactions";
    until("all of it is mirrored", async || {
        world.number(transactions).await == 11
    })
    .await;
    let pending = "SELECT rewards_pending::bigint FROM referral_totals";
    assert_eq!(world.number(pending).await, 5_000_000);
    // And the cluster abandons all of it
    world.node.hide(&later);
    until("it is undone", async || {
        world.number(transactions).await == 4
    })
    .await;
    // Then every row is as before, as long as the second conversion can be cancelled
    assert_eq!(world.content().await, before);
    assert_eq!(world.number(waiting).await, 1);
    // When it turns out that it was not abandoned, then the mirror is equal to the chain again
    world.node.behave_well();
    until("all of it is final", async || {
        let sql = "SELECT count(*) FROM transactions, finality WHERE slot <= finalized_slot";
        world.number(sql).await == 11
    })
    .await;
    let stored = vouch_db::mirror::live_accounts(&world.pool).await;
    let stored: BTreeMap<_, _> = stored.expect("rows").into_iter().collect();
    assert_eq!(stored, world.on_chain().await);
    let recount = recount(world.database.url(), &[]).await;
    assert!(recount.status.success(), "{recount:?}");
    world.until_status("ok").await;
}

/// [M1] [M11]
#[tokio::test]
async fn a_list_that_lacks_a_transaction_does_not_prove_its_absence() {
    // Given a confirmed conversion
    let world = World::new().await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    let (conversion, signature) = world.scene.convert().await;
    let mirrored = format!("SELECT count(*) FROM conversions WHERE address = '{conversion}'");
    until("it is mirrored", async || {
        world.number(&mirrored).await == 1
    })
    .await;
    // When lists lack it from now on, but the node still knows it
    let hidden = signature.to_string();
    world.node.change("getSignaturesForAddress", move |result| {
        let list = result.as_array_mut().expect("a list");
        list.retain(|entry| entry["signature"] != hidden.as_str());
    });
    world.scene.until_final().await;
    // Then the list is refused, and the conversion stays
    world
        .until_detail(&format!("the node lacks {signature}, but knows it in slot"))
        .await;
    assert_eq!(world.number(&mirrored).await, 1);
    // And when lists have it again, then it is final
    world.node.behave_well();
    world.until_equal(2).await;
}

/// [M1] [M10]
#[tokio::test]
async fn a_transaction_without_its_effects_is_waited_for() {
    // Given a conversion whose effects the node does not tell
    let world = World::new().await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    let bare = std::sync::Arc::new(std::sync::Mutex::new(true));
    let still = std::sync::Arc::clone(&bare);
    world.node.change("getTransaction", move |result| {
        if *still.lock().expect("not poisoned") {
            result["meta"] = Value::Null;
        }
    });
    let (_, signature) = world.scene.convert().await;
    world.scene.convert_many(1).await;
    // Then the mirror says so, and calls nothing after it final
    world
        .until_detail(&format!(
            "getTransaction: {signature}: the node does not know its effects"
        ))
        .await;
    let converted = world.scene.until_final().await;
    assert_eq!(world.number("SELECT count(*) FROM conversions").await, 1);
    let finalized = world.number("SELECT finalized_slot FROM finality").await;
    assert!(finalized < i64::try_from(converted).expect("a slot"));
    // When the node tells them, then nothing is missing
    *bare.lock().expect("not poisoned") = false;
    world.until_equal(3).await;
}

#[tokio::test]
async fn a_node_that_refuses_or_stands_still_is_noticed_by_our_own_clock() {
    // Given a healthy mirror
    let world = World::new().await;
    // When the node refuses one method and wishes to be asked again in a minute
    world.node.behave(|request, _| {
        if request["method"] == "getSlot" {
            Fate::Refused(60)
        } else {
            Fate::Sent
        }
    });
    // Then the mirror does not wait that long to say that something is wrong
    until("it is not healthy", async || {
        health(&world.indexer).await["status"] != "ok"
    })
    .await;
    world.node.behave_well();
    world.until_status("ok").await;
    // When the node tells the same slots again and again, then the mirror is behind, though no slot
    // says so
    let (mut confirmed, mut last) = (None, None);
    world.node.behave(move |request, answer| {
        if request["method"] == "getSlot" {
            let of = match request["params"][0]["commitment"].as_str() {
                Some("finalized") => &mut last,
                _ => &mut confirmed,
            };
            answer["result"] = of.get_or_insert(answer["result"].clone()).clone();
        }
        Fate::Sent
    });
    world.until_status("behind").await;
    world.node.behave_well();
    world.until_status("ok").await;
    // When only its final slot stands still, then that is the cause
    let mut last = None;
    world.node.behave(move |request, answer| {
        let finalized = request["params"][0]["commitment"] == "finalized";
        if request["method"] == "getSlot" && finalized {
            answer["result"] = last.get_or_insert(answer["result"].clone()).clone();
        }
        Fate::Sent
    });
    world
        .until_detail("which is mirrored, is told to be final for 1")
        .await;
    world.node.behave_well();
    world.until_status("ok").await;
    // When connections break and answers are late, then the mirror goes on
    let mut count = 0_u32;
    world.node.behave(move |_, _| {
        count += 1;
        match count % 4 {
            0 => Fate::Lost,
            1 => Fate::Late(Duration::from_millis(300)),
            _ => Fate::Sent,
        }
    });
    world.scene.convert_many(5).await;
    world.until_equal(5).await;
}

/// [M6]
#[tokio::test]
async fn without_a_websocket_the_mirror_polls() {
    // Given an indexer whose WebSocket is refused
    let mut world = World::new().await;
    world.indexer.stop().await.expect("a clean exit");
    world.indexer = start_indexer(
        "deaf",
        &world.scene.instance,
        &world.database,
        &world.node.url(),
        "ws://127.0.0.1:1",
    )
    .await;
    world.scene.convert_many(3).await;
    // Then nothing is missing
    world.until_equal(3).await;
    world.until_status("ok").await;
}

/// [M3] [M4]
#[tokio::test]
async fn who_is_credited_does_not_depend_on_when_the_mirror_looks() {
    // Given a mirror that is stopped
    let mut world = World::new().await;
    world.indexer.stop().await.expect("a clean exit");
    // When a code converts, is sold, converts again, and is closed
    let (first, _) = world.scene.convert().await;
    let carol = Keypair::new();
    let (alice, scene) = (&world.scene.alice, &world.scene);
    let referral = pda::referral(&scene.campaign, &scene.code);
    let offer = instructions::propose_owner(&alice.pubkey(), &referral, Some(&carol.pubkey()));
    scene.send(&[offer], &[alice]).await;
    let mint = &scene.opened.mint;
    let accept = [
        vouch_client::token::create_associated_token(
            &scene.company.pubkey(),
            &carol.pubkey(),
            mint,
            &vouch_client::token::TOKEN_PROGRAM_ID,
        ),
        instructions::accept_owner(&carol.pubkey(), &scene.campaign, &referral, false),
    ];
    scene.send(&accept, &[&carol]).await;
    let referee = Keypair::new();
    let convert = scene.conversion_with(&scene.code, &carol.pubkey(), &referee);
    scene.send(&[convert], &[&referee]).await;
    let close = instructions::close_referral(&carol.pubkey(), &referral, &scene.company.pubkey());
    scene.send(&[close], &[&carol]).await;
    // And the mirror is started again
    world.indexer.start_again().await.expect("a start");
    let count = "SELECT count(*) FROM conversions, finality WHERE slot <= finalized_slot";
    until("both are final", async || world.number(count).await == 2).await;
    // Then each owner has the conversion of their time
    let of = |owner: &Keypair| {
        format!(
            "SELECT count(*) FROM conversions WHERE referrer = '{}'",
            owner.pubkey()
        )
    };
    assert_eq!(world.number(&of(&world.scene.alice)).await, 1);
    assert_eq!(world.number(&of(&carol)).await, 1);
    let earlier = format!(
        "SELECT count(*) FROM conversions WHERE address = '{first}' AND referrer = '{}'",
        world.scene.alice.pubkey()
    );
    assert_eq!(world.number(&earlier).await, 1);
    let closed = "SELECT count(*) FROM referrals WHERE closed";
    assert_eq!(world.number(closed).await, 1);
    // And a mirror that is made from nothing is the same, row by row
    until("everything counts", async || {
        world.number("SELECT count(*) FROM maturing").await == 0
    })
    .await;
    let before = world.content().await;
    world.indexer.stop().await.expect("a clean exit");
    world.forget().await;
    world.indexer.start_again().await.expect("a start");
    until("everything is back", async || {
        let counted = "SELECT coalesce(sum(conversions_final), 0)::bigint FROM referral_totals";
        world.number(counted).await == 2
    })
    .await;
    assert_eq!(world.content().await, before);
}

/// [M1] [M5] [M10]
#[tokio::test]
async fn one_wrong_number_does_not_last() {
    // Given a mirror
    let world = World::new().await;
    world.scene.convert_many(2).await;
    world.until_equal(2).await;
    // When the node once tells a final slot of another cluster, and a time of the next century
    let mut wrong = true;
    world.node.behave(move |request, answer| {
        let finalized = request["params"][0]["commitment"] == "finalized";
        match request["method"].as_str() {
            Some("getSlot") if finalized && wrong => {
                wrong = false;
                answer["result"] = json!(900_000_000_000_u64);
            }
            Some("getBlockTime") => answer["result"] = json!(5_000_000_000_u64),
            Some("getMultipleAccounts") => {
                answer["result"]["context"]["slot"] = json!(900_000_000_000_u64);
            }
            _ => {}
        }
        Fate::Sent
    });
    world.scene.convert_many(2).await;
    // Then finality goes on, and no conversion is called mature before its time
    world.until_equal(4).await;
    let clock = "SELECT (final_time - extract(epoch FROM now()))::bigint FROM indexer_state";
    let ahead = world.number(clock).await;
    assert!(ahead <= 30, "{ahead} seconds");
    // And health says that accounts cannot be compared, until they can
    world.until_status("behind").await;
    assert_eq!(
        detail(&world).await,
        "the accounts were not compared for long"
    );
    world.node.behave_well();
    world.until_status("ok").await;
}

/// [M1]
#[tokio::test]
async fn a_list_that_is_out_of_order_is_refused() {
    // Given a stopped mirror, and two conversions in one slot
    let mut world = World::new().await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    world.indexer.stop().await.expect("a clean exit");
    let shared = "SELECT count(*) FROM (SELECT slot FROM transactions GROUP BY slot
         HAVING count(*) > 1) AS several";
    world.scene.convert_many(12).await;
    // When the node lists the transactions of each slot in the wrong order
    world.node.change("getSignaturesForAddress", |result| {
        let list = result.as_array_mut().expect("a list");
        let mut slots: Vec<Vec<Value>> = Vec::new();
        for entry in list.drain(..) {
            match slots.last_mut() {
                Some(slot) if slot[0]["slot"] == entry["slot"] => slot.push(entry),
                _ => slots.push(vec![entry]),
            }
        }
        list.extend(slots.into_iter().flat_map(|slot| slot.into_iter().rev()));
    });
    world.indexer.start_again().await.expect("a start");
    world.until_detail("is listed out of order").await;
    // And rightly after that, then the mirror equals the chain
    world.node.behave_well();
    world.until_equal(13).await;
    // And the test did what it says
    assert!(world.number(shared).await > 0, "no two in one slot");
}
