//! The indexer: mirrors the program's transactions into Postgres.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    vouch_indexer::main().await
}
