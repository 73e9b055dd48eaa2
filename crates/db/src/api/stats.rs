//! The numbers of one referral.

use sqlx::PgPool;

use super::mirror_state;
use crate::{Error, amount::sum_from_numeric};

/// The numbers of one referral.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// All clicks.
    pub clicks: i64,
    /// Distinct visitors, without bots; a visitor who comes on two days counts twice.
    pub unique_visitors: i64,
    /// Clicks labelled as bots.
    pub bot_clicks: i64,
    /// Clicks labelled as suspicious, which are no bots.
    pub suspicious_clicks: i64,
    /// Conversions, confirmed and finalized, without cancelled ones.
    pub conversions: i64,
    /// Those of them that are final and can no longer be cancelled.
    pub conversions_finalized: i64,
    /// The referrer's rewards that were paid, in base units.
    pub rewards_paid: u128,
    /// The referrer's rewards that are owed, in base units.
    pub rewards_pending: u128,
    /// Whether more may have been paid, and less be owed: transactions do not tell it.
    pub uncertain: bool,
    /// The mirror holds everything confirmed up to this slot.
    pub as_of_slot: Option<i64>,
}

/// The numbers of the referral at `referral`; zeros when nothing has happened yet.
///
/// # Errors
/// See [`Error`].
pub async fn of_referral(pool: &PgPool, referral: &str) -> Result<Stats, Error> {
    // Read the slot first, so that the numbers are at least as new as it.
    let state = mirror_state(pool).await?;
    let row = sqlx::query!(
        r#"SELECT COALESCE(clicks, 0) AS "clicks!", COALESCE(unique_visitors, 0) AS "unique_visitors!",
                  COALESCE(bot_clicks, 0) AS "bot_clicks!", COALESCE(suspicious_clicks, 0) AS "suspicious_clicks!",
                  COALESCE(conversions, 0) AS "conversions!",
                  COALESCE(conversions_final, 0) AS "conversions_final!",
                  COALESCE(rewards_paid, 0) AS "rewards_paid!",
                  COALESCE(rewards_pending, 0) AS "rewards_pending!",
                  EXISTS (SELECT FROM doubts WHERE address = $1) AS "uncertain!"
           FROM (VALUES ($1)) AS this (referral)
           LEFT JOIN referral_clicks USING (referral)
           LEFT JOIN referral_totals USING (referral)"#,
        referral
    )
    .fetch_one(pool)
    .await?;
    Ok(Stats {
        clicks: row.clicks,
        unique_visitors: row.unique_visitors,
        bot_clicks: row.bot_clicks,
        suspicious_clicks: row.suspicious_clicks,
        conversions: row.conversions,
        conversions_finalized: row.conversions_final,
        rewards_paid: sum_from_numeric(&row.rewards_paid)?,
        rewards_pending: sum_from_numeric(&row.rewards_pending)?,
        uncertain: row.uncertain,
        as_of_slot: state.indexed_slot,
    })
}
