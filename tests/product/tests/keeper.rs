//! The keeper on a real validator, with a real indexer and Postgres. Its effects are read from the
//! chain: token balances, and the transactions of its key. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use solana_client::rpc_client::GetConfirmedSignaturesForAddress2Config;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
    signer::keypair::write_keypair_file,
};
use vouch_client::{
    Code,
    accounts::{Settings, Status},
    instructions::{self, CreateReferral},
    pda, token,
};
use vouch_localnet::{Service, ServiceSpec, built_binary};
use vouch_product_tests::{Fate, REWARD, SOL, World, fund, health, until};

/// Seconds for which the campaigns of these tests hold rewards.
const HOLD: u32 = 4;

/// A campaign that holds rewards, and a key with SOL.
struct Kept {
    world: World,
    key: Keypair,
}

impl Kept {
    async fn new() -> Self {
        Self::holding(HOLD).await
    }

    async fn holding(hold_seconds: u32) -> Self {
        let settings = Settings {
            hold_seconds,
            ..Settings::fixed(REWARD)
        };
        let world = World::with(settings).await;
        let key = Keypair::new();
        fund(&world.scene.rpc, &key.pubkey()).await;
        Self { world, key }
    }

    /// A keeper that asks the faulty node.
    async fn keeper(&self, name: &str, settings: &[(&str, &str)]) -> Service {
        self.keeper_with(name, Some(&self.key), settings).await
    }

    async fn keeper_with(
        &self,
        name: &str,
        key: Option<&Keypair>,
        settings: &[(&str, &str)],
    ) -> Service {
        let mut env = vec![
            (
                "DATABASE_URL".to_owned(),
                self.world.database.url().to_owned(),
            ),
            ("RPC_URL".to_owned(), self.world.node.url()),
            // So that tests do not wait long.
            ("KEEPER_FIRST_PAUSE_SECONDS".to_owned(), "1".to_owned()),
            ("KEEPER_LAST_PAUSE_SECONDS".to_owned(), "2".to_owned()),
            ("KEEPER_WATCH_SECONDS".to_owned(), "1".to_owned()),
        ];
        if let Some(key) = key {
            let file = self.world.scene.instance.dir().join(format!("{name}.json"));
            write_keypair_file(key, &file).expect("a key file");
            env.push(("KEEPER_KEYPAIR".into(), file.to_string_lossy().into_owned()));
        }
        env.retain(|(name, _)| settings.iter().all(|(other, _)| name != other));
        env.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        Service::start(ServiceSpec {
            name: name.to_owned(),
            binary: built_binary("vouch-keeper").expect("the keeper is built"),
            args: Vec::new(),
            dir: self.world.scene.instance.dir().to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            env,
        })
        .await
        .expect("the keeper listens")
    }

    /// Base units that the wallet holds.
    async fn tokens(&self, owner: &Pubkey) -> u64 {
        let mint = &self.world.scene.opened.mint;
        let (account, _) = pda::associated_token(owner, mint, &token::TOKEN_PROGRAM_ID);
        match self.world.scene.rpc.get_account_data(&account).await {
            Ok(data) => token::balance(&data).expect("a token account"),
            Err(_) => 0,
        }
    }

    async fn until_tokens(&self, owner: &Pubkey, units: u64) {
        until(&format!("{owner} has {units}"), async || {
            self.tokens(owner).await == units
        })
        .await;
    }

    /// The transactions that the key has paid for, and whether each succeeded, once all are final.
    async fn paid_by(&self, key: &Pubkey) -> Vec<(Signature, bool)> {
        self.world.scene.until_final().await;
        let config = GetConfirmedSignaturesForAddress2Config {
            commitment: Some(CommitmentConfig::finalized()),
            ..Default::default()
        };
        let rpc = &self.world.scene.rpc;
        let listed = rpc
            .get_signatures_for_address_with_config(key, config)
            .await;
        let mut paid = Vec::new();
        for entry in listed.expect("signatures") {
            let signature: Signature = entry.signature.parse().expect("a signature");
            // The airdrop names the key, too, but is signed by another one.
            if self.is_intent(&signature).await {
                paid.push((signature, entry.err.is_none()));
            } else {
                assert!(entry.err.is_none(), "only the airdrop was not meant");
            }
        }
        // One airdrop for each key.
        let total = rpc
            .get_signatures_for_address(key)
            .await
            .expect("signatures")
            .len();
        assert_eq!(total, paid.len() + 1, "a transaction without an intent");
        paid
    }

    async fn is_intent(&self, signature: &Signature) -> bool {
        let sql = format!("SELECT count(*) FROM keeper_intents WHERE signature = '{signature}'");
        self.world.number(&sql).await == 1
    }

