//! `./dev demo`: the whole product plays one story, and every number is checked
//! against the chain, Postgres and the API.

mod crowd;
mod mirror;
mod report;
mod story;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::{process::Command, sync::Mutex};
use vouch_localnet::{Stack, StackOptions, built_binary, program_binary};

use self::{mirror::Mirror, report::Report};
use crate::{
    chain::Chain,
    http::{Answer, Api},
};

/// Plays the whole story on real parts and checks every number.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also let this many wallets convert at once.
    #[arg(long, default_value_t = 0)]
    wallets: usize,
    /// Codes that the wallets are spread over.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    codes: u16,
    /// Kill the indexer while the wallets convert, and start it again.
    #[arg(long, requires = "wallets")]
    kill_indexer: bool,
    /// Write the report as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Starts the product, plays the story, prints the report, and stops everything.
///
/// Exits with 0 when every check held, with 1 when one did not.
///
/// # Errors
/// When a part does not start, or the story cannot go on.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let started = Instant::now();
    println!("starting Postgres, the validator, the indexer and the API");
    let stack = Stack::start(&StackOptions::default()).await?;
    let startup = started.elapsed();

    let mut world = World::new(stack).await?;
    // The stack is stopped in order, even if the story has failed.
    let played = world.play(&args).await;
    let World {
        stack,
        mut report,
        mirror,
        ..
    } = world;
    mirror.close().await;
    let mut stack = stack.into_inner();
    if played.is_err() {
        stack.keep_dir();
    }
    let stopped = stack.stop().await;
    played?;
    stopped?;

    report.startup_ms = millis(startup)?;
    report.total_ms = millis(started.elapsed())?;
    report.finish();
    print!("{}", report.summary());
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn millis(duration: Duration) -> Result<u64> {
    Ok(u64::try_from(duration.as_millis())?)
}

/// A running product, and the report on it.
struct World {
    chain: Chain,
    api: Api,
    mirror: Mirror,
    stack: Mutex<Stack>,
    report: Report,
}

impl World {
    async fn new(stack: Stack) -> Result<Self> {
        let mut report = Report::new();
        report.program_id = vouch_client::PROGRAM_ID.to_string();
        report.program_bytes = std::fs::metadata(program_binary())?.len();
        Ok(Self {
            chain: Chain::new(&stack.validator.rpc_url()),
            api: Api::new(&stack.api_url())?,
            mirror: Mirror::connect(stack.database_url()).await?,
            stack: Mutex::new(stack),
            report,
        })
    }

    async fn play(&mut self, args: &Args) -> Result<()> {
        story::play(self).await?;
        if args.wallets > 0 {
            crowd::play(self, args.wallets, args.codes.into(), args.kill_indexer).await?;
        }
        println!("\nThe mirror against the chain");
        let differences = self.mirror.differences(&self.chain).await?;
        for difference in &differences {
            println!("      {difference}");
        }
        self.report.check(
            "accounts that differ between chain and Postgres",
            0,
            differences.len(),
            None,
        );
        println!("\nThe API against the chain");
        let verified = self.verify().await?;
        self.report.check(
            "the API's numbers, computed again from the chain",
            "equal",
            verified,
            None,
        );
        let stack = self.stack.get_mut();
        for (service, pid) in [("indexer", stack.indexer.pid()), ("api", stack.api.pid())] {
            if let Some(resident_kib) = pid.and_then(resident_kib) {
                self.report.memory(service, resident_kib);
            }
        }
        Ok(())
    }

    /// The result of `vouch-indexer verify --api` once the API has a digest: `equal`, or what differs.
    async fn verify(&self) -> Result<String> {
        let has_digest = |answer: &Answer| answer.status.is_success();
        self.api.until("/v1/digest", has_digest).await?;
        let output = Command::new(built_binary("vouch-indexer")?)
            .args(["verify", "--rpc-url", &self.chain.rpc().url()])
            .args(["--api", self.api.url()])
            .output()
            .await?;
        Ok(if output.status.success() {
            "equal".to_owned()
        } else {
            String::from_utf8_lossy(&output.stderr).into_owned()
        })
    }

    /// Kills the indexer as a crash would.
    async fn kill_indexer(&self) -> Result<()> {
        self.stack.lock().await.indexer.kill().await
    }

    /// Starts the killed indexer again.
    async fn start_indexer(&self) -> Result<()> {
        self.stack.lock().await.indexer.start_again().await
    }
}

/// Resident memory of a process in KiB; `None` where the system does not tell it.
fn resident_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
