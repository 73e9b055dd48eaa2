//! `vouch-indexer verify --api` with a real validator, indexer, Postgres and API: honest ones, a
//! database that was changed by hand, and an API that lies. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use std::{collections::BTreeSet, process::Output};

use serde_json::{Value, json};
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
};
use vouch_audit::{Digest, Head};
use vouch_client::{accounts::Settings, instructions, pda};
use vouch_localnet::Service;
use vouch_product_tests::{Answer, FaultyApi, REWARD, World, start_api, until, verify_api};

/// Seconds within which a conversion can be cancelled.
const HOLD: u32 = 25;

/// A world with an API, and the test's own list of what happened.
struct Story {
    world: World,
    api: Service,
    /// How many transactions named the program.
    transactions: u64,
    /// The conversions that can no longer be cancelled, and were not.
    counted: BTreeSet<String>,
    /// Those of which the reward was paid.
    paid: BTreeSet<String>,
}

impl Story {
    async fn begin() -> Self {
        let settings = Settings {
            hold_seconds: HOLD,
            ..Settings::fixed(REWARD)
        };
        let world = World::with(settings).await;
        let api = start_api(&world).await;
        Self {
            world,
            api,
            // The opening and the registration.
            transactions: 2,
            counted: BTreeSet::new(),
            paid: BTreeSet::new(),
        }
    }

    async fn convert(&mut self) -> Pubkey {
        self.transactions += 1;
        self.world.scene.convert().await.0
    }

    async fn settle(&mut self, conversion: &Pubkey, cancel: bool) {
        let scene = &self.world.scene;
        let recorded = scene.recorded(conversion).await;
        let settle = scene.offer(&scene.code, &scene.alice.pubkey(), |offer| {
            if cancel {
                instructions::cancel_conversion(offer, conversion, &recorded)
            } else {
                instructions::claim(offer, conversion, &recorded)
            }
        });
        scene.send(&[settle], &[]).await;
        self.transactions += 1;
        if !cancel {
            self.paid.insert(conversion.to_string());
        }
    }

    /// Waits until nobody can cancel these.
    async fn mature(&mut self, conversions: &[Pubkey]) {
        let rpc = &self.world.scene.rpc;
        let mut due = 0;
        for conversion in conversions {
            let recorded = self.world.scene.recorded(conversion).await;
            due = due.max(recorded.converted_at + i64::from(HOLD));
            self.counted.insert(conversion.to_string());
        }
        until("the hold is over", async || {
            let slot = rpc.get_slot().await.expect("a slot");
            // A slot may have no block.
            rpc.get_block_time(slot).await.is_ok_and(|time| time >= due)
        })
        .await;
    }

    async fn get(&self, path: &str) -> Value {
        let answer = reqwest::get(format!("{}{path}", self.api.url())).await;
        answer.expect("an answer").json().await.expect("JSON")
    }

    /// Waits until the API has a digest of all transactions so far.
    async fn digest(&self) -> Value {
        let mut digest = Value::Null;
        until("a digest of all transactions", async || {
            digest = self.get("/v1/digest").await;
            digest["seq"] == self.transactions
        })
        .await;
        digest
    }

    async fn verify(&self, url: &str, slot: Option<u64>) -> Output {
        verify_api(&self.world.scene.validator.rpc_url(), url, slot).await
    }

    /// Fails unless the API's digest is equal to the history.
    async fn assert_equal(&self, slot: Option<u64>, begins: &str) {
        let output = self.verify(&self.api.url(), slot).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said} {output:?}");
        assert!(said.starts_with(begins), "{said}");
        assert!(said.contains("\nthe leaderboard of slot "), "{said}");
    }

    async fn assert_refused(&self, url: &str, expected: &str) {
        assert_refused(&self.verify(url, None).await, expected);
    }

    async fn change(&self, sql: &str) {
        let done = sqlx::query(sql).execute(&self.world.pool).await.expect(sql);
        assert_eq!(done.rows_affected(), 1, "{sql}");
    }

    /// The row of a conversion, as `verify` names it, of the transaction `seq`.
    async fn said(&self, conversion: &Pubkey, seq: u64, reward: u64) -> String {
        let scene = &self.world.scene;
        let recorded = scene.recorded(conversion).await;
        let referral = pda::referral(&scene.campaign, &scene.code);
        format!(
            "conversion {conversion} of transaction {seq} (campaign {}, referral {referral}, \
             referrer {}, partner nobody, referee {}, amount {}, rewards {reward} 0 0, from {}, not \
             cancellable from {})",
            scene.campaign,
            scene.alice.pubkey(),
            recorded.referee,
            u64::MAX,
            recorded.converted_at,
            recorded.converted_at + i64::from(HOLD)
        )
    }
}

