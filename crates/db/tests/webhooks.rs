//! Messages, deliveries and endpoints, against a real Postgres.

mod store;

use std::{ops::Deref, time::Duration};

use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::json;
use sqlx::{Executor as _, migrate::Migrator};
use store::Store;
use uuid::Uuid;
use vouch_db::webhooks::{
    BudgetNote, Confirmation, Maturing, Message, Milestones, Outbox, ShortVault, Writes,
    deliveries::{self, Aftermath, Failed, Taken, Wanted},
    endpoints, is_conflict, retention,
};

const KEEP_TRYING: Duration = Duration::from_secs(3 * 86_400);
const LEASE: Duration = Duration::from_secs(60);

struct World {
    store: Store,
}

impl Deref for World {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl World {
    async fn new() -> Self {
        let store = Store::new().await;
        Self { store }
    }

    /// An endpoint of a campaign that wants these types.
    async fn endpoint(&self, campaign: &str, types: &[&str]) -> Uuid {
        let id = Uuid::now_v7();
        let types: Vec<_> = types.iter().map(|kind| (*kind).to_owned()).collect();
        let new = endpoints::NewEndpoint {
            id,
            campaign,
            url: "https://example.com/",
            types: &types,
            key: &key(1),
        };
        assert!(endpoints::add(&self.pool, &new).await.expect("written"));
        id
    }

    /// A final or confirmed conversion of campaign C without a hold, as transaction `seq`.
    async fn sale(&self, seq: i64, slot: i64, signature: &str, hold: i64) {
        self.run(&format!(
            "INSERT INTO transactions VALUES ({seq}, {slot}, NULL, 1000, '{signature}', true);
             INSERT INTO events VALUES
                 ({seq}, 0, 'conversion_recorded', 'C', 'R', 'V{signature}', 'B', 5);
             INSERT INTO conversions VALUES ('V{signature}', {seq}, {slot}, 'C', 'R', 'AZURE234',
                 'A', NULL, 'B', 'signup', 1, NULL, 5, 0, 0, 1000, {}, 'pending', 0);
             UPDATE indexer_state SET confirmed_seq = {seq}, indexed_slot = {slot}",
            1000 + hold
        ))
        .await;
    }

    async fn finalize(&self, seq: i64) {
        self.run(&format!(
            "UPDATE indexer_state SET final_seq = {seq}, final_time = 1000"
        ))
        .await;
    }

    /// Waits until this many statements wait for a lock.
    async fn until_waiting(&self, count: i64) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        self.until(waiting, count).await;
    }

    async fn look(&self) -> Outbox {
        Outbox::begin(&self.pool).await.expect("a snapshot")
    }

    /// Writes messages of campaign C.
    async fn tell(&self, messages: &[(&str, &str)]) -> u64 {
        let look = self.look().await;
        let writes = Writes {
            cursor: look.cursor(),
            messages: messages
                .iter()
                .map(|(id, kind)| message(id, kind))
                .collect(),
            ..Writes::default()
        };
        look.commit(&writes).await.expect("written")
    }

    /// Takes what is due, as a sender that is busy with nothing.
    async fn take(&self, limit: i64, each: i32) -> Vec<Taken> {
        let wanted = Wanted {
            troubled: false,
            limit,
            each,
            busy: &[],
            lease: LEASE,
        };
        let mut taken = deliveries::take(&self.pool, &wanted).await.expect("rows");
        taken.sort_by(|one, other| one.message.cmp(&other.message));
        taken
    }

    async fn fail(&self, taken: &Taken, pause: Duration) -> Aftermath {
        let failed = Failed {
            status: Some(500),
            error: "status 500",
            pause,
            keep_trying: KEEP_TRYING,
        };
        let outcome = deliveries::failed(&self.pool, taken, &failed).await;
        outcome.expect("written")
    }
}

fn key(byte: u8) -> SecretSlice<u8> {
    vec![byte; 32].into()
}

fn message(id: &str, kind: &str) -> Message {
    Message {
        id: id.to_owned(),
        kind: kind.to_owned(),
        campaign: "C".to_owned(),
        payload: json!({ "type": kind }),
    }
}

fn names(taken: &[Taken]) -> Vec<&str> {
    taken.iter().map(|taken| taken.message.as_str()).collect()
}

