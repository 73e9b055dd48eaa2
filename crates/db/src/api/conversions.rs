//! Conversions with their receipts, newest first.

use sqlx::PgPool;

use crate::{Error, amount::from_numeric};

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
    pub action: String,
    pub status: String,
    pub amount: u64,
    pub reference: Option<Vec<u8>>,
    pub reward_referrer: u64,
    pub reward_referee: u64,
    pub reward_partner: u64,
    pub converted_at: i64,
    pub hold_seconds: i64,
    pub signature: Option<String>,
    pub commitment: String,
}

/// Which conversions; `None` does not restrict.
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
    let rows = sqlx::query!(
        "SELECT address, campaign, referral, code, referrer, referee, action, status, amount,
                reference, reward_referrer, reward_referee, reward_partner, converted_at,
                hold_seconds, signature, commitment
         FROM conversions
         WHERE ($1::text IS NULL OR campaign = $1)
           AND ($2::text IS NULL OR referral = $2)
           AND ($3::text IS NULL OR referee = $3)
           AND ($4::bigint IS NULL OR (converted_at, address) < ($4, $5::text))
         ORDER BY converted_at DESC, address DESC
         LIMIT $6",
        filter.campaign.as_deref(),
        filter.referral.as_deref(),
        filter.referee.as_deref(),
        after.map(|(time, _)| time),
        after.map(|(_, address)| address),
        limit,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Conversion {
                amount: from_numeric(&row.amount)?,
                reward_referrer: from_numeric(&row.reward_referrer)?,
                reward_referee: from_numeric(&row.reward_referee)?,
                reward_partner: from_numeric(&row.reward_partner)?,
                address: row.address,
                campaign: row.campaign,
                referral: row.referral,
                code: row.code,
                referrer: row.referrer,
                referee: row.referee,
                action: row.action,
                status: row.status,
                reference: row.reference,
                converted_at: row.converted_at,
                hold_seconds: row.hold_seconds,
                signature: row.signature,
                commitment: row.commitment,
            })
        })
        .collect()
}
