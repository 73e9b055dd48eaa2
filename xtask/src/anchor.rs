//! Runs the Anchor CLI or a shell, with the tools that they need on PATH.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Error, Result};
use vouch_localnet::{cached_node_root, find_on_path, has_node, validator_binary, workspace_root};

use crate::{build, typescript};

/// Builds the Anchor CLI and the tools of [`prepare_shell`].
pub(crate) async fn prepare() -> Result<()> {
    build::anchor_cli().await?;
    prepare_shell().await
}

/// Builds the validator and the tools of Anchor.toml's test script.
pub(crate) async fn prepare_shell() -> Result<()> {
    build::validator().await?;
    typescript::prepare().await?;
    // This also writes the program's key; otherwise the CLI would generate another one.
    build::program().await
}

/// Replaces this process with the Anchor CLI; returns only on failure.
pub(crate) fn exec(args: &[String]) -> Error {
    let mut args = args.to_vec();
    match build::anchor_wallet() {
        Ok(Some(file)) if !args.iter().any(|arg| arg.starts_with("--provider.wallet")) => {
            // Insert the option in front, because behind a `--` it would go to cargo.
            args.insert(0, format!("--provider.wallet={}", file.display()));
        }
        Ok(_) => {}
        Err(error) => return error,
    }
    replace("anchor".into(), &args)
}

/// Replaces this process with a shell; returns only on failure.
pub(crate) fn exec_shell() -> Error {
    let shell = std::env::var_os("SHELL").unwrap_or_else(|| "bash".into());
    replace(shell.into(), &[])
}

fn replace(program: PathBuf, args: &[String]) -> Error {
    let path = match path() {
        Ok(path) => path,
        Err(error) => return error,
    };
    let error = Command::new("/usr/bin/env")
        .arg(program)
        .args(args)
        .env("PATH", path)
        .current_dir(workspace_root())
        .exec();
    Error::new(error).context("cannot run env")
}

fn path() -> Result<String> {
    let mut folders = build::program_tools();
    let validator = validator_binary()?;
    folders.push(
        validator
            .parent()
            .context("the validator has a folder")?
            .to_owned(),
    );
    if !has_node() {
        folders.push(cached_node_root()?.join("bin"));
    }
    if find_on_path("anchor").is_none() {
        folders.push(build::anchor_root()?.join("bin"));
    }
    build::path_with(&folders)
}
