//! `./dev up` and `./dev down`: the product, kept running on this machine.
//!
//! Every `up` starts with an empty chain and an empty database, because the two belong
//! together. Only one instance runs at a time; its owner locks its folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use solana_sdk::signature::Keypair;
use solana_sdk::signer::Signer;
use vouch_client::pda;
use vouch_localnet::{Instance, Signal, Stack, StackOptions, state_dir};

use crate::build;
use crate::campaign;
use crate::interrupt::Interrupts;
use crate::product;
use crate::{chain::Chain, http::Api};

/// Name of the instance folder. Its lock file has the suffix `.lock`.
const INSTANCE: &str = "up";
/// The code of the first referral in the demo campaign.
const DEMO_CODE: &str = "STARTER7";
/// File in the folder with the owner's process id, written right after the lock.
const PID_FILE: &str = "pid";
/// File in the folder with a [`State`], written once everything runs.
const STATE_FILE: &str = "state.json";
/// Interval for polling a condition.
const POLL: Duration = Duration::from_millis(100);
/// Time limit for starting everything and opening a campaign, on a busy machine.
const UP_DEADLINE: Duration = Duration::from_secs(300);
/// Longer than the sum of all parts' stop limits.
const DOWN_DEADLINE: Duration = Duration::from_secs(120);
/// Lamports of the demo company, for fees and rent: 1000 SOL.
const COMPANY_LAMPORTS: u64 = 1_000_000_000_000;

/// Brings the product up with a demo campaign; Ctrl-C stops it. Every run starts
/// with an empty chain and database.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Leaves it running in the background; `down` stops it.
    #[arg(long)]
    detach: bool,
    /// The port of the API.
    #[arg(long, default_value_t = 8080, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    api_port: u16,
    /// The port of the validator's RPC; its WebSocket has the next one.
    #[arg(long, default_value_t = 8899, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65534))]
    rpc_port: u16,
}

/// Facts about the running product, for a second `up` and for other programs.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    pid: u32,
    api_url: String,
    rpc_url: String,
    ws_url: String,
    database_url: String,
    campaign: String,
    mint: String,
    receipt: String,
    logs: PathBuf,
}

impl Args {
    fn stack(&self) -> StackOptions {
        StackOptions {
            api_port: Some(self.api_port),
            rpc_port: Some(self.rpc_port),
        }
    }
}

pub(crate) async fn up(args: Args) -> Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    if let Some(code) = already_up().await? {
        return Ok(code);
    }
    // Check the ports before a first build, which takes minutes.
    args.stack().ensure_ports_free()?;
    interrupts.or_drop(product::build()).await?;
    if args.detach {
        return detach(&args, &mut interrupts).await;
    }
    let Some(instance) = Instance::named(INSTANCE)? else {
        // Another run took the lock while this one was building.
        return already_up()
            .await?
            .context("another ./dev up ended just now: try again");
    };
    fs::write(
        instance.dir().join(PID_FILE),
        std::process::id().to_string(),
    )?;

    let (mut stack, state) = interrupts.or_drop(start(instance, &args)).await?;
    print!("{}", describe(&state));
    println!("\nCtrl-C (or ./dev down) stops it.");

    let ended = loop {
        tokio::select! {
            () = interrupts.next() => break Ok(()),
            () = tokio::time::sleep(POLL) => {
                if let Err(error) = stack.ensure_running() {
                    stack.keep_dir();
                    break Err(error);
                }
            }
        }
    };
    println!("\nstopping");
    let stopped = stack.stop().await;
    ended.and(stopped)?;
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn down() -> Result<ExitCode> {
    let deadline = Instant::now() + DOWN_DEADLINE;
    let mut asked = false;
    loop {
        if !is_locked()? {
            println!(
                "{}",
                if asked {
                    "stopped"
                } else {
                    "nothing is running"
                }
            );
            return Ok(ExitCode::SUCCESS);
        }
        // The owner writes this file right after taking the lock. The lock shows that the
        // owner is alive, so the id is not another process's.
        let pid = fs::read_to_string(folder()?.join(PID_FILE)).ok();
        if let Some(pid) = pid.and_then(|pid| pid.trim().parse().ok())
            && !asked
        {
            vouch_localnet::signal(pid, Signal::TERM)?;
            asked = true;
        }
        ensure!(
            Instant::now() < deadline,
            "the product does not stop; its folder is {}",
            folder()?.display()
        );
        tokio::time::sleep(POLL).await;
    }
}

async fn start(instance: Instance, args: &Args) -> Result<(Stack, State)> {
    let mut stack =
        Stack::start_in(instance, &args.stack(), |part| println!("starting {part}")).await?;
    println!("opening a demo campaign, with a first referral");
    match open_campaign(&stack).await {
        Ok(state) => Ok((stack, state)),
        Err(error) => {
            stack.keep_dir();
            Err(error.context("the demo campaign could not be opened"))
        }
    }
}

async fn open_campaign(stack: &Stack) -> Result<State> {
    let chain = Chain::new(&stack.validator.rpc_url());
    let api = Api::new(&stack.api_url())?;
    let company = Keypair::new();
    chain.airdrop(&company.pubkey(), COMPANY_LAMPORTS).await?;
    let (address, _) = pda::campaign(&company.pubkey(), 1);
    let landing = format!("{}/c/{address}", stack.api_url());
    let campaign = campaign::open(&chain, &api, &company, 1, "Demo campaign", &landing).await?;
    let receipt = campaign::refer(&chain, &api, &company, &campaign, DEMO_CODE).await?;
    let state = State {
        pid: std::process::id(),
        api_url: stack.api_url(),
        rpc_url: stack.validator.rpc_url(),
        ws_url: stack.validator.ws_url(),
        database_url: stack.database_url().to_owned(),
        campaign: campaign.address.to_string(),
        mint: campaign.mint.to_string(),
        receipt: receipt.to_string(),
        logs: stack.dir().to_owned(),
    };
    write_state(stack.dir(), &state)?;
    Ok(state)
}

