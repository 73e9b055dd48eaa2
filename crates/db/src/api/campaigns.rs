//! Campaigns and their off-chain profiles.

use sqlx::PgPool;
use time::OffsetDateTime;

use crate::{Error, amount::Unsigned};

/// One campaign with its profile.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct Campaign {
    pub address: String,
    pub creator: String,
    pub campaign_id: u64,
    pub authority: String,
    pub delegate: Option<String>,
    pub mint: String,
    pub mint_decimals: i16,
    pub token_program: String,
    pub funding: String,
    pub proof: String,
    pub uniqueness: String,
    pub reward_kind: String,
    pub reward_fixed: u64,
    pub reward_bps: i32,
    pub reward_max: Option<Unsigned>,
    pub paused: bool,
    pub closed: bool,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
    pub created_at: i64,
    /// The account's bytes, which hold the announced settings.
    pub data: Vec<u8>,
    pub slot: i64,
    /// Whether its last change is final.
    pub is_final: bool,
    /// The campaign's name; `None` without a profile.
    pub name: Option<String>,
    /// The symbol of its token; `None` if it did not say.
    pub symbol: Option<String>,
    /// The landing page of its links; `None` without a profile.
    pub landing_url: Option<String>,
    /// Base units in the vault when the keeper saw it last; `None` if it has not, or there is no vault.
    pub vault_balance: Option<Unsigned>,
    /// Base units of them that were owed then.
    pub vault_owed: Option<Unsigned>,
    /// Base units of the smallest reward that the next conversion could have then.
    pub vault_next_reward: Option<Unsigned>,
    /// Since when it is known to hold less than both; `None` while it holds enough.
    pub vault_short_since: Option<OffsetDateTime>,
    /// The slot of that moment.
    pub vault_slot: Option<i64>,
}

/// At most `limit` campaigns after the one with this time and address, newest first; of `authority` if
/// there is one.
///
/// # Errors
/// See [`Error`].
pub async fn list(
    pool: &PgPool,
    authority: Option<&str>,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Campaign>, Error> {
    select(pool, None, authority, after, limit).await
}

/// The campaign at `address`.
///
/// # Errors
/// See [`Error`].
pub async fn find(pool: &PgPool, address: &str) -> Result<Option<Campaign>, Error> {
    Ok(select(pool, Some(address), None, None, 1).await?.pop())
}

async fn select(
    pool: &PgPool,
    address: Option<&str>,
    authority: Option<&str>,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Campaign>, Error> {
    Ok(sqlx::query_as!(
        Campaign,
        r#"
        SELECT c.address, c.creator, c.campaign_id AS "campaign_id: Unsigned", c.authority, c.mint,
               c.mint_decimals, c.token_program, c.funding, c.proof, c.uniqueness, c.reward_kind,
               c.reward_fixed AS "reward_fixed: Unsigned", c.reward_bps,
               c.reward_max AS "reward_max: Unsigned", c.paused, c.closed, c.starts_at, c.ends_at,
               c.created_at, COALESCE(c.data, a.data) AS "data!", c.slot,
               c.slot <= COALESCE(f.finalized_slot, -1) AS "is_final!",
               p.name AS "name?", p.symbol, p.landing_url AS "landing_url?",
               d.wallet AS delegate,
               v.balance AS "vault_balance?: Unsigned", v.owed AS "vault_owed?: Unsigned",
               v.next_reward AS "vault_next_reward?: Unsigned",
               v.short_since AS vault_short_since, v.slot AS "vault_slot?"
        FROM campaigns c
        CROSS JOIN finality f
        LEFT JOIN accounts a ON a.address = c.address
        LEFT JOIN campaign_profiles p ON p.campaign = c.address AND p.set_by = c.authority
        LEFT JOIN campaign_delegates d ON d.campaign = c.address AND d.authority = c.authority
        LEFT JOIN vaults v ON v.campaign = c.address
        WHERE ($1::text IS NULL OR c.address = $1)
          AND ($2::text IS NULL OR c.authority = $2)
          AND ($3::bigint IS NULL OR (c.created_at, c.address) < ($3, $4::text))
        ORDER BY c.created_at DESC, c.address DESC
        LIMIT $5
        "#,
        address,
        authority,
        after.map(|(time, _)| time),
        after.map(|(_, address)| address),
        limit,
    )
    .fetch_all(pool)
    .await?)
}

/// Whether there is a campaign at `address`.
///
/// # Errors
/// See [`Error`].
pub async fn exists(pool: &PgPool, address: &str) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM campaigns WHERE address = $1) AS "exists!""#,
        address
    )
    .fetch_one(pool)
    .await?)
}

/// A campaign's off-chain profile, to be set.
#[derive(Debug)]
pub struct Profile<'a> {
    /// The campaign's name.
    pub name: &'a str,
    /// The token's symbol.
    pub symbol: Option<&'a str>,
    /// The landing page of its links.
    pub landing_url: &'a str,
}

/// Sets the profile of the campaign at `address`. Returns whether `authority` is its authority; if not,
/// nothing is set. The profile is shown as long as it is.
///
/// # Errors
/// See [`Error`].
pub async fn set_profile(
    pool: &PgPool,
    address: &str,
    authority: &str,
    profile: &Profile<'_>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO campaign_profiles (campaign, set_by, name, landing_url, symbol)
         SELECT address, authority, $3, $4, $5 FROM campaigns
         WHERE address = $1 AND authority = $2
         ON CONFLICT (campaign) DO UPDATE
         SET set_by = excluded.set_by, name = excluded.name, landing_url = excluded.landing_url,
             symbol = excluded.symbol, updated_at = now()",
        address,
        authority,
        profile.name,
        profile.landing_url,
        profile.symbol,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}
