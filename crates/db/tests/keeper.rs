//! The keeper's tables, against a real Postgres: who works on what, and what it may cost. Numbers in
//! brackets refer to `docs/INVARIANTS.md`.

mod store;

use std::{collections::BTreeSet, ops::Deref, time::Duration};

use store::Store;
use vouch_db::{
    keeper::{
        self, Backlog, CampaignSpent, Cursor, End, Intent, Kind, Limits, Opened, Postponed, Risk,
        Settled, Spent, Vault,
    },
    mirror::{Batch, Conversion, Final, Projections, Status, Transaction, Writer},
};

/// 2026-01-01 00:00:00 UTC.
const NEW_YEAR: i64 = 1_767_225_600;
const LIMITS: Limits = Limits {
    day: 100_000,
    campaign: 100_000,
    reclaim: 100_000,
    failed: 100_000,
};
const SOON: Duration = Duration::from_secs(60);

struct World {
    store: Store,
    writer: Writer,
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
        let writer = store.writer().await;
        Self { store, writer }
    }

    /// Mirrors a conversion as transaction `seq`, whose hold ends at `matures_at` after new year.
    async fn convert(&mut self, seq: i64, campaign: &str, matures_at: i64, rewards: [u64; 3]) {
        let [referrer, referee, partner] = rewards;
        let bit = |units: u64, bit: i16| if units == 0 { bit } else { 0 };
        let settled = bit(referrer, 1) + bit(referee, 2) + bit(partner, 4);
        let sale = Conversion {
            address: format!("conversion-{seq}"),
            seq,
            slot: seq,
            campaign: campaign.into(),
            referral: "R".into(),
            code: "AZURE23".into(),
            referrer: "Alice".into(),
            partner: None,
            referee: "Bob".into(),
            action: "signup".into(),
            amount: 0.into(),
            reference: None,
            reward_referrer: referrer.into(),
            reward_referee: referee.into(),
            reward_partner: partner.into(),
            converted_at: NEW_YEAR,
            matures_at: NEW_YEAR + matures_at,
            status: Status::Pending,
            settled,
        };
        let batch = Batch {
            transactions: vec![Transaction {
                seq,
                slot: seq,
                block_index: None,
                block_time: NEW_YEAR,
                signature: format!("sale-{seq}"),
                succeeded: true,
                failed_instruction: None,
                error_code: None,
            }],
            projections: Projections {
                sales: vec![sale],
                ..Projections::default()
            },
            ..Batch::default()
        };
        self.writer.write(&batch, None).await.expect("written");
    }

    /// Everything up to `seq` is final, up to slot `slot`, at this time after new year.
    async fn finalize(&mut self, seq: i64, slot: i64, time: i64) {
        let range = Final {
            seq,
            first_slot: 0,
            last_slot: slot,
            time: Some(NEW_YEAR + time),
            source: "test".into(),
        };
        let outcome = self.writer.write(&Batch::default(), Some(&range)).await;
        outcome.expect("written");
    }

    async fn admit(&self, served: Option<&[String]>, least: u64) -> keeper::Page {
        let start = Cursor::at(i64::MIN);
        keeper::admit(&self.pool, &start, 1000, served, least)
            .await
            .expect("a page")
    }

    /// Subjects of due claims, in their order.
    async fn due(&self, limits: (i64, i64, i64), spent: &[&str]) -> Vec<String> {
        let spent: Vec<_> = spent.iter().map(|it| (*it).to_owned()).collect();
        let tasks = keeper::due(&self.pool, Kind::Claim, "", limits, None, &spent).await;
        tasks
            .expect("tasks")
            .into_iter()
            .map(|task| task.subject)
            .collect()
    }

    /// The task of a conversion, as text.
    async fn task(&self, subject: &str) -> String {
        self.text(&format!(
            "SELECT format('tries %s, waits %s, failures %s, intent %s, %s', tries, waits, failures,
                           coalesce(intent, '-'), coalesce(reason, '-'))
             FROM keeper_tasks WHERE subject = '{subject}'"
        ))
        .await
    }

    /// Makes a task of each of these conversions of campaign C.
    async fn tasks(&self, subjects: &[&str]) {
        for subject in subjects {
            self.run(&format!(
                "INSERT INTO keeper_tasks (kind, subject, campaign, due_at)
                 VALUES ('claim', '{subject}', 'C', now() - interval '1 minute')"
            ))
            .await;
        }
    }

    async fn open(&self, intent: &Intent, limits: Limits) -> Opened {
        keeper::open(&self.pool, intent, limits)
            .await
            .expect("an outcome")
    }

    /// Mirrors a final transaction.
    async fn mirror(&self, signature: &str, succeeded: bool) {
        self.run(&format!(
            "INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
             SELECT confirmed_seq + 1, 7, 0, '{signature}', {succeeded} FROM indexer_state"
        ))
        .await;
        self.run("UPDATE indexer_state SET confirmed_seq = confirmed_seq + 1")
            .await;
        self.run("UPDATE indexer_state SET final_seq = confirmed_seq")
            .await;
    }

    async fn end(&self, signature: &str, settled: Settled) -> bool {
        let end = End {
            signature: signature.into(),
            slot: 7,
            settled,
            pause: SOON,
        };
        keeper::end(&self.pool, &end).await.expect("an outcome")
    }
}