    /// Waits until nothing is left to do and no intent is open.
    async fn until_idle(&self) {
        until("nothing is left to do", async || {
            let tasks = self.world.number("SELECT count(*) FROM keeper_tasks").await;
            tasks + self.intents("open").await == 0
        })
        .await;
    }

    async fn intents(&self, state: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM keeper_intents WHERE state = '{state}'");
        self.world.number(&sql).await
    }

    async fn until_intents(&self, state: &str, count: i64) {
        let what = format!("{count} intents are {state}");
        until(&what, async || self.intents(state).await == count).await;
    }

    async fn is_pending(&self, conversion: &Pubkey) -> bool {
        self.world.scene.recorded(conversion).await.status == Status::Pending
    }

    async fn reason(&self, conversion: &Pubkey) -> String {
        let sql = format!("SELECT reason FROM keeper_tasks WHERE subject = '{conversion}'");
        let reason: Option<Option<String>> = sqlx::query_scalar(&sql)
            .fetch_optional(&self.world.pool)
            .await
            .expect("a query");
        reason.flatten().unwrap_or_default()
    }
}

async fn until_status(keeper: &Service, expected: &str) {
    until(expected, async || {
        health(keeper).await["status"] == expected
    })
    .await;
}

/// As a node that has taken the transaction.
fn taken(request: &Value) -> Value {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let bytes = request["params"][0].as_str().expect("a transaction");
    let bytes = BASE64_STANDARD.decode(bytes).expect("base64");
    let signature = Signature::try_from(&bytes[1..65]).expect("a signature");
    json!({ "result": signature.to_string() })
}

/// [K3]
#[tokio::test]
async fn held_rewards_are_paid_exactly_once_without_anybodys_doing() {
    // Given five sign-ups whose rewards are held, and a keeper
    let kept = Kept::new().await;
    let alice = kept.world.scene.alice.pubkey();
    let mut keeper = kept.keeper("keeper", &[]).await;
    keeper.wait_healthy().await.expect("a healthy keeper");
    let before = kept
        .world
        .scene
        .rpc
        .get_balance(&kept.key.pubkey())
        .await
        .expect("a balance");
    kept.world.scene.convert_many(5).await;
    assert_eq!(kept.tokens(&alice).await, 0);
    // When the hold is over, then Alice is paid
    kept.until_tokens(&alice, 5 * REWARD).await;
    kept.until_idle().await;
    // And it took fewer transactions than sign-ups, none of which failed
    let paid = kept.paid_by(&kept.key.pubkey()).await;
    assert!((1..5).contains(&paid.len()), "{paid:?}");
    assert!(paid.iter().all(|(_, succeeded)| *succeeded), "{paid:?}");
    let several = "SELECT max(cardinality(subjects))::bigint FROM keeper_intents";
    assert!(kept.world.number(several).await > 1);
    // And each sign-up was in one of them
    let subjects = "SELECT count(*) FROM (SELECT unnest(subjects) FROM keeper_intents) AS it";
    assert_eq!(kept.world.number(subjects).await, 5);
    // And the key paid what the intents say, and nothing else
    let after = kept
        .world
        .scene
        .rpc
        .get_balance(&kept.key.pubkey())
        .await
        .expect("a balance");
    let fees = kept
        .world
        .number("SELECT sum(fee)::bigint FROM keeper_intents")
        .await;
    assert_eq!(i64::try_from(before - after).expect("a fee"), fees);
    assert_eq!(kept.tokens(&alice).await, 5 * REWARD);
    // And its metrics tell it
    let url = format!("{}/metrics", keeper.url());
    let metrics = reqwest::get(url)
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    let landed = "vouch_keeper_tasks_total{kind=\"claim\",outcome=\"landed\"} 5";
    assert!(metrics.contains(landed), "{metrics}");
    let fees = format!("vouch_keeper_fees_lamports_total {fees}");
    assert!(metrics.contains(&fees), "{metrics}");
    keeper.stop().await.expect("a clean exit");
}

