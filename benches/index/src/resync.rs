//! The real indexer mirrors the whole history into an empty database.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::future::join;
use serde::Serialize;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{interval, sleep};
use vouch_localnet::{Instance, Postgres, Service, ServiceSpec, built_binary};

use crate::{
    announcer::Announcer,
    history::History,
    lag::{self, Lag},
    node::{Calls, Node, Tip},
};

const POLL: Duration = Duration::from_millis(200);
/// The live parts: conversions, and how many of them come in a second.
const LIVE: [(u64, u64); 3] = [(96, 5), (320, 20), (2000, 100)];
/// Conversions of all live parts.
const ALL_LIVE: u64 = LIVE[0].0 + LIVE[1].0 + LIVE[2].0;
/// Time without a transaction in which requests are counted.
const IDLE: Duration = Duration::from_secs(10);
/// Conversions whose lag is measured, in quiet times and in busy ones each.
const LAGGING: u64 = 100;
/// Conversions that begin to wait for ranks at once.
const CROWD: i64 = 100_000;
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
    /// Requests in a second, by method, while there is no transaction.
    pub(crate) idle_requests_per_second: BTreeMap<String, f64>,
    /// While the chain grows.
    pub(crate) live: Vec<Live>,
    pub(crate) live_peak_memory_mb: f64,
    pub(crate) lag: Lag,
    /// The same with 40 ms between two conversions.
    pub(crate) busy_lag: Lag,
    /// In quiet times, while very many conversions wait for ranks.
    pub(crate) crowd_lag: Lag,
    /// How many wait before that, and after it.
    pub(crate) waiting: (i64, i64),
}

/// The cost of a live part.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    pub(crate) conversions: u64,
    /// As many as were meant to come in a second, and as many as came.
    pub(crate) meant_per_second: u64,
    pub(crate) conversions_per_second: f64,
    /// Requests to the node for each conversion.
    pub(crate) requests_per_conversion: f64,
    /// The same by method.
    pub(crate) by_method: BTreeMap<String, f64>,
    /// Milliseconds from the notification until the row is visible.
    pub(crate) visible_median_ms: f64,
    pub(crate) visible_p99_ms: f64,
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
    ensure!(
        history.len() > (ALL_LIVE + 3 * LAGGING) * 2,
        "too short a history"
    );
    let announcer = Announcer::start().await?;
    let old = history.len() - ALL_LIVE - 3 * LAGGING - 8;
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
    let requests = node.calls().sum();

    let before = node.calls();
    sleep(IDLE).await;
    let idle = node.calls().since(&before);
    let mut end = old;
    let mut live = Vec::new();
    for (conversions, per_second) in LIVE {
        let before = node.calls();
        let began = Instant::now();
        let numbers = end..whole(end + conversions);
        let (first, last) = (numbers.start, numbers.end);
        let mut announced = Vec::new();
        let mut pace = interval(Duration::from_secs(1) / u32::try_from(per_second)?);
        let announce = async {
            for number in numbers {
                pace.tick().await;
                let final_ones = whole((number + 1).saturating_sub(UNFINAL)).max(old);
                node.show(tip(number + 1, final_ones));
                announcer.announce(history.signature(number), history.slot(number));
                announced.push(Instant::now());
            }
        };
        let (seen, ()) = join(lag::watch(&pool, first..last), announce).await;
        let seen = seen?;
        let seconds = began.elapsed().as_secs_f64();
        let calls = node.calls().since(&before);
        let count = (last - first) as f64;
        let waits = seen.iter().zip(&announced);
        let mut waits: Vec<_> = waits.map(|(seen, since)| *seen - *since).collect();
        waits.sort_unstable();
        live.push(Live {
            conversions: last - first,
            meant_per_second: per_second,
            conversions_per_second: count / seconds,
            requests_per_conversion: calls.sum() as f64 / count,
            by_method: shares(&calls, count),
            visible_median_ms: lag::percentile(&waits, 50),
            visible_p99_ms: lag::percentile(&waits, 99),
        });
        eprintln!("{:#?}", live.last());
        end = last;
    }
    let show = |number| node.show(tip(number, whole(end - UNFINAL)));
    let (quiet, busy) = (end..end + LAGGING, end + LAGGING..end + 2 * LAGGING);
    let lag = lag::measure(history, &announcer, &pool, quiet, lag::QUIET, show).await?;
    let busy_lag = lag::measure(history, &announcer, &pool, busy, lag::BUSY, show).await?;
    // A crowd waits that can count once a later slot is final.
    let finalized = whole(end + 2 * LAGGING - UNFINAL);
    let matures_at = history.time(history.slot(finalized - 1));
    lag::crowd(&pool, CROWD, matures_at).await?;
    let show = |number| node.show(tip(number, finalized));
    show(end + 2 * LAGGING);
    until(&pool, &mut indexer, "final_seq", finalized).await?;
    let waiting = lag::waiting(&pool).await?;
    let quiet = end + 2 * LAGGING..end + 3 * LAGGING;
    let crowd_lag = lag::measure(history, &announcer, &pool, quiet, lag::QUIET, show).await?;
    let waiting = (waiting, lag::waiting(&pool).await?);
    let live_peak_memory_mb = peak(&indexer)?;
    indexer.stop().await?;
    Ok(Resynced {
        transactions: old,
        seconds,
        transactions_per_second: old as f64 / seconds,
        peak_memory_mb,
        requests_per_transaction: requests as f64 / old as f64,
        idle_requests_per_second: shares(&idle, IDLE.as_secs_f64()),
        live,
        live_peak_memory_mb,
        lag,
        busy_lag,
        crowd_lag,
        waiting,
    })
}

/// The requests of each method, divided.
#[expect(
    clippy::cast_precision_loss,
    reason = "there are fewer than 2^52 requests"
)]
fn shares(calls: &Calls, by: f64) -> BTreeMap<String, f64> {
    let shares = calls.0.iter();
    shares
        .map(|(method, count)| (method.clone(), *count as f64 / by))
        .collect()
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
