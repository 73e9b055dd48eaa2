//! Webhooks from a transaction on the chain to a server that verifies their signatures. Numbers in
//! brackets refer to `docs/INVARIANTS.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use vouch_client::{Code, accounts::Settings, instructions, pda, token};
use vouch_localnet::{Service, ServiceSpec, built_binary};
use vouch_product_tests::{
    Fate, REWARD, Reaction, Receiver, World, key, start_webhooks, until, webhooks, webhooks_json,
};

const HOOK: &str = "/hook";

/// Adds an endpoint at this path. Returns its id and its secret.
async fn endpoint(world: &World, receiver: &Receiver, path: &str, types: &str) -> (String, String) {
    let campaign = world.scene.campaign.to_string();
    until("the campaign is mirrored", async || {
        world.number("SELECT count(*) FROM campaigns").await == 1
    })
    .await;
    let url = receiver.url(path);
    let mut arguments = vec![
        "endpoint",
        "add",
        "--allow-private",
        "--campaign",
        &campaign,
    ];
    arguments.extend(["--url", &url]);
    if !types.is_empty() {
        arguments.extend(["--types", types]);
    }
    let added = webhooks_json(&world.database, &arguments).await;
    let text = |field: &str| added[field].as_str().expect("text").to_owned();
    (text("id"), text("secret"))
}

/// The endpoint as the list has it.
async fn listed(world: &World, id: &str) -> Value {
    let list = webhooks_json(&world.database, &["endpoint", "list"]).await;
    let list = list.as_array().expect("a list").clone();
    let found = list.into_iter().find(|endpoint| endpoint["id"] == id);
    found.expect("the endpoint")
}

fn told(kind: &str, subject: &impl ToString) -> (String, String) {
    (kind.to_owned(), subject.to_string())
}

fn rfc3339(unix: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(unix).expect("a time");
    time.format(&Rfc3339).expect("a text")
}

/// The slot of a transaction, as the chain has it.
async fn slot(world: &World, signature: &Signature) -> u64 {
    // Without the history, a node remembers it for 150 blocks only
    let rpc = &world.scene.rpc;
    let statuses = rpc.get_signature_statuses_with_history(&[*signature]).await;
    let status = statuses.expect("an answer").value.remove(0);
    status.expect("a status").slot
}

/// The messages about milestones when Alice's code has this many conversions.
fn milestones(world: &World, conversions: usize) -> BTreeSet<(String, String)> {
    let reached = [1, 5, 10, 25, 50, 100].into_iter();
    let reached = reached.filter(|least| *least <= conversions);
    let alice = world.scene.alice.pubkey();
    reached
        .map(|least| told("milestone.reached", &format!("{alice} conversions_{least}")))
        .collect()
}

/// The only message of this type about this account, without its number.
fn message(receiver: &Receiver, kind: &str, subject: &impl ToString) -> Value {
    let wanted = told(kind, subject);
    let mut found: Vec<_> = receiver
        .accepted(HOOK)
        .into_values()
        .filter(|message| key(message) == wanted)
        .collect();
    assert_eq!(found.len(), 1, "{wanted:?}");
    let mut message = found.remove(0);
    let fields = message.as_object_mut().expect("an object");
    let number = fields.remove("sequence").and_then(|it| it.as_i64());
    assert!(number.is_some_and(|number| number > 0), "{number:?}");
    message
}

