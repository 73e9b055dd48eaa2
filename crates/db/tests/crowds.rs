//! Very many conversions that count at the same moment, and leaderboards that end. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

mod board;
mod store;

use std::time::Instant;

use board::{DAY, JANUARY, Sale, World, board, music};
use store::Store;
use vouch_db::{
    api::leaderboard::{Measure, Start},
    mirror::{Batch, Final, Maturing},
};

/// Totals that each transaction has written.
const NOTE: &str = "
    CREATE TABLE public.statements (changed bigint);
    CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO public.statements SELECT count(*) FROM changed; RETURN NULL; END';
    CREATE TRIGGER inserted AFTER INSERT ON referrer_totals
        REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note();
    CREATE TRIGGER updated AFTER UPDATE ON referrer_totals
        REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note()";
const MOST: &str = "SELECT COALESCE(max(changed), 0)::bigint FROM (
    SELECT sum(changed)::bigint AS changed FROM public.statements GROUP BY xmin::text
) AS transaction";

/// [M5] [M14] [M17]
#[tokio::test]
async fn twelve_thousand_referrers_of_one_second_count_in_short_transactions() {
    // Given 12,000 referrers, who all make music and live in Chad, each with a conversion that matures in the same
    // second, and ten who converted before
    let mut world = World::new().await;
    let wallet = |number: usize| format!("{:05}wallet", number * 7919 % 100_003);
    let mut chosen = Vec::new();
    for number in 0..12_000 {
        chosen.push((wallet(number), "category", 0, Some("music")));
        chosen.push((wallet(number), "region", 0, Some("TD")));
    }
    world.choose(&chosen).await;
    let second = JANUARY + DAY;
    let early = (0..10).map(|number| Sale::of(&wallet(number), JANUARY));
    world.sell(&early.collect::<Vec<_>>()).await;
    world.finalize(JANUARY + 60).await;
    let sales = (0..12_000).map(|number| Sale {
        matures_at: second,
        ..Sale::of(
            &wallet(number),
            JANUARY + i64::try_from(number).expect("small"),
        )
    });
    world.sell(&sales.collect::<Vec<_>>()).await;
    world.store.run(NOTE).await;
    let all = [None, Some("C".to_owned()), music()]
        .map(|campaign| board(campaign, "2026-01", Measure::Conversions));
    let counted = "SELECT count(*) FROM ranked_conversions";
    let awards = "SELECT count(*) FROM awards WHERE badge = 'conversions_1'";
    // When the second is over
    let (mut steps, mut before, mut longest) = (0, 10, 0.0_f64);
    let began = Instant::now();
    let mut writing = 0.0;
    loop {
        let start = Instant::now();
        world.step(second).await;
        let took = start.elapsed().as_secs_f64();
        (writing, longest) = (writing + took, longest.max(took));
        steps += 1;
        let now = world.store.number(counted).await;
        // Then at most 2,000 count in one transaction, each with 20 totals, and as many a day later
        assert!(now > before && now - before <= 2_000, "{before} {now}");
        before = now;
        assert!(world.store.number(MOST).await <= 2 * 40_000);
        let is_done = now == 12_010;
        // And what readers see is of one moment: every leaderboard has who counts, and all of the second
        // before counts, but the slot has to wait
        for board in &all {
            let page = world.page(board, &Start::Rank(1), Some(&wallet(0))).await;
            let sum = format!(
                "SELECT sum(conversions)::bigint FROM referrer_totals
                 WHERE campaign = '{}' AND period = '2026-01'",
                board.campaign.as_deref().unwrap_or_default(),
            );
            assert_eq!(world.store.number(&sum).await, now);
            let entries = "SELECT count(DISTINCT referrer) FROM ranked_conversions";
            assert_eq!(page.total_entries, world.store.number(entries).await);
            let clock = if is_done { second } else { second - 1 };
            assert_eq!(page.as_of_time, Some(clock));
            assert_eq!(page.as_of_slot, Some(if is_done { 12_010 } else { 10 }));
        }
        // And a recount agrees in the middle of it
        if steps == 3 || is_done {
            assert_eq!(world.recount(false).await, Vec::<String>::new());
        }
        if is_done {
            break;
        }
    }
    assert_eq!(steps, 6);
    // A step that counts so many leaves those of a day earlier to the next one.
    world.finalize(second).await;
    println!(
        "12,000 conversions: {writing:.1} s in {steps} transactions, the longest {longest:.1} s; {:.1} s in all",
        began.elapsed().as_secs_f64()
    );
    for board in &all {
        assert_eq!(world.check(board).await, 12_000);
    }
    assert_eq!(world.store.number(awards).await, 12_000);
    // When a day is over, then they count for the leaderboards of a day earlier, as many in one transaction
    world.store.run("TRUNCATE public.statements").await;
    world.finalize(second + DAY).await;
    assert!(world.store.number(MOST).await <= 40_000);
    for board in &all {
        assert_eq!(world.check(board).await, 12_000);
    }
    assert_eq!(world.recount(false).await, Vec::<String>::new());
}

