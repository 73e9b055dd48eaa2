//! The mirror's rules, against a real Postgres. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use sqlx::{Connection, Executor, PgConnection, PgPool, Row as _, migrate::Migrator};
use vouch_db::{
    Error,
    mirror::{
        Applied, Commitment, Conversion, Found, Observation, ObservedAccount, Projection, Receipt,
        Referral, Status, Writer, live_accounts, receiptless, state, unfinalized,
    },
};
use vouch_localnet::{Database, Postgres};

use Commitment::{Confirmed, Finalized};

/// 2026-01-01 00:00:00 UTC.
const NEW_YEAR: i64 = 1_767_225_600;

struct World {
    pool: PgPool,
    writer: Writer,
    database: Database,
}

impl World {
    async fn new() -> Self {
        let database = Postgres::test_database().await.expect("a database");
        let pool = vouch_db::connect(database.url()).await.expect("a pool");
        let writer = Writer::try_acquire(database.url())
            .await
            .expect("Postgres answers")
            .expect("nobody else writes");
        Self {
            pool,
            writer,
            database,
        }
    }

    async fn apply(&mut self, batch: Vec<Observation>) -> Applied {
        let applied = self.writer.apply(batch).await.expect("the batch applies");
        self.assert_rollups_equal_a_recount().await;
        applied
    }

    async fn text(&self, sql: &str) -> String {
        let row = self.pool.fetch_optional(sql).await.expect(sql);
        row.map_or("nothing".to_owned(), |row| row.get::<String, _>(0))
    }

    /// The totals of the referral R: confirmed ones, which people see, and final ones.
    async fn totals(&self) -> String {
        self.text(
            "SELECT format('%s conversions, %s final, %s paid, %s pending', conversions,
                 conversions_finalized, rewards_paid, rewards_pending)
             FROM referral_totals WHERE referral = 'R'",
        )
        .await
    }

    async fn days(&self) -> String {
        self.text(
            "SELECT string_agg(format('%s %s %s: %s for %s, last %s', campaign, referrer, day,
                 conversions, rewards, last_converted_at), '; ' ORDER BY day)
             FROM referrer_daily HAVING count(*) > 0",
        )
        .await
    }

    /// [M4]
    async fn assert_rollups_equal_a_recount(&self) {
        let differences: i64 = self
            .pool
            .fetch_one(
                "WITH counted AS (
                     SELECT referral,
                         count(*) FILTER (WHERE status <> 'cancelled') AS conversions,
                         count(*) FILTER (WHERE status <> 'cancelled'
                             AND commitment = 'finalized') AS finalized,
                         coalesce(sum(reward_referrer) FILTER (WHERE status = 'paid'), 0) AS paid,
                         coalesce(sum(reward_referrer) FILTER (WHERE status = 'pending'), 0)
                             AS pending
                     FROM conversions JOIN accounts USING (address) GROUP BY referral),
                 kept AS (
                     SELECT referral, conversions, conversions_finalized, rewards_paid,
                         rewards_pending
                     FROM referral_totals
                     WHERE conversions > 0 OR rewards_paid > 0 OR rewards_pending > 0),
                 days AS (
                     SELECT campaign, referrer, (to_timestamp(converted_at) AT TIME ZONE 'UTC')::date,
                         count(*), sum(reward_referrer), max(converted_at)
                     FROM conversions JOIN accounts USING (address)
                     WHERE commitment = 'finalized' AND status = 'paid'
                     GROUP BY 1, 2, 3)
                 SELECT (SELECT count(*) FROM (
                            (SELECT * FROM counted WHERE conversions > 0 OR paid > 0 OR pending > 0
                             EXCEPT SELECT * FROM kept)
                            UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM counted)) AS a)
                      + (SELECT count(*) FROM (
                            (SELECT * FROM days EXCEPT SELECT * FROM referrer_daily)
                            UNION ALL (SELECT * FROM referrer_daily EXCEPT SELECT * FROM days)) AS b)",
            )
            .await
            .expect("a recount")
            .get(0);
        assert_eq!(differences, 0, "rollups differ from a recount");
    }
}