/// An intent of campaign C that costs 5,000 lamports, and works on tasks that were never tried.
fn intent(signature: &str, subjects: &[&str]) -> Intent {
    Intent {
        signature: signature.into(),
        fee_payer: "K".into(),
        kind: Kind::Claim,
        campaign: "C".into(),
        tasks: subjects
            .iter()
            .map(|subject| ((*subject).to_owned(), 0))
            .collect(),
        transaction: vec![1, 2, 3],
        last_valid_height: 150,
        fee: 5000,
    }
}

fn failed(blamed: &[&str]) -> Settled {
    Settled::Failed {
        error: "an error".into(),
        blamed: blamed.iter().map(|subject| (*subject).to_owned()).collect(),
        most: 2,
    }
}

/// [K3]
#[tokio::test]
async fn what_is_due_is_final_mature_and_worth_it() {
    let mut world = World::new().await;
    // Given conversions that mature at 10, 20 and 30, one of another campaign, two that are worth
    // less than 5, and one that is not final
    world.convert(1, "C", 10, [5, 0, 0]).await;
    world.convert(2, "C", 20, [0, 0, 5]).await;
    world.convert(3, "C", 30, [5, 0, 0]).await;
    world.convert(4, "D", 10, [5, 5, 5]).await;
    world.convert(5, "C", 10, [4, 4, 4]).await;
    world.convert(6, "C", 10, [0, 0, 0]).await;
    world.convert(7, "C", 10, [5, 0, 0]).await;
    // When it is 30, and the last one may still be undone
    world.finalize(6, 6, 30).await;
    let page = world.admit(None, 5).await;
    // Then the mature ones have tasks: a hold that ends this very second is not over for sure
    assert_eq!((page.rows, page.admitted), (6, 3));
    let all: BTreeSet<_> = world.due((100, 100, 100), &[]).await.into_iter().collect();
    let expected = ["conversion-1", "conversion-2", "conversion-4"];
    assert_eq!(all, expected.map(str::to_owned).into());
    // And a second search changes nothing
    assert_eq!(world.admit(None, 5).await.admitted, 0);
    // When more is served, then it follows: the rest of the list is not passed over
    assert_eq!(world.admit(Some(&["D".into()]), 0).await.admitted, 0);
    assert_eq!(world.admit(Some(&["C".into()]), 0).await.admitted, 2);
    world.finalize(7, 7, 31).await;
    let after = Cursor {
        matures_at: NEW_YEAR + 20,
        address: "conversion-2".into(),
    };
    let page = keeper::admit(&world.pool, &after, 1000, None, 5)
        .await
        .expect("a page");
    assert_eq!((page.rows, page.admitted), (1, 1));
    assert_eq!(page.last.expect("a place").address, "conversion-3");
}

