//! Milestones, against a real Postgres. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

mod chain;

use std::time::Duration;

use chain::{Chain, DAY, FEBRUARY, JANUARY, MARCH, Sale, World, lines};
use sqlx::{Connection, Executor, PgConnection, Row as _, migrate::Migrator};
use vouch_db::{
    Schema,
    api::{
        awards,
        leaderboard::{self, After, Board, Measure},
    },
    mirror::{
        Writer,
        rebuild::{Rebuild, Start},
        recount,
    },
};
use vouch_localnet::Postgres;

/// Conversions of Alice, all at once, from this time on.
fn crowd(chain: &mut Chain, count: usize, from: i64) {
    for number in 0..count {
        let at = from + i64::try_from(number).expect("a number");
        chain.sale(&Sale::of("Alice", at));
    }
}

/// [M14]
#[tokio::test]
async fn one_batch_awards_every_milestone_that_it_crosses_once() {
    // Given 30 conversions in one final batch
    let mut world = World::new().await;
    let mut chain = Chain::default();
    crowd(&mut chain, 30, JANUARY);
    world.apply(&chain, 30).await;
    // Then four badges are awarded, the smaller milestone first
    let four = [
        "C Alice conversions_1",
        "C Alice conversions_5",
        "C Alice conversions_10",
        "C Alice conversions_25",
    ];
    assert_eq!(world.awards().await, four);
    // When 19 more follow, then the next milestone is not reached
    crowd(&mut chain, 19, JANUARY + DAY);
    world.apply(&chain, 19).await;
    assert_eq!(world.awards().await, four);
    // When the fiftieth does, then it is
    crowd(&mut chain, 1, JANUARY + 2 * DAY);
    world.apply(&chain, 1).await;
    assert_eq!(world.awards().await[4..], ["C Alice conversions_50"]);
    // And the hundredth gives the last one, and the next hundred none
    crowd(&mut chain, 150, JANUARY + 3 * DAY);
    world.apply(&chain, 150).await;
    assert_eq!(world.awards().await[5..], ["C Alice conversions_100"]);
}

/// [M14]
#[tokio::test]
async fn only_what_can_no_longer_be_cancelled_counts_for_a_milestone() {
    // Given a final conversion that is held for a day, and one that is not final
    let mut world = World::new().await;
    let mut chain = Chain::default();
    chain.sale(&Sale::of("Alice", JANUARY).held(DAY));
    world.apply(&chain, 1).await;
    chain.sale(&Sale::of("Bob", JANUARY + 1));
    world.confirm(&chain, 1).await;
    // Then nobody has a badge
    assert_eq!(lines(&world.awards().await), "");
    // When the second is final, then its referrer has
    world.finalize(2, JANUARY + 2).await;
    assert_eq!(world.awards().await, ["C Bob conversions_1"]);
    // When the first is cancelled within its hold, then it never counts
    chain.cancel(0, JANUARY + 3);
    world.apply(&chain, 1).await;
    world.finalize(3, JANUARY + 2 * DAY).await;
    assert_eq!(world.awards().await, ["C Bob conversions_1"]);
}