fn account(data: Vec<u8>, projection: Option<Projection>) -> Found {
    Found::Account(ObservedAccount { data, projection })
}

fn referral(slot: u64) -> Observation {
    referral_with(slot, 0)
}

fn referral_with(slot: u64, conversions: u64) -> Observation {
    referral_at("R", "AZURE23", slot, conversions)
}

fn referral_at(address: &str, code: &str, slot: u64, conversions: u64) -> Observation {
    let referral = Referral {
        address: address.into(),
        campaign: "C".into(),
        code: code.into(),
        owner: "Alice".into(),
        active: true,
        suspended: false,
        usage_limit: None,
        conversions: conversions.into(),
        expires_at: None,
        created_at: NEW_YEAR,
    };
    Observation {
        address: address.into(),
        slot,
        commitment: Confirmed,
        found: account(
            conversions.to_le_bytes().to_vec(),
            Some(Projection::Referral(Box::new(referral))),
        ),
    }
}

fn conversion(address: &str, slot: u64, commitment: Commitment) -> Observation {
    with_reward(address, slot, commitment, 5, Status::Paid)
}

fn with_reward(
    address: &str,
    slot: u64,
    commitment: Commitment,
    reward: u64,
    status: Status,
) -> Observation {
    conversion_by("R", address, slot, commitment, reward, status)
}

fn conversion_by(
    referral: &str,
    address: &str,
    slot: u64,
    commitment: Commitment,
    reward: u64,
    status: Status,
) -> Observation {
    let conversion = Conversion {
        address: address.into(),
        referral: referral.into(),
        referee: format!("wallet {address}"),
        status,
        reward_referrer: reward,
        reward_referee: 0,
        reward_partner: 0,
        converted_at: NEW_YEAR + i64::from(address.as_bytes()[0]),
        hold_seconds: 0,
    };
    Observation {
        address: address.into(),
        slot,
        commitment,
        found: account(
            format!("{address} {reward} {status:?}").into_bytes(),
            Some(Projection::Conversion(Box::new(conversion))),
        ),
    }
}

/// The receipt of conversion B.
fn receipt(signature: &str) -> Receipt {
    Receipt {
        conversion: "B".into(),
        signature: signature.into(),
        action: "purchase".into(),
        amount: u64::MAX.into(),
        reference: Some(vec![0xab; 32]),
    }
}

fn gone(address: &str, slot: u64, commitment: Commitment) -> Observation {
    Observation {
        address: address.into(),
        slot,
        commitment,
        found: Found::Nothing,
    }
}

fn gone_at(address: &str, slot: u64) -> Observation {
    gone(address, slot, Finalized)
}

fn inserted(inserted: u64) -> Applied {
    Applied {
        inserted,
        ..Applied::default()
    }
}

fn ignored(ignored: u64) -> Applied {
    Applied {
        ignored,
        ..Applied::default()
    }
}

/// [M2] [M4]
#[tokio::test]
async fn counts_beside_the_api_without_a_deadlock() {
    // Given the referrals Q and R, of which only Q has a row of counters
    let mut world = World::new().await;
    world
        .apply(vec![referral(1), referral_at("Q", "AZURE24", 1, 0)])
        .await;
    let count = "INSERT INTO referral_totals AS t (referral, clicks) VALUES ($1, 1)
                 ON CONFLICT (referral) DO UPDATE SET clicks = t.clicks + 1";
    let mut api = world.pool.acquire().await.expect("a connection");
    let first = sqlx::query(count).bind("Q").execute(&mut *api).await;
    first.expect("a click");
    // When the API holds the lock on Q's counters, and the mirror wants both
    api.execute("BEGIN").await.expect("a transaction");
    let second = sqlx::query(count).bind("Q").execute(&mut *api).await;
    second.expect("a click");
    let of_q = conversion_by("Q", "B", 2, Confirmed, 5, Status::Paid);
    let mirror = world
        .writer
        .apply(vec![conversion("D", 2, Confirmed), of_q]);
    let api = async {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        let waiting = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'
               AND application_name = 'vouch-indexer writer'";
        loop {
            let row = world.pool.fetch_one(waiting).await.expect("an answer");
            if row.get::<i64, _>(0) == 1 {
                break;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "the mirror does not wait"
            );
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // And the API wants R's counters while the mirror waits for Q's
        sqlx::query(count).bind("R").execute(&mut *api).await?;
        api.execute("COMMIT").await
    };
    let (mirror, api) = tokio::join!(mirror, api);
    // Then neither deadlocks, and both are counted
    api.expect("no deadlock for the other");
    assert_eq!(mirror.expect("no deadlock for the mirror"), inserted(2));
    world.assert_rollups_equal_a_recount().await;
    let clicks = "SELECT string_agg(format('%s %s %s', referral, clicks, conversions), ', '
                      ORDER BY referral) FROM referral_totals";
    assert_eq!(world.text(clicks).await, "Q 2 1, R 1 1");
}

