//! The mirror's rules, against a real Postgres. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

mod store;

use std::{collections::BTreeMap, ops::Deref};

use sqlx::{Connection, Executor, PgConnection, Row as _, migrate::Migrator};
use store::Store;
use vouch_db::{
    Error,
    api::totals,
    mirror::{
        Account, Batch, Before, Conversion, Final, Maturing, Projections, Referral, Settlement,
        Status, TotalsMove, Transaction, Writer, known, live_accounts, recount, state, uncertain,
    },
};
use vouch_localnet::Postgres;

/// 2026-01-01 00:00:00 UTC.
const NEW_YEAR: i64 = 1_767_225_600;

struct World {
    store: Store,
    writer: Writer,
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
        let writer = store.writer().await;
        Self { store, writer }
    }

    async fn write(&mut self, batch: &Batch) {
        self.writer.write(batch, None).await.expect("written");
    }

    /// Makes everything up to transaction `seq` final, at this time of the chain.
    async fn finalize(&mut self, seq: i64, time: i64) -> u64 {
        let range = Final {
            seq,
            first_slot: 0,
            last_slot: seq,
            time: Some(time),
            source: "test".into(),
        };
        let outcome = self.writer.write(&Batch::default(), Some(&range)).await;
        outcome.expect("written")
    }

    async fn totals(&self) -> String {
        self.text(
            "SELECT format('%s conversions, %s final, %s paid, %s pending', conversions,
                 conversions_final, rewards_paid, rewards_pending)
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

    /// The content of every table of the mirror, apart from times of this machine.
    async fn content(&self) -> BTreeMap<&'static str, String> {
        let mut content = BTreeMap::new();
        for table in [
            "transactions",
            "calls",
            "events",
            "accounts",
            "accounts_before",
            "campaigns",
            "referrals",
            "conversions",
            "conversion_quarters",
            "maturing",
            "referral_totals",
            "referrer_daily",
            "referrer_totals",
            "boards",
            "board_fences",
            "short_links",
        ] {
            let sql = format!(
                "SELECT coalesce(string_agg(row::text, ', ' ORDER BY row::text), '')
                 FROM {table} AS row"
            );
            content.insert(table, self.text(&sql).await);
        }
        content
    }
}

fn transaction(seq: i64) -> Transaction {
    Transaction {
        seq,
        slot: seq,
        block_index: None,
        block_time: NEW_YEAR + seq,
        signature: format!("signature-{seq}"),
        fee_payer: "Bob".into(),
        fee: Some(5000),
        succeeded: true,
        failed_instruction: None,
        error_code: None,
    }
}

fn account(address: &str, data: Option<&str>, seq: i64) -> Account {
    Account {
        address: address.into(),
        data: data.map(|data| data.as_bytes().to_vec()),
        seq,
        slot: seq,
        doubt: None,
    }
}

/// `before`: the data, and the transaction that wrote it.
fn before(seq: i64, address: &str, before: Option<(&str, i64)>) -> Before {
    Before {
        seq,
        address: address.into(),
        data: before.map(|(data, _)| data.as_bytes().to_vec()),
        before_seq: before.map(|(_, seq)| seq),
        before_slot: before.map(|(_, seq)| seq),
        doubt: None,
    }
}

fn referral(address: &str, code: &str, conversions: u64, seq: i64) -> Referral {
    Referral {
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
        closed: false,
        seq,
        slot: seq,
    }
}

/// The code R of Alice is registered by transaction 1.
fn registration() -> Batch {
    Batch {
        transactions: vec![transaction(1)],
        accounts: vec![account("R", Some("r1"), 1)],
        before: vec![before(1, "R", None)],
        projections: Projections {
            referrals: vec![referral("R", "AZURE23", 0, 1)],
            ..Projections::default()
        },
        ..Batch::default()
    }
}

