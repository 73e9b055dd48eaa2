//! Writes finality: it extends the proven ranges of slots, and counts conversions for ranks.

use sqlx::PgConnection;

use super::{
    ranks::{self, Counted, Step},
    rows::Maturing,
};
use crate::Error;

/// A range of slots that is proven complete and final, with the transactions in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Final {
    /// The last transaction in the range, or before it if there is none in it.
    pub seq: i64,
    /// The first slot of the range. It extends what is covered if it is the next slot; otherwise
    /// a gap remains, and `finalized_slot` stays before it.
    pub first_slot: i64,
    /// The last slot of the range.
    pub last_slot: i64,
    /// The chain's clock at the end of the range, or earlier: conversions that are mature by then
    /// count for ranks. If they are very many, the mirror goes only a part of the way; the next
    /// range goes on, or [`super::Writer::count`].
    pub time: Option<i64>,
    /// The name of the source that listed the transactions, such as `rpc`.
    pub source: String,
}

/// Writes the progress. `new` are conversions that do not wait yet: those that need not, never do.
/// At most `most` of all begin to count, and as many a day later. With `award`, badges are given. The caller
/// commits. Returns what counts from now on.
pub(super) async fn write(
    connection: &mut PgConnection,
    range: &Final,
    new: &[Maturing],
    most: i64,
    award: bool,
) -> Result<Counted, Error> {
    let state = sqlx::query_as!(
        ranks::Progress,
        "UPDATE indexer_state SET final_seq = GREATEST(final_seq, $1)
         RETURNING final_seq, final_time, final_address, earlier_time, earlier_address",
        range.seq,
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM accounts_before WHERE seq <= $1",
        state.final_seq
    )
    .execute(&mut *connection)
    .await?;
    cover(
        &mut *connection,
        "listed",
        range.first_slot,
        range.last_slot,
        &range.source,
    )
    .await?;
    if state.final_time.is_none() && range.time.is_none() {
        ranks::wait(connection, new).await?;
        return Ok(Counted::default());
    }
    let step = Step {
        clock: range.time,
        slot: i64::MAX,
        most,
        is_earlier: false,
        award,
    };
    ranks::count(connection, state, new, &step).await
}

/// Adds a proven range to `coverage`.
pub(super) async fn cover(
    connection: &mut PgConnection,
    proof: &str,
    first_slot: i64,
    last_slot: i64,
    source: &str,
) -> Result<(), Error> {
    // The range that ends just before this one grows.
    let grown = sqlx::query!(
        "UPDATE coverage SET last_slot = $2, source = $4, proven_at = now()
         WHERE proof = $3 AND first_slot <= $1 AND last_slot >= $1 - 1 AND last_slot < $2",
        first_slot,
        last_slot,
        proof,
        source,
    )
    .execute(&mut *connection)
    .await?;
    if grown.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO coverage (proof, first_slot, last_slot, source)
         SELECT $3, $1, $2, $4
         WHERE NOT EXISTS (SELECT FROM coverage
                           WHERE proof = $3 AND first_slot <= $1 AND last_slot >= $2)
         ON CONFLICT (proof, first_slot) DO UPDATE SET
             last_slot = GREATEST(coverage.last_slot, EXCLUDED.last_slot), proven_at = now()",
        first_slot,
        last_slot,
        proof,
        source,
    )
    .execute(connection)
    .await?;
    Ok(())
}