/// [M5]
#[tokio::test]
async fn what_comes_while_a_second_counts_in_steps_counts_once() {
    // Given 5,000 conversions that mature in one second, of which 2,000 count
    let mut world = World::new().await;
    let sales = (0..5_000).map(|number| Sale {
        matures_at: JANUARY,
        ..Sale::of(&format!("W{}", number % 50), JANUARY)
    });
    world.sell(&sales.collect::<Vec<_>>()).await;
    world.step(JANUARY).await;
    let counted = "SELECT sum(conversions)::bigint FROM referrer_daily";
    assert_eq!(world.store.number(counted).await, 2_000);
    // When two more of that second become known, one before the place up to which they count, and one after it
    world
        .store
        .run(&format!(
            "INSERT INTO conversions
             SELECT address, seq, seq, 'C', 'code', 'AZURE23', 'Zoe', NULL, 'Zoe', 'signup', 1, NULL, 7, 0, 0,
                    {JANUARY}, {JANUARY}, 'paid', 7
             FROM (VALUES ('a first', 5001), ('z last', 5002)) AS sale (address, seq);
             UPDATE indexer_state SET confirmed_seq = 5002"
        ))
        .await;
    let maturing = [("a first", 5_001), ("z last", 5_002)].map(|(address, seq)| Maturing {
        conversion: address.to_owned(),
        seq,
        matures_at: JANUARY,
        campaign: "C".to_owned(),
        converted_at: JANUARY,
    });
    let mut batch = Batch::default();
    batch.projections.maturing = maturing.to_vec();
    let range = Final {
        seq: 5_002,
        first_slot: 0,
        last_slot: 5_002,
        time: None,
        source: "test".into(),
    };
    let written = world.writer.write(&batch, Some(&range)).await;
    // Then the first one counts at once, and the other one with the rest
    assert_eq!(written.expect("written"), 1);
    assert_eq!(world.store.number(counted).await, 2_001);
    // And leaderboards of a day earlier do not go on before everything counts
    let earlier = "SELECT count(earlier_time) FROM indexer_state";
    assert_eq!(world.store.number(earlier).await, 0);
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    let range = Final {
        time: Some(JANUARY),
        ..range
    };
    for expected in [4_001, 5_002] {
        let written = world.writer.write(&Batch::default(), Some(&range)).await;
        written.expect("written");
        assert_eq!(world.store.number(counted).await, expected);
    }
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    let state =
        "SELECT count(*) FROM indexer_state WHERE final_address = '~' AND ranked_slot = 5002";
    assert_eq!(world.store.number(state).await, 1);
}