/// Fails unless the command was refused and said this on standard error.
fn assert_refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said} {output:?}");
    assert_eq!(said.trim_end(), format!("error: {expected}"));
}

/// [M16]
#[tokio::test]
async fn a_digest_is_what_the_chain_says_or_the_first_wrong_row_is_named() {
    // Given three conversions, of which the second was cancelled
    let mut story = Story::begin().await;
    let first = story.convert().await;
    let second = story.convert().await;
    story.settle(&second, true).await;
    let third = story.convert().await;
    // Then nothing counts at that moment, and that is what the history says
    let early = story.digest().await;
    assert_eq!(early["conversions"], 0);
    story
        .assert_equal(
            None,
            &format!(
                "the digest of slot {} equals the history: 0 conversions, 0 rewards, 0 paid, 6 \
                 transactions, root ",
                early["slot"]
            ),
        )
        .await;
    // When the holds are over, the first is claimed, and somebody converts
    story.mature(&[first, third]).await;
    story.settle(&first, false).await;
    let held = story.convert().await;
    let digest = story.digest().await;
    // Then the API's rows are the test's own list
    let mut conversions = BTreeSet::new();
    let mut paid = BTreeSet::new();
    let slot = digest["slot"].as_u64().expect("a slot");
    assert_eq!(digest["buckets"].as_array().expect("buckets").len(), 8);
    for bucket in 0..8 {
        let path = format!("/v1/digest/rows?slot={slot}&bucket={bucket}");
        let rows = story.get(&path).await;
        let text = |row: &Value| row["conversion"].as_str().expect("an address").to_owned();
        let listed = rows["conversions"].as_array().expect("rows").iter();
        conversions.extend(listed.map(text));
        let listed = rows["payments"].as_array().expect("rows").iter();
        paid.extend(listed.map(text));
    }
    assert_eq!(conversions, story.counted);
    assert_eq!(paid, story.paid);
    // And the history says the same, also of the earlier moment
    let equal = format!(
        "the digest of slot {slot} equals the history: 2 conversions, {} rewards, {REWARD} paid, 8 \
         transactions, root {}; it is ",
        2 * REWARD,
        digest["root"].as_str().expect("a root")
    );
    story.assert_equal(None, &equal).await;
    let early_slot = early["slot"].as_u64().expect("a slot");
    story
        .assert_equal(
            Some(early_slot),
            &format!("the digest of slot {early_slot} equals the history: 0 conversions"),
        )
        .await;

    // When a reward is changed in the database, and the next digest is computed
    story
        .change(&format!(
            "UPDATE conversions SET reward_referrer = 6 WHERE address = '{first}'"
        ))
        .await;
    story.settle(&held, true).await;
    let wrong = story.digest().await;
    // Then the row is named, with both values
    let differs = format!(
        "the digest of slot {} differs from the history: the API ",
        wrong["slot"]
    );
    let both = format!(
        "{differs}has {}; the history has {}",
        story.said(&first, 3, 6).await,
        story.said(&first, 3, REWARD).await
    );
    story.assert_refused(&story.api.url(), &both).await;
    // And the digest of before still equals the history
    story.assert_equal(Some(slot), &equal).await;
    // When the row is right again and the digest is not, then that is told
    story
        .change(&format!(
            "UPDATE conversions SET reward_referrer = {REWARD} WHERE address = '{first}'"
        ))
        .await;
    story
        .assert_refused(
            &story.api.url(),
            "the API's hash of the transactions 3 to 3 is not that of the rows that it sends, which \
             equal the history",
        )
        .await;

    // When a conversion is missing, then it is named
    story
        .change(&format!(
            "UPDATE conversions SET status = 'cancelled' WHERE address = '{third}'"
        ))
        .await;
    story.convert().await;
    let wrong = story.digest().await;
    let lacks = format!(
        "the digest of slot {} differs from the history: the API lacks {}",
        wrong["slot"],
        story.said(&third, 6, REWARD).await
    );
    story.assert_refused(&story.api.url(), &lacks).await;
    story
        .change(&format!(
            "UPDATE conversions SET status = 'pending' WHERE address = '{third}'"
        ))
        .await;

    // When there is one too many, then it is named
    let extra = Keypair::new().pubkey();
    story
        .change(&format!(
            "INSERT INTO conversions
             SELECT (jsonb_populate_record(row, jsonb_build_object('address', '{extra}'))).*
             FROM conversions AS row WHERE address = '{third}'"
        ))
        .await;
    story.convert().await;
    let wrong = story.digest().await;
    let too_many = story.said(&third, 6, REWARD).await;
    let too_many = too_many.replace(&third.to_string(), &extra.to_string());
    let has = format!(
        "the digest of slot {} differs from the history: the API has {too_many}, the history has not",
        wrong["slot"]
    );
    story.assert_refused(&story.api.url(), &has).await;
    story
        .change(&format!(
            "DELETE FROM conversions WHERE address = '{extra}'"
        ))
        .await;

    // When a payment is changed, then it is named
    story
        .change(&format!(
            "UPDATE events SET units = 7 WHERE kind = 'part_paid' AND subject = '{first}'"
        ))
        .await;
    story.convert().await;
    let wrong = story.digest().await;
    let alice = story.world.scene.alice.pubkey();
    let payment =
        |units| format!("payment of {units} by transaction 7 to {alice} (Referrer of {first})");
    let both = format!(
        "the digest of slot {} differs from the history: the API has {}; the history has {}",
        wrong["slot"],
        payment(7),
        payment(REWARD)
    );
    story.assert_refused(&story.api.url(), &both).await;
    story
        .change(&format!(
            "UPDATE events SET units = {REWARD} WHERE kind = 'part_paid' AND subject = '{first}'"
        ))
        .await;

    // When everything is right again, then the next digest is, too
    story.convert().await;
    let right = story.digest().await;
    story
        .assert_equal(
            None,
            &format!("the digest of slot {} equals the history: ", right["slot"]),
        )
        .await;
}