/// [W1] [W2]
#[tokio::test]
async fn a_conversion_is_told_from_its_confirmation_to_its_payment() {
    // Given a campaign that holds rewards, and an endpoint that wants everything
    const HOLD: u32 = 30;
    let settings = Settings {
        hold_seconds: HOLD,
        ..Settings::fixed(REWARD)
    };
    let world = World::with(settings).await;
    let receiver = Receiver::start().await;
    let (_, secret) = endpoint(&world, &receiver, HOOK, "").await;
    let scene = &world.scene;
    let mut service = start_webhooks("webhooks", &scene.instance, &world.database, &[]).await;
    // When two wallets convert, and one of the conversions is cancelled
    let referee = Keypair::new();
    let sale = scene.send(&[scene.conversion(&referee)], &[&referee]).await;
    let kept = pda::conversion(&scene.campaign, &referee.pubkey().to_bytes());
    let (cancelled, _) = scene.convert().await;
    let (company, alice) = (&scene.company, &scene.alice);
    let record = scene.recorded(&cancelled).await;
    let cancel = scene.offer(&scene.code, &alice.pubkey(), |offer| {
        instructions::cancel_conversion(offer, &cancelled, &record)
    });
    let cancellation = scene.send(&[cancel], &[]).await;
    // And somebody registers a code, which is suspended, resumed and closed
    let bob = Keypair::new();
    let code: Code = "BRAVE234".parse().expect("a code");
    let registration = scene.register(&bob, &code).await;
    let brave = pda::referral(&scene.campaign, &code);
    for suspended in [true, false] {
        let change =
            instructions::set_suspended(&company.pubkey(), &scene.campaign, &brave, suspended);
        scene.send(&[change], &[]).await;
    }
    let close = instructions::close_referral(&bob.pubkey(), &brave, &company.pubkey());
    scene.send(&[close], &[&bob]).await;
    // And the reward is claimed when its hold is over
    until("it is told that the hold is over", async || {
        receiver
            .told(HOOK)
            .contains(&told("conversion.matured", &kept))
    })
    .await;
    let record = scene.recorded(&kept).await;
    let claim = scene.offer(&scene.code, &alice.pubkey(), |offer| {
        instructions::claim(offer, &kept, &record)
    });
    let claim = scene.send(&[claim], &[]).await;
    // Then each of these facts is told once, and nothing else
    let azure = pda::referral(&scene.campaign, &scene.code);
    let mut expected: BTreeSet<_> = [
        told("code.created", &azure),
        told("code.created", &brave),
        told("code.suspended", &brave),
        told("code.resumed", &brave),
        told("code.closed", &brave),
        told("conversion.confirmed", &kept),
        told("conversion.confirmed", &cancelled),
        told("conversion.final", &kept),
        told("conversion.final", &cancelled),
        told("conversion.cancelled", &cancelled),
        told("conversion.matured", &kept),
        told("conversion.paid", &kept),
    ]
    .into();
    expected.extend(milestones(&world, 1));
    until("the payment is told", async || {
        receiver
            .told(HOOK)
            .contains(&told("conversion.paid", &kept))
    })
    .await;
    until("the milestone is told", async || {
        receiver.told(HOOK).is_superset(&milestones(&world, 1))
    })
    .await;
    assert_eq!(receiver.told(HOOK), expected);
    assert_eq!(receiver.arrivals(HOOK).len(), expected.len());
    for arrival in receiver.arrivals(HOOK) {
        assert!(arrival.is_signed_by(&secret), "{:?}", arrival.headers);
        assert!(!arrival.is_signed_by("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    }
    // And their numbers have the order of the chain, however the messages came
    let mut final_facts: Vec<_> = receiver
        .accepted(HOOK)
        .into_values()
        .filter(|message| message["data"]["commitment"] == "finalized")
        .filter(|message| message["type"] != "conversion.matured")
        .map(|message| {
            let number = message["sequence"].as_i64().expect("a number");
            (number, message["data"]["slot"].as_u64().expect("a slot"))
        })
        .collect();
    final_facts.sort_unstable();
    assert_eq!(final_facts.len(), 9);
    assert!(
        final_facts.is_sorted_by_key(|(_, slot)| *slot),
        "{final_facts:?}"
    );
    // And what is told of the conversion is what the chain has
    let converted_at = record.converted_at;
    let mut data = json!({
        "conversion": kept.to_string(),
        "campaign": scene.campaign.to_string(),
        "referral": azure.to_string(),
        "code": "AZURE234",
        "referrer": alice.pubkey().to_string(),
        "partner": null,
        "referee": referee.pubkey().to_string(),
        "action": "signup",
        "amount": u64::MAX.to_string(),
        "reference": null,
        "rewards": { "referrer": "5000000", "referee": "0", "partner": "0" },
        "converted_at": rfc3339(converted_at),
        "claimable_from": rfc3339(converted_at + i64::from(HOLD)),
        "commitment": "confirmed",
        "slot": slot(&world, &sale).await,
        "signature": sale.to_string(),
    });
    let expect = |kind: &str, time: i64, data: &Value| json!({ "type": kind, "timestamp": rfc3339(time), "data": data });
    assert_eq!(
        message(&receiver, "conversion.confirmed", &kept),
        expect("conversion.confirmed", converted_at, &data)
    );
    data["commitment"] = "finalized".into();
    assert_eq!(
        message(&receiver, "conversion.final", &kept),
        expect("conversion.final", converted_at, &data)
    );
    let matured = converted_at + i64::from(HOLD);
    assert_eq!(
        message(&receiver, "conversion.matured", &kept),
        expect("conversion.matured", matured, &data)
    );
    // And so are the payment, the cancellation and the code
    let (account, _) = pda::associated_token(
        &alice.pubkey(),
        &scene.opened.mint,
        &token::TOKEN_PROGRAM_ID,
    );
    let of_code = |code: &str, referral: &Pubkey| {
        json!({
            "campaign": scene.campaign.to_string(),
            "referral": referral.to_string(),
            "code": code,
            "commitment": "finalized",
        })
    };
    let with = |mut data: Value, more: Value| {
        let fields = more.as_object().expect("an object").clone();
        data.as_object_mut().expect("an object").extend(fields);
        data
    };
    for (kind, subject, signature, data) in [
        (
            "conversion.paid",
            &kept,
            &claim,
            with(
                of_code("AZURE234", &azure),
                json!({
                    "conversion": kept.to_string(),
                    "part": "referrer",
                    "recipient": alice.pubkey().to_string(),
                    "account": account.to_string(),
                    "units": REWARD.to_string(),
                    "claimed": true,
                }),
            ),
        ),
        (
            "conversion.cancelled",
            &cancelled,
            &cancellation,
            with(
                of_code("AZURE234", &azure),
                json!({
                    "conversion": cancelled.to_string(),
                    "forgone": REWARD.to_string(),
                }),
            ),
        ),
        (
            "code.created",
            &brave,
            &registration,
            with(
                of_code("BRAVE234", &brave),
                json!({
                    "owner": bob.pubkey().to_string(),
                    "usage_limit": null,
                    "expires_at": null,
                }),
            ),
        ),
    ] {
        let proof = json!({
            "slot": slot(&world, signature).await,
            "signature": signature.to_string(),
        });
        let found = message(&receiver, kind, subject);
        assert_eq!(found["data"], with(data, proof), "{kind}");
        assert_eq!(found["type"], kind);
    }
    service.stop().await.expect("a clean exit");
}

/// From now on no answer of the node knows this transaction, as if its block was abandoned.
fn abandon(world: &World, transaction: &Signature) {
    let hidden = Value::from(transaction.to_string());
    world.node.behave(move |request, answer| {
        let params = &request["params"];
        match request["method"].as_str() {
            Some("getSignaturesForAddress") => {
                if let Some(list) = answer["result"].as_array_mut() {
                    list.retain(|entry| entry["signature"] != hidden);
                }
            }
            Some("getTransaction") if params[0] == hidden => answer["result"] = Value::Null,
            Some("getSignatureStatuses") if params[0][0] == hidden => {
                answer["result"]["value"] = json!([null]);
            }
            _ => {}
        }
        Fate::Sent
    });
}

/// [W3]
#[tokio::test]
async fn what_was_abandoned_is_retracted_and_nothing_of_it_was_called_final() {
    // Given an endpoint that is told of a confirmed conversion
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let types = "conversion.confirmed,conversion.retracted,conversion.final,conversion.paid";
    endpoint(&world, &receiver, HOOK, types).await;
    let scene = &world.scene;
    let _service = start_webhooks("webhooks", &scene.instance, &world.database, &[]).await;
    let (conversion, signature) = scene.convert().await;
    until("it is told", async || !receiver.accepted(HOOK).is_empty()).await;
    let (first, confirmed) = receiver.accepted(HOOK).pop_first().expect("a message");
    assert_eq!(key(&confirmed), told("conversion.confirmed", &conversion));
    // When its block is abandoned
    abandon(&world, &signature);
    // Then it is retracted, by a message that names the first
    until("it is retracted", async || {
        receiver.accepted(HOOK).len() == 2
    })
    .await;
    let retracted = message(&receiver, "conversion.retracted", &conversion);
    let mut data = confirmed["data"].clone();
    data["retracts"] = first.clone().into();
    assert_eq!(retracted["data"], data);
    // And though everything else becomes final, nothing of it is told
    let other = scene.convert().await.0;
    until("another conversion is told as final", async || {
        receiver
            .told(HOOK)
            .contains(&told("conversion.final", &other))
    })
    .await;
    let about_it: Vec<_> = receiver
        .accepted(HOOK)
        .into_values()
        .filter(|message| message["data"]["conversion"] == conversion.to_string())
        .map(|message| message["type"].clone())
        .collect();
    let mut about_it: Vec<_> = about_it.iter().map(|kind| kind.as_str()).collect();
    about_it.sort_unstable();
    assert_eq!(
        about_it,
        [Some("conversion.confirmed"), Some("conversion.retracted")]
    );
}

/// [W3]
#[tokio::test]
async fn what_comes_back_is_confirmed_again_under_another_id() {
    // Given a conversion that was told as confirmed, and retracted
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let types = "conversion.confirmed,conversion.retracted,conversion.final";
    endpoint(&world, &receiver, HOOK, types).await;
    let scene = &world.scene;
    let _service = start_webhooks("webhooks", &scene.instance, &world.database, &[]).await;
    let (conversion, signature) = scene.convert().await;
    until("it is told", async || !receiver.accepted(HOOK).is_empty()).await;
    let (first, confirmed) = receiver.accepted(HOOK).pop_first().expect("a message");
    abandon(&world, &signature);
    until("it is retracted", async || {
        receiver.accepted(HOOK).len() == 2
    })
    .await;
    // When it turns out that it was not abandoned
    world.node.behave_well();
    // Then it is confirmed again, and final
    until("it is told as final", async || {
        receiver.accepted(HOOK).len() == 4
    })
    .await;
    let accepted = receiver.accepted(HOOK);
    let ids = |kind: &str| -> Vec<&String> {
        let of_kind = accepted
            .iter()
            .filter(|(_, message)| message["type"] == kind);
        of_kind.map(|(id, _)| id).collect()
    };
    let confirmations = ids("conversion.confirmed");
    assert_eq!(confirmations.len(), 2, "{accepted:?}");
    assert!(confirmations.contains(&&first), "{accepted:?}");
    for id in confirmations {
        assert_eq!(accepted[id]["data"], confirmed["data"]);
    }
    assert_eq!(ids("conversion.retracted").len(), 1);
    assert_eq!(ids("conversion.final").len(), 1);
    assert_eq!(
        message(&receiver, "conversion.final", &conversion)["data"]["signature"],
        signature.to_string()
    );
}

/// The messages about conversions without a hold, and about the campaign's code.
fn all_of(world: &World, conversions: &[Pubkey]) -> BTreeSet<(String, String)> {
    let code = pda::referral(&world.scene.campaign, &world.scene.code);
    let kinds = [
        "conversion.confirmed",
        "conversion.final",
        "conversion.paid",
    ];
    conversions
        .iter()
        .flat_map(|conversion| kinds.map(|kind| told(kind, conversion)))
        .chain([told("code.created", &code)])
        .chain(milestones(world, conversions.len()))
        .collect()
}

/// [W1] [W4]
#[tokio::test]
async fn killed_at_any_moment_with_a_receiver_that_fails_in_every_way() {
    // Given a receiver that fails in every way, and leads to a server that must not be reached
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let trap = Receiver::start().await;
    let (_, secret) = endpoint(&world, &receiver, HOOK, "").await;
    let scene = &world.scene;
    let chance = Arc::new(Mutex::new(StdRng::seed_from_u64(8)));
    let elsewhere = trap.url("/");
    let dice = Arc::clone(&chance);
    receiver.react(
        move |_, _| match dice.lock().expect("a die").gen_range(0..6) {
            0 => Reaction::Status(500),
            1 => Reaction::Silence,
            2 => Reaction::Close,
            3 => Reaction::Redirect(elsewhere.clone()),
            4 => Reaction::Status(429),
            _ => Reaction::Status(200),
        },
    );
    // And two senders
    let mut senders = Vec::new();
    for name in ["first", "second"] {
        senders.push(start_webhooks(name, &scene.instance, &world.database, &[]).await);
    }
    // When wallets convert, and the senders are killed at random moments
    let converted = Mutex::new(Vec::new());
    let crowd = async {
        for _ in 0..12 {
            let conversion = scene.convert().await.0;
            converted.lock().expect("a list").push(conversion);
        }
    };
    let kills = async {
        for round in 0..16_usize {
            let moment = chance.lock().expect("a die").gen_range(0..700);
            tokio::time::sleep(Duration::from_millis(moment)).await;
            let sender = &mut senders[round % 2];
            sender.kill().await.expect("it ran");
            sender.start_again().await.expect("a start");
        }
    };
    tokio::join!(crowd, kills);
    // And the receiver is well at last
    receiver.react(|_, _| Reaction::Status(200));
    // Then every fact was told, under one id, with one content
    let converted = converted.into_inner().expect("a list");
    let expected = all_of(&world, &converted);
    until("everything is told", async || {
        receiver.told(HOOK).len() >= expected.len()
    })
    .await;
    assert_eq!(receiver.told(HOOK), expected);
    let mut ids = BTreeMap::<_, BTreeSet<_>>::new();
    for arrival in receiver.arrivals(HOOK) {
        assert!(arrival.is_signed_by(&secret));
        ids.entry(key(&arrival.message()))
            .or_default()
            .insert(arrival.id());
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");
    // And no redirect was followed
    assert_eq!(trap.arrivals("/").len(), 0);
    // And what failed is on record
    let failed =
        "SELECT count(*) FROM webhook_deliveries WHERE attempts > 1 AND delivered_at IS NOT NULL";
    assert!(world.number(failed).await > 0);
    until("nothing waits", async || {
        world
            .number("SELECT count(*) FROM webhook_deliveries WHERE next_try IS NOT NULL")
            .await
            == 0
    })
    .await;
}

/// [W4]
#[tokio::test]
async fn two_senders_side_by_side_send_nothing_twice() {
    // Given two senders, and a receiver that is well
    let world = World::new().await;
    let receiver = Receiver::start().await;
    endpoint(&world, &receiver, HOOK, "").await;
    let scene = &world.scene;
    let mut senders = Vec::new();
    for name in ["first", "second"] {
        // An attempt that takes long on a busy machine is no failure.
        let patient = [("WEBHOOKS_TIMEOUT_SECONDS", "30")];
        senders.push(start_webhooks(name, &scene.instance, &world.database, &patient).await);
    }
    // When many wallets convert
    let converted = futures::future::join_all((0..20).map(|_| scene.convert())).await;
    let converted: Vec<_> = converted.into_iter().map(|(address, _)| address).collect();
    // Then every message is sent once
    let expected = all_of(&world, &converted);
    until("everything is told", async || {
        receiver.told(HOOK).len() >= expected.len()
    })
    .await;
    assert_eq!(receiver.told(HOOK), expected);
    assert_eq!(receiver.arrivals(HOOK).len(), expected.len());
    for mut sender in senders {
        sender.stop().await.expect("a clean exit");
    }
}

/// [W5] [W6]
#[tokio::test]
async fn an_endpoint_that_fails_is_disabled_and_disturbs_nobody() {
    // Given an endpoint that is well, one that always fails, and one that is gone
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let (well, _) = endpoint(&world, &receiver, "/well", "conversion.final").await;
    let (failing, _) = endpoint(&world, &receiver, "/failing", "conversion.final").await;
    let (gone, _) = endpoint(&world, &receiver, "/gone", "conversion.final").await;
    receiver.react(|path, _| {
        Reaction::Status(match path {
            "/failing" => 500,
            "/gone" => 410,
            _ => 200,
        })
    });
    let scene = &world.scene;
    let brief = [("WEBHOOKS_RETRY_FOR_SECONDS", "2")];
    let service = start_webhooks("webhooks", &scene.instance, &world.database, &brief).await;
    // When a wallet converts
    let conversion = scene.convert().await.0;
    // Then the first is told, and the others are disabled, with the reason
    until("both are disabled", async || {
        listed(&world, &failing).await["enabled"] == false
            && listed(&world, &gone).await["enabled"] == false
    })
    .await;
    let expected = BTreeSet::from([told("conversion.final", &conversion)]);
    assert_eq!(receiver.told("/well"), expected);
    assert_eq!(listed(&world, &well).await["enabled"], true);
    let reason = listed(&world, &failing).await["disabled_reason"].clone();
    let reason = reason.as_str().expect("a reason");
    assert!(
        reason.starts_with("all attempts failed since 20"),
        "{reason}"
    );
    assert!(reason.ends_with(" UTC; the last: status 500"), "{reason}");
    let reason = listed(&world, &gone).await["disabled_reason"].clone();
    assert_eq!(reason, "it answered 410 Gone");
    assert_eq!(receiver.arrivals("/gone").len(), 1);
    let attempts = receiver.arrivals("/failing").len();
    assert!(attempts > 2, "{attempts}");
    // And the metrics say so
    until("two are counted", async || {
        let metrics = reqwest::get(format!("{}/metrics", service.url())).await;
        let metrics = metrics.expect("an answer").text().await.expect("a text");
        metrics.contains("\nvouch_webhooks_endpoints_disabled 2\n")
            && metrics.contains("\nvouch_webhooks_disabled_total 2\n")
    })
    .await;
    let log = std::fs::read_to_string(service.log()).expect("a log");
    assert!(
        log.contains("the endpoint is disabled: status 500"),
        "{log}"
    );
    // When it is well again, enabled, and the missed messages are replayed
    receiver.react(|_, _| Reaction::Status(200));
    let second = scene.convert().await.0;
    until("the second conversion is told", async || {
        receiver.told("/well").len() == 2
    })
    .await;
    assert_eq!(receiver.arrivals("/failing").len(), attempts);
    webhooks_json(&world.database, &["endpoint", "enable", &failing]).await;
    let from = ["--from", "2020-01-01T00:00:00Z"];
    let replay = ["replay", "--endpoint", &failing, from[0], from[1]];
    let replayed = webhooks_json(&world.database, &replay).await;
    assert_eq!(replayed, json!({ "replayed": 2 }));
    // Then it has them all
    let both = BTreeSet::from([
        told("conversion.final", &conversion),
        told("conversion.final", &second),
    ]);
    until("it is told of both", async || {
        receiver.told("/failing") == both
    })
    .await;
    // And the list of deliveries has their outcome
    let list = ["deliveries", "--endpoint", &failing];
    let rows = webhooks_json(&world.database, &list).await;
    let rows = rows.as_array().expect("a list").clone();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row["last_status"], 200, "{row}");
        assert_eq!(row["attempts"], 1, "{row}");
        assert_eq!(row["next_try"], Value::Null, "{row}");
        assert_ne!(row["delivered_at"], Value::Null, "{row}");
    }
    // And an endpoint that is removed is told nothing more
    webhooks_json(&world.database, &["endpoint", "remove", &failing]).await;
    scene.convert().await;
    until("the third conversion is told", async || {
        receiver.told("/well").len() == 3
    })
    .await;
    assert_eq!(receiver.told("/failing"), both);
}

/// [W1] [W7]
#[tokio::test]
async fn a_budget_is_told_once_while_secrets_change_without_a_gap() {
    // Given a campaign whose budget is enough for five conversions
    let settings = Settings {
        budget: 5 * REWARD,
        ..Settings::fixed(REWARD)
    };
    let world = World::with(settings).await;
    let receiver = Receiver::start().await;
    let types = "campaign.budget_80,campaign.budget_100,conversion.final";
    let (id, first) = endpoint(&world, &receiver, HOOK, types).await;
    let scene = &world.scene;
    let _service = start_webhooks("webhooks", &scene.instance, &world.database, &[]).await;
    let campaign = &scene.campaign;
    let kinds = || -> Vec<String> {
        let accepted = receiver.accepted(HOOK).into_values();
        let budgets = accepted.filter(|message| key(message).1 == campaign.to_string());
        budgets.map(|message| key(&message).0).collect()
    };
    // When three convert, then nothing is told of the budget
    scene.convert_many(3).await;
    until("three are final", async || receiver.told(HOOK).len() == 3).await;
    assert_eq!(kinds(), Vec::<String>::new());
    let signed = |count: usize, expected: &[(&str, bool)]| {
        let arrivals = receiver.arrivals(HOOK);
        let last = arrivals.last().expect("an arrival");
        for (secret, known) in expected {
            assert_eq!(last.is_signed_by(secret), *known);
        }
        let header = last.headers["webhook-signature"].to_str().expect("text");
        assert_eq!(header.split(' ').count(), count, "{header}");
    };
    signed(1, &[(&first, true)]);
    // When the secret is replaced, and a fourth converts, then 80 percent are told, signed by both
    let rotate = |overlap: &'static str| {
        let arguments = ["endpoint", "rotate", "--overlap-hours", overlap, &id]
            .map(str::to_owned)
            .to_vec();
        let database = &world.database;
        async move {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let rotated = webhooks_json(database, &arguments).await;
            rotated["secret"].as_str().expect("a secret").to_owned()
        }
    };
    let second = rotate("1").await;
    scene.convert_many(1).await;
    until("80 percent are told", async || {
        kinds() == ["campaign.budget_80"] && receiver.told(HOOK).len() == 5
    })
    .await;
    signed(2, &[(&first, true), (&second, true)]);
    let told_80 = message(&receiver, "campaign.budget_80", campaign);
    let data = &told_80["data"];
    assert_eq!(data["budget"], "25000000");
    assert_eq!(data["committed"], "20000000");
    assert_eq!(data["remaining"], "5000000");
    assert_eq!(data["commitment"], "finalized");
    // When the old secrets end at once, and a fifth converts, then the rest is told, signed by the
    // last secret alone
    let third = rotate("0").await;
    scene.convert_many(1).await;
    until("all of it is told", async || receiver.told(HOOK).len() == 7).await;
    signed(1, &[(&first, false), (&second, false), (&third, true)]);
    let told_100 = message(&receiver, "campaign.budget_100", campaign);
    assert_eq!(told_100["data"]["committed"], "25000000");
    assert_eq!(told_100["data"]["remaining"], "0");
    // And a message that is replayed by its id is the same
    let (message_id, content) = receiver.accepted(HOOK).pop_first().expect("a message");
    let replay = ["replay", "--endpoint", &id, "--id", &message_id];
    let replayed = webhooks_json(&world.database, &replay).await;
    assert_eq!(replayed, json!({ "replayed": 1 }));
    let again = || {
        let arrivals = receiver.arrivals(HOOK);
        let same = arrivals
            .into_iter()
            .filter(|arrival| arrival.id() == message_id);
        same.collect::<Vec<_>>()
    };
    until("it is sent again", async || again().len() == 2).await;
    assert_eq!(again()[1].message(), content);
    assert!(again()[1].is_signed_by(&third));
    assert_eq!(again()[0].body, again()[1].body);
}

/// [W5]
#[tokio::test]
async fn commands_refuse_what_is_wrong() {
    let world = World::new().await;
    let campaign = world.scene.campaign.to_string();
    until("the campaign is mirrored", async || {
        world.number("SELECT count(*) FROM campaigns").await == 1
    })
    .await;
    let stranger = Pubkey::new_unique().to_string();
    let nobody = "00000000-0000-0000-0000-000000000000";
    fn open<'a>(campaign: &'a str, url: &'a str) -> Vec<&'a str> {
        ["endpoint", "add", "--campaign", campaign, "--url", url].to_vec()
    }
    for (arguments, expected) in [
        (
            open(&campaign, "http://example.com/"),
            "error: the URL does not begin with https://\n".to_owned(),
        ),
        (
            open(&campaign, "https://127.0.0.1/"),
            "error: the address is not on the public Internet\n".to_owned(),
        ),
        (
            open(&campaign, "https://localhost/"),
            "error: the address is not on the public Internet\n".to_owned(),
        ),
        (
            open(&stranger, "https://1.1.1.1/"),
            format!("error: the mirror has no campaign {stranger}\n"),
        ),
        (
            ["endpoint", "enable", nobody].to_vec(),
            format!("error: there is no endpoint {nobody}\n"),
        ),
        (
            ["endpoint", "rotate", nobody].to_vec(),
            format!("error: there is no endpoint {nobody}\n"),
        ),
        (
            ["replay", "--endpoint", nobody, "--id", "msg_1"].to_vec(),
            format!("error: there is no endpoint {nobody}\n"),
        ),
    ] {
        let output = webhooks(&world.database, &arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, expected, "{arguments:?}");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
    // And a campaign has at most ten endpoints
    for number in 0..10 {
        let url = format!("https://1.1.1.1/{number}");
        webhooks_json(&world.database, &open(&campaign, &url)).await;
    }
    let output = webhooks(&world.database, &open(&campaign, "https://1.1.1.1/")).await;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: a campaign has at most 10 endpoints\n"
    );
    // And what was not told cannot be told again
    let rows = webhooks_json(&world.database, &["endpoint", "list"]).await;
    let id = rows[0]["id"].as_str().expect("an id");
    let replay = ["replay", "--endpoint", id, "--id", "msg_1"];
    let output = webhooks(&world.database, &replay).await;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("error: the campaign of endpoint {id} has no message msg_1\n")
    );
    // And the list does not tell secrets
    let list = webhooks(&world.database, &["endpoint", "list"]).await;
    let said = String::from_utf8_lossy(&list.stdout).into_owned();
    assert_eq!(said.matches("\"url\"").count(), 10);
    assert!(!said.contains("whsec"), "{said}");
}

