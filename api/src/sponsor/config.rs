//! Settings of the sponsor.

use std::{path::PathBuf, str::FromStr};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;
use solana_sdk::signer::keypair::{Keypair, read_keypair_file};
use vouch_client::Pubkey;

/// Lamports for two signatures: no sponsored transaction has fewer.
const LEAST_FEE: u64 = 10_000;
/// Lamports for a fee and the rent of the smallest account that the sponsor pays for, an owner's of 117 bytes.
const LEAST_WITH_RENT: u64 = LEAST_FEE + 1_705_200;
/// Lamports below which an account without data cannot stay.
const LEAST_BALANCE: u64 = 890_880;

/// The campaigns that are sponsored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Campaigns {
    /// Every one.
    All,
    /// These.
    Named(Vec<Pubkey>),
}

impl Campaigns {
    /// Whether this campaign is one of them.
    pub(super) fn has(&self, campaign: &Pubkey) -> bool {
        match self {
            Self::All => true,
            Self::Named(named) => named.contains(campaign),
        }
    }
}

impl FromStr for Campaigns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let named = text.split(',').map(|address| {
            let address = address.trim();
            let refuse = |error| format!("{address:?} is not the address of a campaign: {error}");
            address.parse().map_err(refuse)
        });
        named.collect::<Result<_, _>>().map(Self::Named)
    }
}

/// Settings of the sponsor, a key that pays the fees of other wallets' transactions.
#[derive(Debug, Clone, Args)]
pub struct SponsorConfig {
    /// Keypair file of the Solana CLI, which others must not be able to read. It pays fees of transactions that
    /// this service has built, and signs for nothing else. Without it, nobody's fees are paid.
    #[arg(long = "sponsor-keypair", env = "SPONSOR_KEYPAIR")]
    pub keypair: Option<PathBuf>,
    /// The campaigns that are sponsored, separated by commas, or `all`. A key needs it: anybody can open a
    /// campaign and let its users spend the sponsor's fees, so name your own.
    #[arg(long = "sponsor-campaigns", env = "SPONSOR_CAMPAIGNS")]
    pub campaigns: Option<Campaigns>,
    /// Whether the sponsor also pays the rent of accounts of the program, if asked. It comes back to the sponsor
    /// when the campaign is over. It never pays for token accounts, whose owners can close them for the rent. Not
    /// with all campaigns: who opens one decides when it is over.
    #[arg(long = "sponsor-rent", env = "SPONSOR_RENT", default_value_t = false,
          num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub rent: bool,
    /// Most lamports of fee that one transaction may cost.
    #[arg(
        long = "sponsor-highest-fee",
        env = "SPONSOR_HIGHEST_FEE",
        default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(LEAST_FEE..)
    )]
    pub highest_fee: u64,
    /// Lamports that stay in the sponsor's account, at least the 890880 without which an account cannot pay.
    #[arg(
        long = "sponsor-least-balance",
        env = "SPONSOR_LEAST_BALANCE",
        default_value_t = 10_000_000,
        value_parser = clap::value_parser!(u64).range(LEAST_BALANCE..)
    )]
    pub least_balance: u64,
    /// Transactions a day (UTC) for one wallet that acts.
    #[arg(
        long = "sponsor-wallet-transactions-per-day",
        env = "SPONSOR_WALLET_TRANSACTIONS_PER_DAY",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub wallet_transactions: u32,
    /// Lamports a day for one wallet, fees and rent.
    #[arg(
        long = "sponsor-wallet-lamports-per-day",
        env = "SPONSOR_WALLET_LAMPORTS_PER_DAY",
        default_value_t = 500_000,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub wallet_lamports: u64,
    /// Transactions a day for one network: an IPv4 address, or an IPv6 /64. An IPv4 /24 and an IPv6 /48 have 10
    /// times as much, an IPv6 /32 has 100 times. Of a campaign's limit they have at most an eighth, a quarter and a
    /// half.
    #[arg(
        long = "sponsor-network-transactions-per-day",
        env = "SPONSOR_NETWORK_TRANSACTIONS_PER_DAY",
        default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub network_transactions: u32,
    /// Lamports a day for one network, wider ones as above.
    #[arg(
        long = "sponsor-network-lamports-per-day",
        env = "SPONSOR_NETWORK_LAMPORTS_PER_DAY",
        default_value_t = 2_500_000,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub network_lamports: u64,
    /// Transactions a day for one campaign.
    #[arg(
        long = "sponsor-campaign-transactions-per-day",
        env = "SPONSOR_CAMPAIGN_TRANSACTIONS_PER_DAY",
        default_value_t = 2_000,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub campaign_transactions: u32,
    /// Lamports a day for one campaign.
    #[arg(
        long = "sponsor-campaign-lamports-per-day",
        env = "SPONSOR_CAMPAIGN_LAMPORTS_PER_DAY",
        default_value_t = 50_000_000,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub campaign_lamports: u64,
    /// Transactions a day in all.
    #[arg(
        long = "sponsor-transactions-per-day",
        env = "SPONSOR_TRANSACTIONS_PER_DAY",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub transactions: u32,
    /// Lamports a day in all.
    #[arg(
        long = "sponsor-lamports-per-day",
        env = "SPONSOR_LAMPORTS_PER_DAY",
        default_value_t = 200_000_000,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub lamports: u64,
}

