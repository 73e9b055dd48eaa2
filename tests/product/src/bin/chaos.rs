//! `./dev chaos`: see `vouch_product_tests::chaos`.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use vouch_product_tests::chaos::{Options, run};

/// Runs the whole product under load while answers are wrong and processes are killed.
#[derive(Parser)]
struct Args {
    /// The same number gives the same order of faults and kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Kills before it ends.
    #[arg(long, default_value_t = 100)]
    kills: u64,
    /// Wrong, late or lost answers before it ends.
    #[arg(long, default_value_t = 1000)]
    faults: u64,
    /// Before the first kill, Postgres is away for so many seconds.
    #[arg(long, default_value_t = 0)]
    outage: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args {
        seed,
        kills,
        faults,
        outage,
    } = Args::parse();
    let options = Options {
        seed,
        kills,
        faults,
        outage: Duration::from_secs(outage),
    };
    match run(options).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("seed {seed}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
