//! The complete configuration.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use solana_sdk::signer::keypair::{Keypair, read_keypair_file};
use vouch_client::Pubkey;
use vouch_db::keeper::Limits;
use vouch_service::{Log, Probes};

/// Pays rewards whose hold is over, and returns the rent of what is over.
///
/// Every setting is an option and an environment variable. Without a key it sends nothing.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Config {
    /// Postgres, as `postgres://user:password@host/database`, with the indexer's mirror.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,

    /// JSON RPC of a Solana node, as `http://host:port`.
    #[arg(long, env = "RPC_URL", hide_env_values = true)]
    pub(crate) rpc_url: String,

    #[command(flatten)]
    pub(crate) log: Log,

    #[command(flatten)]
    pub(crate) probes: Probes<8082>,

    /// Keypair file of the Solana CLI. Its SOL pays the fees, and nothing else. Without it, the keeper
    /// is off.
    #[arg(long, env = "KEEPER_KEYPAIR")]
    pub(crate) keypair: Option<PathBuf>,

    /// The campaigns that it serves, separated by commas; all if it is not set. Anybody can open a
    /// campaign and let it spend the keeper's fees, so name your own.
    #[arg(long, env = "KEEPER_CAMPAIGNS", value_delimiter = ',')]
    pub(crate) campaigns: Option<Vec<Pubkey>>,

    /// Base units that at least one part of a reward must have to be worth a claim.
    #[arg(long, env = "KEEPER_LEAST_PART", default_value_t = 1)]
    pub(crate) least_part: u64,

    /// Lamports that it spends in a day (UTC) at most.
    #[arg(long, env = "KEEPER_LAMPORTS_PER_DAY", default_value_t = 50_000_000,
          value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) lamports_per_day: i64,

    /// Lamports that it spends for one campaign in a day (UTC) at most.
    #[arg(long, env = "KEEPER_CAMPAIGN_LAMPORTS_PER_DAY", default_value_t = 20_000_000,
          value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) campaign_lamports_per_day: i64,

    /// Lamports of these that it spends to return rent in a day (UTC) at most; 0: it returns none.
    #[arg(long, env = "KEEPER_RECLAIM_LAMPORTS_PER_DAY", default_value_t = 5_000_000,
          value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) reclaim_lamports_per_day: i64,

    /// Lamports that failed transactions for one campaign cost in a day (UTC) at most: those of claims,
    /// and those of returning rent. A transaction that is not in a block yet counts as failed.
    #[arg(long, env = "KEEPER_FAILED_LAMPORTS_PER_DAY", default_value_t = 200_000,
          value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) failed_lamports_per_day: i64,

    /// Lamports that stay in its account: it sends nothing that could leave less. At least the rent of
    /// an empty account.
    #[arg(long, env = "KEEPER_LEAST_BALANCE", default_value_t = 10_000_000,
          value_parser = clap::value_parser!(u64).range(890_880..))]
    pub(crate) least_balance: u64,

    /// Highest priority fee, in millionths of a lamport for each compute unit.
    #[arg(long, env = "KEEPER_HIGHEST_PRIORITY", default_value_t = 50_000)]
    pub(crate) highest_priority: u64,

    /// Failed transactions in a day (UTC) after which a conversion waits for the next day.
    #[arg(long, env = "KEEPER_FAILURES_PER_DAY", default_value_t = 1,
          value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) failures_per_day: i32,

    /// Seconds until what could not be done is tried again; twice as long after each further time.
    #[arg(long, env = "KEEPER_FIRST_PAUSE_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) first_pause_seconds: u64,

    /// Longest such pause in seconds.
    #[arg(long, env = "KEEPER_LAST_PAUSE_SECONDS", default_value_t = 21_600,
          value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) last_pause_seconds: u64,

    /// Seconds between two looks at all vaults, and between two searches for rent to return.
    #[arg(long, env = "KEEPER_WATCH_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) watch_seconds: u64,
}

impl Config {
    /// Reads the key; `None` if there is none.
    pub(crate) fn key(&self) -> Result<Option<Keypair>> {
        let Some(path) = self.keypair.as_deref() else {
            return Ok(None);
        };
        // The error does not hold what is in the file.
        let key = read_keypair_file(path).map_err(|error| anyhow!("{error}"));
        let key = key.with_context(|| format!("KEEPER_KEYPAIR: cannot read {}", path.display()))?;
        Ok(Some(key))
    }

    /// The campaigns that it serves; `None` for all.
    pub(crate) fn served(&self) -> Option<Vec<String>> {
        let campaigns = self.campaigns.as_ref()?;
        Some(campaigns.iter().map(ToString::to_string).collect())
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            day: self.lamports_per_day,
            campaign: self.campaign_lamports_per_day,
            reclaim: self.reclaim_lamports_per_day,
            failed: self.failed_lamports_per_day,
        }
    }

    /// Time until something is tried again that was tried `tries` times: it doubles each time, and
    /// varies by half, so that what failed together does not come again together.
    pub(crate) fn pause(&self, tries: i32) -> Duration {
        let doubled = 2_f64.powi(tries.clamp(0, 20));
        let first = Duration::from_secs(self.first_pause_seconds).mul_f64(doubled);
        let pause = first.min(Duration::from_secs(self.last_pause_seconds));
        pause.mul_f64(rand::random::<f64>() + 0.5)
    }

    pub(crate) fn watch_every(&self) -> Duration {
        Duration::from_secs(self.watch_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(options: &[&str]) -> Config {
        let required = ["vouch-keeper", "--database-url", "d", "--rpc-url", "r"];
        Config::try_parse_from(required.iter().chain(options)).unwrap_or_else(|error| {
            panic!("{error}");
        })
    }

    #[test]
    fn pauses_grow_and_vary_up_to_a_limit() {
        let config = config(&["--first-pause-seconds", "10", "--last-pause-seconds", "100"]);
        for (tries, least, most) in [
            (0, 5, 15),
            (1, 10, 30),
            (3, 40, 120),
            (4, 50, 150),
            (1000, 50, 150),
        ] {
            for _ in 0..100 {
                let pause = config.pause(tries).as_secs_f64();
                assert!(
                    (f64::from(least)..=f64::from(most)).contains(&pause),
                    "{tries}: {pause}"
                );
            }
        }
        assert_ne!(config.pause(0), config.pause(0));
    }

    #[test]
    fn without_a_key_it_is_off_and_a_key_that_is_none_is_an_error() {
        assert!(config(&[]).key().expect("no key").is_none());
        let error = config(&["--keypair", "/nowhere"])
            .key()
            .expect_err("there is no file");
        assert_eq!(error.to_string(), "KEEPER_KEYPAIR: cannot read /nowhere");
    }

    #[test]
    fn campaigns_are_addresses() {
        assert_eq!(config(&[]).served(), None);
        let [one, two] = [
            Pubkey::new_from_array([1; 32]),
            Pubkey::new_from_array([2; 32]),
        ];
        let served = config(&["--campaigns", &format!("{one},{two}")]).served();
        assert_eq!(served, Some(vec![one.to_string(), two.to_string()]));
        let required = ["vouch-keeper", "--database-url", "d", "--rpc-url", "r"];
        // An empty list would serve nobody, and a wrong one must not serve all.
        for list in ["", "x", &format!("{one},")] {
            let options = required.iter().copied().chain(["--campaigns", list]);
            assert!(Config::try_parse_from(options).is_err(), "{list}");
        }
    }
}
