//! The parts of leaderboards: the upper level of a counted B-tree.
//!
//! A part has the entries from its own place up to the place of the next part. So a rank is the sum of
//! the parts before it, and a count within one part. The statement that changes places keeps the
//! counts (`finality`); this module keeps the parts at about the same size.

use std::cmp::Reverse;

use sqlx::{PgConnection, types::BigDecimal};

use crate::Error;

/// A leaderboard with more entries has parts. A part with more is split.
pub(super) const MOST: i64 = 2048;
/// A part with fewer entries is added to the one before it.
pub(super) const FEWEST: i64 = 256;
/// Entries of each part after a split, about.
const USUAL: i64 = 1024;

/// The score of a leaderboard's first part, which no entry has.
pub(super) fn before_all() -> BigDecimal {
    BigDecimal::new((-1).into(), -39)
}

/// A part of a leaderboard.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "board_fences")]
pub(super) struct Fence {
    campaign: String,
    period: String,
    measure: String,
    score: BigDecimal,
    last_converted_at: i64,
    referrer: String,
    entries: i64,
}

/// Splits and merges these parts. Their counts are right.
pub(super) async fn balance(
    connection: &mut PgConnection,
    mut uneven: Vec<Fence>,
) -> Result<(), Error> {
    // A merge changes the part before, so what has to be split is split first.
    uneven.sort_by_key(|fence| Reverse(fence.entries));
    for fence in uneven {
        if fence.entries > MOST {
            split(&mut *connection, &fence).await?;
        } else if let Some(grown) = merge(&mut *connection, &fence).await?
            && grown.entries > MOST
        {
            split(&mut *connection, &grown).await?;
        }
    }
    Ok(())
}

/// Puts parts of about [`USUAL`] entries into the place of one with more than [`MOST`]. It reads each
/// of its entries.
pub(super) async fn split(connection: &mut PgConnection, fence: &Fence) -> Result<(), Error> {
    let parts = fence.entries / USUAL;
    sqlx::query!(
        "WITH places AS (
             SELECT *, row_number() OVER (ORDER BY score, last_converted_at, referrer) - 1 AS before
             FROM (
                 SELECT score, last_converted_at, referrer FROM board_places
                 WHERE campaign = $1 AND period = $2 AND measure = $3
                   AND (score, last_converted_at, referrer) >= ($4, $5, $6)
                 ORDER BY score, last_converted_at, referrer LIMIT $7
             ) AS place
         )
         INSERT INTO board_fences
         -- The first part begins where the whole began.
         SELECT $1, $2, $3, $4, $5, $6, $8::bigint
         UNION ALL
         SELECT $1, $2, $3, score, last_converted_at, referrer, LEAST($8, $7::bigint - before)
         FROM places WHERE before > 0 AND before % $8 = 0
         ON CONFLICT (campaign, period, measure, score, last_converted_at, referrer)
             DO UPDATE SET entries = EXCLUDED.entries",
        fence.campaign,
        fence.period,
        fence.measure,
        fence.score,
        fence.last_converted_at,
        fence.referrer,
        fence.entries,
        (fence.entries + parts - 1) / parts,
    )
    // A plan for every campaign could not use the indexes that leave out the boards over all of them.
    .persistent(false)
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the parts of a leaderboard anew, from its entries. One of at most [`MOST`] entries has none.
pub(super) async fn renew(
    connection: &mut PgConnection,
    campaign: &str,
    period: &str,
    measure: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM board_fences WHERE campaign = $1 AND period = $2 AND measure = $3",
        campaign,
        period,
        measure,
    )
    .execute(&mut *connection)
    .await?;
    let whole = sqlx::query_as!(
        Fence,
        r#"SELECT $1 AS "campaign!", $2 AS "period!", $3 AS "measure!", -1e39 AS "score!",
                  0::bigint AS "last_converted_at!", '' AS "referrer!", count(*) AS "entries!"
           FROM referrer_totals WHERE campaign = $1 AND period = $2"#,
        campaign,
        period,
        measure,
    )
    .fetch_one(&mut *connection)
    .await?;
    if whole.entries > MOST {
        split(connection, &whole).await?;
    }
    Ok(())
}

/// Adds a part to the one before it, and returns that. The first part of a leaderboard stays; so does
/// one that is gone meanwhile.
async fn merge(connection: &mut PgConnection, fence: &Fence) -> Result<Option<Fence>, Error> {
    Ok(sqlx::query_as!(
        Fence,
        r#"WITH gone AS (
               DELETE FROM board_fences
               WHERE campaign = $1 AND period = $2 AND measure = $3 AND score = $4
                 AND last_converted_at = $5 AND referrer = $6 AND score > -1e39
               RETURNING entries
           ), before AS (
               SELECT score, last_converted_at, referrer FROM board_fences
               WHERE campaign = $1 AND period = $2 AND measure = $3
                 AND (score, last_converted_at, referrer) < ($4, $5, $6)
               ORDER BY score DESC, last_converted_at DESC, referrer DESC LIMIT 1
           )
           UPDATE board_fences AS fence SET entries = fence.entries + gone.entries
           FROM gone, before
           WHERE campaign = $1 AND period = $2 AND measure = $3 AND fence.score = before.score
             AND fence.last_converted_at = before.last_converted_at
             AND fence.referrer = before.referrer
           RETURNING fence.campaign, period, measure, fence.score, fence.last_converted_at,
                     fence.referrer, fence.entries"#,
        fence.campaign,
        fence.period,
        fence.measure,
        fence.score,
        fence.last_converted_at,
        fence.referrer,
    )
    .fetch_optional(connection)
    .await?)
}
