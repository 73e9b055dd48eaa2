//! Adds up the totals of referrers after a first history, referrer after referrer.
//!
//! While a mirror reads its first history, a step that counts conversions changes their days only
//! ([`defer`]). A total of all time is changed by every step, so it would be written again and again, with four entries
//! of indexes each time. Afterwards [`next`] inserts the totals of some referrers, which follow from their days,
//! each once. `indexer_state.totals_to` is the last referrer that has totals. From then on steps change them, too, so
//! new conversions count meanwhile.

use sqlx::PgConnection;

use super::{
    awards, fences,
    ranks::{self, Progress},
};
use crate::Error;

/// [`Progress::totals_to`] when all referrers have totals. It sorts after every address.
const ALL: &str = "~";

/// What a step has added.
#[derive(Debug)]
pub(super) struct Filled {
    /// The days and totals of which the step was made.
    pub(super) rows: i64,
    /// Whether all referrers have totals now.
    pub(super) is_done: bool,
}

/// Whether totals of referrers are missing.
pub(super) fn is_due(progress: &Progress) -> bool {
    progress.totals_to != ALL
}

/// Lets the totals of all referrers wait, if no conversion has counted yet. Returns whether totals are missing.
pub(super) async fn defer(connection: &mut PgConnection) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"UPDATE indexer_state SET totals_to = CASE
               WHEN final_time IS NULL AND NOT EXISTS (SELECT FROM referrer_totals) THEN ''
               ELSE totals_to END
           RETURNING totals_to < '~' AS "lacks_totals!""#,
    )
    .fetch_one(connection)
    .await?)
}

/// Adds the totals of the next referrers, which have about `most` days together, or else the parts of one large leaderboard.
/// With `award`, gives the badges that are earned by that. The caller has locked `indexer_state`, and commits.
pub(super) async fn next(
    connection: &mut PgConnection,
    progress: &Progress,
    most: i64,
    award: bool,
) -> Result<Filled, Error> {
    ranks::prepare(&mut *connection, most).await?;
    let days = sqlx::query!(
        r#"SELECT count(*) AS "count!", max(referrer) AS last FROM (
               SELECT referrer FROM referrer_daily WHERE referrer > $1 ORDER BY referrer LIMIT $2
           ) AS next"#,
        progress.totals_to,
        most,
    )
    .fetch_one(&mut *connection)
    .await?;
    if let Some(last) = days.last {
        reach(&mut *connection, &last).await?;
        let totals = add(connection, &progress.totals_to, award).await?;
        return Ok(Filled {
            rows: days.count.max(totals),
            is_done: false,
        });
    }
    // No step founds parts meanwhile, because it would not know how many entries are still to come.
    if let Some(entries) = found(&mut *connection).await? {
        return Ok(Filled {
            rows: entries,
            is_done: false,
        });
    }
    reach(&mut *connection, ALL).await?;
    if let Some(time) = progress.final_time {
        awards::decide(connection, time, award).await?;
    }
    Ok(Filled {
        rows: 0,
        is_done: true,
    })
}

async fn reach(connection: &mut PgConnection, referrer: &str) -> Result<(), Error> {
    sqlx::query!("UPDATE indexer_state SET totals_to = $1", referrer)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds the totals of the referrers after `after` up to the last one that has any. Returns how many totals.
async fn add(connection: &mut PgConnection, after: &str, award: bool) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"WITH totals AS (
               INSERT INTO referrer_totals
               SELECT * FROM (
                   SELECT * FROM counted_referrers WHERE referrer > $1
                   UNION ALL
                   SELECT * FROM counted_everywhere WHERE referrer > $1
               ) AS counted
               -- The order of three of the indexes.
               ORDER BY campaign, period, conversions DESC
               RETURNING *
           ), milestones AS (
               INSERT INTO awards (campaign, referrer, badge, month)
               SELECT campaign, referrer, badge, ''
               FROM totals JOIN badges ON threshold <= conversions
               WHERE period = '' AND campaign >= '1' AND $2
               ORDER BY threshold, campaign, referrer
               ON CONFLICT DO NOTHING
           ), opened AS (
               INSERT INTO boards AS board
               SELECT *, ends_at FROM (
                   SELECT campaign, period, count(*) AS referrers,
                          leaderboard_ends_at(campaign, period) AS ends_at
                   FROM totals GROUP BY campaign, period
               ) AS counted
               ON CONFLICT (campaign, period) DO UPDATE SET
                   referrers = board.referrers + EXCLUDED.referrers
           )
           SELECT count(*) AS "count!" FROM totals"#,
        after,
        award,
    )
    .fetch_one(connection)
    .await?)
}

/// Gives parts to a large leaderboard that has none. Returns how many entries it has; `None` if all have parts.
async fn found(connection: &mut PgConnection) -> Result<Option<i64>, Error> {
    let board = sqlx::query!(
        "SELECT campaign, period, referrers FROM boards AS board
         WHERE referrers > $1
           AND NOT is_earlier_and_over(period, (SELECT final_time FROM indexer_state))
           AND NOT EXISTS (SELECT FROM board_fences AS fence
                           WHERE fence.campaign = board.campaign AND fence.period = board.period)
         ORDER BY campaign, period LIMIT 1",
        fences::MOST,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(board) = board else { return Ok(None) };
    // Rewards and volumes of different campaigns are of different tokens.
    let measures: &[_] = match board.campaign.as_str() {
        campaign if campaign >= "1" => &["conversions", "rewards", "volume"],
        _ => &["conversions"],
    };
    for measure in measures {
        fences::renew(&mut *connection, &board.campaign, &board.period, measure).await?;
    }
    Ok(Some(board.referrers))
}
