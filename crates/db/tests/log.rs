//! The log of what changes in the mirror, against a real Postgres. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

mod store;

use store::Store;
use vouch_db::{
    Schema,
    api::live::{Entry, Notices, Snapshot},
    mirror::{
        Batch, Conversion, Event, Final, Maturing, Projections, Status, Transaction, Writer,
        rebuild::{Rebuild, Start},
    },
};

/// Conversions with these numbers, each in a campaign and a transaction of its own.
fn sales(seqs: impl IntoIterator<Item = i64>) -> Batch {
    let mut batch = Batch::default();
    for seq in seqs {
        let (campaign, address) = (format!("campaign-{seq}"), format!("sale-{seq}"));
        batch.transactions.push(Transaction {
            seq,
            slot: seq,
            block_index: None,
            block_time: 1000,
            signature: format!("signature-{seq}"),
            succeeded: true,
            failed_instruction: None,
            error_code: None,
        });
        batch.events.push(Event {
            seq,
            place: 0,
            kind: "conversion_recorded".into(),
            campaign: Some(campaign.clone()),
            referral: Some("R".into()),
            subject: Some(address.clone()),
            wallet: Some("B".into()),
            units: Some(5.into()),
            detail: None,
        });
        batch.projections.maturing.push(Maturing {
            conversion: address.clone(),
            seq,
            matures_at: 1000,
            campaign: campaign.clone(),
            converted_at: 1000,
        });
        batch.projections.sales.push(Conversion {
            address,
            seq,
            slot: seq,
            campaign,
            referral: "R".into(),
            code: "AZURE234".into(),
            referrer: "A".into(),
            partner: None,
            referee: "B".into(),
            action: "signup".into(),
            amount: 1.into(),
            reference: None,
            reward_referrer: 5.into(),
            reward_referee: 0.into(),
            reward_partner: 0.into(),
            converted_at: 1000,
            matures_at: 1000,
            status: Status::Paid,
            settled: 7,
        });
    }
    batch
}

/// Everything up to this transaction is final.
fn settled(seq: i64) -> Final {
    Final {
        seq,
        first_slot: 0,
        last_slot: seq,
        time: Some(2000),
        source: "test".into(),
    }
}