fn conversion(address: &str, seq: i64, reward: u64, hold: i64) -> Conversion {
    Conversion {
        address: address.into(),
        seq,
        slot: seq,
        campaign: "C".into(),
        referral: "R".into(),
        code: "AZURE23".into(),
        referrer: "Alice".into(),
        partner: None,
        referee: "Bob".into(),
        action: "signup".into(),
        amount: u64::MAX.into(),
        reference: None,
        reward_referrer: reward.into(),
        reward_referee: 0.into(),
        reward_partner: 0.into(),
        converted_at: NEW_YEAR + seq,
        matures_at: NEW_YEAR + seq + hold,
        status: if hold == 0 {
            Status::Paid
        } else {
            Status::Pending
        },
        settled: if hold == 0 { 7 } else { 6 },
    }
}

fn moved(conversions: i64, paid: i128, pending: i128) -> BTreeMap<String, TotalsMove> {
    let moved = TotalsMove {
        conversions,
        paid,
        pending,
    };
    BTreeMap::from([("R".to_owned(), moved)])
}

/// Transaction `seq` converts with the code R, after transaction `seq - 1` changed R.
fn sale(address: &str, seq: i64, reward: u64, hold: i64) -> Batch {
    let row = conversion(address, seq, reward, hold);
    let (paid, pending) = match row.status {
        Status::Paid => (i128::from(reward), 0),
        _ => (0, i128::from(reward)),
    };
    let old = format!("r{}", seq - 1);
    let new = format!("r{seq}");
    Batch {
        transactions: vec![transaction(seq)],
        accounts: vec![
            account("R", Some(&new), seq),
            account(address, Some("c"), seq),
        ],
        before: vec![
            before(seq, "R", Some((&old, seq - 1))),
            before(seq, address, None),
        ],
        projections: Projections {
            referrals: vec![referral("R", "AZURE23", 1, seq)],
            maturing: vec![Maturing {
                conversion: address.into(),
                seq,
                matures_at: row.matures_at,
                campaign: row.campaign.clone(),
                converted_at: row.converted_at,
            }],
            sales: vec![row],
            totals: moved(1, paid, pending),
            ..Projections::default()
        },
        ..Batch::default()
    }
}

/// Transaction `seq` changes the state of a conversion that is worth `reward` and held.
fn settlement(address: &str, seq: i64, status: Status, reward: u64) -> Batch {
    let reward = i128::from(reward);
    let (settled, totals, cancelled) = match status {
        Status::Cancelled => (7, moved(-1, 0, -reward), vec![address.to_owned()]),
        _ => (7, moved(0, reward, -reward), Vec::new()),
    };
    Batch {
        transactions: vec![transaction(seq)],
        accounts: vec![account(address, Some("settled"), seq)],
        before: vec![before(seq, address, Some(("c", seq - 1)))],
        projections: Projections {
            settlements: vec![Settlement {
                conversion: address.into(),
                status,
                settled,
            }],
            cancelled,
            totals,
            ..Projections::default()
        },
        ..Batch::default()
    }
}

/// [M4] [M5]
#[tokio::test]
async fn a_conversion_counts_for_ranks_once_when_it_is_final_and_mature() {
    // Given a conversion that is paid at once, and one that is held for a minute
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&sale("D", 2, 5, 0)).await;
    world.write(&sale("E", 3, 7, 60)).await;
    // Then people see both, and no rank does
    assert_eq!(
        world.totals().await,
        "2 conversions, 0 final, 5 paid, 7 pending"
    );
    assert_eq!(world.days().await, "nothing");
    // When time passes and nothing is final, then nothing counts
    assert_eq!(world.finalize(1, NEW_YEAR + 1000).await, 0);
    assert_eq!(
        world.totals().await,
        "2 conversions, 0 final, 5 paid, 7 pending"
    );
    // When both are final, then both count, because both are mature
    assert_eq!(world.finalize(3, NEW_YEAR).await, 2);
    let both = "C Alice 2026-01-01: 2 for 12, last 1767225603";
    assert_eq!(world.days().await, both);
    assert_eq!(
        world.totals().await,
        "2 conversions, 2 final, 5 paid, 7 pending"
    );
    // And never again
    assert_eq!(world.finalize(3, NEW_YEAR + 1000).await, 0);
    // When the held one is claimed, then its rank stays
    world.write(&settlement("E", 4, Status::Paid, 7)).await;
    world.finalize(4, NEW_YEAR + 1000).await;
    assert_eq!(world.days().await, both);
    assert_eq!(
        world.totals().await,
        "2 conversions, 2 final, 12 paid, 0 pending"
    );
}