#[tokio::test]
async fn facts_are_read_once_and_only_of_campaigns_with_an_endpoint() {
    // Given a final and a confirmed conversion, and no endpoint
    let world = World::new().await;
    world.sale(1, 10, "S1", 0).await;
    world.sale(2, 11, "S2", 0).await;
    world.finalize(1).await;
    let mut look = world.look().await;
    assert_eq!(look.final_facts().await.expect("facts"), []);
    assert_eq!(look.confirmed_facts().await.expect("facts"), []);
    assert_eq!((look.cursor(), look.next_cursor()), (0, 1));
    drop(look);
    // When an endpoint is added before they were looked at, then they are read
    world.endpoint("C", &[]).await;
    let mut look = world.look().await;
    let facts = look.final_facts().await.expect("facts");
    let [fact] = facts.as_slice() else {
        panic!("{facts:?}");
    };
    assert_eq!((fact.signature.as_str(), fact.slot), ("S1", 10));
    assert_eq!(fact.code.as_deref(), Some("AZURE234"));
    assert!(!fact.is_told);
    let confirmed = look.confirmed_facts().await.expect("facts");
    assert_eq!(confirmed.len(), 1);
    assert_eq!(confirmed[0].signature, "S2");
    // And when they were told, then not again
    let writes = Writes {
        cursor: look.next_cursor(),
        messages: vec![message("m1", "x"), message("m2", "x")],
        confirmed: vec![Confirmation {
            signature: "S2".to_owned(),
            place: 0,
            slot: 11,
            round: 0,
            message: "m2".to_owned(),
        }],
        ..Writes::default()
    };
    assert_eq!(look.commit(&writes).await.expect("written"), 2);
    let mut look = world.look().await;
    assert_eq!(look.final_facts().await.expect("facts"), []);
    assert_eq!(look.confirmed_facts().await.expect("facts"), []);
    assert_eq!(look.withdrawn().await.expect("rows"), []);
    drop(look);
    // When the second becomes final, then it is known that it was told
    world.finalize(2).await;
    let facts = world.look().await.final_facts().await.expect("facts");
    assert!(facts[0].is_told);
    assert_eq!(facts[0].rounds, 1);
}

#[tokio::test]
async fn what_the_mirror_lost_is_withdrawn_once_it_is_known_to_be_lost() {
    // Given a conversion that was told as confirmed
    let world = World::new().await;
    world.endpoint("C", &[]).await;
    world.sale(1, 10, "S1", 0).await;
    let look = world.look().await;
    let confirmed = Confirmation {
        signature: "S1".to_owned(),
        place: 0,
        slot: 10,
        round: 0,
        message: "m1".to_owned(),
    };
    let writes = Writes {
        messages: vec![message("m1", "x")],
        confirmed: vec![confirmed.clone()],
        ..Writes::default()
    };
    look.commit(&writes).await.expect("written");
    // When the mirror has not come that far, as after it was made anew, then nothing is withdrawn
    world
        .run(
            "DELETE FROM transactions; DELETE FROM events; DELETE FROM conversions;
             UPDATE indexer_state SET confirmed_seq = 0, indexed_slot = 9",
        )
        .await;
    let mut look = world.look().await;
    assert_eq!(look.withdrawn().await.expect("rows"), []);
    drop(look);
    // When it has, and does not hold it, then it is withdrawn, once
    world
        .run("UPDATE indexer_state SET indexed_slot = 10")
        .await;
    let mut look = world.look().await;
    let withdrawn = look.withdrawn().await.expect("rows");
    assert_eq!(withdrawn.len(), 1);
    assert_eq!(withdrawn[0].told, confirmed);
    assert_eq!(withdrawn[0].payload, json!({ "type": "x" }));
    let writes = Writes {
        retracted: vec![("S1".to_owned(), 0)],
        ..Writes::default()
    };
    look.commit(&writes).await.expect("written");
    let mut look = world.look().await;
    assert_eq!(look.withdrawn().await.expect("rows"), []);
    drop(look);
    // When it comes back in another slot, then it is to be told again, as the second time
    world.sale(1, 12, "S1", 0).await;
    let mut look = world.look().await;
    let facts = look.confirmed_facts().await.expect("facts");
    assert_eq!(facts.len(), 1);
    assert_eq!((facts[0].is_told, facts[0].rounds), (false, 1));
    let writes = Writes {
        messages: vec![message("m2", "x")],
        confirmed: vec![Confirmation {
            slot: 12,
            round: 1,
            message: "m2".to_owned(),
            ..confirmed
        }],
        ..Writes::default()
    };
    look.commit(&writes).await.expect("written");
    // When its slot changes between two looks, then both are known: what was told does not hold, and
    // it is to be told again
    world
        .run("UPDATE transactions SET slot = 13; UPDATE indexer_state SET indexed_slot = 13")
        .await;
    let mut look = world.look().await;
    assert_eq!(look.withdrawn().await.expect("rows").len(), 1);
    assert_eq!(look.confirmed_facts().await.expect("facts")[0].rounds, 2);
}

