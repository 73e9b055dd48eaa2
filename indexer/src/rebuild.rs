//! `vouch-indexer rebuild`: the mirror made anew, beside the live one.
//!
//! It mirrors the final transactions into a second copy with the code that mirrors them into the
//! first. When the second copy has as many, it ends the writer of the first, catches up, and
//! renames the two. If it dies before that, nothing has changed, and the next rebuild continues.

use std::{
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use vouch_db::{
    PgPool, Schema,
    mirror::{
        self, Writer,
        rebuild::{Rebuild, Start},
    },
};
use vouch_service::Heartbeat;

use crate::{
    chain::Chain,
    config::{RebuildConfig, Undo},
    failure::Failure,
    health::Health,
    mirror::{MANY, Mirror, SETTLE},
    ranking::Paces,
    session::bind,
    sync::Sync,
};

/// Pause after a round that did not reach the end, and after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(500);
/// How often it is shown where nobody watches a bar.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Time for a node to list what the live mirror has as final.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command. Prints the result.
///
/// # Errors
/// When Postgres does not answer, when another rebuild runs, when views depend on the mirror, and
/// when the node's history cannot be replayed or is shorter than the present mirror's.
pub(crate) async fn run(config: &RebuildConfig) -> Result<()> {
    let url = &config.database_url;
    let started = Instant::now();
    let live = vouch_db::connect(url).await?;
    vouch_db::await_schema(&live, || ()).await?;
    let mut rebuild = Rebuild::connect(url).await?;
    let Some(writer) = Writer::try_acquire_of(url, Schema::Next).await? else {
        bail!("another rebuild of this database is running");
    };
    let views = rebuild.dependents().await?;
    if !views.is_empty() {
        bail!(
            "these views would go on reading the old mirror: {}. Create them in the schema mirror, \
             which is rebuilt with its views, or drop them",
            views.join(", ")
        );
    }
    rebuild.remove_old().await?;
    match rebuild.prepare().await? {
        Start::Empty => println!("filling a new mirror beside the present one"),
        Start::Continued => println!("going on with the rebuild that was interrupted"),
    }

    let next = vouch_db::pool_of(url, Schema::Next)?;
    let chain = Chain::new(&config.rpc_url, config.limits())?;
    // Nobody asks for it here.
    let health = Health::new(u64::MAX, Duration::MAX, Heartbeat::new(Duration::MAX));
    let paces = Paces::default();
    let target = Mirror {
        concurrency: config.fetch_concurrency.into(),
        // The copy is nobody's yet.
        undo: Undo {
            most: usize::MAX,
            allowed_after: None,
        },
        settle: SETTLE,
        many: MANY,
        chain: &chain,
        health: &health,
        paces: &paces,
        pool: &next,
        writer: writer.into(),
    };
    bind(&target).await?;
    let present = mirror::state(&live).await?.genesis_hash;
    let node = mirror::state(&next).await?.genesis_hash;
    if present.is_some() && present != node {
        bail!("the node is of another chain than the present mirror");
    }

    let mut sync = Sync::new(&target).await?;
    sync.count_apart();
    let progress = Progress::new(&live, &next);
    fill(&mut sync, &progress, config.allow_fewer).await?;
    progress.finish();

    println!("ending the writer of the present mirror, and catching up");
    rebuild
        .take_over()
        .await
        .context("the present mirror's writer cannot be ended")?;
    catch_up(&mut sync, &progress, config.allow_fewer).await?;
    if !rebuild.swap().await? {
        bail!("the database was migrated meanwhile: the present mirror stays; start again");
    }
    let state = mirror::state(&live).await?;
    println!(
        "rebuilt in {} s: {} transactions, final up to slot {}",
        started.elapsed().as_secs(),
        state.confirmed_seq,
        state.finalized_slot.unwrap_or_default()
    );
    if config.keep_old {
        println!("the old mirror is kept as the schema mirror_old");
    } else {
        let removed = rebuild.remove_old().await;
        removed.context("the old mirror could not be removed; the next rebuild does it")?;
    }
    Ok(())
}

/// Mirrors until the second copy has what the live one has as final.
async fn fill(sync: &mut Sync<'_>, progress: &Progress<'_>, allow_fewer: bool) -> Result<()> {
    let mut complete = None;
    loop {
        let caught_up = progress.during(round(sync)).await?;
        let (next, live) = progress.places().await?;
        if caught_up && (next >= live || allow_fewer) {
            return Ok(());
        }
        if caught_up && complete.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            bail!(
                "the node's history has {next} final transactions, and the present mirror {live}: \
                 use a node with the whole history, or --allow-fewer if the mirror has too many"
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One round. A node that fails is asked again. Returns whether everything is mirrored.
async fn round(sync: &mut Sync<'_>) -> Result<bool> {
    let complete = settle(sync.finalize().await)?;
    sync.count_all().await?;
    Ok(complete)
}

/// Brings the second copy to the present, while nobody writes the live one. Transactions that are final
/// there are final, and confirmed ones were asked for.
async fn catch_up(sync: &mut Sync<'_>, progress: &Progress<'_>, allow_fewer: bool) -> Result<()> {
    let started = Instant::now();
    // The first round does not know yet up to which slot it is complete.
    let mut followed = 0;
    loop {
        round(sync).await?;
        followed += u32::from(settle(sync.follow().await)?);
        let next = mirror::state(progress.next).await?;
        let live = mirror::state(progress.live).await?;
        let is_whole = next.final_seq >= live.final_seq || allow_fewer;
        // Ranks follow the clock in steps.
        let place = |state: &mirror::State| (state.final_time, state.final_address.clone());
        let is_ranked = place(&next) >= place(&live);
        if followed >= 2 && is_whole && is_ranked && next.finalized_slot >= live.finalized_slot {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            bail!("the node does not answer: the present mirror stays");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Tells failures that pass from those that do not. A batch whose statement was cancelled is smaller the next time.
fn settle(outcome: Result<bool, Failure>) -> Result<bool> {
    match outcome {
        Err(failure) if failure.is_of_a_source() || failure.is_cancelled() => {
            eprintln!("{failure}");
            Ok(false)
        }
        outcome => Ok(outcome?),
    }
}

/// Shows how far the second copy is.
struct Progress<'a> {
    live: &'a PgPool,
    next: &'a PgPool,
    bar: ProgressBar,
}

impl<'a> Progress<'a> {
    fn new(live: &'a PgPool, next: &'a PgPool) -> Self {
        let bar = ProgressBar::new(0);
        let template = "{bar:40} {pos} of {len} transactions, {per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { live, next, bar }
    }

    /// The numbers of the last final transactions of the second copy and of the live one.
    async fn places(&self) -> Result<(i64, i64)> {
        let next = mirror::state(self.next).await?.final_seq;
        Ok((next, mirror::state(self.live).await?.final_seq))
    }

    /// Shows the progress while the work is done.
    async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut logged = Instant::now();
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(SHOW_EVERY) => {}
            }
            let Ok((next, live)) = self.places().await else {
                continue;
            };
            self.bar.set_length(unsigned(live.max(next)));
            self.bar.set_position(unsigned(next));
            if !stderr().is_terminal() && logged.elapsed() > LOG_EVERY {
                logged = Instant::now();
                let left = self.bar.eta().as_secs();
                eprintln!("{next} of {live} transactions, {left} s left");
            }
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn unsigned(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or_default()
}
