//! `./dev chaos`: see `vouch_product_tests::chaos`.

use std::{fmt::Display, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use vouch_product_tests::chaos::{Options, clicks, run};

/// Runs the whole product under load while answers are wrong and processes are killed.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    only: Option<Only>,
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

/// One part of the product alone.
#[derive(Subcommand)]
enum Only {
    /// Follows a link at full speed while the API and Postgres are killed, until every redirect is stored exactly once.
    Clicks {
        /// The same number gives the same order of kills.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Kills before it ends.
        #[arg(long, default_value_t = 100)]
        kills: u64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args {
        only,
        seed,
        kills,
        faults,
        outage,
    } = Args::parse();
    if let Some(Only::Clicks { seed, kills }) = only {
        return told(seed, clicks::run(clicks::Options { seed, kills }).await);
    }
    let options = Options {
        seed,
        kills,
        faults,
        outage: Duration::from_secs(outage),
    };
    told(seed, run(options).await)
}

fn told(seed: u64, outcome: anyhow::Result<impl Display>) -> ExitCode {
    match outcome {
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
