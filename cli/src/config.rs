//! The node, the API and the signing wallet of a command: options, environment, and the configuration of the Solana CLI.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde::Deserialize;
use solana_sdk::signature::{Keypair, read_keypair_file};
use url::{Host, Url};

use crate::error::{Failure, Outcome};

/// The node when nothing names one, as in the Solana CLI.
const MAINNET: &str = "https://api.mainnet-beta.solana.com";

/// From when on a transaction counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Commitment {
    /// Two thirds of the stake have voted for its block.
    Confirmed,
    /// Nobody can abandon its block any more.
    Finalized,
}

impl Commitment {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
        }
    }
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Options {
    /// JSON RPC of a Solana node, or one of l (localhost), d (devnet), t (testnet), m (mainnet-beta)
    #[arg(
        short,
        long,
        global = true,
        env = "VOUCH_RPC_URL",
        hide_env_values = true
    )]
    pub(crate) url: Option<String>,

    /// Key file of the wallet that signs and pays
    #[arg(
        short,
        long,
        global = true,
        env = "VOUCH_KEYPAIR",
        hide_env_values = true
    )]
    pub(crate) keypair: Option<String>,

    /// Configuration of the Solana CLI [default: ~/.config/solana/cli/config.yml]
    #[arg(short = 'C', long, global = true)]
    pub(crate) config: Option<PathBuf>,

    /// From when on a transaction counts
    #[arg(long, global = true)]
    pub(crate) commitment: Option<Commitment>,

    /// Vouch's HTTP API, as https://host
    #[arg(long, global = true, env = "VOUCH_API")]
    pub(crate) api: Option<String>,

    /// Host in the API's messages to sign, if it is reached by another one
    #[arg(long, global = true)]
    pub(crate) api_domain: Option<String>,

    /// Print one JSON object on stdout; failures are one on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Sign without asking
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,

    /// Print what would be signed, and send nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,

    /// Amounts are base units of the token
    #[arg(long, global = true)]
    pub(crate) raw: bool,

    /// Price of a compute unit in millionths of a lamport [default: of recent blocks]
    #[arg(long, global = true, value_name = "MICROLAMPORTS")]
    pub(crate) with_compute_unit_price: Option<u64>,

    /// Seconds to wait for a transaction before giving up
    #[arg(long, global = true, default_value_t = 180,
        value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(crate) wait_seconds: u64,

    /// Folder for notes of transactions that were sent [default: ~/.local/state/vouch]
    #[arg(long, global = true, env = "VOUCH_STATE_DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// The Solana CLI's configuration, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct SolanaConfig {
    json_rpc_url: Option<String>,
    keypair_path: Option<String>,
    commitment: Option<String>,
}

/// The configuration of a command.
#[derive(Debug)]
pub(crate) struct Config {
    /// JSON RPC of the node. It may hold a key, so it is never printed as a whole.
    pub(crate) url: Url,
    keypair: String,
    pub(crate) commitment: Commitment,
    pub(crate) state_dir: PathBuf,
}

impl Config {
    /// Reads options, environment and the Solana CLI's configuration.
    ///
    /// # Errors
    /// `config_unreadable`, `invalid_url`, `invalid_commitment`, `no_home`.
    pub(crate) fn read(options: &Options, home: Option<&Path>) -> Outcome<Self> {
        let at_home = |path: &str| home.map(|home| home.join(path));
        let solana = match (&options.config, at_home(".config/solana/cli/config.yml")) {
            (Some(path), _) => read_solana(path)?,
            (None, Some(path)) if path.exists() => read_solana(&path)?,
            _ => SolanaConfig::default(),
        };
        let url = options.url.clone().or(solana.json_rpc_url);
        let keypair = options.keypair.clone().or(solana.keypair_path);
        let keypair = keypair.or_else(|| {
            let path = at_home(".config/solana/id.json")?;
            Some(path.to_string_lossy().into_owned())
        });
        let commitment = match (options.commitment, solana.commitment.as_deref()) {
            (Some(commitment), _) => commitment,
            (None, None | Some("" | "confirmed")) => Commitment::Confirmed,
            (None, Some("finalized")) => Commitment::Finalized,
            (None, Some(other)) => {
                return Err(Failure::usage(
                    "invalid_commitment",
                    format!("the configuration asks for the commitment {other:?}"),
                    "choose confirmed or finalized with --commitment: less can be abandoned by the cluster",
                ));
            }
        };
        let state_dir = options.state_dir.clone();
        let state_dir = state_dir.or_else(|| at_home(".local/state/vouch"));
        Ok(Self {
            url: node_url(url.as_deref().unwrap_or(MAINNET))?,
            keypair: keypair.unwrap_or_default(),
            commitment,
            state_dir: state_dir.ok_or_else(|| {
                Failure::usage("no_home", "HOME is not set", "set HOME, or --state-dir")
            })?,
        })
    }