#[tokio::test]
async fn of_two_that_look_at_the_same_time_one_writes() {
    // Given two looks at the same facts
    let world = World::new().await;
    world.endpoint("C", &[]).await;
    let (one, other) = (world.look().await, world.look().await);
    let writes = Writes {
        cursor: 5,
        messages: vec![message("m1", "x")],
        ..Writes::default()
    };
    // When both write, then the second fails, and can be repeated
    assert_eq!(one.commit(&writes).await.expect("written"), 1);
    let error = other.commit(&writes).await.expect_err("it was too late");
    assert!(is_conflict(&error), "{error:?}");
    // And a message that is there is not written again, and the cursor never goes back
    let look = world.look().await;
    assert_eq!(look.cursor(), 5);
    let again = Writes {
        cursor: 3,
        ..writes.clone()
    };
    assert_eq!(look.commit(&again).await.expect("nothing new"), 0);
    assert_eq!(world.look().await.cursor(), 5);
    assert_eq!(
        world
            .number("SELECT count(*) FROM webhook_deliveries")
            .await,
        1
    );
    // And an endpoint that is added meanwhile is not passed over
    let look = world.look().await;
    world.endpoint("C", &[]).await;
    let writes = Writes {
        cursor: 6,
        messages: vec![message("m2", "x")],
        ..Writes::default()
    };
    let error = look.commit(&writes).await.expect_err("it was too late");
    assert!(is_conflict(&error), "{error:?}");
    // And who has nothing to write disturbs nobody
    let (one, other) = (world.look().await, world.look().await);
    let nothing = Writes {
        cursor: 5,
        ..Writes::default()
    };
    one.commit(&nothing).await.expect("nothing");
    other.commit(&writes).await.expect("written");
}

#[tokio::test]
async fn holds_end_when_everything_final_was_looked_at() {
    // Given an endpoint that is added while a final conversion can be cancelled
    let world = World::new().await;
    world.sale(1, 10, "S1", 50).await;
    world
        .run(
            "INSERT INTO maturing VALUES ('VS1', 1, 1050, 'C', 1000);
             UPDATE webhook_cursor SET seq = 1",
        )
        .await;
    world.finalize(1).await;
    let id = world.endpoint("C", &[]).await;
    let kept = "SELECT count(*) FROM webhook_maturing WHERE conversion = 'VS1' AND seq = 1";
    assert_eq!(world.number(kept).await, 1);
    // When its hold is not over, then it is not mature; and when it is, then it is
    assert_eq!(world.look().await.matured().await.expect("facts"), []);
    world
        .run("UPDATE indexer_state SET final_time = 1050")
        .await;
    let mut look = world.look().await;
    let facts = look.matured().await.expect("facts");
    assert_eq!(facts.len(), 1);
    assert_eq!(facts[0].subject.as_deref(), Some("VS1"));
    drop(look);
    // But not before the transactions before that time were looked at: one may cancel it
    world.sale(2, 11, "S2", 50).await;
    world.run("UPDATE indexer_state SET final_seq = 2").await;
    let mut look = world.look().await;
    assert_eq!(look.matured().await.expect("facts"), []);
    let writes = Writes {
        cursor: look.next_cursor(),
        maturing: vec![Maturing {
            conversion: "VS2".to_owned(),
            campaign: "C".to_owned(),
            seq: 2,
            place: 0,
            matures_at: 1050,
        }],
        ended: vec!["VS1".to_owned()],
        ..Writes::default()
    };
    look.commit(&writes).await.expect("written");
    let facts = world.look().await.matured().await.expect("facts");
    assert_eq!(facts.len(), 1);
    assert_eq!(facts[0].subject.as_deref(), Some("VS2"));
    // And when the campaign has no endpoint any more, then nothing is kept that stands in the way
    assert!(endpoints::remove(&world.pool, id).await.expect("written"));
    let kept = "SELECT count(*) FROM webhook_maturing";
    assert_eq!(world.number(kept).await, 0);
}

#[tokio::test]
async fn a_campaign_is_seen_as_its_last_final_transaction_left_it() {
    // Given a campaign that a final transaction and two confirmed ones changed
    let world = World::new().await;
    world.endpoint("C", &[]).await;
    for seq in 1..=3 {
        world.sale(seq, seq, &format!("S{seq}"), 0).await;
    }
    world.finalize(1).await;
    world
        .run(
            "INSERT INTO accounts VALUES ('C', 'three', 3, 3), ('D', 'other', 1, 1);
             INSERT INTO accounts_before VALUES
                 (2, 'C', 'one', 1, 1), (3, 'C', 'two', 2, 2), (3, 'D', 'none', 1, 1)",
        )
        .await;
    let look = async || {
        let found = world.look().await.funded_campaigns().await.expect("rows");
        let rows = found.into_iter().map(|row| {
            let data = String::from_utf8(row.data).expect("text");
            (row.seq, data, row.signature, row.told)
        });
        rows.collect::<Vec<_>>()
    };
    assert_eq!(look().await, [(1, "one".to_owned(), "S1".to_owned(), None)]);
    // When it was looked at, then not again
    let note = |seq, told| Writes {
        budgets: vec![BudgetNote {
            campaign: "C".to_owned(),
            seq,
            budget: 9,
            told,
        }],
        ..Writes::default()
    };
    world
        .look()
        .await
        .commit(&note(1, 80))
        .await
        .expect("written");
    assert_eq!(look().await, []);
    // And when everything is final, then its last state counts
    world.finalize(3).await;
    world.run("DELETE FROM accounts_before").await;
    assert_eq!(
        look().await,
        [(3, "three".to_owned(), "S3".to_owned(), Some(80))]
    );
}

