//! `./dev fuzz`: random instructions against a model. docs/fuzzing.md explains its
//! output.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use vouch_localnet::{ProcessSpec, built_binary, finish, workspace_root};

use crate::build;
use crate::planted;
use crate::scratch::Scratch;

/// Minutes within which the fuzzer must find a planted bug.
const PLANTED_MINUTES: f64 = 5.0;

/// Runs random instructions in LiteSVM against a model that predicts every account.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Minutes to run.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// First seed; the same number gives the same runs.
    #[arg(long)]
    seed: Option<u64>,
    /// Number of threads.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Also sends the accepted calls of each run again, several in one transaction.
    #[arg(long)]
    bundles: bool,
    /// Runs only this file of tests/fuzz/corpus.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Builds the program with each bug of tests/fuzz/planted in turn, and prints how
    /// long the fuzzer takes to find it. Fails when one takes longer than five minutes.
    #[arg(long)]
    planted: bool,
    /// Only planted bugs whose name contains this text.
    #[arg(long, requires = "planted")]
    only: Option<String>,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    if args.planted {
        return planted(&args).await;
    }
    build::program().await?;
    let mut fuzz = fuzzer()
        .await?
        .args(["--minutes", &args.minutes.to_string()])
        .args(["--workers", &args.workers.to_string()]);
    if let Some(seed) = args.seed {
        fuzz = fuzz.args(["--seed", &seed.to_string()]);
    }
    if args.bundles {
        fuzz = fuzz.args(["--bundles"]);
    }
    if let Some(file) = &args.replay {
        fuzz = fuzz.args(["--replay".as_ref(), file.as_os_str()]);
    }
    finish(fuzz).await?;
    Ok(ExitCode::SUCCESS)
}

async fn fuzzer() -> Result<ProcessSpec> {
    build::binaries().await?;
    Ok(ProcessSpec::new("vouch-fuzz", built_binary("vouch-fuzz")?))
}

/// Searches every planted bug, and prints those that were not found.
async fn planted(args: &Args) -> Result<ExitCode> {
    let wanted = args.only.as_deref().unwrap_or_default();
    let mut bugs = planted::all()?;
    bugs.retain(|bug| bug.name.contains(wanted));
    ensure!(!bugs.is_empty(), "no planted bug is called {wanted}");
    let folder = workspace_root().join("target/planted");
    let scratch = Scratch::new(&folder)?;
    let mut missed = Vec::new();
    for bug in &bugs {
        scratch.restore()?;
        bug.plant(scratch.root())?;
        let out = folder.join(&bug.name);
        build::program_from(scratch.root(), &out).await?;
        println!("{}: {}", bug.name, bug.effect);
        let fuzz = fuzzer()
            .await?
            .args(["--detect", "--minutes", &PLANTED_MINUTES.to_string()])
            .args(["--workers", &args.workers.to_string()])
            .args(["--seed", &args.seed.unwrap_or(1).to_string()])
            .args(["--program".as_ref(), out.join("referral.so").as_os_str()]);
        if finish(fuzz).await.is_err() {
            missed.push(bug.name.as_str());
        }
    }
    println!("{} of {} found", bugs.len() - missed.len(), bugs.len());
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("not found: {}", missed.join(", "));
    Ok(ExitCode::FAILURE)
}
