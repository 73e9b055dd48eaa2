//! The complete configuration.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;
use vouch_client::Pubkey;
use vouch_service::{Log, Probes};

use crate::{guard::Reach, message::Kind};

/// Tells endpoints what happens in their campaigns, by signed HTTPS requests.
///
/// Every setting is an option and an environment variable.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A command of the service.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes messages and delivers them until it is stopped. Several may run side by side.
    Run(Box<Config>),
    /// Manages endpoints.
    #[command(subcommand)]
    Endpoint(Endpoint),
    /// Sends messages to an endpoint again.
    Replay(Replay),
    /// Lists the last deliveries to an endpoint, the newest first.
    Deliveries(Deliveries),
}

/// Postgres.
#[derive(Debug, Clone, Args)]
pub(crate) struct Database {
    /// Postgres, as `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,
}

/// Which endpoints are allowed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Allowed {
    /// Lets endpoints be at private addresses, at any port, and without TLS. For development only:
    /// anybody who may name an endpoint then reaches everything that this machine reaches.
    #[arg(long = "allow-private", env = "WEBHOOKS_ALLOW_PRIVATE",
          action = clap::ArgAction::Set, default_value_t = false, default_missing_value = "true",
          num_args = 0..=1)]
    pub(crate) private: bool,
}

impl Allowed {
    pub(crate) fn reach(&self) -> Reach {
        if self.private {
            Reach::Anywhere
        } else {
            Reach::Public
        }
    }
}

/// Options that all managing commands have in common.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) database: Database,

    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A command that manages endpoints.
#[derive(Subcommand)]
pub(crate) enum Endpoint {
    /// Adds an endpoint to a campaign, and prints its secret, which is not shown again.
    Add {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        allowed: Allowed,
        /// The campaign's address.
        #[arg(long)]
        campaign: Pubkey,
        /// Where to send to, as `https://host/path`.
        #[arg(long)]
        url: String,
        /// The types of messages that it wants, separated by commas; all if it is left out.
        #[arg(long, value_delimiter = ',')]
        types: Vec<Kind>,
    },
    /// Lists endpoints, the oldest first.
    List {
        #[command(flatten)]
        common: Common,
        /// Only those of this campaign.
        #[arg(long)]
        campaign: Option<Pubkey>,
    },
    /// Stops deliveries to an endpoint. Those that wait go on waiting.
    Disable {
        #[command(flatten)]
        common: Common,
        /// The endpoint's id.
        id: Uuid,
    },
    /// Lets deliveries go on. `replay` sends the messages of the time between.
    Enable {
        #[command(flatten)]
        common: Common,
        /// The endpoint's id.
        id: Uuid,
    },
    /// Removes an endpoint for good.
    Remove {
        #[command(flatten)]
        common: Common,
        /// The endpoint's id.
        id: Uuid,
    },
    /// Gives an endpoint a new secret, and prints it. Both sign until the old one ends.
    Rotate {
        #[command(flatten)]
        common: Common,
        /// The endpoint's id.
        id: Uuid,
        /// Hours for which the old secret goes on signing.
        #[arg(long, default_value_t = 24.0, value_parser = hours)]
        overlap_hours: f64,
    },
}

/// Which messages to send again.
#[derive(Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The endpoint's id.
    #[arg(long)]
    pub(crate) endpoint: Uuid,
    /// The message's id.
    #[arg(long, conflicts_with_all = ["from", "to"], required_unless_present = "from")]
    pub(crate) id: Option<String>,
    /// The time from which messages are sent, such as `2026-01-31T00:00:00Z`: when they were made.
    #[arg(long, value_parser = instant)]
    pub(crate) from: Option<OffsetDateTime>,
    /// The time before which they were made; now if it is left out.
    #[arg(long, value_parser = instant, requires = "from")]
    pub(crate) to: Option<OffsetDateTime>,
}

/// Which deliveries to list.
#[derive(Args)]
pub(crate) struct Deliveries {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The endpoint's id.
    #[arg(long)]
    pub(crate) endpoint: Uuid,
    /// Leaves out those that arrived.
    #[arg(long)]
    pub(crate) undelivered: bool,
    /// How many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub(crate) limit: i64,
}

