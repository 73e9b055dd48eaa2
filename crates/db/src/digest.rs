//! Digests: stored ones, and the rows that they add up from.
//!
//! The rows come from the list of conversions and from the events, not from counters. As of a
//! past transaction they are the same at any time: what counted then can no longer be cancelled.

use sqlx::{Executor as _, PgConnection, PgPool, Postgres};

use crate::{
    Error,
    amount::{Unsigned, sum_from_numeric},
    unless_silent,
};

/// A stored digest. `docs/digest.md` documents it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Its moment.
    pub head: Head,
    /// Transactions in one bucket.
    pub bucket_size: i64,
    /// Conversions that count.
    pub conversions: i64,
    /// The referrers' parts of their rewards.
    pub rewards: u128,
    /// The referrers' parts that were paid.
    pub paid: u128,
    /// The hash of everything.
    pub root: Vec<u8>,
    /// The hashes of the buckets, 32 bytes each, one after the other.
    pub buckets: Vec<u8>,
}

/// The moment of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of the last transaction at or before the slot.
    pub seq: i64,
    /// A final slot: everything up to it is mirrored, and counted for ranks.
    pub slot: i64,
    /// The transaction's signature, base58.
    pub signature: String,
    /// Unix seconds of its block.
    pub time: i64,
    /// Genesis hash of the chain, base58.
    pub genesis_hash: String,
}

/// A conversion that counts. Addresses are base58.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct ConversionRow {
    pub seq: i64,
    pub conversion: String,
    pub campaign: String,
    pub referral: String,
    pub referrer: String,
    pub partner: Option<String>,
    pub referee: String,
    pub amount: Unsigned,
    pub reward_referrer: Unsigned,
    pub reward_referee: Unsigned,
    pub reward_partner: Unsigned,
    pub converted_at: i64,
    pub matures_at: i64,
}

/// A part of a reward that was paid. Addresses are base58.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// Number of the transaction that paid it.
    pub seq: i64,
    /// The conversion.
    pub conversion: String,
    /// referrer, referee or partner.
    pub part: String,
    /// The wallet that was paid.
    pub recipient: String,
    /// Base units that were sent.
    pub units: Unsigned,
}

/// The rows of a run of transactions, each kind by transaction and address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// The conversions that count.
    pub conversions: Vec<ConversionRow>,
    /// The payments.
    pub payments: Vec<PaymentRow>,
}

/// The database at one moment.
#[derive(Debug)]
pub struct Snapshot {
    transaction: sqlx::Transaction<'static, Postgres>,
    head: Head,
}

impl Snapshot {
    /// The database as it is now, and the moment up to which everything is mirrored, final, proven
    /// complete and counted for ranks; `None` before the first transaction. So a leaderboard that is
    /// read later is never of an earlier moment than a digest.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn new(pool: &PgPool) -> Result<Option<Self>, Error> {
        unless_silent(async {
            let mut transaction = pool.begin().await?;
            transaction
                .execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .await?;
            let head = sqlx::query_as!(
                Head,
                r#"SELECT seq, ranked_slot AS "slot!", signature, block_time AS time,
                          genesis_hash AS "genesis_hash!"
                   FROM indexer_state, LATERAL (
                       SELECT seq, signature, block_time FROM transactions
                       WHERE seq <= final_seq AND slot <= ranked_slot
                       ORDER BY seq DESC LIMIT 1
                   ) AS last
                   WHERE genesis_hash IS NOT NULL"#
            )
            .fetch_optional(&mut *transaction)
            .await?;
            Ok(head.map(|head| Self { transaction, head }))
        })
        .await
    }

    /// The moment.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The rows of the transactions after `after`, up to `upto`, that count at the moment.
    ///
    /// # Errors
    /// When Postgres does not answer. [`Error::Corrupt`] for an amount that is none.
    pub async fn rows(&mut self, after: i64, upto: i64) -> Result<Rows, Error> {
        let time = self.head.time;
        unless_silent(rows(&mut self.transaction, after, upto, time)).await
    }
}

