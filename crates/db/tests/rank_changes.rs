//! Leaderboards of all referrers, categories and regions, and as they were a day earlier, against a plain
//! sort of the conversions at both moments. Numbers in brackets refer to `docs/INVARIANTS.md`.

mod board;
mod store;

use std::collections::BTreeSet;

use board::{APRIL, DAY, FEBRUARY, JANUARY, MARCH, Random, Sale, World, at, board, music};
use store::Store;
use vouch_db::api::{
    choices::{self, CATEGORIES, Choice, Kind},
    leaderboard::{self, Measure, Start, group_key},
};

/// [M4] [M17] [A1]
#[tokio::test]
async fn ranks_now_and_a_day_earlier_equal_plain_sorts_of_the_list() {
    // Given 4,000 referrers: most make music, some change to it in February, and some live in Chad
    let mut world = World::new().await;
    let mut random = Random(7);
    let wallet = |number: u64| format!("{:05}wallet", number * 7919 % 100_003);
    let mut chosen = Vec::new();
    for number in 0..4_000_u64 {
        match number % 5 {
            0..=2 => chosen.push((wallet(number), "category", 0, Some("music"))),
            3 => {
                chosen.push((wallet(number), "category", 0, Some("art")));
                chosen.push((wallet(number), "category", 31, Some("music")));
                chosen.push((wallet(number), "region", 29, Some("TD")));
                chosen.push((wallet(number), "region", 59, None));
            }
            _ => {}
        }
    }
    world.choose(&chosen).await;
    let (mut most, mut risen) = (0, 0);
    // When they convert around the change of the month, without a hold or with one
    for round in 0..3_i64 {
        let from = FEBRUARY - 2 * DAY + round * DAY * 3 / 2;
        let count = if round == 0 { 6_000 } else { 1_500 };
        let sales: Vec<_> = (0..count)
            .map(|_| {
                let at = from + random.second(DAY);
                Sale {
                    campaign: if random.below(4) == 0 { "D" } else { "C" },
                    reward: random.below(3),
                    amount: random.below(1000),
                    matures_at: at + random.second(2) * random.second(2 * DAY),
                    ..Sale::of(&wallet(random.below(4_000)), at)
                }
            })
            .collect();
        world.sell(&sales).await;
        for time in [from + DAY, from + DAY * 3 / 2] {
            world.finalize(time).await;
        }
        // Then each leaderboard is the sorted list, and so is the one of a day earlier
        let c = Some("C".to_owned());
        for (campaign, period, measure) in [
            (None, "", Measure::Conversions),
            (None, "2026-W06", Measure::Conversions),
            (c.clone(), "2026", Measure::Rewards),
            (c.clone(), "2026-02", Measure::Volume),
            (c, "", Measure::Conversions),
            (music(), "", Measure::Conversions),
            (music(), "2026-02", Measure::Conversions),
            (
                Some(group_key(Kind::Category, "art")),
                "",
                Measure::Conversions,
            ),
            (
                Some(group_key(Kind::Region, "TD")),
                "2026-Q1",
                Measure::Conversions,
            ),
            (
                Some(group_key(Kind::Region, "DE")),
                "",
                Measure::Conversions,
            ),
        ] {
            let board = board(campaign, period, measure);
            most = most.max(world.check(&board).await);
            let page = world.page(&board, &Start::Rank(1), None).await;
            let changes = page.entries.iter();
            risen += changes
                .filter(|entry| entry.earlier_rank.is_some_and(|was| was > entry.rank))
                .count();
        }
    }
    // And some leaderboards had parts, of now and of a day earlier, and somebody has risen
    assert!(most > 3_000 && risen > 100, "{most} {risen}");
    let parts = "SELECT count(DISTINCT (campaign, period)) FROM board_fences
                 WHERE campaign = '#category/music' AND period IN ('', '@')";
    assert_eq!(world.store.number(parts).await, 2);
    // And a recount agrees
    assert_eq!(world.recount(false).await, Vec::<String>::new());
}