impl SponsorConfig {
    /// Reads the key; `None` if there is none.
    ///
    /// # Errors
    /// When the file is no keypair file, others may use it, or the settings do not fit each other.
    pub(super) fn key(&self) -> Result<Option<Keypair>> {
        let Some(path) = self.keypair.as_deref() else {
            ensure!(!self.rent, "SPONSOR_RENT needs SPONSOR_KEYPAIR");
            ensure!(
                self.campaigns.is_none(),
                "SPONSOR_CAMPAIGNS needs SPONSOR_KEYPAIR"
            );
            return Ok(None);
        };
        let campaigns = self.campaigns.as_ref().context(
            "SPONSOR_KEYPAIR needs SPONSOR_CAMPAIGNS: the campaigns that are sponsored, or all",
        )?;
        ensure!(
            !self.rent || *campaigns != Campaigns::All,
            "SPONSOR_RENT needs campaigns by name in SPONSOR_CAMPAIGNS: rent comes back when a campaign is over, \
             and who opens one decides when"
        );
        for (name, lamports) in [
            ("SPONSOR_WALLET_LAMPORTS_PER_DAY", self.wallet_lamports),
            ("SPONSOR_NETWORK_LAMPORTS_PER_DAY", self.network_lamports),
            ("SPONSOR_CAMPAIGN_LAMPORTS_PER_DAY", self.campaign_lamports),
            ("SPONSOR_LAMPORTS_PER_DAY", self.lamports),
        ] {
            ensure!(
                !self.rent || lamports >= LEAST_WITH_RENT,
                "SPONSOR_RENT needs {name} of at least {LEAST_WITH_RENT}: an account takes some 2000000 lamports"
            );
        }
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
            let options = ["--sponsor-campaigns", "all", "--sponsor-keypair", text];
            let read = config(&options).key();
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
    fn settings_that_cost_more_than_meant_are_refused() {
        let one = Pubkey::new_from_array([1; 32]).to_string();
        let refused = |options: &[&str]| format!("{:#}", config(options).key().unwrap_err());
        let none =
            "SPONSOR_KEYPAIR needs SPONSOR_CAMPAIGNS: the campaigns that are sponsored, or all";
        assert_eq!(refused(&["--sponsor-keypair", "/none"]), none);
        let rent = [
            "--sponsor-keypair",
            "/none",
            "--sponsor-rent",
            "--sponsor-campaigns",
        ];
        let of_all = refused(&[&rent[..], &["all"]].concat());
        assert!(
            of_all.starts_with("SPONSOR_RENT needs campaigns by name"),
            "{of_all}"
        );
        // And not with a limit that no account fits into, as the default is
        let wallet = "--sponsor-wallet-lamports-per-day";
        for more in [&[][..], &[wallet, "1715199"]] {
            let narrow = refused(&[&rent[..], &[&one], more].concat());
            let said = "SPONSOR_RENT needs SPONSOR_WALLET_LAMPORTS_PER_DAY of at least 1715200: an account takes \
                        some 2000000 lamports";
            assert_eq!(narrow, said);
        }
        // But named ones may have it, so that only the key is missing
        let named = refused(&[&rent[..], &[&one, wallet, "1715200"]].concat());
        assert!(
            named.starts_with("SPONSOR_KEYPAIR: cannot use /none"),
            "{named}"
        );
        // And nothing is set for a sponsor that there is not
        assert_eq!(
            refused(&["--sponsor-rent"]),
            "SPONSOR_RENT needs SPONSOR_KEYPAIR"
        );
        let alone = refused(&["--sponsor-campaigns", &one]);
        assert_eq!(alone, "SPONSOR_CAMPAIGNS needs SPONSOR_KEYPAIR");
        for (name, value) in [
            ("--sponsor-highest-fee", "9999"),
            ("--sponsor-least-balance", "890879"),
            ("--sponsor-wallet-transactions-per-day", "0"),
            ("--sponsor-network-lamports-per-day", "0"),
            ("--sponsor-campaign-transactions-per-day", "0"),
            ("--sponsor-lamports-per-day", "0"),
        ] {
            assert!(
                Cli::try_parse_from(["vouch-api", name, value]).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn campaigns_are_addresses_and_a_wrong_list_serves_nobody() {
        let one = Pubkey::new_from_array([1; 32]);
        let named = config(&["--sponsor-campaigns", &one.to_string()]);
        assert_eq!(named.campaigns, Some(Campaigns::Named(vec![one])));
        assert!(Campaigns::All.has(&one));
        for list in ["", "x", &format!("{one},")] {
            let options = ["vouch-api", "--sponsor-campaigns", list];
            assert!(Cli::try_parse_from(options).is_err(), "{list}");
        }
    }
}
