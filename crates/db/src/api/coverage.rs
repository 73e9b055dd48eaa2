//! Reads the table `coverage`: the ranges of slots that are proven complete.

use sqlx::PgPool;
use time::OffsetDateTime;

use crate::Error;

/// A range of slots that is proven, by one proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// `listed` or `accounts`, as the migration describes them.
    pub proof: String,
    /// First slot of the range.
    pub first_slot: i64,
    /// Last slot of the range.
    pub last_slot: i64,
    /// The source that proves it.
    pub source: String,
    /// Time of the last proof, by the indexer's clock.
    pub proven_at: OffsetDateTime,
}

/// A conversion of which the transactions do not tell which parts were paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncertain {
    /// Its address.
    pub conversion: String,
    /// Its campaign.
    pub campaign: String,
    /// The slot that changed it last.
    pub slot: i64,
}

/// At most `limit` conversions of which it is not certain what was paid.
///
/// # Errors
/// See [`Error`].
pub async fn uncertain(pool: &PgPool, limit: i64) -> Result<Vec<Uncertain>, Error> {
    Ok(sqlx::query_as!(
        Uncertain,
        r#"SELECT c.address AS conversion, c.campaign, d.slot AS "slot!"
           FROM doubts d JOIN conversions c USING (address)
           ORDER BY c.address LIMIT $1"#,
        limit,
    )
    .fetch_all(pool)
    .await?)
}

/// At most `limit` proven ranges, the earliest first.
///
/// # Errors
/// See [`Error`].
pub async fn ranges(pool: &PgPool, limit: i64) -> Result<Vec<Range>, Error> {
    Ok(sqlx::query_as!(
        Range,
        "SELECT proof, first_slot, last_slot, source, proven_at FROM coverage
         ORDER BY proof, first_slot LIMIT $1",
        limit,
    )
    .fetch_all(pool)
    .await?)
}
