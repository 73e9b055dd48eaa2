//! Conversions that count for ranks in steps of any length, by a process that dies anywhere. Numbers in brackets
//! refer to `docs/INVARIANTS.md`.

mod board;
mod store;

use std::{
    collections::BTreeMap,
    pin::pin,
    task::{Poll, ready},
    time::Duration,
};

use board::{DAY, JANUARY, Random, Sale, World, board, music};
use vouch_db::{
    api::leaderboard::Measure,
    mirror::{Batch, Final, Writer},
};

const CAMPAIGNS: [&str; 3] = ["C", "D", "E"];

/// Polls a future at most so often. Then it is dropped, as if its process had died.
async fn die_after<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        Poll::Ready(Some(ready!(future.as_mut().poll(context))))
    })
    .await
}

/// The world after the writer's process has died, with the next one, as soon as Postgres has noticed that.
async fn revive(world: World) -> World {
    let World {
        store,
        writer,
        sales,
        chosen,
        time,
    } = world;
    drop(writer);
    let writer = loop {
        let writer = Writer::try_acquire(store.database.url()).await;
        if let Some(writer) = writer.expect("Postgres answers") {
            break writer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    World {
        store,
        writer,
        sales,
        chosen,
        time,
    }
}

fn range(world: &World, time: i64) -> Final {
    let seq = i64::try_from(world.sales.len()).expect("a number");
    Final {
        seq,
        first_slot: 0,
        last_slot: seq,
        time: Some(time),
        source: "test".into(),
    }
}

/// The badges of milestones that somebody has to have, by the list of conversions.
async fn earned(world: &World) -> Vec<String> {
    let mut counts: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for sale in &world.sales {
        if sale.matures_at <= world.time {
            *counts.entry((sale.campaign, &sale.referrer)).or_default() += 1;
        }
    }
    let thresholds = "SELECT threshold::text FROM badges WHERE threshold IS NOT NULL";
    let thresholds = world.store.texts(thresholds).await;
    let thresholds = thresholds.iter().map(|text| text.parse::<i64>());
    let thresholds: Vec<_> = thresholds.map(|it| it.expect("a number")).collect();
    let mut earned = Vec::new();
    for ((campaign, referrer), count) in counts {
        for threshold in thresholds.iter().filter(|threshold| **threshold <= count) {
            earned.push(format!("{campaign} {referrer} {threshold}"));
        }
    }
    earned.sort_unstable();
    earned
}

async fn given(world: &World) -> Vec<String> {
    let awards =
        "SELECT concat_ws(' ', campaign, referrer, threshold) FROM awards JOIN badges USING (badge)
                  WHERE threshold IS NOT NULL";
    let mut given = world.store.texts(awards).await;
    given.sort_unstable();
    given
}

/// [M5] [M14] [M17]
#[tokio::test]
async fn steps_of_any_length_count_the_same_whoever_dies() {
    let mut random = Random(3);
    let mut world = World::new().await;
    // Given referrers of whom some make music, and conversions of 32 days with holds
    let wallet = |number: u64| format!("{:04}wallet", number * 7919 % 10_007);
    let chosen = (0..2_600).step_by(3);
    let chosen = chosen.map(|number| (wallet(number), "category", 5, Some("music")));
    world.choose(&chosen.collect::<Vec<_>>()).await;
    let lengths = [250, 1_000, 5_000, 250_000];
    let (mut time, mut deaths) = (JANUARY, 0);
    for round in 0..4 {
        // When many come at once, of which some begin to count much later, and some are known only when others of
        // their time have counted
        let count = if round == 0 { 4_000 } else { 1_500 };
        let sales = (0..count).map(|number| {
            let at = time - DAY + random.second(8 * DAY);
            let hold = match random.below(4) {
                0 => random.second(20 * DAY),
                _ => 0,
            };
            // Most have one, so that leaderboards have parts. A few have very many, and cross several milestones
            // in a step.
            let referrer = match number {
                0..2_600 if round == 0 => number,
                _ => random.below(200) * random.below(200) / 200,
            };
            Sale {
                campaign: CAMPAIGNS[usize::try_from(number % 3).expect("small")],
                reward: random.below(1_000),
                amount: random.below(1_000),
                matures_at: at + hold,
                ..Sale::of(&wallet(referrer), at)
            }
        });
        let sales: Vec<_> = sales.collect();
        world.sell(&sales).await;
        time += 8 * DAY;
        world.time = time;
        // And steps of one length or another count them, in a process that dies at any moment
        let range = range(&world, time);
        let mut is_written = false;
        let mut polls = 1 + random.below(6);
        loop {
            let length = lengths[usize::try_from(random.below(4)).expect("small")];
            world.writer.count_at_most(length);
            let (writer, slot) = (&mut world.writer, range.last_slot);
            let outcome = if is_written {
                die_after(polls, writer.count(time, slot)).await
            } else {
                die_after(polls, writer.write(&Batch::default(), Some(&range))).await
            };
            match outcome {
                Some(outcome) => {
                    outcome.expect("written");
                    is_written = true;
                    if !world.writer.is_behind() {
                        break;
                    }
                    polls = 1 + random.below(60);
                }
                None => {
                    deaths += 1;
                    is_written = false;
                    // Longer each time, so that a step ends at last.
                    polls += 1 + random.below(30);
                    world = revive(world).await;
                }
            }
        }
        // Then everything that is mature counts, once, for now and for a day earlier
        for campaign in [None, Some("C".to_owned()), music()] {
            for period in ["", "2026-Q1"] {
                let board = board(campaign.clone(), period, Measure::Conversions);
                world.check(&board).await;
            }
        }
        for measure in [Measure::Rewards, Measure::Volume] {
            let board = board(Some("D".to_owned()), "2026-Q1", measure);
            world.check(&board).await;
        }
        assert_eq!(world.recount(false).await, Vec::<String>::new(), "{round}");
        // And each milestone is there, once
        assert_eq!(given(&world).await, earned(&world).await);
        let ranked = "SELECT ranked_slot FROM indexer_state";
        assert_eq!(world.store.number(ranked).await, range.last_slot);
    }
    let parts = "SELECT count(*) FROM board_fences";
    assert!(world.store.number(parts).await > 0);
    assert!(deaths > 5, "{deaths}");
}

/// [M5]
#[tokio::test]
async fn ranks_of_now_come_before_those_of_a_day_earlier() {
    // Given 3,000 conversions of ten days, of which none counts
    let mut world = World::new().await;
    let sales = (0..3_000_i64).map(|number| {
        let at = JANUARY + number * DAY / 300;
        Sale::of(&format!("W{}", number % 40), at)
    });
    world.sell(&sales.collect::<Vec<_>>()).await;
    let time = JANUARY + 10 * DAY;
    let range = range(&world, time);
    let now = "SELECT COALESCE(sum(conversions), 0)::bigint FROM referrer_daily";
    let earlier = "SELECT COALESCE(sum(earlier_conversions), 0)::bigint FROM referrer_daily";
    let known = "SELECT count(earlier_time) FROM indexer_state";
    // When they count in steps of 1,000, then those of a day earlier wait for the last of them
    world.writer.count_at_most(1_000);
    let written = world.writer.write(&Batch::default(), Some(&range)).await;
    let mut counted = i64::try_from(written.expect("written")).expect("small");
    let mut steps = 1;
    while counted < 3_000 {
        assert!(world.writer.is_behind());
        assert_eq!(world.store.number(now).await, counted);
        assert_eq!(world.store.number(earlier).await, 0);
        assert_eq!(world.store.number(known).await, 0);
        // And the slot does not count before all of its conversions do, also if a later one is final meanwhile
        let ranked = "SELECT COALESCE(ranked_slot, 0) FROM indexer_state";
        assert_eq!(world.store.number(ranked).await, 0);
        assert_eq!(world.recount(false).await, Vec::<String>::new());
        let step = world.writer.count(time, range.last_slot - 1).await;
        counted += i64::try_from(step.expect("counted")).expect("small");
        steps += 1;
    }
    assert!(steps >= 3, "{steps}");
    let ranked = "SELECT ranked_slot FROM indexer_state";
    assert_eq!(world.store.number(ranked).await, range.last_slot - 1);
    while world.writer.is_behind() {
        let before = world.store.number(earlier).await;
        let step = world.writer.count(time, range.last_slot).await;
        assert_eq!(step.expect("counted"), 0);
        let after = world.store.number(earlier).await;
        assert!(
            after > before && after - before <= 1_000,
            "{before} {after}"
        );
    }
    assert_eq!(world.store.number(earlier).await, 2_701);
    assert_eq!(world.store.number(ranked).await, range.last_slot);
    world.time = time;
    world
        .check(&board(None, "2026-01", Measure::Conversions))
        .await;
    assert_eq!(world.recount(false).await, Vec::<String>::new());
}

/// [M5]
#[tokio::test]
async fn leaderboards_of_a_day_earlier_go_on_while_conversions_wait() {
    // Given 4,000 conversions of ten days
    let mut world = World::new().await;
    let sales = (0..4_000_i64).map(|number| {
        let at = JANUARY + number * DAY / 400;
        Sale::of(&format!("W{}", number % 40), at)
    });
    world.sell(&sales.collect::<Vec<_>>()).await;
    let time = JANUARY + 10 * DAY;
    let range = range(&world, time);
    let now = "SELECT COALESCE(sum(conversions), 0)::bigint FROM referrer_daily";
    let earlier = "SELECT COALESCE(sum(earlier_conversions), 0)::bigint FROM referrer_daily";
    // When they count in steps of 100, then one of sixteen is for those of a day earlier, and moves as few
    world.writer.count_at_most(100);
    let written = world.writer.write(&Batch::default(), Some(&range)).await;
    written.expect("written");
    let (mut steps, mut turns) = (0, 0);
    while world.writer.is_waited_for() {
        let before = world.store.number(earlier).await;
        let counted = world.writer.count(time, range.last_slot).await;
        let moved = world.store.number(earlier).await - before;
        steps += 1;
        // The last one may have counted few.
        if world.writer.is_waited_for() {
            assert_eq!(counted.expect("counted") == 0, steps % 16 == 0, "{steps}");
            assert_eq!(moved > 0, steps % 16 == 0, "{steps}");
            turns += i32::from(moved > 0);
        }
        assert!(moved <= 100, "{moved}");
        assert!(world.writer.moved() <= 100, "{}", world.writer.moved());
        assert_eq!(world.recount(false).await, Vec::<String>::new());
    }
    assert_eq!(world.store.number(now).await, 4_000);
    assert!(turns >= 2, "{turns}");
}

/// [M5]
#[tokio::test]
async fn what_becomes_final_in_a_range_without_a_time_counts_at_its_place() {
    // Given a conversion that counts, and a later one of the same second that is not final
    let mut world = World::new().await;
    world.sell(&[Sale::of("Alice", JANUARY)]).await;
    world.step(JANUARY).await;
    world.sell(&[Sale::of("Bob", JANUARY)]).await;
    let counted = "SELECT sum(conversions)::bigint FROM referrer_daily";
    assert_eq!(world.store.number(counted).await, 1);
    // When it becomes final in a range without a time
    let range = Final {
        time: None,
        ..range(&world, JANUARY)
    };
    let written = world.writer.write(&Batch::default(), Some(&range)).await;
    // Then it counts: everything up to the place does
    assert_eq!(written.expect("written"), 1);
    assert_eq!(world.store.number(counted).await, 2);
    assert_eq!(world.recount(false).await, Vec::<String>::new());
}

/// [M5]
#[tokio::test]
async fn a_step_that_is_cancelled_counts_nothing_and_the_next_one_counts_all() {
    // Given 300 conversions that wait, before anything is known to be final
    let mut world = World::new().await;
    let sales = (0..300).map(|number| Sale::of(&format!("W{number}"), JANUARY));
    world.sell(&sales.collect::<Vec<_>>()).await;
    let final_seq = "UPDATE indexer_state SET final_seq = confirmed_seq";
    world.store.run(final_seq).await;
    // When Postgres cancels a long step, which waits for a table
    let mut other = world.store.pool.begin().await.expect("Postgres answers");
    sqlx::query("LOCK TABLE referrer_daily")
        .execute(&mut *other)
        .await
        .expect("locked");
    world.writer.count_at_most(250_000);
    let pool = world.store.pool.clone();
    let cancel = async {
        let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_locks
                      WHERE NOT granted AND database = (SELECT oid FROM pg_database
                                                        WHERE datname = current_database())";
        while sqlx::query_scalar::<_, i64>(cancel)
            .fetch_one(&pool)
            .await
            .expect("Postgres answers")
            == 0
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (outcome, ()) = tokio::join!(world.writer.count(JANUARY, 1), cancel);
    let error = outcome.expect_err("cancelled");
    assert!(error.is_cancelled() && error.is_too_long(), "{error}");
    other.rollback().await.expect("unlocked");
    // Then nothing counts, and the same writer goes on
    let counted = "SELECT COALESCE(sum(conversions), 0)::bigint FROM referrer_daily";
    assert_eq!(world.store.number(counted).await, 0);
    world.writer.count_at_most(200);
    while world.store.number(counted).await < 300 {
        let step = world.writer.count(JANUARY, 1).await;
        assert!(step.expect("counted") > 0);
    }
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    // And no slot is ranked before one is final
    let ranked = "SELECT count(ranked_slot) FROM indexer_state";
    assert_eq!(world.store.number(ranked).await, 0);
}
