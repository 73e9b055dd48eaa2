//! The complete configuration.

use std::{net::IpAddr, time::Duration};

use clap::{Args, Parser, Subcommand};
use vouch_service::{Log, Probes};

use crate::{
    chain::{PAGE, TIMEOUT},
    source::Limits,
};

/// Time limit of a request while verifying. The answer with all accounts is large.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(60);
/// Most MiB of an answer, unless it is set.
const MAX_ANSWER_MIB: u16 = 8;

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
    Run(Box<Config>),
    /// Makes or updates the schema of the database. Run it as the owner of the schema before the
    /// services of this version start.
    Migrate(MigrateConfig),
    /// Computes every account of the program from the node's history of its transactions,
    /// and compares them with the accounts that the node has. With `--api`, computes which
    /// conversions count and which rewards were paid, and compares that with what the API of
    /// anybody says.
    ///
    /// It needs nothing but a node that still has the program's first transaction, and room for
    /// temporary files (TMPDIR), about 1.5 KB for each conversion. Exits with 1 if something differs
    /// or is missing.
    Verify(VerifyConfig),
    /// Counts again what the mirror has counted, from its list of conversions, beside a running
    /// indexer.
    ///
    /// It goes by ranges of 500 codes and by days. Exits with 1 if a counter differs, unless it is
    /// repaired.
    Recount(RecountConfig),
    /// Makes the mirror anew from the node's history, beside a running indexer, and puts it into the
    /// place of the old one in one database transaction. Readers notice nothing.
    ///
    /// Clicks, profiles and everything else that does not follow from the chain is kept. A rebuild
    /// that was killed goes on where it was. It needs the database role that migrates.
    Rebuild(RebuildConfig),
}

/// The complete configuration of `rebuild`.
#[derive(Args)]
pub(crate) struct RebuildConfig {
    /// Postgres, as `postgres://user:password@host/database`, with the role that migrates.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,

    /// JSON RPC of Solana nodes with the whole history of the program, as for `run`.
    #[arg(
        long,
        env = "RPC_URL",
        hide_env_values = true,
        value_delimiter = ',',
        required = true
    )]
    pub(crate) rpc_url: Vec<String>,

    /// Parallel requests to the node for transactions.
    #[arg(long, env = "FETCH_CONCURRENCY", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) fetch_concurrency: u16,

    /// Most MiB of an answer of a node, as for `run`.
    #[arg(long, env = "MAX_ANSWER_MIB", default_value_t = MAX_ANSWER_MIB,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_answer_mib: u16,

    /// Accepts a history with fewer final transactions than the present mirror has.
    #[arg(long)]
    pub(crate) allow_fewer: bool,

    /// Keeps the old mirror as the schema `mirror_old`.
    #[arg(long)]
    pub(crate) keep_old: bool,
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

/// The complete configuration of `migrate`.
#[derive(Args)]
pub(crate) struct MigrateConfig {
    /// Postgres, as `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,

    /// Gives the roles vouch_indexer, vouch_api, vouch_keeper and vouch_webhooks the rights that
    /// their services need, and takes all others. The roles must exist.
    #[arg(long)]
    pub(crate) grants: bool,
}

/// The complete configuration of `verify`.
#[derive(Args)]
pub(crate) struct VerifyConfig {
    /// JSON RPC of a Solana node, as `http://host:port`. Several are separated by commas, and verified
    /// one after the other.
    #[arg(
        long,
        env = "RPC_URL",
        hide_env_values = true,
        value_delimiter = ',',
        required = true
    )]
    pub(crate) rpc_url: Vec<String>,

    /// An API whose digest and leaderboard are compared, as `https://host`.
    #[arg(long)]
    pub(crate) api: Option<reqwest::Url>,

    /// Compares the API's newest digest at or before this slot. Without it, the newest.
    #[arg(long, requires = "api")]
    pub(crate) slot: Option<u64>,

    /// Most MiB of an answer of the node. That with all accounts has about 0.8 KB for each.
    #[arg(long, env = "MAX_ANSWER_MIB", default_value_t = 4096,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_answer_mib: u16,

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

    /// JSON RPC of Solana nodes, as `http://host:port`, separated by commas. With two or more, what
    /// one leaves out is noticed, and one that fails holds up nothing.
    #[arg(
        long,
        env = "RPC_URL",
        hide_env_values = true,
        value_delimiter = ',',
        required = true
    )]
    pub(crate) rpc_url: Vec<String>,

    /// WebSockets of Solana nodes, as `ws://host:port`, separated by commas. All are listened to.
    #[arg(
        long,
        env = "WS_URL",
        hide_env_values = true,
        value_delimiter = ',',
        required = true
    )]
    pub(crate) ws_url: Vec<String>,

    /// A Yellowstone gRPC server, as `https://host:port`. It announces and brings transactions instead
    /// of the WebSocket and `getTransaction`; the nodes prove that nothing is missing.
    #[arg(long, env = "GRPC_URL", hide_env_values = true, value_parser = http_url)]
    pub(crate) grpc_url: Option<reqwest::Url>,

    /// The token that this server wants, sent as `x-token`: with `https`, or to this machine.
    #[arg(
        long,
        env = "GRPC_TOKEN",
        hide_env_values = true,
        requires = "grpc_url"
    )]
    pub(crate) grpc_token: Option<String>,

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

    /// Seconds between two digests. One is computed only if there are new final transactions. It
    /// reads all conversions.
    #[arg(long, env = "DIGEST_SECONDS", default_value_t = 3600,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) digest_seconds: u64,

    /// Days for which digests are kept; after two days, one of each day.
    #[arg(long, env = "DIGEST_DAYS", default_value_t = 90,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) digest_days: u16,

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

    /// Most MiB of an answer of a node. The largest that a node has reason to send are of 1 to 2 MiB: a
    /// page of signatures with memos, and a transaction with as much data in CPIs as fits.
    #[arg(long, env = "MAX_ANSWER_MIB", default_value_t = MAX_ANSWER_MIB,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_answer_mib: u16,

    /// Most confirmed transactions that are undone at once. If the cluster has abandoned more, the
    /// mirror stops until somebody allows it.
    #[arg(long, env = "MAX_UNDO", default_value_t = 5000)]
    pub(crate) max_undo: u32,

    /// Allows to undo any number of transactions after this one, once: the number is told by
    /// /healthz, and never comes again.
    #[arg(long, env = "ALLOW_UNDO_AFTER")]
    pub(crate) allow_undo_after: Option<i64>,

    /// Signatures in one page of a list. For tests, which need lists of several pages.
    #[arg(long, env = "LIST_PAGE", hide = true, default_value_t = PAGE,
          value_parser = clap::value_parser!(u16).range(1..=i64::from(PAGE)))]
    pub(crate) list_page: u16,
}

