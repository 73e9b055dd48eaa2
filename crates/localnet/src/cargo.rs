//! Runs cargo from a program that cargo itself may have started.

use std::env;
use std::ffi::OsStr;

use anyhow::{Result, ensure};

use crate::paths::workspace_root;
use crate::process::ProcessSpec;

/// A cargo command in the workspace root, with this process's output.
pub fn cargo<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> ProcessSpec {
    let mut cargo = ProcessSpec::new("cargo", "cargo").args(args);
    cargo.dir = Some(workspace_root());
    // Remove the variables that `cargo run` has set for this process. Build scripts that
    // read them would run again, and cargo would rebuild half of the dependencies.
    cargo.env_remove = env::vars()
        .map(|(name, _)| name)
        .filter(|name| {
            name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || [
                    "CARGO",
                    "CARGO_BIN_NAME",
                    "CARGO_CRATE_NAME",
                    "LD_LIBRARY_PATH",
                    "OUT_DIR",
                ]
                .contains(&name.as_str())
        })
        .collect();
    cargo
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be run, or its status is not 0.
pub async fn finish(spec: ProcessSpec) -> Result<()> {
    let line = std::iter::once(spec.name.clone())
        .chain(
            spec.args
                .iter()
                .map(|arg| arg.to_string_lossy().into_owned()),
        )
        .collect::<Vec<_>>()
        .join(" ");
    let status = spec.spawn()?.wait().await?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}