/// [K5]
#[tokio::test]
async fn what_cannot_be_paid_waits_with_its_reason_and_delays_nobody() {
    // Given Carol's code, who has no token account
    let kept = Kept::new().await;
    let scene = &kept.world.scene;
    let (carol, code): (_, Code) = (Keypair::new(), "BRAVE234".parse().expect("a code"));
    let company = scene.company.pubkey();
    let register = CreateReferral::new(&company, &carol.pubkey(), &scene.campaign, &code);
    scene
        .send(&[instructions::create_referral(&register)], &[&carol])
        .await;
    // And sign-ups with both codes
    let referee = Keypair::new();
    let convert = scene.conversion_with(&code, &carol.pubkey(), &referee);
    scene.send(&[convert], &[&referee]).await;
    let carols = pda::conversion(&scene.campaign, &referee.pubkey().to_bytes());
    scene.convert_many(3).await;
    // When the holds are over, then Alice is paid, and Carol's reward waits
    let _keeper = kept.keeper("keeper", &[]).await;
    let alice = scene.alice.pubkey();
    kept.until_tokens(&alice, 3 * REWARD).await;
    let reason = "Nothing to claim now; referrer: no token account";
    until(reason, async || {
        kept.reason(&carols)
            .await
            .to_lowercase()
            .ends_with("referrer: no token account")
    })
    .await;
    // And it was tried again, without a transaction
    let tries = "SELECT max(tries)::bigint FROM keeper_tasks";
    until("it is tried again", async || {
        kept.world.number(tries).await > 2
    })
    .await;
    assert!(kept.is_pending(&carols).await);
    // When Carol has a token account, then she is paid
    let create = token::create_associated_token(
        &company,
        &carol.pubkey(),
        &scene.opened.mint,
        &token::TOKEN_PROGRAM_ID,
    );
    scene.send(&[create], &[]).await;
    kept.until_tokens(&carol.pubkey(), REWARD).await;
    kept.until_idle().await;
    // And nothing that was sent failed
    let paid = kept.paid_by(&kept.key.pubkey()).await;
    assert!(paid.iter().all(|(_, succeeded)| *succeeded), "{paid:?}");
    assert_eq!(kept.tokens(&alice).await, 3 * REWARD);
}

/// [K1]
#[tokio::test]
async fn killed_between_intent_and_sending_it_sends_the_same_transaction() {
    // Given a node that never takes the transaction
    let kept = Kept::new().await;
    let alice = kept.world.scene.alice.pubkey();
    kept.world.node.keep_away(|request| {
        (request["method"] == "sendTransaction")
            .then(|| (taken(request), Fate::Late(Duration::from_secs(600))))
    });
    let mut keeper = kept.keeper("keeper", &[]).await;
    kept.world.scene.convert_many(2).await;
    // When the keeper dies after it has written its intent
    kept.until_intents("open", 1).await;
    keeper.kill().await.expect("it ran");
    let signature: String = sqlx::query_scalar("SELECT signature FROM keeper_intents")
        .fetch_one(&kept.world.pool)
        .await
        .expect("an intent");
    assert_eq!(
        kept.paid_by(&kept.key.pubkey()).await,
        [],
        "nothing was sent"
    );
    // And starts again, and the node is well
    kept.world.node.behave_well();
    keeper.start_again().await.expect("a start");
    // Then it sends that very transaction, and no other
    kept.until_tokens(&alice, 2 * REWARD).await;
    kept.until_idle().await;
    let sent = signature.parse().expect("a signature");
    assert_eq!(kept.paid_by(&kept.key.pubkey()).await, [(sent, true)]);
    assert_eq!(kept.tokens(&alice).await, 2 * REWARD);
}

/// [K2]
#[tokio::test]
async fn killed_between_sending_and_confirmation_it_sends_nothing_twice() {
    // Given a node that does not say what became of transactions
    let kept = Kept::new().await;
    let alice = kept.world.scene.alice.pubkey();
    kept.world.node.keep_away(|request| {
        (request["method"] == "getSignatureStatuses").then(|| (json!({}), Fate::Refused(60)))
    });
    let mut keeper = kept.keeper("keeper", &[]).await;
    kept.world.scene.convert_many(2).await;
    // When the transaction is in a block, and the keeper dies
    kept.until_tokens(&alice, 2 * REWARD).await;
    keeper.kill().await.expect("it ran");
    kept.until_intents("open", 1).await;
    // And starts again, and the node is well
    kept.world.node.behave_well();
    keeper.start_again().await.expect("a start");
    // Then it finds the transaction, and sends no other
    kept.until_intents("landed", 1).await;
    kept.until_idle().await;
    assert_eq!(kept.paid_by(&kept.key.pubkey()).await.len(), 1);
    assert_eq!(kept.tokens(&alice).await, 2 * REWARD);
}

