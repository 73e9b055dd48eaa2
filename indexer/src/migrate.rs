//! `vouch-indexer migrate`: the schema and the rights of the services.

use anyhow::{Context as _, Result};

use crate::config::MigrateConfig;

/// Runs the command. Prints the result.
///
/// # Errors
/// When Postgres does not answer or refuses, and when a migration does not apply.
pub(crate) async fn run(config: &MigrateConfig) -> Result<()> {
    let pool = vouch_db::connect(&config.database_url).await?;
    let applied = vouch_db::migrate(&pool).await?;
    println!("migrations applied: {applied}");
    if config.grants {
        let mut connection = pool.acquire().await?;
        vouch_db::grants::grant_all(&mut connection)
            .await
            .context("the roles have no new rights")?;
        println!("rights granted to: {}", vouch_db::grants::ROLES.join(", "));
    }
    Ok(())
}
