//! The counters of days, and what waits for them.

use sqlx::{Connection, PgConnection, types::time::Date};

use super::{Drift, Recount, lock, sum};
use crate::Error;

/// The Julian day 1,721,426: the first day of the year 1.
const FIRST_DAY: i32 = 1_721_426;

/// Counts the days of leaderboards again: the next day after `after` on which somebody converted or
/// for which there are counters. With `repair`, its counters are what the list says afterwards.
///
/// # Errors
/// When Postgres does not answer.
pub async fn day(
    connection: &mut PgConnection,
    after: Option<Date>,
    repair: bool,
) -> Result<Recount<Date>, Error> {
    // Plain bounds, so that every plan uses the indexes.
    let (from, seconds) = match after.and_then(Date::next_day) {
        Some(next) => (next, next.midnight().assume_utc().unix_timestamp()),
        None => (
            Date::from_julian_day(FIRST_DAY).unwrap_or(Date::MIN),
            i64::MIN,
        ),
    };
    let next = sqlx::query_scalar!(
        r#"SELECT LEAST(
               (SELECT day FROM referrer_daily WHERE day >= $1 ORDER BY day LIMIT 1),
               (SELECT (to_timestamp(converted_at) AT TIME ZONE 'UTC')::date FROM conversions
                WHERE converted_at >= $2 ORDER BY converted_at LIMIT 1))"#,
        from,
        seconds,
    )
    .fetch_one(&mut *connection)
    .await?;
    let Some(day) = next else {
        return Ok(Recount {
            last: None,
            compared: 0,
            drift: Vec::new(),
        });
    };
    let found = compare(connection, day).await?;
    if repair && !found.drift.is_empty() {
        let mut transaction = connection.begin().await?;
        lock(&mut transaction).await?;
        let found = compare(&mut transaction, day).await?;
        sqlx::query!(
            "DELETE FROM maturing USING conversions
             WHERE conversion = address
               AND conversions.converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
               AND conversions.converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint",
            day as Date,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "INSERT INTO maturing
             SELECT address, seq, matures_at, campaign, converted_at FROM conversions, indexer_state
             WHERE converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
               AND converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint
               AND status <> 'cancelled'
               AND (seq > final_seq OR final_time IS NULL
                    OR (matures_at, address) > (final_time, final_address))",
            day as Date,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!("DELETE FROM referrer_daily WHERE day = $1", day)
            .execute(&mut *transaction)
            .await?;
        sqlx::query!(
            "INSERT INTO referrer_daily
             SELECT campaign, referrer, $1::date, count(*), sum(reward_referrer), max(converted_at),
                    sum(amount), count(*) FILTER (WHERE is_earlier),
                    COALESCE(sum(reward_referrer) FILTER (WHERE is_earlier), 0),
                    COALESCE(max(converted_at) FILTER (WHERE is_earlier), 0),
                    COALESCE(sum(amount) FILTER (WHERE is_earlier), 0)
             FROM ranked_conversions CROSS JOIN LATERAL (
                 SELECT (matures_at, address) <= (earlier_time, earlier_address) AS is_earlier FROM indexer_state
             ) AS state
             WHERE converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
               AND converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint
             GROUP BY campaign, referrer",
            day,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        return Ok(found);
    }
    Ok(found)
}

async fn compare(connection: &mut PgConnection, day: Date) -> Result<Recount<Date>, Error> {
    let waiting = compare_waiting(&mut *connection, day).await?;
    let rows = sqlx::query!(
        r#"WITH days AS (
               SELECT campaign, referrer, conversions, rewards, last_converted_at, volume,
                      earlier_conversions, earlier_rewards, earlier_last_converted_at, earlier_volume
               FROM referrer_daily WHERE day = $1
           ), kept AS (
               SELECT campaign, referrer, mark.* FROM days CROSS JOIN LATERAL (VALUES
                   (false, days.conversions, days.rewards, days.last_converted_at, days.volume),
                   (true, earlier_conversions, earlier_rewards, earlier_last_converted_at,
                    earlier_volume)
               ) AS mark (earlier, conversions, rewards, last_converted_at, volume)
           ), counted AS (
               SELECT campaign, referrer, earlier, count(*) AS conversions,
                      sum(reward_referrer) AS rewards, max(converted_at) AS last_converted_at,
                      sum(amount) AS volume
               FROM ranked_conversions, (SELECT earlier_time, earlier_address FROM indexer_state) AS state,
                    (VALUES (false), (true)) AS mark (earlier)
               WHERE converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
                 AND converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint
                 AND (NOT earlier OR (matures_at, address) <= (earlier_time, earlier_address))
               GROUP BY campaign, referrer, earlier
           )
           SELECT campaign AS "campaign!", referrer AS "referrer!", earlier AS "earlier!",
                  COALESCE(counted.conversions, 0) AS "conversions!",
                  COALESCE(counted.rewards, 0) AS "rewards!",
                  COALESCE(counted.last_converted_at, 0) AS "last!",
                  COALESCE(counted.volume, 0) AS "volume!",
                  COALESCE(kept.conversions, 0) AS "kept_conversions!",
                  COALESCE(kept.rewards, 0) AS "kept_rewards!",
                  COALESCE(kept.last_converted_at, 0) AS "kept_last!",
                  COALESCE(kept.volume, 0) AS "kept_volume!"
           FROM counted FULL JOIN kept USING (campaign, referrer, earlier)"#,
        day as Date,
    )
    .fetch_all(connection)
    .await?;
    let mut recount = Recount {
        last: Some(day),
        compared: rows.iter().filter(|row| !row.earlier).count() as u64,
        drift: Vec::new(),
    };
    for row in rows {
        let counted = sum(row.conversions, &row.rewards, &row.volume, row.last);
        let kept = sum(
            row.kept_conversions,
            &row.kept_rewards,
            &row.kept_volume,
            row.kept_last,
        );
        if counted != kept {
            let earlier = if row.earlier { ", a day earlier" } else { "" };
            recount.drift.push(Drift {
                of: format!("day {day} of {} in {}{earlier}", row.referrer, row.campaign),
                kept,
                counted,
            });
        }
    }
    recount.drift.extend(waiting);
    Ok(recount)
}

/// The conversions of the day that wait in `maturing` and should not, or the other way round.
async fn compare_waiting(connection: &mut PgConnection, day: Date) -> Result<Vec<Drift>, Error> {
    let rows = sqlx::query!(
        r#"SELECT address, conversion IS NOT NULL AS "waits!"
           FROM indexer_state, conversions LEFT JOIN maturing ON conversion = address
           WHERE conversions.converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
             AND conversions.converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint
             AND (conversion IS NOT NULL) IS DISTINCT FROM
                 (status <> 'cancelled' AND (conversions.seq > final_seq
                     OR final_time IS NULL
                     OR (conversions.matures_at, address) > (final_time, final_address)))"#,
        day as Date,
    )
    .fetch_all(connection)
    .await?;
    let say = |waits| if waits { "waits" } else { "does not wait" };
    let drift = rows.into_iter().map(|row| Drift {
        of: format!("conversion {}", row.address),
        kept: say(row.waits).to_owned(),
        counted: say(!row.waits).to_owned(),
    });
    Ok(drift.collect())
}