/// A keeper without a key, which watches the vaults.
async fn start_keeper(world: &World) -> Service {
    let mut keeper = Service::start(ServiceSpec {
        name: "keeper".to_owned(),
        binary: built_binary("vouch-keeper").expect("the keeper is built"),
        args: Vec::new(),
        dir: world.scene.instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: vec![
            ("DATABASE_URL".to_owned(), world.database.url().to_owned()),
            ("RPC_URL".to_owned(), world.node.url()),
            ("KEEPER_WATCH_SECONDS".to_owned(), "1".to_owned()),
        ],
    })
    .await
    .expect("the keeper listens");
    keeper.wait_healthy().await.expect("a healthy keeper");
    keeper
}

/// [W1]
#[tokio::test]
async fn milestones_and_shortages_are_told_once_though_everything_is_killed() {
    // Given a campaign whose vault has enough for one reward of 70, and one that mints
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let scene = &world.scene;
    endpoint(&world, &receiver, "/milestones", "milestone.reached").await;
    let vault = scene.open_vault(70, 100).await;
    let address = vault.address.to_string();
    until("the campaign is mirrored", async || {
        world.number("SELECT count(*) FROM campaigns").await == 2
    })
    .await;
    let url = receiver.url(HOOK);
    let add = ["endpoint", "add", "--allow-private", "--campaign", &address];
    let wanted = ["--url", &url, "--types", "campaign.vault_short"];
    webhooks_json(&world.database, &[&add[..], &wanted].concat()).await;
    let mut keeper = start_keeper(&world).await;
    let mut service = start_webhooks("webhooks", &scene.instance, &world.database, &[]).await;
    // When five wallets convert in the one, and the service is killed meanwhile
    let alice = scene.alice.pubkey();
    scene.convert().await;
    until("the first milestone is told", async || {
        receiver.told("/milestones") == milestones(&world, 1)
    })
    .await;
    service.kill().await.expect("it ran");
    scene.convert_many(4).await;
    until("the second milestone is awarded", async || {
        world.number("SELECT count(*) FROM awards").await == 2
    })
    .await;
    service.start_again().await.expect("a start");
    // Then both milestones are told, each once
    until("the second milestone is told", async || {
        receiver.told("/milestones") == milestones(&world, 5)
    })
    .await;
    let second = receiver.accepted("/milestones").into_values();
    let second = second.map(|message| message["data"].clone());
    let second: Vec<_> = second.filter(|data| data["conversions"] == 5).collect();
    let expected = json!({
        "campaign": scene.campaign.to_string(),
        "referrer": alice.to_string(),
        "badge": "conversions_5",
        "title": "Five referrals",
        "conversions": 5,
    });
    assert_eq!(second, [expected]);
    // When a wallet converts in the other, then what is left of the vault is not enough for the next
    assert_eq!(receiver.arrivals(HOOK).len(), 0);
    scene.convert_in(&vault).await;
    let shortages = || receiver.accepted(HOOK);
    until("the shortage is told", async || shortages().len() == 1).await;
    let (first, message) = shortages().pop_first().expect("a message");
    assert_eq!(message["type"], "campaign.vault_short");
    let data = &message["data"];
    for (field, expected) in [
        ("campaign", address.as_str()),
        ("balance", "100"),
        ("owed", "70"),
        ("next_reward", "70"),
    ] {
        assert_eq!(data[field], expected, "{field}");
    }
    // And not again, though both are killed, and the vault is looked at again
    service.kill().await.expect("it ran");
    keeper.kill().await.expect("it ran");
    service.start_again().await.expect("a start");
    keeper.start_again().await.expect("a start");
    let slot = "SELECT slot FROM vaults";
    let at = world.number(slot).await;
    until("it is read again", async || world.number(slot).await > at).await;
    // When the company pays in, then it is not short; and when it is again, then that is told, too
    let program = token::TOKEN_PROGRAM_ID;
    let (mint, to) = (vault.opened.mint, vault.opened.vault);
    let deposit = token::mint_to(&program, &mint, &to, &scene.company.pubkey(), 40);
    scene.send(&[deposit], &[]).await;
    until("the vault has recovered", async || {
        let recovered = "SELECT count(*) FROM vaults WHERE balance = 140 AND short_since IS NULL";
        world.number(recovered).await == 1
    })
    .await;
    assert_eq!(shortages().len(), 1);
    scene.convert_in(&vault).await;
    until("the second shortage is told", async || {
        shortages().len() == 2
    })
    .await;
    let second = shortages().into_iter().find(|(id, _)| *id != first);
    let (_, message) = second.expect("another message");
    assert_eq!(message["data"]["owed"], "140");
    assert_eq!(receiver.arrivals(HOOK).len(), 2);
    assert_eq!(receiver.told("/milestones"), milestones(&world, 5));
    service.stop().await.expect("a clean exit");
    keeper.stop().await.expect("a clean exit");
}