/// [M4]
#[tokio::test]
async fn the_sums_of_a_token_follow_every_change_and_are_repaired() {
    // Given a campaign with the token M and its code R
    let mut world = World::new().await;
    world
        .run(
            "INSERT INTO campaigns (address, creator, campaign_id, authority, mint, mint_decimals,
                 token_program, funding, proof, uniqueness, reward_kind, paused, closed, reward_fixed,
                 reward_bps, created_at, data, seq, slot)
             VALUES ('C', 'A', 1, 'A', 'M', 6, 'T', 'mint_authority', 'open', 'wallet', 'fixed', false,
                     false, 1, 0, 1, '', 0, 0)",
        )
        .await;
    let sums = "SELECT total::text FROM mint_totals AS total";
    world.write(&registration()).await;
    assert_eq!(world.text(sums).await, "nothing");
    // When it converts twice, then its code counts once
    world.write(&sale("D", 2, 5, 0)).await;
    assert_eq!(world.text(sums).await, "(M,1,1,5,0)");
    world.write(&sale("E", 3, 7, 60)).await;
    assert_eq!(world.text(sums).await, "(M,1,2,5,7)");
    // When the second is paid, and that is undone, and it is cancelled
    world.write(&settlement("E", 4, Status::Paid, 7)).await;
    assert_eq!(world.text(sums).await, "(M,1,2,12,0)");
    let before = world.writer.before(3).await.expect("rows");
    let back = Projections {
        settlements: vec![Settlement {
            conversion: "E".into(),
            status: Status::Pending,
            settled: 6,
        }],
        totals: moved(0, -7, 7),
        ..Projections::default()
    };
    let undone = world.writer.rewind(3, &before, &back).await;
    undone.expect("undone");
    assert_eq!(world.text(sums).await, "(M,1,2,5,7)");
    world.write(&settlement("E", 4, Status::Cancelled, 7)).await;
    assert_eq!(world.text(sums).await, "(M,1,1,5,0)");
    let totals = totals::all(&world.pool).await.expect("sums").tokens;
    let [token] = totals.as_slice() else {
        panic!("{totals:?}")
    };
    assert_eq!(
        (
            token.mint.as_str(),
            token.decimals,
            token.codes,
            token.conversions,
            token.paid,
            token.pending
        ),
        ("M", 6, 1, 1, 5, 0)
    );
    // Then a recount finds no difference
    let mut connection = PgConnection::connect(world.database.url())
        .await
        .expect("Postgres");
    let found = recount::mint(&mut connection, None, false).await;
    let found = found.expect("counted");
    assert_eq!((found.last.as_deref(), found.drift), (Some("M"), vec![]));
    // When somebody changes the sums, and adds a token, then both are named and repaired
    world
        .run(
            "UPDATE mint_totals SET codes = 3, rewards_paid = 4;
             INSERT INTO mint_totals VALUES ('N', 1, 1, 1, 1)",
        )
        .await;
    let mut drift = Vec::new();
    let mut after = None;
    loop {
        let range = recount::mint(&mut connection, after.as_deref(), true).await;
        let range = range.expect("counted");
        drift.extend(range.drift.into_iter().map(|drift| {
            let recount::Drift { of, kept, counted } = drift;
            format!("{of}: {kept}; counted: {counted}")
        }));
        after = range.last;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(
        drift,
        [
            "token M: 3 codes, 1 conversions, 4 paid, 0 pending; counted: 1 codes, 1 conversions, 5 \
             paid, 0 pending",
            "token N: 1 codes, 1 conversions, 1 paid, 1 pending; counted: 0 codes, 0 conversions, 0 \
             paid, 0 pending",
        ]
    );
    assert_eq!(world.texts(sums).await, ["(M,1,1,5,0)"]);
}