/// [M5] [M14]
#[tokio::test]
async fn very_many_that_mature_together_count_in_parts() {
    // Given 25,000 final conversions of a thousand referrers, whose holds end a hundred a second, and
    // 20,000 whose holds end in the same second
    let mut world = World::new().await;
    let ends = format!("{JANUARY} + CASE WHEN n <= 25000 THEN n / 100 ELSE 300 END");
    for sql in [
        format!(
            "INSERT INTO conversions
             SELECT 'V' || n, n, n, 'C', 'R', 'AZURE23', 'W' || n % 1000, NULL, 'Z', 'signup', 1,
                    NULL, 7, 0, 0, {JANUARY}, {ends}, 'pending', 6
             FROM generate_series(1, 45000) AS n"
        ),
        "INSERT INTO maturing
         SELECT address, seq, matures_at, campaign, converted_at FROM conversions"
            .to_owned(),
        "INSERT INTO referrals
         VALUES ('R', 'C', 'AZURE23', 'A', true, false, NULL, 45000, NULL, 1, false, 1, 1)"
            .to_owned(),
        "UPDATE indexer_state SET confirmed_seq = 45000".to_owned(),
    ] {
        world.pool.execute(sql.as_str()).await.expect(&sql);
    }
    // When all of these holds are over before the mirror hears of it
    let mut steps = Vec::new();
    for _ in 0..23 {
        world.finalize(45000, JANUARY + 400).await;
        let state = "SELECT final_time, (SELECT sum(conversions)::bigint FROM referrer_daily),
                            (SELECT count(*) FROM ranked_conversions),
                            (SELECT conversions_final FROM referral_totals),
                            COALESCE(ranked_slot, 0)
                     FROM indexer_state";
        let row = world.pool.fetch_one(state).await.expect("a row");
        let numbers = [0, 1, 2, 3, 4].map(|column| row.get::<i64, _>(column));
        let [time, counted, ranked, of_code, slot] = numbers;
        // Then after each transaction the counters are what a recount says
        assert_eq!((counted, counted), (ranked, of_code));
        steps.push((time - JANUARY, counted, slot));
    }
    // And no more than 2,000 count in one, also of those whose holds end in the same second, and the slot is
    // ranked when everything counts that counts there
    let mut expected: Vec<_> = (1..=12)
        .map(|step| (20 * step - 1, 2_000 * step - 1, 0))
        .collect();
    expected.push((299, 25_000, 0));
    expected.extend((1..=9).map(|step| (300, 25_000 + 2_000 * step, 0)));
    expected.push((400, 45_000, 45_000));
    assert_eq!(steps, expected);
    // And each of the thousand has its badges for 45 conversions, once
    let awards = "SELECT count(*) FROM awards";
    let row = world.pool.fetch_one(awards).await.expect("a row");
    assert_eq!(row.get::<i64, _>(0), 4000);
}

/// [M2] [M14]
#[tokio::test]
async fn a_writer_that_dies_before_it_commits_awards_nothing_and_the_next_one_awards_once() {
    // Given four conversions of Alice
    let mut world = World::new().await;
    let mut chain = Chain::default();
    crowd(&mut chain, 4, JANUARY);
    world.apply(&chain, 4).await;
    let before = world.awards().await;
    assert_eq!(before, ["C Alice conversions_1"]);
    // When the fifth is being counted, and somebody holds the leaderboard
    crowd(&mut chain, 1, JANUARY + DAY);
    let mut keeper = world.pool.begin().await.expect("a transaction");
    keeper
        .execute("LOCK TABLE boards IN SHARE MODE")
        .await
        .expect("a lock");
    let (batch, range) = chain.next(world.written, 1);
    let kill = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'
               AND application_name = 'vouch-indexer writer'";
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while world
            .pool
            .fetch_one(waiting)
            .await
            .expect("an answer")
            .get::<i64, _>(0)
            != 1
        {
            assert!(tokio::time::Instant::now() < deadline, "it does not wait");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // And its connection is killed
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'vouch-indexer writer'";
        world.pool.execute(kill).await.expect("killed");
    };
    let (written, ()) = tokio::join!(world.writer.write(&batch, Some(&range)), kill);
    assert!(written.expect_err("cut").is_unavailable());
    keeper.rollback().await.expect("released");
    // Then there is no new badge
    assert_eq!(world.awards().await, before);
    // And the next writer awards it once
    world.writer = loop {
        // Postgres releases the lock when it has cleaned up after the connection.
        if let Some(writer) = Writer::try_acquire(world.database.url())
            .await
            .expect("Postgres")
        {
            break writer;
        }
    };
    world.apply(&chain, 1).await;
    assert_eq!(
        world.awards().await,
        ["C Alice conversions_1", "C Alice conversions_5"]
    );
}

/// [M14] [M15]
#[tokio::test]
async fn a_mirror_that_is_filled_again_awards_nothing_twice() {
    // Given a mirror with badges
    let mut world = World::new().await;
    let mut chain = Chain::default();
    crowd(&mut chain, 6, JANUARY);
    world.apply(&chain, 6).await;
    world.finalize(6, FEBRUARY).await;
    let before = world.rows().await;
    assert_eq!(before.len(), 3, "{before:?}");
    // When everything that follows from the chain is deleted and written again, in other batches
    world.clear().await;
    for _ in 0..6 {
        world.apply(&chain, 1).await;
    }
    world.finalize(6, MARCH).await;
    // Then the awards are the same rows
    assert_eq!(world.rows().await, before);
}

