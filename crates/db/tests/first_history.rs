//! Totals that are added up after a first history, beside totals that were counted in steps. Numbers in brackets
//! refer to `docs/INVARIANTS.md`.

mod board;
mod store;

use board::{DAY, JANUARY, Random, Sale, World, board, music};
use vouch_db::{
    api::leaderboard::Measure,
    mirror::{Batch, Final},
};

const CAMPAIGNS: [&str; 3] = ["C", "D", "E"];

/// All rows that follow from conversions, apart from the borders of parts, which depend on the order in which entries
/// come, and from leaderboards that are over, which are deleted in steps.
async fn rows(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    let is_kept = "NOT is_earlier_and_over(period, (SELECT final_time FROM indexer_state))";
    for (table, kept) in [
        ("referrer_totals", is_kept),
        ("boards", is_kept),
        ("referrer_daily", "true"),
        ("referral_totals", "true"),
        ("maturing", "true"),
    ] {
        let rows =
            format!("SELECT '{table} ' || row::text FROM {table} AS row WHERE {kept} ORDER BY 1");
        all.extend(world.store.texts(&rows).await);
    }
    let awards = "SELECT concat_ws(' ', campaign, referrer, badge, month) FROM awards ORDER BY 1";
    all.extend(world.store.texts(awards).await);
    let state = "SELECT concat_ws(' ', final_time, final_address, earlier_time, earlier_address, ranked_slot, totals_to)
                 FROM indexer_state";
    all.extend(world.store.texts(state).await);
    all
}

/// Every row of one mirror is in the other one, too.
async fn check_equal(one: &World, other: &World) {
    let (one, other) = (rows(one).await, rows(other).await);
    let first = one.iter().zip(&other).find(|(one, other)| one != other);
    assert_eq!(first, None);
    assert_eq!(one.len(), other.len());
}

fn sales(random: &mut Random, count: u64, time: i64) -> Vec<Sale> {
    let sales = (0..count).map(|number| {
        let at = time + random.second(8 * DAY);
        let hold = match random.below(4) {
            0 => random.second(20 * DAY),
            _ => 0,
        };
        // Most have one, so that leaderboards have parts. A few have very many, and cross several milestones in a step.
        let referrer = match number {
            0..2_600 => number,
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
    sales.collect()
}

fn wallet(number: u64) -> String {
    format!("{:04}wallet", number * 7919 % 10_007)
}

/// Makes everything final at a time.
async fn write(world: &mut World, time: i64) -> i64 {
    let seq = i64::try_from(world.sales.len()).expect("a number");
    let range = Final {
        seq,
        first_slot: 0,
        last_slot: seq,
        time: Some(time),
        source: "test".into(),
    };
    let written = world.writer.write(&Batch::default(), Some(&range)).await;
    written.expect("written");
    world.time = time;
    range.last_slot
}

/// [M5] [M14] [M17]
#[tokio::test]
async fn totals_after_a_first_history_are_those_of_steps() {
    let mut random = Random(5);
    let (mut once, mut steps) = (World::new().await, World::new().await);
    let chosen = (0..2_600).step_by(3);
    let chosen = chosen.map(|number| (wallet(number), "category", 5, Some("music")));
    let chosen: Vec<_> = chosen.collect();
    once.choose(&chosen).await;
    steps.choose(&chosen).await;
    // Given two mirrors, of which one lets totals wait
    once.writer.defer_totals().await.expect("noted");
    let lengths = [150, 1_000, 5_000];
    let mut time = JANUARY;
    let mut lacking = 0;
    for round in 0..5 {
        // When conversions come, also while totals are added up
        let count = if round < 2 { 4_000 } else { 300 };
        let sales = sales(&mut random, count, time);
        once.sell(&sales).await;
        steps.sell(&sales).await;
        // The first month ends while totals are missing.
        time += 8 * DAY + round * 3 * DAY;
        let slot = write(&mut steps, time).await;
        while steps.writer.is_behind() {
            steps.writer.count(time, slot).await.expect("counted");
        }
        write(&mut once, time).await;
        while once.writer.is_behind() {
            let length = lengths[usize::try_from(random.below(3)).expect("small")];
            once.writer.count_at_most(length);
            once.writer.count(time, slot).await.expect("counted");
            // Sometimes not all of them before the next ones come.
            if round < 4 && once.writer.lacks_totals() && random.below(9) == 0 {
                break;
            }
        }
        // Then what is there is right at any moment
        assert_eq!(once.recount(false).await, Vec::<String>::new(), "{round}");
        if once.writer.lacks_totals() {
            lacking += 1;
            // And no slot is called ranked, and nobody leads a month yet
            let ranked = "SELECT count(ranked_slot) FROM indexer_state";
            assert_eq!(once.store.number(ranked).await, 0);
            let led = "SELECT count(*) FROM awards WHERE month <> ''";
            assert_eq!(once.store.number(led).await, 0);
        }
    }
    // And at the end, each row is what it is without the shortcut
    assert!(lacking > 2, "{lacking}");
    check_equal(&once, &steps).await;
    let led = "SELECT count(*) FROM awards WHERE month <> ''";
    assert!(once.store.number(led).await > 0);
    let parts = "SELECT count(*) FROM board_fences";
    assert!(once.store.number(parts).await > 0);
    for campaign in [None, Some("C".to_owned()), music()] {
        let board = board(campaign, "", Measure::Conversions);
        once.check(&board).await;
    }
    // And leaderboards go on as usual
    let more = sales(&mut random, 3_000, time);
    once.sell(&more).await;
    steps.sell(&more).await;
    once.finalize(time + 30 * DAY).await;
    steps.finalize(time + 30 * DAY).await;
    check_equal(&once, &steps).await;
    assert_eq!(once.recount(false).await, Vec::<String>::new());
}

/// [M5]
#[tokio::test]
async fn totals_wait_only_before_the_first_conversion_counts() {
    // Given a conversion that counts
    let mut world = World::new().await;
    world.sell(&[Sale::of("Ann", JANUARY)]).await;
    world.finalize(JANUARY + 2 * DAY).await;
    // When totals should wait
    world.writer.defer_totals().await.expect("noted");
    world.sell(&[Sale::of("Ann", JANUARY)]).await;
    world.finalize(JANUARY + 3 * DAY).await;
    // Then they do not
    assert!(!world.writer.lacks_totals());
    let counted = "SELECT conversions FROM referrer_totals WHERE campaign = 'C' AND period = ''";
    assert_eq!(world.store.number(counted).await, 2);
}