/// [M4] [M17]
#[tokio::test]
async fn drift_of_groups_and_of_a_day_earlier_is_found_and_repaired() {
    // Given a referrer who makes music, and whose first conversion counted two days before
    let mut world = World::new().await;
    let alice = "Alice".to_owned();
    world.choose(&[(alice, "category", 0, Some("music"))]).await;
    world
        .sell(&[
            Sale::of("Alice", JANUARY),
            Sale::of("Alice", JANUARY + 2 * DAY),
        ])
        .await;
    world.finalize(JANUARY + 2 * DAY).await;
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    let rows = "SELECT row::text FROM referrer_totals AS row ORDER BY campaign, referrer, period";
    let right = world.store.texts(rows).await;
    // When counters change, then each is named, and repaired
    world
        .store
        .run(
            "UPDATE referrer_daily SET earlier_conversions = 2 WHERE day = '2026-01-01';
             DELETE FROM referrer_totals WHERE campaign = '#category/music' AND period = '';
             UPDATE referrer_totals SET conversions = 5 WHERE campaign = 'C' AND period = '@2026';
             UPDATE boards SET referrers = 3 WHERE campaign = '#category/music' AND period = '@'",
        )
        .await;
    let found = [
        "day 2026-01-01 of Alice in C, a day earlier: 2 conversions, 7 rewards, 1 volume, the last at \
         1767225600; counted: 1 conversions, 7 rewards, 1 volume, the last at 1767225600",
        "Alice in C in 2026, a day earlier: 5 conversions, 7 rewards, 1 volume, the last at 1767225600; \
         counted: 1 conversions, 7 rewards, 1 volume, the last at 1767225600",
        "Alice in #category/music: 0 conversions, 0 rewards, 0 volume, the last at 0; counted: \
         2 conversions, 0 rewards, 0 volume, the last at 1767398400",
        "leaderboard of #category/music, a day earlier: 3 referrers; counted: 1 referrers",
    ];
    assert_eq!(world.recount(true).await, found);
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    assert_eq!(world.store.texts(rows).await, right);
    // When a group's rows of `boards` are lost, then a recount makes them anew from its totals, and so it
    // does when a total is lost, too
    let boards = "SELECT row::text FROM boards AS row ORDER BY campaign, period";
    let before = world.store.texts(boards).await;
    let lose = "DELETE FROM boards WHERE campaign = '#category/music'";
    world.store.run(lose).await;
    let lost = world.recount(true).await;
    assert_eq!(lost.len(), 10, "{lost:?}");
    assert_eq!(
        lost.first().map(String::as_str),
        Some("leaderboard of #category/music: 0 referrers; counted: 1 referrers")
    );
    world.store.run(lose).await;
    world
        .store
        .run("DELETE FROM referrer_totals WHERE campaign = '#category/music' AND period = '@'")
        .await;
    assert_eq!(world.recount(true).await.len(), 11);
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    assert_eq!(world.store.texts(rows).await, right);
    let names = "SELECT concat_ws(' ', campaign, period, referrers, ends_at) FROM boards
                 ORDER BY campaign, period";
    assert_eq!(world.store.texts(names).await.len(), before.len());
}

/// [M15]
#[tokio::test]
async fn a_category_has_one_leader_of_a_month_when_no_conversion_of_it_waits() {
    // Given three who make music in February: Bob makes art from March on, and Carol from the tenth of
    // February on
    let mut world = World::new().await;
    world
        .choose(&[
            ("Alice".into(), "category", 0, Some("music")),
            ("Bob".into(), "category", 0, Some("music")),
            ("Bob".into(), "category", 59, Some("art")),
            ("Carol".into(), "category", 40, Some("music")),
            ("Dora".into(), "region", 0, Some("DE")),
            ("Frank".into(), "category", 0, Some("music")),
        ])
        .await;
    let mut sales = vec![
        Sale::of("Alice", FEBRUARY + 5),
        Sale::of("Alice", FEBRUARY + 9),
        Sale::of("Bob", FEBRUARY + 6),
        // A conversion of another campaign, and earlier than Alice's second one.
        Sale {
            campaign: "D",
            ..Sale::of("Bob", FEBRUARY + 8)
        },
        // Held by a campaign of somebody else.
        Sale {
            campaign: "E",
            matures_at: MARCH + 20 * DAY,
            ..Sale::of("Frank", FEBRUARY + 7)
        },
        // A conversion of no category: nobody waits for it.
        Sale {
            campaign: "F",
            matures_at: MARCH + 365 * DAY,
            ..Sale::of("Dora", MARCH - 1)
        },
        Sale::of("Bob", MARCH + 1),
    ];
    // Carol's do not count before she has chosen.
    sales.extend((0..5).map(|second| Sale::of("Carol", FEBRUARY + 10 + second)));
    sales.push(Sale::of("Carol", FEBRUARY + 10 * DAY));
    world.sell(&sales).await;
    // When February is over, then it has no leader while a conversion of it waits
    world.finalize(FEBRUARY + DAY).await;
    world.finalize(MARCH + 2).await;
    world.finalize(MARCH + 20 * DAY - 1).await;
    assert_eq!(world.leaders().await, Vec::<String>::new());
    // When that one counts, then Bob leads, who had as many as Alice, earlier
    world.finalize(MARCH + 20 * DAY).await;
    let february = "#category/music Bob 2026-02";
    assert_eq!(world.leaders().await, [february]);
    // And in March, Bob leads art alone; and nothing is awarded again
    world.finalize(APRIL).await;
    world.finalize(APRIL + DAY).await;
    assert_eq!(
        world.leaders().await,
        [february, "#category/art Bob 2026-03"]
    );
    // And no region has a leader
    assert_eq!(
        world
            .store
            .number(
                "SELECT count(*) FROM boards WHERE campaign ^@ '#region/' AND ends_at IS NOT NULL"
            )
            .await,
        0
    );
    // When an award is lost, then a recount gives it again, and no other
    world
        .store
        .run("DELETE FROM awards WHERE badge = 'category_leader' AND month = '2026-02'")
        .await;
    let lost = "leaderboard of #category/music in 2026-02: 4 referrers, without a leader; counted: \
                4 referrers";
    assert_eq!(world.recount(true).await, [lost]);
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    let leaders: BTreeSet<_> = world.leaders().await.into_iter().collect();
    let expected = [february, "#category/art Bob 2026-03"].map(str::to_owned);
    assert_eq!(leaders, BTreeSet::from(expected));
}