/// [K3]
#[tokio::test]
async fn the_list_is_walked_from_its_newest_end_without_a_gap() {
    let mut world = World::new().await;
    for seq in 1..=10 {
        // Several share a second.
        world.convert(seq, "C", seq / 3, [5, 0, 0]).await;
    }
    world.finalize(10, 10, 100).await;
    // When the list is walked in pages of 4
    let mut until = Some(Cursor::at(NEW_YEAR + 100));
    let mut admitted = Vec::new();
    while let Some(end) = until {
        until = keeper::walk_back(&world.pool, &end, 4)
            .await
            .expect("a place");
        let start = until.clone().unwrap_or(Cursor::at(i64::MIN));
        let page = keeper::admit(&world.pool, &start, 4, None, 1)
            .await
            .expect("a page");
        admitted.push(page.admitted);
    }
    // Then every conversion has a task
    assert_eq!(admitted, [4, 4, 2]);
}

/// [K5]
#[tokio::test]
async fn no_campaign_and_no_task_that_waits_delays_the_others() {
    let world = World::new().await;
    // Given 10,000 tasks of a campaign that cannot be done, 10,000 more of it, and one of another
    world
        .run(
            "INSERT INTO keeper_tasks (kind, subject, campaign, due_at, waits)
             SELECT 'claim', 'a' || number, 'attacker', now() - number * interval '1 second',
                    number <= 10000
             FROM generate_series(1, 20000) AS number",
        )
        .await;
    world.tasks(&["honest"]).await;
    // When some are asked for
    let due = world.due((100, 3, 2), &[]).await;
    // Then there are the newest of each campaign, and last those that have waited longest
    assert_eq!(
        due,
        ["honest", "a10001", "a10002", "a10003", "a10000", "a9999"]
    );
    // And nothing of a campaign that has spent its day
    assert_eq!(world.due((100, 3, 2), &["attacker"]).await, ["honest"]);
    assert_eq!(world.due((100, 3, 2), &["C", "attacker"]).await, [""; 0]);
    // And a limit is continued after the campaign that it ended with
    assert_eq!(world.due((1, 3, 2), &[]).await, ["honest"]);
    let next = keeper::due(&world.pool, Kind::Claim, "C", (1, 3, 2), None, &[]).await;
    assert_eq!(next.expect("tasks")[0].subject, "a10001");
    // And the backlog has what is due
    let backlog = keeper::backlog(&world.pool, None).await.expect("a backlog");
    let Backlog {
        due,
        waiting,
        oldest,
    } = backlog;
    assert_eq!((due, waiting), (10_001, 10_000));
    assert!((20_000..20_100).contains(&oldest), "{oldest}");
}

/// [K1]
#[tokio::test]
async fn a_task_belongs_to_one_intent() {
    let world = World::new().await;
    world.tasks(&["one", "two", "three"]).await;
    // When an intent works on two of three tasks
    assert_eq!(
        world.open(&intent("S1", &["one", "two"]), LIMITS).await,
        Opened::Yes
    );
    // Then no other intent gets one of them, nor a part of what it wants
    assert_eq!(
        world.open(&intent("S2", &["two", "three"]), LIMITS).await,
        Opened::Taken
    );
    assert_eq!(world.due((100, 100, 100), &[]).await, ["three"]);
    assert_eq!(
        world
            .text("SELECT count(*)::text FROM keeper_intents")
            .await,
        "1"
    );
    // And a search or a refusal does not free them
    keeper::finished(&world.pool, Kind::Claim, &["one".into()])
        .await
        .expect("written");
    let late = Postponed {
        subject: "two".into(),
        tries: 0,
        reason: "late".into(),
        pause: SOON,
    };
    keeper::postpone(&world.pool, Kind::Claim, &[late])
        .await
        .expect("written");
    assert_eq!(
        world.task("one").await,
        "tries 0, waits f, failures 0, intent S1, -"
    );
    assert_eq!(
        world.task("two").await,
        "tries 0, waits f, failures 0, intent S1, -"
    );
    // And the open intent can be sent again by anybody
    let pending = keeper::pending(&world.pool, 10).await.expect("intents");
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].transaction, [1, 2, 3]);
    assert_eq!(pending[0].subjects, ["one", "two"]);
}

