//! Leaders of months, against a real Postgres. Numbers in brackets refer to `docs/INVARIANTS.md`.

mod chain;

use chain::{APRIL, Chain, DAY, FEBRUARY, JANUARY, MARCH, Sale, World, lines};

/// [M15]
#[tokio::test]
async fn a_month_has_one_leader_when_it_is_over_and_nobody_waits() {
    // Given two conversions of Alice, one of Bob, and one of his that is held until March
    let mut world = World::new().await;
    let mut chain = Chain::default();
    chain.sale(&Sale::of("Alice", JANUARY));
    chain.sale(&Sale::of("Alice", JANUARY + 1));
    chain.sale(&Sale::of("Bob", JANUARY + 2));
    chain.sale(&Sale::of("Bob", JANUARY + 3).held(MARCH - JANUARY));
    world.apply(&chain, 4).await;
    let leaders = async |world: &World| {
        let awards = world.awards().await;
        awards
            .into_iter()
            .filter(|line| line.contains("leader"))
            .collect::<Vec<_>>()
    };
    // Then the month has no leader before its end, nor while the held one waits
    world.finalize(4, FEBRUARY - 1).await;
    world.finalize(4, FEBRUARY).await;
    world.finalize(4, MARCH + 2).await;
    assert_eq!(lines(&leaders(&world).await), "");
    // When it counts, then both have two, equal rewards, and Alice had hers first
    world.finalize(4, MARCH + 3).await;
    assert_eq!(leaders(&world).await, ["C Alice monthly_leader 2026-01"]);
    // And nothing decides it again
    chain.sale(&Sale::of("Bob", MARCH + 4));
    world.apply(&chain, 1).await;
    world.finalize(5, MARCH + DAY).await;
    assert_eq!(leaders(&world).await, ["C Alice monthly_leader 2026-01"]);
    // But March is a month of its own
    world.finalize(5, APRIL).await;
    assert_eq!(
        leaders(&world).await,
        [
            "C Alice monthly_leader 2026-01",
            "C Bob monthly_leader 2026-03"
        ]
    );
}

/// [M15]
#[tokio::test]
async fn a_cancellation_that_may_be_undone_decides_no_month() {
    // Given Bob's conversions of January, which are held, and one of Alice's
    let mut world = World::new().await;
    let mut chain = Chain::default();
    chain.sale(&Sale::of("Bob", JANUARY).held(60 * DAY));
    chain.sale(&Sale::of("Bob", JANUARY + 1).held(60 * DAY));
    chain.sale(&Sale::of("Alice", JANUARY + 2));
    world.apply(&chain, 3).await;
    world.finalize(3, FEBRUARY + 1).await;
    // When both are cancelled, by transactions that are not final
    let mut fork = chain.clone();
    fork.cancel(0, FEBRUARY + 2);
    fork.cancel(1, FEBRUARY + 2);
    world.confirm(&fork, 2).await;
    world.finalize(3, FEBRUARY + 2).await;
    // Then Alice does not lead yet
    assert_eq!(world.awards().await, ["C Alice conversions_1"]);
    // When the cluster abandons them, then Bob leads after his hold
    world.rewind(&fork, 3).await;
    world.finalize(3, JANUARY + 60 * DAY).await;
    assert_eq!(
        world.awards().await,
        ["C Alice conversions_1", "C Bob conversions_1"]
    );
    world.finalize(3, JANUARY + 60 * DAY + 1).await;
    assert_eq!(world.awards().await[2..], ["C Bob monthly_leader 2026-01"]);
    // And a cancellation that is final decides a month at once
    let mut world = World::new().await;
    world.apply(&chain, 3).await;
    world.confirm(&fork, 2).await;
    world.finalize(4, FEBRUARY + 2).await;
    assert_eq!(world.awards().await, ["C Alice conversions_1"]);
    world.finalize(5, FEBRUARY + 2).await;
    assert_eq!(
        world.awards().await[1..],
        ["C Alice monthly_leader 2026-01"]
    );
}
