//! `./dev bench parallel`: conversions of one campaign per second on a local
//! validator, in each funding mode, beside plain transfers sent the same way.

mod flood;
mod report;
mod scene;

use anyhow::{Context as _, Result};
use vouch_localnet::{Instance, Validator, ValidatorOptions, program_binary};

use self::scene::{Mode, Scene};
use crate::{build, demo::chain::Chain};

/// Measures, and writes benches/parallelism.md and benches/parallelism.json.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Conversions of each mode in each round.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    conversions: u16,
    /// Rounds; the median of their rates counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=4))]
    rounds: u8,
}

/// Opens a campaign of each kind on a new validator, measures and reports.
pub(crate) async fn run(args: Args) -> Result<()> {
    build::validator().await?;
    build::program().await?;
    let instance = Instance::create("bench")?;
    let options = ValidatorOptions {
        rpc_port: None,
        program: Some(program_binary()),
    };
    let mut validator = Validator::start(instance.dir(), &options).await?;
    let chain = Chain::new(&validator.rpc_url());
    let mut scenes = Vec::new();
    for mode in Mode::ALL {
        scenes.push(Scene::open(&chain, mode).await?);
    }
    for round in 1..=args.rounds {
        for scene in &mut scenes {
            scene.play(&chain, args.conversions.into()).await?;
            let rate = scene.rounds.last().context("just played")?.per_second;
            println!("round {round}: {}: {rate:.0}/s", scene.mode.names()[0]);
        }
    }
    let expected = u64::from(args.conversions) * u64::from(args.rounds);
    for scene in &scenes {
        scene.check(&chain, expected).await?;
    }
    validator.stop().await?;
    report::report(&args, &scenes)
}
