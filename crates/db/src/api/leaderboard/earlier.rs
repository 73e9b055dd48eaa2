//! The ranks of a day earlier.

use std::collections::{BTreeSet, HashMap};

use sqlx::PgConnection;
use time::{Date, Month, Weekday};

use super::{Board, Entry, Leaderboard};
use crate::Error;

/// Unix seconds of the first moment of a period; `None` for all time.
pub(super) fn starts_at(period: &str) -> Option<i64> {
    let (year, part) = period.split_once('-').unwrap_or((period, ""));
    let year = year.parse().ok()?;
    let number = |text: &str| text.parse::<u8>().ok();
    let day = if let Some(week) = part.strip_prefix('W') {
        Date::from_iso_week_date(year, number(week)?, Weekday::Monday)
    } else {
        let month = match part.strip_prefix('Q') {
            Some(quarter) => number(quarter)?.checked_mul(3)?.checked_sub(2)?,
            None if part.is_empty() => 1,
            None => number(part)?,
        };
        Date::from_calendar_date(year, Month::try_from(month).ok()?, 1)
    };
    Some(day.ok()?.midnight().assume_utc().unix_timestamp())
}

/// Adds the earlier ranks.
pub(super) async fn compare(
    connection: &mut PgConnection,
    board: &Board,
    found: &mut Leaderboard,
) -> Result<(), Error> {
    if found.earlier_time.is_none() {
        return Ok(());
    }
    let all = found.entries.iter_mut().chain(&mut found.neighbours);
    let mut all: Vec<&mut Entry> = all.chain(&mut found.own).collect();
    let wallets: BTreeSet<String> = all.iter().map(|entry| entry.wallet.clone()).collect();
    let wallets: Vec<String> = wallets.into_iter().collect();
    let ranks = earlier_ranks(connection, board, &wallets).await?;
    for entry in &mut all {
        entry.earlier_rank = ranks.get(&entry.wallet).copied();
    }
    Ok(())
}

/// The ranks that these wallets had on the leaderboard of a day earlier. Reads each part once in which
/// one of them was.
async fn earlier_ranks(
    connection: &mut PgConnection,
    board: &Board,
    wallets: &[String],
) -> Result<HashMap<String, i64>, Error> {
    let rows = sqlx::query!(
        r#"WITH place AS (
               SELECT referrer AS wallet, last_converted_at,
                      CASE $3 WHEN 'conversions' THEN -conversions::numeric
                              WHEN 'rewards' THEN -rewards ELSE -volume END AS score
               FROM referrer_totals
               WHERE campaign = $1 AND period = $2 AND referrer = ANY($4)
           ), sums AS MATERIALIZED (
               SELECT score, last_converted_at, referrer, entries,
                      (sum(entries) OVER (ORDER BY score, last_converted_at, referrer)
                          - entries)::bigint AS before
               FROM board_fences WHERE campaign = $1 AND period = $2 AND measure = $3
           ), part AS (
               -- A leaderboard without parts is one.
               SELECT DISTINCT COALESCE(fence.score, -1e39) AS score,
                      COALESCE(fence.last_converted_at, 0) AS last_converted_at,
                      COALESCE(fence.referrer, '') AS referrer
               FROM place LEFT JOIN LATERAL (
                   SELECT score, last_converted_at, referrer FROM board_fences
                   WHERE campaign = $1 AND period = $2 AND measure = $3
                     AND (score, last_converted_at, referrer)
                         <= (place.score, place.last_converted_at, place.wallet)
                   ORDER BY score DESC, last_converted_at DESC, referrer DESC LIMIT 1
               ) AS fence ON true
           )
           SELECT entry.wallet AS "wallet!",
                  COALESCE(sums.before, 0) + entry.number AS "rank!"
           FROM part LEFT JOIN sums USING (score, last_converted_at, referrer)
                CROSS JOIN LATERAL (
                    SELECT referrer AS wallet,
                           row_number() OVER (ORDER BY score, last_converted_at, referrer) AS number
                    FROM (
                        SELECT score, last_converted_at, referrer FROM board_places
                        WHERE campaign = $1 AND period = $2 AND measure = $3
                          AND (score, last_converted_at, referrer)
                              >= (part.score, part.last_converted_at, part.referrer)
                        ORDER BY score, last_converted_at, referrer LIMIT sums.entries
                    ) AS within
                ) AS entry
           WHERE entry.wallet = ANY($4)"#,
        board.campaign(),
        format!("@{}", board.period),
        board.measure.name(),
        wallets,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.wallet, row.rank)).collect())
}
