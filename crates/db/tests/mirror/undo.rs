//! Transactions that are undone, and a batch that is cut off.

use sqlx::Executor as _;
use vouch_db::mirror::{
    Batch, Maturing, Projections, Settlement, Status, Writer, live_accounts, state, uncertain,
};

use crate::world::{
    NEW_YEAR, World, account, before, moved, referral, registration, sale, settlement, transaction,
};

/// [M4] [M6]
#[tokio::test]
async fn undone_transactions_leave_no_trace() {
    // Given a code and a held conversion
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&sale("D", 2, 5, 60)).await;
    let content = world.content().await;
    // When it is cancelled, and another wallet converts
    world.write(&settlement("D", 3, Status::Cancelled, 5)).await;
    let mut other = sale("E", 4, 7, 0);
    if let Some(row) = other.before.first_mut() {
        (row.data, row.before_seq, row.before_slot) = (Some(b"r2".to_vec()), Some(2), Some(2));
    }
    world.write(&other).await;
    assert_eq!(
        world.totals().await,
        "1 conversions, 0 final, 7 paid, 0 pending"
    );
    // And both are undone
    let before = world.writer.before(2).await.expect("rows");
    let mut undone: Vec<_> = before
        .iter()
        .map(|row| (row.address.as_str(), row.data.as_deref(), row.before_seq))
        .collect();
    undone.sort_unstable();
    assert_eq!(
        undone,
        [
            ("D", Some(&b"c"[..]), Some(2)),
            ("E", None, None),
            ("R", Some(&b"r2"[..]), Some(2))
        ]
    );
    let back = Projections {
        referrals: vec![referral("R", "AZURE23", 1, 2)],
        settlements: vec![Settlement {
            conversion: "D".into(),
            status: Status::Pending,
            settled: 6,
        }],
        maturing: vec![Maturing {
            conversion: "D".into(),
            seq: 2,
            matures_at: NEW_YEAR + 62,
            campaign: "C".into(),
            converted_at: NEW_YEAR + 2,
        }],
        totals: moved(0, -7, 5),
        ..Projections::default()
    };
    world
        .writer
        .rewind(2, &before, &back)
        .await
        .expect("undone");
    // Then every table is as it was
    assert_eq!(world.content().await, content);
    assert_eq!(state(&world.pool).await.expect("a state").confirmed_seq, 2);
    // And what is final cannot be undone
    world.finalize(2, NEW_YEAR).await;
    let error = world.writer.rewind(1, &[], &Projections::default()).await;
    let error = error.expect_err("final");
    assert_eq!(
        error.to_string(),
        "the database holds a final transaction that was to be undone"
    );
}

/// [M2] [M4]
#[tokio::test]
async fn killed_between_write_and_commit() {
    // Given a code with a conversion
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&sale("C", 2, 5, 0)).await;
    let content = world.content().await;
    // When the last statement of a batch waits, because somebody holds the code's counters
    let mut keeper = world.pool.begin().await.expect("a transaction");
    keeper
        .execute("SELECT * FROM referral_totals FOR UPDATE")
        .await
        .expect("a lock");
    let kill = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'
               AND application_name = 'vouch-indexer writer'";
        world.store.until(waiting, 1).await;
        // And its connection is killed
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'vouch-indexer writer'";
        world.store.run(kill).await;
    };
    let batch = sale("D", 3, 5, 0);
    let (written, ()) = tokio::join!(world.writer.write(&batch, None), kill);
    assert!(written.expect_err("cut").is_unavailable());
    keeper.rollback().await.expect("released");
    // Then nothing of the batch is there
    assert_eq!(world.content().await, content);
    // And the next writer writes it once
    world.writer = loop {
        // Postgres releases the lock when it has cleaned up after the connection.
        if let Some(writer) = Writer::try_acquire(world.database.url())
            .await
            .expect("Postgres")
        {
            break writer;
        }
    };
    world.write(&batch).await;
    assert_eq!(
        world.totals().await,
        "2 conversions, 0 final, 10 paid, 0 pending"
    );
    // And not twice
    let again = world.writer.write(&batch, None).await.expect_err("twice");
    assert_eq!(again.constraint(), Some("transactions_pkey"));
    assert_eq!(
        world.totals().await,
        "2 conversions, 0 final, 10 paid, 0 pending"
    );
}

/// [M3]
#[tokio::test]
async fn a_closed_account_keeps_its_row() {
    // Given a conversion whose account was closed
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&sale("D", 2, 5, 0)).await;
    let closing = Batch {
        transactions: vec![transaction(3)],
        accounts: vec![account("D", None, 3)],
        before: vec![before(3, "D", Some(("c", 2)))],
        ..Batch::default()
    };
    world.write(&closing).await;
    // Then the account is not among those that exist, and its row and its counters stay
    let live = live_accounts(&world.pool).await.expect("rows");
    assert_eq!(live, [("R".to_owned(), b"r2".to_vec())]);
    assert_eq!(
        world.totals().await,
        "1 conversions, 0 final, 5 paid, 0 pending"
    );
    // And the account can still be made as it was
    let undo = world.writer.before(2).await.expect("rows");
    let none = Projections::default();
    world.writer.rewind(2, &undo, &none).await.expect("undone");
    let live = live_accounts(&world.pool).await.expect("rows");
    assert_eq!(live.first(), Some(&("D".to_owned(), b"c".to_vec())));
}

/// [M1] [M9]
#[tokio::test]
async fn what_is_uncertain_is_undone_with_its_account() {
    // Given a conversion of which something is uncertain, and its referral
    let mut world = World::new().await;
    world.write(&registration()).await;
    let mut sold = sale("D", 2, 5, 0);
    for row in &mut sold.accounts {
        row.doubt = Some(vec![1]);
    }
    world.write(&sold).await;
    assert_eq!(uncertain(&world.pool, 9).await.expect("a count"), (1, 1));
    let content = world.content().await;
    // When a later transaction makes the conversion certain
    let mut kept = before(3, "D", Some(("c", 2)));
    kept.doubt = Some(vec![1]);
    let proof = Batch {
        transactions: vec![transaction(3)],
        accounts: vec![account("D", Some("c"), 3)],
        before: vec![kept],
        ..Batch::default()
    };
    world.write(&proof).await;
    assert_eq!(uncertain(&world.pool, 9).await.expect("a count"), (0, 0));
    let doubts = "SELECT string_agg(address, ' ') FROM doubts";
    assert_eq!(world.text(doubts).await, "R");
    // And that is undone, then it is as before
    let undo = world.writer.before(2).await.expect("rows");
    let none = Projections::default();
    world.writer.rewind(2, &undo, &none).await.expect("undone");
    assert_eq!(world.content().await, content);
    assert_eq!(uncertain(&world.pool, 9).await.expect("a count"), (1, 1));
}