/// [K1]
#[tokio::test]
async fn of_many_keepers_at_once_one_gets_the_task() {
    let world = World::new().await;
    world.tasks(&["one"]).await;
    let intents: Vec<_> = (0..8)
        .map(|number| intent(&format!("S{number}"), &["one"]))
        .collect();
    let opened = intents
        .iter()
        .map(|it| keeper::open(&world.pool, it, LIMITS));
    let opened = futures::future::join_all(opened).await;
    let won = opened
        .into_iter()
        .filter(|it| matches!(it, Ok(Opened::Yes)));
    assert_eq!(won.count(), 1);
    assert_eq!(
        world
            .text("SELECT count(*)::text FROM keeper_intents")
            .await,
        "1"
    );
}

/// [K2]
#[tokio::test]
async fn whoever_read_a_task_before_it_was_tried_cannot_take_it() {
    let world = World::new().await;
    world.tasks(&["one"]).await;
    world.open(&intent("S1", &["one"]), LIMITS).await;
    // When a node says that the intent has landed, and the mirror does not show it
    // Then that is not believed
    assert!(!world.end("S1", Settled::Landed).await);
    world.mirror("S1", true).await;
    assert!(!world.end("S1", failed(&["one"])).await);
    assert_eq!(
        world.task("one").await,
        "tries 0, waits f, failures 0, intent S1, -"
    );
    // When it does
    assert!(world.end("S1", Settled::Landed).await);
    assert_eq!(
        world.task("one").await,
        "tries 1, waits t, failures 0, intent -, -"
    );
    // Then another keeper that has read the task before does not get it
    assert_eq!(
        world.open(&intent("S2", &["one"]), LIMITS).await,
        Opened::Taken
    );
    // Not even much later
    world.run("UPDATE keeper_tasks SET due_at = now()").await;
    assert_eq!(
        world.open(&intent("S2", &["one"]), LIMITS).await,
        Opened::Taken
    );
    // And an end is written once
    assert!(!world.end("S1", failed(&["one"])).await);
    assert_eq!(
        world.text("SELECT state FROM keeper_intents").await,
        "landed"
    );
    assert_eq!(
        world.task("one").await,
        "tries 1, waits t, failures 0, intent -, -"
    );
}

/// [K5]
#[tokio::test]
async fn a_failure_is_blamed_on_one_and_limited_in_a_day() {
    let world = World::new().await;
    world.tasks(&["guilty", "innocent"]).await;
    world
        .open(&intent("S1", &["guilty", "innocent"]), LIMITS)
        .await;
    // When the transaction fails because of one of them
    world.mirror("S1", false).await;
    assert!(world.end("S1", failed(&["guilty"])).await);
    // Then the other one is free at once, and this one waits
    assert_eq!(world.due((100, 100, 100), &[]).await, ["innocent"]);
    let guilty = "tries 1, waits t, failures 1, intent -, an error";
    assert_eq!(world.task("guilty").await, guilty);
    assert_eq!(
        world.task("innocent").await,
        "tries 0, waits f, failures 0, intent -, -"
    );
    let wait = "SELECT (due_at < now() + interval '61 seconds')::text FROM keeper_tasks
                WHERE subject = 'guilty'";
    assert_eq!(world.text(wait).await, "true");
    // When it fails for the second time today, which is the limit, then it waits for tomorrow
    world.run("UPDATE keeper_tasks SET due_at = now()").await;
    let mut again = intent("S2", &["guilty"]);
    again.tasks[0].1 = 1;
    assert_eq!(world.open(&again, LIMITS).await, Opened::Yes);
    world.mirror("S2", false).await;
    assert!(world.end("S2", failed(&["guilty"])).await);
    let tomorrow =
        "SELECT (due_at = date_trunc('day', now(), 'UTC') + interval '1 day 1 minute')::text
                    FROM keeper_tasks WHERE subject = 'guilty'";
    assert_eq!(world.text(tomorrow).await, "true");
    // And on the next day it is counted anew
    world
        .run("UPDATE keeper_tasks SET due_at = now(), failed_on = failed_on - 1 WHERE failures = 2")
        .await;
    let mut again = intent("S3", &["guilty"]);
    again.tasks[0].1 = 2;
    assert_eq!(world.open(&again, LIMITS).await, Opened::Yes);
    world.mirror("S3", false).await;
    assert!(world.end("S3", failed(&["guilty"])).await);
    assert_eq!(
        world.task("guilty").await,
        "tries 3, waits t, failures 1, intent -, an error"
    );
}