/// The API's digest after a change, with a root that belongs to it.
fn forged(answer: &mut Value, change: impl Fn(&mut Digest)) {
    let text = |name: &str| answer[name].as_str().expect("a text");
    let number = |name: &str| answer[name].as_u64().expect("a number");
    let hash = |text: &Value| {
        let text = text.as_str().expect("a hash");
        let byte = |place| u8::from_str_radix(&text[2 * place..2 * place + 2], 16).expect("a byte");
        std::array::from_fn::<u8, 32, _>(byte)
    };
    let signature: Signature = text("signature").parse().expect("a signature");
    let mut digest = Digest {
        head: Head {
            genesis_hash: text("genesis_hash").parse().expect("a hash"),
            slot: number("slot"),
            seq: number("seq"),
            signature: signature.into(),
            time: answer["time"].as_i64().expect("a time"),
        },
        bucket_size: number("bucket_size"),
        conversions: number("conversions"),
        rewards: text("rewards").parse().expect("a sum"),
        paid: text("paid").parse().expect("a sum"),
        buckets: answer["buckets"]
            .as_array()
            .expect("hashes")
            .iter()
            .map(hash)
            .collect(),
    };
    change(&mut digest);
    let root: String = digest
        .root()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    answer["genesis_hash"] = json!(digest.head.genesis_hash.to_string());
    answer["slot"] = json!(digest.head.slot);
    answer["seq"] = json!(digest.head.seq);
    answer["signature"] = json!(Signature::from(digest.head.signature).to_string());
    answer["time"] = json!(digest.head.time);
    answer["conversions"] = json!(digest.conversions);
    answer["root"] = json!(root);
    let hashes = digest.buckets.iter();
    let hashes = hashes.map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect());
    answer["buckets"] = json!(hashes.collect::<Vec<String>>());
}