/// [M5]
#[tokio::test]
async fn a_conversion_that_can_be_cancelled_counts_for_no_rank() {
    // Given a final conversion within its hold
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&sale("D", 2, 5, 60)).await;
    assert_eq!(world.finalize(2, NEW_YEAR + 61).await, 0);
    assert_eq!(
        world.totals().await,
        "1 conversions, 0 final, 0 paid, 5 pending"
    );
    // When it is cancelled, then it never counts
    world.write(&settlement("D", 3, Status::Cancelled, 5)).await;
    assert_eq!(world.finalize(3, NEW_YEAR + 1000).await, 0);
    assert_eq!(
        world.totals().await,
        "0 conversions, 0 final, 0 paid, 0 pending"
    );
    assert_eq!(world.days().await, "nothing");
    // And a conversion on the next day is its own row
    let mut next = sale("E", 4, 3, 0);
    if let Some(row) = next.projections.sales.first_mut() {
        row.converted_at += 86_400;
    }
    world.write(&next).await;
    world.finalize(4, NEW_YEAR + 100_000).await;
    assert_eq!(
        world.days().await,
        "C Alice 2026-01-02: 1 for 3, last 1767312004"
    );
}

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

#[tokio::test]
async fn the_largest_amounts_are_exact() {
    // Given two conversions with the largest reward
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&sale("D", 2, u64::MAX, 0)).await;
    world.write(&sale("E", 3, u64::MAX, 0)).await;
    world.finalize(3, NEW_YEAR + 3).await;
    // Then their sums are exact
    let sum = (u128::from(u64::MAX) * 2).to_string();
    assert_eq!(
        world.totals().await,
        format!("2 conversions, 2 final, {sum} paid, 0 pending")
    );
    assert!(world.days().await.contains(&format!("2 for {sum},")));
    let stored = world.writer.conversions(&["D".into()]).await.expect("rows");
    assert_eq!(stored, [conversion("D", 2, u64::MAX, 0)]);
}

