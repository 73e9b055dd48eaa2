//! Counts again what the mirror has counted by differences, from the list of conversions.
//!
//! It goes by ranges, each in one statement and so in one state of the database. Only a range that
//! differs is locked against the writer while it is counted once more and repaired.
//!
//! The order is: days, referrers, referrers over all campaigns, leaderboards, parts of
//! leaderboards, referrals, tokens, quarters of an hour. Each relies on the ones before it. Short links follow from
//! events.

mod boards;
mod days;
mod everywhere;
mod fences;
mod mints;
mod quarters;
mod referrals;
mod referrers;
mod short_links;

pub use boards::{Board, boards};
pub use days::day;
pub use everywhere::everywhere;
pub use fences::{FencePlace, fences};
pub use mints::mint;
pub use quarters::quarters;
pub use referrals::referrals;
pub use referrers::{Referrer, referrers};
pub use short_links::{registrations, short_links};
use sqlx::{PgConnection, types::BigDecimal};

use crate::Error;

/// Prepares the connection for a recount: each statement is planned for its range. A plan for all of them
/// could not use the indexes that leave out the boards over all campaigns.
///
/// # Errors
/// When Postgres does not answer.
pub async fn plan_for_ranges(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SET plan_cache_mode = force_custom_plan")
        .execute(connection)
        .await?;
    Ok(())
}

/// A counter that differed from the list of conversions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The counter: `referral R`, `token M`, `day D of REFERRER in CAMPAIGN`, `REFERRER in CAMPAIGN`,
    /// `REFERRER in all campaigns`, `leaderboard of CAMPAIGN` or `leaderboard over all campaigns`,
    /// (`#category/music` and `#region/DE` stand for a campaign), each with or without ` in PERIOD` and
    /// `, a day earlier`, `part of MEASURE of` such a leaderboard, `conversion C` for a
    /// row of `maturing`, `quarter T of R` for a referral or a campaign, `badge B of REFERRER in CAMPAIGN`, or `short link CODE`, whose values are
    /// referrals.
    pub of: String,
    /// The value in the counter.
    pub kept: String,
    /// The value that follows from the list of conversions.
    pub counted: String,
}

/// The outcome of one range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recount<T> {
    /// The last key of the range, from which the next range goes on; `None` after the last range.
    pub last: Option<T>,
    /// How many rows were compared.
    pub compared: u64,
    /// Those that differed.
    pub drift: Vec<Drift>,
}

/// Keeps the writer out until the end of the transaction: it changes this row first, always.
async fn lock(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SELECT singleton FROM indexer_state FOR UPDATE")
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// A sum of conversions in words.
fn sum(conversions: i64, rewards: &BigDecimal, volume: &BigDecimal, last: i64) -> String {
    let (rewards, volume) = (rewards.with_scale(0), volume.with_scale(0));
    format!("{conversions} conversions, {rewards} rewards, {volume} volume, the last at {last}")
}
