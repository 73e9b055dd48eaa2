//! A second copy of the mirror takes the place of the first, beside readers, migrations and what refers
//! to transactions by their numbers. Against a real Postgres. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

mod store;

use std::ops::Deref;

use sqlx::{Connection as _, Executor as _, PgConnection, Row as _, migrate::Migrator};
use store::Store;
use vouch_db::{
    Error, Refusal,
    api::awards,
    mirror::rebuild::{Rebuild, Start},
    webhooks::{Outbox, Writes, endpoints},
};
use vouch_localnet::{Instance, Postgres};

struct World {
    store: Store,
}

impl Deref for World {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl World {
    async fn new() -> Self {
        let store = Store::new().await;
        Self { store }
    }

    async fn rebuild(&self) -> Rebuild {
        let rebuild = Rebuild::connect(self.database.url()).await;
        rebuild.expect("Postgres answers")
    }

    /// Writes final transactions with these signatures into a copy, numbered from 1 on. Each is a
    /// conversion of campaign C. That of `H` is held until 2000.
    async fn fill(&self, copy: &str, signatures: &[&str]) {
        for (seq, signature) in (1..).zip(signatures) {
            let matures_at = if *signature == "H" { 2000 } else { 1000 };
            self.run(&format!(
                "INSERT INTO {copy}.transactions
                 VALUES ({seq}, {seq}, NULL, 1000, '{signature}', true);
                 INSERT INTO {copy}.events
                 VALUES ({seq}, 0, 'conversion_recorded', 'C', 'R', 'of {signature}', 'B', 5);
                 INSERT INTO {copy}.conversions VALUES ('of {signature}', {seq}, {seq}, 'C', 'R',
                     'AZURE234', 'A', NULL, 'B', 'signup', 1, NULL, 5, 0, 0, 1000, {matures_at},
                     'pending', 0);
                 INSERT INTO {copy}.accounts VALUES ('C', '{signature}', {seq}, {seq})
                 ON CONFLICT (address) DO UPDATE SET data = EXCLUDED.data, seq = EXCLUDED.seq;
                 UPDATE {copy}.indexer_state SET confirmed_seq = {seq}, final_seq = {seq},
                     final_time = 1000, indexed_slot = {seq}"
            ))
            .await;
        }
    }

    async fn until_waiting(&self) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'
               AND application_name = 'vouch-indexer rebuild'";
        self.until(waiting, 1).await;
    }
}

/// Every migration, and one more that changes the mirror with this statement.
fn with_migration(sql: &'static str) -> Migrator {
    let mut migrations: Vec<_> = vouch_db::MIGRATOR.iter().cloned().collect();
    let mut more = migrations.last().expect("a migration").clone();
    more.version = 9999;
    more.sql = sql.into();
    more.checksum = vec![9].into();
    migrations.push(more);
    Migrator {
        migrations: migrations.into(),
        ..Migrator::DEFAULT
    }
}