/// [M16]
#[tokio::test]
async fn an_api_that_lies_is_found() {
    // Given two conversions that count, of which one was paid
    let mut story = Story::begin().await;
    let first = story.convert().await;
    let second = story.convert().await;
    story.mature(&[first, second]).await;
    story.settle(&first, false).await;
    let early = story.digest().await;
    story.convert().await;
    let digest = story.digest().await;
    let slot = digest["slot"].as_u64().expect("a slot");
    let liar = FaultyApi::before(&story.api.url()).await;
    let refused = async |expected: &str| story.assert_refused(&liar.url(), expected).await;
    // When it changes nothing, then it is believed
    let output = story.verify(&liar.url(), None).await;
    assert!(output.status.success(), "{output:?}");

    // When it says other sums, or hashes that do not make its root
    liar.behave(|path, answer| {
        if path == "/v1/digest" {
            answer["conversions"] = json!(3);
        }
        Answer::Sent
    });
    refused("/v1/digest: the root is not that of what it says").await;
    // When the root is that of the other sums
    let lie = |change: fn(&mut Digest)| {
        move |path: &str, answer: &mut Value| {
            if path == "/v1/digest" {
                forged(answer, change);
            }
            Answer::Sent
        }
    };
    liar.behave(lie(|digest| digest.conversions = 3));
    refused(&format!(
        "the API sums up its rows wrongly: it says 3 conversions, {0} rewards, {REWARD} paid; the \
         history has 2, {0}, {REWARD}",
        2 * REWARD
    ))
    .await;
    // When it names another transaction, or another time
    let last = digest["signature"].as_str().expect("a signature");
    liar.behave(lie(|digest| digest.head.signature = [1; 64]));
    let other = Signature::from([1; 64]);
    refused(&format!(
        "the API says that transaction 6 of the program is {other}, but in the node's history it is \
         {last}"
    ))
    .await;
    liar.behave(lie(|digest| digest.head.time += 1));
    let time = digest["time"].as_i64().expect("a time");
    refused(&format!(
        "the API says that {last} is of the time {}, but its block is of {time}",
        time + 1
    ))
    .await;
    // When it passes an old digest for a newer one
    let old = early.clone();
    liar.behave(move |path, answer| {
        if path == "/v1/digest" {
            *answer = old.clone();
            forged(answer, |digest| digest.head.slot = slot);
        }
        Answer::Sent
    });
    let last_slot = story
        .world
        .number("SELECT max(slot) FROM transactions")
        .await;
    refused(&format!(
        "the API's digest of slot {slot} lacks {last} in slot {last_slot}"
    ))
    .await;
    // When it counts more transactions than there are
    liar.behave(lie(|digest| {
        digest.head.seq = 7;
        digest.buckets.push([0; 32]);
    }));
    refused(&format!(
        "the API counts 7 transactions up to slot {slot}, but the node has 6"
    ))
    .await;
    // When it is of another chain
    liar.behave(lie(|digest| digest.head.genesis_hash = Pubkey::default()));
    let genesis = digest["genesis_hash"].as_str().expect("a hash");
    refused(&format!(
        "the API is of the chain with genesis hash {}, but the node is of {genesis}",
        Pubkey::default()
    ))
    .await;

    // When its leaderboard says more than the chain
    liar.behave(|path, answer| {
        if path == "/v1/leaderboard" {
            answer["entries"][0]["conversions"] = json!(3);
        }
        Answer::Sent
    });
    let board = story.get("/v1/leaderboard").await;
    assert_eq!(board["entries"][0]["conversions"], 2);
    let alice = story.world.scene.alice.pubkey();
    let output = story.verify(&liar.url(), None).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let wrong = format!(" says 3 conversions of {alice}; the history has 2");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: the leaderboard of slot "),
        "{said}"
    );
    assert!(said.trim_end().ends_with(&wrong), "{said}");
    // When it says that it counts what no block has reached
    liar.behave(|path, answer| {
        if path == "/v1/leaderboard" {
            answer["as_of_time"] = json!(4_102_444_800_i64);
        }
        Answer::Sent
    });
    let output = story.verify(&liar.url(), None).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with(
            "error: the leaderboard is of the time 4102444800, but the chain's clock is at "
        ),
        "{said}"
    );
    // When it leaves somebody out of it
    liar.behave(|path, answer| {
        if path == "/v1/leaderboard" {
            answer["entries"] = json!([]);
            answer["total_entries"] = json!(0);
        }
        Answer::Sent
    });
    let output = story.verify(&liar.url(), None).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.trim_end()
            .ends_with(&format!(" lacks {alice} with 2 conversions")),
        "{said}"
    );

    // When a bucket's hash is wrong and its rows are of another page, or without end
    let wrong_bucket: fn(&mut Digest) = |digest| digest.buckets[2] = [7; 32];
    for (behaviour, expected) in [
        (
            Answer::Sent,
            "/v1/digest/rows: the page is of another digest, or of other transactions, than was \
             asked for",
        ),
        (
            Answer::Endless,
            "/v1/digest/rows: the API: answers with more than 16777216 bytes",
        ),
        (
            Answer::Silent,
            "/v1/digest/rows: the API: does not answer in 30s",
        ),
    ] {
        liar.behave(move |path, answer| match path {
            "/v1/digest" => {
                forged(answer, wrong_bucket);
                Answer::Sent
            }
            "/v1/digest/rows" => {
                answer["upto"] = json!(9);
                behaviour
            }
            _ => Answer::Sent,
        });
        refused(expected).await;
    }
    // When it has no digest so old, then it says so
    let none = story.verify(&story.api.url(), Some(0)).await;
    assert_refused(
        &none,
        "/v1/digest: the API: answers 404 Not Found with digest_not_found",
    );
}
