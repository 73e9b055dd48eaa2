//! Gives badges: to the leader of a month, in a campaign or a category, and after a rebuild. `finality` gives those of milestones.

use sqlx::PgConnection;

use crate::Error;

/// Months that are looked at in one batch. The others are looked at in the next ones.
const MONTHS: i64 = 1000;
/// Seconds after its end at which the month of a category is decided, even if conversions wait: 60 days.
/// Anybody can make a campaign whose holds take a year.
const PATIENCE: i64 = 60 * 86_400;
/// Conversions that wait whose categories are looked up for a month, the last ones.
const LOOKED_UP: i64 = 5_000;

/// Whether a month has to be decided by `time`, the chain's clock.
pub(super) async fn is_due(connection: &mut PgConnection, time: i64) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM boards WHERE decide_at <= $1) AS "is_due!""#,
        time,
    )
    .fetch_one(connection)
    .await?)
}

/// Decides every month that is over by `time`, the chain's clock, and of which no conversion waits;
/// with `award`, gives its leader the badge. Nobody joins such a month any more. The order is that
/// of a leaderboard: conversions, the earlier last conversion, the address.
///
/// A conversion that a transaction cancelled which is not final may come back, so it waits, too.
/// A month that waits is looked at again when its last conversion is mature, or when one of its
/// conversions is cancelled. The month of a category waits, in every campaign, for the conversions whose
/// referrers had the category on their day. It is looked at again when all of them would be mature, and
/// decided [`PATIENCE`] after its end by what counts then. If [`LOOKED_UP`] conversions wait
/// of which none is of the category, it is looked at again when all of these would be mature.
pub(super) async fn decide(
    connection: &mut PgConnection,
    time: i64,
    award: bool,
) -> Result<(), Error> {
    sqlx::query!(
        "WITH unsure AS MATERIALIZED (
             SELECT DISTINCT board.campaign, converted_at
             FROM accounts_before JOIN conversions AS sale USING (address) CROSS JOIN LATERAL (
                 SELECT sale.campaign
                 UNION ALL
                 SELECT own.board FROM referrer_groups(
                     referrer, (to_timestamp(converted_at) AT TIME ZONE 'UTC')::date) AS own
             ) AS board
             WHERE status = 'cancelled'
         ), due AS (
             SELECT campaign, period AS month,
                    extract(epoch FROM to_date(period, 'YYYY-MM'))::bigint AS starts_at,
                    ends_at
             FROM boards AS board
             WHERE decide_at <= $1 AND (
                 (board.campaign < '1' AND ends_at + $4 <= $1) OR NOT EXISTS (
                     SELECT FROM unsure
                     WHERE unsure.campaign = board.campaign AND converted_at < ends_at
                       AND converted_at >= extract(epoch FROM to_date(period, 'YYYY-MM'))::bigint
                 )
             )
             ORDER BY decide_at LIMIT $2
         ), waiting AS MATERIALIZED (
             -- In any campaign, for the months of categories.
             SELECT month, referrer, (to_timestamp(sale.converted_at) AT TIME ZONE 'UTC')::date AS day,
                    last.matures_at
             FROM (
                 SELECT DISTINCT month, starts_at, ends_at FROM due
                 WHERE campaign < '1' AND ends_at + $4 > $1
             ) AS span CROSS JOIN LATERAL (
                 SELECT conversion, matures_at FROM maturing
                 WHERE converted_at >= starts_at AND converted_at < ends_at
                 ORDER BY converted_at DESC LIMIT $5
             ) AS last JOIN conversions AS sale ON address = conversion
         ), held AS MATERIALIZED (
             SELECT month, own.board, max(matures_at) AS matures_at
             FROM waiting CROSS JOIN LATERAL referrer_groups(referrer, day) AS own
             GROUP BY 1, 2
             UNION ALL
             -- Those that were not looked up may be of any category.
             SELECT month, NULL, max(matures_at) FROM waiting GROUP BY 1 HAVING count(*) = $5
         ), seen AS (
             SELECT campaign, month, CASE WHEN campaign >= '1' THEN (
                 SELECT matures_at FROM maturing AS waiting
                 WHERE waiting.campaign = due.campaign
                   AND converted_at >= starts_at AND converted_at < ends_at
                 ORDER BY converted_at DESC LIMIT 1
             ) ELSE (
                 SELECT LEAST(matures_at, due.ends_at + $4) FROM held
                 WHERE held.month = due.month AND (board = due.campaign OR board IS NULL)
                 ORDER BY board NULLS LAST LIMIT 1
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
        PATIENCE,
        LOOKED_UP,
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