/// [M15]
#[tokio::test]
async fn a_hold_of_a_year_delays_the_leader_of_one_category_by_60_days() {
    // Given two categories, and in music a stranger whose campaign holds two conversions for a year
    let mut world = World::new().await;
    world
        .choose(&[
            ("Alice".into(), "category", 0, Some("music")),
            ("Bob".into(), "category", 0, Some("art")),
            ("Eve".into(), "category", 0, Some("music")),
        ])
        .await;
    let held = |referrer: &str, at: i64| Sale {
        campaign: "E",
        matures_at: at + 365 * DAY,
        ..Sale::of(referrer, at)
    };
    world
        .sell(&[
            Sale::of("Alice", FEBRUARY),
            Sale::of("Bob", FEBRUARY),
            held("Eve", MARCH - 2),
            held("Eve", MARCH - 1),
        ])
        .await;
    // When the month is over, then art has its leader, and music has one 60 days later
    world.finalize(MARCH).await;
    let art = "#category/art Bob 2026-02";
    assert_eq!(world.leaders().await, [art]);
    world.finalize(MARCH + 60 * DAY - 1).await;
    assert_eq!(world.leaders().await, [art]);
    world.finalize(MARCH + 60 * DAY).await;
    let both = [art, "#category/music Alice 2026-02"];
    assert_eq!(world.leaders().await, both);
    // And what counts later changes no badge
    world.finalize(MARCH + 365 * DAY).await;
    world.finalize(MARCH + 366 * DAY).await;
    assert_eq!(world.leaders().await, both);
    assert_eq!(world.recount(false).await, Vec::<String>::new());
}

/// [M15]
#[tokio::test]
async fn a_month_of_a_category_waits_for_those_whose_category_was_not_looked_up() {
    // Given Alice, who makes music, whose conversion waits, and 5,000 that wait after it, of no category
    let mut world = World::new().await;
    world
        .choose(&[("Alice".into(), "category", 0, Some("music"))])
        .await;
    let mut sales = vec![
        Sale::of("Alice", FEBRUARY),
        Sale {
            matures_at: MARCH + 9 * DAY,
            ..Sale::of("Alice", FEBRUARY + 1)
        },
    ];
    sales.extend((0..5_000).map(|second| Sale {
        campaign: "E",
        matures_at: MARCH + 4 * DAY,
        ..Sale::of("Dora", FEBRUARY + 2 + second)
    }));
    world.sell(&sales).await;
    // Then nobody leads before all of these count, nor before Alice's does
    for time in [
        MARCH,
        MARCH + 4 * DAY - 1,
        MARCH + 4 * DAY,
        MARCH + 9 * DAY - 1,
    ] {
        world.finalize(time).await;
        assert_eq!(world.leaders().await, Vec::<String>::new());
    }
    world.finalize(MARCH + 9 * DAY).await;
    assert_eq!(world.leaders().await, ["#category/music Alice 2026-02"]);
}

