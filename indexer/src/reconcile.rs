//! Compares the whole mirror with the whole chain.

use std::collections::HashMap;

use vouch_db::mirror::{Commitment, Found, Observation, StoredAccount, every_account};

use crate::{failure::Failure, mirror::Mirror};

/// Number of repaired addresses that one log line names.
const NAMED: usize = 20;

/// Runs until something fails: at once, then at intervals.
pub(crate) async fn run(mirror: &Mirror<'_>) -> Result<(), Failure> {
    loop {
        reconcile(mirror).await?;
        tokio::time::sleep(mirror.config.reconcile_every()).await;
    }
}

async fn reconcile(mirror: &Mirror<'_>) -> Result<(), Failure> {
    let (slot, chain) = mirror
        .chain
        .program_accounts(Commitment::Finalized, 0)
        .await?;
    // Read the rows after the chain, so that rows that have changed since have a later
    // slot.
    let rows = every_account(mirror.pool).await?;
    let accounts = chain.len();
    let differences = compare(slot, chain, rows);
    let addresses: Vec<String> = differences
        .iter()
        .map(|difference| difference.address.clone())
        .collect();
    let applied = mirror.apply(differences, Commitment::Finalized).await?;
    let repairs = applied.inserted + applied.replaced + applied.removed;
    metrics::counter!("vouch_indexer_repairs_total").increment(repairs);
    metrics::counter!("vouch_indexer_reconciliations_total").increment(1);
    // The stream does not announce closed accounts. They are found here and are not
    // repairs.
    if applied.ended > 0 {
        tracing::info!(slot, ended = applied.ended, "accounts have ended");
    }
    if repairs == 0 {
        tracing::debug!(slot, accounts, "the mirror equals the chain");
    } else {
        tracing::warn!(
            slot,
            accounts,
            inserted = applied.inserted,
            replaced = applied.replaced,
            removed = applied.removed,
            addresses = addresses[..addresses.len().min(NAMED)].join(" "),
            "the mirror differed from the chain: repaired"
        );
    }
    Ok(())
}

/// The observations of the chain at `slot` that the rows disagree with. Rows of a later
/// slot are skipped: the chain may have reached their state meanwhile, and the next
/// comparison decides.
fn compare(slot: u64, chain: Vec<Observation>, rows: Vec<StoredAccount>) -> Vec<Observation> {
    let mut rows: HashMap<String, StoredAccount> = rows
        .into_iter()
        .map(|row| (row.address.clone(), row))
        .collect();
    let mut differences: Vec<Observation> = chain
        .into_iter()
        .filter(|seen| match (rows.remove(&seen.address), &seen.found) {
            (None, found) => matches!(found, Found::Account(_)),
            (Some(row), _) if row.slot.0 > slot => false,
            (Some(row), Found::Account(account)) => row.gone || account.data != row.data,
            (Some(row), Found::Tombstone | Found::Nothing) => !row.gone,
        })
        .collect();
    differences.extend(
        rows.into_values()
            .filter(|row| row.slot.0 <= slot && !row.gone)
            .map(|row| Observation {
                address: row.address,
                slot,
                commitment: Commitment::Finalized,
                found: Found::Nothing,
            }),
    );
    differences
}