/// [K1]
#[tokio::test]
async fn keepers_side_by_side_send_each_claim_once() {
    // Given three keepers, two of them with the same key
    let kept = Kept::new().await;
    let other = Keypair::new();
    fund(&kept.world.scene.rpc, &other.pubkey()).await;
    let _first = kept.keeper("first", &[]).await;
    let _second = kept.keeper("second", &[]).await;
    let _third = kept.keeper_with("third", Some(&other), &[]).await;
    // When sign-ups mature, a few at a time
    for _ in 0..4 {
        kept.world.scene.convert_many(6).await;
    }
    let alice = kept.world.scene.alice.pubkey();
    kept.until_tokens(&alice, 24 * REWARD).await;
    kept.until_idle().await;
    // Then every transaction of either key succeeded, and is one that was meant
    let mut paid = kept.paid_by(&kept.key.pubkey()).await;
    paid.extend(kept.paid_by(&other.pubkey()).await);
    assert!(paid.iter().all(|(_, succeeded)| *succeeded), "{paid:?}");
    assert_eq!(
        i64::try_from(paid.len()).expect("a count"),
        kept.intents("landed").await
    );
    // And each sign-up was in exactly one of them
    let subjects = "SELECT count(*) FROM (SELECT unnest(subjects) FROM keeper_intents) AS it";
    let distinct =
        "SELECT count(*) FROM (SELECT DISTINCT unnest(subjects) FROM keeper_intents) AS it";
    assert_eq!(kept.world.number(subjects).await, 24);
    assert_eq!(kept.world.number(distinct).await, 24);
    assert_eq!(kept.tokens(&alice).await, 24 * REWARD);
}

#[tokio::test]
async fn a_node_that_refuses_or_answers_nothing_is_noticed() {
    let kept = Kept::new().await;
    let keeper = kept.keeper("keeper", &[]).await;
    until_status(&keeper, "ok").await;
    // When the node refuses every request
    kept.world
        .node
        .keep_away(|_| Some((json!({}), Fate::Refused(60))));
    // Then health says so, by the keeper's own clock
    until_status(&keeper, "chain_unavailable").await;
    kept.world.node.behave_well();
    until_status(&keeper, "ok").await;
    // When answers about accounts are empty
    kept.world
        .node
        .change("getMultipleAccounts", |result| result["value"] = json!([]));
    kept.world.scene.convert_many(1).await;
    until_status(&keeper, "chain_unavailable").await;
    let said = health(&keeper).await;
    let expected = "getMultipleAccounts: the answer is incomplete or too old";
    assert_eq!(said["detail"], expected);
    // And then right again, then the reward is paid by one transaction
    kept.world.node.behave_well();
    let alice = kept.world.scene.alice.pubkey();
    kept.until_tokens(&alice, REWARD).await;
    kept.until_idle().await;
    until_status(&keeper, "ok").await;
    assert_eq!(health(&keeper).await["last_error"], expected);
    assert_eq!(kept.paid_by(&kept.key.pubkey()).await.len(), 1);
}

/// [K2]
#[tokio::test]
async fn a_transaction_that_the_node_drops_expires_and_is_replaced() {
    // Given a node that says it has taken a transaction, and drops it
    let kept = Kept::new().await;
    kept.world.node.keep_away(|request| {
        (request["method"] == "sendTransaction").then(|| (taken(request), Fate::Sent))
    });
    let _keeper = kept.keeper("keeper", &[]).await;
    kept.world.scene.convert_many(2).await;
    kept.until_intents("open", 1).await;
    let sent = || kept.world.node.calls("sendTransaction");
    until("it is sent again", async || sent() > 2).await;
    // Then its work is not free before no block can take it any more
    let passed = "SELECT count(*) FROM keeper_intents WHERE passed_slot IS NOT NULL";
    until("no block takes it", async || {
        let passed = kept.world.number(passed).await == 1;
        assert_eq!(
            kept.world
                .number("SELECT count(*) FROM keeper_intents")
                .await,
            1
        );
        passed
    })
    .await;
    // When the node is well
    kept.world.node.behave_well();
    // Then the rewards are paid by another transaction
    kept.until_intents("expired", 1).await;
    let alice = kept.world.scene.alice.pubkey();
    kept.until_tokens(&alice, 2 * REWARD).await;
    kept.until_idle().await;
    assert_eq!(kept.paid_by(&kept.key.pubkey()).await.len(), 1);
    // And the one that expired counts as costing nothing
    let day = "SELECT sum(fee)::bigint FROM keeper_intents WHERE state <> 'expired'";
    assert_eq!(kept.world.number(day).await, 5000);
}

