//! The commands of `./dev`: build the product, run it, test and check it.

mod anchor;
mod bench_http;
mod bench_index;
mod bench_parallel;
mod build;
mod campaign;
mod chain;
mod chaos;
mod checks;
mod demo;
mod fuzz;
mod generate;
mod http;
mod interrupt;
mod mutants;
mod orders;
mod planted;
mod product;
mod schemathesis;
mod scratch;
mod test;
mod typescript;
mod up;
mod web;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Vouch, from one command.
#[derive(Parser)]
#[command(name = "./dev", bin_name = "./dev")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Args),
    /// Stops the product that `up` started.
    Down,
    Demo(demo::Args),
    Test(test::Args),
    /// Checks format and clippy in both workspaces, that the patches of planted bugs
    /// apply, and format and types of the TypeScript client and the front end.
    Lint,
    /// Checks that the generated files in the repository are up to date.
    Generated,
    /// Writes the generated files: IDL, OpenAPI document, `.sqlx`, the generated parts of
    /// both clients and their test vectors.
    Generate,
    /// Builds the program to target/deploy/referral.so.
    BuildProgram,
    /// Builds solana-test-validator, and the Geyser plugin that only this one can load, into the cache,
    /// unless they are there.
    Validator,
    /// Runs a benchmark.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    Fuzz(fuzz::Args),
    Chaos(chaos::Args),
    Orders(orders::Args),
    Schemathesis(schemathesis::Args),
    Mutants(mutants::Args),
    /// Runs the Anchor CLI with the program's toolchain and the validator on PATH. Builds
    /// the CLI into the cache if PATH has none.
    #[command(disable_help_flag = true)]
    Anchor {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Opens a shell with the program's toolchain and the validator on PATH.
    Shell,
}

#[derive(Subcommand)]
enum Bench {
    /// Measures compute units, sizes and rent of each instruction, and writes
    /// benches/compute-units.md and benches/compute-units.json. With the Solana tools on
    /// PATH, it writes benches/compute-units-solana-tools.md and .json beside them.
    Cu {
        /// Writes nothing; fails when a figure is worse than the committed one. `./dev
        /// test` does this, too.
        #[arg(long)]
        check: bool,
    },
    /// Measures conversions per second on a local validator by funding mode, and writes
    /// benches/parallelism.md and benches/parallelism.json.
    Parallel(bench_parallel::Args),
    Index(bench_index::Args),
    Http(bench_http::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("VOUCH_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(Cli::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode> {
    match command {
        // `up` and `down` stop their parts in order when they are interrupted.
        Command::Up(args) => up::up(args).await,
        Command::Down => up::down().await,
        Command::Demo(args) => {
            interrupt::or_drop(async {
                product::build().await?;
                demo::run(args).await
            })
            .await
        }
        Command::Test(args) => interrupt::or_drop(test::run(args)).await,
        Command::Lint => done(checks::lint()).await,
        Command::Generated => done(generate::check()).await,
        Command::Generate => done(generate::write()).await,
        Command::BuildProgram => done(build::program()).await,
        Command::Validator => done(build::geyser_plugin()).await,
        Command::Bench {
            what: Bench::Cu { check },
        } => done(checks::compute_units(check)).await,
        Command::Bench {
            what: Bench::Parallel(args),
        } => done(bench_parallel::run(args)).await,
        Command::Bench {
            what: Bench::Index(args),
        } => done(bench_index::run(args)).await,
        Command::Bench {
            what: Bench::Http(args),
        } => done(bench_http::run(args)).await,
        Command::Fuzz(args) => interrupt::or_drop(fuzz::run(args)).await,
        Command::Chaos(args) => interrupt::or_drop(chaos::run(args)).await,
        Command::Orders(args) => interrupt::or_drop(orders::run(args)).await,
        Command::Schemathesis(args) => interrupt::or_drop(schemathesis::run(args)).await,
        Command::Mutants(args) => interrupt::or_drop(mutants::run(args)).await,
        Command::Anchor { args } => {
            interrupt::or_drop(anchor::prepare()).await?;
            Err(anchor::exec(&args))
        }
        Command::Shell => {
            interrupt::or_drop(anchor::prepare_shell()).await?;
            Err(anchor::exec_shell())
        }
    }
}

async fn done(work: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    interrupt::or_drop(async { work.await.map(|()| ExitCode::SUCCESS) }).await
}