/// [M1]
#[tokio::test]
async fn an_older_slot_never_replaces_a_newer_one() {
    // Given a referral at slot 10
    let mut world = World::new().await;
    world.apply(vec![referral_with(10, 2)]).await;
    // When an older state arrives late, then nothing changes
    assert_eq!(world.apply(vec![referral_with(9, 1)]).await, ignored(1));
    let conversions = "SELECT conversions::text FROM referrals";
    assert_eq!(world.text(conversions).await, "2");
    // When another state of the same slot arrives, then the later one wins
    world.apply(vec![referral_with(10, 3)]).await;
    assert_eq!(world.text(conversions).await, "3");
    // When several states come in one batch, then the newest counts, whatever the order
    world
        .apply(vec![
            referral_with(12, 5),
            referral_with(13, 6),
            referral_with(11, 4),
        ])
        .await;
    assert_eq!(world.text(conversions).await, "6");
}

/// [M1] [M4]
#[tokio::test]
async fn duplicate_delivery() {
    // Given a conversion that was delivered
    let mut world = World::new().await;
    let batch = vec![referral(10), conversion("B", 10, Confirmed)];
    assert_eq!(world.apply(batch.clone()).await, inserted(2));
    let before = world.totals().await;
    assert_eq!(before, "1 conversions, 0 final, 5 paid, 0 pending");
    // When it is delivered again: in the same batch, in another, at a later slot
    let twice = [batch.clone(), batch.clone()].concat();
    assert_eq!(world.apply(twice).await, ignored(4));
    let later = vec![referral(20), conversion("B", 20, Confirmed)];
    assert_eq!(world.apply(later).await, ignored(2));
    // Then it counts once
    assert_eq!(world.totals().await, before);
}

/// [M2] [M4]
#[tokio::test]
async fn killed_between_apply_and_commit() {
    // Given a writer whose connection breaks during the commit
    let mut world = World::new().await;
    world.apply(vec![referral(1)]).await;
    let before = live_accounts(&world.pool).await.expect("rows");
    world
        .pool
        .execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
             CREATE CONSTRAINT TRIGGER die AFTER INSERT ON conversions
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()",
        )
        .await
        .expect("a trigger");
    // When it applies a batch
    let batch = vec![conversion("B", 2, Confirmed), conversion("D", 2, Confirmed)];
    let error = world
        .writer
        .apply(batch.clone())
        .await
        .expect_err("cut off");
    assert!(error.is_unavailable(), "{error:?}");
    // Then nothing of the batch is stored, rollups included
    assert_eq!(live_accounts(&world.pool).await.expect("rows"), before);
    assert_eq!(world.totals().await, "nothing");
    // And the broken writer cannot write any more
    assert!(world.writer.apply(batch.clone()).await.is_err());
    // When the next one applies the same batch, then it counts once
    world
        .pool
        .execute("DROP TRIGGER die ON conversions")
        .await
        .expect("no trigger");
    world.writer = Writer::try_acquire(world.database.url())
        .await
        .expect("Postgres answers")
        .expect("the lock went with the connection");
    assert_eq!(world.apply(batch).await, inserted(2));
    assert_eq!(
        world.totals().await,
        "2 conversions, 0 final, 10 paid, 0 pending"
    );
}

