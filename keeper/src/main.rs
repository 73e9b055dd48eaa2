//! The keeper: pays rewards whose hold is over without their owners' doing, and returns the rent of
//! what is over.
//!
//! `docs/decisions/keeper.md` describes how, and what it does against being drained, stalled or
//! fooled.

mod bundle;
mod claim;
mod config;
mod failure;
mod health;
mod node;
mod recipient;
mod reclaim;
mod resolve;
mod search;
mod task;
mod vaults;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Parser;
use solana_sdk::signature::{Keypair, Signer as _};
use vouch_db::{
    PgPool,
    keeper::{self, Kind},
    mirror,
};
use vouch_service::{Metrics, Stop as Signals};

use crate::{
    config::Config,
    failure::Failure,
    health::{Report, Status},
    node::Node,
    resolve::Resolver,
    search::Search,
    work::{Purse, Stop, Worker},
};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// Time between two rounds.
const POLL: Duration = Duration::from_secs(1);
/// Time between two counts of what is due.
const COUNT_EVERY: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    match start(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(config: Config) -> Result<()> {
    config.log.init()?;
    let key = config.key()?;
    let metrics = Metrics::install(&[])?;
    let mut signals = Signals::new()?;
    let address = key.as_ref().map(|key| key.pubkey().to_string());
    let report = Arc::new(Report::new(config.probes.heartbeat(), address.clone()));
    let listener = config.probes.listen.bind().await?;
    match address {
        Some(address) => tracing::info!(address, "paying fees from this account"),
        None => tracing::info!("no KEEPER_KEYPAIR: sending nothing"),
    }
    tokio::select! {
        ended = vouch_service::serve(listener, Arc::clone(&report), metrics) => {
            ended.context("the server of /healthz failed")
        }
        ended = keep(&config, key.as_ref(), &report) => ended,
        () = signals.wait() => Ok(()),
    }?;
    tracing::info!("stopped");
    Ok(())
}

/// Works until the process ends. Returns only an error that no retry can cure.
async fn keep(config: &Config, key: Option<&Keypair>, report: &Report) -> Result<()> {
    let pool = vouch_db::connect_with(&config.database_url, || report.beat()).await?;
    vouch_db::await_schema(&pool, || report.beat()).await?;
    let node = Node::new(&config.rpc_url);
    tokio::select! {
        ended = Keeper::new(config, key, &pool, &node, report).run() => ended,
        () = vaults::watch(config, &pool, &node, report) => Ok(()),
    }
}

struct Keeper<'a> {
    config: &'a Config,
    pool: &'a PgPool,
    node: &'a Node,
    report: &'a Report,
    resolver: Resolver<'a>,
    /// `None` without a key.
    worker: Option<Worker<'a>>,
    search: Search,
    /// Whether the node is known to belong to the mirror's chain. Asked again after each failure, because
    /// another node may answer at the same address.
    is_bound: bool,
    count_at: Instant,
}

impl<'a> Keeper<'a> {
    fn new(
        config: &'a Config,
        key: Option<&'a Keypair>,
        pool: &'a PgPool,
        node: &'a Node,
        report: &'a Report,
    ) -> Self {
        Self {
            config,
            pool,
            node,
            report,
            resolver: Resolver {
                config,
                pool,
                node,
                report,
                sends: key.is_some(),
                sent: HashMap::new(),
            },
            worker: key.map(|key| Worker {
                config,
                pool,
                node,
                report,
                key,
                served: config.served(),
                after: BTreeMap::new(),
            }),
            search: Search::new(),
            is_bound: false,
            count_at: Instant::now(),
        }
    }

