//! How far the mirror is, and what it holds.

use sqlx::{PgConnection, PgPool};

use super::rows::{Account, Conversion, Status};
use crate::{Error, amount::Unsigned, unless_silent};

/// The mirror's progress.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Genesis hash of the mirrored chain; `None` before the first start.
    pub genesis_hash: Option<String>,
    /// The last mirrored transaction; 0 before the first one.
    pub confirmed_seq: i64,
    /// The last one of them that is final.
    pub final_seq: i64,
    /// The chain's clock up to which mature conversions count for ranks.
    pub final_time: Option<i64>,
    /// The last address that counts among those that mature in that second; `~`, which sorts after every address,
    /// when all of them do.
    pub final_address: String,
    /// Everything confirmed up to this slot is mirrored.
    pub indexed_slot: Option<i64>,
    /// Everything up to this slot is mirrored, final and proven complete.
    pub finalized_slot: Option<i64>,
}

/// A mirrored transaction, by which the mirror is compared with a node's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub seq: i64,
    /// Its slot.
    pub slot: i64,
    /// Place in its block, if the node told it.
    pub block_index: Option<i32>,
    /// Unix seconds of its block.
    pub block_time: i64,
    /// Its signature, base58.
    pub signature: String,
}

/// Returns the mirror's progress.
///
/// # Errors
/// When Postgres does not answer.
pub async fn state(pool: &PgPool) -> Result<State, Error> {
    let row = sqlx::query_as!(
        State,
        "SELECT genesis_hash, confirmed_seq, final_seq, final_time, final_address, indexed_slot,
                finality.finalized_slot
         FROM indexer_state, finality"
    );
    unless_silent(async { Ok(row.fetch_one(pool).await?) }).await
}

/// The mirrored transactions from number `seq` on, in their order.
///
/// # Errors
/// When Postgres does not answer.
pub async fn known(pool: &PgPool, seq: i64) -> Result<Vec<Known>, Error> {
    let rows = sqlx::query_as!(
        Known,
        "SELECT seq, slot, block_index, block_time, signature FROM transactions WHERE seq >= $1 ORDER BY seq",
        seq,
    );
    unless_silent(async { Ok(rows.fetch_all(pool).await?) }).await
}

/// The rows of the accounts among `addresses` that have one.
pub(super) async fn read(
    connection: &mut PgConnection,
    addresses: &[String],
) -> Result<Vec<Account>, Error> {
    Ok(sqlx::query_as!(
        Account,
        "SELECT address, data, seq, slot, doubt FROM accounts WHERE address = ANY($1)",
        addresses,
    )
    .fetch_all(connection)
    .await?)
}

/// At most `limit` accounts with an address after `after`, in their order.
///
/// # Errors
/// When Postgres does not answer.
pub async fn accounts_after(pool: &PgPool, after: &str, limit: i64) -> Result<Vec<Account>, Error> {
    let rows = sqlx::query_as!(
        Account,
        "SELECT address, data, seq, slot, doubt FROM accounts WHERE address > $1
         ORDER BY address LIMIT $2",
        after,
        limit,
    );
    unless_silent(async { Ok(rows.fetch_all(pool).await?) }).await
}

/// How many conversions there are of which it is not certain what was paid and a claim can prove it, and
/// in how many campaigns: of the first `limit` of them.
///
/// # Errors
/// When Postgres does not answer.
pub async fn uncertain(pool: &PgPool, limit: i64) -> Result<(i64, i64), Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "conversions!", count(DISTINCT campaign) AS "campaigns!" FROM (
               -- `LATERAL` with `OFFSET` keeps the planner from reading all conversions while it takes the doubts for many.
               SELECT campaign FROM doubts CROSS JOIN LATERAL (
                   SELECT campaign FROM conversions AS sale WHERE sale.address = doubts.address OFFSET 0
               ) AS sale
               WHERE is_provable LIMIT $1
           ) AS uncertain"#,
        limit,
    );
    let row = unless_silent(async { Ok(row.fetch_one(pool).await?) }).await?;
    Ok((row.conversions, row.campaigns))
}

/// How many conversions wait that are final and mature by `clock`, the chain's: of the first `limit` of them.
///
/// # Errors
/// When Postgres does not answer.
pub async fn waiting(pool: &PgPool, clock: i64, limit: i64) -> Result<i64, Error> {
    let row = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               -- From the place on up to which all count: the index may still have entries before it that are deleted.
               SELECT FROM maturing
               WHERE (matures_at, conversion) > (
                         COALESCE((SELECT final_time FROM indexer_state), -9223372036854775808),
                         COALESCE((SELECT final_address FROM indexer_state), '')
                     )
                 AND matures_at <= $1 AND seq <= (SELECT final_seq FROM indexer_state)
               ORDER BY matures_at, conversion LIMIT $2
           ) AS waiting"#,
        clock,
        limit,
    );
    unless_silent(async { Ok(row.fetch_one(pool).await?) }).await
}

/// The conversions among `addresses`.
pub(super) async fn conversions(
    connection: &mut PgConnection,
    addresses: &[String],
) -> Result<Vec<Conversion>, Error> {
    Ok(sqlx::query_as!(
        Conversion,
        r#"SELECT address, seq, slot, campaign, referral, code, referrer, partner, referee, action,
                  amount AS "amount: Unsigned", reference,
                  reward_referrer AS "reward_referrer: Unsigned",
                  reward_referee AS "reward_referee: Unsigned",
                  reward_partner AS "reward_partner: Unsigned",
                  converted_at, matures_at, status AS "status: Status", settled
           FROM conversions WHERE address = ANY($1)"#,
        addresses,
    )
    .fetch_all(connection)
    .await?)
}

/// Address and bytes of every account that exists. They are all in memory.
///
/// # Errors
/// When Postgres does not answer.
pub async fn live_accounts(pool: &PgPool) -> Result<Vec<(String, Vec<u8>)>, Error> {
    const PAGE: i64 = 1000;
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let rows = accounts_after(pool, &after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(all);
        };
        after.clone_from(&last.address);
        all.extend(
            rows.into_iter()
                .filter_map(|row| Some((row.address, row.data?))),
        );
    }
}
