//! Schemathesis, which tests the API by its OpenAPI document.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::paths::{cache_dir, workspace_root};
use crate::process::ProcessSpec;

/// The folder of its settings, and of the list of its packages with their hashes.
pub fn schemathesis_folder() -> PathBuf {
    workspace_root().join("tests/schemathesis")
}

/// The folder in which `./dev` installs it: one for each list of packages and each version of Python, because
/// some of the packages are compiled.
///
/// # Errors
/// When there is no `python3`, or the list cannot be read. See also [`cache_dir`].
pub fn cached_schemathesis_root() -> Result<PathBuf> {
    let list = schemathesis_folder().join("requirements.txt");
    let list = std::fs::read(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let hash = format!("{:x}", Sha256::digest(list));
    let version = Command::new("python3")
        .args(["-c", "import sys; print(sys.implementation.cache_tag)"])
        .output()
        .context("there is no python3")?;
    ensure!(
        version.status.success(),
        "python3 ended with {}",
        version.status
    );
    let version = String::from_utf8(version.stdout).context("python3 says no version")?;
    let hash: String = hash.chars().take(8).collect();
    Ok(cache_dir()?.join(format!("schemathesis-{}-{hash}", version.trim())))
}

/// The command `schemathesis`, as it was installed.
///
/// # Errors
/// When it was not installed. See also [`cached_schemathesis_root`].
pub fn schemathesis() -> Result<ProcessSpec> {
    let root = cached_schemathesis_root()?;
    ensure!(
        root.is_dir(),
        "no schemathesis at {}: use ./dev, which installs it",
        root.display()
    );
    let root = root.into_os_string().into_string();
    let root = root.ok().context("the path of the cache is not UTF-8")?;
    let program =
        ProcessSpec::new("schemathesis", "python3").args(["-P", "-m", "schemathesis.cli"]);
    Ok(program
        .env("PYTHONPATH", root)
        // The installed packages stay as they are.
        .env("PYTHONDONTWRITEBYTECODE", "1"))
}
