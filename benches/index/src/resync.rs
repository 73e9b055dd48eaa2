//! The real indexer mirrors the whole history into an empty database.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::sleep;
use vouch_localnet::{Instance, Postgres, Service, ServiceSpec, built_binary};

use crate::{
    announcer::Announcer,
    history::History,
    lag::{self, Lag},
    node::{Node, Tip},
};

const POLL: Duration = Duration::from_millis(200);
/// Conversions of the live part, and the pause between two of them.
const LIVE: u64 = 2000;
const LIVE_PAUSE: Duration = Duration::from_millis(10);
/// Conversions whose lag is measured.
const LAGGING: u64 = 300;
/// Transactions by which finality lags behind.
const UNFINAL: u64 = 32 * 8;

#[derive(Debug, Serialize)]
pub(crate) struct Resynced {
    pub(crate) transactions: u64,
    pub(crate) seconds: f64,
    pub(crate) transactions_per_second: f64,
    /// The most memory that the indexer had, in MB (`VmHWM`).
    pub(crate) peak_memory_mb: f64,
    /// Requests to the node for each transaction.
    pub(crate) requests_per_transaction: f64,
    /// The same while the chain grows by a hundred conversions a second.
    pub(crate) live_requests_per_conversion: f64,
    pub(crate) live_conversions: u64,
    pub(crate) live_peak_memory_mb: f64,
    pub(crate) lag: Lag,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "there are fewer than 2^52 transactions"
)]
pub(crate) async fn measure(
    history: &Arc<History>,
    postgres: &Postgres,
    instance: &Instance,
) -> Result<Resynced> {
    let database = postgres.create_database("bench_resync").await?;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(database.url())
        .await?;
    let node = Node::start(Arc::clone(history)).await?;
    ensure!(history.len() > (LIVE + LAGGING) * 2, "too short a history");
    let announcer = Announcer::start().await?;
    let old = history.len() - LIVE - LAGGING;
    let tip = |confirmed: u64, finalized: u64| Tip {
        confirmed,
        finalized,
        confirmed_slot: history.slot(confirmed) + 1,
        // The block of the next transaction is not final.
        finalized_slot: history.slot(finalized).saturating_sub(1),
    };
    // Whole blocks are final.
    let whole = |number: u64| number - number % 8;
    let old = whole(old);
    node.show(tip(old, old));
    let began = Instant::now();
    let mut indexer = Service::start(ServiceSpec {
        name: "indexer".into(),
        binary: built_binary("vouch-indexer")?,
        args: vec!["run".into()],
        dir: instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: vec![
            ("DATABASE_URL".into(), database.url().to_owned()),
            ("RPC_URL".into(), node.url()),
            ("WS_URL".into(), announcer.url()),
            ("RECONCILE_SECONDS".into(), "86400".into()),
        ],
    })
    .await?;
    until(&pool, &mut indexer, "final_seq", old).await?;
    let seconds = began.elapsed().as_secs_f64();
    let peak_memory_mb = peak(&indexer)?;
    let requests = node.requests();

    let end = whole(old + LIVE);
    for number in (old + 1)..=end {
        node.show(tip(number, whole(number.saturating_sub(UNFINAL)).max(old)));
        announcer.announce(history.signature(number - 1), history.slot(number - 1));
        sleep(LIVE_PAUSE).await;
    }
    until(&pool, &mut indexer, "confirmed_seq", end).await?;
    let live = end - old;
    let live_requests = node.requests() - requests;
    let show = |number| node.show(tip(number, whole(end - UNFINAL)));
    let lag = lag::measure(history, &announcer, &pool, end..end + LAGGING, show).await?;
    let live_peak_memory_mb = peak(&indexer)?;
    indexer.stop().await?;
    Ok(Resynced {
        transactions: old,
        seconds,
        transactions_per_second: old as f64 / seconds,
        peak_memory_mb,
        requests_per_transaction: requests as f64 / old as f64,
        live_requests_per_conversion: live_requests as f64 / live as f64,
        live_conversions: live,
        live_peak_memory_mb,
        lag,
    })
}

async fn until(pool: &PgPool, indexer: &mut Service, column: &str, seq: u64) -> Result<()> {
    let query = format!("SELECT {column} FROM indexer_state");
    let mut shown = Instant::now();
    loop {
        let reached: i64 = sqlx::query_scalar(&query).fetch_one(pool).await?;
        if u64::try_from(reached)? >= seq {
            return Ok(());
        }
        indexer.ensure_running()?;
        if shown.elapsed() > Duration::from_secs(20) {
            eprintln!("{reached} of {seq} transactions");
            shown = Instant::now();
        }
        sleep(POLL).await;
    }
}

/// Megabytes.
fn peak(indexer: &Service) -> Result<f64> {
    let pid = indexer.pid().context("the indexer runs")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("VmHWM")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1024.0)
}
