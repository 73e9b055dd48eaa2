//! The rights of the services' roles, each with its own login on a real Postgres.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sqlx::{
    Connection, Executor, PgConnection, PgPool, Row as _,
    types::{Uuid, time::OffsetDateTime},
};
use time::macros::date;
use vouch_db::{
    Error, Refusal,
    api::{
        self, analytics,
        auth::{
            Ended,
            keys::{self, NewKey, Stored, Terms},
            sessions::{self, NewSession, NotOpened},
            sweep,
        },
        campaigns,
        clicks::{self, Click, recount},
        limits::{self, Quota},
        profiles,
    },
    grants::{KEPT, KEPT_SCHEMA, Line, MIRROR, MIRROR_SCHEMA, ROLES, grant_all, grants},
};
use vouch_localnet::{Database, Instance, Postgres};

struct World {
    pool: PgPool,
    database: Database,
    _postgres: Postgres,
    _instance: Instance,
}

impl World {
    /// A server of its own, because roles belong to a server.
    async fn new() -> Self {
        let instance = Instance::create("grants-test").expect("a folder");
        let postgres = Postgres::private(instance.dir()).await.expect("Postgres");
        let database = postgres.create_database("grants").await;
        let database = database.expect("a database");
        let pool = vouch_db::connect(database.url()).await.expect("a pool");
        Self {
            pool,
            database,
            _postgres: postgres,
            _instance: instance,
        }
    }

    async fn with_roles() -> Self {
        let world = Self::new().await;
        for role in ROLES {
            let sql = format!("CREATE ROLE {role} LOGIN");
            world.pool.execute(sql.as_str()).await.expect("created");
        }
        let mut connection = world.pool.acquire().await.expect("a connection");
        // Twice, because it may be repeated.
        grant_all(&mut connection).await.expect("granted");
        grant_all(&mut connection).await.expect("granted again");
        world
    }

    async fn as_role(&self, role: &str) -> PgConnection {
        let url = self
            .database
            .url()
            .replace("://vouch@", &format!("://{role}@"));
        let mut connection = PgConnection::connect(&url).await.expect("a login");
        let who: String = connection
            .fetch_one("SELECT current_user::text")
            .await
            .expect("an answer")
            .get(0);
        assert_eq!(who, role);
        connection
    }

