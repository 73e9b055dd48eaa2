//! Wallets that act off chain for campaigns' authorities.

use sqlx::PgPool;

use crate::Error;

/// The two wallets that may act for a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actors {
    /// The campaign's authority.
    pub authority: String,
    /// The wallet that this authority has named; `None` for nobody.
    pub delegate: Option<String>,
}

/// The wallets that may act for a campaign off chain; `None` if the mirror knows no such campaign.
///
/// # Errors
/// See [`Error`].
pub async fn actors(pool: &PgPool, campaign: &str) -> Result<Option<Actors>, Error> {
    Ok(sqlx::query_as!(
        Actors,
        "SELECT c.authority, d.wallet AS delegate
         FROM campaigns c
         LEFT JOIN campaign_delegates d ON d.campaign = c.address AND d.authority = c.authority
         WHERE c.address = $1",
        campaign
    )
    .fetch_optional(pool)
    .await?)
}

/// A final transaction in which an authority names a delegate.
#[derive(Debug, Clone, Copy)]
pub struct Naming<'a> {
    /// Address of the campaign.
    pub campaign: &'a str,
    /// The authority that says so.
    pub authority: &'a str,
    /// The wallet that it names; `None` for nobody.
    pub wallet: Option<&'a str>,
    /// Slot of the transaction.
    pub slot: i64,
    /// The transaction.
    pub signature: &'a str,
}

/// Outcome of [`name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// It holds: this wallet is the delegate, or nobody.
    Holds(Option<String>),
    /// A later transaction of the authority holds.
    Superseded,
    /// The campaign has another authority.
    NotAuthority,
    /// The mirror knows no such campaign.
    NotFound,
}

/// Writes what an authority has said, unless it has said something later. Of two transactions in one
/// slot nobody knows the later one here: if they name two wallets, nobody is the delegate.
///
/// # Errors
/// See [`Error`].
pub async fn name(pool: &PgPool, naming: &Naming<'_>) -> Result<Named, Error> {
    let Some(actors) = actors(pool, naming.campaign).await? else {
        return Ok(Named::NotFound);
    };
    if actors.authority != naming.authority {
        return Ok(Named::NotAuthority);
    }
    let held = sqlx::query_scalar!(
        "INSERT INTO campaign_delegates AS d (campaign, authority, wallet, slot, signature)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (campaign, authority) DO UPDATE SET
             wallet = CASE WHEN EXCLUDED.slot > d.slot OR EXCLUDED.wallet = d.wallet
                           THEN EXCLUDED.wallet END,
             slot = EXCLUDED.slot, signature = EXCLUDED.signature, shown_at = now()
         WHERE EXCLUDED.slot >= d.slot
         RETURNING wallet",
        naming.campaign,
        naming.authority,
        naming.wallet,
        naming.slot,
        naming.signature,
    )
    .fetch_optional(pool)
    .await?;
    Ok(held.map_or(Named::Superseded, Named::Holds))
}

/// A campaign that a wallet may act for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegated {
    /// Address of the campaign.
    pub campaign: String,
    /// The authority that has named the wallet.
    pub authority: String,
}

/// The campaigns of others for which `wallet` may act as a delegate, in the order of their addresses: at most
/// `limit`, after the one at `after`.
///
/// # Errors
/// See [`Error`].
pub async fn of_wallet(
    pool: &PgPool,
    wallet: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Delegated>, Error> {
    Ok(sqlx::query_as!(
        Delegated,
        "SELECT d.campaign, d.authority
         FROM campaign_delegates d
         WHERE d.wallet = $1 AND d.wallet <> d.authority AND d.campaign > COALESCE($2, '')
           -- One look-up for each row, until the page is full.
           AND EXISTS (SELECT FROM campaigns c
                       WHERE c.address = d.campaign AND c.authority = d.authority OFFSET 0)
         ORDER BY d.campaign LIMIT $3",
        wallet,
        after,
        limit,
    )
    .fetch_all(pool)
    .await?)
}
