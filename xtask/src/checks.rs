//! Checks besides the tests.

use anyhow::{Result, ensure};
use vouch_localnet::{ProcessSpec, built_binary, cargo, finish, workspace_root};

use crate::{build, planted, typescript, web};

/// The manifests of both workspaces.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "programs/Cargo.toml"];
/// The plugin of the test validator, which is built only for it.
const PLUGIN: &str = "toolchain/geyser/Cargo.toml";

/// Checks format and clippy (warnings are errors), that the patches of planted bugs
/// apply, and the format and types of the TypeScript client and the front end.
pub(crate) async fn lint() -> Result<()> {
    planted::check()?;
    for manifest in WORKSPACES.into_iter().chain([PLUGIN]) {
        finish(cargo([
            "fmt",
            "--all",
            "--check",
            "--manifest-path",
            manifest,
        ]))
        .await?;
    }
    for manifest in WORKSPACES {
        let clippy = cargo([
            "clippy",
            "--workspace",
            "--all-targets",
            "--manifest-path",
            manifest,
        ]);
        finish(clippy.args(["--", "-D", "warnings"])).await?;
    }
    typescript::lint().await?;
    web::lint().await?;
    println!(
        "lint: format, clippy and types are clean in {}",
        workspace_root().display()
    );
    Ok(())
}

/// Measures the program in LiteSVM and writes `benches/compute-units.*`, or
/// `benches/compute-units-solana-tools.*` when the Solana tools are on PATH, because they
/// build another binary. With `check`, writes nothing and fails when a figure is worse than
/// the committed one.
pub(crate) async fn compute_units(check: bool) -> Result<()> {
    ensure!(
        !check || comparable(),
        "the committed compute units are those of toolchain/, and the Solana tools on PATH build another binary"
    );
    build::program().await?;
    build::floor().await?;
    build::binaries().await?;
    let mut bench = ProcessSpec::new("compute-units", built_binary("compute-units")?);
    if check {
        bench = bench.args(["--check"]);
    } else if !comparable() {
        bench = bench.args(["--built-by".to_owned(), build::solana_tools_version()?]);
    }
    finish(bench).await
}

/// Whether no figure is worse than the committed one; prints those that are. Programs and
/// workspace must have been built.
pub(crate) async fn compute_units_hold() -> Result<bool> {
    if !comparable() {
        println!("compute units: not compared, because the Solana tools build another binary");
        return Ok(true);
    }
    let check = ProcessSpec::new("compute-units", built_binary("compute-units")?).args(["--check"]);
    Ok(check.spawn()?.wait().await?.success())
}

/// Whether the programs are built by the compiler of the committed figures.
fn comparable() -> bool {
    !build::program_tools().is_empty()
}
