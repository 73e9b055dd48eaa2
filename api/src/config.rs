//! Configuration: one struct, read once at the edge.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use axum::http::HeaderName;
use clap::Args;
use secrecy::SecretString;
use url::Url;
use vouch_service::{Listen, Log};

use crate::{cluster::Cluster, sponsor::config::SponsorConfig};

/// Time limit of a request; after it, the answer is `overloaded`.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Time limit for a body to arrive; after it, the answer is `request_timeout`.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest body of a request, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;
/// Time limit of a call of the chain's RPC.
pub(crate) const RPC_TIMEOUT: Duration = Duration::from_secs(5);
/// Age up to which a page of a leaderboard is served from memory.
pub(crate) const BOARD_AGE: Duration = Duration::from_secs(1);
/// Time that running requests get after a stop signal.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Configuration of the service. Every flag is also an environment variable.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Postgres, as `postgres://user:password@host/database`.
    #[arg(long, env, hide_env_values = true)]
    pub database_url: SecretString,
    /// The chain's JSON RPC over http or https. May hold an API key.
    #[arg(long, env, hide_env_values = true)]
    pub rpc_url: SecretString,
    /// Address of the service.
    #[command(flatten)]
    pub listen: Listen<8080>,
    /// Base URL of share links, as people reach this service; without it, the address
    /// that it listens on.
    #[arg(long, env, value_parser = http_url)]
    pub public_url: Option<Url>,
    /// The chain's JSON RPC for browsers: pages name it, so it must not hold a key. Without it,
    /// wallets send what they sign, and pages cannot show the cost before.
    #[arg(long, env, value_parser = http_url)]
    pub public_rpc_url: Option<Url>,
    /// Milliseconds that a node which is behind what the service has seen of the chain has to catch up, or
    /// the balancer to choose another one. Then the answer is 503 `chain_unavailable`.
    #[arg(long, env, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub node_patience_ms: u32,
    /// The cluster that sign-in messages name, and that pages ask wallets for.
    #[arg(long, env, value_enum, default_value_t = Cluster::Mainnet)]
    pub public_chain: Cluster,
    /// Landing page for campaigns that have not set one; without it, `/welcome` of this
    /// service.
    #[arg(long, env, value_parser = http_url)]
    pub default_landing_url: Option<Url>,
    /// Append-only file for clicks while Postgres is down. Only one process may use it.
    #[arg(long, env, default_value = "clicks.spool")]
    pub click_spool: PathBuf,
    /// Milliseconds that Postgres has for a group of clicks; then the spool file gets the group. A redirect
    /// waits for its own group and the one before it, so for twice as long at most.
    #[arg(long, env, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    pub click_timeout_ms: u32,
    /// Number of proxies in front of this service that append to `X-Forwarded-For`. With
    /// 0, the header is ignored.
    #[arg(long, env, default_value_t = 0)]
    pub trusted_proxy_hops: usize,
    /// Header in which the outermost of these proxies says the client's country, in ISO 3166-1 alpha-2, for
    /// example `CF-IPCountry`. The proxy must replace what a client sends. Needs `TRUSTED_PROXY_HOPS`; without
    /// it, clicks have no country.
    #[arg(long, env)]
    pub country_header: Option<HeaderName>,
    /// Most connections to Postgres, besides one for clicks.
    #[arg(long, env, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_connections: u32,
    /// Address of /livez, /readyz, /healthz and /metrics for the operator; port 0 takes a free one.
    /// The public address has all of them but /metrics.
    #[arg(long, env, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 8084)))]
    pub probes_listen: SocketAddr,
    /// File to write the actual address of the probes to.
    #[arg(long, env)]
    pub probes_port_file: Option<PathBuf>,
    /// Transactions that one network may have built in a minute: an IPv4 address, or an IPv6 /64. An
    /// IPv4 /24 and an IPv6 /48 have 10 times as much, an IPv6 /32 has 100 times. All processes with the
    /// same Postgres count together, here and below.
    #[arg(long, env, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub builds_per_minute: u32,
    /// Transactions that one network may show in a minute, in which an authority names its delegate. Each
    /// makes the node read a whole transaction.
    #[arg(long, env, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    pub delegations_per_minute: u32,
    /// Transactions that one network may have built by Actions in a minute. Pages that show Actions ask by a
    /// proxy, so one network may be all users of such a page.
    #[arg(long, env, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    pub actions_per_minute: u32,
    /// Those of them that name one wallet.
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub action_accounts_per_minute: u32,
    /// Transactions that register a code which one wallet may have built in a minute.
    #[arg(long, env, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub codes_per_minute: u32,
    /// Messages to sign in with, and attempts to sign in, that one network may make in a minute; also the
    /// sessions that one wallet may open in a minute.
    #[arg(long, env, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub sign_ins_per_minute: u32,
    /// Changes that one wallet or one API key may make in a minute.
    #[arg(long, env, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    pub changes_per_minute: u32,
    /// Most live streams of this process. At most half of the files that it may open are used for them.
    #[arg(long, env, default_value_t = 10_000)]
    pub live_streams: u32,
    /// Live streams that one network may have open: an IPv4 address, or an IPv6 /64. Wider networks may
    /// have more, as above. Each process counts for itself.
    #[arg(long, env, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub live_streams_per_network: u32,
    /// Seconds after which a live stream ends. Its client goes on with a new one.
    #[arg(long, env, default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..))]
    pub live_seconds: u32,
    /// Days after which clicks are deleted. The numbers that were counted from them stay.
    #[arg(long, env, default_value_t = 395, value_parser = clap::value_parser!(u16).range(8..))]
    pub click_retention_days: u16,
    /// Days after which what was counted from clicks by time is deleted; their sums stay. At least
    /// `CLICK_RETENTION_DAYS`.
    #[arg(long, env, default_value_t = 1100, value_parser = clap::value_parser!(u16).range(70..))]
    pub click_rollup_retention_days: u16,
    /// Settings of the sponsor, which pays fees of other wallets.
    #[command(flatten)]
    pub sponsor: SponsorConfig,
    /// Folder with keypair files of campaigns' attestors, each named after its campaign and .json, which others
    /// must not be able to read. Without it, no voucher is signed here.
    #[arg(long, env)]
    pub attestor_keys: Option<PathBuf>,
    /// Its log.
    #[command(flatten)]
    pub log: Log,
}

fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("must be an absolute http or https URL".to_owned());
    }
    Ok(url)
}