    /// Reads the key that signs. Returns with it a warning, if others can read its file.
    ///
    /// # Errors
    /// `ledger_unsupported`, `keypair_unsupported`, `keypair_missing`, `keypair_unreadable`. None of them
    /// contains anything of the file.
    pub(crate) fn signer(&self) -> Outcome<(Keypair, Option<String>)> {
        let path = self.keypair.as_str();
        if path.starts_with("usb:") {
            return Err(Failure::usage(
                "ledger_unsupported",
                "this build cannot sign with a hardware wallet",
                "use a key file with --keypair, or sign in the page /console with the wallet's own application",
            ));
        }
        if path == "ASK" || path == "-" || path.starts_with("prompt:") || path.starts_with("stdin:")
        {
            return Err(Failure::usage(
                "keypair_unsupported",
                "this command reads keys from files alone",
                "name a key file of the Solana CLI with --keypair",
            ));
        }
        let path = path.strip_prefix("file:").unwrap_or(path);
        if path.is_empty() || !Path::new(path).exists() {
            return Err(Failure::usage(
                "keypair_missing",
                format!("there is no key file {path:?}"),
                "make one with `solana-keygen new`, or name another one with --keypair",
            ));
        }
        // The library's error may quote the file.
        let key = read_keypair_file(path).map_err(|_| {
            Failure::usage(
                "keypair_unreadable",
                format!("{path:?} is no key file, or cannot be read"),
                "name a key file of the Solana CLI with --keypair",
            )
        })?;
        Ok((key, open_to_others(Path::new(path))))
    }
}

/// A warning if others than its owner can read this file.
#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        format!(
            "others can read or change the key file {} (mode {:03o}): run chmod 600 on it",
            path.display(),
            mode & 0o777
        )
    })
}

#[cfg(not(unix))]
fn open_to_others(_path: &Path) -> Option<String> {
    None
}

fn read_solana(path: &Path) -> Outcome<SolanaConfig> {
    let refuse = |cause: String| {
        Failure::usage(
            "config_unreadable",
            format!("{}: {cause}", path.display()),
            "repair it with `solana config set`, or name another one with --config",
        )
    };
    let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    serde_yaml_ng::from_str(&text).map_err(|error| refuse(error.to_string()))
}

/// The URL of a node, or the one that a moniker of the Solana CLI means.
fn node_url(text: &str) -> Outcome<Url> {
    let text = match text {
        "m" | "mainnet-beta" => MAINNET,
        "t" | "testnet" => "https://api.testnet.solana.com",
        "d" | "devnet" => "https://api.devnet.solana.com",
        "l" | "localhost" => "http://localhost:8899",
        other => other,
    };
    http_url(text).ok_or_else(|| {
        Failure::usage(
            "invalid_url",
            "--url: this is neither a URL of http or https nor one of l, d, t and m",
            "name a node, such as https://api.devnet.solana.com, or d",
        )
    })
}

/// The API of these options, without a slash at its end.
///
/// # Errors
/// `api_missing`, `invalid_url`.
pub(crate) fn api_url(options: &Options) -> Outcome<Url> {
    let text = options.api.as_deref().ok_or_else(|| {
        Failure::usage(
            "api_missing",
            "this command asks Vouch's API, and none is named",
            "name it with --api or in VOUCH_API",
        )
    })?;
    // Keys and sessions go over this connection.
    http_url(text)
        .filter(|url| url.scheme() == "https" || is_loopback(url))
        .ok_or_else(|| {
            Failure::usage(
                "invalid_url",
                "--api: this is no URL of https, nor of http to this machine",
                "name it as https://host",
            )
        })
}

/// Whether this URL is of this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (["http", "https"].contains(&url.scheme()) && url.has_host()).then_some(url)
}