/// [K4]
#[tokio::test]
async fn a_day_costs_no_more_than_it_may() {
    let world = World::new().await;
    world.tasks(&["one", "two", "three", "four"]).await;
    world
        .run("UPDATE keeper_tasks SET campaign = 'D' WHERE subject = 'three'")
        .await;
    let limits = Limits {
        day: 14_999,
        campaign: 9_999,
        reclaim: 4_999,
        ..LIMITS
    };
    assert_eq!(
        world.open(&intent("S1", &["one"]), limits).await,
        Opened::Yes
    );
    // A campaign has its share
    assert_eq!(
        world.open(&intent("S2", &["two"]), limits).await,
        Opened::CampaignSpent
    );
    let other = Intent {
        campaign: "D".into(),
        ..intent("S3", &["three"])
    };
    assert_eq!(world.open(&other, limits).await, Opened::Yes);
    // And so has returning rent
    let reclaim = Intent {
        campaign: "E".into(),
        kind: Kind::Reclaim,
        fee: 4999,
        ..intent("S4", &["four"])
    };
    let more = Limits {
        reclaim: 4998,
        ..limits
    };
    assert_eq!(world.open(&reclaim, more).await, Opened::ReclaimSpent);
    // And all of them together
    let third = Intent {
        campaign: "E".into(),
        ..intent("S5", &["four"])
    };
    assert_eq!(world.open(&third, limits).await, Opened::DaySpent);
    let spent = keeper::spent(&world.pool).await.expect("sums");
    let risk = Risk {
        failed: 0,
        open: 5000,
    };
    let each = CampaignSpent {
        all: 5000,
        risks: [(Kind::Claim, risk)].into(),
    };
    let expected = Spent {
        day: 10_000,
        reclaim: 0,
        campaigns: [("C".to_owned(), each.clone()), ("D".to_owned(), each)].into(),
    };
    assert_eq!(spent, expected);
    // A failed intent has cost its fee, and yesterday's intents do not count
    world.mirror("S1", false).await;
    assert!(world.end("S1", failed(&["one"])).await);
    assert_eq!(world.open(&third, limits).await, Opened::DaySpent);
    world
        .run(
            "UPDATE keeper_intents SET created_at = date_trunc('day', now(), 'UTC') - interval '1 second'
             WHERE signature = 'S1'",
        )
        .await;
    assert_eq!(world.open(&third, limits).await, Opened::Yes);
}

