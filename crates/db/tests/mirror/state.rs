//! How far the mirror is, its one writer, an older schema, and errors of the database.

use sqlx::{Connection as _, Executor as _, PgConnection, Row as _, migrate::Migrator};
use vouch_db::{
    Error,
    mirror::{Batch, Final, Writer, known, live_accounts, state},
};
use vouch_localnet::Postgres;

use crate::world::{NEW_YEAR, World, registration};

/// [M10]
#[tokio::test]
async fn the_finalized_slot_never_passes_a_gap() {
    let mut world = World::new().await;
    let range = |first_slot, last_slot| Final {
        seq: 0,
        first_slot,
        last_slot,
        time: None,
        source: "test".into(),
    };
    let mut cover = async |first, last| {
        let range = range(first, last);
        let outcome = world.writer.write(&Batch::default(), Some(&range)).await;
        outcome.expect("written");
        state(&world.pool).await.expect("a state").finalized_slot
    };
    // Given a range that does not begin with the chain's first slot, then nothing is final
    assert_eq!(cover(10, 19).await, None);
    // When the chain is covered up to slot 4, then that is final, and the gap is not passed
    assert_eq!(cover(0, 4).await, Some(4));
    assert_eq!(cover(20, 29).await, Some(4));
    // When the next slots are covered, then they are final; what is known changes nothing
    assert_eq!(cover(5, 6).await, Some(6));
    assert_eq!(cover(6, 6).await, Some(6));
    assert_eq!(cover(3, 5).await, Some(6));
    // When a range closes the gap, then everything behind it is final
    assert_eq!(cover(7, 29).await, Some(29));
    // And the ranges that another proof covers are no part of it
    world.writer.witnessed(40, "test").await.expect("noted");
    let state = state(&world.pool).await.expect("a state");
    assert_eq!(state.finalized_slot, Some(29));
}

/// [M2]
#[tokio::test]
async fn two_writers() {
    // Given a writer
    let world = World::new().await;
    let url = world.store.database.url();
    // Then there is no second one
    assert!(Writer::try_acquire(url).await.expect("Postgres").is_none());
    // When it releases its lock, then there is
    world.writer.release().await.expect("released");
    assert!(Writer::try_acquire(url).await.expect("Postgres").is_some());
}

#[tokio::test]
async fn clicks_and_profiles_outlive_the_older_mirror() {
    // Given a database of the version that copied accounts
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let empty = "DROP SCHEMA mirror, public CASCADE; CREATE SCHEMA public";
    pool.execute(empty).await.expect("an empty database");
    let older = vouch_db::MIGRATOR
        .iter()
        .take_while(|step| step.version < 6);
    let older = Migrator {
        migrations: older.cloned().collect::<Vec<_>>().into(),
        ..Migrator::DEFAULT
    };
    older.run(&pool).await.expect("the older schema");
    pool.execute(
        "INSERT INTO accounts VALUES ('R', 'referral', 'r', 3, 'finalized', false, true);
         INSERT INTO referral_totals VALUES ('R', 7, 5, 2, 1, 1, 5, 0);
         INSERT INTO campaign_profiles (campaign, name, landing_url) VALUES ('C', 'n', 'x');
         UPDATE indexer_state SET genesis_hash = 'one', indexed_slot = 9, finalized_slot = 8",
    )
    .await
    .expect("rows");
    // When it is migrated
    vouch_db::migrate(&pool).await.expect("the new schema");
    // Then clicks and profiles are there, and the mirror begins with the first transaction
    let text = async |sql: &str| pool.fetch_one(sql).await.expect(sql).get::<String, _>(0);
    let clicks = "SELECT concat_ws(' ', referral, clicks, unique_visitors, bot_clicks)
         FROM referral_clicks";
    assert_eq!(text(clicks).await, "R 7 5 2");
    assert_eq!(text("SELECT name FROM campaign_profiles").await, "n");
    assert_eq!(live_accounts(&pool).await.expect("rows"), []);
    let state = state(&pool).await.expect("a state");
    // A tilde is the end of a second.
    let nothing = vouch_db::mirror::State {
        final_address: "~".into(),
        ..vouch_db::mirror::State::default()
    };
    assert_eq!(state, nothing);
}

/// [M8]
#[tokio::test]
async fn the_state_never_goes_back_and_the_chain_never_changes() {
    let mut world = World::new().await;
    let writer = &mut world.writer;
    assert_eq!(writer.bind_genesis("one").await.expect("bound"), "one");
    assert_eq!(writer.bind_genesis("two").await.expect("bound"), "one");
    writer.indexed(10).await.expect("noted");
    writer.indexed(9).await.expect("noted");
    world.write(&registration()).await;
    world.finalize(1, NEW_YEAR + 9).await;
    world.finalize(0, NEW_YEAR).await;
    let state = state(&world.pool).await.expect("a state");
    assert_eq!(state.genesis_hash.as_deref(), Some("one"));
    assert_eq!(state.indexed_slot, Some(10));
    assert_eq!((state.final_seq, state.final_time), (1, Some(NEW_YEAR + 9)));
    assert_eq!(state.finalized_slot, Some(1));
    let known = known(&world.pool, 1).await.expect("rows");
    assert_eq!(known.len(), 1);
}

#[tokio::test]
async fn errors_of_the_database_say_what_they_are_and_show_no_text_of_it() {
    let world = World::new().await;
    // Given a row that a named constraint refuses
    let sql = "INSERT INTO campaign_profiles (campaign, name, landing_url) VALUES ('C', '', 'x')";
    let error = Error::from(world.pool.execute(sql).await.expect_err("refused"));
    assert_eq!(error.constraint(), Some("campaign_profiles_name_length"));
    // Given a query that Postgres does not understand
    let error = Error::from(
        world
            .pool
            .execute("SELECT secret")
            .await
            .expect_err("refused"),
    );
    assert_eq!(error.to_string(), "the database refused a query");
    assert!(!error.is_unavailable());
    // Given a server that is not there
    let error = PgConnection::connect("postgres://127.0.0.1:1/x")
        .await
        .expect_err("nothing");
    assert!(Error::from(error).is_unavailable());
}