/// [M5]
#[tokio::test]
async fn finalization_counts_once() {
    // Given two conversions, both only confirmed
    let mut world = World::new().await;
    world
        .apply(vec![
            referral(10),
            conversion("B", 10, Confirmed),
            conversion("D", 11, Confirmed),
        ])
        .await;
    // Then leaderboards do not count them
    assert_eq!(world.days().await, "nothing");
    let queue = unfinalized(&world.pool, 10, 10).await.expect("a queue");
    let mut addresses: Vec<_> = queue.iter().map(|row| row.address.as_str()).collect();
    // Both are of one slot, so their order is undefined.
    addresses.sort_unstable();
    assert_eq!(addresses, ["B", "R"]);
    // When the first is finalized, three times over
    for slot in [15, 15, 16] {
        world.apply(vec![conversion("B", slot, Finalized)]).await;
    }
    // Then it counts once
    let once = format!("C Alice 2026-01-01: 1 for 5, last {}", NEW_YEAR + 66);
    assert_eq!(world.days().await, once);
    // When it is seen again at a lower commitment, as in a snapshot
    world.apply(vec![conversion("B", 30, Confirmed)]).await;
    // Then it stays final
    assert_eq!(world.days().await, once);
    // When the second is finalized, then both count
    world.apply(vec![conversion("D", 40, Finalized)]).await;
    assert_eq!(
        world.days().await,
        format!("C Alice 2026-01-01: 2 for 10, last {}", NEW_YEAR + 68)
    );
    assert_eq!(
        world.totals().await,
        "2 conversions, 2 final, 10 paid, 0 pending"
    );
}

/// [M5] [M6]
#[tokio::test]
async fn abandoned_fork() {
    // Given a conversion that exists on one fork only, and one that differs between forks
    let mut world = World::new().await;
    world
        .apply(vec![
            referral(10),
            conversion("B", 12, Confirmed),
            with_reward("D", 12, Confirmed, 7, Status::Paid),
        ])
        .await;
    // When the other fork is finalized
    let applied = world
        .apply(vec![
            gone("B", 12, Finalized),
            with_reward("D", 12, Finalized, 9, Status::Paid),
        ])
        .await;
    // Then the mirror follows it
    assert_eq!((applied.removed, applied.replaced), (1, 1));
    assert_eq!(
        world.totals().await,
        "1 conversions, 1 final, 9 paid, 0 pending"
    );
    // And a late observation of the abandoned fork changes nothing
    let late = with_reward("D", 12, Confirmed, 7, Status::Paid);
    assert_eq!(world.apply(vec![late]).await, ignored(1));
    // And a row that is newer than the finalized slot is left alone
    world.apply(vec![conversion("E", 30, Confirmed)]).await;
    assert_eq!(
        world.apply(vec![gone("E", 29, Finalized)]).await,
        ignored(1)
    );
}

/// [M4]
#[tokio::test]
async fn a_conversion_that_changes_or_goes_is_uncounted() {
    // Given a pending conversion and two finalized ones
    let mut world = World::new().await;
    world
        .apply(vec![
            referral(10),
            with_reward("B", 10, Confirmed, 5, Status::Pending),
            conversion("D", 10, Finalized),
            conversion("E", 10, Finalized),
        ])
        .await;
    assert_eq!(
        world.totals().await,
        "3 conversions, 2 final, 10 paid, 5 pending"
    );
    // When the pending one is paid, and another one cancelled
    world
        .apply(vec![
            with_reward("B", 11, Confirmed, 5, Status::Paid),
            with_reward("E", 11, Finalized, 5, Status::Cancelled),
        ])
        .await;
    // Then each sum follows, and the remaining conversion is the day's last
    assert_eq!(
        world.totals().await,
        "2 conversions, 1 final, 10 paid, 0 pending"
    );
    assert_eq!(
        world.days().await,
        format!("C Alice 2026-01-01: 1 for 5, last {}", NEW_YEAR + 68)
    );
    // When that one is cancelled, too, then the day has no row
    world
        .apply(vec![with_reward("D", 12, Finalized, 5, Status::Cancelled)])
        .await;
    assert_eq!(world.days().await, "nothing");
}

