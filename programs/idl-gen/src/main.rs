//! Writes the program's IDL without the Anchor CLI.
//!
//! usage: `idl-gen FILE`

use std::{env, fs, path::Path};

use anchor_lang::IdlAccountType;
use anchor_lang_idl::{
    build::IdlBuilder,
    types::{Idl, IdlInstructionAccountItem},
};
use anyhow::{Context, Result};
use referral::{ClaimExtras, Closed, ConvertExtras, PurchaseExtras};

fn main() -> Result<()> {
    let file = env::args().nth(1).context("usage: idl-gen FILE")?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../referral");
    // rustup sets this variable; with it, the builder passes a literal `+{toolchain}` to cargo.
    env::remove_var("RUSTUP_TOOLCHAIN");
    let mut idl = IdlBuilder::new()
        .program_path(program)
        .skip_lint(true)
        .build()?;
    // The framework finds only the account types that an instruction declares.
    add::<Closed>(&mut idl).context("the type of what was closed")?;
    append(&mut idl, "convert", &ConvertExtras::__idl_accounts())?;
    append(&mut idl, "purchase", &PurchaseExtras::__idl_accounts())?;
    append(&mut idl, "claim", &ClaimExtras::__idl_accounts())?;
    let json = serde_json::to_string_pretty(&idl)?;
    fs::write(&file, json + "\n").with_context(|| format!("cannot write {file}"))
}

/// Adds an account type if it is missing, and keeps the order by name.
fn add<T: IdlAccountType>(idl: &mut Idl) -> Result<()> {
    let account = T::__idl_account_entry().context("it is no account type")?;
    let account: anchor_lang_idl::types::IdlAccount = serde_json::from_str(account)?;
    if idl.accounts.iter().any(|known| known.name == account.name) {
        return Ok(());
    }
    let definition = T::__idl_type_def().context("it has no definition")?;
    idl.accounts.push(account);
    idl.types.push(serde_json::from_str(definition)?);
    idl.accounts.sort_by(|a, b| a.name.cmp(&b.name));
    idl.types.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

/// Appends the optional trailing accounts to an instruction's accounts.
fn append(idl: &mut Idl, instruction: &str, accounts: &str) -> Result<()> {
    let accounts: Vec<IdlInstructionAccountItem> = serde_json::from_str(accounts)?;
    idl.instructions
        .iter_mut()
        .find(|known| known.name == instruction)
        .with_context(|| format!("there is no {instruction}"))?
        .accounts
        .extend(accounts);
    Ok(())
}
