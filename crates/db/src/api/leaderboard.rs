//! Leaderboards, from conversions alone that are final and can no longer be cancelled.
//!
//! They are read from kept totals, in the order of an index: a page takes as many steps as it has
//! entries, however many referrers there are and wherever the page is.

use sqlx::{PgPool, types::BigDecimal};

use super::mirror_state;
use crate::{Error, amount::sum_from_numeric};

/// A leaderboard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Board {
    /// Address of the campaign; `None` for all of them.
    pub campaign: Option<String>,
    /// The period (UTC): 2026, 2026-Q2, 2026-05 or 2026-W21 (ISO 8601); empty for all time.
    pub period: String,
    /// Its order.
    pub measure: Measure,
}

/// What a leaderboard is sorted by, the most first. Of equals, the one whose last conversion is
/// earlier comes first, then the smaller address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// The number of conversions.
    Conversions,
    /// The referrer's rewards. Only campaigns have such a leaderboard, because different campaigns
    /// pay in different tokens.
    Rewards,
}

/// One place on a leaderboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1; no two entries share one.
    pub rank: i64,
    /// The referrer.
    pub wallet: String,
    /// Conversions within the period.
    pub conversions: i64,
    /// The referrer's rewards for them, in base units of the campaign's token; 0 over all campaigns.
    pub rewards: u128,
    /// Unix seconds of the last one of these conversions.
    pub last_converted_at: i64,
}

/// The entry before a page. Its rank is what the page before said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct After {
    /// Its rank.
    pub rank: i64,
    /// What the leaderboard is sorted by: its conversions or rewards.
    pub value: u128,
    /// Unix seconds of its last conversion.
    pub last_converted_at: i64,
    /// Its wallet.
    pub wallet: String,
}

/// A page of a leaderboard. All of it is of the same moment.
#[derive(Debug, Clone)]
pub struct Leaderboard {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// How many referrers have a rank.
    pub total_entries: i64,
    /// The entry of the requested wallet; `None` when it has no rank.
    pub own: Option<Entry>,
    /// All conversions up to this slot are counted.
    pub as_of_slot: Option<i64>,
}

/// At most `limit` entries after `after`, and the entry of `wallet`. The own rank is the number of
/// entries before the own one, which are counted in the index: the deeper, the longer it takes.
///
/// # Errors
/// See [`Error`].
pub async fn page(
    pool: &PgPool,
    board: &Board,
    after: Option<&After>,
    limit: i64,
    wallet: Option<&str>,
) -> Result<Leaderboard, Error> {
    let rows = match board.measure {
        Measure::Conversions => by_conversions(pool, board, after, limit, wallet).await?,
        Measure::Rewards => by_rewards(pool, board, after, limit, wallet).await?,
    };
    // Of the same moment as the ranks.
    let (total_entries, as_of_slot) = match rows.first() {
        Some(row) => (row.total, row.finalized_slot),
        None => (0, mirror_state(pool).await?.finalized_slot),
    };
    let mut found = Leaderboard {
        entries: Vec::with_capacity(rows.len()),
        total_entries,
        own: None,
        as_of_slot,
    };
    for row in rows {
        let (Some(rank), Some(referrer)) = (row.rank, row.referrer) else {
            continue;
        };
        let entry = Entry {
            rank,
            wallet: referrer,
            conversions: row.conversions,
            rewards: sum_from_numeric(&row.rewards)?,
            last_converted_at: row.last_converted_at,
        };
        if row.own {
            found.own = Some(entry);
        } else {
            found.entries.push(entry);
        }
    }
    Ok(found)
}

/// An entry of the page, or the own one. A leaderboard whose page is empty has one row without a
/// referrer.
struct Row {
    own: bool,
    rank: Option<i64>,
    total: i64,
    referrer: Option<String>,
    conversions: i64,
    rewards: BigDecimal,
    last_converted_at: i64,
    finalized_slot: Option<i64>,
}