/// [M11]
#[tokio::test]
async fn what_ended_stays() {
    // Given a final conversion, one that is only confirmed, and their referral
    let mut world = World::new().await;
    world
        .apply(vec![
            referral(10),
            conversion("B", 10, Finalized),
            conversion("D", 10, Confirmed),
        ])
        .await;
    let totals = world.totals().await;
    let gone = "SELECT string_agg(address, ' ' ORDER BY address) FROM accounts WHERE gone";
    // When the first is closed and its rent returned
    let closed = gone_at("B", 11);
    let applied = world.apply(vec![closed.clone()]).await;
    // Then its row stays, counted as before, and is marked as gone
    assert_eq!((applied.ended, applied.removed), (1, 0));
    assert_eq!(world.totals().await, totals);
    assert_eq!(world.text(gone).await, "B");
    let left = live_accounts(&world.pool).await.expect("rows");
    let mut left: Vec<_> = left.into_iter().map(|(address, _)| address).collect();
    left.sort();
    assert_eq!(left, ["D", "R"]);
    // And a second observation of that changes nothing
    assert_eq!(world.apply(vec![closed]).await, ignored(1));

    // When a tombstone replaces the referral, then its row stays, too
    let tombstone = |slot, commitment| Observation {
        address: "R".into(),
        slot,
        commitment,
        found: Found::Tombstone,
    };
    let applied = world.apply(vec![tombstone(12, Confirmed)]).await;
    assert_eq!((applied.ended, applied.removed), (1, 0));
    let state = "SELECT format('%s %s %s', code, gone, commitment)
         FROM referrals JOIN accounts USING (address)";
    assert_eq!(world.text(state).await, "AZURE23 t confirmed");
    // And when the tombstone is finalized, then the row is final
    let applied = world.apply(vec![tombstone(13, Finalized)]).await;
    assert_eq!(applied.finalized, 1);
    assert_eq!(world.text(state).await, "AZURE23 t finalized");
    // And a tombstone of an account that was never mirrored is ignored
    let mut other = tombstone(13, Finalized);
    other.address = "Q".into();
    assert_eq!(world.apply(vec![other]).await, ignored(1));

    // When an account that was never final is gone, then it is removed
    let applied = world.apply(vec![gone_at("D", 12)]).await;
    assert_eq!((applied.ended, applied.removed), (0, 1));
}

/// [M1] [M11]
#[tokio::test]
async fn a_tombstone_of_a_lost_fork_is_lifted() {
    // Given a referral that was closed on one fork only
    let mut world = World::new().await;
    world.apply(vec![referral(10)]).await;
    let mut tombstone = referral(11);
    tombstone.found = Found::Tombstone;
    world.apply(vec![tombstone]).await;
    let state = "SELECT format('%s %s', gone, commitment) FROM accounts";
    assert_eq!(world.text(state).await, "t confirmed");
    // When the other fork, where it is open, is finalized, then it is no longer gone
    let mut back = referral(11);
    back.commitment = Finalized;
    world.apply(vec![back]).await;
    assert_eq!(world.text(state).await, "f finalized");
}

/// [M1] [M11]
#[tokio::test]
async fn an_account_that_no_query_reads_is_mirrored_as_bytes() {
    // Given an account without a projection
    let mut world = World::new().await;
    let touched = |slot, data: &str| Observation {
        address: "W".into(),
        slot,
        commitment: Finalized,
        found: account(data.into(), None),
    };
    let state = "SELECT format('%s %s %s', kind, convert_from(data, 'UTF8'), gone) FROM accounts";
    assert_eq!(world.apply(vec![touched(10, "one")]).await, inserted(1));
    assert_eq!(world.text(state).await, "other one f");
    // When it changes, and ends
    let applied = world.apply(vec![touched(11, "two")]).await;
    assert_eq!(applied.replaced, 1);
    assert_eq!(world.text(state).await, "other two f");
    let applied = world.apply(vec![gone_at("W", 12)]).await;
    // Then its row shows each
    assert_eq!(applied.ended, 1);
    assert_eq!(world.text(state).await, "other two t");
}

