//! The TypeScript client, in clients/ts, and published packages, in tests/published.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Result;
use vouch_localnet::{finish, npm, npm_in, typescript_client, workspace_root};

use crate::build;

/// Installs Node and the packages of the client's lock file.
pub(crate) async fn prepare() -> Result<()> {
    install(typescript_client()).await
}

/// Installs Node, and in `folder` the packages of its lock file.
pub(crate) async fn install(folder: PathBuf) -> Result<()> {
    build::node().await?;
    let target = workspace_root().join("target");
    fs::create_dir_all(&target)?;
    // Two installations at once would overwrite each other.
    let lock = File::create(target.join("npm.lock"))?;
    let _lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;

    let wanted = fs::read(folder.join("package-lock.json"))?;
    // Written last, so an interrupted installation does not have it.
    let mark = folder.join("node_modules/.vouch-lock.json");
    if fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let ci = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    finish(npm_in(folder, ci)?).await?;
    fs::write(&mark, wanted)?;
    Ok(())
}

/// The folder of published packages that tests and generated files come from.
fn published() -> PathBuf {
    workspace_root().join("tests/published")
}

/// Installs the published packages.
pub(crate) async fn prepare_published() -> Result<()> {
    install(published()).await
}

/// Writes the patterns of machines' user agents to the file `to`.
pub(crate) async fn machines(to: &Path) -> Result<()> {
    prepare_published().await?;
    let mut print = npm_in(published(), ["run", "--silent", "machines"])?;
    print.log = Some(to.to_owned());
    finish(print).await
}

/// Checks types and format.
pub(crate) async fn lint() -> Result<()> {
    prepare().await?;
    finish(npm(["run", "--silent", "lint"])?).await
}

/// Lets Codama render the IDL in the file `idl` to `src/generated` in `folder`.
pub(crate) async fn generate(folder: &Path, idl: &Path) -> Result<()> {
    prepare().await?;
    let generate = npm(["run", "--silent", "generate", "--"])?;
    finish(generate.args([folder, idl])).await
}