/// [M17]
#[tokio::test]
async fn one_statement_counts_at_most_2_000_conversions_new_and_a_day_old_together() {
    // Given 2,100 conversions of as many referrers a day ago, and as many now
    let mut world = World::new().await;
    for day in [0, 1] {
        let sales = (0..2_100).map(|number| Sale {
            matures_at: JANUARY + day * DAY,
            ..Sale::of(&format!("W{number}"), JANUARY)
        });
        world.sell(&sales.collect::<Vec<_>>()).await;
    }
    world.finalize(JANUARY).await;
    // When both count, the first for the leaderboards of a day earlier
    world
        .store
        .run(
            "CREATE TABLE public.statements (kind text, changed bigint);
             CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN INSERT INTO public.statements SELECT TG_OP, count(*) FROM changed;
                        RETURN NULL; END';
             CREATE TRIGGER inserted AFTER INSERT ON referrer_totals
                 REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note();
             CREATE TRIGGER updated AFTER UPDATE ON referrer_totals
                 REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note()",
        )
        .await;
    world.finalize(JANUARY + DAY).await;
    // Then each changes ten totals, and no statement more than 20,000
    let most = "SELECT max(changed) FROM (
                    SELECT sum(changed)::bigint AS changed FROM public.statements
                    GROUP BY xmin, cmin
                ) AS statement";
    let most = world.store.number(most).await;
    let all = "SELECT sum(changed)::bigint FROM public.statements";
    assert_eq!(world.store.number(all).await, 2 * 2_100 * 10);
    assert!(most <= 20_000, "{most}");
    world.check(&board(None, "", Measure::Conversions)).await;
}

/// [M17]
#[tokio::test]
async fn nobody_knows_the_change_of_a_period_before_it_is_a_day_old() {
    let mut world = World::new().await;
    // Given conversions before a Monday that is the first of a month, of a quarter, and on it
    const MONDAY: i64 = JANUARY + (31 + 28 + 31 + 30 + 31) * DAY;
    world
        .sell(&[
            Sale::of("Alice", MONDAY - 9 * DAY),
            Sale::of("Alice", MONDAY),
        ])
        .await;
    let names = ["2026-W23", "2026-06", "2026-Q2", "2026", ""];
    for (time, expected) in [
        (MONDAY, [false, false, true, true, true]),
        (MONDAY + DAY - 1, [false, false, true, true, true]),
        (MONDAY + DAY, [true; 5]),
    ] {
        world.finalize(time).await;
        let mut known = Vec::new();
        for name in names {
            let board = board(None, name, Measure::Conversions);
            let page = world.page(&board, &Start::Rank(1), None).await;
            assert_eq!(page.entries.len(), 1, "{name}");
            known.push(page.earlier_time.is_some());
        }
        assert_eq!(known, expected, "{time}");
    }
}

/// [M17]
#[tokio::test]
async fn a_mirror_of_an_older_indexer_gets_the_ranks_of_a_day_earlier() {
    // Given a mirror whose conversions counted before anybody kept earlier ranks
    let mut world = World::new().await;
    world
        .sell(&[
            Sale::of("Alice", JANUARY),
            Sale::of("Bob", JANUARY + 1),
            Sale::of("Bob", JANUARY + 3 * DAY),
        ])
        .await;
    world.finalize(JANUARY + 3 * DAY).await;
    world
        .store
        .run(
            "DELETE FROM referrer_totals WHERE period LIKE '@%';
             DELETE FROM boards WHERE period LIKE '@%';
             UPDATE referrer_daily SET earlier_conversions = 0, earlier_rewards = 0,
                 earlier_last_converted_at = 0, earlier_volume = 0;
             UPDATE indexer_state SET earlier_time = NULL",
        )
        .await;
    // Then nobody knows them
    let all = board(None, "", Measure::Conversions);
    let page = world.page(&all, &Start::Rank(1), None).await;
    assert_eq!(page.earlier_time, None);
    assert!(
        page.entries
            .iter()
            .all(|entry| entry.earlier_rank.is_none())
    );
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    // When the indexer goes on, then they are there
    world.finalize(JANUARY + 3 * DAY + 1).await;
    world.check(&all).await;
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    // When a conversion becomes known late, then it counts for both
    world.sell(&[Sale::of("Carol", JANUARY + 2)]).await;
    world.finalize(JANUARY + 3 * DAY + 2).await;
    world.check(&all).await;
    assert_eq!(world.recount(false).await, Vec::<String>::new());
    // When the clock goes on without conversions, then every rank is the same as a day earlier
    world.finalize(JANUARY + 5 * DAY).await;
    world.check(&all).await;
    let page = world.page(&all, &Start::Rank(1), None).await;
    let same = |entry: &leaderboard::Entry| entry.earlier_rank == Some(entry.rank);
    assert!(page.entries.iter().all(same));
}

