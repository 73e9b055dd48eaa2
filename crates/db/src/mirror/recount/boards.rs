//! The leaderboards, and the leaders of their months.

use sqlx::{Connection, PgConnection};

use super::{Drift, Recount, lock};
use crate::{Error, mirror::awards};

/// Leaderboards in one range.
const BOARDS: i64 = 100;

/// A leaderboard: the position of a range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Board {
    /// Address of the campaign; empty for the one over all campaigns, `#category/music` or `#region/DE`
    /// for a group's.
    pub campaign: String,
    /// As 2026, 2026-Q1, 2026-01 or 2026-W05; empty for all time. With an `@` before it, as it was a day
    /// earlier.
    pub period: String,
}

/// Counts the places of the leaderboards after `after` again, at most 100 of them, and looks for
/// leaderboards of nobody, and for months whose leader is neither awarded nor to be decided. With `repair`, the counters are what
/// the totals say afterwards, and a month that is over and lacked its leader has it.
///
/// # Errors
/// When Postgres does not answer.
pub async fn boards(
    connection: &mut PgConnection,
    after: Option<&Board>,
    repair: bool,
) -> Result<Recount<Board>, Error> {
    let mut range = read(&mut *connection, after).await?;
    if repair && range.iter().any(|row| row.drift().is_some()) {
        let mut transaction = connection.begin().await?;
        lock(&mut transaction).await?;
        range = read(&mut transaction, after).await?;
        for row in range.iter().filter(|row| row.drift().is_some()) {
            write(&mut transaction, row).await?;
        }
        let time = sqlx::query_scalar!("SELECT final_time FROM indexer_state")
            .fetch_one(&mut *transaction)
            .await?;
        if let Some(time) = time {
            awards::decide(&mut transaction, time, true).await?;
        }
        transaction.commit().await?;
    }
    Ok(Recount {
        last: range.last().map(|row| Board {
            campaign: row.campaign.clone(),
            period: row.period.clone(),
        }),
        compared: range.len() as u64,
        drift: range.iter().filter_map(Row::drift).collect(),
    })
}

/// A leaderboard, as it is kept and as it is counted.
struct Row {
    campaign: String,
    period: String,
    kept: i64,
    counted: i64,
    /// Its leader is awarded or will be decided, or it has none: it is no month of a campaign or
    /// category.
    led: bool,
    /// It is one of a day earlier that is being deleted.
    is_over: bool,
}

impl Row {
    fn drift(&self) -> Option<Drift> {
        let say = |referrers: i64, led: bool| {
            let without = if led { "" } else { ", without a leader" };
            format!("{referrers} referrers{without}")
        };
        let differs = self.kept != self.counted || !self.led || self.counted == 0;
        (differs && !self.is_over).then(|| Drift {
            of: name(&self.campaign, &self.period),
            kept: say(self.kept, self.led),
            counted: if self.counted == 0 {
                "no leaderboard".to_owned()
            } else {
                say(self.counted, true)
            },
        })
    }
}

/// A leaderboard in words.
pub(super) fn name(campaign: &str, period: &str) -> String {
    let period = span(period);
    match campaign {
        "" => format!("leaderboard over all campaigns{period}"),
        campaign => format!("leaderboard of {campaign}{period}"),
    }
}

/// The period of a leaderboard in words, after what it is of; empty for all time.
pub(super) fn span(period: &str) -> String {
    let (period, earlier) = match period.strip_prefix('@') {
        Some(period) => (period, ", a day earlier"),
        None => (period, ""),
    };
    match period {
        "" => earlier.to_owned(),
        period => format!(" in {period}{earlier}"),
    }
}

async fn read(connection: &mut PgConnection, after: Option<&Board>) -> Result<Vec<Row>, Error> {
    let (campaign, period) = after.map_or(("", None), |after| {
        (after.campaign.as_str(), Some(after.period.as_str()))
    });
    // One step in the index for each leaderboard, however many referrers it has.
    Ok(sqlx::query_as!(
        Row,
        r#"WITH RECURSIVE steps AS (
               (SELECT campaign, period FROM referrer_totals
                WHERE campaign > $1 OR (campaign = $1 AND ($2::text IS NULL OR period > $2))
                ORDER BY campaign, period LIMIT 1)
               UNION ALL
               SELECT next.* FROM steps CROSS JOIN LATERAL (
                   SELECT campaign, period FROM referrer_totals
                   WHERE (campaign, period) > (steps.campaign, steps.period)
                   ORDER BY campaign, period LIMIT 1
               ) AS next
           )
           SELECT step.campaign AS "campaign!", step.period AS "period!",
                  COALESCE(board.referrers, 0) AS "kept!", (
                      SELECT count(*) FROM referrer_totals AS total
                      WHERE total.campaign = step.campaign AND total.period = step.period
                  ) AS "counted!",
                  leaderboard_ends_at(step.campaign, step.period) IS NULL
                      OR decide_at IS NOT NULL OR EXISTS (
                      SELECT FROM awards
                      WHERE awards.campaign = step.campaign AND awards.month = step.period
                        AND badge IN ('monthly_leader', 'category_leader')
                  ) AS "led!",
                  is_earlier_and_over(step.period, (SELECT final_time FROM indexer_state)) AS "is_over!"
           FROM (
               (SELECT * FROM steps LIMIT $3)
               UNION
               (SELECT campaign, period FROM boards
                WHERE campaign > $1 OR (campaign = $1 AND ($2::text IS NULL OR period > $2))
                ORDER BY campaign, period LIMIT $3)
               ORDER BY 1, 2 LIMIT $3
           ) AS step
           LEFT JOIN boards AS board USING (campaign, period)
           ORDER BY 1, 2"#,
        campaign,
        period,
        BOARDS,
    )
    .fetch_all(connection)
    .await?)
}

/// Writes what is counted. A month that has no leader is to be decided.
async fn write(connection: &mut PgConnection, row: &Row) -> Result<(), Error> {
    if row.counted == 0 {
        sqlx::query!(
            "DELETE FROM boards WHERE campaign = $1 AND period = $2",
            row.campaign,
            row.period,
        )
        .execute(connection)
        .await?;
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO boards AS board
         SELECT campaign, period, referrers, ends_at, CASE WHEN $3 THEN NULL ELSE ends_at END
         FROM counted_boards WHERE campaign = $1 AND period = $2
         ON CONFLICT (campaign, period) DO UPDATE SET
             referrers = EXCLUDED.referrers,
             decide_at = COALESCE(board.decide_at, EXCLUDED.decide_at)",
        row.campaign,
        row.period,
        row.led,
    )
    .execute(connection)
    .await?;
    Ok(())
}
