//! Writes the generated part of the Rust client from the IDL: accounts, types, errors and
//! raw instruction builders.
//!
//! usage: `vouch-client-gen IDL DIRECTORY`
//!
//! This crate depends on nothing of this repository, so it runs even while a change of
//! the IDL keeps the client from compiling.
//!
//! Codama's Rust renderer (the TypeScript client uses its TypeScript one) was rejected.
//! It would add CPI builders and account fetchers that nothing here calls, and its own
//! choice of solana crates. It has neither the size and version checks of an account nor
//! the domain types of [`render::DOMAIN`].

mod idl;
mod render;

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::idl::Idl;

fn main() -> Result<()> {
    let mut args = env::args().skip(1);
    let (Some(idl), Some(directory), None) = (args.next(), args.next(), args.next()) else {
        bail!("usage: vouch-client-gen IDL DIRECTORY");
    };
    let text = fs::read_to_string(&idl).with_context(|| format!("cannot read {idl}"))?;
    let idl: Idl = serde_json::from_str(&text).with_context(|| format!("{idl} is not an IDL"))?;
    write(Path::new(&directory), &render::files(&idl)?)
}

/// Replaces the content of `directory` with `files`, formatted.
fn write(directory: &Path, files: &BTreeMap<&str, String>) -> Result<()> {
    if directory.is_dir() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    for (name, text) in files {
        fs::write(directory.join(name), text)?;
    }
    // rustfmt also formats the modules that `mod.rs` names.
    let status = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .arg(directory.join("mod.rs"))
        .status()
        .context("cannot run rustfmt")?;
    if !status.success() {
        bail!("rustfmt refused the generated client: {status}");
    }
    Ok(())
}
