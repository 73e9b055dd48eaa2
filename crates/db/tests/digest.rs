//! The rows of digests, against a real Postgres. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use std::collections::BTreeSet;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use sqlx::{Executor as _, PgPool};
use vouch_db::digest::{self, Digest, Head, Rows, Snapshot};
use vouch_localnet::Postgres;

/// The effect of a transaction of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Converts; held for so many seconds.
    Sale { hold: i64, reward: i64 },
    /// Cancels the conversion of this transaction.
    Cancel(usize),
    /// Pays the referrer's part of the conversion of this transaction.
    Pay(usize),
    /// Does something else.
    Other,
}

/// A history: the time and the step of each transaction. The program's rules hold: a conversion is
/// cancelled within its hold, and paid after it, each once.
fn history(seed: u64) -> Vec<(i64, Step)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut time = 1_700_000_000;
    let mut history: Vec<(i64, Step)> = Vec::new();
    let mut settled = BTreeSet::new();
    for _ in 0..random.gen_range(1..25) {
        time += random.gen_range(0..4);
        let sales = history.iter().enumerate();
        let open = sales.filter_map(|(place, (at, step))| match step {
            Step::Sale { hold, .. } if !settled.contains(&place) => Some((place, at + hold)),
            _ => None,
        });
        let open: Vec<_> = open.collect();
        let step = match random.gen_range(0..10) {
            0..5 => Step::Sale {
                hold: random.gen_range(0..3) * 3,
                reward: random.gen_range(0..9),
            },
            5..9 if !open.is_empty() => {
                let (place, matures_at) = open[random.gen_range(0..open.len())];
                settled.insert(place);
                if time < matures_at {
                    Step::Cancel(place)
                } else {
                    Step::Pay(place)
                }
            }
            _ => Step::Other,
        };
        history.push((time, step));
    }
    history
}

/// The rows that count after the first `seq` transactions: played from the start, with nothing that came
/// later.
fn naive(history: &[(i64, Step)], seq: usize) -> (Vec<String>, Vec<String>) {
    let mut sales = Vec::new();
    let mut payments = Vec::new();
    for (place, (time, step)) in history[..seq].iter().enumerate() {
        match step {
            Step::Sale { hold, reward } => sales.push((place, time + hold, *reward)),
            Step::Cancel(of) => sales.retain(|(place, ..)| place != of),
            Step::Pay(of) => payments.push(format!("{}: {of}", place + 1)),
            Step::Other => {}
        }
    }
    let clock = history[seq - 1].0;
    sales.retain(|(_, matures_at, _)| *matures_at <= clock);
    let sales = sales.iter();
    let sales = sales.map(|(place, matures_at, reward)| {
        format!("{}: {place} for {reward} from {matures_at}", place + 1)
    });
    (sales.collect(), payments)
}

fn said(rows: &Rows) -> (Vec<String>, Vec<String>) {
    let conversions = rows.conversions.iter().map(|row| {
        let reward = u64::from(row.reward_referrer);
        format!(
            "{}: {} for {reward} from {}",
            row.seq, row.conversion, row.matures_at
        )
    });
    let payments = rows.payments.iter();
    let payments = payments.map(|row| format!("{}: {}", row.seq, row.conversion));
    (conversions.collect(), payments.collect())
}

/// Writes the rows that the indexer leaves after the whole history. Everything is final.
async fn play(pool: &PgPool, history: &[(i64, Step)]) {
    pool.execute(
        "TRUNCATE transactions, conversions, events;
         DELETE FROM coverage;
         UPDATE indexer_state SET genesis_hash = 'G'",
    )
    .await
    .expect("an empty mirror");
    for (place, (time, step)) in history.iter().enumerate() {
        let seq = i64::try_from(place).expect("a number") + 1;
        sqlx::query(
            "INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
             VALUES ($1, $1 * 2, $2, 'S' || $1, true)",
        )
        .bind(seq)
        .bind(time)
        .execute(pool)
        .await
        .expect("a transaction");
        let (sql, of) = match step {
            Step::Sale { hold, reward } => {
                sqlx::query(
                    "INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer,
                         referee, action, amount, reward_referrer, reward_referee, reward_partner,
                         converted_at, matures_at, status, settled)
                     VALUES ($1, $2, $2, 'C', 'R', 'AZURE23', 'A', 'B', 'signup', 1, $3, 0, 0, $4,
                         $4 + $5, 'pending', 0)",
                )
                .bind(place.to_string())
                .bind(seq)
                .bind(reward)
                .bind(time)
                .bind(hold)
                .execute(pool)
                .await
                .expect("a conversion");
                continue;
            }
            Step::Cancel(of) => (
                "UPDATE conversions SET status = 'cancelled', settled = 7",
                of,
            ),
            Step::Pay(of) => ("UPDATE conversions SET status = 'paid', settled = 7", of),
            Step::Other => continue,
        };
        let kind = match step {
            Step::Cancel(_) => "conversion_cancelled",
            _ => "part_paid",
        };
        for sql in [
            format!("{sql} WHERE address = '{of}'"),
            format!(
                "INSERT INTO events (seq, place, kind, subject, wallet, units, detail)
                 VALUES ({seq}, 0, '{kind}', '{of}', 'A', 1, '{{\"part\": \"referrer\"}}')"
            ),
        ] {
            pool.execute(&*sql).await.expect("an effect");
        }
    }
    let last = history.len();
    let state = format!(
        "UPDATE indexer_state SET confirmed_seq = {last}, final_seq = {last};
         INSERT INTO coverage VALUES ('listed', 0, {last} * 2 + 1, 'test');
         UPDATE indexer_state SET ranked_slot = {last} * 2 + 1"
    );
    pool.execute(&*state).await.expect("a state");
}

