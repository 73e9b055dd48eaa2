//! Paths: the checkout, its build output, caches and state.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The root of the checkout that this crate was compiled in.
pub fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .ancestors()
        .nth(2)
        .expect("crates/localnet is two levels below the root")
        .to_owned()
}

/// The built program, `target/deploy/referral.so`, whether it exists or not.
pub fn program_binary() -> PathBuf {
    workspace_root().join("target/deploy/referral.so")
}

/// The built binary `name` beside the running one. Works from `xtask` and from a test,
/// for any target directory and profile.
///
/// # Errors
/// When it was not built.
pub fn built_binary(name: &str) -> Result<PathBuf> {
    let own = env::current_exe().context("cannot find the running binary")?;
    let mut dir = own.parent().context("the running binary has no folder")?;
    if dir.ends_with("deps") {
        dir = dir.parent().context("deps has no parent")?;
    }
    let file = dir.join(name);
    ensure!(
        file.is_file(),
        "{} was not built: run `cargo build -p {name}`, or use ./dev, which does",
        file.display()
    );
    Ok(file)
}

/// The folder for downloads and builds that outlive the checkout: `$VOUCH_CACHE`, else
/// `$XDG_CACHE_HOME/vouch`, else `~/.cache/vouch`.
///
/// # Errors
/// When none of the variables nor HOME is set.
pub fn cache_dir() -> Result<PathBuf> {
    own_dir("VOUCH_CACHE", "XDG_CACHE_HOME", ".cache")
}

/// The folder for the data of running instances: `$VOUCH_STATE`; for root
/// `/var/lib/vouch`, because Postgres then runs as another user, who must be able to
/// reach it; else `$XDG_STATE_HOME/vouch` or `~/.local/state/vouch`.
///
/// # Errors
/// When none of the variables nor HOME is set.
pub fn state_dir() -> Result<PathBuf> {
    if env::var_os("VOUCH_STATE").is_none() && is_root() {
        return Ok(PathBuf::from("/var/lib/vouch"));
    }
    own_dir("VOUCH_STATE", "XDG_STATE_HOME", ".local/state")
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn own_dir(own: &str, xdg: &str, below_home: &str) -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(dir) = set(own) {
        return Ok(PathBuf::from(dir));
    }
    if let Some(dir) = set(xdg) {
        return Ok(PathBuf::from(dir).join("vouch"));
    }
    let home = set("HOME").with_context(|| format!("set {own}: neither {xdg} nor HOME is set"))?;
    Ok(PathBuf::from(home).join(below_home).join("vouch"))
}