/// [K2]
#[tokio::test]
async fn a_node_that_denies_a_transaction_does_not_make_it_send_another() {
    // Given a node that says that no block can take transactions any more, and that it knows none
    let kept = Kept::new().await;
    kept.world.node.behave(|request, answer| {
        match request["method"].as_str() {
            Some("getEpochInfo") => answer["result"]["blockHeight"] = json!(1_000_000_000),
            // The indexer asks for one, the keeper for a list.
            Some("getSignatureStatuses") => {
                for status in answer["result"]["value"].as_array_mut().expect("statuses") {
                    *status = Value::Null;
                }
            }
            _ => {}
        }
        Fate::Sent
    });
    let _keeper = kept.keeper("keeper", &[]).await;
    let alice = kept.world.scene.alice.pubkey();
    kept.world.scene.convert_many(2).await;
    kept.until_tokens(&alice, 2 * REWARD).await;
    // When everything up to that slot is final in the mirror
    let passed = "SELECT count(*) FROM keeper_intents, finality WHERE passed_slot < finalized_slot";
    until("the mirror is final up to it", async || {
        kept.world.number(passed).await == 1
    })
    .await;
    let asked = kept.world.node.calls("getSignatureStatuses");
    until("the keeper has asked again", async || {
        kept.world.node.calls("getSignatureStatuses") > asked + 3
    })
    .await;
    // Then the mirror has the transaction, so its work is not free
    kept.until_intents("open", 1).await;
    assert_eq!(
        kept.world
            .number("SELECT count(*) FROM keeper_intents")
            .await,
        1
    );
    // And when the node is honest, then it has landed
    kept.world.node.behave_well();
    kept.until_intents("landed", 1).await;
    kept.until_idle().await;
    assert_eq!(kept.paid_by(&kept.key.pubkey()).await.len(), 1);
    assert_eq!(kept.tokens(&alice).await, 2 * REWARD);
}

/// [K4]
#[tokio::test]
async fn the_budget_and_the_least_balance_stop_it() {
    // Given a keeper that may send one transaction a day
    let kept = Kept::new().await;
    let alice = kept.world.scene.alice.pubkey();
    let budget = [("KEEPER_LAMPORTS_PER_DAY", "9999")];
    let mut keeper = kept.keeper("frugal", &budget).await;
    kept.world.scene.convert_many(1).await;
    kept.until_tokens(&alice, REWARD).await;
    // Then it says that it has spent its day
    until_status(&keeper, "budget_spent").await;
    let said = health(&keeper).await;
    assert_eq!(said["detail"], "the 9999 lamports of today (UTC) are spent");
    assert_eq!(said["spent_today"], 5000);
    // And sends nothing more, also when it starts again
    let (second, _) = kept.world.scene.convert().await;
    keeper.kill().await.expect("it ran");
    keeper.start_again().await.expect("a start");
    let due =
        format!("SELECT count(*) FROM keeper_tasks WHERE subject = '{second}' AND due_at < now()");
    until("the second is due", async || {
        kept.world.number(&due).await == 1
    })
    .await;
    until_status(&keeper, "budget_spent").await;
    until("it is in the backlog", async || {
        health(&keeper).await["due"] == 1
    })
    .await;
    assert!(kept.is_pending(&second).await);
    keeper.stop().await.expect("a clean exit");
    // Given one that has to keep more than its account has
    let least = (2000 * SOL).to_string();
    let keeper = kept
        .keeper("poor", &[("KEEPER_LEAST_BALANCE", &least)])
        .await;
    until_status(&keeper, "low_balance").await;
    let detail = format!("its account would hold less than {least} lamports: send it SOL");
    assert_eq!(health(&keeper).await["detail"], detail);
    let answer = reqwest::get(format!("{}/healthz", keeper.url()))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 503);
    assert!(kept.is_pending(&second).await);
    assert_eq!(kept.paid_by(&kept.key.pubkey()).await.len(), 1);
    drop(keeper);
    // When a keeper may spend more, then it pays
    let _keeper = kept.keeper("generous", &[]).await;
    kept.until_tokens(&alice, 2 * REWARD).await;
}