/// [M17]
#[tokio::test]
async fn very_many_of_one_second_count_a_day_later_in_steps() {
    // Given 25,000 conversions that mature in the same second, and one before them
    let mut world = World::new().await;
    let mut sales = vec![Sale::of("Alice", JANUARY)];
    sales.extend((0..25_000).map(|number| Sale {
        matures_at: JANUARY + 5 * DAY,
        ..Sale::of(["Bob", "Carol", "Dora"][number % 3], JANUARY + 60)
    }));
    world.sell(&sales).await;
    // When a day has passed since they counted, less a second, and then that second
    world.finalize(JANUARY + 6 * DAY - 1).await;
    let all = board(None, "", Measure::Conversions);
    world.check(&all).await;
    world.finalize(JANUARY + 6 * DAY).await;
    // Then each counts once a day earlier
    world.check(&all).await;
    let earlier = "SELECT sum(conversions)::bigint FROM referrer_totals
                   WHERE campaign = '' AND period = '@'";
    assert_eq!(world.store.number(earlier).await, 25_001);
    assert_eq!(world.recount(false).await, Vec::<String>::new());
}

/// [M17]
#[tokio::test]
async fn a_choice_begins_later_and_a_thousand_changes_leave_one_row() {
    let store = Store::new().await;
    store
        .run(
            "INSERT INTO referrals (address, campaign, code, owner, active, suspended, conversions,
                 created_at, closed, seq, slot)
             VALUES ('R', 'C', 'AZURE23', 'Alice', true, false, 0, 0, false, 1, 1)",
        )
        .await;
    let now = at(FEBRUARY);
    let set = async |wallet: &str, category: Option<&str>, region: Option<&str>| {
        choices::set(&store.pool, wallet, category, region, now).await
    };
    let find = async |wallet: &str| {
        let found = choices::find(&store.pool, wallet, now.date()).await;
        found.expect("choices")
    };
    let next = |choice: &Choice| choice.next.clone().and_then(|(_, value)| value);
    // Choices that begin on another day than the one after they were made, by the time of the row.
    let not_tomorrow = "SELECT count(*) FROM referrer_choices
        WHERE from_day <> ((chosen_at + interval '1 hour') AT TIME ZONE 'UTC')::date + 1";
    let not_next_month = "SELECT count(*) FROM referrer_choices
        WHERE kind = 'category' AND from_day > '2026-01-02' AND from_day <> (date_trunc('month',
            (chosen_at + interval '1 hour') AT TIME ZONE 'UTC') + interval '1 month')::date";
    // When somebody without a code chooses, then nothing happens
    assert!(!set("Bob", Some("music"), None).await.expect("an answer"));
    assert_eq!(find("Bob").await, [Choice::default(), Choice::default()]);
    // When Alice chooses for the first time, over and over again, then the last one begins tomorrow
    for category in CATEGORIES.iter().cycle().take(1_000) {
        assert!(set("Alice", Some(category), None).await.expect("an answer"));
    }
    let last = CATEGORIES.iter().cycle().nth(999).copied();
    let [category, region] = find("Alice").await;
    assert_eq!(
        (category.value.as_deref(), &region),
        (None, &Choice::default())
    );
    assert_eq!(next(&category).as_deref(), last);
    assert_eq!(store.number(not_tomorrow).await, 0);
    assert_eq!(
        store.number("SELECT count(*) FROM referrer_choices").await,
        1
    );
    // When it has begun, and she changes, then the change begins with the next month, and it is one row
    store
        .run(
            "UPDATE referrer_choices SET value = 'art', from_day = '2026-01-02', chosen_at = '2026-01-01'",
        )
        .await;
    for category in ["music", "food", "music"] {
        assert!(
            set("Alice", Some(category), Some("DE"))
                .await
                .expect("an answer")
        );
    }
    let [category, region] = find("Alice").await;
    assert_eq!(category.value.as_deref(), Some("art"));
    assert_eq!(next(&category).as_deref(), Some("music"));
    assert_eq!(store.number(not_next_month).await, 0);
    // And a region, which is her first, begins tomorrow
    assert_eq!(next(&region).as_deref(), Some("DE"));
    let region_waits = format!("{not_tomorrow} AND kind = 'region'");
    assert_eq!(store.number(&region_waits).await, 0);
    // When she takes it back, then nothing is to change
    assert!(set("Alice", Some("art"), None).await.expect("an answer"));
    let [category, _] = find("Alice").await;
    assert_eq!(category.value.as_deref(), Some("art"));
    assert_eq!(category.next, None);
    assert_eq!(
        store.number("SELECT count(*) FROM referrer_choices").await,
        3
    );
    // And the database takes neither another category nor a choice that begins today
    for category in CATEGORIES {
        set("Alice", Some(category), None).await.expect("known");
    }
    let refused = set("Alice", Some("spam"), None).await.expect_err("unknown");
    let vouch_db::Error::Constraint { constraint, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(constraint, "referrer_choices_category_known");
    let today = sqlx::query(
        "INSERT INTO referrer_choices (referrer, kind, from_day, value)
         VALUES ('Alice', 'category', (now() AT TIME ZONE 'UTC')::date, 'music')",
    );
    let refused = today.execute(&store.pool).await.expect_err("too early");
    let refused = refused.into_database_error().expect("of the database");
    assert_eq!(refused.constraint(), Some("referrer_choices_ahead"));
}

