//! Settings of the sponsor.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;
use solana_sdk::signer::keypair::{Keypair, read_keypair_file};
use vouch_client::Pubkey;

/// Settings of the sponsor, a key that pays the fees of other wallets' transactions.
#[derive(Debug, Clone, Args)]
pub struct SponsorConfig {
    /// Keypair file of the Solana CLI, which others must not be able to read. It pays fees of transactions that
    /// this service has built, and signs for nothing else. Without it, nobody's fees are paid.
    #[arg(long = "sponsor-keypair", env = "SPONSOR_KEYPAIR")]
    pub keypair: Option<PathBuf>,
    /// The campaigns that are sponsored, separated by commas; all if it is not set. Anybody can open a campaign
    /// and let its users spend the sponsor's fees, so name your own.
    #[arg(
        long = "sponsor-campaigns",
        env = "SPONSOR_CAMPAIGNS",
        value_delimiter = ','
    )]
    pub campaigns: Option<Vec<Pubkey>>,
    /// Whether the sponsor also pays the rent of accounts of the program, if asked. It comes back to the sponsor
    /// when the campaign is over. It never pays for token accounts, whose owners can close them for the rent.
    #[arg(long = "sponsor-rent", env = "SPONSOR_RENT", default_value_t = false,
          num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub rent: bool,
    /// Most lamports of fee that one transaction may cost.
    #[arg(
        long = "sponsor-highest-fee",
        env = "SPONSOR_HIGHEST_FEE",
        default_value_t = 100_000
    )]
    pub highest_fee: u64,
    /// Lamports that stay in the sponsor's account.
    #[arg(
        long = "sponsor-least-balance",
        env = "SPONSOR_LEAST_BALANCE",
        default_value_t = 10_000_000
    )]
    pub least_balance: u64,
    /// Transactions a day (UTC) for one wallet that signs them.
    #[arg(
        long = "sponsor-wallet-transactions-per-day",
        env = "SPONSOR_WALLET_TRANSACTIONS_PER_DAY",
        default_value_t = 10
    )]
    pub wallet_transactions: u32,
    /// Lamports a day for one wallet, fees and rent.
    #[arg(
        long = "sponsor-wallet-lamports-per-day",
        env = "SPONSOR_WALLET_LAMPORTS_PER_DAY",
        default_value_t = 500_000
    )]
    pub wallet_lamports: u64,
    /// Transactions a day for one network: an IPv4 address, or an IPv6 /64. An IPv4 /24 and an IPv6 /48 have 10
    /// times as much, an IPv6 /32 has 100 times.
    #[arg(
        long = "sponsor-network-transactions-per-day",
        env = "SPONSOR_NETWORK_TRANSACTIONS_PER_DAY",
        default_value_t = 50
    )]
    pub network_transactions: u32,
    /// Lamports a day for one network, wider ones as above.
    #[arg(
        long = "sponsor-network-lamports-per-day",
        env = "SPONSOR_NETWORK_LAMPORTS_PER_DAY",
        default_value_t = 2_500_000
    )]
    pub network_lamports: u64,
    /// Transactions a day for one campaign.
    #[arg(
        long = "sponsor-campaign-transactions-per-day",
        env = "SPONSOR_CAMPAIGN_TRANSACTIONS_PER_DAY",
        default_value_t = 2_000
    )]
    pub campaign_transactions: u32,
    /// Lamports a day for one campaign.
    #[arg(
        long = "sponsor-campaign-lamports-per-day",
        env = "SPONSOR_CAMPAIGN_LAMPORTS_PER_DAY",
        default_value_t = 50_000_000
    )]
    pub campaign_lamports: u64,
    /// Transactions a day in all.
    #[arg(
        long = "sponsor-transactions-per-day",
        env = "SPONSOR_TRANSACTIONS_PER_DAY",
        default_value_t = 10_000
    )]
    pub transactions: u32,
    /// Lamports a day in all.
    #[arg(
        long = "sponsor-lamports-per-day",
        env = "SPONSOR_LAMPORTS_PER_DAY",
        default_value_t = 200_000_000
    )]
    pub lamports: u64,
}

impl SponsorConfig {
    /// Reads the key; `None` if there is none.
    ///
    /// # Errors
    /// When the file is no keypair file, or others may use it.
    pub(super) fn key(&self) -> Result<Option<Keypair>> {
        let Some(path) = self.keypair.as_deref() else {
            return Ok(None);
        };
        read_key(path)
            .with_context(|| format!("SPONSOR_KEYPAIR: cannot use {}", path.display()))
            .map(Some)
    }
}

/// Reads a keypair file that nobody but its owner may write, and nobody but owner and group read. A credential
/// of systemd, or a secret of Kubernetes, is often readable by its group.
///
/// # Errors
/// When it is none, or others may. The error does not hold what is in the file.
pub(crate) fn read_key(path: &std::path::Path) -> Result<Keypair> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
        ensure!(
            mode & 0o037 == 0,
            "its mode is {mode:03o}, so others than its owner and group may use it: chmod 600"
        );
    }
    read_keypair_file(path).map_err(|error| anyhow!("it is no keypair file: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use clap::Parser;
    use solana_sdk::signer::{Signer as _, keypair::write_keypair_file};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        config: SponsorConfig,
    }

    fn config(options: &[&str]) -> SponsorConfig {
        let options = ["vouch-api"].iter().chain(options);
        Cli::try_parse_from(options)
            .unwrap_or_else(|error| panic!("{error}"))
            .config
    }

    #[test]
    fn without_a_key_it_is_off_and_rent_is_not_paid() {
        let config = config(&[]);
        assert!(config.key().unwrap().is_none());
        assert!(!config.rent);
        assert!(config.campaigns.is_none());
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sponsor.json");
        let text = path.to_str().unwrap();
        let key = Keypair::new();
        write_keypair_file(&key, text).unwrap();
        for (mode, is_fit) in [
            (0o600, true),
            (0o400, true),
            (0o440, true),
            (0o660, false),
            (0o604, false),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = config(&["--sponsor-keypair", text]).key();
            if is_fit {
                assert_eq!(read.unwrap().unwrap().pubkey(), key.pubkey());
            } else {
                let error = format!("{:#}", read.unwrap_err());
                let said = format!(
                    "SPONSOR_KEYPAIR: cannot use {text}: its mode is {mode:03o}, so others than its owner and \
                     group may use it: chmod 600"
                );
                assert_eq!(error, said);
            }
        }
    }

    #[test]
    fn campaigns_are_addresses_and_a_wrong_list_serves_nobody() {
        let one = Pubkey::new_from_array([1; 32]);
        let named = config(&["--sponsor-campaigns", &one.to_string()]);
        assert_eq!(named.campaigns, Some(vec![one]));
        for list in ["", "x", &format!("{one},")] {
            let options = ["vouch-api", "--sponsor-campaigns", list];
            assert!(Cli::try_parse_from(options).is_err(), "{list}");
        }
    }
}