/// [M3]
#[tokio::test]
async fn unknown_referral_first() {
    // Given a conversion whose referral is not mirrored
    let mut world = World::new().await;
    let batch = vec![conversion("B", 10, Confirmed)];
    // When it is applied, then the error names the referral and nothing is written
    let error = world
        .writer
        .apply(batch.clone())
        .await
        .expect_err("refused");
    assert!(
        matches!(&error, Error::UnknownReferrals(referrals) if referrals == &["R"]),
        "{error:?}"
    );
    assert_eq!(live_accounts(&world.pool).await.expect("rows"), []);
    // When both come together, in the wrong order, then both are there
    let both = vec![conversion("B", 10, Confirmed), referral(10)];
    assert_eq!(world.apply(both).await, inserted(2));
    assert_eq!(
        world
            .text("SELECT concat_ws(' ', campaign, code, referrer) FROM conversions")
            .await,
        "C AZURE23 Alice"
    );
}

#[tokio::test]
async fn the_largest_amounts_are_exact() {
    // Given conversions that pay the largest amount of a token
    let mut world = World::new().await;
    let mut batch = vec![referral(10)];
    for address in ["B", "D", "E", "F", "G", "H"] {
        batch.push(with_reward(address, 10, Finalized, u64::MAX, Status::Paid));
    }
    // When they are applied, then their sum is exact to the base unit
    world.apply(batch).await;
    let sum = 6 * u128::from(u64::MAX);
    assert_eq!(
        world.totals().await,
        format!("6 conversions, 6 final, {sum} paid, 0 pending")
    );
    assert_eq!(
        world
            .text("SELECT DISTINCT reward_referrer::text FROM conversions")
            .await,
        u64::MAX.to_string()
    );
}

/// [M2]
#[tokio::test]
async fn two_writers() {
    // Given a writer
    let world = World::new().await;
    let url = world.database.url();
    // When another one tries, then it is refused
    assert!(Writer::try_acquire(url).await.expect("an answer").is_none());
    // When the first one's session ends
    world.writer.release().await.expect("released");
    // Then the next one is accepted
    assert!(Writer::try_acquire(url).await.expect("an answer").is_some());
}

/// [M7]
#[tokio::test]
async fn a_receipt_is_kept_until_another_transaction_made_the_conversion() {
    // Given a conversion with its signature
    let mut world = World::new().await;
    let batch = vec![referral(10), conversion("B", 10, Confirmed)];
    world.apply(batch).await;
    let (queue, unresolved) = receiptless(&world.pool, &[], 10).await.expect("a queue");
    assert_eq!((queue[0].address.as_str(), unresolved), ("B", 1));
    let (queue, unresolved) = receiptless(&world.pool, &["B".into()], 10)
        .await
        .expect("a queue");
    assert_eq!((queue.len(), unresolved), (0, 1));
    let said =
        "SELECT format('%s: %s of %s, %s', signature, action, amount, left(reference::text, 4))
         FROM conversion_receipts";
    let mut set = async |signature| world.writer.set_receipts(&[receipt(signature)]).await;
    assert_eq!(set("first").await.expect("set"), 1);
    // When a second one is offered, then the first one stays
    assert_eq!(set("second").await.expect("set"), 0);
    let first = format!(r"first: purchase of {}, \xab", u64::MAX);
    assert_eq!(world.text(said).await, first);
    let (queue, unresolved) = receiptless(&world.pool, &[], 10).await.expect("a queue");
    assert_eq!((queue.len(), unresolved), (0, 0));
    // When the conversion changes its status, then it keeps its receipt
    world
        .apply(vec![with_reward("B", 11, Confirmed, 5, Status::Cancelled)])
        .await;
    assert_eq!(world.text(said).await, first);
    // When another fork's conversion replaces it, then its transaction is looked for
    // again
    world
        .apply(vec![with_reward("B", 11, Finalized, 6, Status::Paid)])
        .await;
    assert_eq!(world.text(said).await, ":  of , ");
    let (queue, unresolved) = receiptless(&world.pool, &[], 10).await.expect("a queue");
    assert_eq!((queue[0].address.as_str(), unresolved), ("B", 1));
    // And a conversion that existed on an abandoned fork only leaves no receipt
    world.apply(vec![conversion("D", 12, Confirmed)]).await;
    world.apply(vec![gone_at("D", 13)]).await;
    let left = "SELECT string_agg(conversion, ' ') FROM conversion_receipts";
    assert_eq!(world.text(left).await, "B");
}

