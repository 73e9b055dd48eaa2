//! Leaderboards, from conversions alone that are final and can no longer be cancelled.

use sqlx::{PgPool, types::BigDecimal};
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

/// The span of a leaderboard.
#[derive(Debug, Clone, Copy)]
pub enum Span {
    /// Since the beginning.
    All,
    /// From this day (UTC) on.
    Since(Date),
}

/// The best `limit` referrers by conversions in a campaign, or over all of them, and the entry of
/// `wallet`. Order: more conversions, more rewards, earlier last conversion, smaller address.
///
/// # Errors
/// See [`Error`].
pub async fn top(
    pool: &PgPool,
    campaign: Option<&str>,
    span: Span,
    limit: i64,
    wallet: Option<&str>,
) -> Result<Leaderboard, Error> {
    let rows = match (campaign, span) {
        (Some(campaign), Span::All) => kept(pool, campaign, limit, wallet).await?,
        (None, Span::All) => summed(pool, None, None, limit, wallet).await?,
        (campaign, Span::Since(day)) => summed(pool, campaign, Some(day), limit, wallet).await?,
    };
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

struct Row {
    rank: i64,
    total: i64,
    referrer: String,
    conversions: i64,
    rewards: BigDecimal,
    finalized_slot: Option<i64>,
}

/// A campaign's leaderboard of all time, from the kept totals and in the order of their index:
/// the first entries are its first rows. The own rank counts the rows before the own one.
async fn kept(
    pool: &PgPool,
    campaign: &str,
    limit: i64,
    wallet: Option<&str>,
) -> Result<Vec<Row>, Error> {
    Ok(sqlx::query_as!(
        Row,
        r#"
        WITH board AS NOT MATERIALIZED (
            SELECT * FROM referrer_totals WHERE campaign = $1 AND month = ''
        ), first AS (
            SELECT * FROM board
            ORDER BY conversions DESC, rewards DESC, last_converted_at, referrer LIMIT $2
        ), own AS (
            SELECT 1 + (SELECT count(*) FROM board WHERE board.conversions > own.conversions)
                     + (SELECT count(*) FROM board
                        WHERE board.conversions = own.conversions AND board.rewards > own.rewards)
                     + (SELECT count(*) FROM board
                        WHERE board.conversions = own.conversions AND board.rewards = own.rewards
                          AND (board.last_converted_at, board.referrer)
                              < (own.last_converted_at, own.referrer)) AS rank,
                   referrer, conversions, rewards
            FROM board AS own
            -- Without a wallet there is none, as fast as with one.
            WHERE referrer = COALESCE($3, '') AND referrer NOT IN (SELECT referrer FROM first)
        )
        SELECT rank AS "rank!", total AS "total!", referrer AS "referrer!",
               conversions AS "conversions!", rewards AS "rewards!",
               (SELECT finalized_slot FROM finality) AS finalized_slot
        FROM (
            SELECT row_number() OVER (
                       ORDER BY conversions DESC, rewards DESC, last_converted_at, referrer
                   ) AS rank, referrer, conversions, rewards FROM first
            UNION ALL
            SELECT * FROM own
        ) AS entries, (
            SELECT COALESCE(sum(referrers), 0)::bigint AS total FROM boards
            WHERE campaign = $1 AND month = ''
        ) AS size
        ORDER BY rank
        "#,
        campaign,
        limit,
        wallet,
    )
    .fetch_all(pool)
    .await?)
}

/// A leaderboard that adds up days: of a shorter span, or over all campaigns.
async fn summed(
    pool: &PgPool,
    campaign: Option<&str>,
    first_day: Option<Date>,
    limit: i64,
    wallet: Option<&str>,
) -> Result<Vec<Row>, Error> {
    Ok(sqlx::query_as!(
        Row,
        r#"
        WITH totals AS (
            SELECT referrer, sum(conversions)::bigint AS conversions, sum(rewards) AS rewards,
                   max(last_converted_at) AS last_converted_at
            FROM referrer_daily
            WHERE ($1::text IS NULL OR campaign = $1) AND ($2::date IS NULL OR day >= $2)
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
               rewards AS "rewards!", (SELECT finalized_slot FROM finality) AS finalized_slot
        FROM ranked WHERE rank <= $3 OR referrer = $4
        ORDER BY rank
        "#,
        campaign,
        first_day,
        limit,
        wallet,
    )
    .fetch_all(pool)
    .await?)
}
