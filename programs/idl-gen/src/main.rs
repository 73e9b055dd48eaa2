//! Writes the program's IDL without the Anchor CLI.
//!
//! usage: `idl-gen FILE`

use std::{env, fs, path::Path};

use anchor_lang_idl::build::IdlBuilder;
use anyhow::{Context, Result};

fn main() -> Result<()> {
    let file = env::args().nth(1).context("usage: idl-gen FILE")?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../referral");
    // With it set, as rustup does, the builder passes a literal `+{toolchain}` to cargo.
    env::remove_var("RUSTUP_TOOLCHAIN");
    let idl = IdlBuilder::new()
        .program_path(program)
        .skip_lint(true)
        .build()?;
    let json = serde_json::to_string_pretty(&idl)?;
    fs::write(&file, json + "\n").with_context(|| format!("cannot write {file}"))
}
