//! `vouch-api recount`: what was counted from clicks against the list of clicks.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use time::Duration;
use vouch_db::api::clicks::{self, recount};

/// Number of differences that are printed.
const PRINTED: usize = 20;

/// Configuration of the recount.
#[derive(Debug, Clone, Args)]
pub struct RecountConfig {
    /// Postgres, as `postgres://user:password@host/database`.
    #[arg(long, env, hide_env_values = true)]
    pub database_url: SecretString,
    /// Days after which the service deletes clicks, as it is told. Days that it may be deleting are not counted.
    #[arg(long, env, default_value_t = 395, value_parser = clap::value_parser!(u16).range(8..))]
    pub click_retention_days: u16,
}

/// Counts the clicks of every day of which all are kept, and prints the result.
///
/// # Errors
/// When Postgres does not answer, and when counters differ.
pub async fn recount(config: &RecountConfig) -> Result<()> {
    let pool = vouch_db::connect(config.database_url.expose_secret()).await?;
    vouch_db::await_schema(&pool, || ()).await?;
    let (first, last) = recount::days(&pool).await?.unzip();
    let kept = clicks::today(&pool)
        .await?
        .saturating_sub(Duration::days(i64::from(config.click_retention_days) - 1));
    let mut day = first.map(|first| first.max(kept));
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
