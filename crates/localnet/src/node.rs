//! Node and npm, which build and test the TypeScript client and the front end.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::binaries::{find_on_path, is_executable};
use crate::paths::{cache_dir, workspace_root};
use crate::process::ProcessSpec;

/// The version that `./dev` installs when PATH has no Node that is new enough.
pub const NODE_VERSION: &str = "24.19.0";
/// The oldest Node that the dependencies of both support: major and minor version. Keep
/// `./dev` in step.
const MINIMUM: [u32; 2] = [20, 19];

/// Whether PATH has npm, and a Node that is new enough.
pub fn has_node() -> bool {
    let version = Command::new("node").arg("--version").output();
    find_on_path("npm").is_some()
        && version.is_ok_and(|output| is_new_enough(&String::from_utf8_lossy(&output.stdout)))
}

/// `v20.18.0` and newer.
fn is_new_enough(version: &str) -> bool {
    let numbers = version.trim().trim_start_matches('v').split('.');
    let numbers: Option<Vec<u32>> = numbers.take(2).map(|part| part.parse().ok()).collect();
    numbers.is_some_and(|numbers| numbers.len() == 2 && numbers.as_slice() >= MINIMUM.as_slice())
}

/// The folder in which `./dev` installs Node when PATH has none. Node's `bin` is in it.
///
/// # Errors
/// See [`cache_dir`].
pub fn cached_node_root() -> Result<PathBuf> {
    Ok(cache_dir()?.join(format!("node-{NODE_VERSION}")))
}

/// The folder of the TypeScript client.
pub fn typescript_client() -> PathBuf {
    workspace_root().join("clients/ts")
}

/// The folder of the front end.
pub fn web() -> PathBuf {
    workspace_root().join("web")
}

/// An npm command in the TypeScript client's folder, with this process's output.
///
/// # Errors
/// See [`npm_in`].
pub fn npm<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Result<ProcessSpec> {
    npm_in(typescript_client(), args)
}

/// An npm command in `folder`, with this process's output.
///
/// # Errors
/// When PATH has no Node, and none was installed.
pub fn npm_in<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
    folder: PathBuf,
    args: I,
) -> Result<ProcessSpec> {
    let mut npm = ProcessSpec::new("npm", "npm").args(args);
    npm.dir = Some(folder);
    if has_node() {
        return Ok(npm);
    }
    let bin = cached_node_root()?.join("bin");
    npm.program = bin.join("npm");
    ensure!(
        is_executable(&npm.program),
        "no Node {}.{} or newer on PATH nor at {}: use ./dev, which installs one",
        MINIMUM[0],
        MINIMUM[1],
        bin.display()
    );
    // npm's scripts look for `node` on PATH.
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([bin].into_iter().chain(env::split_paths(&path)))?;
    let path = path.into_string().ok().context("PATH is not UTF-8")?;
    Ok(npm.env("PATH", path))
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn a_node_is_new_enough_by_its_number_and_not_by_its_letters() {
        for version in ["v20.19.0\n", "v20.20.5", "v22.0.0", "v100.1.0"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in [
            "v20.18.0", "v20.9.0", "v18.20.4", "v9.99.0", "v20", "", "v20.x.0",
        ] {
            assert!(!is_new_enough(version), "{version}");
        }
    }
}
