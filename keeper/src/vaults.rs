//! Watches the vaults of campaigns that pay from one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vouch_client::{
    PROGRAM_ID, Pubkey,
    accounts::{AccountType as _, Campaign},
    token,
};
use vouch_db::{
    PgPool,
    keeper::{self, Vault},
};

use crate::{config::Config, failure::Failure, health::Report, node::Node};

/// Campaigns in one request: each with its vault, so that both are of one slot.
const CAMPAIGNS: i64 = 50;
/// Requests in one look. The next look goes on after them.
const REQUESTS: usize = 40;
const RETRY: Duration = Duration::from_secs(5);

/// Looks at the vaults again and again.
pub(crate) async fn watch(config: &Config, pool: &PgPool, node: &Node, report: &Report) {
    let served = config.served();
    let mut after = String::new();
    let mut slot = 0;
    loop {
        let pause = match look(pool, node, served.as_deref(), &mut after, &mut slot).await {
            Ok(()) => config.watch_every(),
            Err(failure) => {
                tracing::warn!("the vaults cannot be read: {failure}");
                report.error(failure);
                RETRY.min(config.watch_every())
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Looks at some of them. `after` is the last campaign that was looked at.
async fn look(
    pool: &PgPool,
    node: &Node,
    served: Option<&[String]>,
    after: &mut String,
    slot: &mut u64,
) -> Result<(), Failure> {
    for _ in 0..REQUESTS {
        let campaigns = keeper::campaigns_with_vault(pool, after, CAMPAIGNS, served).await?;
        let Some((last, _)) = campaigns.last() else {
            after.clear();
            return Ok(());
        };
        let last = last.clone();
        *slot = page(pool, node, &campaigns, *slot).await?;
        *after = last;
        if i64::try_from(campaigns.len()).is_ok_and(|count| count < CAMPAIGNS) {
            after.clear();
            return Ok(());
        }
    }
    Ok(())
}

async fn page(
    pool: &PgPool,
    node: &Node,
    campaigns: &[(String, Vec<u8>)],
    min_slot: u64,
) -> Result<u64, Failure> {
    let mut addresses = Vec::new();
    for (campaign, data) in campaigns {
        let vault = Campaign::decode(data).map(|campaign| campaign.vault).ok();
        // The vault never changes, so the mirror's bytes tell it also when the campaign is gone.
        let address: Option<Pubkey> = campaign.parse().ok();
        addresses.extend([address.unwrap_or_default(), vault.unwrap_or_default()]);
    }
    let (slot, accounts) = node.accounts(&addresses, min_slot).await?;
    let at = i64::try_from(slot).map_err(|error| Failure::chain("slot", error))?;
    let (mut vaults, mut gone) = (Vec::new(), Vec::new());
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    for ((name, _), pair) in campaigns.iter().zip(accounts.chunks(2)) {
        let [campaign, vault] = pair else { continue };
        let campaign = campaign
            .as_ref()
            .filter(|account| account.owner == PROGRAM_ID);
        let Some(campaign) = campaign.and_then(|it| Campaign::decode(&it.data).ok()) else {
            gone.push(name.clone());
            continue;
        };
        let vault = vault
            .as_ref()
            .filter(|it| it.owner == campaign.token_program);
        vaults.push(Vault {
            campaign: name.clone(),
            balance: vault
                .and_then(|it| token::balance(&it.data))
                .unwrap_or_default(),
            owed: campaign.owed,
            next_reward: next_reward(&campaign, now),
            slot: at,
        });
    }
    keeper::write_vaults(pool, &vaults).await?;
    keeper::forget_vaults(pool, &gone).await?;
    Ok(slot)
}

/// The smallest reward that the campaign's next conversion can have; 0 if there can be none at
/// `now`, in unix seconds.
fn next_reward(campaign: &Campaign, now: i64) -> u64 {
    let settings = campaign.in_force(now);
    let is_over = settings.ends_at != 0 && settings.ends_at <= now;
    if campaign.closed || campaign.paused || is_over {
        return 0;
    }
    let least = settings.least_reward();
    let budget = campaign.settings.budget;
    if budget != 0 && budget.saturating_sub(campaign.committed) < least {
        // The program refuses it for its budget, at any balance of the vault.
        return 0;
    }
    least
}