/// Gives a badge.
fn award(campaign: &str, referrer: &str, badge: &str, month: &str) -> String {
    format!(
        "INSERT INTO awards (campaign, referrer, badge, month)
         VALUES ('{campaign}', '{referrer}', '{badge}', '{month}')"
    )
}

fn reached(milestones: &Milestones) -> Vec<(&str, &str, i64)> {
    let reached = milestones.reached.iter();
    let line = reached.map(|it| (it.referrer.as_str(), it.badge.as_str(), it.threshold));
    line.collect()
}

/// [W1]
#[tokio::test]
async fn a_milestone_is_read_once_however_late_its_transaction_commits() {
    // Given a transaction that has given a badge, and has not committed
    let world = World::new().await;
    world.endpoint("C", &[]).await;
    let mut first = world.pool.begin().await.expect("a transaction");
    let alice = award("C", "Alice", "conversions_1", "");
    first.execute(alice.as_str()).await.expect("awarded");
    // When another one gives badges meanwhile, then it waits: its ids are not visible before
    let second = tokio::spawn({
        let pool = world.pool.clone();
        async move {
            for sql in [
                award("C", "Bob", "conversions_5", ""),
                award("C", "Bob", "monthly_leader", "2026-01"),
                award("D", "Bob", "conversions_1", ""),
            ] {
                pool.execute(sql.as_str()).await.expect("awarded");
            }
        }
    });
    world.until_waiting(1).await;
    let mut look = world.look().await;
    let nothing = look.milestones().await.expect("rows");
    assert_eq!(nothing, Milestones::default());
    drop(look);
    // When both have committed, then both are read, in their order, and nobody else's
    first.commit().await.expect("committed");
    second.await.expect("committed");
    let mut look = world.look().await;
    let found = look.milestones().await.expect("rows");
    let both = [("Alice", "conversions_1", 1), ("Bob", "conversions_5", 5)];
    assert_eq!(reached(&found), both);
    let last = world.number("SELECT max(id) FROM awards").await;
    assert_eq!(found.award, last);
    // When the process dies before it has committed, then they are read again
    drop(look);
    let mut look = world.look().await;
    assert_eq!(look.milestones().await.expect("rows"), found);
    // When it commits, then not again
    let writes = Writes {
        award: found.award,
        sequence: look.sequence() + 2,
        messages: vec![message("m1", "x"), message("m2", "x")],
        ..Writes::default()
    };
    assert_eq!(look.commit(&writes).await.expect("written"), 2);
    let mut look = world.look().await;
    assert_eq!(look.sequence(), 2);
    assert_eq!(reached(&look.milestones().await.expect("rows")), []);
    drop(look);
    // And neither what is told of something else, nor a transaction that is rolled back, changes that
    world.tell(&[("m3", "x")]).await;
    let mut undone = world.pool.begin().await.expect("a transaction");
    let carol = award("C", "Carol", "conversions_1", "");
    undone.execute(carol.as_str()).await.expect("awarded");
    undone.rollback().await.expect("undone");
    world.run(&award("C", "Dave", "conversions_1", "")).await;
    let found = world.look().await.milestones().await.expect("rows");
    assert_eq!(reached(&found), [("Dave", "conversions_1", 1)]);
}

