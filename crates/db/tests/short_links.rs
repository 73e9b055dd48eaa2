//! The owners of short links. Numbers in brackets refer to `docs/INVARIANTS.md`.

use sqlx::{Executor, PgPool, Row as _};
use vouch_db::mirror::{Batch, Event, Projections, Transaction, Writer, recount};
use vouch_localnet::Postgres;

/// A batch of transactions from `first` on, each with the codes that it registers, in their campaigns.
fn batch(first: i64, transactions: &[&[(&str, &str)]]) -> Batch {
    let mut batch = Batch::default();
    for (seq, codes) in (first..).zip(transactions) {
        batch.transactions.push(Transaction {
            seq,
            slot: seq,
            block_index: None,
            block_time: 1_767_225_600,
            signature: format!("signature-{seq}-{}", codes[0].1),
            succeeded: true,
            failed_instruction: None,
            error_code: None,
        });
        for (place, (code, campaign)) in (0..).zip(*codes) {
            batch.events.push(Event {
                seq,
                place,
                kind: "code_created".into(),
                campaign: Some((*campaign).into()),
                referral: Some(format!("{code} in {campaign}")),
                subject: Some(format!("{code} in {campaign}")),
                wallet: Some("Alice".into()),
                units: None,
                detail: Some(serde_json::json!({ "code": code })),
            });
        }
    }
    batch
}

async fn links(pool: &PgPool) -> String {
    let row = pool
        .fetch_one("SELECT COALESCE(string_agg(referral, ', ' ORDER BY code), '') FROM short_links")
        .await
        .expect("a row");
    row.get(0)
}

/// [A6]
#[tokio::test]
async fn the_first_one_in_the_order_of_the_chain_has_a_link_for_good() {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let writer = Writer::try_acquire(database.url()).await.expect("Postgres");
    let mut writer = writer.expect("nobody else writes");
    // Given codes that two campaigns register: in one transaction, in one batch, and later
    let codes: &[&[(&str, &str)]] = &[
        &[("AZURE23", "D"), ("AZURE23", "C")],
        &[("BASIL23", "D")],
        &[("BASIL23", "C")],
    ];
    writer.write(&batch(1, codes), None).await.expect("written");
    // Then the first registration has the link, even if its address sorts last
    assert_eq!(links(&pool).await, "AZURE23 in D, BASIL23 in D");
    writer
        .write(&batch(4, &[&[("AZURE23", "A"), ("CEDAR23", "A")]]), None)
        .await
        .expect("written");
    let three = "AZURE23 in D, BASIL23 in D, CEDAR23 in A";
    assert_eq!(links(&pool).await, three);
    // When the cluster abandons what registered two of them
    let before = writer.before(1).await.expect("rows");
    writer
        .rewind(1, &before, &Projections::default())
        .await
        .expect("undone");
    // Then they are free, and the one from before has its owner
    assert_eq!(links(&pool).await, "AZURE23 in D");
    // And the first registration on the fork that stays has the link
    let fork: &[&[(&str, &str)]] = &[&[("CEDAR23", "E"), ("AZURE23", "E")], &[("BASIL23", "E")]];
    writer.write(&batch(2, fork), None).await.expect("written");
    let three = "AZURE23 in D, BASIL23 in E, CEDAR23 in E";
    assert_eq!(links(&pool).await, three);
}

/// [A6]
#[tokio::test]
async fn an_older_database_gets_the_links_of_the_codes_that_it_has() {
    // Given a database without the table, with codes of two campaigns
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let empty = "DROP SCHEMA mirror, public CASCADE; CREATE SCHEMA public";
    pool.execute(empty).await.expect("an empty database");
    let older = vouch_db::MIGRATOR
        .iter()
        .take_while(|step| step.version < 17);
    let older = sqlx::migrate::Migrator {
        migrations: older.cloned().collect::<Vec<_>>().into(),
        ..sqlx::migrate::Migrator::DEFAULT
    };
    older.run(&pool).await.expect("the older schema");
    let event = |seq: i64, place: i16, code: &str, campaign: &str| {
        format!(
            "INSERT INTO events (seq, place, kind, campaign, referral, detail) VALUES ({seq}, {place},
             'code_created', '{campaign}', '{code} in {campaign}', '{{\"code\": \"{code}\"}}');"
        )
    };
    let events = [
        event(7, 1, "AZURE23", "A"),
        event(7, 0, "AZURE23", "Z"),
        event(3, 4, "BASIL23", "Z"),
        event(5, 0, "BASIL23", "A"),
    ];
    pool.execute(events.concat().as_str()).await.expect("rows");
    // When it is migrated, then the first ones have their links
    vouch_db::migrate(&pool).await.expect("the new schema");
    assert_eq!(links(&pool).await, "AZURE23 in Z, BASIL23 in Z");
}

/// [A6]
#[tokio::test]
async fn links_that_are_wrong_are_found_and_repaired() {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let writer = Writer::try_acquire(database.url()).await.expect("Postgres");
    let mut writer = writer.expect("nobody else writes");
    // Given codes, of which two campaigns register one
    let codes: &[&[(&str, &str)]] = &[
        &[("AZURE23", "D"), ("BASIL23", "D")],
        &[("CEDAR23", "D")],
        &[("AZURE23", "C")],
    ];
    writer.write(&batch(1, codes), None).await.expect("written");
    let mut connection = pool.acquire().await.expect("a connection");
    let mut recount = async |repair: bool| {
        let links = recount::short_links(&mut connection, "", repair).await;
        let links = links.expect("links");
        let end = recount::short_links(
            &mut connection,
            links.last.as_deref().unwrap_or("~"),
            repair,
        );
        assert_eq!(end.await.expect("the end").last, None);
        let codes = recount::registrations(&mut connection, 0, repair).await;
        let codes = codes.expect("codes");
        assert_eq!(codes.last, None);
        let drift = links.drift.into_iter().chain(codes.drift);
        drift
            .map(|drift| format!("{}: {}; {}", drift.of, drift.kept, drift.counted))
            .collect::<Vec<_>>()
    };
    assert_eq!(recount(false).await, [""; 0]);
    // When one link is of a later registration, one is missing, one names the wrong referral, and one
    // is of a code that nobody registered
    let damage = "
        UPDATE short_links SET referral = 'AZURE23 in C', campaign = 'C', seq = 3, place = 0
            WHERE code = 'AZURE23';
        DELETE FROM short_links WHERE code = 'BASIL23';
        UPDATE short_links SET referral = 'BASIL23 in D' WHERE code = 'CEDAR23';
        INSERT INTO short_links VALUES ('DAISY23', 'AZURE23 in D', 'D', 1, 0)";
    pool.execute(damage).await.expect("damage");
    // Then each is found
    let later = "short link AZURE23: AZURE23 in C; AZURE23 in D";
    let missing = "short link BASIL23: nobody; BASIL23 in D";
    let wrong = "short link CEDAR23: BASIL23 in D; no registration";
    let invented = "short link DAISY23: AZURE23 in D; no registration";
    assert_eq!(recount(false).await, [wrong, invented, later, missing]);
    assert_eq!(
        links(&pool).await,
        "AZURE23 in C, BASIL23 in D, AZURE23 in D"
    );
    // When they are repaired, then nothing differs any more
    let removed = "short link CEDAR23: nobody; CEDAR23 in D";
    assert_eq!(
        recount(true).await,
        [wrong, invented, later, missing, removed]
    );
    assert_eq!(
        links(&pool).await,
        "AZURE23 in D, BASIL23 in D, CEDAR23 in D"
    );
    assert_eq!(recount(false).await, [""; 0]);
}