/// [M13] [M14] [W1]
#[tokio::test]
async fn what_refers_to_a_transaction_refers_to_the_same_one_when_numbers_shift() {
    // Given a mirror that lacks the second of five transactions, told to an endpoint up to its end
    let world = World::new().await;
    world.fill("mirror", &["A", "D", "H", "E"]).await;
    let endpoint = endpoints::NewEndpoint {
        id: uuid::Uuid::now_v7(),
        campaign: "C",
        url: "https://example.com/",
        types: &[],
        key: &vec![1; 32].into(),
    };
    assert!(endpoints::add(&world.pool, &endpoint).await.expect("added"));
    world
        .run(
            "UPDATE webhook_cursor SET seq = 4, award = 7, sequence = 12;
             INSERT INTO webhook_maturing VALUES ('of H', 'C', 3, 0, 2000), ('of X', 'C', 4, 0, 2000);
             INSERT INTO webhook_budgets VALUES ('C', 4, 9, 80);
             INSERT INTO digests (seq, slot, signature, time, genesis_hash, bucket_size, conversions,
                                  rewards, paid, root, buckets)
             SELECT seq, slot, signature, 1000, 'G', 1, 0, 0, 0, decode(repeat('00', 32), 'hex'), ''
             FROM mirror.transactions WHERE seq IN (1, 3);
             INSERT INTO awards (campaign, referrer, badge, month)
             VALUES ('C', 'A', 'conversions_1', '')",
        )
        .await;
    let award = world.number("SELECT id FROM awards").await;
    assert!(
        awards::claim(&world.pool, award, "A")
            .await
            .expect("claimed")
    );
    let awards = world.texts("SELECT award::text FROM awards AS award").await;
    // When it is made anew with all five
    let mut rebuild = world.rebuild().await;
    assert_eq!(rebuild.prepare().await.expect("a copy"), Start::Empty);
    world.fill("mirror_next", &["A", "B", "D", "H", "E"]).await;
    world
        .run("INSERT INTO mirror_next.referrer_totals VALUES ('C', 'A', '', 5, 25, 1000, 5)")
        .await;
    rebuild.take_over().await.expect("the lock");
    assert!(rebuild.swap().await.expect("swapped"));
    rebuild.remove_old().await.expect("removed");
    // Then messages go on after the first, which is the last that has its number
    let look = Outbox::begin(&world.pool).await.expect("a snapshot");
    assert_eq!((look.cursor(), look.behind()), (1, 4));
    assert_eq!(look.sequence(), 12);
    // And the hold that is not over is that of the same conversion, and what there is no more, is over
    let holds = world.texts("SELECT waiting::text FROM webhook_maturing AS waiting");
    assert_eq!(holds.await, ["(\"of H\",C,4,0,2000)"]);
    // And the digest of another transaction is gone, and that of the first is not
    let digests = world.texts("SELECT seq || ' ' || signature FROM digests");
    assert_eq!(digests.await, ["1 A"]);
    // And what was claimed is claimed, and what was missing is given
    let now = world.texts("SELECT award::text FROM awards AS award ORDER BY id");
    let now = now.await;
    assert_eq!(now[..1], awards);
    assert_eq!(now.len(), 2, "{now:?}");
    assert!(now[1].contains("conversions_5"), "{now:?}");
    // And the facts that follow are those of the chain, each with its transaction
    let mut look = look;
    let facts = look.final_facts().await.expect("facts");
    let lines: Vec<_> = facts
        .iter()
        .map(|fact| (fact.seq, fact.signature.as_str(), fact.subject.as_deref()))
        .collect();
    assert_eq!(
        lines,
        [
            (2, "B", Some("of B")),
            (3, "D", Some("of D")),
            (4, "H", Some("of H")),
            (5, "E", Some("of E")),
        ]
    );
    // And the budget is looked at again, and nothing of it is forgotten
    let campaigns = look.funded_campaigns().await.expect("rows");
    let [campaign] = campaigns.as_slice() else {
        panic!("{campaigns:?}");
    };
    assert_eq!((campaign.seq, campaign.signature.as_str()), (5, "E"));
    assert_eq!(
        (campaign.data.as_slice(), campaign.told),
        (&b"E"[..], Some(80))
    );
    // And when they are told, the hold ends as that of its own transaction
    let told = Writes {
        cursor: look.next_cursor(),
        ..Writes::default()
    };
    look.commit(&told).await.expect("written");
    world
        .run("UPDATE indexer_state SET final_time = 2000")
        .await;
    let mut look = Outbox::begin(&world.pool).await.expect("a snapshot");
    let [fact] = look
        .matured()
        .await
        .expect("facts")
        .try_into()
        .expect("one");
    assert_eq!((fact.seq, fact.signature.as_str()), (4, "H"));
    assert_eq!(fact.subject.as_deref(), Some("of H"));
}

