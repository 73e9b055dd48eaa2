//! `./dev orders`: the indexer against a recorded chain. `tests/orders` does it.

use std::process::ExitCode;

use anyhow::Result;
use vouch_localnet::{ProcessSpec, built_binary, finish};

use crate::build;

/// Replays a recorded chain to the indexer in seeded orders, with faults, forks and deaths, and compares
/// the mirror with a model each time. Fails with the seed of one that differs. `./dev test` runs a short
/// form.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many orders.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    build::binaries().await?;
    let orders = ProcessSpec::new("vouch-orders", built_binary("vouch-orders")?)
        .args(["run", "--seeds", &args.seeds.to_string()])
        .args(["--from", &args.from.to_string()]);
    finish(orders).await?;
    Ok(ExitCode::SUCCESS)
}