/// [M17]
#[tokio::test]
async fn a_leaderboard_of_a_day_earlier_ends_a_day_after_its_period() {
    // Given 6,000 referrers of one campaign and 300 campaigns with one referrer each, in the first week of the year,
    // and one of the referrers has a conversion that matures two weeks later
    let mut world = World::new().await;
    let mut sales: Vec<_> = (0..6_000)
        .map(|number| Sale::of(&format!("W{number}"), JANUARY))
        .collect();
    sales.extend((0..300).map(|number| Sale {
        campaign: Box::leak(format!("D{number:03}").into_boxed_str()),
        ..Sale::of("Alice", JANUARY)
    }));
    sales.push(Sale {
        matures_at: JANUARY + 14 * DAY,
        ..Sale::of("Alice", JANUARY)
    });
    world.sell(&sales).await;
    // The week ends with Sunday, the fourth of January.
    let end = JANUARY + 4 * DAY;
    world.finalize(end).await;
    let rows = "SELECT count(*) FROM referrer_totals WHERE period = '@2026-W01'";
    let others = "SELECT count(*) FROM referrer_totals WHERE period <> '@2026-W01'";
    let week = board(None, "2026-W01", Measure::Conversions);
    // When it has been over for a day but a second, then nothing changes
    world.finalize(end + DAY - 1).await;
    let (before, rest) = (
        world.store.number(rows).await,
        world.store.number(others).await,
    );
    assert_eq!(before, 6_000 + 6_001 + 300);
    world.check(&week).await;
    // When the day is over, then nobody knows the changes of that week
    let mut left = before;
    let mut writes = 0;
    loop {
        world.step(end + DAY).await;
        writes += 1;
        let page = world.page(&week, &Start::Rank(1), None).await;
        assert_eq!((page.total_entries, page.earlier_time), (6_001, None));
        // And the rows go in steps, and a recount agrees after each
        let now = world.store.number(rows).await;
        assert!(now <= left && left - now <= 4_096, "{left} {now}");
        left = now;
        if writes < 3 || now == 0 {
            assert_eq!(world.recount(false).await, Vec::<String>::new());
        }
        if now == 0 {
            break;
        }
        assert!(writes < 50, "it does not go on: {now} rows");
    }
    assert!(writes > 3, "{writes}");
    let (boards, fences) = (
        "SELECT count(*) FROM boards WHERE period = '@2026-W01'",
        "SELECT count(*) FROM board_fences WHERE period = '@2026-W01'",
    );
    world.step(end + DAY).await;
    assert_eq!(world.store.number(boards).await, 0);
    assert_eq!(world.store.number(fences).await, 0);
    // And nothing else has changed
    assert_eq!(world.store.number(others).await, rest);
    for name in ["2026-01", "2026-Q1", "2026", ""] {
        world.check(&board(None, name, Measure::Conversions)).await;
    }
    // When the late one counts, and a day later, then it is in no leaderboard that has ended
    for time in [JANUARY + 14 * DAY, JANUARY + 15 * DAY] {
        world.finalize(time).await;
        assert_eq!(world.store.number(rows).await, 0);
        world
            .check(&board(None, "2026-01", Measure::Conversions))
            .await;
    }
    let page = world.page(&week, &Start::Rank(1), Some("Alice")).await;
    assert_eq!(page.own.map(|own| own.conversions), Some(301));
    assert_eq!(world.recount(false).await, Vec::<String>::new());
}

/// Rows of `conversions` that were read so far: by reading the whole table, and by an index. The mirror's writer
/// has to be gone, because a connection may keep the statistics of its reads until it ends.
async fn reads(store: &Store) -> (i64, i64) {
    let writers = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'vouch-indexer writer'";
    store.until(writers, 0).await;
    let whole = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'conversions'";
    let by_index =
        "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'conversions'";
    (store.number(whole).await, store.number(by_index).await)
}

/// [M5]
#[tokio::test]
async fn counting_reads_the_conversions_that_count_and_no_others() {
    // Given 30,000 conversions that have counted for days, and Postgres knows how many they are
    let mut world = World::new().await;
    let sale = |number: i64| Sale::of(&format!("W{}", number % 500), JANUARY + number);
    world.sell(&(0..30_000).map(sale).collect::<Vec<_>>()).await;
    world.finalize(JANUARY + 3 * DAY).await;
    world.store.run("VACUUM (ANALYZE)").await;
    let World {
        store,
        writer,
        sales,
        chosen,
        time,
    } = world;
    drop(writer);
    let before = reads(&store).await;
    // When five more mature in each of forty hours, so that the first ones have counted for a day at the end
    let writer = store.writer().await;
    let mut world = World {
        store,
        writer,
        sales,
        chosen,
        time,
    };
    for hour in 0..40 {
        let now = JANUARY + 3 * DAY + 60 + hour * 3_600;
        let few = (0..5).map(|number| Sale::of(&format!("W{number}"), now));
        world.sell(&few.collect::<Vec<_>>()).await;
        world.finalize(now).await;
    }
    // Then no whole table was read for them, under any plan of Postgres
    let World { store, writer, .. } = world;
    drop(writer);
    let after = reads(&store).await;
    assert_eq!(after.0, before.0);
    let by_index = after.1 - before.1;
    assert!((200..4_000).contains(&by_index), "{by_index}");
}