/// Scheme, host and port: paths and queries of nodes hold keys.
pub(crate) fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(args: &[&str]) -> Options {
        let args = ["vouch"].iter().chain(args);
        Line::try_parse_from(args).expect("options").options
    }

    #[test]
    fn options_come_before_the_solana_cli() {
        // Given a home with the file that `solana config set` writes
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join(".config/solana/cli");
        fs::create_dir_all(&folder).expect("a folder");
        let text = "---\njson_rpc_url: \"http://localhost:9999\"\nwebsocket_url: ''\nkeypair_path: /keys/id.json\naddress_labels:\n  '11111111111111111111111111111111': System Program\ncommitment: finalized\n";
        fs::write(folder.join("config.yml"), text).expect("a file");

        // Then it is read
        let config = Config::read(&options(&[]), Some(home.path())).expect("a configuration");
        assert_eq!(config.url.as_str(), "http://localhost:9999/");
        assert_eq!(config.keypair, "/keys/id.json");
        assert_eq!(config.commitment, Commitment::Finalized);
        assert_eq!(config.state_dir, home.path().join(".local/state/vouch"));

        // And options win
        let args = ["-u", "d", "-k", "/other.json", "--commitment", "confirmed"];
        let config = Config::read(&options(&args), Some(home.path())).expect("a configuration");
        assert_eq!(config.url.as_str(), "https://api.devnet.solana.com/");
        assert_eq!(config.keypair, "/other.json");
        assert_eq!(config.commitment, Commitment::Confirmed);

        // And a commitment that can be abandoned is refused
        fs::write(folder.join("config.yml"), "commitment: processed\n").expect("a file");
        let failure = Config::read(&options(&[]), Some(home.path())).expect_err("refused");
        assert_eq!(failure.code, "invalid_commitment");
        fs::write(folder.join("config.yml"), "json_rpc_url: [1\n").expect("a file");
        let failure = Config::read(&options(&[]), Some(home.path())).expect_err("refused");
        assert_eq!(failure.code, "config_unreadable");
    }

    #[test]
    fn without_a_file_everything_is_as_in_the_solana_cli() {
        let home = tempfile::tempdir().expect("a folder");
        let config = Config::read(&options(&[]), Some(home.path())).expect("a configuration");
        assert_eq!(config.url.as_str(), "https://api.mainnet-beta.solana.com/");
        assert_eq!(config.commitment, Commitment::Confirmed);
        let failure = config.signer().expect_err("no key file");
        assert_eq!(failure.code, "keypair_missing");
        // But a file that is named has to be there
        let failure = Config::read(&options(&["-C", "/nowhere.yml"]), Some(home.path()));
        assert_eq!(failure.expect_err("refused").code, "config_unreadable");
    }

    #[test]
    fn monikers_and_addresses() {
        for (text, url) in [
            ("l", "http://localhost:8899/"),
            ("t", "https://api.testnet.solana.com/"),
            ("testnet", "https://api.testnet.solana.com/"),
            ("https://node.example/key", "https://node.example/key"),
        ] {
            assert_eq!(node_url(text).expect("a URL").as_str(), url);
        }
        for text in [
            "",
            "x",
            "mainnet",
            "node.example",
            "ftp://node.example",
            "http://",
        ] {
            assert_eq!(node_url(text).expect_err(text).code, "invalid_url");
        }
        let url = Url::parse("https://user:pass@node.example/key?token=1").expect("a URL");
        assert_eq!(shown(&url), "https://node.example");
    }

    #[test]
    fn an_api_elsewhere_is_asked_by_https_alone() {
        let ask = |api: &str| api_url(&options(&["--api", api])).map_err(|failure| failure.code);
        for api in [
            "https://vouch.example",
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
        ] {
            assert!(ask(api).is_ok(), "{api}");
        }
        for api in [
            "http://vouch.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "ftp://vouch.example",
        ] {
            assert_eq!(ask(api).err().as_deref(), Some("invalid_url"), "{api}");
        }
    }

    #[test]
    fn keys_are_read_from_files_alone_and_never_quoted() {
        let home = tempfile::tempdir().expect("a folder");
        let at = |keypair: &str| {
            let options = options(&["-k", keypair]);
            Config::read(&options, Some(home.path())).expect("a configuration")
        };
        for (keypair, code) in [
            ("usb://ledger", "ledger_unsupported"),
            ("usb://ledger?key=0", "ledger_unsupported"),
            ("prompt://", "keypair_unsupported"),
            ("ASK", "keypair_unsupported"),
            ("-", "keypair_unsupported"),
            ("/nowhere.json", "keypair_missing"),
        ] {
            assert_eq!(at(keypair).signer().expect_err(keypair).code, code);
        }
        // A key file with a digit too many
        let file = home.path().join("id.json");
        let key = Keypair::new();
        let secret = format!("{:?}", key.to_bytes());
        fs::write(&file, secret.replace(']', ", 7]")).expect("a file");
        let failure = at(file.to_str().expect("text"))
            .signer()
            .expect_err("refused");
        assert_eq!(failure.code, "keypair_unreadable");
        let first = format!("{:?}", &key.to_bytes()[..2]);
        let first = first.trim_matches(['[', ']']);
        assert!(!failure.message.contains(first), "{}", failure.message);
        // A key file that everybody can read
        fs::write(&file, &secret).expect("a file");
        let mode = |mode| {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
            at(file.to_str().expect("text")).signer().expect("a key").1
        };
        let warning = mode(0o644).expect("a warning");
        assert!(warning.contains("mode 644"), "{warning}");
        assert_eq!(mode(0o600), None);
    }
}
