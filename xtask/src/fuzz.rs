//! `./dev fuzz`: random instructions against a model. docs/fuzzing.md says how to read
//! what it prints.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use vouch_localnet::{cargo, finish, workspace_root};

use crate::build;

/// Minutes within which a planted bug has to be found.
const PLANTED_MINUTES: f64 = 5.0;

/// Runs random instructions in LiteSVM against a model that predicts every account.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Where the seeds begin; the same number gives the same runs.
    #[arg(long)]
    seed: Option<u64>,
    /// How many threads.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Runs this file of tests/fuzz/corpus, and nothing else.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Builds the program with each planted bug in turn, and says how long the fuzzer
    /// takes to find it; fails when it does not within five minutes.
    #[arg(long)]
    planted: bool,
    /// Only planted bugs whose name contains this.
    #[arg(long, requires = "planted")]
    only: Option<String>,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    if args.planted {
        return planted(&args).await;
    }
    build::program().await?;
    let mut fuzz = fuzzer()
        .args(["--minutes", &args.minutes.to_string()])
        .args(["--workers", &args.workers.to_string()]);
    if let Some(seed) = args.seed {
        fuzz = fuzz.args(["--seed", &seed.to_string()]);
    }
    if let Some(file) = &args.replay {
        fuzz = fuzz.args(["--replay".as_ref(), file.as_os_str()]);
    }
    finish(fuzz).await?;
    Ok(ExitCode::SUCCESS)
}

fn fuzzer() -> vouch_localnet::ProcessSpec {
    cargo(["run", "-q", "-p", "vouch-fuzz", "--"])
}

/// Finds every planted bug, or says which it did not.
async fn planted(args: &Args) -> Result<ExitCode> {
    let wanted = args.only.as_deref().unwrap_or_default();
    let bugs: Vec<_> = planted_bugs()?
        .into_iter()
        .filter(|bug| bug.contains(wanted))
        .collect();
    ensure!(!bugs.is_empty(), "no planted bug is called {wanted}");
    let folder = workspace_root().join("target/planted");
    let mut missed = Vec::new();
    for bug in &bugs {
        let out = folder.join(bug);
        build::planted(bug, &out).await?;
        println!("{bug}");
        let fuzz = fuzzer()
            .args(["--detect", "--minutes", &PLANTED_MINUTES.to_string()])
            .args(["--workers", &args.workers.to_string()])
            .args(["--seed", &args.seed.unwrap_or(1).to_string()])
            .args(["--program".as_ref(), out.join("referral.so").as_os_str()]);
        if finish(fuzz).await.is_err() {
            missed.push(bug.as_str());
        }
    }
    println!("{} of {} found", bugs.len() - missed.len(), bugs.len());
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("not found: {}", missed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// The names in `planted!("...")`, all over the program.
fn planted_bugs() -> Result<BTreeSet<String>> {
    let mut bugs = BTreeSet::new();
    collect(&workspace_root().join("programs/referral/src"), &mut bugs)?;
    Ok(bugs)
}

fn collect(folder: &Path, bugs: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, bugs)?;
            continue;
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for rest in text.split("planted!(\"").skip(1) {
            bugs.extend(rest.split('"').next().map(str::to_owned));
        }
    }
    Ok(())
}