    async fn run(mut self) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            self.report.beat();
            match self.round().await {
                Ok((status, detail)) => {
                    self.report.completed(status, detail);
                    pause = FIRST_PAUSE;
                    tokio::time::sleep(POLL).await;
                }
                Err(failure @ Failure::OtherChain { .. }) => anyhow::bail!("{failure}"),
                Err(failure) => {
                    self.is_bound = false;
                    self.report.failed(&failure);
                    tracing::warn!(retry_in = ?pause, "{failure}");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }

    async fn round(&mut self) -> Result<(Status, Option<String>), Failure> {
        let mirror = mirror::state(self.pool).await?;
        let Some(mirrored) = mirror.genesis_hash else {
            return Ok((Status::Starting, Some("the mirror is empty".into())));
        };
        if !self.is_bound {
            let node = self.node.genesis_hash().await?;
            if node != mirrored {
                return Err(Failure::OtherChain { mirrored, node });
            }
            self.is_bound = true;
        }
        let address = self
            .worker
            .as_ref()
            .map(|worker| worker.key.pubkey().to_string());
        let in_flight = self.resolver.round(address.as_deref()).await?;
        let Some(worker) = &mut self.worker else {
            return Ok((Status::Off, Some("there is no KEEPER_KEYPAIR".into())));
        };
        // Without it, the program has no transaction yet.
        if let Some(final_time) = mirror.final_time {
            self.search
                .rewards(self.pool, self.config, final_time)
                .await?;
        }
        if self.config.reclaim_lamports_per_day > 0 {
            self.search.rent(self.pool, self.config).await?;
        }
        if self.count_at <= Instant::now() {
            self.report
                .backlog(keeper::backlog(self.pool, worker.served.as_deref()).await?);
            self.count_at = Instant::now() + COUNT_EVERY;
        }
        let min_slot = mirror
            .indexed_slot
            .and_then(|slot| u64::try_from(slot).ok());
        let mut purse = worker
            .purse(in_flight, min_slot.unwrap_or_default())
            .await?;
        // Rewards come first.
        let mut stop = worker.round(Kind::Claim, &mut purse).await?;
        if stop.is_none() && self.config.reclaim_lamports_per_day > 0 {
            stop = worker.round(Kind::Reclaim, &mut purse).await?;
        }
        self.resolver.sent.extend(std::mem::take(&mut purse.sent));
        Ok(said(stop, self.config, &purse))
    }
}

/// The reason that keeps the keeper from sending, as a status. It is no failure that one campaign, or the
/// returning of rent, has spent its share: anybody can bring that about.
fn said(stop: Option<Stop>, config: &Config, purse: &Purse) -> (Status, Option<String>) {
    match stop {
        Some(Stop::LowBalance) => {
            let least = config.least_balance;
            let text = format!("its account would hold less than {least} lamports: send it SOL");
            (Status::LowBalance, Some(text))
        }
        Some(Stop::DaySpent) => {
            let limit = config.lamports_per_day;
            let text = format!("the {limit} lamports of today (UTC) are spent");
            (Status::BudgetSpent, Some(text))
        }
        Some(Stop::InFlight) => {
            let text = "too many transactions have no known end yet";
            (Status::Waiting, Some(text.into()))
        }
        Some(Stop::ReclaimSpent) | None => {
            let failed = purse.failed_campaigns.iter().map(|(campaign, _)| campaign);
            let lines = [
                listed(
                    "have spent their share of today (UTC)",
                    purse.spent_campaigns.iter(),
                ),
                listed("have failed as often as they may today (UTC)", failed),
            ];
            let lines: Vec<_> = lines.into_iter().flatten().collect();
            (Status::Ok, (!lines.is_empty()).then(|| lines.join("; ")))
        }
    }
}

/// That these campaigns did something, with the first names; `None` if there are none.
fn listed<'a>(what: &str, campaigns: impl Iterator<Item = &'a String>) -> Option<String> {
    let campaigns: BTreeSet<_> = campaigns.map(String::as_str).collect();
    let names: Vec<_> = campaigns.iter().take(3).copied().collect();
    let text = || format!("{} campaigns {what}: {}", campaigns.len(), names.join(", "));
    (!campaigns.is_empty()).then(text)
}
