//! A person's home folder, and the commands that run in it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use tokio::process::Command;
use vouch_client::{accounts::AccountType, pda, token};
use vouch_localnet::{Instance, Validator, built_binary};
use vouch_product_tests::{fund, send, validator};

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A home with the Solana CLI's configuration and a key file.
pub(crate) struct Home {
    pub(crate) dir: PathBuf,
    pub(crate) key: Keypair,
    pub(crate) api: Option<String>,
}

/// The answer of a command.
pub(crate) struct Answer {
    pub(crate) exit: i32,
    pub(crate) stdout: Value,
    pub(crate) stderr: String,
}

impl Answer {
    /// The failure on stderr: exit code and code.
    #[track_caller]
    pub(crate) fn failure(&self) -> (i32, String) {
        let error = self.error();
        (
            self.exit,
            error["code"].as_str().expect("a code").to_owned(),
        )
    }

    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let last = self.stderr.lines().last().expect("a line");
        let failure: Value = serde_json::from_str(last).expect(&self.stderr);
        let error = failure["error"].clone();
        assert_eq!(error["exit"], self.exit, "{error}");
        for field in ["code", "message", "advice"] {
            let text = error[field].as_str().expect("a text");
            assert!(!text.is_empty(), "{error}");
        }
        error
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.exit, 0, "{}", self.stderr);
        self.stdout
    }

    /// The signature that was announced on stderr.
    #[track_caller]
    pub(crate) fn sending(&self) -> String {
        sending(&self.stderr).expect(&self.stderr)
    }
}

pub(crate) fn sending(stderr: &str) -> Option<String> {
    let mut lines = stderr.lines();
    lines.find_map(|line| line.strip_prefix("sending ").map(str::to_owned))
}

impl Home {
    /// Of a new wallet without SOL, with this node.
    pub(crate) fn new(instance: &Instance, url: &str, key: Keypair) -> Self {
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let dir = instance.dir().join(format!("home-{number}"));
        let folder = dir.join(".config/solana/cli");
        fs::create_dir_all(&folder).expect("a folder");
        let file = dir.join("id.json");
        fs::write(&file, json!(key.to_bytes().to_vec()).to_string()).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
        let config = format!(
            "---\njson_rpc_url: {url}\nwebsocket_url: ''\nkeypair_path: {}\ncommitment: confirmed\n",
            file.display()
        );
        fs::write(folder.join("config.yml"), config).expect("a file");
        Self {
            dir,
            key,
            api: None,
        }
    }

    pub(crate) fn wallet(&self) -> Pubkey {
        self.key.pubkey()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(built_binary("vouch").expect("it is built"));
        command
            .env_clear()
            .env("HOME", &self.dir)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(api) = &self.api {
            command.env("VOUCH_API", api);
        }
        command
    }

    /// Runs a command as it stands.
    pub(crate) async fn plain(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().await.expect("it runs");
        // No output has the wallet's secret in any of its usual forms.
        let secret = self.key.to_bytes();
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(text);
            let numbers = json!(secret[..32].to_vec()).to_string();
            assert!(!text.contains(numbers.trim_end_matches(']')), "{text}");
            assert!(!text.contains(&self.key.to_base58_string()), "{text}");
        }
        output
    }

    /// Runs a command with `--json`.
    pub(crate) async fn json(&self, args: &[&str]) -> Answer {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        read(self.plain(&args).await)
    }

    /// Runs a command with `--json` that signs.
    pub(crate) async fn sign(&self, args: &[&str]) -> Answer {
        let args: Vec<&str> = args.iter().copied().chain(["--yes"]).collect();
        self.json(&args).await
    }
}

pub(crate) fn read(output: Output) -> Answer {
    let stdout = String::from_utf8(output.stdout).expect("text");
    let exit = output.status.code().expect("an exit code");
    // One object on success, nothing on failure.
    assert_eq!(stdout.is_empty(), exit != 0, "{stdout}");
    Answer {
        exit,
        stdout: serde_json::from_str(&stdout).unwrap_or_default(),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

pub(crate) async fn account<T: AccountType>(rpc: &RpcClient, address: &Pubkey) -> T {
    let data = rpc.get_account_data(address).await.expect("an account");
    T::decode(&data).expect("an account of the program")
}

pub(crate) async fn balance(rpc: &RpcClient, account: &Pubkey) -> u64 {
    let data = rpc.get_account_data(account).await.expect("an account");
    token::balance(&data).expect("a token account")
}

#[track_caller]
pub(crate) fn key(value: &Value) -> Pubkey {
    let text = value.as_str().expect("an address");
    text.parse().expect("an address")
}

/// The fields of an object, and of objects in it, with the kinds of their values.
pub(crate) fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key("units") && fields.len() == 2 => {
            "amount".into()
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), shape(value)));
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.iter().take(1).map(shape).collect(),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "bool".into(),
        Value::Null => Value::Null,
    }
}

pub(crate) fn transaction_shape() -> Value {
    json!({
        "status": "text", "signature": "text", "slot": "number", "resumed": "bool",
        "fee_lamports": "text", "rent_lamports": "text", "compute_units": "number",
        "compute_unit_price": "text",
    })
}

/// Opens a campaign that pays 5 of a new token from a vault with 1000, in the company's name.
pub(crate) const OPEN: [&str; 12] = [
    "campaign",
    "open",
    "--name",
    "Spring",
    "--funding",
    "vault",
    "--reward",
    "5",
    "--funds",
    "1000",
    "--hold",
    "10m",
];

/// Mints this many base units to the wallet, which is the mint's authority.
pub(crate) async fn mint_own(
    rpc: &RpcClient,
    wallet: &Keypair,
    mint: &Pubkey,
    units: u64,
) -> Pubkey {
    let (owner, program) = (wallet.pubkey(), token::TOKEN_PROGRAM_ID);
    let (account, _) = pda::associated_token(&owner, mint, &program);
    let steps = [
        token::create_associated_token(&owner, &owner, mint, &program),
        token::mint_to(&program, mint, &account, &owner, units),
    ];
    send(rpc, wallet, &steps, &[]).await;
    account
}

/// A validator, a company with SOL, and the campaign that it has opened by the command line.
pub(crate) async fn opened(name: &str) -> (Instance, Validator, RpcClient, Home, Value) {
    let instance = Instance::create(name).expect("a folder");
    let (validator, rpc) = validator(&instance).await;
    let company = Home::new(&instance, &validator.rpc_url(), Keypair::new());
    fund(&rpc, &company.wallet()).await;
    let campaign = company.sign(&OPEN).await.ok();
    (instance, validator, rpc, company, campaign)
}
