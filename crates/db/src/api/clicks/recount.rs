//! Counts clicks again.

use sqlx::{PgPool, types::time::Date};

use crate::Error;

/// A counter that differs from the list of clicks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// `quarter T of S`, `visitors of S` or `DIMENSION of S`, where S is a referral or a campaign.
    pub of: String,
    /// The value in the counter.
    pub kept: String,
    /// The value that follows from the list of clicks.
    pub counted: String,
}

/// The first and the last day (UTC) of which clicks are kept; `None` without clicks.
///
/// # Errors
/// See [`Error`].
pub async fn days(pool: &PgPool) -> Result<Option<(Date, Date)>, Error> {
    let row = sqlx::query!(
        "SELECT (min(clicked_at) AT TIME ZONE 'UTC')::date AS first,
                (max(clicked_at) AT TIME ZONE 'UTC')::date AS last
         FROM clicks"
    )
    .fetch_one(pool)
    .await?;
    Ok(row.first.zip(row.last))
}

/// Counts the clicks of a day (UTC) again. Noted clicks that are not counted yet are added to the
/// counters. Each counter is compared in one state of the database, so clicks
/// may come in meanwhile. Visitors are compared by the day, because a late click may be of an earlier
/// quarter than the one in which its visitor was counted. A named value may have fewer clicks than it
/// should have, if others of the day are counted together: its first ones may be among those.
///
/// # Errors
/// See [`Error`].
pub async fn day(pool: &PgPool, day: Date) -> Result<Vec<Drift>, Error> {
    let since = day.midnight().assume_utc();
    let until = since.saturating_add(time::Duration::days(1));
    let (first, last) = (since.unix_timestamp(), until.unix_timestamp());
    let mut drift = Vec::new();
    let quarters = sqlx::query!(
        r#"SELECT subject AS "subject!", quarter AS "quarter!",
                  COALESCE(kept.clicks, 0) AS "kept_clicks!", COALESCE(kept.bot_clicks, 0) AS "kept_bots!",
                  COALESCE(kept.suspicious_clicks, 0) AS "kept_suspicious!",
                  COALESCE(counted.clicks, 0) AS "clicks!", COALESCE(counted.bot_clicks, 0) AS "bots!",
                  COALESCE(counted.suspicious_clicks, 0) AS "suspicious!"
           FROM kept_click_quarters($1, $2) AS kept
                FULL JOIN counted_click_quarters($3, $4) AS counted USING (subject, quarter)
           WHERE (COALESCE(kept.clicks, 0), COALESCE(kept.bot_clicks, 0),
                  COALESCE(kept.suspicious_clicks, 0))
              <> (COALESCE(counted.clicks, 0), COALESCE(counted.bot_clicks, 0),
                  COALESCE(counted.suspicious_clicks, 0))
           ORDER BY 1, 2"#,
        first,
        last,
        since,
        until,
    )
    .fetch_all(pool)
    .await?;
    let say =
        |clicks, bots, suspicious| format!("{clicks} clicks, {bots} bots, {suspicious} suspicious");
    drift.extend(quarters.into_iter().map(|row| Drift {
        of: format!("quarter {} of {}", row.quarter, row.subject),
        kept: say(row.kept_clicks, row.kept_bots, row.kept_suspicious),
        counted: say(row.clicks, row.bots, row.suspicious),
    }));
    let visitors = sqlx::query!(
        r#"SELECT subject AS "subject!", COALESCE(kept.visitors, 0)::bigint AS "kept!",
                  COALESCE(counted.visitors, 0)::bigint AS "counted!"
           FROM (SELECT subject, sum(visitors) AS visitors FROM kept_click_quarters($1, $2)
                 GROUP BY subject) AS kept
                FULL JOIN (SELECT subject, sum(visitors) AS visitors
                           FROM counted_click_quarters($3, $4) GROUP BY subject) AS counted USING (subject)
           WHERE COALESCE(kept.visitors, 0) <> COALESCE(counted.visitors, 0)
           ORDER BY 1"#,
        first,
        last,
        since,
        until,
    )
    .fetch_all(pool)
    .await?;
    drift.extend(visitors.into_iter().map(|row| Drift {
        of: format!("visitors of {}", row.subject),
        kept: row.kept.to_string(),
        counted: row.counted.to_string(),
    }));
    let days = sqlx::query!(
        r#"WITH each AS (
               SELECT subject, dimension, value, COALESCE(kept.clicks, 0) AS kept,
                      COALESCE(counted.clicks, 0) AS counted
               FROM kept_click_days($1) AS kept
                    FULL JOIN counted_click_days($2, $3) AS counted USING (subject, dimension, value)
           ), rest AS (
               SELECT subject, dimension, clicks FROM click_days WHERE day = $1 AND is_rest
           )
           SELECT subject AS "subject!", dimension AS "dimension!",
                  (COALESCE(sum(kept), 0) + COALESCE(min(rest.clicks), 0))::bigint AS "kept!",
                  COALESCE(sum(counted), 0)::bigint AS "counted!",
                  count(*) FILTER (WHERE kept > counted) AS "too_many!"
           FROM each FULL JOIN rest USING (subject, dimension)
           GROUP BY subject, dimension
           HAVING COALESCE(sum(kept), 0) + COALESCE(min(rest.clicks), 0) <> COALESCE(sum(counted), 0)
               OR bool_or(kept > counted)
               OR (min(rest.clicks) IS NULL AND bool_or(kept <> counted))
           ORDER BY 1, 2"#,
        day,
        since,
        until,
    )
    .fetch_all(pool)
    .await?;
    drift.extend(days.into_iter().map(|row| Drift {
        of: format!("{} of {}", row.dimension, row.subject),
        kept: format!("{} clicks, {} values with too many", row.kept, row.too_many),
        counted: format!("{} clicks", row.counted),
    }));
    Ok(drift)
}
