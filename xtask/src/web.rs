//! The front end, in web/.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use vouch_localnet::{finish, npm_in, web, workspace_root};

use crate::typescript;

/// The inputs of the built files. The types of the API and the client are among them.
const INPUTS: [&str; 12] = [
    "api/openapi.json",
    "clients/ts/src",
    "web/index.html",
    "web/package-lock.json",
    "web/package.json",
    "web/pinned",
    "web/public",
    "web/src",
    "web/tsconfig.json",
    "web/vite.compressed.ts",
    "web/vite.config.ts",
    "web/vite.embed.config.ts",
];

/// Installs Node and the packages of the lock file.
pub(crate) async fn prepare() -> Result<()> {
    typescript::install(web()).await
}

/// Builds `web/dist`, unless it was built of the same sources.
pub(crate) async fn build() -> Result<()> {
    let root = workspace_root();
    let mut hash = Sha256::new();
    for input in INPUTS {
        add(&mut hash, &root.join(input))?;
    }
    let wanted = format!("{:x}", hash.finalize());
    // Vite empties the folder first, so an interrupted build does not have it.
    let mark = web().join("dist/.built-of");
    if fs::read_to_string(&mark).is_ok_and(|built| built == wanted) {
        return Ok(());
    }
    prepare().await?;
    finish(npm_in(web(), ["run", "--silent", "build"])?).await?;
    fs::write(&mark, wanted)?;
    Ok(())
}

/// Checks types and format.
pub(crate) async fn lint() -> Result<()> {
    prepare().await?;
    finish(npm_in(web(), ["run", "--silent", "lint"])?).await
}

/// Adds the file, or every file below the folder in the order of their names.
fn add(hash: &mut Sha256, path: &Path) -> Result<()> {
    let read = || format!("cannot read {}", path.display());
    if path.is_dir() {
        let entries = fs::read_dir(path).with_context(read)?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut paths: Vec<PathBuf> = paths.collect::<std::io::Result<_>>()?;
        paths.sort();
        // The build itself writes this one, of the document that is hashed already.
        paths.retain(|path| !path.ends_with("src/api/schema.ts"));
        for path in paths {
            add(hash, &path)?;
        }
    } else {
        let content = fs::read(path).with_context(read)?;
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(content.len().to_le_bytes());
        hash.update(content);
    }
    Ok(())
}