/// [K4]
#[tokio::test]
async fn a_thousand_claims_that_fail_cost_a_known_number_of_fees_a_day() {
    // Given a thousand claims of an attacker, who makes each fail when it is in a block, and one of
    // another campaign
    let world = World::new().await;
    let subjects: Vec<_> = (0..1000)
        .map(|number| format!("claim-{number:03}"))
        .collect();
    let names: Vec<_> = subjects.iter().map(String::as_str).collect();
    world.tasks(&names).await;
    world.tasks(&["honest"]).await;
    world
        .run("UPDATE keeper_tasks SET campaign = 'D' WHERE subject = 'honest'")
        .await;
    let limits = Limits {
        day: 50_000_000,
        campaign: 20_000_000,
        reclaim: 5_000_000,
        failed: 200_000,
    };
    // When a keeper sends what is due, 15 to a transaction, until nothing more may be sent
    let day = async |day: &str| {
        let mut fees = 0;
        loop {
            let others = ["D".to_owned()];
            let due = keeper::due(&world.pool, Kind::Claim, "", (15, 15, 15), None, &others);
            let due = due.await.expect("tasks");
            // A task that has failed is sent by itself
            let (failed, fresh): (Vec<_>, Vec<_>) = due.into_iter().partition(|it| it.has_failed);
            let sent = if fresh.is_empty() {
                &failed[..1]
            } else {
                &fresh
            };
            let tasks = sent.iter().map(|task| (task.subject.clone(), task.tries));
            let signature = format!("{day}-{fees}");
            let attempt = Intent {
                tasks: tasks.collect(),
                ..intent(&signature, &[])
            };
            match world.open(&attempt, limits).await {
                Opened::Yes => {}
                refused => return (fees, refused),
            }
            fees += 1;
            world.mirror(&signature, false).await;
            let blamed = Settled::Failed {
                error: "an error".into(),
                blamed: vec![attempt.tasks[0].0.clone()],
                most: 1,
            };
            assert!(world.end(&signature, blamed).await);
        }
    };
    // Then that is 40 fees, not a thousand
    assert_eq!(day("first").await, (40, Opened::FailedSpent));
    let waiting = "SELECT count(*)::text FROM keeper_tasks
                   WHERE failures = 1 AND due_at >= date_trunc('day', now(), 'UTC') + interval '1 day'";
    assert_eq!(world.text(waiting).await, "40");
    // And the other campaign is paid
    let other = Intent {
        campaign: "D".into(),
        ..intent("other", &["honest"])
    };
    assert_eq!(world.open(&other, limits).await, Opened::Yes);
    // And rent of this campaign is returned
    world
        .run(
            "INSERT INTO keeper_tasks (kind, subject, campaign, due_at)
             VALUES ('reclaim', 'rent', 'C', now() - interval '1 minute')",
        )
        .await;
    let rent = Intent {
        kind: Kind::Reclaim,
        ..intent("rent", &["rent"])
    };
    assert_eq!(world.open(&rent, limits).await, Opened::Yes);
    // And the next day costs as much
    world
        .run(
            "UPDATE keeper_intents SET created_at = created_at - interval '1 day';
             UPDATE keeper_tasks SET due_at = now(), failed_on = failed_on - 1 WHERE failures = 1",
        )
        .await;
    assert_eq!(day("second").await, (40, Opened::FailedSpent));
}

/// [K4]
#[tokio::test]
async fn what_may_still_fail_counts_as_failed() {
    let world = World::new().await;
    world.tasks(&["one", "two", "three", "four"]).await;
    let limits = Limits {
        failed: 10_000,
        ..LIMITS
    };
    // Given two open transactions, which is what failures of a campaign may cost in a day
    for (signature, subject) in [("S1", "one"), ("S2", "two")] {
        let opened = world.open(&intent(signature, &[subject]), limits).await;
        assert_eq!(opened, Opened::Yes);
    }
    // Then a third one waits, until one of them has landed
    let third = intent("S3", &["three"]);
    assert_eq!(world.open(&third, limits).await, Opened::FailedSpent);
    world.mirror("S1", true).await;
    assert!(world.end("S1", Settled::Landed).await);
    assert_eq!(world.open(&third, limits).await, Opened::Yes);
    // And when the others fail, then nothing more is sent today
    for signature in ["S2", "S3"] {
        world.mirror(signature, false).await;
        assert!(world.end(signature, failed(&[])).await);
    }
    let fourth = intent("S4", &["four"]);
    assert_eq!(world.open(&fourth, limits).await, Opened::FailedSpent);
    // A fee above the limit may be spent once
    let world = World::new().await;
    world.tasks(&["one", "two"]).await;
    let limits = Limits {
        failed: 4999,
        ..LIMITS
    };
    assert_eq!(
        world.open(&intent("S1", &["one"]), limits).await,
        Opened::Yes
    );
    world.mirror("S1", false).await;
    assert!(world.end("S1", failed(&["one"])).await);
    let again = world.open(&intent("S2", &["two"]), limits).await;
    assert_eq!(again, Opened::FailedSpent);
}