/// [M4] [M7] [M11]
#[tokio::test]
async fn an_older_mirror_is_upgraded_as_it_is() {
    // Given a mirror of the older version, which kept the bytes in each table
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    pool.execute(empty).await.expect("an empty database");
    let older = vouch_db::MIGRATOR
        .iter()
        .take_while(|step| step.version < 5);
    let older = Migrator {
        migrations: older.cloned().collect::<Vec<_>>().into(),
        ..Migrator::DEFAULT
    };
    older.run(&pool).await.expect("the older schema");
    pool.execute(
        "INSERT INTO referrals (address, campaign, code, owner, partner_share_bps, active,
             suspended, conversions, created_at, rewards_total, rewards_pending, data, slot,
             commitment, gone, was_final)
         VALUES ('R', 'C', 'AZURE23', 'Alice', 0, true, false, 0, 0, 0, 0, 'r', 3, 'finalized',
             true, true);
         INSERT INTO conversions (address, campaign, referral, code, referrer, referee, action,
             status, settled, amount, reward_referrer, reward_referee, reward_partner,
             converted_at, hold_seconds, signature, data, slot, commitment)
         SELECT address, 'C', 'R', 'AZURE23', 'Alice', 'Bob', 'signup', 'paid', 1, 7, 5, 0, 0, 0,
             0, signature, 'c', 4, 'confirmed'
         FROM (VALUES ('B', 'signature'), ('D', NULL)) AS new (address, signature);
         INSERT INTO referees VALUES ('W', 'C', 'Bob', 'R', 0, 60, 'w', 5, 'confirmed')",
    )
    .await
    .expect("rows");
    // When it is migrated
    vouch_db::migrate(&pool).await.expect("the new schema");
    // Then every account and every known transaction is there, unchanged
    let text = async |sql: &str| pool.fetch_one(sql).await.expect(sql).get::<String, _>(0);
    let accounts =
        "SELECT string_agg(concat_ws(' ', address, kind, convert_from(data, 'UTF8'), slot,
         commitment, gone, was_final), ', ' ORDER BY address) FROM accounts";
    assert_eq!(
        text(accounts).await,
        "B conversion c 4 confirmed f f, D conversion c 4 confirmed f f, \
         R referral r 3 finalized t t, W other w 5 confirmed f f"
    );
    let receipts = "SELECT string_agg(concat_ws(' ', conversion, signature, action, amount), ', '
         ORDER BY conversion) FROM conversion_receipts";
    assert_eq!(text(receipts).await, "B signature signup 7, D");
}

/// [M8]
#[tokio::test]
async fn the_state_never_goes_back_and_the_chain_never_changes() {
    let mut world = World::new().await;
    let writer = &mut world.writer;
    assert_eq!(writer.bind_genesis("one").await.expect("bound"), "one");
    assert_eq!(writer.bind_genesis("two").await.expect("bound"), "one");
    writer.advance(Some(10), Some(5)).await.expect("advanced");
    writer.advance(Some(9), None).await.expect("advanced");
    let state = state(&world.pool).await.expect("a state");
    assert_eq!(state.genesis_hash.as_deref(), Some("one"));
    assert_eq!(
        (state.indexed_slot, state.finalized_slot),
        (Some(10), Some(5))
    );
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
