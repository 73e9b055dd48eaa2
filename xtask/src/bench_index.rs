//! `./dev bench index`: how fast the mirror is. `benches/index` measures it.

use anyhow::Result;
use vouch_localnet::{ProcessSpec, cargo, finish, workspace_root};

/// Measures how fast transactions get into Postgres, beside COPY of the same rows, and a full resync, in
/// a release build. Writes benches/index.md and benches/index.json.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Conversions in the history.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10_000..))]
    conversions: u64,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    finish(cargo(["build", "--release", "--workspace", "--bins"])).await?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace_root().join("target"), Into::into);
    let bench = ProcessSpec::new("bench-index", target.join("release/vouch-bench-index"));
    finish(bench.args(["--conversions", &args.conversions.to_string()])).await
}