/// [W1]
#[tokio::test]
async fn a_shortage_is_told_once_and_the_next_one_again() {
    // Given a vault that is short, and one of a campaign without an endpoint
    let world = World::new().await;
    world.endpoint("C", &[]).await;
    world.endpoint("C", &[]).await;
    world
        .run(
            "INSERT INTO vaults VALUES ('C', 7, 4, 10, '2026-01-01', 5), ('D', 1, 2, 10, now(), 0)",
        )
        .await;
    let look = async || world.look().await.short_vaults().await.expect("rows");
    let [short] = look().await.try_into().expect("one");
    let new_year = time::OffsetDateTime::from_unix_timestamp(1_767_225_600).expect("a time");
    assert_eq!(
        short,
        ShortVault {
            campaign: "C".to_owned(),
            balance: 7.into(),
            owed: 4.into(),
            next_reward: 5.into(),
            slot: 10,
            short_since: short.short_since,
        }
    );
    assert!((short.short_since - new_year).abs() < time::Duration::days(1));
    // When it is told, then not again, however it changes
    let told = Writes {
        messages: vec![message("m1", "x")],
        short: vec![("C".to_owned(), short.short_since)],
        ..Writes::default()
    };
    let (one, other) = (world.look().await, world.look().await);
    assert_eq!(one.commit(&told).await.expect("written"), 1);
    let error = other.commit(&told).await.expect_err("it was too late");
    assert!(is_conflict(&error), "{error:?}");
    world
        .run("UPDATE vaults SET balance = 1, slot = 11 WHERE campaign = 'C'")
        .await;
    assert_eq!(look().await, []);
    // When it recovers, then there is nothing to tell; and when it is short again, then there is
    world
        .run("UPDATE vaults SET short_since = NULL WHERE campaign = 'C'")
        .await;
    assert_eq!(look().await, []);
    world
        .run("UPDATE vaults SET short_since = now() WHERE campaign = 'C'")
        .await;
    let [again] = look().await.try_into().expect("one");
    assert_ne!(again.short_since, short.short_since);
    let told = Writes {
        messages: vec![message("m2", "x")],
        short: vec![("C".to_owned(), again.short_since)],
        ..Writes::default()
    };
    world.look().await.commit(&told).await.expect("written");
    assert_eq!(look().await, []);
}

#[tokio::test]
async fn first_attempts_begin_in_the_order_of_the_messages() {
    // Given messages whose ids are not in their order
    let world = World::new().await;
    world.endpoint("C", &[]).await;
    world
        .tell(&[("m3", "x"), ("m1", "x"), ("m4", "x"), ("m2", "x")])
        .await;
    world.tell(&[("m0", "x")]).await;
    // When they are taken one by one, then in the order in which they were told
    let mut order = Vec::new();
    for _ in 0..5 {
        let taken = world.take(1, 9).await;
        order.extend(names(&taken).into_iter().map(str::to_owned));
    }
    assert_eq!(order, ["m3", "m1", "m4", "m2", "m0"]);
}

#[tokio::test]
async fn messages_go_to_the_endpoints_that_want_them() {
    let world = World::new().await;
    let all = world.endpoint("C", &[]).await;
    let some = world.endpoint("C", &["x"]).await;
    let disabled = world.endpoint("C", &[]).await;
    world.endpoint("D", &[]).await;
    endpoints::disable(&world.pool, disabled, "by test")
        .await
        .expect("written");
    assert_eq!(world.tell(&[("m1", "x"), ("m2", "y")]).await, 2);
    let taken = world.take(10, 10).await;
    let pairs: Vec<_> = taken
        .iter()
        .map(|taken| (taken.message.as_str(), taken.endpoint))
        .collect();
    assert_eq!(pairs.len(), 3);
    for pair in [("m1", all), ("m1", some), ("m2", all)] {
        assert!(pairs.contains(&pair), "{pairs:?}");
    }
    assert_eq!(taken[0].payload, r#"{"type": "x"}"#);
    assert_eq!(taken[0].keys[0].expose_secret(), [1; 32]);
    // And what was missed is replayed by its time, or by its id
    let range = endpoints::replay_range(
        &world.pool,
        disabled,
        time::OffsetDateTime::UNIX_EPOCH,
        time::OffsetDateTime::now_utc() + Duration::from_secs(60),
    );
    assert_eq!(range.await.expect("written"), 2);
    assert!(
        !endpoints::replay(&world.pool, disabled, "m3")
            .await
            .expect("an answer")
    );
    assert_eq!(names(&world.take(10, 10).await), Vec::<&str>::new());
    endpoints::enable(&world.pool, disabled)
        .await
        .expect("written");
    assert_eq!(names(&world.take(10, 10).await), ["m1", "m2"]);
}

#[tokio::test]
async fn a_delivery_belongs_to_one_sender_until_its_lease_ends() {
    // Given two deliveries, of which two senders take one each
    let world = World::new().await;
    world.endpoint("C", &[]).await;
    world.tell(&[("m1", "x"), ("m2", "x")]).await;
    let (one, other) = tokio::join!(world.take(1, 9), world.take(1, 9));
    let mut both = names(&one);
    both.extend(names(&other));
    both.sort_unstable();
    assert_eq!(both, ["m1", "m2"]);
    assert_eq!(names(&world.take(9, 9).await), Vec::<&str>::new());
    // When the lease of the first ends, because its sender was killed, then it is taken again
    world
        .run(&format!(
            "UPDATE webhook_deliveries SET next_try = now() WHERE message = '{}'",
            one[0].message
        ))
        .await;
    let again = world.take(9, 9).await;
    assert_eq!(names(&again), names(&one));
    // And if the first sender lives after all, its failure changes nothing, and its success counts
    assert_eq!(
        world.fail(&one[0], Duration::from_secs(1)).await,
        Aftermath::default()
    );
    let attempts = "SELECT sum(attempts) FROM webhook_deliveries";
    assert_eq!(world.number(attempts).await, 0);
    deliveries::delivered(&world.pool, &one[0], 200, false)
        .await
        .expect("written");
    let done = "SELECT count(*) FROM webhook_deliveries
         WHERE delivered_at IS NOT NULL AND next_try IS NULL AND attempts = 1";
    assert_eq!(world.number(done).await, 1);
    // And a late failure does not undo it
    assert_eq!(
        world.fail(&again[0], Duration::from_secs(1)).await,
        Aftermath::default()
    );
    assert_eq!(world.number(done).await, 1);
}

#[tokio::test]
async fn an_endpoint_in_trouble_takes_its_turn_apart_from_the_others() {
    // Given two endpoints with three deliveries each, one of which fails
    let world = World::new().await;
    let failing = world.endpoint("C", &["x"]).await;
    let well = world.endpoint("C", &["y"]).await;
    world
        .tell(&[
            ("m1", "x"),
            ("m2", "x"),
            ("m3", "x"),
            ("m4", "y"),
            ("m5", "y"),
            ("m6", "y"),
        ])
        .await;
    let taken = world.take(10, 1).await;
    assert_eq!(taken.len(), 2);
    let first = taken.iter().find(|taken| taken.endpoint == failing);
    world
        .fail(first.expect("one of each"), Duration::from_secs(3600))
        .await;
    // Then only the other is among those that are well, as far as it is not busy
    let take = async |troubled, each, busy: &[(Uuid, i32)]| {
        let wanted = Wanted {
            troubled,
            limit: 10,
            each,
            busy,
            lease: LEASE,
        };
        deliveries::take(&world.pool, &wanted).await.expect("rows")
    };
    assert_eq!(take(false, 2, &[(well, 2)]).await.len(), 0);
    let taken = take(false, 2, &[(well, 1)]).await;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].endpoint, well);
    // And the failing one is among those in trouble, until one of its messages arrives
    let taken = take(true, 1, &[]).await;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].endpoint, failing);
    deliveries::delivered(&world.pool, &taken[0], 204, false)
        .await
        .expect("written");
    assert_eq!(take(true, 1, &[]).await.len(), 0);
    let taken = take(false, 9, &[(well, 9)]).await;
    assert_eq!(taken.len(), 1);
    // And one that is slow is in trouble, too
    deliveries::delivered(&world.pool, &taken[0], 200, true)
        .await
        .expect("written");
    let slow = "SELECT count(*) FROM webhook_endpoints WHERE slow";
    assert_eq!(world.number(slow).await, 1);
}

