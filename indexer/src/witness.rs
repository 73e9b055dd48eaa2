//! The second witness: the accounts that the mirror computed against those that the node has.
//!
//! It goes through all accounts in ranges, beside the live stream, and changes none of them. A
//! difference means that the history is not complete, or that somebody changed the database.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use vouch_db::mirror::Account;

use crate::{
    chain::ADDRESSES_AT_ONCE,
    failure::Failure,
    health::{Layer, gauge},
    session::Mirror,
};

/// An account that differs is read again after this time, before it counts.
const AGAIN: Duration = Duration::from_secs(2);
const FIRST_POLL: Duration = Duration::from_millis(100);

/// Compares round after round. Only a failure of Postgres ends it.
pub(crate) async fn run(mirror: &Mirror<'_>) -> Result<(), Failure> {
    // Before that, there is nothing to compare.
    while mirror.health.finality().is_none() {
        sleep(FIRST_POLL).await;
    }
    loop {
        match sweep(mirror).await {
            Ok(sweep) => {
                mirror.health.differences(sweep.differences);
                gauge("vouch_indexer_differing_accounts", sweep.differences);
                if let (0, Some(slot)) = (sweep.differences, sweep.slot) {
                    let slot = crate::ledger::slot(slot)?;
                    mirror.writer.lock().await.witnessed(slot, "rpc").await?;
                    mirror.health.succeeded(Layer::Accounts);
                }
            }
            Err(failure @ Failure::Database(_)) => return Err(failure),
            Err(failure) => tracing::warn!("accounts were not compared: {failure}"),
        }
        sleep(mirror.config.reconcile_every()).await;
    }
}

/// The outcome of one pass over all accounts.
#[derive(Debug, Default)]
struct Sweep {
    /// The lowest slot at which accounts were compared; `None` without accounts.
    slot: Option<u64>,
    differences: u64,
}

async fn sweep(mirror: &Mirror<'_>) -> Result<Sweep, Failure> {
    let mut sweep = Sweep::default();
    let mut after = String::new();
    let mut pace = interval(mirror.config.reconcile_pace());
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let rows = accounts_after(mirror, &after).await?;
        let Some(last) = rows.last() else {
            return Ok(sweep);
        };
        let upto = last.address.clone();
        let (slot, mut differing) = compare(mirror, &after, &rows).await?;
        if !differing.is_empty() {
            // Perhaps the mirror held a transaction that was abandoned.
            sleep(AGAIN).await;
            let rows = accounts_after(mirror, &after).await?;
            let again = compare(mirror, &after, &rows).await?.1;
            differing.retain(|address| again.contains(address));
        }
        for address in &differing {
            tracing::error!(address, "the account differs from the node's");
        }
        sweep.differences += differing.len() as u64;
        sweep.slot = Some(sweep.slot.map_or(slot, |lowest| lowest.min(slot)));
        after = upto;
    }
}

async fn accounts_after(mirror: &Mirror<'_>, after: &str) -> Result<Vec<Account>, Failure> {
    let limit = i64::try_from(ADDRESSES_AT_ONCE).unwrap_or(i64::MAX);
    Ok(vouch_db::mirror::accounts_after(mirror.pool, after, limit).await?)
}

/// Compares a range of accounts. Returns the node's slot, and the addresses that differ.
async fn compare(
    mirror: &Mirror<'_>,
    after: &str,
    rows: &[Account],
) -> Result<(u64, Vec<String>), Failure> {
    let addresses: Vec<_> = rows.iter().map(|row| row.address.clone()).collect();
    let min_slot = mirror.health.finality().unwrap_or_default();
    let (slot, found) = mirror.chain.accounts(&addresses, min_slot).await?;
    // The mirror is read after the node, so that it is not the older one of the two.
    while mirror.health.indexed().is_none_or(|indexed| indexed < slot) {
        sleep(FIRST_POLL).await;
    }
    let rows = accounts_after(mirror, after).await?;
    let mut differing = Vec::new();
    for row in rows {
        let Some(place) = addresses.iter().position(|address| *address == row.address) else {
            continue;
        };
        // What has changed since is compared next time.
        let is_older = u64::try_from(row.slot).is_ok_and(|changed| changed <= slot);
        if is_older && found.get(place) != Some(&row.data) {
            differing.push(row.address);
        }
    }
    Ok((slot, differing))
}
