//! The second witness: the accounts that the mirror computed against those that the node has.
//!
//! It goes through all accounts in ranges, beside the live stream, and changes none of them. A
//! difference means that the history is not complete, or that somebody changed the database.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use vouch_db::mirror::Account;

use crate::{
    chain::ADDRESSES_AT_ONCE,
    config::Config,
    failure::Failure,
    health::{Layer, gauge},
    ledger,
    mirror::Mirror,
    source::Source,
};

/// An account that differs is read again after this time, before it counts.
const AGAIN: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);
/// Time within which the mirror reaches the slot at which the node has read accounts. It is usually
/// ahead of it.
const REACH: Duration = Duration::from_secs(10);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Health reports a comparison that takes this many times as long as it should.
const TOLERANCE: u32 = 3;

/// Compares range after range, round after round. Only a failure of Postgres ends it.
pub(crate) async fn run(mirror: &Mirror<'_>, config: &Config) -> Result<(), Failure> {
    // Before that, there is nothing to compare.
    while mirror.health.finality().is_none() {
        sleep(POLL).await;
    }
    let mut pace = interval(config.reconcile_pace());
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweep = Sweep::new(AGAIN);
    sweep.announce(mirror, config);
    loop {
        pace.tick().await;
        match sweep.next_range(mirror).await {
            // The pass is longer than the last one.
            Ok(true) if sweep.ranges.0 > sweep.ranges.1 => sweep.announce(mirror, config),
            Ok(true) => {}
            Ok(false) => {
                sweep.finish(mirror).await?;
                sweep.start_again(mirror, config);
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

/// Compares all accounts once, without pauses. Returns how many differ.
pub(crate) async fn pass(mirror: &Mirror<'_>) -> Result<usize, Failure> {
    let mut sweep = Sweep::new(Duration::ZERO);
    while sweep.next_range(mirror).await? {}
    sweep.finish(mirror).await?;
    Ok(sweep.differing.len())
}

/// A pass over all accounts.
#[derive(Debug, Default)]
struct Sweep {
    /// See [`AGAIN`].
    again: Duration,
    /// The last address that was compared.
    after: String,
    /// The lowest slot at which accounts were compared; `None` before the first.
    slot: Option<u64>,
    /// The accounts that differ, of this pass and, behind `after`, of the one before, each with the
    /// source from whose they differ.
    differing: BTreeMap<String, String>,
    /// Complete passes so far. Each asks another source, so that none hides what differs for ever.
    passes: usize,
    /// Ranges of this pass so far, and of the last one.
    ranges: (u32, u32),
}

impl Sweep {
    fn new(again: Duration) -> Self {
        Self {
            again,
            ..Self::default()
        }
    }

    /// Compares the next range. Returns whether there was one.
    async fn next_range(&mut self, mirror: &Mirror<'_>) -> Result<bool, Failure> {
        let rows = accounts_after(mirror, &self.after).await?;
        let Some(last) = rows.last() else {
            // There are no accounts behind the last range.
            self.differing.retain(|address, _| *address <= self.after);
            self.publish(mirror);
            return Ok(false);
        };
        let upto = last.address.clone();
        let ready = mirror.chain.sources().ready(finality(mirror)).await?;
        let Some(source) = ready.get(self.passes % ready.len().max(1)) else {
            return Ok(false);
        };
        let (slot, first) = compare(mirror, source, &self.after, &rows).await?;
        let mut differing = BTreeMap::new();
        if !first.is_empty() {
            // Perhaps the mirror held a transaction that was abandoned.
            sleep(self.again).await;
            let rows = accounts_after(mirror, &self.after).await?;
            for source in ready {
                let again = match compare(mirror, source, &self.after, &rows).await {
                    Err(failure) if failure.is_of_a_source() => continue,
                    again => again?.1,
                };
                for address in again.into_iter().filter(|address| first.contains(address)) {
                    differing.insert(address, source.name().to_owned());
                }
            }
        }
        self.differing
            .retain(|address, _| *address <= self.after || *address > upto);
        for (address, source) in differing {
            tracing::error!(address, source, "the account differs from the node's");
            self.differing.insert(address, source);
        }
        self.publish(mirror);
        self.slot = Some(self.slot.map_or(slot, |lowest| lowest.min(slot)));
        self.after = upto;
        self.ranges.0 += 1;
        Ok(true)
    }

    /// Notes the outcome of the whole pass.
    async fn finish(&self, mirror: &Mirror<'_>) -> Result<(), Failure> {
        if let (true, Some(slot)) = (self.differing.is_empty(), self.slot) {
            let slot = ledger::slot(slot)?;
            mirror.writer.lock().await.witnessed(slot, "rpc").await?;
            mirror.health.succeeded(Layer::Accounts);
        }
        Ok(())
    }

    fn publish(&self, mirror: &Mirror<'_>) {
        let differing = self.differing.len() as u64;
        let is_one = mirror.chain.sources().is_one();
        let whose = self.differing.values().next().filter(|_| !is_one);
        let whose = whose.map_or_else(
            || "the node's".to_owned(),
            |name| format!("those of {name}"),
        );
        mirror.health.differences(differing, whose);
        gauge("vouch_indexer_differing_accounts", differing);
    }

    fn start_again(&mut self, mirror: &Mirror<'_>, config: &Config) {
        self.after.clear();
        self.slot = None;
        self.passes += 1;
        self.ranges = (0, self.ranges.0);
        self.announce(mirror, config);
    }

    /// Tells health by when the next pass should be complete.
    fn announce(&self, mirror: &Mirror<'_>, config: &Config) {
        let ranges = self.ranges.0.max(self.ranges.1);
        let pass = config.reconcile_every() + config.reconcile_pace() * ranges;
        mirror
            .health
            .expect_accounts(pass * TOLERANCE + config.max_age());
    }
}

fn finality(mirror: &Mirror<'_>) -> u64 {
    mirror.health.finality().unwrap_or_default()
}

async fn accounts_after(mirror: &Mirror<'_>, after: &str) -> Result<Vec<Account>, Failure> {
    let limit = i64::try_from(ADDRESSES_AT_ONCE).unwrap_or(i64::MAX);
    Ok(vouch_db::mirror::accounts_after(mirror.pool, after, limit).await?)
}

/// Compares a range of accounts. Returns the node's slot, and the addresses that differ.
async fn compare(
    mirror: &Mirror<'_>,
    source: &Source,
    after: &str,
    rows: &[Account],
) -> Result<(u64, Vec<String>), Failure> {
    let addresses: Vec<_> = rows.iter().map(|row| row.address.clone()).collect();
    let found = mirror.chain.accounts(source, &addresses, finality(mirror));
    let (slot, found) = source.judge(found.await)?;
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
        // An account that has changed since is compared next time.
        let is_older = u64::try_from(row.slot).is_ok_and(|changed| changed <= slot);
        let found = found.get(place).and_then(Option::as_deref);
        let doubt = ledger::doubt(&row.address, row.doubt.as_deref())?;
        if is_older && !ledger::agrees(doubt, row.data.as_deref(), found) {
            differing.push(row.address);
        }
    }
    Ok((slot, differing))
}