async fn last(store: &Store) -> Entry {
    let mut snapshot = Snapshot::take(&store.pool).await.expect("a snapshot");
    let id = snapshot.entry_before_last(0).await.expect("an id");
    let entries = snapshot.entries_from(id.expect("a row"), 10).await;
    let mut entries = entries.expect("rows");
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

const ROWS: &str = "SELECT count(*) FROM mirror_log";

/// [L1]
#[tokio::test]
async fn each_change_is_one_row_with_how_far_the_mirror_is_and_one_notification() {
    let store = Store::new().await;
    let mut notices = Notices::listen(&store.pool).await.expect("listening");
    let mut writer = store.writer().await;
    assert_eq!(store.number(ROWS).await, 1);
    // When three conversions are written, and two of them become final
    writer.write(&sales(1..=3), None).await.expect("written");
    notices.next().await.expect("a notification");
    let entry = last(&store).await;
    assert_eq!((entry.confirmed_seq, entry.final_seq), (3, 0));
    assert!(entry.ranked.is_empty() && entry.withdrawn.is_empty() && !entry.is_new);
    let nothing = Batch::default();
    let written = writer.write(&nothing, Some(&settled(2))).await;
    assert_eq!(written.expect("written"), 2);
    notices.next().await.expect("a notification");
    // Then the row says so, and whose leaderboards have changed
    let entry = last(&store).await;
    assert_eq!((entry.confirmed_seq, entry.final_seq), (3, 2));
    assert_eq!(entry.ranked, ["campaign-1", "campaign-2"]);
    // And what changes nothing is no row
    let rows = store.number(ROWS).await;
    let written = writer.write(&nothing, Some(&settled(2))).await;
    assert_eq!(written.expect("written"), 0);
    writer.write(&nothing, None).await.expect("written");
    writer.indexed(9).await.expect("noted");
    assert_eq!(store.number(ROWS).await, rows);
    // When the third one is undone, then the row still knows it
    let undone = writer.rewind(2, &[], &Projections::default()).await;
    undone.expect("undone");
    notices.next().await.expect("a notification");
    let entry = last(&store).await;
    assert_eq!((entry.confirmed_seq, entry.final_seq), (2, 2));
    let [fact] = entry.withdrawn.as_slice() else {
        panic!("{entry:?}");
    };
    assert_eq!((fact.seq, fact.place, fact.slot), (3, 0, 3));
    assert_eq!(fact.kind, "conversion_recorded");
    assert_eq!(fact.subject.as_deref(), Some("sale-3"));
    assert_eq!(fact.campaign.as_deref(), Some("campaign-3"));
    assert_eq!(fact.referrer.as_deref(), Some("A"));
    assert_eq!(fact.code.as_deref(), Some("AZURE234"));
    assert_eq!(fact.signature, "signature-3");
    // And a writer that fails leaves no row
    let rows = store.number(ROWS).await;
    let twice = writer.write(&sales(2..=2), None).await;
    let twice = twice.expect_err("it is there already");
    assert_eq!(twice.constraint(), Some("transactions_pkey"));
    assert_eq!(store.number(ROWS).await, rows);
}

/// [L1]
#[tokio::test]
async fn rows_are_bounded_in_size_and_number() {
    let store = Store::new().await;
    let mut writer = store.writer().await;
    // When more leaderboards change than a row names, then it names all of them
    let written = writer.write(&sales(1..=101), Some(&settled(101))).await;
    assert_eq!(written.expect("written"), 101);
    assert_eq!(last(&store).await.ranked, [""]);
    let written = writer.write(&sales(102..=201), Some(&settled(201))).await;
    assert_eq!(written.expect("written"), 100);
    assert_eq!(last(&store).await.ranked.len(), 100);
    // When more is undone than a row names, then everything is read anew
    for (count, is_new) in [(200, false), (201, true)] {
        let batch = sales(202..202 + count);
        writer.write(&batch, None).await.expect("written");
        let undone = writer.rewind(201, &[], &Projections::default()).await;
        undone.expect("undone");
        let entry = last(&store).await;
        assert_eq!(entry.is_new, is_new);
        let named = i64::try_from(entry.withdrawn.len()).expect("a number");
        assert_eq!(named, if is_new { 0 } else { count });
        assert!(entry.withdrawn.is_sorted_by_key(|fact| fact.seq));
        store
            .run("DELETE FROM conversions WHERE seq > 201; DELETE FROM maturing")
            .await;
    }
    // When there are more rows than are kept, then the oldest go with the next one
    store
        .run(
            "INSERT INTO mirror_log (confirmed_seq, final_seq)
             SELECT 201, 201 FROM generate_series(1, 10100)",
        )
        .await;
    writer
        .write(&sales(202..=202), None)
        .await
        .expect("written");
    assert_eq!(store.number(ROWS).await, 10_000);
    assert_eq!(last(&store).await.confirmed_seq, 202);
}

/// [L1]
#[tokio::test]
async fn what_an_indexer_without_the_log_has_written_is_read_anew() {
    let store = Store::new().await;
    let mut writer = store.writer().await;
    writer.write(&sales(1..=3), None).await.expect("written");
    writer.release().await.expect("released");
    // Given an indexer that only goes on
    let rows = store.number(ROWS).await;
    let writer = store.writer().await;
    writer.release().await.expect("released");
    assert_eq!(store.number(ROWS).await, rows);
    // When one undoes a transaction and makes others final, without a row
    store
        .run("UPDATE indexer_state SET confirmed_seq = 2, final_seq = 1")
        .await;
    let mut notices = Notices::listen(&store.pool).await.expect("listening");
    let mut writer = store.writer().await;
    // Then the next one says that everything is new, once
    notices.next().await.expect("a notification");
    let entry = last(&store).await;
    assert!(entry.is_new);
    assert_eq!((entry.confirmed_seq, entry.final_seq), (2, 1));
    assert_eq!(store.number(ROWS).await, rows + 1);
    writer.indexed(9).await.expect("noted");
    writer.release().await.expect("released");
    // And another copy of the mirror has no log
    let mut rebuild = Rebuild::connect(store.database.url())
        .await
        .expect("Postgres");
    assert_eq!(rebuild.prepare().await.expect("prepared"), Start::Empty);
    store
        .run("UPDATE mirror_next.indexer_state SET final_seq = 0")
        .await;
    let next = Writer::try_acquire_of(store.database.url(), Schema::Next).await;
    let next = next.expect("Postgres answers").expect("nobody else writes");
    next.release().await.expect("released");
    assert_eq!(store.number(ROWS).await, rows + 1);
}

/// [L1] [M13]
#[tokio::test]
async fn a_copy_that_nobody_reads_writes_no_row_until_it_takes_the_place_of_the_mirror() {
    // Given a mirror, and a second copy that is filled
    let store = Store::new().await;
    let mut live = store.writer().await;
    live.write(&sales(1..=3), None).await.expect("written");
    let mut rebuild = Rebuild::connect(store.database.url())
        .await
        .expect("Postgres");
    assert_eq!(rebuild.prepare().await.expect("prepared"), Start::Empty);
    let rows = store.number(ROWS).await;
    let next = Writer::try_acquire_of(store.database.url(), Schema::Next).await;
    let mut next = next.expect("Postgres answers").expect("nobody else writes");
    next.write(&sales(1..=2), Some(&settled(2)))
        .await
        .expect("written");
    assert_eq!(store.number(ROWS).await, rows);
    next.release().await.expect("released");
    // When it takes the place of the first one
    live.release().await.expect("released");
    rebuild.take_over().await.expect("taken over");
    assert!(rebuild.swap().await.expect("swapped"));
    // Then the log goes on, and says that everything is new
    assert_eq!(store.number(ROWS).await, rows + 1);
    let entry = last(&store).await;
    assert!(entry.is_new);
    assert_eq!((entry.confirmed_seq, entry.final_seq), (2, 2));
}
