//! The `.sqlx` folder: Postgres's description of each query of `crates/db`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::cargo::{cargo, finish};
use crate::instance::Instance;
use crate::postgres::Postgres;

/// Fills the existing empty folder `dir` by compiling `crates/db` against a
/// database with the migrations of this checkout.
///
/// # Errors
/// When the queries do not match the migrations, or no Postgres is available.
pub async fn prepare_queries(dir: &Path) -> Result<()> {
    let instance = Instance::create("queries")?;
    let mut postgres = Postgres::start(instance.dir()).await?;
    let database = postgres.create_database("vouch_queries").await?;
    // A flag that differs each time makes cargo compile this one crate again.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let check = cargo([
        "rustc",
        "--profile",
        "check",
        "-p",
        "vouch-db",
        "--lib",
        "--",
    ])
    .args(["--cfg".to_owned(), format!("vouch_queries=\"{now}\"")])
    .env("SQLX_OFFLINE", "false")
    .env("SQLX_OFFLINE_DIR", dir.to_string_lossy())
    .env("DATABASE_URL", database.url());
    finish(check)
        .await
        .context("the queries do not fit the migrations")?;
    tokio::task::spawn_blocking(move || drop(database)).await?;
    postgres.stop().await
}