/// [M17]
#[tokio::test]
async fn choices_around_midnight_are_shown_as_they_count() {
    let store = Store::new().await;
    store
        .run(
            "INSERT INTO referrals (address, campaign, code, owner, active, suspended, conversions,
                 created_at, closed, seq, slot)
             SELECT 'R' || owner, 'C', 'AZURE2' || owner, owner, true, false, 0, 0, false, 1, 1
             FROM UNNEST(ARRAY['3', '4']) AS owner",
        )
        .await;
    let set = async |wallet: &str, category: &str, time: i64| {
        let set = choices::set(&store.pool, wallet, Some(category), None, at(time)).await;
        assert!(set.expect("an answer"));
    };
    // The value, what is next, and from which day on.
    let shown = async |wallet: &str, time: i64| {
        let [category, _] = choices::find(&store.pool, wallet, at(time).date())
            .await
            .expect("choices");
        let (from, next) = category.next.unzip();
        let from = from.map(|from| from.to_string());
        let words = [category.value, next.flatten(), from];
        words.map(Option::unwrap_or_default).join(" ")
    };
    const HOUR: i64 = 3_600;
    // Given a first choice, an hour before the last day of January begins, and the last second before that
    set("3", "art", FEBRUARY - DAY - HOUR - 1).await;
    assert_eq!(
        shown("3", FEBRUARY - DAY - HOUR - 1).await,
        " art 2026-01-31"
    );
    // When it is corrected in that hour, then the first one counts until the month is over
    set("3", "food", FEBRUARY - DAY - HOUR).await;
    assert_eq!(shown("3", FEBRUARY - DAY - 1).await, " art 2026-01-31");
    assert_eq!(shown("3", FEBRUARY - DAY).await, "art food 2026-02-01");
    // When it is changed before the last hour of the month, then from the next day on
    set("3", "music", FEBRUARY - HOUR - 1).await;
    assert_eq!(
        shown("3", FEBRUARY - HOUR - 1).await,
        "art music 2026-02-01"
    );
    // When it is changed once more in the last hour, then that is for the month after, and nothing else changes
    set("3", "food", FEBRUARY - HOUR).await;
    assert_eq!(shown("3", FEBRUARY - 1).await, "art music 2026-02-01");
    assert_eq!(shown("3", FEBRUARY).await, "music food 2026-03-01");
    assert_eq!(shown("3", MARCH).await, "food  ");
    // When somebody chooses for the first time in the last hour of a day, then from the day after the next on
    set("4", "home", FEBRUARY - 1).await;
    assert_eq!(shown("4", FEBRUARY - 1).await, " home 2026-02-02");
    assert_eq!(shown("4", FEBRUARY).await, " home 2026-02-02");
    assert_eq!(shown("4", FEBRUARY + DAY).await, "home  ");
}