/// [M4] [M5]
#[tokio::test]
async fn drift_is_found_and_repaired_and_stops_nothing() {
    // Given a final conversion, a held one, and a code without any
    let mut world = World::new().await;
    world.write(&registration()).await;
    let mut other = registration();
    other.transactions = vec![transaction(2)];
    other.accounts = vec![account("Q", Some("q"), 2)];
    other.before = vec![before(2, "Q", None)];
    other.projections.referrals = vec![referral("Q", "AZURE24", 0, 2)];
    world.write(&other).await;
    world.write(&sale("D", 3, 5, 0)).await;
    world.write(&sale("E", 4, 7, 60)).await;
    world.finalize(4, NEW_YEAR + 4).await;
    let right = world.content().await;
    let mut connection = PgConnection::connect(world.database.url())
        .await
        .expect("Postgres");
    // Then a recount finds no difference
    let found = recount::referrals(&mut connection, "", false).await;
    let found = found.expect("counted");
    assert_eq!((found.compared, found.drift), (2, vec![]));
    assert_eq!(found.last.as_deref(), Some("R"));
    let day = recount::day(&mut connection, None, false)
        .await
        .expect("counted");
    assert_eq!((day.compared, day.drift), (1, vec![]));
    let quarters = recount::quarters(&mut connection, 0, false).await;
    let quarters = quarters.expect("counted");
    assert_eq!((quarters.compared, quarters.drift), (2, vec![]));
    // When somebody changes the counters, even below zero
    world
        .pool
        .execute(
            "UPDATE referral_totals SET conversions = 0, rewards_pending = 0;
             UPDATE referrer_daily SET rewards = 6, last_converted_at = 0;
             UPDATE conversion_quarters SET rewards_paid = 4 WHERE subject = 'C';
             INSERT INTO conversion_quarters VALUES ('X', 1767225600, 1, 0, 0);
             DELETE FROM maturing;
             INSERT INTO maturing VALUES ('D', 3, 0, 'C', 0)",
        )
        .await
        .expect("a change");
    // Then each is named
    let found = recount::referrals(&mut connection, "Q", false).await;
    let drift = &found.expect("counted").drift;
    let line = |drift: &recount::Drift| {
        let recount::Drift { of, kept, counted } = drift;
        format!("{of}: {kept}; counted: {counted}")
    };
    assert_eq!(
        drift.iter().map(line).collect::<Vec<_>>(),
        [
            "referral R: 0 conversions, 1 final, 5 paid, 0 pending; counted: 2 conversions, 1 final, \
          5 paid, 7 pending"
        ]
    );
    let day = recount::day(&mut connection, None, false)
        .await
        .expect("counted");
    let mut lines: Vec<_> = day.drift.iter().map(line).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "conversion D: waits; counted: does not wait",
            "conversion E: does not wait; counted: waits",
            "day 2026-01-01 of Alice in C: 1 conversions, 6 rewards, 18446744073709551615 volume, \
             the last at 0; counted: 1 conversions, 5 rewards, 18446744073709551615 volume, the last at 1767225603",
        ]
    );
    let quarters = recount::quarters(&mut connection, 0, false).await;
    let mut lines: Vec<_> = quarters.expect("counted").drift.iter().map(line).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "quarter 1767225600 of C: 2 conversions, 4 paid, 7 pending; counted: 2 conversions, 5 paid, \
             7 pending",
            "quarter 1767225600 of X: 1 conversions, 0 paid, 0 pending; counted: 0 conversions, 0 paid, \
             0 pending",
        ]
    );
    let repaired = recount::quarters(&mut connection, 0, true).await;
    let repaired = repaired.expect("repaired");
    assert_eq!(repaired.drift.len(), 2);
    let end = recount::quarters(&mut connection, repaired.last.expect("a day"), false).await;
    assert_eq!(end.expect("counted").last, None);
    // When they are repaired, then everything is as it was, apart from a row of zeros
    let repaired = recount::referrals(&mut connection, "", true).await;
    assert_eq!(repaired.expect("repaired").drift.len(), 1);
    let repaired = recount::day(&mut connection, None, true).await;
    let repaired = repaired.expect("repaired");
    assert_eq!(repaired.drift.len(), 3);
    world
        .pool
        .execute("DELETE FROM referral_totals WHERE referral = 'Q'")
        .await
        .expect("no zeros");
    assert_eq!(world.content().await, right);
    // And there is no day after that
    let end = recount::day(&mut connection, repaired.last, false).await;
    assert_eq!(end.expect("counted").last, None);
    // When a counter is too low and the held conversion is cancelled, then the mirror goes on
    world
        .pool
        .execute("UPDATE referral_totals SET conversions = 0, rewards_pending = 0")
        .await
        .expect("a change");
    world.write(&settlement("E", 5, Status::Cancelled, 7)).await;
    let quarters = recount::quarters(&mut connection, 0, false).await;
    assert_eq!(quarters.expect("counted").drift, []);
    assert_eq!(
        world.totals().await,
        "-1 conversions, 1 final, 5 paid, -7 pending"
    );
    let repaired = recount::referrals(&mut connection, "", true).await;
    assert_eq!(repaired.expect("repaired").drift.len(), 1);
    assert_eq!(
        world.totals().await,
        "1 conversions, 1 final, 5 paid, 0 pending"
    );
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
