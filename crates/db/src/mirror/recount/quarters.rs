//! The counters of quarters of an hour.

use sqlx::{Connection, PgConnection, types::BigDecimal};

use super::{Drift, Recount, lock};
use crate::Error;

/// Seconds of a range.
const DAY: i64 = 86_400;

/// Counts the conversions of a day (UTC) again: the next one from `from` on, in Unix seconds, in which somebody
/// converted or for which there are counters. With `repair`, its counters are what the list says
/// afterwards. The key of the range is the day's end.
///
/// # Errors
/// When Postgres does not answer.
pub async fn quarters(
    connection: &mut PgConnection,
    from: i64,
    repair: bool,
) -> Result<Recount<i64>, Error> {
    let next = sqlx::query_scalar!(
        "SELECT LEAST(
             (SELECT min(quarter) FROM conversion_quarters WHERE quarter >= $1),
             (SELECT converted_at FROM conversions WHERE converted_at >= $1
              ORDER BY converted_at LIMIT 1))",
        from,
    )
    .fetch_one(&mut *connection)
    .await?;
    let Some(next) = next else {
        return Ok(Recount {
            last: None,
            compared: 0,
            drift: Vec::new(),
        });
    };
    let since = next - next.rem_euclid(DAY);
    let until = since + DAY;
    let mut found = compare(&mut *connection, since, until).await?;
    if repair && !found.drift.is_empty() {
        let mut transaction = connection.begin().await?;
        lock(&mut transaction).await?;
        found = compare(&mut transaction, since, until).await?;
        sqlx::query!(
            "DELETE FROM conversion_quarters WHERE quarter >= $1 AND quarter < $2",
            since,
            until,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "INSERT INTO conversion_quarters
             SELECT subject, conversion_quarter(converted_at),
                    count(*) FILTER (WHERE status <> 'cancelled'),
                    COALESCE(sum(reward_referrer)
                        FILTER (WHERE part_state(status, settled, 1) = 'paid'), 0),
                    COALESCE(sum(reward_referrer)
                        FILTER (WHERE part_state(status, settled, 1) = 'pending'), 0)
             FROM conversions CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
             WHERE converted_at >= $1 AND converted_at < $2
             GROUP BY 1, 2
             HAVING count(*) FILTER (WHERE status <> 'cancelled') > 0",
            since,
            until,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
    }
    Ok(found)
}

async fn compare(
    connection: &mut PgConnection,
    since: i64,
    until: i64,
) -> Result<Recount<i64>, Error> {
    let rows = sqlx::query!(
        r#"WITH counted AS (
               SELECT subject, conversion_quarter(converted_at) AS quarter,
                      count(*) FILTER (WHERE status <> 'cancelled') AS conversions,
                      COALESCE(sum(reward_referrer)
                          FILTER (WHERE status <> 'cancelled' AND settled & 1 = 1), 0) AS paid,
                      COALESCE(sum(reward_referrer)
                          FILTER (WHERE status = 'pending' AND settled & 1 = 0), 0) AS pending
               FROM conversions CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
               WHERE converted_at >= $1 AND converted_at < $2
               GROUP BY 1, 2
           )
           SELECT subject AS "subject!", quarter AS "quarter!",
                  COALESCE(counted.conversions, 0) AS "conversions!",
                  COALESCE(paid, 0) AS "paid!", COALESCE(pending, 0) AS "pending!",
                  COALESCE(kept.conversions, 0) AS "kept_conversions!",
                  COALESCE(rewards_paid, 0) AS "kept_paid!",
                  COALESCE(rewards_pending, 0) AS "kept_pending!"
           FROM counted FULL JOIN (
               SELECT * FROM conversion_quarters WHERE quarter >= $1 AND quarter < $2
           ) AS kept USING (subject, quarter)"#,
        since,
        until,
    )
    .fetch_all(connection)
    .await?;
    let mut recount = Recount {
        last: Some(until),
        compared: rows.len() as u64,
        drift: Vec::new(),
    };
    for row in rows {
        let counted = numbers(row.conversions, &row.paid, &row.pending);
        let kept = numbers(row.kept_conversions, &row.kept_paid, &row.kept_pending);
        if counted != kept {
            recount.drift.push(Drift {
                of: format!("quarter {} of {}", row.quarter, row.subject),
                kept,
                counted,
            });
        }
    }
    Ok(recount)
}

fn numbers(conversions: i64, paid: &BigDecimal, pending: &BigDecimal) -> String {
    let (paid, pending) = (paid.with_scale(0), pending.with_scale(0));
    format!("{conversions} conversions, {paid} paid, {pending} pending")
}