/// [K4]
#[tokio::test]
async fn claims_that_fail_cost_what_they_may_in_a_day_and_nothing_more() {
    // Given five sign-ups with the code of Carol, who has no token account
    let kept = Kept::holding(1).await;
    let scene = &kept.world.scene;
    let company = scene.company.pubkey();
    let (carol, code): (_, Code) = (Keypair::new(), "BRAVE234".parse().expect("a code"));
    let register = CreateReferral::new(&company, &carol.pubkey(), &scene.campaign, &code);
    scene
        .send(&[instructions::create_referral(&register)], &[&carol])
        .await;
    for _ in 0..5 {
        let referee = Keypair::new();
        let convert = scene.conversion_with(&code, &carol.pubkey(), &referee);
        scene.send(&[convert], &[&referee]).await;
    }
    let mature = "SELECT count(*) FROM conversions, indexer_state WHERE matures_at < final_time";
    until("all are mature", async || {
        kept.world.number(mature).await == 5
    })
    .await;
    // And a node that says she has one, as if she closed it each time after the keeper had looked
    let mint = scene.opened.mint;
    let of = |owner: &Pubkey| pda::associated_token(owner, &mint, &token::TOKEN_PROGRAM_ID).0;
    let (hers, alices) = (of(&carol.pubkey()), of(&scene.alice.pubkey()));
    let account = scene.rpc.get_account(&alices).await.expect("an account");
    let mut data = account.data.clone();
    data[32..64].copy_from_slice(&carol.pubkey().to_bytes());
    let shown = {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        json!({
            "lamports": account.lamports, "owner": account.owner.to_string(), "executable": false,
            "rentEpoch": 0, "space": data.len(), "data": [BASE64_STANDARD.encode(&data), "base64"],
        })
    };
    kept.world.node.behave(move |request, answer| {
        let addresses = request["params"][0].as_array();
        let place = addresses.and_then(|it| it.iter().position(|at| *at == hers.to_string()));
        match request["method"].as_str() {
            Some("getMultipleAccounts") => {
                if let Some(place) = place {
                    answer["result"]["value"][place] = shown.clone();
                }
            }
            Some("simulateTransaction") => {
                answer["result"]["value"]["err"] = Value::Null;
                answer["result"]["value"]["unitsConsumed"] = json!(200_000);
            }
            _ => {}
        }
        Fate::Sent
    });
    // When a keeper may lose two fees a day
    let limits = [
        ("KEEPER_FAILED_LAMPORTS_PER_DAY", "10000"),
        ("KEEPER_FAILURES_PER_DAY", "1"),
    ];
    let keeper = kept.keeper("keeper", &limits).await;
    // Then two claims fail, and it stops working for this campaign today, and says so
    kept.until_intents("failed", 2).await;
    let said = format!(
        "1 campaigns have failed as often as they may today (UTC): {}",
        scene.campaign
    );
    until(&said, async || health(&keeper).await["detail"] == said).await;
    let rounds = || kept.world.node.calls("getBalance");
    let asked = rounds();
    until("it has looked again", async || rounds() > asked + 3).await;
    let paid = kept.paid_by(&kept.key.pubkey()).await;
    assert_eq!(paid.len(), 2, "{paid:?}");
    assert!(paid.iter().all(|(_, succeeded)| !succeeded), "{paid:?}");
    let blamed = "SELECT count(*) FROM keeper_tasks
        WHERE failures = 1 AND due_at >= date_trunc('day', now(), 'UTC') + interval '1 day'";
    assert_eq!(kept.world.number(blamed).await, 2);
    // When it is the next day, the node is honest, and Carol has a token account
    kept.world.node.behave_well();
    let create =
        token::create_associated_token(&company, &carol.pubkey(), &mint, &token::TOKEN_PROGRAM_ID);
    scene.send(&[create], &[]).await;
    for sql in [
        "UPDATE keeper_intents SET created_at = created_at - interval '1 day'",
        "UPDATE keeper_tasks SET due_at = now() WHERE intent IS NULL",
    ] {
        sqlx::query(sql)
            .execute(&kept.world.pool)
            .await
            .expect("written");
    }
    // Then she is paid, and what had failed was sent by itself
    kept.until_tokens(&carol.pubkey(), 5 * REWARD).await;
    kept.until_idle().await;
    let sizes = "SELECT string_agg(cardinality(subjects)::text, ' ' ORDER BY cardinality(subjects))
        FROM keeper_intents WHERE state = 'landed'";
    let sizes: String = sqlx::query_scalar(sizes)
        .fetch_one(&kept.world.pool)
        .await
        .expect("sizes");
    assert_eq!(sizes, "1 1 3");
}

#[tokio::test]
async fn without_a_key_it_is_off() {
    let kept = Kept::holding(1).await;
    let mut off = kept.keeper_with("off", None, &[]).await;
    until_status(&off, "off").await;
    off.wait_healthy().await.expect("off is not ill");
    // When a hold is over, and the mirror shows it
    let (conversion, _) = kept.world.scene.convert().await;
    let mature = "SELECT count(*) FROM conversions, indexer_state WHERE matures_at < final_time";
    until("it is mature", async || {
        kept.world.number(mature).await == 1
    })
    .await;
    // Then nothing is sent
    assert!(kept.is_pending(&conversion).await);
    assert_eq!(
        kept.world
            .number("SELECT count(*) FROM keeper_intents")
            .await,
        0
    );
    assert_eq!(kept.world.node.calls("sendTransaction"), 0);
    assert_eq!(health(&off).await["detail"], "there is no KEEPER_KEYPAIR");
    off.stop().await.expect("a clean exit");
}

