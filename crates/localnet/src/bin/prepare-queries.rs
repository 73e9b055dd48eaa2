//! Writes `.sqlx`. This is not part of `xtask`, because `xtask` does not compile while a
//! query of `crates/db` disagrees with `.sqlx`.

use std::fs;

use anyhow::Result;
use vouch_localnet::{prepare_queries, workspace_root};

#[tokio::main]
async fn main() -> Result<()> {
    let dir = workspace_root().join(".sqlx");
    let new = workspace_root().join("target/sqlx.new");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    fs::create_dir_all(&new)?;
    prepare_queries(&new).await?;
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::rename(new, dir)?;
    Ok(())
}
