//! Writes the part of the Rust client that follows from the IDL: accounts, types,
//! errors and raw instruction builders.
//!
//! usage: `vouch-client-gen IDL DIRECTORY`
//!
//! It depends on nothing of this repository, so it runs while the client does not
//! compile, which is what a change of the IDL may lead to.
//!
//! Codama's Rust renderer, beside the one that the TypeScript client uses, was looked at
//! and not taken. It would add CPI builders and account fetchers that nothing here calls
//! and a choice of solana crates of its own, but it knows neither the size and version
//! checks of an account nor the domain types of [`render::DOMAIN`].

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
    let idl: Idl = serde_json::from_str(&text).with_context(|| format!("{idl} is no IDL"))?;
    write(Path::new(&directory), &render::files(&idl)?)
}

/// Replaces the content of `directory` by `files`, formatted.
fn write(directory: &Path, files: &BTreeMap<&str, String>) -> Result<()> {
    if directory.is_dir() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    for (name, text) in files {
        fs::write(directory.join(name), text)?;
    }
    // It formats the modules that this one names, too.
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