/// [M13]
#[tokio::test]
async fn a_copy_of_another_version_does_not_take_the_place_of_the_mirror() {
    // Given a copy, and a migration of the mirror after it was made
    let world = World::new().await;
    world.fill("mirror", &["A"]).await;
    let mut rebuild = world.rebuild().await;
    assert_eq!(rebuild.prepare().await.expect("a copy"), Start::Empty);
    assert_eq!(rebuild.prepare().await.expect("a copy"), Start::Continued);
    let column = "ALTER TABLE mirror.campaigns ADD COLUMN more bigint";
    with_migration(column).run(&world.pool).await.expect("run");
    // When it is to take the mirror's place, then nothing happens
    rebuild.take_over().await.expect("the lock");
    assert!(!rebuild.swap().await.expect("an answer"));
    assert_eq!(world.number("SELECT count(*) FROM transactions").await, 1);
    // And the next rebuild begins anew, with the change
    assert_eq!(rebuild.prepare().await.expect("a copy"), Start::Empty);
    world.fill("mirror_next", &["A", "B"]).await;
    assert!(rebuild.swap().await.expect("swapped"));
    assert_eq!(world.number("SELECT count(*) FROM transactions").await, 2);
    let more = "SELECT count(more) FROM mirror.campaigns";
    assert_eq!(world.number(more).await, 0);
}

/// [M13]
#[tokio::test]
async fn a_migration_that_runs_ends_before_a_copy_takes_the_mirrors_place() {
    // Given a copy, and a migration that has changed the mirror, and goes on
    let world = World::new().await;
    world.fill("mirror", &["A"]).await;
    let mut rebuild = world.rebuild().await;
    rebuild.prepare().await.expect("a copy");
    let mut brake = world.pool.acquire().await.expect("a connection");
    brake
        .execute("SELECT pg_advisory_lock(1)")
        .await
        .expect("held");
    let migrating = tokio::spawn({
        let url = world.database.url().to_owned();
        async move {
            let mut connection = PgConnection::connect(&url).await.expect("Postgres");
            // As `vouch_db::migrate` does
            let lock = "SELECT pg_advisory_lock(x'566f7563684d6967'::bigint)";
            connection.execute(lock).await.expect("the lock");
            let slow = "ALTER TABLE mirror.campaigns ADD COLUMN more bigint;
                        SELECT pg_advisory_xact_lock(1)";
            let ran = with_migration(slow).run_direct(&mut connection).await;
            ran.expect("run");
        }
    });
    let altered = "SELECT count(*) FROM pg_locks
        WHERE relation = 'mirror.campaigns'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    world.until(altered, 1).await;
    // When the copy is to take the mirror's place, then that waits
    rebuild.take_over().await.expect("the lock");
    let swapping = tokio::spawn(async move { rebuild.swap().await });
    world.until_waiting().await;
    // And when the migration is done, the copy is refused: it lacks the change
    brake
        .execute("SELECT pg_advisory_unlock(1)")
        .await
        .expect("released");
    migrating.await.expect("migrated");
    assert!(!swapping.await.expect("an end").expect("an answer"));
    let more = "SELECT count(more) FROM mirror.campaigns";
    assert_eq!(world.number(more).await, 0);
    assert_eq!(world.number("SELECT count(*) FROM transactions").await, 1);
}

/// [M13]
#[tokio::test]
async fn a_transaction_that_began_with_the_old_copy_reads_it_to_its_end() {
    // Given a copy with two transactions beside a mirror with one
    let world = World::new().await;
    world.fill("mirror", &["A"]).await;
    let mut rebuild = world.rebuild().await;
    rebuild.prepare().await.expect("a copy");
    world.fill("mirror_next", &["A", "B"]).await;
    rebuild.take_over().await.expect("the lock");
    // And a reader's transaction that has read how far the mirror is
    let mut reader = world.pool.begin().await.expect("a transaction");
    let state = "SELECT final_seq FROM indexer_state";
    let row = reader.fetch_one(state).await.expect("read");
    assert_eq!(row.get::<i64, _>(0), 1);
    // When the copy takes the mirror's place, then that waits for the reader
    let swapping = tokio::spawn(async move {
        let swapped = rebuild.swap().await.expect("swapped");
        (rebuild, swapped)
    });
    world.until_waiting().await;
    // And the reader reads the old copy, also tables that it has not read before
    for sql in [
        "SELECT count(*) FROM transactions",
        "SELECT count(*) FROM conversions",
        state,
    ] {
        let row = reader.fetch_one(sql).await.expect("read");
        assert_eq!(row.get::<i64, _>(0), 1, "{sql}");
    }
    // And others read it, too
    assert_eq!(world.number(state).await, 1);
    assert!(!swapping.is_finished());
    // When it ends, then there is the new one
    reader.commit().await.expect("ended");
    let (mut rebuild, swapped) = swapping.await.expect("an end");
    assert!(swapped);
    assert_eq!(world.number(state).await, 2);
    assert_eq!(world.number("SELECT count(*) FROM events").await, 2);
    rebuild.remove_old().await.expect("removed");
}