/// The rows of the transactions after `after`, up to `upto`, that count if the chain's clock is
/// `time`. The caller sees to it that there are not too many transactions. A row of no transaction
/// has the number 0.
async fn rows(
    connection: &mut PgConnection,
    after: i64,
    upto: i64,
    time: i64,
) -> Result<Rows, Error> {
    let conversions = sqlx::query_as!(
        ConversionRow,
        r#"SELECT GREATEST(seq, 0) AS "seq!", address AS conversion, campaign, referral, referrer,
                  partner, referee, amount AS "amount: Unsigned",
                  reward_referrer AS "reward_referrer: Unsigned",
                  reward_referee AS "reward_referee: Unsigned",
                  reward_partner AS "reward_partner: Unsigned", converted_at, matures_at
           FROM conversions
           WHERE seq > $1 AND seq <= $2 AND matures_at <= $3 AND status <> 'cancelled'
           ORDER BY 1, address"#,
        after,
        upto,
        time,
    )
    .fetch_all(&mut *connection)
    .await?;
    let payments = sqlx::query_as!(
        PaymentRow,
        r#"SELECT GREATEST(seq, 0) AS "seq!", COALESCE(subject, '') AS "conversion!",
                  COALESCE(detail ->> 'part', '') AS "part!", COALESCE(wallet, '') AS "recipient!",
                  COALESCE(units, 0) AS "units!: Unsigned"
           FROM events WHERE seq > $1 AND seq <= $2 AND kind = 'part_paid'
           ORDER BY 1, subject, place"#,
        after,
        upto,
    )
    .fetch_all(connection)
    .await?;
    Ok(Rows {
        conversions,
        payments,
    })
}

/// [`Snapshot::rows`], as of a stored digest.
///
/// # Errors
/// See [`Error`].
pub async fn page(pool: &PgPool, head: &Head, after: i64, upto: i64) -> Result<Rows, Error> {
    let mut connection = pool.acquire().await?;
    rows(&mut connection, after, upto.min(head.seq), head.time).await
}

/// The newest digest at or before `slot`; without it, the newest.
///
/// # Errors
/// See [`Error`].
pub async fn find(pool: &PgPool, slot: Option<i64>) -> Result<Option<Digest>, Error> {
    let row = sqlx::query!(
        "SELECT seq, slot, signature, time, genesis_hash, bucket_size, conversions, rewards, paid,
                root, buckets
         FROM digests WHERE $1::bigint IS NULL OR slot <= $1 ORDER BY seq DESC LIMIT 1",
        slot,
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        Ok(Digest {
            head: Head {
                seq: row.seq,
                slot: row.slot,
                signature: row.signature,
                time: row.time,
                genesis_hash: row.genesis_hash,
            },
            bucket_size: row.bucket_size,
            conversions: row.conversions,
            rewards: sum_from_numeric(&row.rewards)?,
            paid: sum_from_numeric(&row.paid)?,
            root: row.root,
            buckets: row.buckets,
        })
    })
    .transpose()
}

/// Stores a digest, in place of one of the same transaction.
///
/// # Errors
/// When Postgres does not answer.
pub async fn store(pool: &PgPool, digest: &Digest) -> Result<(), Error> {
    let Digest {
        head,
        bucket_size,
        conversions,
        rewards,
        paid,
        root,
        buckets,
    } = digest;
    let insert = sqlx::query!(
        "INSERT INTO digests (seq, slot, signature, time, genesis_hash, bucket_size, conversions,
                              rewards, paid, root, buckets)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::numeric, $9::text::numeric, $10, $11)
         ON CONFLICT (seq) DO UPDATE SET
             slot = EXCLUDED.slot, signature = EXCLUDED.signature, time = EXCLUDED.time,
             genesis_hash = EXCLUDED.genesis_hash, bucket_size = EXCLUDED.bucket_size,
             conversions = EXCLUDED.conversions, rewards = EXCLUDED.rewards, paid = EXCLUDED.paid,
             root = EXCLUDED.root, buckets = EXCLUDED.buckets, computed_at = now()",
        head.seq,
        head.slot,
        head.signature,
        head.time,
        head.genesis_hash,
        bucket_size,
        conversions,
        rewards.to_string(),
        paid.to_string(),
        root,
        buckets,
    );
    unless_silent(async { Ok(insert.execute(pool).await?) }).await?;
    Ok(())
}

/// Deletes old digests: of those older than two days only the last of each day (UTC) stays, and none
/// that is older than `days`. The newest one always stays. Returns how many it deleted.
///
/// # Errors
/// When Postgres does not answer.
pub async fn thin(pool: &PgPool, days: i32) -> Result<u64, Error> {
    let delete = sqlx::query!(
        "DELETE FROM digests AS old
         WHERE EXISTS (
             SELECT FROM digests AS later
             WHERE later.seq > old.seq
               AND (old.computed_at < now() - make_interval(days => $1)
                    OR (old.computed_at < now() - interval '2 days'
                        AND (later.computed_at AT TIME ZONE 'UTC')::date
                            = (old.computed_at AT TIME ZONE 'UTC')::date)))",
        days,
    );
    let done = unless_silent(async { Ok(delete.execute(pool).await?) }).await?;
    Ok(done.rows_affected())
}
