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
