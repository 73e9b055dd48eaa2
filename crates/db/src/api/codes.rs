//! Codes: their owners and the state that decides whether they may be used.

use sqlx::PgPool;

use crate::{Error, amount::Unsigned};

/// A referral with the state of its campaign.
#[derive(Debug, Clone)]
pub struct Referral {
    /// Its address.
    pub address: String,
    /// Address of its campaign.
    pub campaign: String,
    /// Its code.
    pub code: String,
    /// The referrer's wallet.
    pub owner: String,
    /// The owner has not switched it off, and it is not closed.
    pub active: bool,
    /// The campaign has suspended it.
    pub suspended: bool,
    /// Most conversions; `None` for no limit.
    pub usage_limit: Option<u64>,
    /// Conversions so far.
    pub conversions: u64,
    /// Unix seconds; `None` for never.
    pub expires_at: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// Whether `/r/CODE` without a campaign resolves to this referral: the first one with the code.
    pub owns_short_link: bool,
    /// The landing page of its links; `None` when the campaign has no profile.
    pub landing_url: Option<String>,
    /// The campaign's state; `None` when the campaign is not mirrored yet.
    pub campaign_state: Option<CampaignState>,
}

/// The state of a campaign that decides whether its codes may be used.
#[derive(Debug, Clone)]
pub struct CampaignState {
    /// Paused by its authority.
    pub paused: bool,
    /// Closed for good.
    pub closed: bool,
    /// Unix seconds; `None` for at once.
    pub starts_at: Option<i64>,
    /// Unix seconds; `None` for never.
    pub ends_at: Option<i64>,
    /// The account's bytes, which hold the announced settings.
    pub data: Vec<u8>,
}

/// The referral with `code` in `campaign`. Without a campaign, the one that owns the short link: the
/// first with the code in the order of the chain, whether it is closed or not.
///
/// # Errors
/// See [`Error`].
pub async fn find(
    pool: &PgPool,
    code: &str,
    campaign: Option<&str>,
) -> Result<Option<Referral>, Error> {
    let row = sqlx::query!(
        r#"
        SELECT r.address AS "address!", r.campaign AS "campaign!", r.code AS "code!",
               r.owner AS "owner!", r.active AND NOT r.closed AS "active!",
               r.suspended AS "suspended!",
               r.usage_limit AS "usage_limit: Unsigned", r.conversions AS "conversions!: Unsigned",
               r.expires_at, r.created_at AS "created_at!",
               EXISTS (
                   SELECT FROM short_links WHERE code = $1 AND referral = r.address
               ) AS "owns_short_link!",
               p.landing_url AS "landing_url?",
               c.paused AS "paused?", c.closed AS "closed?", c.starts_at, c.ends_at,
               COALESCE(c.data, a.data) AS campaign_data
        FROM referrals r
        LEFT JOIN campaigns c ON c.address = r.campaign
        LEFT JOIN accounts a ON a.address = c.address
        LEFT JOIN campaign_profiles p ON p.campaign = r.campaign AND p.set_by = c.authority
        WHERE ($2::text IS NOT NULL AND r.campaign = $2 AND r.code = $1)
           OR ($2::text IS NULL AND r.address = (SELECT referral FROM short_links WHERE code = $1))
        "#,
        code,
        campaign,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| Referral {
        usage_limit: row.usage_limit.map(u64::from),
        conversions: row.conversions.into(),
        campaign_state: match (row.paused, row.closed) {
            (Some(paused), Some(closed)) => Some(CampaignState {
                paused,
                closed,
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                data: row.campaign_data.unwrap_or_default(),
            }),
            _ => None,
        },
        address: row.address,
        campaign: row.campaign,
        code: row.code,
        owner: row.owner,
        active: row.active,
        suspended: row.suspended,
        expires_at: row.expires_at,
        created_at: row.created_at,
        owns_short_link: row.owns_short_link,
        landing_url: row.landing_url,
    }))
}

/// Those of `codes` that are registered in any campaign.
///
/// # Errors
/// See [`Error`].
pub async fn in_use(pool: &PgPool, codes: &[String]) -> Result<Vec<String>, Error> {
    Ok(
        sqlx::query_scalar!("SELECT code FROM short_links WHERE code = ANY($1)", codes)
            .fetch_all(pool)
            .await?,
    )
}
