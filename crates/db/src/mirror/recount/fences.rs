//! The parts of leaderboards.

use sqlx::{Connection, PgConnection, types::BigDecimal};

use super::{Drift, Recount, boards::name, lock};
use crate::{Error, mirror::fences};

/// Parts in one range.
const FENCES: i64 = 100;

/// A position of a range: within the parts of one leaderboard in one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FencePlace {
    campaign: String,
    period: String,
    measure: String,
    /// The last part that was compared; `None` if it was the leaderboard's last one.
    part: Option<(BigDecimal, i64, String)>,
}

/// Counts the entries of the parts of leaderboards after `after` again, at most 100 parts of one
/// leaderboard, and looks for large leaderboards without parts. With `repair`, the parts of a
/// leaderboard that differ are made anew, all in one transaction.
///
/// # Errors
/// When Postgres does not answer.
pub async fn fences(
    connection: &mut PgConnection,
    after: Option<&FencePlace>,
    repair: bool,
) -> Result<Recount<FencePlace>, Error> {
    let Some(mut place) = next(&mut *connection, after).await? else {
        return Ok(Recount {
            last: None,
            compared: 0,
            drift: Vec::new(),
        });
    };
    let (rows, drift) = compare(&mut *connection, &place).await?;
    let mut recount = Recount {
        last: None,
        compared: rows.len() as u64,
        drift,
    };
    if repair && !recount.drift.is_empty() {
        let mut transaction = connection.begin().await?;
        lock(&mut transaction).await?;
        recount.drift = compare(&mut transaction, &place).await?.1;
        fences::renew(
            &mut transaction,
            &place.campaign,
            &place.period,
            &place.measure,
        )
        .await?;
        transaction.commit().await?;
        // All of them are right now.
        place.part = None;
    } else {
        let is_full = i64::try_from(rows.len()) == Ok(FENCES);
        place.part = rows
            .into_iter()
            .next_back()
            .filter(|_| is_full)
            .map(|row| (row.score, row.last_converted_at, row.referrer));
    }
    recount.last = Some(place);
    Ok(recount)
}

/// The leaderboard and order of the next range, and the part before it.
async fn next(
    connection: &mut PgConnection,
    after: Option<&FencePlace>,
) -> Result<Option<FencePlace>, Error> {
    if let Some(after) = after
        && after.part.is_some()
    {
        return Ok(Some(after.clone()));
    }
    let row = sqlx::query!(
        r#"SELECT campaign AS "campaign!", period AS "period!", measure AS "measure!" FROM (
               (SELECT campaign, period, measure FROM board_fences
                WHERE (campaign, period, measure) > ($1, $2, $3)
                  AND NOT is_earlier_and_over(period, (SELECT final_time FROM indexer_state))
                ORDER BY campaign, period, measure LIMIT 1)
               UNION ALL
               -- Those that should have parts.
               (SELECT campaign, period, measure FROM boards CROSS JOIN (
                    VALUES ('conversions'), ('rewards'), ('volume')
                ) AS kind (measure)
                WHERE (campaign, period) >= ($1, $2) AND referrers > $4
                  AND (campaign, period, measure) > ($1, $2, $3)
                  AND (campaign >= '1' OR measure = 'conversions')
                  AND NOT is_earlier_and_over(period, (SELECT final_time FROM indexer_state))
                ORDER BY campaign, period, measure LIMIT 1)
           ) AS following
           ORDER BY campaign, period, measure LIMIT 1"#,
        after.map_or("", |after| after.campaign.as_str()),
        after.map_or("", |after| after.period.as_str()),
        after.map_or("", |after| after.measure.as_str()),
        fences::MOST,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| FencePlace {
        campaign: row.campaign,
        period: row.period,
        measure: row.measure,
        part: None,
    }))
}

/// A part, and how many entries are in it. It counts one more than it should have at most.
struct Row {
    score: BigDecimal,
    last_converted_at: i64,
    referrer: String,
    kept: i64,
    counted: i64,
}

async fn compare(
    connection: &mut PgConnection,
    place: &FencePlace,
) -> Result<(Vec<Row>, Vec<Drift>), Error> {
    let part = place.part.as_ref();
    let rows = sqlx::query_as!(
        Row,
        r#"WITH range AS (
               SELECT score, last_converted_at, referrer, entries,
                      lead(score) OVER parts AS next_score, lead(last_converted_at) OVER parts AS next_at,
                      lead(referrer) OVER parts AS next_referrer
               FROM (
                   SELECT score, last_converted_at, referrer, entries FROM board_fences
                   WHERE campaign = $1 AND period = $2 AND measure = $3
                     AND (score, last_converted_at, referrer)
                         > (COALESCE($4::numeric, -1e40), COALESCE($5::bigint, 0), COALESCE($6::text, ''))
                   ORDER BY score, last_converted_at, referrer LIMIT $7::bigint + 1
               ) AS fence
               WINDOW parts AS (ORDER BY score, last_converted_at, referrer)
           )
           SELECT score, last_converted_at, referrer, entries AS kept, (
               SELECT count(*) FROM (
                   SELECT score, last_converted_at, referrer FROM board_places
                   WHERE campaign = $1 AND period = $2 AND measure = $3
                     AND (score, last_converted_at, referrer)
                         >= (range.score, range.last_converted_at, range.referrer)
                   ORDER BY score, last_converted_at, referrer LIMIT GREATEST(range.entries, 0) + 1
               ) AS entry
               WHERE next_score IS NULL
                  OR (score, last_converted_at, referrer) < (next_score, next_at, next_referrer)
           ) AS "counted!"
           FROM range ORDER BY score, last_converted_at, referrer LIMIT $7::bigint"#,
        place.campaign,
        place.period,
        place.measure,
        part.map(|part| part.0.clone()),
        part.map(|part| part.1),
        part.map(|part| part.2.as_str()),
        FENCES,
    )
    .fetch_all(connection)
    .await?;
    let board = name(&place.campaign, &place.period);
    let of = |what: &str| format!("{what} by {} of the {board}", place.measure);
    let mut drift = Vec::new();
    let begins = rows.first().map(|row| row.score == fences::before_all());
    if part.is_none() && begins != Some(true) {
        drift.push(Drift {
            of: of("first part"),
            kept: "missing".to_owned(),
            counted: "there".to_owned(),
        });
    }
    drift.extend(
        rows.iter()
            .filter(|row| row.kept != row.counted)
            .map(|row| {
                let from = match row.score == fences::before_all() {
                    true => "part from the first place on".to_owned(),
                    false => format!("part from {} on", -row.score.with_scale(0)),
                };
                let more = if row.counted > row.kept {
                    " or more"
                } else {
                    ""
                };
                Drift {
                    of: of(&from),
                    kept: format!("{} referrers", row.kept),
                    counted: format!("{} referrers{more}", row.counted),
                }
            }),
    );
    Ok((rows, drift))
}