/// How many transactions may be undone at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Undo {
    pub(crate) most: usize,
    /// After this one, any number.
    pub(crate) allowed_after: Option<i64>,
}

/// The limits of a request of `run`, with pages of this many signatures.
pub(crate) fn usual_limits(page: u16) -> Limits {
    limits(TIMEOUT, MAX_ANSWER_MIB, page)
}

/// The limits of a request.
fn limits(timeout: Duration, most_mib: u16, page: u16) -> Limits {
    Limits {
        timeout,
        most_bytes: usize::from(most_mib) << 20,
        page: usize::from(page),
    }
}

/// A URL of the scheme `http` or `https`.
fn http_url(text: &str) -> Result<reqwest::Url, String> {
    let url: reqwest::Url = text.parse().map_err(|error| format!("{error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("it begins with http: or https:, not with {other}:")),
    }
}

/// Whether what is sent there stays on this machine.
fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl RebuildConfig {
    pub(crate) fn limits(&self) -> Limits {
        limits(TIMEOUT, self.max_answer_mib, PAGE)
    }
}

impl VerifyConfig {
    pub(crate) fn limits(&self) -> Limits {
        limits(VERIFY_TIMEOUT, self.max_answer_mib, PAGE)
    }
}

impl Config {
    /// Fails if a token would be sent to another machine in clear.
    pub(crate) fn check_token(&self) -> Result<(), &'static str> {
        let url = self.grpc_url.as_ref().filter(|_| self.grpc_token.is_some());
        match url {
            Some(url) if url.scheme() != "https" && !is_loopback(url) => {
                Err("GRPC_TOKEN would be sent in clear: use https in GRPC_URL")
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        limits(TIMEOUT, self.max_answer_mib, self.list_page)
    }

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

    pub(crate) fn undo(&self) -> Undo {
        Undo {
            most: usize::try_from(self.max_undo).unwrap_or(usize::MAX),
            allowed_after: self.allow_undo_after,
        }
    }

    pub(crate) fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_seconds_behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(grpc: &[&str]) -> Result<Config, String> {
        let needed = ["indexer", "run", "--database-url=postgres://x"];
        let nodes = ["--rpc-url=http://x", "--ws-url=ws://x"];
        let cli = Cli::try_parse_from(needed.iter().chain(&nodes).chain(grpc));
        match cli.map_err(|error| error.to_string())?.command {
            Command::Run(config) => Ok(*config),
            _ => unreachable!("it runs"),
        }
    }

    #[test]
    fn a_token_is_sent_in_clear_to_this_machine_alone() {
        let check = |url: &str, token: bool| {
            let url = format!("--grpc-url={url}");
            let token = token.then_some("--grpc-token=secret");
            let given: Vec<_> = [url.as_str()].into_iter().chain(token).collect();
            config(&given).expect("a configuration").check_token()
        };
        for url in [
            "https://grpc.example",
            "HTTPS://grpc.example:443",
            "http://127.0.0.1:10000",
            "http://[::1]:10000",
            "http://localhost:10000",
        ] {
            assert_eq!(check(url, true), Ok(()), "{url}");
        }
        for url in [
            "http://grpc.example",
            "http://10.0.0.1:10000",
            "http://127.0.0.1.grpc.example",
            "http://localhost.grpc.example",
        ] {
            let clear = "GRPC_TOKEN would be sent in clear: use https in GRPC_URL";
            assert_eq!(check(url, true), Err(clear), "{url}");
            assert_eq!(check(url, false), Ok(()), "{url}");
        }
    }

    #[test]
    fn a_stream_has_http_or_https() {
        for url in ["grpcs://grpc.example", "grpc.example:443", "unix:///x"] {
            let refusal = config(&[&format!("--grpc-url={url}")]).err();
            let refusal = refusal.expect("it is refused");
            assert!(
                refusal.contains("it begins with http: or https:, not with "),
                "{refusal}"
            );
        }
    }
}
