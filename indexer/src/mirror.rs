//! The mirror, while this process is its writer.

use std::time::Instant;

use tokio::sync::{Mutex, Notify, watch};
use vouch_db::{
    Error, PgPool,
    mirror::{Applied, Commitment, Found, Observation, Projection, Writer},
};

use crate::{chain::Chain, config::Config, failure::Failure, health::Health, history::recall};

/// Rows in one transaction: enough for speed, few enough to become visible quickly.
const BATCH: usize = 1000;

/// State that the parts of a session share.
pub(crate) struct Mirror<'a> {
    pub(crate) config: &'a Config,
    pub(crate) chain: &'a Chain,
    pub(crate) health: &'a Health,
    /// For reads, which need no lock.
    pub(crate) pool: &'a PgPool,
    /// For all writes.
    pub(crate) writer: Mutex<Writer>,
    /// Signals new conversions without a receipt.
    pub(crate) converted: Notify,
    /// The slot up to which this session has mirrored everything; `None` before its
    /// snapshot. The progress of an earlier session does not count, because of the gap
    /// since.
    pub(crate) indexed: watch::Sender<Option<u64>>,
}

impl Mirror<'_> {
    /// Applies observations of one commitment, in batches that are each one transaction.
    pub(crate) async fn apply(
        &self,
        mut observations: Vec<Observation>,
        commitment: Commitment,
    ) -> Result<Applied, Failure> {
        // Referrals come first, because conversions are credited through them. The sort
        // is stable, so observations of one account stay in order if they agree on its
        // type.
        observations.sort_by_key(|observation| !is_referral(observation));
        let mut total = Applied::default();
        for batch in observations.chunks(BATCH) {
            let applied = self.apply_batch(batch.to_vec(), commitment).await?;
            total.inserted += applied.inserted;
            total.replaced += applied.replaced;
            total.ended += applied.ended;
            total.removed += applied.removed;
            total.finalized += applied.finalized;
            total.ignored += applied.ignored;
        }
        Ok(total)
    }

    async fn apply_batch(
        &self,
        mut batch: Vec<Observation>,
        commitment: Commitment,
    ) -> Result<Applied, Failure> {
        let start = Instant::now();
        let (mut fetched, mut recalled) = (false, false);
        let applied = loop {
            let outcome = self.writer.lock().await.apply(batch.clone()).await;
            match outcome {
                Ok(applied) => break applied,
                Err(Error::UnknownReferrals(referrals)) if !fetched => {
                    let slot = batch.iter().map(|seen| seen.slot).max().unwrap_or_default();
                    let found = self.chain.accounts(&referrals, commitment, slot).await?;
                    batch.extend(found);
                    fetched = true;
                }
                // These referrals have been closed since. Apply their registrations
                // first, and their present state after that.
                Err(Error::UnknownReferrals(referrals)) if !recalled => {
                    let mut were = Vec::new();
                    for referral in &referrals {
                        were.extend(recall(self.chain, referral).await?);
                    }
                    self.writer.lock().await.apply(were).await?;
                    recalled = true;
                }
                // The node is behind, has pruned its history, or showed an abandoned
                // fork. The next session reads everything again.
                Err(Error::UnknownReferrals(referrals)) => {
                    return Err(Failure::Chain(format!(
                        "the node has a conversion but neither its referral {} nor the \
                         transaction that registered it",
                        referrals.join(", ")
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        };
        metrics::histogram!("vouch_indexer_apply_seconds").record(start.elapsed().as_secs_f64());
        for (effect, count) in [
            ("inserted", applied.inserted),
            ("replaced", applied.replaced),
            ("ended", applied.ended),
            ("removed", applied.removed),
            ("finalized", applied.finalized),
            ("ignored", applied.ignored),
        ] {
            metrics::counter!("vouch_indexer_accounts_applied_total", "effect" => effect)
                .increment(count);
        }
        if applied.inserted + applied.replaced > 0 {
            self.converted.notify_one();
        }
        Ok(applied)
    }
}

fn is_referral(observation: &Observation) -> bool {
    matches!(
        &observation.found,
        Found::Account(account) if matches!(account.projection, Some(Projection::Referral(_)))
    )
}