/// [M13] [M14] [M15]
#[tokio::test]
async fn a_rebuild_gives_what_was_missing_when_it_takes_its_place() {
    // Given a live mirror that has counted one conversion of Alice's six
    let mut world = World::new().await;
    let mut chain = Chain::default();
    crowd(&mut chain, 6, JANUARY);
    world.apply(&chain, 1).await;
    let first = world.rows().await;
    assert_eq!(world.awards().await, ["C Alice conversions_1"]);
    // When a second copy is filled, to the end of the month
    let url = world.database.url().to_owned();
    let mut rebuild = Rebuild::connect(&url).await.expect("Postgres");
    assert_eq!(rebuild.dependents().await.expect("an answer"), [""; 0]);
    assert_eq!(rebuild.prepare().await.expect("a copy"), Start::Empty);
    let next = Writer::try_acquire_of(&url, Schema::Next).await;
    let next = next.expect("Postgres").expect("nobody else rebuilds");
    let live = std::mem::replace(&mut world.writer, next);
    world.written = 0;
    world.apply(&chain, 6).await;
    world.finalize(6, FEBRUARY).await;
    // Then nobody has a badge from a copy that nobody reads
    assert_eq!(world.rows().await, first);
    // When it takes its place, then what was missing is there, and nothing is there twice
    live.release().await.expect("released");
    rebuild.take_over().await.expect("the lock");
    rebuild.swap().await.expect("swapped");
    rebuild.remove_old().await.expect("removed");
    assert_eq!(
        world.awards().await,
        [
            "C Alice conversions_1",
            "C Alice conversions_5",
            "C Alice monthly_leader 2026-01"
        ]
    );
    assert_eq!(world.rows().await[..1], first);
}

/// [M14]
#[tokio::test]
async fn an_award_is_claimed_once_and_by_its_referrer() {
    // Given an award of Alice
    let mut world = World::new().await;
    let mut chain = Chain::default();
    crowd(&mut chain, 1, JANUARY);
    world.apply(&chain, 1).await;
    let filter = awards::Filter {
        referrer: Some("Alice".into()),
        ..awards::Filter::default()
    };
    let list = async || {
        awards::list(&world.pool, &filter, None, 10)
            .await
            .expect("rows")
    };
    let [award] = list().await.try_into().expect("one");
    assert!(!award.claimed);
    let claim = async |id, wallet| {
        awards::claim(&world.pool, id, wallet)
            .await
            .expect("an answer")
    };
    // When Bob claims it, or Alice another one, then nothing happens
    assert!(!claim(award.id, "Bob").await);
    assert!(!claim(award.id + 1, "Alice").await);
    assert!(!list().await.iter().any(|award| award.claimed));
    // When she claims it twice at the same time, then once
    let (one, other) = tokio::join!(claim(award.id, "Alice"), claim(award.id, "Alice"));
    assert!(one != other, "{one} {other}");
    assert!(list().await.iter().all(|award| award.claimed));
    assert!(!claim(award.id, "Alice").await);
}

