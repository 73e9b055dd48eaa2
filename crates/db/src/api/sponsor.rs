//! Transactions that the sponsor of fees has signed, and how much of a day's limits they have used.
//!
//! Replicas of the API take the limits here, and record a transaction, before they sign it.

use std::time::Duration;

use sqlx::{PgPool, Postgres, Transaction, postgres::PgPoolOptions, types::BigDecimal};

use crate::{Error, amount::sum_from_numeric, connect::options};

/// The beginning of the subject of a network.
pub const NETWORK: &str = "network ";

/// Days for which the sums of a day are kept.
const KEPT_DAYS: i32 = 8;
/// Rows that one statement deletes at most.
const BATCH: i64 = 10_000;

/// The limits of a day (UTC) for one of those that a transaction counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// All, a campaign, a wallet, or the keyed hash of a network.
    pub subject: String,
    /// Most transactions.
    pub transactions: i64,
    /// Most lamports of fees and rent.
    pub lamports: u64,
}

/// A transaction that the sponsor is about to sign.
#[derive(Debug, Clone, Copy)]
pub struct Sponsored<'a> {
    /// SHA-256 of `message`.
    pub message_hash: [u8; 32],
    /// The bytes to sign.
    pub message: &'a [u8],
    /// The address that pays.
    pub sponsor: &'a str,
    /// The campaign that it counts for.
    pub campaign: &'a str,
    /// The wallet that acts, and that it counts for.
    pub wallet: &'a str,
    /// Lamports.
    pub fee: u64,
    /// Lamports, at most.
    pub rent: u64,
    /// The last block height that takes it.
    pub last_valid_height: u64,
}

/// Outcome of recording a transaction that the sponsor is asked to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded, and counts on every share.
    Now,
    /// It was recorded before, and counts once.
    Before,
    /// Another transaction of the wallet may still land. Nothing was recorded or counted.
    Pending,
    /// This one of the shares, the first in their order, has no room. Nothing was recorded or counted.
    Full(usize),
}

/// The sponsor's sums of the present day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Their number.
    pub transactions: i64,
    /// Lamports of fees and rent.
    pub lamports: u128,
}

/// A pool that records what keys of the API sign, and does nothing else: its locks keep no other query waiting. A query
/// waits briefly for a lock, and a transaction that its client left open ends, because other replicas may wait for
/// its rows.
///
/// # Errors
/// [`Error::Refused`] when `url` is not the URL of a Postgres database.
pub fn signing_pool(url: &str, connections: u32, patience: Duration) -> Result<PgPool, Error> {
    let options = options(url, "vouch-api signing")?.options([
        ("statement_timeout", "3s"),
        ("lock_timeout", "1s"),
        ("idle_in_transaction_session_timeout", "2s"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        .connect_lazy_with(options))
}

/// Messages of the wallet that a block of this height may still take.
///
/// # Errors
/// See [`Error`].
pub async fn pending(pool: &PgPool, wallet: &str, height: u64) -> Result<Vec<Vec<u8>>, Error> {
    let found = sqlx::query_scalar!(
        "SELECT message FROM sponsored_transactions WHERE wallet = $1 AND last_valid_height >= $2::numeric
         ORDER BY last_valid_height DESC LIMIT 20",
        wallet,
        BigDecimal::from(height),
    );
    Ok(found.fetch_all(pool).await?)
}

/// Whether a transaction with this hash was recorded.
///
/// # Errors
/// See [`Error`].
pub async fn is_recorded(pool: &PgPool, message_hash: &[u8; 32]) -> Result<bool, Error> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sponsored_transactions WHERE message_hash = $1) AS "found!""#,
        message_hash.as_slice(),
    );
    Ok(found.fetch_one(pool).await?)
}

/// Records a transaction and counts it on all of these shares, whose subjects differ, if each has room; else
/// on none. A transaction that was recorded before is counted on none. Each wallet has one that may still land at
/// this height of the chain, besides those that have `ended`, by their hashes.
///
/// # Errors
/// See [`Error`].
pub async fn record(
    pool: &PgPool,
    sponsored: &Sponsored<'_>,
    shares: &[Share],
    height: u64,
    ended: &[Vec<u8>],
) -> Result<Recorded, Error> {
    let mut transaction = pool.begin().await?;
    // Requests of one wallet come one after the other. Every one takes this lock before all others.
    sqlx::query!(
        r#"SELECT pg_advisory_xact_lock(hashtextextended('sponsor ' || $1, 0))::text AS "locked""#,
        sponsored.wallet,
    )
    .fetch_one(&mut *transaction)
    .await?;
    // A request for the same transaction waits here until this one has ended.
    let inserted = sqlx::query!(
        "INSERT INTO sponsored_transactions
             (message_hash, message, sponsor, campaign, wallet, fee, rent, last_valid_height)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        sponsored.message_hash.as_slice(),
        sponsored.message,
        sponsored.sponsor,
        sponsored.campaign,
        sponsored.wallet,
        BigDecimal::from(sponsored.fee),
        BigDecimal::from(sponsored.rent),
        BigDecimal::from(sponsored.last_valid_height),
    )
    .execute(&mut *transaction)
    .await?;
    if inserted.rows_affected() == 0 {
        transaction.rollback().await?;
        return Ok(Recorded::Before);
    }
    let pending = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM sponsored_transactions
               WHERE wallet = $1 AND last_valid_height >= $2::numeric
                 AND message_hash <> $3 AND message_hash <> ALL ($4::bytea[])) AS "pending!""#,
        sponsored.wallet,
        BigDecimal::from(height),
        sponsored.message_hash.as_slice(),
        ended,
    )
    .fetch_one(&mut *transaction)
    .await?;
    if pending {
        transaction.rollback().await?;
        return Ok(Recorded::Pending);
    }
    let lamports = sponsored.fee.saturating_add(sponsored.rent);
    let full = count(&mut transaction, shares, lamports).await?;
    if let Some(place) = full {
        transaction.rollback().await?;
        return Ok(Recorded::Full(place));
    }
    transaction.commit().await?;
    Ok(Recorded::Now)
}

