//! How much a wallet's own pages read, however much it has. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

mod store;

use std::time::Duration;

use sqlx::{Executor as _, PgPool, Row as _};
use store::Store;
use vouch_db::api::{
    self,
    me::{self, PartState, Role},
};

/// Conversions of the wallet. In each role one in 10,000 is pending and is the oldest of these, one
/// in 10,000 is lapsed, every third one is cancelled, and every 100th has a reward for the wallet.
const CONVERSIONS: i64 = 30_000;

/// Rows of `conversions` that were read so far: by reading the whole table, and by an index.
async fn reads(pool: &PgPool) -> (i64, i64) {
    // Without this, statistics are written after a second.
    pool.execute("SELECT pg_stat_force_next_flush()")
        .await
        .expect("a flush");
    let row = pool
        .fetch_one(
            "SELECT seq_tup_read, (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes
                                   WHERE relname = 'conversions')
             FROM pg_stat_user_tables WHERE relname = 'conversions'",
        )
        .await
        .expect("statistics");
    (row.get(0), row.get(1))
}

/// [A1]
#[tokio::test]
async fn a_page_of_rewards_reads_about_as_many_rows_as_it_has_entries() {
    // Given a wallet that has each role in very many conversions
    let store = Store::new().await;
    let fill = format!(
        "INSERT INTO campaigns (address, creator, campaign_id, authority, mint, mint_decimals,
             token_program, funding, proof, uniqueness, reward_kind, paused, closed, reward_fixed,
             reward_bps, created_at, data, seq, slot)
         VALUES ('C', 'A', 1, 'A', 'M', 6, 'T', 'mint_authority', 'open', 'wallet', 'fixed', false,
                 false, 1, 0, 1, '', 1, 1);
         INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
         VALUES (1, 1, 1, 'S', true);
         INSERT INTO conversions
         SELECT 'V' || lpad(n::text, 6, '0'), 1, 1, 'C', 'R', 'AZURE23', 'W', 'W', 'W', 'signup', 1, NULL,
                reward, reward, reward, n, n,
                CASE WHEN n % 10000 = 100 THEN 'pending' WHEN n % 10000 = 200 THEN 'lapsed'
                     WHEN n % 3 = 0 THEN 'cancelled' ELSE 'paid' END,
                CASE WHEN n % 10000 IN (100, 200) THEN 0 ELSE 7 END
         FROM generate_series(1, {CONVERSIONS}) AS n,
              LATERAL (SELECT CASE WHEN n % 100 = 0 THEN 5 ELSE 0 END) AS part (reward);
         ANALYZE conversions"
    );
    store.run(&fill).await;
    let one = api::pool(store.database.url(), 1, Duration::from_secs(30)).expect("a pool");
    for role in [Role::Referrer, Role::Referee, Role::Partner] {
        for (state, entries) in [
            (Some(PartState::Pending), 3),
            (Some(PartState::Paid), 20),
            (None, 20),
        ] {
            // When a page of 20 is read, from the newest or from the middle on
            for after in [None, Some((CONVERSIONS, "V029999"))] {
                let before = reads(&one).await;
                let page = me::rewards(&one, "W", role, state, after, 20).await;
                let read = reads(&one).await;
                // Then it has what there is, the newest first
                let page = page.expect("a page");
                assert_eq!(page.len(), entries, "{role:?} {state:?}");
                assert!(page.is_sorted_by(|one, next| one.converted_at > next.converted_at));
                // And no more rows were read than four times that, for the four states
                assert_eq!(read.0 - before.0, 0, "{role:?} {state:?}");
                let rows = read.1 - before.1;
                assert!(
                    (1..=84).contains(&rows),
                    "{rows} {role:?} {state:?} {after:?}"
                );
            }
        }
    }
}
