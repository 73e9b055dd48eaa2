//! `./dev bench parallel`: conversions per second of one campaign on a local validator,
//! for each funding mode, compared with plain transfers.

mod flood;
mod report;
mod scene;

use anyhow::{Context as _, Result};
use vouch_localnet::{Instance, Validator, ValidatorOptions, program_binary};

use self::scene::{Mode, Scene};
use crate::{build, chain::Chain};

/// Measures, and writes benches/parallelism.md and benches/parallelism.json.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Conversions per mode and round.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    conversions: u16,
    /// Number of rounds; the median of their rates is reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
}

/// Opens a campaign of each kind on a new validator, measures and reports.
pub(crate) async fn run(args: Args) -> Result<()> {
    build::validator().await?;
    build::program().await?;
    let instance = Instance::create("bench")?;
    let options = ValidatorOptions {
        program: Some(program_binary()),
        ..ValidatorOptions::default()
    };
    let mut validator = Validator::start(instance.dir(), &options).await?;
    let measured = measure(&args, &validator).await;
    if measured.is_err() {
        instance.keep();
    }
    validator.stop().await?;
    report::report(&args, &measured?)
}

async fn measure(args: &Args, validator: &Validator) -> Result<Vec<Scene>> {
    let chain = Chain::new(&validator.rpc_url());
    let mut scenes = Vec::new();
    for mode in Mode::ALL {
        scenes.push(Scene::open(&chain, mode).await?);
    }
    for round in 1..=args.rounds {
        for scene in &mut scenes {
            let name = scene.mode.names()[0];
            let played = scene.play(&chain, args.conversions.into()).await;
            played.with_context(|| format!("round {round}: {name}"))?;
            let rate = scene.rounds.last().context("just played")?.per_second;
            println!("round {round}: {name}: {rate:.0}/s");
        }
    }
    let expected = u64::from(args.conversions) * u64::from(args.rounds);
    for scene in &scenes {
        scene.check(&chain, expected).await?;
    }
    Ok(scenes)
}
