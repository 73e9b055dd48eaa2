//! Gives badges: to the leader of a month, in a campaign or a category, and after a rebuild. `finality` gives those of milestones.

use sqlx::PgConnection;

use crate::Error;

/// Months that are looked at in one batch. The others are looked at in the next ones.
const MONTHS: i64 = 1000;

/// Decides every month that is over by `time`, the chain's clock, and of which no conversion waits;
/// with `award`, gives its leader the badge. Nobody joins such a month any more. The order is that
/// of a leaderboard: conversions, the earlier last conversion, the address.
///
/// A conversion that a transaction cancelled which is not final may come back, so it waits, too.
/// A month that waits is looked at again when its last conversion is mature, or when one of its
/// conversions is cancelled. The month of a category waits for the conversions of every campaign, at
/// most for the longest hold, and is looked at again only when the last one would be mature.
pub(super) async fn decide(
    connection: &mut PgConnection,
    time: i64,
    award: bool,
) -> Result<(), Error> {
    sqlx::query!(
        "WITH unsure AS MATERIALIZED (
             SELECT DISTINCT campaign, converted_at
             FROM accounts_before JOIN conversions USING (address) WHERE status = 'cancelled'
         ), due AS (
             SELECT campaign, period AS month,
                    extract(epoch FROM to_date(period, 'YYYY-MM'))::bigint AS starts_at,
                    ends_at
             FROM boards AS board
             WHERE decide_at <= $1 AND NOT EXISTS (
                 SELECT FROM unsure
                 WHERE (unsure.campaign = board.campaign OR board.campaign < '1')
                   AND converted_at < ends_at
                   AND converted_at >= extract(epoch FROM to_date(period, 'YYYY-MM'))::bigint
             )
             ORDER BY decide_at LIMIT $2
         ), seen AS (
             SELECT campaign, month, CASE WHEN campaign >= '1' THEN (
                 SELECT matures_at FROM maturing AS waiting
                 WHERE waiting.campaign = due.campaign
                   AND converted_at >= starts_at AND converted_at < ends_at
                 ORDER BY converted_at DESC LIMIT 1
             ) ELSE (
                 -- Of a category: in any campaign.
                 SELECT matures_at FROM maturing
                 WHERE converted_at >= starts_at AND converted_at < ends_at
                 ORDER BY converted_at DESC LIMIT 1
             ) END AS waits_until FROM due
         ), decided AS (
             UPDATE boards AS board SET decide_at = waits_until FROM seen
             WHERE board.campaign = seen.campaign AND board.period = seen.month
             RETURNING board.campaign, board.period AS month, decide_at
         )
         INSERT INTO awards (campaign, referrer, badge, month)
         SELECT campaign, referrer,
                CASE WHEN campaign >= '1' THEN 'monthly_leader' ELSE 'category_leader' END, month
         FROM decided CROSS JOIN LATERAL (
             SELECT referrer FROM referrer_totals AS total
             WHERE total.campaign = decided.campaign AND total.period = decided.month
             ORDER BY -conversions::numeric, last_converted_at, referrer LIMIT 1
         ) AS leader
         WHERE decide_at IS NULL AND $3
         ORDER BY month, campaign
         ON CONFLICT DO NOTHING",
        time,
        MONTHS,
        award,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives all badges that somebody has earned in the mirror and does not have.
pub(super) async fn complete(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!(
        "WITH earned AS (
             SELECT campaign, referrer, badge, '' AS month, threshold
             FROM referrer_totals JOIN badges ON threshold <= conversions
             WHERE period = '' AND campaign >= '1'
             UNION ALL
             SELECT board.campaign, referrer,
                    CASE WHEN board.campaign >= '1' THEN 'monthly_leader' ELSE 'category_leader' END,
                    board.period, NULL
             FROM boards AS board CROSS JOIN LATERAL (
                 SELECT referrer FROM referrer_totals AS total
                 WHERE total.campaign = board.campaign AND total.period = board.period
                 ORDER BY -conversions::numeric, last_converted_at, referrer LIMIT 1
             ) AS leader
             WHERE board.ends_at IS NOT NULL AND decide_at IS NULL
         )
         INSERT INTO awards (campaign, referrer, badge, month)
         SELECT campaign, referrer, badge, month FROM earned
         WHERE NOT EXISTS (
             SELECT FROM awards AS award
             WHERE award.campaign = earned.campaign AND award.referrer = earned.referrer
               AND award.badge = earned.badge AND award.month = earned.month
         )
         ORDER BY month, threshold, campaign, referrer
         ON CONFLICT DO NOTHING",
    )
    .execute(connection)
    .await?;
    Ok(())
}