#[tokio::test]
async fn attempts_end_after_their_time_and_so_does_an_endpoint_that_only_fails() {
    // Given an endpoint whose message failed once
    let world = World::new().await;
    let id = world.endpoint("C", &[]).await;
    world.tell(&[("m1", "x")]).await;
    let taken = world.take(1, 9).await;
    assert_eq!(
        world.fail(&taken[0], Duration::from_secs(5)).await,
        Aftermath::default()
    );
    let ahead = "SELECT round(extract(epoch FROM next_try - now()))::bigint
         FROM webhook_deliveries WHERE attempts = 1";
    assert!((3..=5).contains(&world.number(ahead).await));
    let retake = async || {
        world
            .run("UPDATE webhook_deliveries SET next_try = now() WHERE next_try IS NOT NULL")
            .await;
        let wanted = Wanted {
            troubled: true,
            limit: 1,
            each: 1,
            busy: &[],
            lease: LEASE,
        };
        let taken = deliveries::take(&world.pool, &wanted).await;
        taken.expect("rows").remove(0)
    };
    // When the next attempt would be after the three days, and another message arrived meanwhile,
    // then only the message is given up
    world
        .run(
            "UPDATE webhook_deliveries SET first_try = now() - interval '71 hours';
             UPDATE webhook_endpoints SET failing_since = now() - interval '1 hour'",
        )
        .await;
    let taken = retake().await;
    let given_up = Aftermath {
        given_up: true,
        disabled: false,
    };
    assert_eq!(
        world.fail(&taken, Duration::from_secs(2 * 3600)).await,
        given_up
    );
    let over = "SELECT count(*) FROM webhook_deliveries
         WHERE next_try IS NULL AND delivered_at IS NULL AND last_error = 'status 500'";
    assert_eq!(world.number(over).await, 1);
    // When nothing arrived for three days, then the endpoint is disabled, with a reason
    world
        .run("UPDATE webhook_endpoints SET failing_since = '2026-01-01T00:00:00Z'")
        .await;
    world.tell(&[("m2", "x")]).await;
    let taken = retake().await;
    let disabled = Aftermath {
        given_up: false,
        disabled: true,
    };
    assert_eq!(world.fail(&taken, Duration::from_secs(5)).await, disabled);
    let list = endpoints::list(&world.pool, Some("C")).await.expect("rows");
    assert_eq!(list[0].id, id);
    assert_eq!(
        list[0].disabled_reason.as_deref(),
        Some("all attempts failed since 2026-01-01 00:00:00 UTC; the last: status 500")
    );
    assert_eq!(list[0].waiting, 1);
    // And when it is enabled again, then it starts anew
    endpoints::enable(&world.pool, id).await.expect("written");
    assert_eq!(names(&world.take(9, 9).await), Vec::<&str>::new());
    world
        .run("UPDATE webhook_deliveries SET next_try = now() WHERE next_try IS NOT NULL")
        .await;
    assert_eq!(names(&world.take(9, 9).await), ["m2"]);
}

