//! The outcomes of the transactions that were meant to be sent.
//!
//! This is the only place where a task becomes free again, so its errors are on the safe side:
//!
//! - *Landed* and *failed* need a node that says so of a final block, and a mirror that has the same.
//! - *Expired* needs three things: a final block height above the last one that takes the
//!   transaction, a node that does not know the signature in its whole history at a later slot, and a
//!   mirror that is proven complete up to the first of these slots and does not have it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use vouch_db::{
    PgPool,
    keeper::{self, End, Kind, Pending, Settled},
};

use crate::{
    bundle,
    config::Config,
    failure::Failure,
    health::Report,
    node::{Landed, Node},
};

/// The most signatures in one `getSignatureStatuses`.
const AT_ONCE: i64 = 256;
/// Time until an open transaction is sent again. The same bytes have the same signature, so it can
/// be in one block only.
const SEND_AGAIN: Duration = Duration::from_secs(4);

/// Looks up intents, of every keeper.
pub(crate) struct Resolver<'a> {
    pub(crate) config: &'a Config,
    pub(crate) pool: &'a PgPool,
    pub(crate) node: &'a Node,
    pub(crate) report: &'a Report,
    /// Whether open transactions are sent again.
    pub(crate) sends: bool,
    /// When this process sent a transaction last.
    pub(crate) sent: HashMap<String, Instant>,
}

/// Transactions that may still land.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InFlight {
    pub(crate) transactions: usize,
    /// Lamports that those of this keeper may cost.
    pub(crate) fees: u64,
}

impl Resolver<'_> {
    /// Looks up the open intents. Returns what is left of them.
    pub(crate) async fn round(&mut self, address: Option<&str>) -> Result<InFlight, Failure> {
        let open = keeper::pending(self.pool, AT_ONCE).await?;
        self.sent
            .retain(|signature, _| open.iter().any(|intent| intent.signature == *signature));
        let mut left = InFlight::default();
        if !open.is_empty() {
            // First the height, then the signatures: what the latter do not have by then never comes.
            let final_height = self.node.finalized().await?;
            let signatures: Vec<_> = open.iter().map(|it| it.signature.clone()).collect();
            let (slot, landed) = self.node.landed(&signatures).await?;
            self.pass(&open, &landed, final_height).await?;
            for (intent, landed) in open.iter().zip(landed) {
                if !self.resolve(intent, landed, slot, final_height.1).await? {
                    left.transactions += 1;
                    if address == Some(intent.fee_payer.as_str()) {
                        left.fees += u64::try_from(intent.fee).unwrap_or_default();
                    }
                }
                self.report.beat();
            }
        }
        self.report.in_flight(left.transactions);
        Ok(left)
    }

    /// Notes which of them no block can take any more.
    async fn pass(
        &self,
        open: &[Pending],
        landed: &[Option<Landed>],
        (slot, height): (u64, u64),
    ) -> Result<(), Failure> {
        let passed = open.iter().zip(landed).filter(|(intent, landed)| {
            landed.is_none() && intent.passed_slot.is_none() && is_past(intent, height)
        });
        let passed: Vec<_> = passed.map(|(intent, _)| intent.signature.clone()).collect();
        if passed.is_empty() {
            return Ok(());
        }
        let slot = i64::try_from(slot).map_err(|error| Failure::chain("slot", error))?;
        Ok(keeper::passed(self.pool, &passed, slot).await?)
    }

    /// Returns whether the intent has ended.
    async fn resolve(
        &mut self,
        intent: &Pending,
        landed: Option<Landed>,
        slot: u64,
        final_height: u64,
    ) -> Result<bool, Failure> {
        match landed {
            Some(landed) if landed.is_final => self.end(intent, landed).await,
            Some(_) => Ok(false),
            None if intent
                .passed_slot
                .is_some_and(|passed| is_after(slot, passed)) =>
            {
                let expired = keeper::expire(self.pool, &intent.signature).await?;
                if expired {
                    count("expired", intent);
                    tracing::warn!(signature = intent.signature, "a transaction expired");
                }
                Ok(expired)
            }
            None if self.sends && !is_past(intent, final_height) => {
                self.send(intent).await;
                Ok(false)
            }
            None => Ok(false),
        }
    }

    /// Sends an open transaction, unless this process has just done so. Nobody relies on it: a failure is
    /// only noted.
    async fn send(&mut self, intent: &Pending) {
        let last = self.sent.get(&intent.signature);
        if last.is_some_and(|last| last.elapsed() < SEND_AGAIN) {
            return;
        }
        self.sent.insert(intent.signature.clone(), Instant::now());
        if let Err(failure) = self.node.send(&intent.transaction).await {
            self.report.error(failure);
        }
    }

    async fn end(&self, intent: &Pending, landed: Landed) -> Result<bool, Failure> {
        let slot = i64::try_from(landed.slot).map_err(|error| Failure::chain("slot", error))?;
        let settled = match &landed.error {
            None => Settled::Landed,
            Some(error) => {
                let culprit = bundle::culprit(error).and_then(|place| intent.subjects.get(place));
                let blamed = culprit.map_or_else(|| intent.subjects.clone(), |it| vec![it.clone()]);
                let error = bundle::describe(error);
                Settled::Failed {
                    error,
                    blamed,
                    most: self.config.failures_per_day,
                }
            }
        };
        let end = End {
            signature: intent.signature.clone(),
            slot,
            settled,
            pause: self.config.pause(0),
        };
        // If another keeper wrote it before, that one has counted it.
        if !keeper::end(self.pool, &end).await? {
            return Ok(false);
        }
        let outcome = match &end.settled {
            Settled::Landed => "landed",
            Settled::Failed { error, .. } => {
                self.report
                    .error(format!("{} failed: {error}", intent.signature));
                "failed"
            }
        };
        count(outcome, intent);
        let fee = u64::try_from(intent.fee).unwrap_or_default();
        metrics::counter!("vouch_keeper_fees_lamports_total").increment(fee);
        Ok(true)
    }
}

/// Whether no block above this final height takes the intent.
fn is_past(intent: &Pending, final_height: u64) -> bool {
    i64::try_from(final_height).is_ok_and(|height| height > intent.last_valid_height)
}

fn is_after(slot: u64, passed: i64) -> bool {
    i64::try_from(slot).is_ok_and(|slot| slot >= passed)
}

/// Counts transactions and their tasks by what became of them.
pub(crate) fn count(outcome: &'static str, intent: &Pending) {
    counted(outcome, intent.kind, intent.subjects.len());
}

/// As [`count`].
pub(crate) fn counted(outcome: &'static str, kind: Kind, tasks: usize) {
    let (kind, tasks) = (kind.as_str(), u64::try_from(tasks).unwrap_or_default());
    metrics::counter!("vouch_keeper_transactions_total", "kind" => kind, "outcome" => outcome)
        .increment(1);
    metrics::counter!("vouch_keeper_tasks_total", "kind" => kind, "outcome" => outcome)
        .increment(tasks);
}
