//! Which services work with which schema, on a real Postgres.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::{Executor, PgPool, Row as _, migrate::Migrator};
use vouch_db::{Error, MIGRATOR, Unfit};
use vouch_localnet::{Database, Postgres};

/// A database with the migrations below this version, which is the newest of all.
async fn older(version: i64) -> (Database, PgPool) {
    let (database, pool) = empty().await;
    let older = MIGRATOR.iter().take_while(|step| step.version < version);
    let older = Migrator {
        migrations: older.cloned().collect::<Vec<_>>().into(),
        ..Migrator::DEFAULT
    };
    older.run(&pool).await.expect("the older schema");
    (database, pool)
}

async fn empty() -> (Database, PgPool) {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let empty = "DROP SCHEMA mirror, public CASCADE; CREATE SCHEMA public";
    pool.execute(empty).await.expect("an empty database");
    (database, pool)
}

fn newest() -> i64 {
    let versions = MIGRATOR.iter().map(|step| step.version);
    versions.max().expect("migrations")
}

async fn unfit(pool: &PgPool) -> Unfit {
    match vouch_db::await_schema(pool, || ()).await {
        Err(Error::Unfit(unfit)) => unfit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_schema_that_is_missing_or_older_is_refused_until_it_is_migrated() {
    // Given a database without a schema
    let (_database, pool) = empty().await;
    // Then a service is told what to do
    assert_eq!(
        unfit(&pool).await.to_string(),
        "the database has no schema yet: run `vouch-indexer migrate` on it"
    );
    // Given one that lacks the newest migration
    let needed = newest();
    let (_database, pool) = older(needed).await;
    let found = "SELECT max(version) FROM _sqlx_migrations";
    let found: i64 = pool.fetch_one(found).await.expect(found).get(0);
    assert!(found < needed);
    // Then it is told that
    assert_eq!(
        unfit(&pool).await.to_string(),
        format!(
            "the schema has version {found}, and this service needs version {needed}: run \
             `vouch-indexer migrate` of this service's version"
        )
    );
    // When it is migrated, then the service works with it, and there is no more to do
    assert_eq!(vouch_db::migrate(&pool).await.expect("migrated"), 1);
    assert!(vouch_db::is_fit(&pool).await.expect("fit"));
    assert_eq!(vouch_db::migrate(&pool).await.expect("nothing to do"), 0);
}

#[tokio::test]
async fn a_newer_schema_is_accepted_until_a_migration_says_that_it_breaks_older_services() {
    // Given a schema that a later version has added something to
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let later = newest() + 1;
    let sql = format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES ({later}, 'later', true, '', 0)"
    );
    pool.execute(sql.as_str()).await.expect("inserted");
    // Then the service works with it, but cannot migrate it
    assert!(vouch_db::is_fit(&pool).await.expect("fit"));
    let error = vouch_db::migrate(&pool).await.expect_err("it is newer");
    assert!(matches!(error, Error::Migrate(_)), "{error:?}");
    // When that version says that it breaks older services, then they are told
    let sql = format!("UPDATE schema_compatibility SET oldest = {later}");
    pool.execute(sql.as_str()).await.expect("updated");
    let known = newest();
    assert_eq!(
        unfit(&pool).await.to_string(),
        format!(
            "the schema has version {later}, which works with services that know version {later}, \
             and this one knows {known}: update this service"
        )
    );
}

#[tokio::test]
async fn a_migration_that_runs_is_waited_for() {
    // Given a migration that cannot end yet, because somebody holds its lock in the database
    let (_database, pool) = older(newest()).await;
    let mut holder = pool.acquire().await.expect("a connection");
    let hold = "BEGIN; LOCK TABLE _sqlx_migrations IN EXCLUSIVE MODE";
    holder.execute(hold).await.expect("locked");
    let migration = tokio::spawn({
        let pool = pool.clone();
        async move { vouch_db::migrate(&pool).await }
    });
    until(&pool, "SELECT count(*) FROM pg_locks WHERE NOT granted").await;
    // When a service starts, then it waits
    let attempts = Arc::new(AtomicU32::new(0));
    let service = tokio::spawn({
        let (pool, attempts) = (pool.clone(), Arc::clone(&attempts));
        async move {
            vouch_db::await_schema(&pool, || {
                attempts.fetch_add(1, Ordering::Relaxed);
            })
            .await
        }
    });
    while attempts.load(Ordering::Relaxed) < 3 {
        assert!(!service.is_finished());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // When the migration ends, then the service starts
    holder.execute("COMMIT").await.expect("released");
    assert_eq!(migration.await.expect("no panic").expect("migrated"), 1);
    service.await.expect("no panic").expect("fit");
}

async fn until(pool: &PgPool, sql: &str) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while pool.fetch_one(sql).await.expect(sql).get::<i64, _>(0) == 0 {
        assert!(std::time::Instant::now() < deadline, "{sql}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
