//! Counts again what the mirror has counted by differences, from the list of conversions.
//!
//! It goes by ranges, each in one statement and so in one state of the database. Only a range that
//! differs is locked against the writer while it is counted once more and repaired.

use sqlx::{
    Connection, PgConnection,
    types::{BigDecimal, time::Date},
};

use crate::Error;

/// The Julian day 1,721,426: the first day of the year 1.
const FIRST_DAY: i32 = 1_721_426;
/// Referrals in one range.
const REFERRALS: i64 = 500;

/// A counter that differed from the list of conversions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The counter: `referral R`, `day D of REFERRER in CAMPAIGN`, or `conversion C` for a row of
    /// `maturing`.
    pub of: String,
    /// The value in the counter.
    pub kept: String,
    /// The value that follows from the list of conversions.
    pub counted: String,
}

/// The outcome of one range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recount<T> {
    /// The last key of the range, from which the next range goes on; `None` after the last range.
    pub last: Option<T>,
    /// How many rows were compared.
    pub compared: u64,
    /// Those that differed.
    pub drift: Vec<Drift>,
}

/// Counts the referrals after the address `after` again, at most 500 of them. With `repair`, their
/// counters are what the list says afterwards.
///
/// # Errors
/// When Postgres does not answer.
pub async fn referrals(
    connection: &mut PgConnection,
    after: &str,
    repair: bool,
) -> Result<Recount<String>, Error> {
    let found = compare_referrals(connection, after).await?;
    if repair && !found.drift.is_empty() {
        let mut transaction = connection.begin().await?;
        lock(&mut transaction).await?;
        let found = compare_referrals(&mut transaction, after).await?;
        let until = found.last.as_deref();
        sqlx::query!(
            r#"WITH range AS (
                   SELECT address FROM referrals
                   WHERE address > $1 AND ($2::text IS NULL OR address <= $2)
               ), counted AS (
                   SELECT range.address AS referral, counted.* FROM range, LATERAL (
                       SELECT count(*) FILTER (WHERE status <> 'cancelled') AS conversions,
                              count(*) FILTER (WHERE status <> 'cancelled'
                                  AND seq <= final_seq AND matures_at <= final_time) AS final,
                              COALESCE(sum(reward_referrer) FILTER (
                                  WHERE status <> 'cancelled' AND settled & 1 = 1), 0) AS paid,
                              COALESCE(sum(reward_referrer) FILTER (
                                  WHERE status = 'pending' AND settled & 1 = 0), 0) AS pending
                       FROM conversions, indexer_state WHERE referral = range.address
                   ) AS counted
               )
               INSERT INTO referral_totals
               SELECT referral, conversions, final, paid, pending FROM counted
               ON CONFLICT (referral) DO UPDATE SET
                   conversions = EXCLUDED.conversions,
                   conversions_final = EXCLUDED.conversions_final,
                   rewards_paid = EXCLUDED.rewards_paid,
                   rewards_pending = EXCLUDED.rewards_pending"#,
            after,
            until,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        return Ok(found);
    }
    Ok(found)
}

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
    let found = compare_day(connection, day).await?;
    if repair && !found.drift.is_empty() {
        let mut transaction = connection.begin().await?;
        lock(&mut transaction).await?;
        let found = compare_day(&mut transaction, day).await?;
        sqlx::query!(
            "DELETE FROM maturing USING conversions
             WHERE conversion = address
               AND converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
               AND converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint",
            day as Date,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "INSERT INTO maturing
             SELECT address, seq, matures_at FROM conversions, indexer_state
             WHERE converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
               AND converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint
               AND status <> 'cancelled'
               AND (seq > final_seq OR matures_at > COALESCE(final_time, matures_at - 1))",
            day as Date,
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!("DELETE FROM referrer_daily WHERE day = $1", day)
            .execute(&mut *transaction)
            .await?;
        sqlx::query!(
            "INSERT INTO referrer_daily
             SELECT campaign, referrer, $1::date, count(*), sum(reward_referrer), max(converted_at)
             FROM conversions, indexer_state
             WHERE converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
               AND converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint
               AND status <> 'cancelled' AND seq <= final_seq AND matures_at <= final_time
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

/// Keeps the writer out until the end of the transaction: it changes this row first, always.
async fn lock(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SELECT singleton FROM indexer_state FOR UPDATE")
        .fetch_one(connection)
        .await?;
    Ok(())
}

async fn compare_referrals(
    connection: &mut PgConnection,
    after: &str,
) -> Result<Recount<String>, Error> {
    let rows = sqlx::query!(
        r#"SELECT range.address,
                  counted.conversions AS "conversions!", counted.final AS "final!",
                  counted.paid AS "paid!", counted.pending AS "pending!",
                  COALESCE(kept.conversions, 0) AS "kept_conversions!",
                  COALESCE(kept.conversions_final, 0) AS "kept_final!",
                  COALESCE(kept.rewards_paid, 0) AS "kept_paid!",
                  COALESCE(kept.rewards_pending, 0) AS "kept_pending!"
           FROM (SELECT address FROM referrals WHERE address > $1 ORDER BY address LIMIT $2) AS range
           CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE status <> 'cancelled') AS conversions,
                      count(*) FILTER (WHERE status <> 'cancelled'
                          AND seq <= final_seq AND matures_at <= final_time) AS final,
                      COALESCE(sum(reward_referrer) FILTER (
                          WHERE status <> 'cancelled' AND settled & 1 = 1), 0) AS paid,
                      COALESCE(sum(reward_referrer) FILTER (
                          WHERE status = 'pending' AND settled & 1 = 0), 0) AS pending
               FROM conversions, indexer_state WHERE referral = range.address
           ) AS counted
           LEFT JOIN referral_totals AS kept ON kept.referral = range.address
           ORDER BY range.address"#,
        after,
        REFERRALS,
    )
    .fetch_all(connection)
    .await?;
    let mut recount = Recount {
        last: None,
        compared: rows.len() as u64,
        drift: Vec::new(),
    };
    for row in rows {
        let counted = numbers(row.conversions, row.r#final, &row.paid, &row.pending);
        let kept = numbers(
            row.kept_conversions,
            row.kept_final,
            &row.kept_paid,
            &row.kept_pending,
        );
        if counted != kept {
            recount.drift.push(Drift {
                of: format!("referral {}", row.address),
                kept,
                counted,
            });
        }
        recount.last = Some(row.address);
    }
    Ok(recount)
}

fn numbers(conversions: i64, last: i64, paid: &BigDecimal, pending: &BigDecimal) -> String {
    format!(
        "{conversions} conversions, {last} final, {} paid, {} pending",
        paid.with_scale(0),
        pending.with_scale(0)
    )
}

async fn compare_day(connection: &mut PgConnection, day: Date) -> Result<Recount<Date>, Error> {
    let waiting = compare_waiting(&mut *connection, day).await?;
    let rows = sqlx::query!(
        r#"WITH counted AS (
               SELECT campaign, referrer, count(*) AS conversions, sum(reward_referrer) AS rewards,
                      max(converted_at) AS last_converted_at
               FROM conversions, indexer_state
               WHERE converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
                 AND converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint
                 AND status <> 'cancelled' AND seq <= final_seq AND matures_at <= final_time
               GROUP BY campaign, referrer
           )
           SELECT campaign AS "campaign!", referrer AS "referrer!",
                  COALESCE(counted.conversions, 0) AS "conversions!",
                  COALESCE(counted.rewards, 0) AS "rewards!",
                  COALESCE(counted.last_converted_at, 0) AS "last!",
                  COALESCE(kept.conversions, 0) AS "kept_conversions!",
                  COALESCE(kept.rewards, 0) AS "kept_rewards!",
                  COALESCE(kept.last_converted_at, 0) AS "kept_last!"
           FROM counted FULL JOIN (SELECT * FROM referrer_daily WHERE day = $1) AS kept
               USING (campaign, referrer)"#,
        day as Date,
    )
    .fetch_all(connection)
    .await?;
    let mut recount = Recount {
        last: Some(day),
        compared: rows.len() as u64,
        drift: Vec::new(),
    };
    for row in rows {
        let say = |conversions: i64, rewards: &BigDecimal, last: i64| {
            let rewards = rewards.with_scale(0);
            format!("{conversions} conversions, {rewards} rewards, the last at {last}")
        };
        let counted = say(row.conversions, &row.rewards, row.last);
        let kept = say(row.kept_conversions, &row.kept_rewards, row.kept_last);
        if counted != kept {
            recount.drift.push(Drift {
                of: format!("day {day} of {} in {}", row.referrer, row.campaign),
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
           WHERE converted_at >= extract(epoch FROM $1::date::timestamp)::bigint
             AND converted_at < extract(epoch FROM ($1::date + 1)::timestamp)::bigint
             AND (conversion IS NOT NULL) IS DISTINCT FROM
                 (status <> 'cancelled' AND (conversions.seq > final_seq
                     OR conversions.matures_at > COALESCE(final_time, conversions.matures_at - 1)))"#,
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
