//! Rewards of a wallet that can be claimed.

use sqlx::PgPool;

use crate::Error;

/// A conversion of which the wallet's part is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Its address.
    pub conversion: String,
    /// Unix seconds of the conversion.
    pub converted_at: i64,
    /// Unix seconds from which it can be claimed.
    pub matures_at: i64,
}

/// The slot up to which everything confirmed is in the mirror; `None` before the first.
///
/// # Errors
/// See [`Error`].
pub async fn slot(pool: &PgPool) -> Result<Option<i64>, Error> {
    Ok(
        sqlx::query_scalar!("SELECT indexed_slot FROM indexer_state")
            .fetch_optional(pool)
            .await?
            .flatten(),
    )
}

/// At most `limit` conversions of the campaign of which a part is owed to the wallet, as referrer,
/// referee or partner at the conversion, oldest first, after the one with this time of conversion and
/// address.
///
/// # Errors
/// See [`Error`].
pub async fn owed(
    pool: &PgPool,
    campaign: &str,
    wallet: &str,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Owed>, Error> {
    let (time, address) = after.unwrap_or((i64::MIN, ""));
    // Each role by itself, so that each reads its own index of what is owed.
    Ok(sqlx::query_as!(
        Owed,
        r#"
        SELECT address AS "conversion!", converted_at AS "converted_at!", matures_at AS "matures_at!" FROM (
            (SELECT address, converted_at, matures_at FROM conversions
             WHERE referrer = $2 AND campaign = $1
               AND reward_referrer > 0 AND part_state(status, settled, 1) = 'pending'
               AND (converted_at, address) > ($4, $5::text)
             ORDER BY converted_at, address LIMIT $3)
            UNION
            (SELECT address, converted_at, matures_at FROM conversions
             WHERE referee = $2 AND campaign = $1
               AND reward_referee > 0 AND part_state(status, settled, 2) = 'pending'
               AND (converted_at, address) > ($4, $5::text)
             ORDER BY converted_at, address LIMIT $3)
            UNION
            (SELECT address, converted_at, matures_at FROM conversions
             WHERE partner = $2 AND campaign = $1
               AND reward_partner > 0 AND part_state(status, settled, 4) = 'pending'
               AND (converted_at, address) > ($4, $5::text)
             ORDER BY converted_at, address LIMIT $3)
        ) AS owed
        ORDER BY converted_at, address LIMIT $3
        "#,
        campaign,
        wallet,
        limit,
        time,
        address,
    )
    .fetch_all(pool)
    .await?)
}
