//! `vouch-indexer recount`: the counters against the list of conversions.

use anyhow::{Context as _, Result, bail};
use vouch_db::mirror::recount::{self, Drift, Referrer};

use crate::config::RecountConfig;

/// Number of differences that are printed.
const PRINTED: usize = 20;

/// Runs the command. Prints the result.
///
/// # Errors
/// When Postgres does not answer, and when counters differ and are not to be repaired.
pub(crate) async fn run(config: &RecountConfig) -> Result<()> {
    let pool = vouch_db::connect(&config.database_url).await?;
    vouch_db::await_schema(&pool, || ()).await?;
    let mut connection = pool.acquire().await.context("Postgres does not answer")?;
    recount::plan_for_ranges(&mut connection).await?;
    let mut report = Report::default();
    // Each counter comes after those that it depends on.
    let (mut day, mut days) = (None, 0_u64);
    loop {
        let range = recount::day(&mut connection, day, config.repair).await?;
        report.add(range.drift);
        if range.last.is_none() {
            break;
        }
        day = range.last;
        days += 1;
    }
    let (mut referrer, mut referrers) = (Referrer::default(), 0);
    loop {
        let range = recount::referrers(&mut connection, &referrer, config.repair).await?;
        referrers += range.compared;
        report.add(range.drift);
        let Some(last) = range.last else { break };
        referrer = last;
    }
    let mut wallet = String::new();
    loop {
        let range = recount::everywhere(&mut connection, &wallet, config.repair).await?;
        report.add(range.drift);
        let Some(last) = range.last else { break };
        wallet = last;
    }
    let mut board = None;
    loop {
        let range = recount::boards(&mut connection, board.as_ref(), config.repair).await?;
        report.add(range.drift);
        if range.last.is_none() {
            break;
        }
        board = range.last;
    }
    let mut part = None;
    loop {
        let range = recount::fences(&mut connection, part.as_ref(), config.repair).await?;
        report.add(range.drift);
        if range.last.is_none() {
            break;
        }
        part = range.last;
    }
    let (mut after, mut referrals) = (String::new(), 0);
    loop {
        let range = recount::referrals(&mut connection, &after, config.repair).await?;
        referrals += range.compared;
        report.add(range.drift);
        let Some(last) = range.last else { break };
        after = last;
    }
    let mut code = String::new();
    loop {
        let range = recount::short_links(&mut connection, &code, config.repair).await?;
        report.add(range.drift);
        let Some(last) = range.last else { break };
        code = last;
    }
    let mut seq = 0;
    loop {
        let range = recount::registrations(&mut connection, seq, config.repair).await?;
        report.add(range.drift);
        let Some(last) = range.last else { break };
        seq = last;
    }
    let mut mint = None;
    loop {
        let range = recount::mint(&mut connection, mint.as_deref(), config.repair).await?;
        report.add(range.drift);
        if range.last.is_none() {
            break;
        }
        mint = range.last;
    }
    let mut quarter = i64::MIN;
    loop {
        let range = recount::quarters(&mut connection, quarter, config.repair).await?;
        report.add(range.drift);
        let Some(last) = range.last else { break };
        quarter = last;
    }
    let counted = format!("{referrals} referrals, {referrers} referrers and {days} days");
    match report.differing {
        0 => println!("the counters of {counted} equal a recount"),
        differing if config.repair => println!("{differing} counters repaired, of {counted}"),
        differing => bail!("{differing} counters differ from a recount, of {counted}"),
    }
    Ok(())
}

#[derive(Default)]
struct Report {
    differing: usize,
}

impl Report {
    fn add(&mut self, drift: Vec<Drift>) {
        for Drift { of, kept, counted } in drift {
            if self.differing < PRINTED {
                println!("{of}: {kept}; counted: {counted}");
            }
            self.differing += 1;
        }
    }
}
