//! `./dev bench http`: how fast redirects, leaderboards and stats are, and what they cost in memory.

mod api;
mod bare;
mod boards;
mod redirects;
mod report;
mod stats;
mod wrk;

use anyhow::Result;
use clap::{Parser, Subcommand};
use vouch_localnet::{Instance, Postgres};

/// Measures the API, and writes benches/http.json and benches/http.md.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// Referrers on the leaderboards that are measured, one after the other.
    #[arg(long, value_delimiter = ',', default_value = "1000000,10000000",
          value_parser = clap::value_parser!(u32).range(10_000..=20_000_000))]
    referrers: Vec<u32>,
    /// Clicks of the code whose stats are measured.
    #[arg(long, default_value_t = 1_000_000)]
    clicks: u32,
    /// Seconds of each run of redirects.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Runs of redirects, of which the one in the middle counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Writes nothing.
    #[arg(long)]
    dry: bool,
}

#[derive(Subcommand)]
enum Part {
    /// Answers every request with a redirect and records nothing: the baseline.
    #[command(hide = true)]
    Bare,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(Part::Bare) = args.part {
        return bare::serve().await;
    }
    let instance = Instance::create("bench-http")?;
    let mut postgres = Postgres::private(instance.dir()).await?;
    let redirects = redirects::measure(&postgres, &instance, args.seconds, args.runs).await?;
    eprintln!("{redirects:#?}");
    let stats = stats::measure(&postgres, &instance, args.clicks).await?;
    eprintln!("{stats:#?}");
    let mut boards = Vec::new();
    for referrers in args.referrers {
        let board = boards::measure(&postgres, &instance, referrers).await?;
        eprintln!("{board:#?}");
        boards.push(board);
    }
    postgres.stop().await?;
    if !args.dry {
        report::write(&redirects, &stats, &boards)?;
    }
    Ok(())
}