    /// The tables and views, and for each table one column. Partitions belong to their table.
    async fn tables(&self) -> BTreeMap<String, String> {
        let sql = "SELECT c.relname::text, min(a.attname::text)
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                 AND a.attgenerated = '' AND a.attidentity = ''
             WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
                 AND n.nspname !~ '^pg_toast' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                 AND NOT c.relispartition
             GROUP BY 1";
        let rows = self.pool.fetch_all(sql).await.expect(sql);
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

/// The verbs that a role may not use on a table, each tried for real.
async fn refused(
    connection: &mut PgConnection,
    table: &str,
    column: &str,
) -> BTreeSet<&'static str> {
    let mut refused = BTreeSet::new();
    for (verb, sql) in [
        ("SELECT", format!("SELECT {column} FROM {table} LIMIT 0")),
        (
            "INSERT",
            format!("INSERT INTO {table} ({column}) SELECT {column} FROM {table} WHERE false"),
        ),
        (
            "UPDATE",
            format!("UPDATE {table} SET {column} = {column} WHERE false"),
        ),
        ("DELETE", format!("DELETE FROM {table} WHERE false")),
        ("TRUNCATE", format!("TRUNCATE {table}")),
    ] {
        connection.execute("BEGIN").await.expect("begun");
        let outcome = connection.execute(sql.as_str()).await;
        connection.execute("ROLLBACK").await.expect("undone");
        match outcome.map_err(Error::from) {
            Ok(_) => {}
            Err(Error::Refused(Refusal::Rights(said))) => {
                assert_eq!(said.split_whitespace().last(), Some(table), "{said}");
                refused.insert(verb);
            }
            // A view cannot be written by anybody.
            Err(error) => assert!(is_view(table), "{sql}: {error:?}"),
        }
    }
    refused
}

/// Whether it is a view, which nobody can write with any rights.
fn is_view(table: &str) -> bool {
    [
        "code_days",
        "doubts",
        "finality",
        "ranked_conversions",
        "board_places",
    ]
    .contains(&table)
        || table.starts_with("counted_")
}

#[tokio::test]
async fn every_table_has_a_decision_and_every_role_has_exactly_those_rights() {
    // Given a database with the grants
    let world = World::with_roles().await;
    let tables = world.tables().await;
    // Then every table of it is decided on, once
    let decided: Vec<_> = MIRROR.iter().chain(KEPT).map(|(table, _)| *table).collect();
    let distinct: BTreeSet<_> = decided.iter().copied().collect();
    assert_eq!(distinct.len(), decided.len());
    let existing: BTreeSet<_> = tables.keys().map(String::as_str).collect();
    assert_eq!(
        existing, distinct,
        "a table without a decision in grants.rs, or one that is gone"
    );
    // And each role may do what is decided, and nothing else
    for (place, role) in ROLES.into_iter().enumerate() {
        let mut connection = world.as_role(role).await;
        for (table, rights) in MIRROR.iter().chain(KEPT) {
            if is_view(table) {
                continue;
            }
            let granted = rights[place];
            let expected: BTreeSet<_> = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"]
                .into_iter()
                // A right on one column is none on the others.
                .filter(|verb| granted.split(", ").all(|right| right != *verb))
                .collect();
            let column = &tables[*table];
            let refused = refused(&mut connection, table, column).await;
            assert_eq!(refused, expected, "{role} on {table}");
        }
        // And it cannot make tables of its own
        let error = connection.execute("CREATE TABLE own (a int)").await;
        let error = Error::from(error.expect_err("refused"));
        assert_eq!(
            std::error::Error::source(&error).map(ToString::to_string),
            Some(
                "permission denied for schema public: run `vouch-indexer migrate --grants` as the \
                 owner, or connect as another role"
                    .to_owned()
            )
        );
    }
}

#[tokio::test]
async fn only_the_indexer_writes_the_mirror_and_it_writes_nothing_else() {
    // Given the tables as the catalogue has them
    let world = World::with_roles().await;
    let tables = world.tables().await;
    let is_in = |lines: &[Line], table: &str| lines.iter().any(|(name, _)| *name == table);
    let mut indexer = world.as_role("vouch_indexer").await;
    let mut api = world.as_role("vouch_api").await;
    let written = BTreeSet::from(["INSERT", "UPDATE", "DELETE"]);
    for (table, column) in &tables {
        if is_view(table) {
            continue;
        }
        if is_in(MIRROR, table) {
            // Then the API is refused each kind of change of the mirror
            let refused = refused(&mut api, table, column).await;
            assert!(refused.is_superset(&written), "{table}: {refused:?}");
        } else {
            // And the indexer each kind of change of clicks, profiles and migrations; it gives
            // awards, keeps its digests, and the log that streams follow
            let refused = refused(&mut indexer, table, column).await;
            let expected = match table.as_str() {
                "awards" => BTreeSet::from(["UPDATE", "DELETE"]),
                "digests" => BTreeSet::new(),
                "mirror_log" => BTreeSet::from(["UPDATE"]),
                _ => written.clone(),
            };
            assert!(refused.is_superset(&expected), "{table}: {refused:?}");
        }
    }
    // And the API can make a day's partition, and the indexer cannot
    let make = "SELECT create_click_partition('2026-01-01')";
    let made: bool = api.fetch_one(make).await.expect("made").get(0);
    assert!(made);
    let error = Error::from(indexer.fetch_one(make).await.expect_err("refused"));
    assert!(
        matches!(error, Error::Refused(Refusal::Rights(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_api_notes_that_an_award_is_claimed_and_changes_nothing_else_of_it() {
    // Given an award
    let world = World::with_roles().await;
    let give = "INSERT INTO awards (campaign, referrer, badge, month)
                VALUES ('C', 'Alice', 'conversions_1', '') RETURNING id";
    let id: i64 = world.pool.fetch_one(give).await.expect("given").get(0);
    // Then the API's role can note that it is claimed, once
    let url = world.database.url().replace("://vouch@", "://vouch_api@");
    let pool = vouch_db::connect(&url).await.expect("a login");
    let claim = async || vouch_db::api::awards::claim(&pool, id, "Alice").await;
    assert!(claim().await.expect("noted"));
    assert!(!claim().await.expect("an answer"));
    // And nothing else of it, nor give or take one
    for sql in [
        "UPDATE awards SET referrer = 'Mallory'",
        "UPDATE awards SET claimed_at = NULL, badge = 'conversions_100'",
        "DELETE FROM awards",
        give,
    ] {
        let error = Error::from(pool.execute(sql).await.expect_err("refused"));
        assert!(
            matches!(error, Error::Refused(Refusal::Rights(_))),
            "{sql}: {error:?}"
        );
    }
}

#[tokio::test]
async fn the_api_does_as_its_own_role_what_it_has_to_write() {
    // Given a campaign with a code, and an award
    let world = World::with_roles().await;
    for sql in [
        "INSERT INTO campaigns (address, creator, campaign_id, authority, mint, mint_decimals,
             token_program, funding, proof, uniqueness, reward_kind, paused, closed, reward_fixed,
             reward_bps, created_at, data, seq, slot)
         VALUES ('C', 'Carol', 1, 'Carol', 'M', 6, 'T', 'mint_authority', 'open', 'wallet', 'fixed',
             false, false, 1, 0, 1, '', 1, 1)",
        "INSERT INTO referrals (address, campaign, code, owner, active, suspended, conversions,
             created_at, closed, seq, slot)
         VALUES ('R', 'C', 'STARTER7', 'Carol', true, false, 0, 1, false, 1, 1)",
        "UPDATE indexer_state SET indexed_slot = 1, updated_at = now()",
    ] {
        world.pool.execute(sql).await.expect(sql);
    }
    let url = world.database.url().replace("://vouch@", "://vouch_api@");
    let pool = api::pool(&url, 4, Duration::from_secs(30)).expect("a pool");
    // When the role signs a wallet in
    let key = sessions::nonce_key(&pool, &[7; 32]).await.expect("a key");
    assert_eq!(key, [7; 32]);
    let session = |token: u8, nonce_expires_at| NewSession {
        id: Uuid::from_u128(token.into()),
        wallet: "Carol",
        token_hash: if token == 1 { &[1; 32] } else { &[2; 32] },
        cookie: false,
        user_agent: None,
        nonce: if token == 1 { &[1] } else { &[2] },
        nonce_expires_at,
    };
    let now = OffsetDateTime::now_utc();
    let soon = now + time::Duration::hours(1);
    let opened = sessions::open(&pool, &session(1, soon)).await;
    opened.expect("an answer").expect("a session");
    let found = sessions::of_token(&pool, &[1; 32], false).await;
    assert_eq!(found.expect("an answer").expect("it").wallet, "Carol");
    // Then a nonce works once, and none that has expired by the clock of Postgres, which stores nothing
    let again = sessions::open(&pool, &session(1, soon)).await;
    assert_eq!(again.expect("an answer"), Err(NotOpened::Used));
    let late = sessions::open(&pool, &session(2, now - time::Duration::hours(1))).await;
    assert_eq!(late.expect("an answer"), Err(NotOpened::Expired));
    let stored = "SELECT (SELECT count(*) FROM used_nonces), (SELECT count(*) FROM sessions)";
    let row = pool.fetch_one(stored).await.expect("a row");
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (1, 1));
    // And it makes, replaces, uses and revokes keys
    let new = |id: u128, key_hash| NewKey {
        id: Uuid::from_u128(id),
        campaign: "C",
        created_by: "Carol",
        made_by: "Carol",
        prefix: "vk_live_",
        key_hash,
    };
    let terms = Terms {
        name: "Server",
        scopes: &["write:profile".to_owned()],
        life_seconds: Some(86_400.0),
    };
    let added = keys::add(&pool, &new(1, &[1; 32]), &terms).await;
    assert_eq!(added.expect("added"), Stored::Yes(Uuid::from_u128(1)));
    let rotated = keys::rotate(&pool, Uuid::from_u128(1), &new(2, &[2; 32]), 60.0).await;
    assert_eq!(rotated.expect("rotated"), Stored::Yes(Uuid::from_u128(2)));
    let used = keys::of_token(&pool, &[2; 32]).await.expect("an answer");
    assert_eq!(used.expect("it works").created_by, "Carol");
    assert!(
        keys::revoke(&pool, "C", Uuid::from_u128(2))
            .await
            .expect("revoked")
    );
    assert_eq!(keys::list(&pool, "C").await.expect("keys").len(), 2);
    // And it stores profiles, counts on limits, sees whether the mirror is fresh, and ends sessions
    let profile = campaigns::Profile {
        name: "Shop",
        symbol: None,
        landing_url: "https://shop.example/",
    };
    let set = campaigns::set_profile(&pool, "C", "Carol", &profile).await;
    assert!(set.expect("set"));
    let stranger = campaigns::set_profile(&pool, "C", "Mallory", &profile).await;
    assert!(!stranger.expect("an answer"));
    let says = profiles::CodeProfile {
        nickname: Some("Carol".to_owned()),
        description: None,
        message: None,
        category: None,
        region: None,
    };
    let said = profiles::set(&pool, "R", "Carol", &says).await;
    assert!(said.expect("set"));
    assert_eq!(profiles::find(&pool, "R").await.expect("it"), Some(says));
    let quota = Quota {
        subject: [1; 16],
        step: 60.0,
        window: 60.0,
    };
    let taken = limits::take(&pool, &[quota]).await.expect("taken");
    assert!(taken[0].has_room);
    assert!(!limits::sweep(&pool).await.expect("swept"));
    assert!(api::is_mirror_fresh(&pool, 300.0).await.expect("an answer"));
    for ended in Ended::ALL {
        assert!(!sweep(&pool, ended).await.expect("swept"));
    }
    assert_eq!(sessions::end(&pool, "Carol", None).await.expect("ended"), 1);
    // And it takes clicks, makes days of them, and deletes old ones
    let day = date!(2031 - 01 - 01);
    assert!(clicks::create_partition(&pool, day).await.expect("made"));
    let later = date!(2032 - 01 - 01);
    assert!(clicks::drop_partition(&pool, later).await.expect("dropped"));
    assert_eq!(
        clicks::delete_default(&pool, later, 1).await.expect("none"),
        0
    );
    let forgotten = clicks::forget_visitors(&pool, now, 1).await;
    assert_eq!(forgotten.expect("none"), 0);
    // And it counts clicks, reads what is counted, proves it, and deletes it when it is old
    let click = Click {
        id: Uuid::from_u128(1),
        clicked_at: day.midnight().assume_utc(),
        campaign: "C".into(),
        referral: "R".into(),
        code: "STARTER7".into(),
        visitor: vec![1],
        user_agent: None,
        referrer_url: None,
        source: Some("qr".into()),
        utm: None,
        wallet: None,
        verdict: "human".into(),
        verdict_reason: None,
        device: Some("phone".into()),
        country: None,
    };
    let mut connection = pool.acquire().await.expect("a connection");
    let stored = clicks::insert(&mut connection, &[click]).await;
    assert_eq!(stored.expect("stored"), 1);
    // The click and its visitor.
    assert_eq!(clicks::count(&pool, 9).await.expect("counted"), 2);
    let (codes, all) = analytics::of_wallet(&pool, "Carol").await.expect("codes");
    assert_eq!((codes.len(), all), (1, 1));
    let spans = analytics::spans(&pool, &codes, &[900, i64::MAX])
        .await
        .expect("spans");
    assert_eq!(spans[0].people(), 1);
    let all_time = analytics::all_time(&pool, &codes).await.expect("a sum");
    assert_eq!(all_time.clicks, 1);
    let shares = analytics::shares(&pool, &codes, day, later)
        .await
        .expect("shares");
    assert_eq!(shares.len(), 3);
    let counted = analytics::by_subject(&pool, &codes, 900, i64::MAX).await;
    assert_eq!(counted.expect("counted")[0].people, 1);
    assert!(
        analytics::newest(&pool, &codes, 10)
            .await
            .expect("rows")
            .is_empty()
    );
    assert_eq!(recount::day(&pool, day).await.expect("counted"), []);
    let until = later.midnight().assume_utc().unix_timestamp();
    // One row of the referral, one of the campaign.
    assert_eq!(
        clicks::delete_quarters(&pool, until, 9)
            .await
            .expect("deleted"),
        2
    );
    assert_eq!(
        clicks::delete_days(&pool, later, 9).await.expect("deleted"),
        7
    );
}

#[tokio::test]
async fn grants_name_a_role_that_is_missing_and_can_be_given_to_another_schema() {
    // Given a server without the roles
    let world = World::new().await;
    let mut connection = world.pool.acquire().await.expect("a connection");
    // Then they cannot be granted to, and nothing is
    let error = grant_all(&mut connection).await.expect_err("no roles");
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(
        cause.as_deref(),
        Some("error returned from database: role \"vouch_indexer\" does not exist")
    );
    // Given one of them, and a mirror in another schema
    for sql in ["CREATE ROLE vouch_api LOGIN", "CREATE SCHEMA mirror_next"] {
        world.pool.execute(sql).await.expect(sql);
    }
    for (table, _) in MIRROR {
        let sql = format!("CREATE TABLE mirror_next.{table} (LIKE {MIRROR_SCHEMA}.{table})");
        world.pool.execute(sql.as_str()).await.expect(table);
    }
    // When the rights on it are granted, and it is renamed
    grants(&mut connection, "mirror_next")
        .await
        .expect("granted");
    let rename = "ALTER SCHEMA mirror_next RENAME TO swapped";
    world.pool.execute(rename).await.expect("renamed");
    // Then the role that exists has them
    let mut api = world.as_role("vouch_api").await;
    api.execute("SELECT address FROM swapped.campaigns")
        .await
        .expect("read");
    let sql = "DELETE FROM swapped.campaigns";
    let error = Error::from(api.execute(sql).await.expect_err("refused"));
    assert!(
        matches!(error, Error::Refused(Refusal::Rights(_))),
        "{error:?}"
    );
    // And none on the other schemas
    let sql = format!("SELECT campaign FROM {KEPT_SCHEMA}.campaign_profiles");
    let error = Error::from(api.execute(sql.as_str()).await.expect_err("refused"));
    assert!(
        matches!(error, Error::Refused(Refusal::Rights(_))),
        "{error:?}"
    );
}
