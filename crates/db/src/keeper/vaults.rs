//! The vaults of campaigns, as the chain had them.

use sqlx::PgPool;

use crate::{Error, amount::Unsigned, unless_silent};

/// A vault, and what its campaign needs of it, at one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    /// The campaign.
    pub campaign: String,
    /// Base units in the vault.
    pub balance: u64,
    /// Base units that pending parts need.
    pub owed: u64,
    /// Base units of the smallest reward that the next conversion can have; 0 if there can be none.
    pub next_reward: u64,
    /// The slot.
    pub slot: i64,
}

/// Campaigns that pay from a vault, from the address after `after` on: at most `limit`, with the
/// campaign's last bytes. Left out are campaigns other than `served`, if there are such.
///
/// # Errors
/// When Postgres does not answer; [`Error::Corrupt`] for a campaign without bytes.
pub async fn campaigns_with_vault(
    pool: &PgPool,
    after: &str,
    limit: i64,
    served: Option<&[String]>,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let rows = sqlx::query!(
        // One look-up for each campaign of the page: a merge would read the accounts from their beginning.
        r#"SELECT c.address, COALESCE(c.data, a.data) AS data
           FROM (SELECT address, data FROM campaigns
                 WHERE funding = 'vault' AND address > $1
                       AND ($3::text[] IS NULL OR address = ANY($3))
                 ORDER BY address LIMIT $2) AS c
           LEFT JOIN LATERAL (SELECT data FROM accounts WHERE address = c.address OFFSET 0) AS a
                ON true
           ORDER BY c.address"#,
        after,
        limit,
        served,
    );
    let rows = unless_silent(async { Ok(rows.fetch_all(pool).await?) }).await?;
    rows.into_iter()
        .map(|row| {
            let data = row.data.ok_or(Error::Corrupt("a campaign without bytes"))?;
            Ok((row.address, data))
        })
        .collect()
}

/// Writes what was read, unless a row is of a later slot. A vault is short from the first time that
/// it is seen to hold less than what is owed and the next reward, until it is seen to hold enough.
///
/// # Errors
/// When Postgres does not answer.
pub async fn write_vaults(pool: &PgPool, vaults: &[Vault]) -> Result<(), Error> {
    let campaigns: Vec<_> = vaults.iter().map(|vault| vault.campaign.clone()).collect();
    let balances: Vec<_> = vaults.iter().map(|vault| Unsigned(vault.balance)).collect();
    let owed: Vec<_> = vaults.iter().map(|vault| Unsigned(vault.owed)).collect();
    let next: Vec<_> = vaults
        .iter()
        .map(|vault| Unsigned(vault.next_reward))
        .collect();
    let slots: Vec<_> = vaults.iter().map(|vault| vault.slot).collect();
    let write = sqlx::query!(
        "INSERT INTO vaults AS vault (campaign, balance, owed, next_reward, slot, short_since)
         SELECT campaign, balance, owed, next_reward, slot,
                CASE WHEN balance < owed + next_reward THEN now() END
         FROM UNNEST($1::text[], $2::numeric[], $3::numeric[], $4::numeric[], $5::bigint[])
              AS seen (campaign, balance, owed, next_reward, slot)
         ON CONFLICT (campaign) DO UPDATE SET
             balance = EXCLUDED.balance, owed = EXCLUDED.owed,
             next_reward = EXCLUDED.next_reward, slot = EXCLUDED.slot,
             short_since = CASE WHEN EXCLUDED.short_since IS NOT NULL
                                THEN COALESCE(vault.short_since, EXCLUDED.short_since) END
         WHERE vault.slot <= EXCLUDED.slot",
        &campaigns,
        &balances as &[Unsigned],
        &owed as &[Unsigned],
        &next as &[Unsigned],
        &slots,
    );
    unless_silent(async { Ok(write.execute(pool).await?) }).await?;
    Ok(())
}

/// Deletes the rows of campaigns that are no more.
///
/// # Errors
/// When Postgres does not answer.
pub async fn forget_vaults(pool: &PgPool, campaigns: &[String]) -> Result<(), Error> {
    let delete = sqlx::query!("DELETE FROM vaults WHERE campaign = ANY($1)", campaigns);
    unless_silent(async { Ok(delete.execute(pool).await?) }).await?;
    Ok(())
}