async fn by_conversions(
    pool: &PgPool,
    board: &Board,
    after: Option<&After>,
    limit: i64,
    wallet: Option<&str>,
) -> Result<Vec<Row>, Error> {
    let value = after.map(|after| i64::try_from(after.value).unwrap_or(i64::MAX));
    Ok(sqlx::query_as!(
        Row,
        r#"
        WITH board AS NOT MATERIALIZED (
            SELECT * FROM referrer_totals WHERE campaign = $1 AND period = $2
        ), following AS (
            -- A first page comes after what nobody has.
            (SELECT * FROM board
             WHERE conversions = COALESCE($4::bigint, -1)
               AND (last_converted_at, referrer) > (COALESCE($5::bigint, 0), COALESCE($6::text, ''))
             ORDER BY last_converted_at, referrer LIMIT $3)
            UNION ALL
            (SELECT * FROM board WHERE conversions < COALESCE($4::bigint, 9223372036854775807)
             ORDER BY conversions DESC, last_converted_at, referrer LIMIT $3)
        ), own AS (
            SELECT 1 + (SELECT count(*) FROM board WHERE board.conversions > own.conversions)
                     + (SELECT count(*) FROM board
                        WHERE board.conversions = own.conversions
                          AND (board.last_converted_at, board.referrer)
                              < (own.last_converted_at, own.referrer)) AS rank, own.*
            FROM board AS own
            -- Without a wallet there is none, as fast as with one.
            WHERE referrer = COALESCE($8, '')
        ), entries AS (
            (SELECT false AS own, $7 + row_number() OVER (
                        ORDER BY conversions DESC, last_converted_at, referrer
                    ) AS rank, following.*
             FROM following ORDER BY conversions DESC, last_converted_at, referrer LIMIT $3)
            UNION ALL
            SELECT true, own.* FROM own
        )
        SELECT COALESCE(own, false) AS "own!", rank, COALESCE(referrers, 0) AS "total!", referrer,
               COALESCE(conversions, 0) AS "conversions!", COALESCE(rewards, 0) AS "rewards!",
               COALESCE(last_converted_at, 0) AS "last_converted_at!",
               (SELECT finalized_slot FROM finality) AS finalized_slot
        FROM (SELECT 1) AS one
        LEFT JOIN (SELECT referrers FROM boards WHERE campaign = $1 AND period = $2) AS size ON true
        LEFT JOIN entries ON true
        ORDER BY own, rank
        "#,
        board.campaign.as_deref().unwrap_or_default(),
        board.period,
        limit,
        value,
        after.map(|after| after.last_converted_at),
        after.map(|after| after.wallet.as_str()),
        after.map_or(0, |after| after.rank),
        wallet,
    )
    .fetch_all(pool)
    .await?)
}

/// Like [`by_conversions`], by the other index.
async fn by_rewards(
    pool: &PgPool,
    board: &Board,
    after: Option<&After>,
    limit: i64,
    wallet: Option<&str>,
) -> Result<Vec<Row>, Error> {
    let value = after.map(|after| BigDecimal::from(after.value));
    Ok(sqlx::query_as!(
        Row,
        r#"
        WITH board AS NOT MATERIALIZED (
            SELECT * FROM referrer_totals WHERE campaign = $1 AND campaign <> '' AND period = $2
        ), following AS (
            (SELECT * FROM board
             WHERE rewards = COALESCE($4::numeric, -1)
               AND (last_converted_at, referrer) > (COALESCE($5::bigint, 0), COALESCE($6::text, ''))
             ORDER BY last_converted_at, referrer LIMIT $3)
            UNION ALL
            (SELECT * FROM board WHERE rewards < COALESCE($4::numeric, 'Infinity')
             ORDER BY rewards DESC, last_converted_at, referrer LIMIT $3)
        ), own AS (
            SELECT 1 + (SELECT count(*) FROM board WHERE board.rewards > own.rewards)
                     + (SELECT count(*) FROM board
                        WHERE board.rewards = own.rewards
                          AND (board.last_converted_at, board.referrer)
                              < (own.last_converted_at, own.referrer)) AS rank, own.*
            FROM board AS own
            WHERE referrer = COALESCE($8, '')
        ), entries AS (
            (SELECT false AS own, $7 + row_number() OVER (
                        ORDER BY rewards DESC, last_converted_at, referrer
                    ) AS rank, following.*
             FROM following ORDER BY rewards DESC, last_converted_at, referrer LIMIT $3)
            UNION ALL
            SELECT true, own.* FROM own
        )
        SELECT COALESCE(own, false) AS "own!", rank, COALESCE(referrers, 0) AS "total!", referrer,
               COALESCE(conversions, 0) AS "conversions!", COALESCE(rewards, 0) AS "rewards!",
               COALESCE(last_converted_at, 0) AS "last_converted_at!",
               (SELECT finalized_slot FROM finality) AS finalized_slot
        FROM (SELECT 1) AS one
        LEFT JOIN (SELECT referrers FROM boards WHERE campaign = $1 AND period = $2) AS size ON true
        LEFT JOIN entries ON true
        ORDER BY own, rank
        "#,
        board.campaign.as_deref().unwrap_or_default(),
        board.period,
        limit,
        value,
        after.map(|after| after.last_converted_at),
        after.map(|after| after.wallet.as_str()),
        after.map_or(0, |after| after.rank),
        wallet,
    )
    .fetch_all(pool)
    .await?)
}
