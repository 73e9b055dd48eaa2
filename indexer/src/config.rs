//! The complete configuration.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use vouch_service::{Log, Probes};

/// Mirrors the program's transactions from a Solana node into Postgres.
///
/// Every setting is an option and an environment variable.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A command of the indexer.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Mirrors until it is stopped.
    Run(Config),
    /// Computes every account of the program from the node's history of its transactions,
    /// and compares them with the accounts that the node has.
    ///
    /// It needs nothing but a node that still has the program's first transaction, and keeps
    /// all accounts in memory. Exits with 1 if something differs or is missing.
    Verify(VerifyConfig),
    /// Counts again what the mirror has counted, from its list of conversions, beside a running
    /// indexer.
    ///
    /// It goes by ranges of 500 codes and by days. Exits with 1 if a counter differs, unless it is
    /// repaired.
    Recount(RecountConfig),
}

/// The complete configuration of `recount`.
#[derive(Args)]
pub(crate) struct RecountConfig {
    /// Postgres, as `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,

    /// Corrects the counters that differ. The writer waits for each range that is corrected.
    #[arg(long)]
    pub(crate) repair: bool,
}

/// The complete configuration of `verify`.
#[derive(Args)]
pub(crate) struct VerifyConfig {
    /// JSON RPC of a Solana node, as `http://host:port`.
    #[arg(long, env = "RPC_URL", hide_env_values = true)]
    pub(crate) rpc_url: String,

    /// Parallel requests to the node.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) concurrency: u16,
}

/// The complete configuration of `run`.
#[derive(Clone, Args)]
pub(crate) struct Config {
    /// Postgres, as `postgres://user:password@host/database`. It must be the server
    /// itself, not a pooler that shares sessions: the writer's lock belongs to a session.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,

    /// JSON RPC of a Solana node, as `http://host:port`.
    #[arg(long, env = "RPC_URL", hide_env_values = true)]
    pub(crate) rpc_url: String,

    /// WebSocket of the same node, as `ws://host:port`.
    #[arg(long, env = "WS_URL", hide_env_values = true)]
    pub(crate) ws_url: String,

    #[command(flatten)]
    pub(crate) probes: Probes<8081>,

    #[command(flatten)]
    pub(crate) log: Log,

    /// Seconds between two comparisons of all accounts with the node's.
    #[arg(long, env = "RECONCILE_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) reconcile_seconds: u64,

    /// Most requests a second of such a comparison, with 100 accounts each.
    #[arg(long, env = "RECONCILE_REQUESTS", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) reconcile_requests: u32,

    /// Seconds without progress after which /healthz reports a failure.
    #[arg(long, env = "MAX_SECONDS_BEHIND", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_seconds_behind: u64,

    /// Slots that the mirror may lag behind the chain before /healthz reports a failure.
    #[arg(long, env = "MAX_SLOTS_BEHIND", default_value_t = 50)]
    pub(crate) max_slots_behind: u64,

    /// Parallel requests to the node for transactions.
    #[arg(long, env = "FETCH_CONCURRENCY", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) fetch_concurrency: u16,
}

impl Config {
    pub(crate) fn reconcile_every(&self) -> Duration {
        Duration::from_secs(self.reconcile_seconds)
    }

    /// Time between two requests of a comparison.
    pub(crate) fn reconcile_pace(&self) -> Duration {
        Duration::from_secs(1) / self.reconcile_requests.max(1)
    }

    pub(crate) fn concurrency(&self) -> usize {
        usize::from(self.fetch_concurrency)
    }

    pub(crate) fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_seconds_behind)
    }
}