/// [K3]
#[tokio::test]
async fn only_served_campaigns_and_parts_that_are_worth_it_cost_fees() {
    let kept = Kept::holding(1).await;
    // Given a keeper of another campaign, and one for larger parts
    let other = Pubkey::new_unique().to_string();
    let least = (REWARD + 1).to_string();
    let foreign = kept
        .keeper("foreign", &[("KEEPER_CAMPAIGNS", &other)])
        .await;
    let lofty = kept.keeper("lofty", &[("KEEPER_LEAST_PART", &least)]).await;
    until_status(&foreign, "ok").await;
    until_status(&lofty, "ok").await;
    // When a reward matures
    let (conversion, _) = kept.world.scene.convert().await;
    let mature = "SELECT count(*) FROM conversions, indexer_state WHERE matures_at < final_time";
    until("it is mature", async || {
        kept.world.number(mature).await == 1
    })
    .await;
    let rounds = || kept.world.node.calls("getBalance");
    let asked = rounds();
    until("both have looked", async || rounds() > asked + 6).await;
    // Then it is not even a task
    assert_eq!(
        kept.world.number("SELECT count(*) FROM keeper_tasks").await,
        0
    );
    assert!(kept.is_pending(&conversion).await);
    // And a keeper of this campaign, for parts of this size, pays it
    let campaign = kept.world.scene.campaign.to_string();
    let reward = REWARD.to_string();
    let settings = [
        ("KEEPER_CAMPAIGNS", campaign.as_str()),
        ("KEEPER_LEAST_PART", &reward),
    ];
    let _own = kept.keeper("own", &settings).await;
    kept.until_tokens(&kept.world.scene.alice.pubkey(), REWARD)
        .await;
}

#[tokio::test]
async fn rent_of_what_is_over_goes_back_to_whom_it_belongs() {
    // Given a campaign with two paid sign-ups, and one whose owner has no token account
    let kept = Kept::holding(1).await;
    let scene = &kept.world.scene;
    let company = scene.company.pubkey();
    let (carol, code): (_, Code) = (Keypair::new(), "BRAVE234".parse().expect("a code"));
    let register = CreateReferral::new(&company, &carol.pubkey(), &scene.campaign, &code);
    scene
        .send(&[instructions::create_referral(&register)], &[&carol])
        .await;
    let referee = Keypair::new();
    let convert = scene.conversion_with(&code, &carol.pubkey(), &referee);
    scene.send(&[convert], &[&referee]).await;
    let carols = pda::conversion(&scene.campaign, &referee.pubkey().to_bytes());
    let (first, _) = scene.convert().await;
    let (second, _) = scene.convert().await;
    let alices = pda::referral(&scene.campaign, &scene.code);
    let mut keeper = kept.keeper("keeper", &[]).await;
    kept.until_tokens(&scene.alice.pubkey(), 2 * REWARD).await;
    keeper.stop().await.expect("a clean exit");
    // When the campaign is closed
    scene
        .send(
            &[instructions::close_campaign(&company, &scene.campaign)],
            &[],
        )
        .await;
    let rpc = &scene.rpc;
    let mut rent = 0;
    for account in [first, second, alices] {
        rent += rpc.get_balance(&account).await.expect("a balance");
    }
    let before = rpc.get_balance(&company).await.expect("a balance");
    let keys = rpc
        .get_balance(&kept.key.pubkey())
        .await
        .expect("a balance");
    keeper.start_again().await.expect("a start");
    // Then what is over is gone, and its payer has the rent
    until("the accounts are gone", async || {
        let accounts = rpc.get_multiple_accounts(&[first, second, alices]).await;
        accounts.expect("accounts").iter().all(Option::is_none)
    })
    .await;
    assert_eq!(
        rpc.get_balance(&company).await.expect("a balance"),
        before + rent
    );
    // And the keeper paid fees alone
    kept.until_intents("open", 0).await;
    let fees = "SELECT sum(fee)::bigint FROM keeper_intents WHERE kind = 'reclaim'";
    let fees = u64::try_from(kept.world.number(fees).await).expect("fees");
    assert_eq!(
        rpc.get_balance(&kept.key.pubkey())
            .await
            .expect("a balance"),
        keys - fees
    );
    // And the reward that could still be claimed is not taken from Carol
    assert!(kept.is_pending(&carols).await);
    let create = token::create_associated_token(
        &company,
        &carol.pubkey(),
        &scene.opened.mint,
        &token::TOKEN_PROGRAM_ID,
    );
    scene.send(&[create], &[]).await;
    kept.until_tokens(&carol.pubkey(), REWARD).await;
    // After that, her conversion and her code go, too
    let hers = [carols, pda::referral(&scene.campaign, &code)];
    until("they are gone", async || {
        let accounts = rpc.get_multiple_accounts(&hers).await.expect("accounts");
        accounts.iter().all(Option::is_none)
    })
    .await;
    let paid = kept.paid_by(&kept.key.pubkey()).await;
    assert!(paid.iter().all(|(_, succeeded)| *succeeded), "{paid:?}");
}

