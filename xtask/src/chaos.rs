//! `./dev chaos`: the whole product under load, faults and kills. `tests/product/src/chaos` does it.

use std::process::ExitCode;

use anyhow::Result;
use vouch_localnet::{ProcessSpec, built_binary, finish};

use crate::product;

/// Runs the whole product under load while nodes lie and processes are killed, until everything
/// agrees with a journal of what the wallets did. `./dev test` runs a short form.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
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
#[derive(Debug, clap::Subcommand)]
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

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    product::build().await?;
    let chaos = ProcessSpec::new("vouch-chaos", built_binary("vouch-chaos")?);
    if let Some(Only::Clicks { seed, kills }) = args.only {
        let chaos = chaos
            .args(["clicks", "--seed", &seed.to_string()])
            .args(["--kills", &kills.to_string()]);
        finish(chaos).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let chaos = chaos
        .args(["--seed", &args.seed.to_string()])
        .args(["--kills", &args.kills.to_string()])
        .args(["--faults", &args.faults.to_string()])
        .args(["--outage", &args.outage.to_string()]);
    finish(chaos).await?;
    Ok(ExitCode::SUCCESS)
}