#[tokio::test]
async fn keys_overlap_and_end() {
    let world = World::new().await;
    let id = world.endpoint("C", &[]).await;
    let keys = async |message: &str| {
        world.tell(&[(message, "x")]).await;
        let taken = world.take(1, 9).await.remove(0);
        let keys = taken.keys.iter().map(|key| key.expose_secret()[0]);
        keys.collect::<Vec<_>>()
    };
    assert_eq!(keys("m1").await, [1]);
    for byte in 2..=6 {
        let rotated = endpoints::rotate(&world.pool, id, &key(byte), 3600.0).await;
        assert!(rotated.expect("written"));
    }
    // The newest first, and no more than four
    assert_eq!(keys("m2").await, [6, 5, 4, 3]);
    endpoints::rotate(&world.pool, id, &key(7), 0.0)
        .await
        .expect("written");
    assert_eq!(keys("m3").await, [7]);
    let unknown = endpoints::rotate(&world.pool, Uuid::nil(), &key(7), 0.0).await;
    assert!(!unknown.expect("an answer"));
}

#[tokio::test]
async fn what_is_over_is_deleted_in_parts() {
    // Given an old message, a new one, and an endpoint that was removed
    let world = World::new().await;
    world.endpoint("C", &[]).await;
    let removed = world.endpoint("C", &[]).await;
    world.tell(&[("old", "x"), ("new", "x")]).await;
    world
        .run("UPDATE webhook_messages SET created_at = now() - interval '31 days' WHERE id = 'old'")
        .await;
    assert!(
        endpoints::remove(&world.pool, removed)
            .await
            .expect("written")
    );
    assert!(
        !endpoints::remove(&world.pool, removed)
            .await
            .expect("an answer")
    );
    assert_eq!(
        endpoints::list(&world.pool, None)
            .await
            .expect("rows")
            .len(),
        1
    );
    // When what is over is deleted
    let keep = Duration::from_secs(30 * 86_400);
    assert!(!retention::sweep(&world.pool, keep).await.expect("deleted"));
    // Then the new message for the other endpoint is left
    for (sql, expected) in [
        ("SELECT count(*) FROM webhook_messages WHERE id = 'new'", 1),
        ("SELECT count(*) FROM webhook_messages", 1),
        ("SELECT count(*) FROM webhook_deliveries", 1),
        ("SELECT count(*) FROM webhook_endpoints", 1),
        ("SELECT count(*) FROM webhook_secrets", 1),
    ] {
        assert_eq!(world.number(sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn no_delivery_outlives_its_message_or_its_endpoint() {
    // Given an old message, and a replay of it that has not committed
    let world = World::new().await;
    let id = world.endpoint("C", &["x"]).await;
    let removed = world.endpoint("C", &["x"]).await;
    world.tell(&[("old", "y"), ("new", "y")]).await;
    world
        .run("UPDATE webhook_messages SET created_at = now() - interval '31 days' WHERE id = 'old'")
        .await;
    let deliver = |message: &str, endpoint: Uuid| {
        format!(
            "INSERT INTO webhook_deliveries (message, endpoint) VALUES ('{message}', '{endpoint}')"
        )
    };
    let keep = Duration::from_secs(30 * 86_400);
    let sweep = async |replayed: String| {
        let mut replay = world.pool.begin().await.expect("a transaction");
        replay.execute(replayed.as_str()).await.expect("replayed");
        // When it is deleted meanwhile, then that waits for the replay
        let pool = world.pool.clone();
        let sweep = tokio::spawn(async move { retention::sweep(&pool, keep).await });
        world.until_waiting(1).await;
        replay.commit().await.expect("committed");
        sweep.await.expect("an end").expect("deleted");
    };
    let deliveries = "SELECT count(*) FROM webhook_deliveries";
    sweep(deliver("old", id)).await;
    // Then the delivery is deleted with it
    assert_eq!(world.number(deliveries).await, 0);
    let messages = "SELECT count(*) FROM webhook_messages";
    assert_eq!(world.number(messages).await, 1);
    // And the same with an endpoint that is removed
    endpoints::remove(&world.pool, removed)
        .await
        .expect("written");
    sweep(deliver("new", removed)).await;
    assert_eq!(world.number(deliveries).await, 0);
    let endpoints = "SELECT count(*) FROM webhook_endpoints";
    assert_eq!(world.number(endpoints).await, 1);
    // And no delivery of a deleted message, or to a removed endpoint, can be written
    for (message, endpoint, constraint) in [
        ("old", id, "webhook_deliveries_of_a_message"),
        ("new", removed, "webhook_deliveries_of_an_endpoint"),
    ] {
        let error = world
            .pool
            .execute(deliver(message, endpoint).as_str())
            .await;
        let error = error.expect_err("refused");
        let error = error.as_database_error().expect("a refusal of Postgres");
        assert_eq!(error.constraint(), Some(constraint));
    }
}

/// The migration deletes deliveries that older versions have orphaned.
#[tokio::test]
async fn orphaned_deliveries_of_an_older_database_are_deleted() {
    // Given an older database with a delivery, one without its message, and one without its endpoint
    let world = World::new().await;
    let empty = "DROP SCHEMA mirror, public CASCADE; CREATE SCHEMA public";
    world.run(empty).await;
    let older = vouch_db::MIGRATOR
        .iter()
        .take_while(|step| step.version < 13);
    let older = Migrator {
        migrations: older.cloned().collect::<Vec<_>>().into(),
        ..Migrator::DEFAULT
    };
    older.run(&world.pool).await.expect("the older schema");
    world
        .run(
            "INSERT INTO webhook_endpoints (id, campaign, url, types)
             VALUES (lpad('1', 32, '0')::uuid, 'C', 'https://example.com/', '{}');
             INSERT INTO webhook_messages (id, type, campaign, payload)
             VALUES ('m1', 'x', 'C', '{}');
             INSERT INTO webhook_deliveries (message, endpoint) VALUES
                 ('m1', lpad('1', 32, '0')::uuid), ('m2', lpad('1', 32, '0')::uuid),
                 ('m1', lpad('2', 32, '0')::uuid)",
        )
        .await;
    world.run(&award("C", "Alice", "conversions_1", "")).await;
    // When it is migrated
    vouch_db::migrate(&world.pool)
        .await
        .expect("the new schema");
    // Then the first is left
    let left = "SELECT count(*) FROM webhook_deliveries WHERE message = 'm1'
                AND endpoint = lpad('1', 32, '0')::uuid";
    assert_eq!(world.number(left).await, 1);
    let all = "SELECT count(*) FROM webhook_deliveries";
    assert_eq!(world.number(all).await, 1);
    // And nobody is told of badges that were given before
    let found = world.look().await.milestones().await.expect("rows");
    assert_eq!(reached(&found), []);
}

#[tokio::test]
async fn one_endpoint_with_most_deliveries_does_not_delay_the_others() {
    // Given a thousand endpoints with 50 deliveries each, and one with 20,000
    let world = World::new().await;
    world
        .run(
            "INSERT INTO webhook_messages (id, type, campaign, payload)
             SELECT 'm' || n, 'x', 'C', '{}' FROM generate_series(1, 20000) n;
             INSERT INTO webhook_endpoints (id, campaign, url, types)
             SELECT lpad(n::text, 32, '0')::uuid, 'C', 'https://example.com/', '{}'
             FROM generate_series(1, 1001) n;
             INSERT INTO webhook_deliveries (message, endpoint)
             SELECT 'm' || n, lpad('1', 32, '0')::uuid FROM generate_series(1, 20000) n;
             INSERT INTO webhook_deliveries (message, endpoint)
             SELECT 'm' || m, lpad(n::text, 32, '0')::uuid
             FROM generate_series(2, 1001) n, generate_series(1, 50) m",
        )
        .await;
    // When a sender takes some
    let mut seen = std::collections::BTreeMap::<Uuid, u32>::new();
    for _ in 0..20 {
        let taken = world.take(100, 4).await;
        assert_eq!(taken.len(), 100);
        let mut each = std::collections::BTreeMap::<Uuid, u32>::new();
        for taken in taken {
            *each.entry(taken.endpoint).or_default() += 1;
            *seen.entry(taken.endpoint).or_default() += 1;
        }
        // Then no endpoint has more than its share
        assert!(each.values().all(|count| *count <= 4), "{each:?}");
    }
    // And many get their turn: 25 of 1,001 are chosen at a time, 20 times
    assert!(seen.len() > 250, "{}", seen.len());
    let backlog = deliveries::backlog(&world.pool).await.expect("counted");
    assert_eq!((backlog.waiting, backlog.disabled), (70_000, 0));
    assert!(backlog.oldest_seconds > 0.0, "{backlog:?}");
}
