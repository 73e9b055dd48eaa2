//! Does what is due: reads the accounts, leaves out what cannot be done now, and sends the rest.

use std::{collections::BTreeMap, time::Instant};

use solana_sdk::{
    instruction::Instruction,
    signature::{Keypair, Signer as _},
    transaction::TransactionError,
};
use vouch_client::Pubkey;
use vouch_db::{
    PgPool,
    keeper::{self, Intent, Kind, Opened, Postponed, Spent, Task},
};

use crate::{
    bundle,
    claim::{self, Claim},
    config::Config,
    failure::Failure,
    health::Report,
    node::{Node, Seen, Simulated},
    reclaim,
    resolve::{self, InFlight},
    task::{self, Item, Refusal},
};

/// Tasks of a round in all, and of one campaign: those that are new, and those that waited.
const TASKS: (i64, i64, i64) = (256, 48, 16);
/// Transactions in the air above which nothing more is sent.
const MOST_IN_FLIGHT: usize = 128;

/// The reason that keeps the keeper from sending more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Its account would hold less than it must.
    LowBalance,
    /// The day's lamports are spent.
    DaySpent,
    /// The day's lamports for returning rent are spent.
    ReclaimSpent,
    /// Too many transactions have no known end.
    InFlight,
}

/// Sends what is due.
pub(crate) struct Worker<'a> {
    pub(crate) config: &'a Config,
    pub(crate) pool: &'a PgPool,
    pub(crate) node: &'a Node,
    pub(crate) report: &'a Report,
    pub(crate) key: &'a Keypair,
    pub(crate) served: Option<Vec<String>>,
    /// The last campaign whose tasks were looked at, for each kind.
    pub(crate) after: BTreeMap<Kind, String>,
}

/// The lamports that may be spent in this round.
pub(crate) struct Purse {
    /// Lamports that may still be spent of the account.
    pub(crate) lamports: u64,
    pub(crate) in_flight: usize,
    pub(crate) spent: Spent,
    /// Campaigns that have spent what they may today.
    pub(crate) spent_campaigns: Vec<String>,
    /// Campaigns whose failures have cost what they may today, with the kind.
    pub(crate) failed_campaigns: Vec<(String, Kind)>,
    /// Everything is read at this slot or later.
    pub(crate) min_slot: u64,
    /// The signatures that were sent in this round, with their times.
    pub(crate) sent: Vec<(String, Instant)>,
}

