//! `./dev orders`, and the recorder of its chain.

use std::time::Instant;

use anyhow::Result;
use clap::{Parser, Subcommand};
use vouch_localnet::{Instance, Postgres};

/// The indexer against a recorded chain.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays the story on a validator, which takes two minutes, and writes `tests/orders/recording.json.zst`.
    Record {
        /// Plays it in LiteSVM instead.
        #[arg(long)]
        simulated: bool,
    },
    /// Plays orders, and fails with the seed of one whose mirror differs from the model.
    Run {
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// How many at a time.
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=64))]
        at_once: u64,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Record { simulated } => {
            let recording = if simulated {
                vouch_order_tests::simulate().await?
            } else {
                vouch_order_tests::record().await?
            };
            recording.save()?;
            println!("{} transactions", recording.transactions.len());
        }
        Command::Run {
            seeds,
            from,
            at_once,
        } => {
            let instance = Instance::create("orders")?;
            // Nothing here has to outlive a crash of the machine.
            let settings = [
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
            ];
            let mut postgres = Postgres::private_with(instance.dir(), &settings).await?;
            let began = Instant::now();
            let report = vouch_order_tests::run(&postgres, from, seeds, at_once).await?;
            println!("{report}; {:.0} s", began.elapsed().as_secs_f64());
            postgres.stop().await?;
        }
    }
    Ok(())
}
