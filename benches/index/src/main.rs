//! `./dev bench index`: how fast the mirror is, and how much memory it needs.

mod announcer;
mod apply;
mod history;
mod lag;
mod node;
mod report;
mod resync;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use vouch_localnet::{Instance, Postgres};

use crate::history::History;

/// Measures the mirror, and writes benches/index.json and benches/index.md.
#[derive(Parser)]
struct Args {
    /// Conversions in the history.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10_000..))]
    conversions: u64,
    /// Writes nothing.
    #[arg(long)]
    dry: bool,
    /// Measures this part alone, and writes nothing.
    #[arg(long)]
    only: Option<Part>,
    /// A setting of the server, NAME=VALUE, for example to log plans. May be given several times.
    #[arg(long, value_parser = setting)]
    set: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// How fast batches are written.
    Writing,
    /// The whole indexer: a resync, and the lag after it.
    Following,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let history = Arc::new(History::new(args.conversions)?);
    eprintln!(
        "{} transactions of campaign {}",
        history.len(),
        history.campaign()
    );
    let instance = Instance::create("bench-index")?;
    let settings = args.set.iter();
    let settings: Vec<_> = settings
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut postgres = Postgres::private_with(instance.dir(), &settings).await?;
    let mut applied = None;
    if args.only != Some(Part::Following) {
        applied = Some(apply::measure(&history, &postgres, &instance).await?);
        eprintln!("{:#?}", applied.as_ref());
    }
    let mut resynced = None;
    if args.only != Some(Part::Writing) {
        resynced = Some(resync::measure(&history, &postgres, &instance).await?);
        eprintln!("{:#?}", resynced.as_ref());
    }
    postgres.stop().await?;
    if let (Some(applied), Some(resynced), false) = (applied, resynced, args.dry) {
        report::write(&applied, &resynced)?;
    }
    Ok(())
}

fn setting(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').context("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
