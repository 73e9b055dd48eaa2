//! Sums over everything that is mirrored.

use sqlx::PgPool;

use super::mirror_state;
use crate::{Error, amount::sum_from_numeric};

/// Sums over all campaigns with one token.
#[derive(Debug, Clone)]
pub struct Total {
    /// The token; the zero address for SOL.
    pub mint: String,
    /// Its decimals.
    pub decimals: i16,
    /// The symbol that a campaign gives it.
    pub symbol: Option<String>,
    /// Codes that have a conversion.
    pub codes: i64,
    /// Conversions, confirmed and finalized, without cancelled ones.
    pub conversions: i64,
    /// Base units that were paid to referrers.
    pub paid: u128,
    /// Base units that are owed to referrers.
    pub pending: u128,
}

/// All sums.
#[derive(Debug, Clone)]
pub struct Totals {
    /// By token, most conversions first.
    pub tokens: Vec<Total>,
    /// The sums hold everything confirmed up to this slot.
    pub as_of_slot: Option<i64>,
}

/// The sums of the 20 tokens with the most conversions, which are kept.
///
/// # Errors
/// See [`Error`].
pub async fn all(pool: &PgPool) -> Result<Totals, Error> {
    // Read the slot first, so that the sums are at least as new as it.
    let state = mirror_state(pool).await?;
    let rows = sqlx::query!(
        r#"
        WITH sums AS (
            SELECT * FROM mint_totals ORDER BY conversions DESC, mint LIMIT 20
        )
        SELECT mint, codes, conversions, rewards_paid AS paid, rewards_pending AS pending,
               COALESCE((SELECT mint_decimals FROM campaigns c WHERE c.mint = sums.mint LIMIT 1), 0::smallint)
                   AS "decimals!",
               -- Anybody may open a campaign with a token, and name it.
               (SELECT CASE WHEN count(DISTINCT p.symbol) = 1 THEN min(p.symbol) END
                FROM campaigns c JOIN campaign_profiles p
                    ON p.campaign = c.address AND p.set_by = c.authority
                WHERE c.mint = sums.mint) AS symbol
        FROM sums
        ORDER BY conversions DESC, mint
        "#
    )
    .fetch_all(pool)
    .await?;
    let tokens = rows
        .into_iter()
        .map(|row| {
            Ok(Total {
                mint: row.mint,
                decimals: row.decimals,
                symbol: row.symbol,
                codes: row.codes,
                conversions: row.conversions,
                paid: sum_from_numeric(&row.paid)?,
                pending: sum_from_numeric(&row.pending)?,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Totals {
        tokens,
        as_of_slot: state.indexed_slot,
    })
}
