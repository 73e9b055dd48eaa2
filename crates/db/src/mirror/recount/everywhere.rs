//! The totals of referrers over all campaigns: among all referrers, and in their categories and regions.

use sqlx::{Connection, PgConnection};

use super::{Drift, Recount, boards::span, lock, sum};
use crate::Error;

/// Referrers in one range.
const REFERRERS: i64 = 500;

/// Adds up the days of the referrers after the wallet `after` again, in all campaigns together, at
/// most 500 of them. With `repair`, their totals are what the days say afterwards.
///
/// # Errors
/// When Postgres does not answer.
pub async fn everywhere(
    connection: &mut PgConnection,
    after: &str,
    repair: bool,
) -> Result<Recount<String>, Error> {
    let range = sqlx::query_scalar!(
        r#"SELECT referrer AS "referrer!" FROM (
               (SELECT DISTINCT referrer FROM referrer_daily
                WHERE referrer > $1 ORDER BY referrer LIMIT $2)
               UNION
               (SELECT DISTINCT referrer FROM referrer_totals
                WHERE campaign = '' AND referrer > $1 ORDER BY referrer LIMIT $2)
           ) AS range
           ORDER BY referrer LIMIT $2"#,
        after,
        REFERRERS,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut recount = Recount {
        compared: range.len() as u64,
        last: range.into_iter().next_back(),
        drift: Vec::new(),
    };
    let Some(last) = recount.last.as_deref() else {
        return Ok(recount);
    };
    let drift = compare(&mut *connection, after, last).await?;
    if !repair || drift.is_empty() {
        recount.drift = drift;
        return Ok(recount);
    }
    let mut transaction = connection.begin().await?;
    lock(&mut transaction).await?;
    let drift = compare(&mut transaction, after, last).await?;
    sqlx::query!(
        "WITH RECURSIVE own AS (
             SELECT '' COLLATE \"C\" AS board
             UNION ALL
             SELECT next.campaign FROM own CROSS JOIN LATERAL (
                 SELECT campaign FROM referrer_totals
                 WHERE campaign > own.board AND campaign < '1' ORDER BY campaign LIMIT 1
             ) AS next
         )
         DELETE FROM referrer_totals
         WHERE campaign IN (SELECT board FROM own) AND referrer > $1 AND referrer <= $2",
        after,
        last,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO referrer_totals
         SELECT * FROM counted_everywhere WHERE referrer > $1 AND referrer <= $2",
        after,
        last,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    recount.drift = drift;
    Ok(recount)
}

async fn compare(
    connection: &mut PgConnection,
    after: &str,
    last: &str,
) -> Result<Vec<Drift>, Error> {
    let totals = sqlx::query!(
        r#"WITH RECURSIVE own AS (
               -- The groups that have totals: a step in the index for each. `boards` may lack one.
               SELECT '' COLLATE "C" AS board
               UNION ALL
               SELECT next.campaign FROM own CROSS JOIN LATERAL (
                   SELECT campaign FROM referrer_totals
                   WHERE campaign > own.board AND campaign < '1' ORDER BY campaign LIMIT 1
               ) AS next
           )
           SELECT campaign AS "campaign!", referrer AS "referrer!", period AS "period!",
                  COALESCE(counted.conversions, 0) AS "conversions!",
                  COALESCE(counted.rewards, 0) AS "rewards!",
                  COALESCE(counted.last_converted_at, 0) AS "last!",
                  COALESCE(counted.volume, 0) AS "volume!",
                  COALESCE(kept.conversions, 0) AS "kept_conversions!",
                  COALESCE(kept.rewards, 0) AS "kept_rewards!",
                  COALESCE(kept.last_converted_at, 0) AS "kept_last!",
                  COALESCE(kept.volume, 0) AS "kept_volume!"
           FROM (SELECT * FROM counted_everywhere
                 WHERE referrer > $1 AND referrer <= $2) AS counted
           FULL JOIN (SELECT total.*
                      -- Each leaderboard by itself, so that the index gives the referrers.
                      FROM own CROSS JOIN LATERAL (
                          SELECT * FROM referrer_totals
                          WHERE campaign = own.board AND referrer > $1 AND referrer <= $2
                      ) AS total) AS kept
               USING (campaign, referrer, period)
           WHERE (counted.conversions, counted.rewards, counted.last_converted_at,
                  counted.volume)
               IS DISTINCT FROM (kept.conversions, kept.rewards, kept.last_converted_at, kept.volume)
             AND NOT is_earlier_and_over(period, (SELECT final_time FROM indexer_state))
           ORDER BY 1, 2, 3"#,
        after,
        last,
    )
    .fetch_all(connection)
    .await?;
    let totals = totals.into_iter().map(|row| Drift {
        of: match row.campaign.as_str() {
            "" => format!("{} in all campaigns{}", row.referrer, span(&row.period)),
            group => format!("{} in {group}{}", row.referrer, span(&row.period)),
        },
        kept: sum(
            row.kept_conversions,
            &row.kept_rewards,
            &row.kept_volume,
            row.kept_last,
        ),
        counted: sum(row.conversions, &row.rewards, &row.volume, row.last),
    });
    Ok(totals.collect())
}
