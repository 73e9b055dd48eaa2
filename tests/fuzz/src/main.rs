//! `vouch-fuzz`: see docs/fuzzing.md.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::Parser;
use vouch_fuzz::{
    actions::Rng,
    bundles::Counts,
    program::SPECS,
    run::{Coverage, REPLAYED, Start, program_file, read, write},
};

/// Runs random sequences of instructions against the model.
#[derive(Parser)]
struct Args {
    /// Minutes to run.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// First seed; the same number gives the same runs.
    #[arg(long)]
    seed: Option<u64>,
    /// Number of threads.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// File of the program.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Runs only this file of the corpus.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Folder to write failing sequences to.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Continues after a failure, and prints each one without shrinking it.
    #[arg(long)]
    all: bool,
    /// Also sends the accepted calls of each run again, several in one transaction.
    #[arg(long)]
    bundles: bool,
    /// Prints one line with the time until the first failure; succeeds if there was one.
    #[arg(long)]
    detect: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Found {
    seed: u64,
    world: u64,
    what: String,
    steps: Vec<vouch_fuzz::step::Step>,
    at: Duration,
}

fn run(args: &Args) -> Result<bool> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = args.program.clone().unwrap_or_else(program_file);
    if let Some(file) = &args.replay {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let (world, steps) = read(&text)?;
        let failure = Start::new(&program)?.replay(world, &steps);
        match &failure {
            None => println!("{} steps, as predicted", steps.len()),
            Some(failure) => println!("step {}: {}", failure.step, failure.what),
        }
        return Ok(failure.is_none());
    }
    let first = args.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| Rng(now.as_nanos() as u64).number())
    });
    println!("seed {first}");
    let end = Duration::from_secs_f64(args.minutes * 60.0);
    let next = AtomicU64::new(0);
    let actions = AtomicU64::new(0);
    let failures = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let coverage: Mutex<Coverage> = Mutex::default();
    let found: Mutex<Vec<Found>> = Mutex::default();
    let bundles: Mutex<Counts> = Mutex::default();
    let began = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let mut workers = Vec::new();
        for _ in 0..args.workers.max(1) {
            workers.push(scope.spawn(|| -> Result<()> {
                let start = Start::new(&program)?;
                let mut mine = Coverage::new();
                while began.elapsed() < end && !stop.load(Ordering::Relaxed) {
                    let seed = first.wrapping_add(next.fetch_add(1, Ordering::Relaxed));
                    let (steps, failure) = start.fuzz(seed, &mut mine);
                    actions.fetch_add(steps.len() as u64, Ordering::Relaxed);
                    if args.bundles && failure.is_none() {
                        match start.bundled(seed) {
                            Ok(counts) => bundles.lock().expect("no worker panics").add(&counts),
                            Err(error) => {
                                println!("seed {seed}, in bundles: {error:#}");
                                failures.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                    let Some(failure) = failure else {
                        continue;
                    };
                    let at = began.elapsed();
                    if args.all {
                        println!("seed {seed}, step {}: {}", failure.step, failure.what);
                        if let Some(step) = steps.last() {
                            println!("    {step}");
                        }
                        failures.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    stop.store(true, Ordering::Relaxed);
                    let world = Rng(seed).number() % vouch_fuzz::world::WORLDS;
                    let (steps, what) = if args.detect {
                        (steps, failure.what)
                    } else {
                        println!("seed {seed}, step {}: {}", failure.step, failure.what);
                        let fewer = start.shrink(world, &steps);
                        let what = start.replay(world, &fewer).map(|failure| failure.what);
                        (fewer, what.unwrap_or(failure.what))
                    };
                    found.lock().expect("no worker panics").push(Found {
                        seed,
                        world,
                        what,
                        steps,
                        at,
                    });
                }
                let mut all = coverage.lock().expect("no worker panics");
                for (name, outcomes) in mine {
                    for (outcome, count) in outcomes {
                        *all.entry(name).or_default().entry(outcome).or_default() += count;
                    }
                }
                Ok(())
            }));
        }
        for worker in workers {
            worker
                .join()
                .map_err(|_| anyhow::anyhow!("a worker panicked"))??;
        }
        Ok(())
    })?;
    let elapsed = began.elapsed();
    let found = found.into_inner().expect("no worker panics");
    if args.detect {
        let Some(found) = found.first() else {
            println!("nothing in {:.0} s", elapsed.as_secs_f64());
            return Ok(false);
        };
        let first_line = found.what.lines().next().unwrap_or_default();
        println!("found after {:.1} s: {first_line}", found.at.as_secs_f64());
        return Ok(true);
    }
    let total = actions.into_inner();
    let rate = total as f64 / elapsed.as_secs_f64();
    let coverage = coverage.into_inner().expect("no worker panics");
    print_coverage(&coverage);
    println!("{total} actions, {rate:.0} per second");
    if args.bundles {
        println!("{:?}", bundles.into_inner().expect("no worker panics"));
    }
    for found in &found {
        println!(
            "\nseed {}: {} steps are enough\n{}",
            found.seed,
            found.steps.len(),
            found.what
        );
        let folder = args.keep.clone().unwrap_or_else(|| here.join("corpus"));
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.seed", found.seed));
        std::fs::write(&file, write(found.world, &found.what, &found.steps))?;
        println!("kept in {}", file.display());
    }
    let mut complete = true;
    if elapsed >= Duration::from_secs(60) {
        for (name, _) in SPECS {
            let outcomes = coverage.get(name);
            let accepted = outcomes.and_then(|outcomes| outcomes.get("accepted"));
            if accepted.is_none() {
                println!("{name} was never accepted: this run did not test it");
                complete = false;
            }
        }
    }
    Ok(found.is_empty() && failures.into_inner() == 0 && complete)
}

fn print_coverage(coverage: &Coverage) {
    for (name, _) in SPECS {
        let none = BTreeMap::new();
        let outcomes = coverage.get(name).unwrap_or(&none);
        let accepted = outcomes.get("accepted").copied().unwrap_or(0);
        let mut refused: Vec<_> = outcomes
            .iter()
            .filter(|(outcome, _)| *outcome != "accepted")
            .collect();
        refused.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let refused: Vec<_> = refused
            .iter()
            .map(|(outcome, count)| format!("{outcome} {count}"))
            .collect();
        println!("{name:20} accepted {accepted:7}  {}", refused.join(", "));
    }
    for (outcome, count) in coverage.get(REPLAYED).into_iter().flatten() {
        println!("{REPLAYED:20} {outcome} {count}");
    }
}