/// [M4] [M14] [M15]
#[tokio::test]
async fn drift_of_totals_and_missing_awards_are_found_and_repaired() {
    // Given five conversions of Alice in January, one of Bob in February
    let mut world = World::new().await;
    let mut chain = Chain::default();
    crowd(&mut chain, 5, JANUARY);
    chain.sale(&Sale::of("Bob", FEBRUARY));
    world.apply(&chain, 6).await;
    let (awards, content) = (world.awards().await, world.content().await);
    let mut connection = PgConnection::connect(world.database.url())
        .await
        .expect("Postgres");
    let line = |drift: recount::Drift| {
        let recount::Drift { of, kept, counted } = drift;
        format!("{of}: {kept}; counted: {counted}")
    };
    let mut count = async |repair| {
        let start = recount::Referrer::default();
        let referrers = recount::referrers(&mut connection, &start, repair)
            .await
            .expect("counted");
        assert_eq!(referrers.compared, 2);
        let last = referrers.last.expect("two");
        assert_eq!((last.campaign.as_str(), last.wallet.as_str()), ("C", "Bob"));
        let everywhere = recount::everywhere(&mut connection, "", repair)
            .await
            .expect("counted");
        assert_eq!(everywhere.compared, 2);
        assert_eq!(everywhere.last.as_deref(), Some("Bob"));
        let boards = recount::boards(&mut connection, None, repair)
            .await
            .expect("counted");
        // With those of Alice a day earlier, but for the first week of the year, which is over
        assert_eq!(boards.compared, 22);
        let end = recount::boards(&mut connection, boards.last.as_ref(), repair).await;
        assert_eq!(end.expect("counted").last, None);
        let drift = referrers.drift.into_iter().chain(everywhere.drift);
        drift.chain(boards.drift).map(line).collect::<Vec<_>>()
    };
    // Then a recount finds no difference
    assert_eq!(lines(&count(false).await), "");
    // When somebody changes the counters, and deletes awards
    world
        .pool
        .execute(
            "UPDATE referrer_totals SET conversions = 7
             WHERE campaign = 'C' AND referrer = 'Alice' AND period = '';
             DELETE FROM referrer_totals WHERE campaign = 'C' AND referrer = 'Bob' AND period = '';
             INSERT INTO referrer_totals VALUES ('C', 'Bob', '2025-12', 1, 1, 1, 1);
             UPDATE referrer_totals SET rewards = 9 WHERE campaign = '' AND period = '2026-W05';
             DELETE FROM referrer_totals WHERE campaign = '' AND referrer = 'Alice' AND period = '2026';
             UPDATE boards SET referrers = 9 WHERE campaign = 'C' AND period = '2026-02';
             DELETE FROM boards WHERE campaign = 'C' AND period = '2026-01';
             UPDATE boards SET referrers = 3 WHERE campaign = '' AND period = '2026-Q1';
             DELETE FROM awards WHERE badge IN ('conversions_5', 'monthly_leader')",
        )
        .await
        .expect("a change");
    // Then each is named
    let found = [
        "Alice in C: 7 conversions, 35 rewards, 5 volume, the last at 1767225604; counted: 5 \
         conversions, 35 rewards, 5 volume, the last at 1767225604",
        "Bob in C: 0 conversions, 0 rewards, 0 volume, the last at 0; counted: 1 conversions, \
         7 rewards, 1 volume, the last at 1769904000",
        "Bob in C in 2025-12: 1 conversions, 1 rewards, 1 volume, the last at 1; counted: 0 \
         conversions, 0 rewards, 0 volume, the last at 0",
        "badge conversions_5 of Alice in C: not awarded; counted: 5 conversions",
    ];
    let repaired = count(true).await;
    assert_eq!(repaired[..4], found);
    assert_eq!(
        repaired[4..],
        [
            "Alice in all campaigns in 2026: 0 conversions, 0 rewards, 0 volume, the last at 0; \
             counted: 5 conversions, 0 rewards, 0 volume, the last at 1767225604",
            "Bob in all campaigns in 2026-W05: 1 conversions, 9 rewards, 0 volume, the last at \
             1769904000; counted: 1 conversions, 0 rewards, 0 volume, the last at 1769904000",
            "leaderboard over all campaigns in 2026-Q1: 3 referrers; counted: 2 referrers",
            "leaderboard of C in 2026-01: 0 referrers, without a leader; counted: 1 referrers",
            "leaderboard of C in 2026-02: 9 referrers; counted: 1 referrers",
        ]
    );
    // And afterwards everything is as it was: January is over, so it has its leader again
    assert_eq!(lines(&count(false).await), "");
    assert_eq!(world.content().await, content);
    let mut sorted = world.awards().await;
    sorted.sort_unstable();
    let mut expected = awards;
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    // And a badge that is too much is not taken away
    world
        .pool
        .execute("INSERT INTO awards (campaign, referrer, badge, month) VALUES ('C', 'Bob', 'conversions_5', '')")
        .await
        .expect("a change");
    assert_eq!(lines(&count(true).await), "");
    assert_eq!(world.awards().await.len(), expected.len() + 1);
    // When there is a leaderboard of nobody, then it is found and removed
    world
        .pool
        .execute("INSERT INTO boards VALUES ('C', '2025-11', 2, 1764547200, 1764547200)")
        .await
        .expect("a change");
    let boards = recount::boards(&mut connection, None, true).await;
    let boards = boards.expect("counted");
    assert_eq!(boards.compared, 23);
    let drift: Vec<_> = boards.drift.into_iter().map(line).collect();
    let nobody = "leaderboard of C in 2025-11: 2 referrers; counted: no leaderboard";
    assert_eq!(drift, [nobody]);
    let boards = recount::boards(&mut connection, None, false).await;
    assert_eq!(boards.expect("counted").drift, []);
    assert_eq!(world.content().await, content);
}

