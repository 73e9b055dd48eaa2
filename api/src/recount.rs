//! `vouch-api recount`: what was counted from clicks against the list of clicks.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use vouch_db::api::clicks::recount;

/// Number of differences that are printed.
const PRINTED: usize = 20;

/// Configuration of the recount.
#[derive(Debug, Clone, Args)]
pub struct RecountConfig {
    /// Postgres, as `postgres://user:password@host/database`.
    #[arg(long, env, hide_env_values = true)]
    pub database_url: SecretString,
}

/// Counts the clicks of every day of which they are kept, and prints the result.
///
/// # Errors
/// When Postgres does not answer, and when counters differ.
pub async fn recount(config: &RecountConfig) -> Result<()> {
    let pool = vouch_db::connect(config.database_url.expose_secret()).await?;
    vouch_db::await_schema(&pool, || ()).await?;
    let (mut day, last) = recount::days(&pool).await?.unzip();
    let (mut days, mut differing) = (0_u32, 0);
    while let Some(this) = day.filter(|day| Some(*day) <= last) {
        for drift in recount::day(&pool, this).await? {
            if differing < PRINTED {
                println!(
                    "{this}, {}: {}; counted: {}",
                    drift.of, drift.kept, drift.counted
                );
            }
            differing += 1;
        }
        days += 1;
        day = Some(this.next_day().context("the calendar ends")?);
    }
    if differing > 0 {
        bail!("{differing} counters of clicks differ from a recount of {days} days");
    }
    println!("the counters of clicks of {days} days equal a recount");
    Ok(())
}