impl Worker<'_> {
    /// The lamports that may be spent now. `in_flight` is not taken off the balance yet.
    pub(crate) async fn purse(&self, in_flight: InFlight, min_slot: u64) -> Result<Purse, Failure> {
        let balance = self.node.balance(&self.key.pubkey()).await?;
        let spent = keeper::spent(self.pool).await?;
        self.report.money(balance, spent.day);
        let limit = self.config.campaign_lamports_per_day;
        let least = signature_fee();
        let most_failed = self.config.failed_lamports_per_day;
        let exceeds = |sum: i64, limit: i64| sum.saturating_add(least) > limit;
        let (mut spent_campaigns, mut failed_campaigns) = (Vec::new(), Vec::new());
        for (campaign, fees) in &spent.campaigns {
            if exceeds(fees.all, limit) {
                spent_campaigns.push(campaign.clone());
            }
            for (kind, risk) in &fees.risks {
                if risk.failed > 0 && exceeds(risk.failed, most_failed) {
                    failed_campaigns.push((campaign.clone(), *kind));
                }
            }
        }
        let reserved = self.config.least_balance.saturating_add(in_flight.fees);
        Ok(Purse {
            lamports: balance.saturating_sub(reserved),
            in_flight: in_flight.transactions,
            spent_campaigns,
            failed_campaigns,
            spent,
            min_slot,
            sent: Vec::new(),
        })
    }

    /// Why not even the smallest transaction of this kind can be paid.
    pub(crate) fn stop(&self, kind: Kind, purse: &Purse) -> Option<Stop> {
        let least = signature_fee();
        if purse.in_flight >= MOST_IN_FLIGHT {
            Some(Stop::InFlight)
        } else if purse.lamports < bundle::SIGNATURE_FEE {
            Some(Stop::LowBalance)
        } else if purse.spent.day.saturating_add(least) > self.config.lamports_per_day {
            Some(Stop::DaySpent)
        } else if kind == Kind::Reclaim
            && purse.spent.reclaim.saturating_add(least) > self.config.reclaim_lamports_per_day
        {
            Some(Stop::ReclaimSpent)
        } else {
            None
        }
    }

    /// Works on due tasks of this kind. Returns what keeps it from sending more, if something does.
    pub(crate) async fn round(
        &mut self,
        kind: Kind,
        purse: &mut Purse,
    ) -> Result<Option<Stop>, Failure> {
        if let Some(stop) = self.stop(kind, purse) {
            return Ok(Some(stop));
        }
        let after = self.after.entry(kind).or_default();
        let served = self.served.as_deref();
        let mut spent = purse.spent_campaigns.clone();
        let failed = purse.failed_campaigns.iter();
        spent.extend(failed.filter(|it| it.1 == kind).map(|it| it.0.clone()));
        let tasks = keeper::due(self.pool, kind, after, TASKS, served, &spent).await?;
        // The next round goes on with the campaign after these, or begins again.
        let is_full = i64::try_from(tasks.len()).is_ok_and(|count| count >= TASKS.0);
        let last = tasks.last().filter(|_| is_full);
        *after = last.map(|task| task.campaign.clone()).unwrap_or_default();
        let (over, open): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.is_over);
        let over: Vec<_> = over.into_iter().map(|task| task.subject).collect();
        keeper::finished(self.pool, kind, &over).await?;

        let (ready, refused) = self.judge(kind, &open, purse.min_slot).await?;
        self.postpone(kind, refused).await?;
        for (campaign, items) in ready {
            for items in bundle::pack(&self.key.pubkey(), items) {
                self.report.beat();
                if let Some(stop) = self.stop(kind, purse) {
                    return Ok(Some(stop));
                }
                match self.send(kind, &campaign, items, purse).await? {
                    Sent::Yes => {}
                    Sent::Stopped(stop) => return Ok(Some(stop)),
                    Sent::CampaignSpent => {
                        purse.spent_campaigns.push(campaign.clone());
                        break;
                    }
                    Sent::FailedSpent => break,
                }
            }
        }
        Ok(None)
    }

    /// Reads the accounts of the tasks. Returns what can be done by campaign, and the rest with its
    /// reasons.
    async fn judge(
        &self,
        kind: Kind,
        tasks: &[Task],
        min_slot: u64,
    ) -> Result<(BTreeMap<String, Vec<Item>>, Vec<Refused>), Failure> {
        let (mut ready, mut refused) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        if tasks.is_empty() {
            return Ok((ready, refused));
        }
        let first = tasks.iter().filter_map(|task| match kind {
            Kind::Claim => claim::accounts(task).map(Vec::from).ok(),
            Kind::Reclaim => reclaim::accounts(task, None).ok(),
        });
        let mut addresses = unique(first);
        let seen = self.node.see(&addresses, min_slot).await?;
        // The accounts that these accounts name.
        let second = tasks.iter().filter_map(|task| match kind {
            Kind::Claim => Claim::read(task, &seen).map(|claim| claim.parties()).ok(),
            Kind::Reclaim => reclaim::accounts(task, Some(&seen)).ok(),
        });
        addresses.extend(unique(second));
        let seen = self.node.see(&addresses, seen.slot).await?;
        for task in tasks {
            let instruction = self.instruction(kind, task, &seen);
            let item = instruction.and_then(|it| task::item(task, it, &self.key.pubkey()));
            match item {
                Ok(item) => ready.entry(task.campaign.clone()).or_default().push(item),
                Err(refusal) => refused.push((task.subject.clone(), task.tries, refusal)),
            }
        }
        Ok((ready, refused))
    }

    fn instruction(&self, kind: Kind, task: &Task, seen: &Seen) -> Result<Instruction, Refusal> {
        match kind {
            Kind::Claim => Claim::read(task, seen)?.instruction(seen, self.config.least_part),
            Kind::Reclaim => reclaim::instruction(task, seen),
        }
    }

    async fn postpone(&self, kind: Kind, refused: Vec<Refused>) -> Result<(), Failure> {
        let rows = refused
            .into_iter()
            .map(|(subject, tries, refusal)| Postponed {
                subject,
                tries,
                reason: refusal.reason,
                pause: refusal.pause.unwrap_or_else(|| self.config.pause(tries)),
            });
        Ok(keeper::postpone(self.pool, kind, &rows.collect::<Vec<_>>()).await?)
    }

    /// Simulates the items as one transaction, and leaves out those that would make it fail. Items that do
    /// not fit are left for the next round. Returns the compute units of the rest.
    async fn simulate(
        &self,
        kind: Kind,
        items: &mut Vec<Item>,
        min_slot: u64,
    ) -> Result<Option<u32>, Failure> {
        let mut refused = Vec::new();
        let units = loop {
            if items.is_empty() {
                break None;
            }
            let transaction = bundle::unsigned(&self.key.pubkey(), items)?;
            let half = items.len().div_ceil(2);
            match self.node.simulate(&transaction, min_slot).await? {
                Simulated::Succeeds(used) => match bundle::limit(used) {
                    Some(units) => break Some(units),
                    None if items.len() > 1 => items.truncate(half),
                    None => refuse(items, 0, "it takes too many compute units", &mut refused),
                },
                Simulated::Fails(
                    error @ (TransactionError::AccountNotFound
                    | TransactionError::InsufficientFundsForFee),
                ) => return Err(Failure::chain("the keeper's account", error)),
                Simulated::Fails(error) => {
                    let reason = bundle::describe(&error);
                    match bundle::culprit(&error).filter(|place| *place < items.len()) {
                        Some(place) => refuse(items, place, &reason, &mut refused),
                        None if items.len() > 1 => items.truncate(half),
                        None => refuse(items, 0, &reason, &mut refused),
                    }
                }
            }
        };
        self.postpone(kind, refused).await?;
        Ok(units)
    }

    /// Writes the intent, then sends the transaction.
    async fn send(
        &self,
        kind: Kind,
        campaign: &str,
        mut items: Vec<Item>,
        purse: &mut Purse,
    ) -> Result<Sent, Failure> {
        let Some(units) = self.simulate(kind, &mut items, purse.min_slot).await? else {
            return Ok(Sent::Yes);
        };
        let recent = self.node.recent_fees(&bundle::written(&items)).await?;
        let price = bundle::price(recent, self.config.highest_priority);
        let fee = bundle::fee(units, price);
        if purse.lamports < fee {
            return Ok(Sent::Stopped(Stop::LowBalance));
        }
        let (blockhash, last_valid_height) = self.node.blockhash().await?;
        let (signature, transaction) = bundle::signed(self.key, &items, (units, price), blockhash)?;
        let number =
            |number: u64| i64::try_from(number).map_err(|error| Failure::chain("fee", error));
        let intent = Intent {
            signature: signature.to_string(),
            fee_payer: self.key.pubkey().to_string(),
            kind,
            campaign: campaign.to_owned(),
            tasks: items
                .into_iter()
                .map(|item| (item.subject, item.tries))
                .collect(),
            transaction,
            last_valid_height: number(last_valid_height)?,
            fee: number(fee)?,
        };
        match keeper::open(self.pool, &intent, self.config.limits()).await? {
            Opened::Yes => {}
            // Another keeper was faster.
            Opened::Taken => return Ok(Sent::Yes),
            Opened::DaySpent => return Ok(Sent::Stopped(Stop::DaySpent)),
            Opened::ReclaimSpent => return Ok(Sent::Stopped(Stop::ReclaimSpent)),
            Opened::CampaignSpent => return Ok(Sent::CampaignSpent),
            Opened::FailedSpent => return Ok(Sent::FailedSpent),
        }
        purse.lamports = purse.lamports.saturating_sub(fee);
        purse.in_flight += 1;
        purse.sent.push((intent.signature.clone(), Instant::now()));
        resolve::counted("sent", kind, intent.tasks.len());
        tracing::info!(
            signature = intent.signature,
            tasks = intent.tasks.len(),
            fee,
            "sending"
        );
        // If this fails, it is sent again until it is in a block or expires.
        if let Err(failure) = self.node.send(&intent.transaction).await {
            self.report.error(failure);
        }
        Ok(Sent::Yes)
    }
}

/// The outcome of a transaction's items.
enum Sent {
    /// All items that could be sent were sent.
    Yes,
    Stopped(Stop),
    CampaignSpent,
    /// If it failed, too much would have failed for this campaign today. Those that are open may
    /// still succeed.
    FailedSpent,
}

/// A task that is not done now: its subject and its tries.
type Refused = (String, i32, Refusal);

fn refuse(items: &mut Vec<Item>, place: usize, reason: &str, refused: &mut Vec<Refused>) {
    let item = items.remove(place);
    refused.push((item.subject, item.tries, Refusal::because(reason)));
}

fn unique(addresses: impl Iterator<Item = Vec<Pubkey>>) -> Vec<Pubkey> {
    let mut addresses: Vec<_> = addresses.flatten().collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn signature_fee() -> i64 {
    i64::try_from(bundle::SIGNATURE_FEE).unwrap_or(i64::MAX)
}