fn head(history: &[(i64, Step)], seq: usize) -> Head {
    let number = i64::try_from(seq).expect("a number");
    Head {
        seq: number,
        slot: number * 2,
        signature: format!("S{seq}"),
        time: history[seq - 1].0,
        genesis_hash: "G".into(),
    }
}

/// [M13]
#[tokio::test]
async fn what_counted_at_any_moment_follows_from_the_rows_of_today() {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    let mut compared = 0;
    let mut counted = 0;
    for seed in 0..300 {
        // Given a history, and the mirror after all of it
        let history = history(seed);
        play(&pool, &history).await;
        // Then for each of its moments, the rows are those of somebody who stopped there
        for seq in 1..=history.len() {
            let of = head(&history, seq);
            let rows = digest::page(&pool, &of, i64::MIN, i64::MAX)
                .await
                .expect("rows");
            let expected = naive(&history, seq);
            assert_eq!(said(&rows), expected, "{seed}: {history:?} as of {seq}");
            compared += 1;
            counted += expected.0.len();
        }
        // And those of the present moment are the same in steps, in one state of the database
        let mut snapshot = Snapshot::new(&pool)
            .await
            .expect("an answer")
            .expect("a moment");
        let last = history.len();
        let of = Head {
            slot: i64::try_from(last).expect("a number") * 2 + 1,
            ..head(&history, last)
        };
        assert_eq!(*snapshot.head(), of);
        pool.execute("UPDATE conversions SET status = 'cancelled'")
            .await
            .expect("cancelled");
        let mut whole = Rows::default();
        for after in (0..of.seq).step_by(3) {
            let rows = snapshot.rows(after, of.seq.min(after + 3)).await;
            let rows = rows.expect("rows");
            whole.conversions.extend(rows.conversions);
            whole.payments.extend(rows.payments);
        }
        assert_eq!(said(&whole), naive(&history, last), "{seed}");
    }
    assert!(
        compared > 2_000 && counted > 5_000,
        "the histories are not worth it: {compared} moments, {counted} conversions"
    );
}

/// [M13]
#[tokio::test]
async fn a_digest_is_of_the_last_transaction_before_what_is_proven() {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    // Given an empty mirror, then there is no moment
    assert!(Snapshot::new(&pool).await.expect("an answer").is_none());
    // Given four transactions in the slots 2, 4, 6 and 8, of which three are final, and slots up to
    // 5 that are proven and ranked
    let history = [(10, Step::Other); 4];
    play(&pool, &history).await;
    pool.execute(
        "UPDATE indexer_state SET final_seq = 3, ranked_slot = 5;
                  UPDATE coverage SET last_slot = 5",
    )
    .await
    .expect("a state");
    // Then the moment is that of the second
    let snapshot = Snapshot::new(&pool).await.expect("an answer");
    let snapshot = snapshot.expect("a moment");
    assert_eq!(
        *snapshot.head(),
        Head {
            slot: 5,
            ..head(&history, 2)
        }
    );
}

fn stored(seq: i64, slot: i64) -> Digest {
    Digest {
        head: Head {
            seq,
            slot,
            signature: format!("S{seq}"),
            time: 5,
            genesis_hash: "G".into(),
        },
        bucket_size: 1,
        conversions: 2,
        rewards: u128::from(u64::MAX) + 1,
        paid: 4,
        root: vec![1; 32],
        buckets: vec![2; 64],
    }
}

#[tokio::test]
async fn the_newest_digest_at_or_before_a_slot_is_found_and_old_ones_thin_out() {
    let database = Postgres::test_database().await.expect("a database");
    let pool = vouch_db::connect(database.url()).await.expect("a pool");
    assert_eq!(digest::find(&pool, None).await.expect("an answer"), None);
    // Given three digests, of which the last was computed again
    for (seq, slot) in [(1, 10), (2, 20), (3, 29), (3, 30)] {
        digest::store(&pool, &stored(seq, slot))
            .await
            .expect("stored");
    }
    // Then each slot has the newest one that is not later
    for (slot, expected) in [
        (Some(9), None),
        (Some(10), Some(stored(1, 10))),
        (Some(29), Some(stored(2, 20))),
        (Some(30), Some(stored(3, 30))),
        (Some(i64::MAX), Some(stored(3, 30))),
        (None, Some(stored(3, 30))),
    ] {
        let found = digest::find(&pool, slot).await.expect("an answer");
        assert_eq!(found, expected, "{slot:?}");
    }
    // When they are young, then all stay
    assert_eq!(digest::thin(&pool, 90).await.expect("thinned"), 0);
    // When they are three days old, then the last of the day stays
    pool.execute(
        "UPDATE digests SET computed_at = date_trunc('day', now() - interval '3 days', 'UTC')",
    )
    .await
    .expect("older");
    assert_eq!(digest::thin(&pool, 90).await.expect("thinned"), 2);
    assert_eq!(
        digest::find(&pool, None).await.expect("an answer"),
        Some(stored(3, 30))
    );
    // When they are older than they are kept, then only the newest stays, however old
    digest::store(&pool, &stored(4, 40)).await.expect("stored");
    pool.execute(
        "UPDATE digests SET computed_at = now() - interval '91 days' - seq * interval '9 days'",
    )
    .await
    .expect("older");
    assert_eq!(digest::thin(&pool, 90).await.expect("thinned"), 1);
    assert_eq!(digest::thin(&pool, 90).await.expect("thinned"), 0);
    assert_eq!(
        digest::find(&pool, None).await.expect("an answer"),
        Some(stored(4, 40))
    );
}