/// [M14] [M15]
#[tokio::test]
async fn an_older_database_gets_the_badges_that_were_earned_before() {
    // Given a database without totals, with six conversions of Alice in two months
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let empty = "DROP SCHEMA mirror, public CASCADE; CREATE SCHEMA public";
    pool.execute(empty).await.expect("an empty database");
    let older = vouch_db::MIGRATOR
        .iter()
        .take_while(|step| step.version < 10);
    let older = Migrator {
        migrations: older.cloned().collect::<Vec<_>>().into(),
        ..Migrator::DEFAULT
    };
    older.run(&pool).await.expect("the older schema");
    pool.execute(
        "INSERT INTO referrer_daily VALUES ('C', 'Alice', '2026-01-31', 4, 28, 1769900000),
             ('C', 'Alice', '2026-02-01', 2, 14, 1769910000),
             ('C', 'Bob', '2026-02-01', 1, 7, 1769910001),
             ('D', 'Bob', '2026-02-01', 1, 900, 1769910000);
         UPDATE indexer_state SET confirmed_seq = 7, final_seq = 7, final_time = 1769910001",
    )
    .await
    .expect("rows");
    // When it is migrated
    vouch_db::migrate(&pool).await.expect("the new schema");
    // Then the totals are there, and the milestones
    let mut world = World::on(database, pool).await;
    let (alice, bob) = ("for 42, last 1769910000", "for 7, last 1769910001");
    let expected = [
        " Alice : 6 for 0, last 1769910000".to_owned(),
        " Alice 2026: 6 for 0, last 1769910000".to_owned(),
        " Alice 2026-01: 4 for 0, last 1769900000".to_owned(),
        " Alice 2026-02: 2 for 0, last 1769910000".to_owned(),
        " Alice 2026-Q1: 6 for 0, last 1769910000".to_owned(),
        " Alice 2026-W05: 6 for 0, last 1769910000".to_owned(),
        " Bob : 2 for 0, last 1769910001".to_owned(),
        " Bob 2026: 2 for 0, last 1769910001".to_owned(),
        " Bob 2026-02: 2 for 0, last 1769910001".to_owned(),
        " Bob 2026-Q1: 2 for 0, last 1769910001".to_owned(),
        " Bob 2026-W05: 2 for 0, last 1769910001".to_owned(),
        format!("C Alice : 6 {alice}"),
        format!("C Alice 2026: 6 {alice}"),
        "C Alice 2026-01: 4 for 28, last 1769900000".to_owned(),
        "C Alice 2026-02: 2 for 14, last 1769910000".to_owned(),
        format!("C Alice 2026-Q1: 6 {alice}"),
        format!("C Alice 2026-W05: 6 {alice}"),
        format!("C Bob : 1 {bob}"),
        format!("C Bob 2026: 1 {bob}"),
        format!("C Bob 2026-02: 1 {bob}"),
        format!("C Bob 2026-Q1: 1 {bob}"),
        format!("C Bob 2026-W05: 1 {bob}"),
        // In units of another token.
        "D Bob : 1 for 900, last 1769910000".to_owned(),
        "D Bob 2026: 1 for 900, last 1769910000".to_owned(),
        "D Bob 2026-02: 1 for 900, last 1769910000".to_owned(),
        "D Bob 2026-Q1: 1 for 900, last 1769910000".to_owned(),
        "D Bob 2026-W05: 1 for 900, last 1769910000".to_owned(),
    ];
    assert_eq!(world.totals().await, expected);
    let milestones = [
        "C Alice conversions_1",
        "C Bob conversions_1",
        "D Bob conversions_1",
        "C Alice conversions_5",
    ];
    assert_eq!(world.awards().await, milestones);
    // And the next round decides the month that is over
    world.finalize(7, FEBRUARY + DAY).await;
    assert_eq!(
        world.awards().await[4..],
        ["C Alice monthly_leader 2026-01"]
    );
}

