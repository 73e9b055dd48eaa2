//! `./dev bench http`: how fast the API is. `benches/http` measures it.

use anyhow::Result;
use vouch_localnet::{ProcessSpec, cargo, finish, workspace_root};

/// Measures redirects with durable clicks beside bare ones, stats and leaderboards, in a release build.
/// Writes benches/http.md and benches/http.json.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Options of the benchmark: --referrers, --clicks, --seconds, --runs, --dry.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    finish(cargo(["build", "--release", "--workspace", "--bins"])).await?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace_root().join("target"), Into::into);
    let bench = ProcessSpec::new("bench-http", target.join("release/vouch-bench-http"));
    finish(bench.args(&args.options)).await
}