/// [M13]
#[tokio::test]
async fn whoever_makes_the_copy_it_belongs_to_the_owner_of_the_mirror() {
    // Given a mirror of the role that migrates, and a role that may not act as it
    let instance = Instance::create("rebuild-test").expect("a folder");
    // Roles belong to a server.
    let postgres = Postgres::private(instance.dir()).await.expect("Postgres");
    let database = postgres.create_database("rebuild").await;
    let store = Store::on(database.expect("a database")).await;
    let world = World { store };
    world
        .run(
            "CREATE ROLE vouch_owner LOGIN; CREATE ROLE vouch_indexer LOGIN;
             CREATE VIEW mirror.of_one WITH (security_barrier) AS
                 SELECT * FROM mirror.code_days WHERE campaign = 'C';
             DO $$
             DECLARE name text;
             BEGIN
                 EXECUTE format('GRANT CREATE ON DATABASE %I TO vouch_owner', current_database());
                 ALTER SCHEMA mirror OWNER TO vouch_owner;
                 FOR name IN SELECT relname FROM pg_class
                     WHERE relnamespace = 'mirror'::regnamespace AND relkind IN ('r', 'v')
                 LOOP
                     EXECUTE format('ALTER TABLE mirror.%I OWNER TO vouch_owner', name);
                 END LOOP;
             END
             $$;
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO vouch_indexer",
        )
        .await;
    // When a superuser makes it anew
    let mut rebuild = world.rebuild().await;
    // And the view of a company, as docs/sql.md makes it, does not hinder that
    assert_eq!(rebuild.dependents().await.expect("an answer"), [""; 0]);
    assert_eq!(rebuild.prepare().await.expect("a copy"), Start::Empty);
    world.fill("mirror_next", &["A"]).await;
    rebuild.take_over().await.expect("the lock");
    assert!(rebuild.swap().await.expect("swapped"));
    rebuild.remove_old().await.expect("removed");
    // Then everything is the owner's, who can migrate it
    let owners = world.texts(
        "SELECT DISTINCT owner::regrole::text FROM (
             SELECT relowner FROM pg_class WHERE relnamespace = 'mirror'::regnamespace
             UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = 'mirror'
         ) AS things (owner)",
    );
    assert_eq!(owners.await, ["vouch_owner"]);
    // And a view of the operator still hides the rows of others
    let options = world.texts(
        "SELECT reloptions::text FROM pg_class
         WHERE relnamespace = 'mirror'::regnamespace AND relname = 'of_one'",
    );
    assert_eq!(options.await, ["{security_barrier=true}"]);
    let of = |role: &str| {
        let role = format!("://{role}@");
        world.database.url().replace("://vouch@", &role)
    };
    let owner = PgConnection::connect(&of("vouch_owner")).await;
    let column = "ALTER TABLE mirror.campaigns ADD COLUMN more bigint";
    owner
        .expect("a login")
        .execute(column)
        .await
        .expect("changed");
    // And a role that may not act as the owner is refused
    let rebuild = Rebuild::connect(&of("vouch_indexer")).await;
    let error = rebuild.expect("a login").prepare().await;
    let error = error.expect_err("refused");
    assert!(
        matches!(&error, Error::Refused(Refusal::Rights(said))
            if said == "permission denied to set role \"vouch_owner\""),
        "{error:?}"
    );
}
