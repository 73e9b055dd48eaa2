//! A short form of `./dev orders`.

use vouch_localnet::{Instance, Postgres};
use vouch_order_tests::{BACKLOG, backlog, cancelled, catch_up, run};

/// [M1, M2, M4, M5, M6, M8, M10, M11]
#[tokio::test(flavor = "multi_thread")]
async fn the_mirror_follows_the_chain_in_every_order() {
    let instance = Instance::create("orders-test").expect("a folder");
    let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
    let report = run(&postgres, 1, 24, 16).await.expect("no order diverges");
    // They were not without faults.
    assert_eq!(report.orders, 24, "{report}");
    assert!(
        report.faults > 100
            && report.deaths > 10
            && report.forks > 30
            && report.lied > 0
            && report.stops > 0
            && report.broken > 0
            && report.announced > 0
            && report.compared > 12,
        "{report}"
    );
}

/// [M5]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_transaction_is_written_while_a_backlog_of_ranks_does_not_end() {
    // Given a mirror that follows the chain while at least 15,000 conversions wait for ranks, however many count
    let instance = Instance::create("orders-test").expect("a folder");
    let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
    // When a new transaction is confirmed and announced after some steps
    let seen = backlog(&postgres).await.expect("the mirror goes on");
    // Then it is written between two steps, while they wait
    assert!(seen.steps_before >= 3, "{seen:?}");
    assert!(seen.waiting >= BACKLOG, "{seen:?}");
    // And the others count in short steps, of at most 4,000 conversions, and each of them once
    assert!(seen.steps_after >= 3, "{seen:?}");
    assert_eq!(seen.counted, seen.sold, "{seen:?}");
    // And health told meanwhile that they wait, and no longer at the end
    assert!(seen.told.0 > 0, "{seen:?}");
    assert_eq!(seen.told.1, 0, "{seen:?}");
}

/// [M5]
#[tokio::test(flavor = "multi_thread")]
async fn a_catch_up_ends_with_long_steps_however_far_the_node_is() {
    // Given a mirror that is far behind, with 15,000 conversions that wait, and a node that has more final transactions
    // than it told before
    let instance = Instance::create("orders-test").expect("a folder");
    let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
    // When it catches up to what it was told
    let (counted, waiting) = catch_up(&postgres).await.expect("the mirror goes on");
    // Then the last transactions let some count, and at least one step of 2,000 follows
    assert!(counted >= 2_200, "{counted} {waiting}");
    assert_eq!(counted + waiting, BACKLOG);
}

/// [M1]
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_postgres_cancels_is_smaller_in_the_next_session() {
    // Given a mirror that catches up, and a Postgres that cancels statements which insert more than ten transactions
    let instance = Instance::create("orders-test").expect("a folder");
    let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
    // When session after session ends with a cancelled batch
    let before = cancelled(&postgres).await.expect("the mirror goes on");
    // Then batches of at most 1,000, 500, 250, 125, 62, 31 and 15 are cancelled, one of 7 is written, and then all of them
    assert_eq!(before, 7);
}