#[tokio::test]
async fn vaults_are_watched_with_what_they_owe() {
    // Given a campaign with a vault, and a keeper without a key
    let kept = Kept::new().await;
    let scene = &kept.world.scene;
    let campaign = scene.open_vault(70, 139).await;
    let address = campaign.address;
    let _keeper = kept.keeper_with("keeper", None, &[]).await;
    let row = async || -> Option<String> {
        let sql = "SELECT format('%s of %s owed %s next %s short %s', campaign, balance, owed,
                                 next_reward, short_since IS NOT NULL) FROM vaults";
        let row = sqlx::query_scalar(sql)
            .fetch_optional(&kept.world.pool)
            .await;
        row.expect("a query")
    };
    let is = async |balance: u64, owed: u64, next: u64, short: &str| {
        let expected = format!("{address} of {balance} owed {owed} next {next} short {short}");
        until(&expected, async || {
            row().await.as_deref() == Some(&*expected)
        })
        .await;
    };
    is(139, 0, 70, "f").await;
    // When a reward is held, then the vault owes it, and the next one is not there
    scene.convert_in(&campaign).await;
    is(139, 70, 70, "t").await;
    // When the campaign is paused, then it needs no more than it owes
    let company = scene.company.pubkey();
    let pause = instructions::set_paused(&company, &address, true);
    scene.send(&[pause], &[]).await;
    is(139, 70, 0, "f").await;
    // When the node says that the vault holds less than that
    let vault = campaign.opened.vault;
    kept.world.node.behave(move |request, answer| {
        let addresses = request["params"][0].as_array();
        let place = addresses.and_then(|it| it.iter().position(|at| *at == vault.to_string()));
        if let Some(place) = place.filter(|_| request["method"] == "getMultipleAccounts") {
            use base64::{Engine as _, prelude::BASE64_STANDARD};
            let data = &mut answer["result"]["value"][place]["data"][0];
            let mut bytes = BASE64_STANDARD
                .decode(data.as_str().expect("data"))
                .expect("base64");
            bytes[64..72].copy_from_slice(&69_u64.to_le_bytes());
            *data = BASE64_STANDARD.encode(bytes).into();
        }
        Fate::Sent
    });
    // Then it is short, since then
    is(69, 70, 0, "t").await;
    let since = "SELECT extract(epoch FROM short_since)::bigint FROM vaults";
    let slot = "SELECT slot FROM vaults";
    let (first, at) = (
        kept.world.number(since).await,
        kept.world.number(slot).await,
    );
    until("it is read again", async || {
        kept.world.number(slot).await > at
    })
    .await;
    assert_eq!(kept.world.number(since).await, first);
    // And when it holds enough, it is not any more
    kept.world.node.behave_well();
    is(139, 70, 0, "f").await;
}

#[tokio::test]
async fn a_backlog_is_paid_newest_first_by_full_transactions() {
    // Given 60 rewards that are due before a keeper exists
    let kept = Kept::holding(1).await;
    for _ in 0..3 {
        kept.world.scene.convert_many(20).await;
    }
    let mature = "SELECT count(*) FROM conversions, indexer_state WHERE matures_at < final_time";
    until("all are mature", async || {
        kept.world.number(mature).await == 60
    })
    .await;
    // When one starts
    let start = Instant::now();
    let _keeper = kept.keeper("keeper", &[]).await;
    let alice = kept.world.scene.alice.pubkey();
    kept.until_tokens(&alice, 60 * REWARD).await;
    println!("60 rewards in {:?}", start.elapsed());
    kept.until_idle().await;
    // Then all of them were in full transactions: those of one code fit 15 or 16 to one
    let paid = kept.paid_by(&kept.key.pubkey()).await;
    assert!(paid.len() <= 5, "{}", paid.len());
    let signatures: BTreeSet<_> = paid.iter().map(|(signature, _)| signature).collect();
    assert_eq!(signatures.len(), paid.len());
    assert_eq!(kept.tokens(&alice).await, 60 * REWARD);
}
