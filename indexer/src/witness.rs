//! The second witness: the accounts that the mirror computed against those that the node has.
//!
//! It goes through all accounts in ranges, beside the live stream, and changes none of them. A
//! difference means that the history is not complete, or that somebody changed the database.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use vouch_db::mirror::Account;

use crate::{
    chain::ADDRESSES_AT_ONCE,
    config::Config,
    failure::Failure,
    health::{Layer, gauge},
    session::Mirror,
};

/// An account that differs is read again after this time, before it counts.
const AGAIN: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);
/// Time within which the mirror reaches the slot at which the node has read accounts. It is usually
/// ahead of it.
const REACH: Duration = Duration::from_secs(10);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Compares range after range, round after round. Only a failure of Postgres ends it.
pub(crate) async fn run(mirror: &Mirror<'_>, config: &Config) -> Result<(), Failure> {
    // Before that, there is nothing to compare.
    while mirror.health.finality().is_none() {
        sleep(POLL).await;
    }
    let mut pace = interval(config.reconcile_pace());
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweep = Sweep::default();
    loop {
        pace.tick().await;
        match sweep.next_range(mirror).await {
            Ok(true) => {}
            Ok(false) => {
                sweep.finish(mirror).await?;
                sweep.start_again();
                sleep(config.reconcile_every()).await;
            }
            Err(failure @ Failure::Database(_)) => return Err(failure),
            // The range is read again.
            Err(failure) => {
                tracing::warn!("accounts were not compared: {failure}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// A pass over all accounts.
#[derive(Debug, Default)]
struct Sweep {
    /// The last address that was compared.
    after: String,
    /// The lowest slot at which accounts were compared; `None` before the first.
    slot: Option<u64>,
    /// The accounts that differ, of this pass and, behind `after`, of the one before.
    differing: BTreeSet<String>,
}

impl Sweep {
    /// Compares the next range. Returns whether there was one.
    async fn next_range(&mut self, mirror: &Mirror<'_>) -> Result<bool, Failure> {
        let rows = accounts_after(mirror, &self.after).await?;
        let Some(last) = rows.last() else {
            // There are no accounts behind the last range.
            self.differing.retain(|address| *address <= self.after);
            self.publish(mirror);
            return Ok(false);
        };
        let upto = last.address.clone();
        let (slot, mut differing) = compare(mirror, &self.after, &rows).await?;
        if !differing.is_empty() {
            // Perhaps the mirror held a transaction that was abandoned.
            sleep(AGAIN).await;
            let rows = accounts_after(mirror, &self.after).await?;
            let again = compare(mirror, &self.after, &rows).await?.1;
            differing.retain(|address| again.contains(address));
        }
        self.differing
            .retain(|address| *address <= self.after || *address > upto);
        for address in differing {
            tracing::error!(address, "the account differs from the node's");
            self.differing.insert(address);
        }
        self.publish(mirror);
        self.slot = Some(self.slot.map_or(slot, |lowest| lowest.min(slot)));
        self.after = upto;
        Ok(true)
    }

    /// Notes the outcome of the whole pass.
    async fn finish(&self, mirror: &Mirror<'_>) -> Result<(), Failure> {
        if let (true, Some(slot)) = (self.differing.is_empty(), self.slot) {
            let slot = crate::ledger::slot(slot)?;
            mirror.writer.lock().await.witnessed(slot, "rpc").await?;
            mirror.health.succeeded(Layer::Accounts);
        }
        Ok(())
    }

    fn publish(&self, mirror: &Mirror<'_>) {
        let differing = self.differing.len() as u64;
        mirror.health.differences(differing);
        gauge("vouch_indexer_differing_accounts", differing);
    }

    fn start_again(&mut self) {
        self.after.clear();
        self.slot = None;
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
    let deadline = Instant::now() + REACH;
    while mirror.health.indexed().is_none_or(|indexed| indexed < slot) {
        if Instant::now() > deadline {
            return Err(Failure::Chain(format!(
                "getMultipleAccounts: the node read at slot {slot}, which the mirror does not reach"
            )));
        }
        sleep(POLL).await;
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
