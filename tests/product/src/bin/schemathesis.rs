//! `./dev schemathesis`: see `vouch_product_tests::documented`.

use std::process::ExitCode;

use clap::Parser;
use vouch_product_tests::documented::{Options, run};

/// Compares the OpenAPI document with the API.
#[derive(Parser)]
struct Args {
    /// The same number gives the same requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Most random requests for each operation of the document.
    #[arg(long, default_value_t = 200)]
    examples: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args { seed, examples } = Args::parse();
    match run(Options { seed, examples }).await {
        Ok(report) => {
            println!("{report}");
            if report.passed {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("seed {seed}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
