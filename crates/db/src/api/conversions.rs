//! Conversions with their transactions, newest first.

use sqlx::PgPool;

use crate::{Error, amount::Unsigned};

/// One conversion.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct Conversion {
    pub address: String,
    pub campaign: String,
    pub referral: String,
    pub code: String,
    pub referrer: String,
    pub referee: String,
    pub status: String,
    pub reward_referrer: u64,
    pub reward_referee: u64,
    pub reward_partner: u64,
    pub converted_at: i64,
    pub matures_at: i64,
    /// Whether the transaction that made it is final.
    pub is_final: bool,
    pub signature: String,
    pub action: String,
    pub amount: u64,
    pub reference: Option<Vec<u8>>,
}

/// Selects conversions; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Address of the campaign.
    pub campaign: Option<String>,
    /// Address of the referral.
    pub referral: Option<String>,
    /// The referee's wallet.
    pub referee: Option<String>,
}

/// At most `limit` conversions after the one with this time and address.
///
/// # Errors
/// See [`Error`].
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Conversion>, Error> {
    Ok(sqlx::query_as!(
        Conversion,
        r#"
        SELECT c.address, c.campaign, c.referral, c.code, c.referrer, c.referee, c.status,
               c.reward_referrer AS "reward_referrer: Unsigned",
               c.reward_referee AS "reward_referee: Unsigned",
               c.reward_partner AS "reward_partner: Unsigned",
               c.converted_at, c.matures_at,
               c.slot <= COALESCE(f.finalized_slot, -1) AS "is_final!",
               t.signature, c.action, c.amount AS "amount: Unsigned", c.reference
        FROM conversions c
        JOIN transactions t ON t.seq = c.seq
        CROSS JOIN finality f
        WHERE ($1::text IS NULL OR c.campaign = $1)
          AND ($2::text IS NULL OR c.referral = $2)
          AND ($3::text IS NULL OR c.referee = $3)
          AND ($4::bigint IS NULL OR (c.converted_at, c.address) < ($4, $5::text))
        ORDER BY c.converted_at DESC, c.address DESC
        LIMIT $6
        "#,
        filter.campaign.as_deref(),
        filter.referral.as_deref(),
        filter.referee.as_deref(),
        after.map(|(time, _)| time),
        after.map(|(_, address)| address),
        limit,
    )
    .fetch_all(pool)
    .await?)
}