/// The complete configuration of `run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) database: Database,

    #[command(flatten)]
    pub(crate) allowed: Allowed,

    #[command(flatten)]
    pub(crate) probes: Probes<8083>,

    #[command(flatten)]
    pub(crate) log: Log,

    /// Most requests at the same time. A quarter of them is for endpoints whose last attempt failed
    /// or was slow.
    #[arg(long, env = "WEBHOOKS_CONCURRENCY", default_value_t = 128,
          value_parser = clap::value_parser!(u16).range(4..=1024))]
    pub(crate) concurrency: u16,

    /// Most requests to one endpoint at the same time; one while it fails.
    #[arg(long, env = "WEBHOOKS_ENDPOINT_CONCURRENCY", default_value_t = 4,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) endpoint_concurrency: u16,

    /// Seconds until an endpoint must have answered.
    #[arg(long, env = "WEBHOOKS_TIMEOUT_SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Seconds after the first attempt until the second one. Each further pause is three times as
    /// long, up to a sixth of the time for all of them.
    #[arg(long, env = "WEBHOOKS_RETRY_SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) retry: Duration,

    /// Seconds from the first attempt until the last one: three days.
    #[arg(long, env = "WEBHOOKS_RETRY_FOR_SECONDS", default_value = "259200",
          value_parser = seconds)]
    pub(crate) retry_for: Duration,

    /// Days for which messages are kept, for replays.
    #[arg(long, env = "WEBHOOKS_KEEP_DAYS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(7..=3650))]
    pub(crate) keep_days: u32,

    /// Milliseconds between two looks at Postgres when there is nothing to do.
    #[arg(long, env = "WEBHOOKS_POLL_MILLISECONDS", default_value_t = 250,
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub(crate) poll_milliseconds: u64,
}

impl Config {
    /// Checks what no single setting shows.
    ///
    /// # Errors
    /// When a message would be deleted before its last attempt.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let days = self.retry_for.as_secs_f64() / 86_400.0;
        anyhow::ensure!(
            self.retry_for < self.keep(),
            "attempts would go on for {days} days, but messages are kept for {} days: lower \
             WEBHOOKS_RETRY_FOR_SECONDS or raise WEBHOOKS_KEEP_DAYS",
            self.keep_days
        );
        Ok(())
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_milliseconds)
    }

    pub(crate) fn keep(&self) -> Duration {
        Duration::from_secs(u64::from(self.keep_days) * 86_400)
    }

    /// How long a sender keeps a delivery: longer than an attempt and the note of its outcome take.
    pub(crate) fn lease(&self) -> Duration {
        self.timeout * 2 + Duration::from_secs(10)
    }
}

/// Seconds, up to a year, also with a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.001..=31_536_000.0).contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "not a number of seconds between 0.001 and a year".to_owned())
}

/// Hours, up to 30 days.
fn hours(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|hours| (0.0..=720.0).contains(hours))
        .ok_or_else(|| "not a number of hours between 0 and 720".to_owned())
}

fn instant(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "not a time such as 2026-01-31T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
        let run = ["vouch-webhooks", "run", "--database-url", "postgres://x"];
        let Command::Run(config) = Cli::try_parse_from(run).expect("settings").command else {
            panic!("another command");
        };
        assert_eq!(config.timeout, Duration::from_secs(10));
        assert_eq!(config.retry_for, Duration::from_secs(3 * 86_400));
        assert_eq!(config.keep(), Duration::from_secs(30 * 86_400));
        assert_eq!(config.allowed.reach(), Reach::Public);
        for (last, fits) in [
            (["--allow-private", "true"], true),
            (["--timeout-seconds", "1"], false),
            (["--timeout", "0.5"], true),
            (["--timeout", "0"], false),
            (["--retry", "NaN"], false),
            (["--retry-for", "-1"], false),
            (["--keep-days", "1"], false),
        ] {
            let arguments = run.iter().chain(&last);
            assert_eq!(Cli::try_parse_from(arguments).is_ok(), fits, "{last:?}");
        }
    }

    #[test]
    fn messages_are_kept_longer_than_attempts_go_on() {
        let check = |seconds: &str, days: &str| {
            let run = ["vouch-webhooks", "run", "--database-url", "postgres://x"];
            let limits = ["--retry-for", seconds, "--keep-days", days];
            let parsed = Cli::try_parse_from(run.iter().chain(&limits));
            let Command::Run(config) = parsed.expect("settings").command else {
                panic!("another command");
            };
            config.check().map_err(|error| error.to_string())
        };
        assert_eq!(check("604799", "7"), Ok(()));
        assert_eq!(
            check("1296000", "7"),
            Err(
                "attempts would go on for 15 days, but messages are kept for 7 days: lower \
                 WEBHOOKS_RETRY_FOR_SECONDS or raise WEBHOOKS_KEEP_DAYS"
                    .to_owned()
            )
        );
        assert!(check("604800", "7").is_err());
    }

    #[test]
    fn a_replay_is_by_id_or_by_time() {
        let nobody = "00000000-0000-0000-0000-000000000000";
        for (more, fits) in [
            (&["--id", "msg_1"][..], true),
            (&["--from", "2026-01-01T00:00:00Z"], true),
            (
                &[
                    "--from",
                    "2026-01-01T00:00:00Z",
                    "--to",
                    "2026-02-01T00:00:00Z",
                ],
                true,
            ),
            (&["--to", "2026-01-01T00:00:00Z"], false),
            (&["--id", "msg_1", "--from", "2026-01-01T00:00:00Z"], false),
            (&["--from", "yesterday"], false),
            (&[], false),
        ] {
            let begin = ["vouch-webhooks", "replay", "--database-url", "x"];
            let endpoint = ["--endpoint", nobody];
            let arguments = begin.iter().chain(&endpoint).chain(more);
            assert_eq!(Cli::try_parse_from(arguments).is_ok(), fits, "{more:?}");
        }
    }
}