/// Counts a transaction on these shares. Returns the place of the first that has no room, if there is one.
async fn count(
    transaction: &mut Transaction<'_, Postgres>,
    shares: &[Share],
    lamports: u64,
) -> Result<Option<usize>, Error> {
    let asked = Asked::of(shares);
    // Rows are locked in the order of their keys, so that two requests cannot deadlock.
    let full = sqlx::query_scalar!(
        r#"WITH asked AS (
               SELECT subject, most, most_lamports, place
               FROM UNNEST($1::text[], $2::bigint[], $3::numeric[])
                   WITH ORDINALITY AS asked (subject, most, most_lamports, place)
           ), taken AS (
               INSERT INTO sponsor_days AS d (day, subject, transactions, lamports)
               SELECT (now() AT TIME ZONE 'UTC')::date, subject, 1, $4::numeric
               FROM asked WHERE most >= 1 AND most_lamports >= $4::numeric ORDER BY subject
               ON CONFLICT (day, subject) DO UPDATE
               SET transactions = d.transactions + 1, lamports = d.lamports + EXCLUDED.lamports
               WHERE EXISTS (
                   SELECT FROM asked
                   WHERE asked.subject = d.subject AND d.transactions < asked.most
                     AND d.lamports + EXCLUDED.lamports <= asked.most_lamports)
               RETURNING subject
           )
           SELECT place AS "place!" FROM asked
           WHERE NOT EXISTS (SELECT FROM taken WHERE taken.subject = asked.subject)
           ORDER BY place LIMIT 1"#,
        &asked.subjects,
        &asked.transactions,
        &asked.lamports,
        BigDecimal::from(lamports),
    )
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(full.map(place))
}

/// The place of the first of these shares that has no room for a transaction of so many lamports; `None` if
/// each has. Nothing is counted, so a later [`record`] may find otherwise.
///
/// # Errors
/// See [`Error`].
pub async fn full(pool: &PgPool, shares: &[Share], lamports: u64) -> Result<Option<usize>, Error> {
    let asked = Asked::of(shares);
    let full = sqlx::query_scalar!(
        r#"SELECT place AS "place!"
           FROM UNNEST($1::text[], $2::bigint[], $3::numeric[])
               WITH ORDINALITY AS asked (subject, most, most_lamports, place)
           LEFT JOIN sponsor_days d
               ON d.subject = asked.subject AND d.day = (now() AT TIME ZONE 'UTC')::date
           WHERE COALESCE(d.transactions, 0) >= most
              OR COALESCE(d.lamports, 0) + $4::numeric > most_lamports
           ORDER BY place LIMIT 1"#,
        &asked.subjects,
        &asked.transactions,
        &asked.lamports,
        BigDecimal::from(lamports),
    )
    .fetch_optional(pool)
    .await?;
    Ok(full.map(place))
}

/// The sums of a subject on the present day (UTC).
///
/// # Errors
/// See [`Error`].
pub async fn today(pool: &PgPool, subject: &str) -> Result<Day, Error> {
    let row = sqlx::query!(
        "SELECT transactions, lamports FROM sponsor_days
         WHERE day = (now() AT TIME ZONE 'UTC')::date AND subject = $1",
        subject,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else {
        return Ok(Day {
            transactions: 0,
            lamports: 0,
        });
    };
    Ok(Day {
        transactions: row.transactions,
        lamports: sum_from_numeric(&row.lamports)?,
    })
}

/// Deletes one batch of sums: of networks when their day is over, of others a week later. Several processes may do this at once. Returns
/// whether there may be more.
///
/// # Errors
/// See [`Error`].
pub async fn sweep(pool: &PgPool) -> Result<bool, Error> {
    let deleted = sqlx::query!(
        "DELETE FROM sponsor_days WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM sponsor_days
             WHERE day < (now() AT TIME ZONE 'UTC')::date
               AND (day < (now() AT TIME ZONE 'UTC')::date - $1::integer OR starts_with(subject, $3))
             LIMIT $2 FOR UPDATE SKIP LOCKED))",
        KEPT_DAYS,
        BATCH,
        NETWORK,
    )
    .execute(pool)
    .await?;
    Ok(i64::try_from(deleted.rows_affected()) == Ok(BATCH))
}

/// Shares in the form of the queries' parameters.
struct Asked {
    subjects: Vec<String>,
    transactions: Vec<i64>,
    lamports: Vec<BigDecimal>,
}

impl Asked {
    fn of(shares: &[Share]) -> Self {
        let subjects = shares.iter().map(|share| share.subject.clone());
        let lamports = shares.iter().map(|share| share.lamports.into());
        Self {
            subjects: subjects.collect(),
            transactions: shares.iter().map(|share| share.transactions).collect(),
            lamports: lamports.collect(),
        }
    }
}

/// The index of a place that Postgres counts from one.
fn place(ordinality: i64) -> usize {
    usize::try_from(ordinality)
        .unwrap_or_default()
        .saturating_sub(1)
}
