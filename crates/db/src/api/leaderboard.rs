//! Leaderboards, from conversions alone that are final and can no longer be cancelled.

use sqlx::PgPool;
use time::Date;

use super::mirror_state;
use crate::{Error, amount::sum_from_numeric};

/// One place on a leaderboard.
#[derive(Debug, Clone)]
pub struct Entry {
    /// From 1; no two entries share one.
    pub rank: i64,
    /// The referrer.
    pub wallet: String,
    /// Conversions within the period.
    pub conversions: i64,
    /// The referrer's rewards for them, in base units.
    pub rewards: u128,
}

/// A leaderboard.
#[derive(Debug, Clone)]
pub struct Leaderboard {
    /// The entries with the best ranks, in order.
    pub entries: Vec<Entry>,
    /// How many referrers have a rank.
    pub total_entries: i64,
    /// The entry of the requested wallet; `None` when it has no rank.
    pub own: Option<Entry>,
    /// All conversions up to this slot are counted.
    pub as_of_slot: Option<i64>,
}

/// The best `limit` referrers by conversions since `first_day` (UTC), and the entry of
/// `wallet`. Order: more conversions, more rewards, earlier last conversion, smaller
/// address.
///
/// # Errors
/// See [`Error`].
pub async fn top(
    pool: &PgPool,
    campaign: Option<&str>,
    first_day: Date,
    limit: i64,
    wallet: Option<&str>,
) -> Result<Leaderboard, Error> {
    let rows = sqlx::query!(
        r#"
        WITH totals AS (
            SELECT referrer, sum(conversions)::bigint AS conversions, sum(rewards) AS rewards,
                   max(last_converted_at) AS last_converted_at
            FROM referrer_daily
            WHERE ($1::text IS NULL OR campaign = $1) AND day >= $2
            GROUP BY referrer
        ), ranked AS (
            SELECT row_number() OVER (
                       ORDER BY conversions DESC, rewards DESC, last_converted_at,
                                referrer COLLATE "C"
                   ) AS rank,
                   count(*) OVER () AS total, referrer, conversions, rewards
            FROM totals
        )
        SELECT rank AS "rank!", total AS "total!", referrer, conversions AS "conversions!",
               rewards AS "rewards!",
               (SELECT finalized_slot FROM finality) AS finalized_slot
        FROM ranked WHERE rank <= $3 OR referrer = $4
        ORDER BY rank
        "#,
        campaign,
        first_day,
        limit,
        wallet,
    )
    .fetch_all(pool)
    .await?;
    let total_entries = rows.first().map_or(0, |row| row.total);
    // Of the same moment as the ranks.
    let as_of_slot = match rows.first() {
        Some(row) => row.finalized_slot,
        None => mirror_state(pool).await?.finalized_slot,
    };
    let mut entries = rows
        .into_iter()
        .map(|row| {
            Ok(Entry {
                rank: row.rank,
                wallet: row.referrer,
                conversions: row.conversions,
                rewards: sum_from_numeric(&row.rewards)?,
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let own =
        wallet.and_then(|wallet| entries.iter().find(|entry| entry.wallet == wallet).cloned());
    entries.retain(|entry| entry.rank <= limit);
    Ok(Leaderboard {
        entries,
        total_entries,
        own,
        as_of_slot,
    })
}