/// [K4]
#[tokio::test]
async fn many_keepers_at_once_do_not_exceed_the_day() {
    let world = World::new().await;
    let subjects: Vec<_> = (0..8).map(|number| format!("task-{number}")).collect();
    world
        .tasks(&subjects.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let limits = Limits {
        day: 15_000,
        ..LIMITS
    };
    let intents: Vec<_> = subjects
        .iter()
        .map(|it| intent(&format!("S-{it}"), &[it]))
        .collect();
    let opened = intents
        .iter()
        .map(|it| keeper::open(&world.pool, it, limits));
    let opened = futures::future::join_all(opened).await;
    let won = opened
        .iter()
        .filter(|it| matches!(it, Ok(Opened::Yes)))
        .count();
    let spent = opened
        .iter()
        .filter(|it| matches!(it, Ok(Opened::DaySpent)))
        .count();
    assert_eq!((won, spent), (3, 5));
}

/// [K2]
#[tokio::test]
async fn only_a_mirror_that_is_complete_and_lacks_it_lets_an_intent_expire() {
    let mut world = World::new().await;
    world.tasks(&["one", "two"]).await;
    world.open(&intent("S1", &["one"]), LIMITS).await;
    world.open(&intent("sale-1", &["two"]), LIMITS).await;
    let expire = async |world: &World, signature: &str| {
        keeper::expire(&world.pool, signature)
            .await
            .expect("an outcome")
    };
    // Given a mirror that is final up to slot 9, with the transaction `sale-1`
    world.convert(1, "C", 0, [5, 0, 0]).await;
    world.finalize(1, 9, 0).await;
    // Then nothing expires before it is known that no block takes it any more
    assert!(!expire(&world, "S1").await);
    // And nothing expires while the mirror is not complete up to there
    let both = ["S1".to_owned(), "sale-1".to_owned()];
    keeper::passed(&world.pool, &both, 10)
        .await
        .expect("written");
    keeper::passed(&world.pool, &both, 99)
        .await
        .expect("written");
    assert!(!expire(&world, "S1").await);
    assert_eq!(
        world.task("one").await,
        "tries 0, waits f, failures 0, intent S1, -"
    );
    // When it is, then the one expires, and its task is free at once
    world.finalize(1, 10, 0).await;
    assert!(expire(&world, "S1").await);
    assert_eq!(world.due((100, 100, 100), &[]).await, ["one"]);
    // And the other one, which the mirror has, does not
    assert!(!expire(&world, "sale-1").await);
    assert_eq!(
        world.task("two").await,
        "tries 0, waits f, failures 0, intent sale-1, -"
    );
    // And what expired has cost nothing
    assert_eq!(keeper::spent(&world.pool).await.expect("sums").day, 5000);
}

#[tokio::test]
async fn a_vault_is_short_from_the_first_time_it_was_seen_so() {
    let world = World::new().await;
    let write = async |balance: u64, (owed, next_reward): (u64, u64), slot: i64| {
        let vault = Vault {
            campaign: "C".into(),
            balance,
            owed,
            next_reward,
            slot,
        };
        keeper::write_vaults(&world.pool, &[vault])
            .await
            .expect("written");
        let sql = "SELECT format('%s of %s and %s at %s: %s', balance, owed, next_reward, slot,
                                 coalesce(short_since::text, 'not short')) FROM vaults";
        world.text(sql).await
    };
    let most = u64::MAX;
    assert_eq!(
        write(most, (most, 0), 1).await,
        format!("{most} of {most} and 0 at 1: not short")
    );
    // It needs what is owed, and the next reward
    assert_eq!(write(7, (5, 2), 2).await, "7 of 5 and 2 at 2: not short");
    let first = write(6, (5, 2), 3).await;
    assert!(first.starts_with("6 of 5 and 2 at 3: 20"), "{first}");
    let since = first.split_once(": ").expect("a time").1.to_owned();
    // It stays short since then, and what is older changes nothing
    assert_eq!(
        write(3, (5, 0), 4).await,
        format!("3 of 5 and 0 at 4: {since}")
    );
    assert_eq!(
        write(9, (5, 0), 3).await,
        format!("3 of 5 and 0 at 4: {since}")
    );
    assert_eq!(write(5, (5, 0), 5).await, "5 of 5 and 0 at 5: not short");
    // And another shortage is another one
    let second = write(most, (most, most), 6).await;
    assert!(
        !second.ends_with(&since) && !second.ends_with("not short"),
        "{second}"
    );
    keeper::forget_vaults(&world.pool, &["C".into()])
        .await
        .expect("written");
    assert_eq!(world.text("SELECT 'a row' FROM vaults").await, "nothing");
}
