//! What is checked besides the tests.

use anyhow::Result;
use vouch_localnet::{cargo, finish, workspace_root};

use crate::build;

/// The manifests of both workspaces.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "programs/Cargo.toml"];

/// Format and clippy, warnings as errors.
pub(crate) async fn lint() -> Result<()> {
    for manifest in WORKSPACES {
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
    println!(
        "lint: format and clippy are clean in {}",
        workspace_root().display()
    );
    Ok(())
}

/// Runs the built program in LiteSVM and prints what each instruction costs.
pub(crate) async fn compute_units() -> Result<()> {
    build::program().await?;
    finish(cargo([
        "run",
        "-q",
        "-p",
        "vouch-program-tests",
        "--bin",
        "compute-units",
    ]))
    .await
}