/// Writes the state atomically and readable by its user alone, because it says how to reach the
/// database.
fn write_state(dir: &Path, state: &State) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let new = dir.join("state.new");
    let file = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    serde_json::to_writer_pretty(file, state)?;
    fs::rename(new, dir.join(STATE_FILE))?;
    Ok(())
}

/// If the product is running, prints its state; if it is starting or stopping, fails.
async fn already_up() -> Result<Option<ExitCode>> {
    if !is_locked()? {
        return Ok(None);
    }
    match read_state() {
        Some(state) => {
            println!("Vouch is up already.\n{}", describe(&state));
            println!("\n./dev down stops it.");
            Ok(Some(ExitCode::SUCCESS))
        }
        None => bail!("another ./dev up is starting or stopping just now; ./dev down stops it"),
    }
}

fn read_state() -> Option<State> {
    let text = fs::read(folder().ok()?.join(STATE_FILE)).ok()?;
    serde_json::from_slice(&text).ok()
}

fn is_locked() -> Result<bool> {
    let lock = folder()?.with_extension("lock");
    if !lock.exists() {
        return Ok(false);
    }
    Ok(vouch_localnet::lock(&lock)?.is_none())
}

fn folder() -> Result<PathBuf> {
    Ok(state_dir()?.join(INSTANCE))
}

/// Starts the same command in the background and waits until the product is up.
async fn detach(args: &Args, interrupts: &mut Interrupts) -> Result<ExitCode> {
    fs::create_dir_all(state_dir()?)?;
    let log = state_dir()?.join("up.log");
    let out = fs::File::create(&log)?;
    // `setsid` detaches it from the terminal. It execs, so the process is still our
    // child.
    let mut child = Command::new("setsid")
        .arg(std::env::current_exe()?)
        .arg("up")
        .env(build::BUILT, "1")
        .args(["--api-port", &args.api_port.to_string()])
        .args(["--rpc-port", &args.rpc_port.to_string()])
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .spawn()
        .context("cannot run setsid (package util-linux)")?;
    let deadline = Instant::now() + UP_DEADLINE;
    loop {
        if let Some(status) = child.try_wait()? {
            let text = fs::read_to_string(&log).unwrap_or_default();
            bail!("the product did not start ({status}):\n{text}");
        }
        // A state with another process id is left over from a run that was killed.
        if let Some(state) = read_state().filter(|state| state.pid == child.id()) {
            print!("{}", describe(&state));
            println!("\nRunning in the background; ./dev down stops it.");
            return Ok(ExitCode::SUCCESS);
        }
        let gave_up = Instant::now() > deadline;
        let interrupted = tokio::select! {
            () = interrupts.next() => true,
            () = tokio::time::sleep(POLL) => false,
        };
        if gave_up || interrupted {
            vouch_localnet::signal(child.id(), Signal::TERM)?;
            tokio::task::spawn_blocking(move || child.wait()).await??;
            bail!(
                "{}",
                if interrupted {
                    "interrupted"
                } else {
                    "it does not come up"
                }
            );
        }
    }
}

fn describe(state: &State) -> String {
    let State {
        api_url,
        rpc_url,
        ws_url,
        database_url,
        campaign,
        mint,
        receipt,
        logs,
        ..
    } = state;
    let logs = logs.display();
    format!(
        "
  open          {api_url}
  API           {api_url}/docs
  Solana RPC    {rpc_url}        WebSocket: {ws_url}
  Postgres      {database_url}
  campaign      {campaign}   5 tokens for each conversion
  its token     {mint}
  logs          {logs}

A first referral has happened there: code {DEMO_CODE}, one click, one conversion, paid in
  {receipt}

Look:
  {api_url}/r/{DEMO_CODE}                     the share link, in a browser with a wallet
  {api_url}/v1/codes/{DEMO_CODE}/qr.svg       its QR code
  {api_url}/me                              what a wallet earns; /console: what it runs
  curl -sN {api_url}/v1/campaigns/{campaign}/live
                                              what happens there, as it happens
  curl -s {api_url}/v1/codes/{DEMO_CODE}/stats
  curl -s '{api_url}/v1/conversions?code={DEMO_CODE}'
  curl -s {api_url}/v1/leaderboard            (counts what is final, after about 15 seconds)
  curl -s {api_url}/v1/coverage               up to where the copy of the chain is proven
Prove it: target/debug/vouch-indexer
  verify --rpc-url {rpc_url}                  the accounts follow from the history
  verify --rpc-url {rpc_url} --api {api_url}  so do the API's numbers
  recount --database-url '{database_url}'
Try, with your own wallet on {rpc_url}:
  curl -s {api_url}/v1/transactions/create-referral -H 'content-type: application/json' \\
       -d '{{\"campaign\":\"{campaign}\",\"owner\":\"<wallet address>\"}}'
  curl -s {api_url}/v1/transactions/convert -H 'content-type: application/json' \\
       -d '{{\"code\":\"{DEMO_CODE}\",\"referee\":\"<wallet address>\"}}'
  curl -s {api_url}/v1/transactions/create-campaign -H 'content-type: application/json' \\
       -d '{{\"authority\":\"<wallet address>\",\"name\":\"Spring\",\"settings\":{{\"reward\":{{\"fixed\":\"5000000\"}}}}}}'
"
    )
}
