//! Many orders, several at a time.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use vouch_localnet::Postgres;

use crate::order::{Lab, Report};

/// Orders between two lines of progress.
const SHOW_EVERY: u64 = 250;

/// Plays the orders of the seeds from `from` on, `at_once` at a time, each with a database of its own.
/// They mostly wait for pauses to end.
///
/// # Errors
/// With the seed of an order whose mirror differs from the model.
pub async fn run(postgres: &Postgres, from: u64, seeds: u64, at_once: u64) -> Result<Report> {
    let next = Arc::new(AtomicU64::new(from));
    let end = from + seeds;
    let sum = Arc::new(Mutex::new(Report::default()));
    let mut workers = Vec::new();
    for _ in 0..at_once.min(seeds) {
        let lab = Lab::new(postgres).await?;
        let (next, sum) = (Arc::clone(&next), Arc::clone(&sum));
        // A thread each, because futures of the mirror stay on theirs.
        let runtime = tokio::runtime::Handle::current();
        let worker = move || {
            runtime.block_on(async {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return Ok(());
                    }
                    let report = lab.play(seed).await;
                    // The others need not go on.
                    if report.is_err() {
                        next.store(end, Ordering::Relaxed);
                    }
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.add(&report?);
                    if sum.orders % SHOW_EVERY == 0 {
                        eprintln!("{sum}");
                    }
                }
            })
        };
        workers.push(tokio::task::spawn_blocking(worker));
    }
    let ended = try_join_all(workers).await.context("a worker panicked")?;
    ended.into_iter().collect::<Result<()>>()?;
    let sum = *sum.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(sum)
}
