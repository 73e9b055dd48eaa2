//! The Anchor CLI and a shell, with everything they look for on PATH.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Error, Result};
use vouch_localnet::{cached_node_root, find_on_path, has_node, validator_binary, workspace_root};

use crate::{build, typescript};

/// Makes what the Anchor CLI needs: itself, and what a shell offers.
pub(crate) async fn prepare() -> Result<()> {
    build::anchor_cli().await?;
    prepare_shell().await
}

/// Makes what a shell offers: the validator, and what Anchor.toml's test script runs with.
pub(crate) async fn prepare_shell() -> Result<()> {
    build::validator().await?;
    typescript::prepare().await?;
    // Also writes the program's key, without which the CLI would make another one.
    build::program().await
}

/// Becomes the Anchor CLI; returns only when that fails.
pub(crate) fn exec(args: &[String]) -> Error {
    let mut args = args.to_vec();
    match build::anchor_wallet() {
        Ok(Some(file)) if !args.iter().any(|arg| arg.starts_with("--provider.wallet")) => {
            // In front: behind a `--` it would belong to cargo.
            args.insert(0, format!("--provider.wallet={}", file.display()));
        }
        Ok(_) => {}
        Err(error) => return error,
    }
    replace("anchor".into(), &args)
}

/// Becomes a shell; returns only when that fails.
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
