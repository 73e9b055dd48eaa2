//! Finalizes confirmed rows, or removes those of an abandoned fork.

use std::time::Duration;

use vouch_db::mirror::{Commitment, unfinalized};

use crate::{failure::Failure, mirror::Mirror};

const POLL: Duration = Duration::from_millis(500);
/// Number of rows that are read together.
const BATCH: u32 = 500;

/// Runs until something fails.
pub(crate) async fn run(mirror: &Mirror<'_>) -> Result<(), Failure> {
    loop {
        // Read this first: rows that are mirrored later may be older than the slot that
        // is read next.
        let indexed = *mirror.indexed.borrow();
        let finalized = mirror.chain.slot(Commitment::Finalized).await?;
        settle(mirror, finalized).await?;
        // Only mirrored slots count as finalized: before the snapshot there is a gap.
        if let Some(indexed) = indexed {
            let slot = finalized.min(indexed);
            mirror.writer.lock().await.advance(None, Some(slot)).await?;
            mirror.health.finalized_slot(slot);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Reads every row up to `finalized` again, now that its slot cannot change any more.
async fn settle(mirror: &Mirror<'_>, finalized: u64) -> Result<(), Failure> {
    loop {
        let rows = unfinalized(mirror.pool, finalized, BATCH).await?;
        let Some(newest) = rows.iter().map(|row| row.slot).max() else {
            return Ok(());
        };
        let addresses: Vec<String> = rows.into_iter().map(|row| row.address).collect();
        // Read at the newest row's slot or later, so that the result is not older than
        // any row.
        let read = mirror
            .chain
            .accounts(&addresses, Commitment::Finalized, newest)
            .await?;
        let applied = mirror.apply(read, Commitment::Finalized).await?;
        if applied.removed > 0 {
            tracing::warn!(
                removed = applied.removed,
                "confirmed accounts do not exist at the finalized slot: removed"
            );
        }
    }
}