/// The awards, the totals and the leaderboards are what a plain model says, after every step,
/// however the transactions come. [M1] [M5] [M14] [M15]
#[tokio::test]
async fn random_orders_equal_a_plain_model() {
    let mut world = World::new().await;
    let (mut leaders, mut undone) = (0, 0);
    for seed in 0..300 {
        world.clear().await;
        world
            .pool
            .execute("DELETE FROM awards")
            .await
            .expect("deleted");
        let mut random = chain::Random(seed);
        let chain = Chain::random(&mut random);
        let said = |what: &str| format!("seed {seed}: {what} of {chain:?}");
        let (mut written, mut is_final) = (0, 0);
        while is_final < chain.len() {
            match random.below(7) {
                // Transactions that are final at once
                0 if written == is_final && written < chain.len() => {
                    let count = 1 + random.below(chain.len() - written);
                    world.apply(&chain, count).await;
                    written += count;
                    is_final = written;
                }
                // Or whose conversions count later
                6 if written == is_final && written < chain.len() => {
                    let count = 1 + random.below(chain.len() - written);
                    world.catch_up(&chain, count).await;
                    written += count;
                    is_final = written;
                }
                // Or confirmed
                1 | 2 if written < chain.len() => {
                    let count = 1 + random.below((chain.len() - written).min(9));
                    world.confirm(&chain, count).await;
                    written += count;
                }
                // Or undone
                3 if written > is_final => {
                    written = is_final + random.below(written - is_final);
                    world.rewind(&chain, written).await;
                    undone += 1;
                }
                // Or some of them become final
                4 | 5 if written > is_final => {
                    is_final += 1 + random.below(written - is_final);
                    let (from, to) = chain.clock(is_final);
                    let within = usize::try_from(to - from).expect("forwards");
                    let ahead = i64::try_from(random.below(within + 1)).expect("a time");
                    world
                        .finalize(i64::try_from(is_final).expect("a number"), from + ahead)
                        .await;
                }
                _ => continue,
            }
            let expected = chain.model(is_final, world.time);
            let mut awards = world.awards().await;
            awards.sort_unstable();
            assert_eq!(awards, expected.awards, "{}", said("awards"));
            assert_eq!(world.totals().await, expected.totals, "{}", said("totals"));
        }
        // When the last hold is over, then everything counts
        let end = chain.end();
        let all = i64::try_from(chain.len()).expect("a number");
        world.finalize(all, end).await;
        let expected = chain.model(chain.len(), end);
        let mut awards = world.awards().await;
        awards.sort_unstable();
        assert_eq!(awards, expected.awards, "{}", said("awards"));
        leaders += awards.iter().filter(|line| line.contains("leader")).count();
        // And leaderboards are in their order, with every own place
        for ((campaign, period), [by_conversions, by_rewards]) in &expected.boards {
            if random.below(12) > 0 {
                continue;
            }
            let limit = 1 + i64::try_from(random.below(4)).expect("a limit");
            let mut board = Board {
                campaign: (!campaign.is_empty()).then(|| (*campaign).to_owned()),
                period: period.clone(),
                measure: Measure::Conversions,
            };
            check_board(&world.pool, &board, by_conversions, limit, &said("board")).await;
            board.measure = Measure::Rewards;
            if board.campaign.is_some() {
                check_board(&world.pool, &board, by_rewards, limit, &said("board")).await;
            } else {
                let page = leaderboard::page(
                    &world.pool,
                    &board,
                    &leaderboard::Start::Rank(1),
                    limit,
                    Some("Alice"),
                )
                .await;
                let page = page.expect("a page");
                assert_eq!((page.entries, page.own), (Vec::new(), None));
            }
        }
    }
    // Then the seeds had what they are for
    assert!(leaders > 300, "{leaders}");
    assert!(undone > 100, "{undone}");
}

/// Walks through the leaderboard page by page, and asks for the place of each referrer.
async fn check_board(pool: &sqlx::PgPool, board: &Board, places: &[&str], limit: i64, said: &str) {
    let total = i64::try_from(places.len()).expect("a number");
    let mut shown = Vec::new();
    let mut start = leaderboard::Start::Rank(1);
    loop {
        let wallet = places[shown.len().min(places.len() - 1)];
        let page = leaderboard::page(pool, board, &start, limit, Some(wallet)).await;
        let page = page.expect("a page");
        assert_eq!(page.total_entries, total, "{said}");
        let own = page.own.expect("a place");
        let place = places.iter().position(|place| *place == wallet);
        let rank = 1 + i64::try_from(place.expect("a place")).expect("a number");
        assert_eq!((own.rank, own.wallet.as_str()), (rank, wallet), "{said}");
        let Some(last) = page.entries.last() else {
            break;
        };
        start = leaderboard::Start::After(After {
            value: match board.measure {
                Measure::Conversions => u128::from(last.conversions.unsigned_abs()),
                Measure::Rewards => last.rewards,
                Measure::Volume => last.volume,
            },
            last_converted_at: last.last_converted_at,
            wallet: last.wallet.clone(),
        });
        for entry in page.entries {
            shown.push(entry.wallet);
            assert_eq!(usize::try_from(entry.rank), Ok(shown.len()), "{said}");
        }
    }
    assert_eq!(shown, places, "{said}");
}
