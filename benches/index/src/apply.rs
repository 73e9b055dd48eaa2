//! How fast batches get into Postgres, beside COPY of the same rows.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use futures::StreamExt as _;
use serde::Serialize;
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use vouch_indexer::Applier;
use vouch_localnet::{Instance, Postgres};
use vouch_replay::Transaction;

use crate::{
    history::History,
    node::{Node, Tip},
};

/// Transactions in a batch, as the indexer has them while it catches up.
const BATCH: u64 = 1_000;
/// The mirror's tables, and the awards that it gives.
const TABLES: [&str; 17] = [
    "transactions",
    "calls",
    "events",
    "accounts",
    "accounts_before",
    "campaigns",
    "referrals",
    "conversions",
    "conversion_quarters",
    "maturing",
    "referral_totals",
    "referrer_daily",
    "referrer_totals",
    "boards",
    "board_fences",
    "mint_totals",
    "awards",
];

#[derive(Debug, Serialize)]
pub(crate) struct Applied {
    pub(crate) conversions: u64,
    pub(crate) rows: u64,
    /// Seconds to compute the rows.
    pub(crate) replay_seconds: f64,
    /// Seconds to write them, with counters, ranks and finality.
    pub(crate) write_seconds: f64,
    /// Seconds that COPY takes for the same rows.
    pub(crate) copy_seconds: f64,
    /// Seconds of a processor that Postgres spends on each. Other processes change them less than the time.
    pub(crate) write_processor_seconds: f64,
    pub(crate) copy_processor_seconds: f64,
    pub(crate) rows_per_second_written: f64,
    pub(crate) rows_per_second_applied: f64,
    pub(crate) rows_per_second_copied: f64,
    /// Writing to COPY.
    pub(crate) written_to_copied: f64,
    /// Computing and writing to COPY.
    pub(crate) applied_to_copied: f64,
    /// Each table with its rows, and the seconds that COPY takes.
    pub(crate) tables: Vec<(String, u64, f64)>,
}

pub(crate) async fn measure(
    history: &Arc<History>,
    postgres: &Postgres,
    instance: &Instance,
) -> Result<Applied> {
    let database = postgres.create_database("bench_apply").await?;
    let node = Node::start(Arc::clone(history)).await?;
    node.show(Tip {
        confirmed: history.len(),
        finalized: history.len(),
        confirmed_slot: history.end_slot(),
        finalized_slot: history.end_slot(),
    });
    let mut applier = Applier::new(node.url(), database.url())
        .await
        .map_err(|error| anyhow!(error))?;
    let (mut replayed, mut written) = (Duration::ZERO, Duration::ZERO);
    let mut number = 0;
    let mut slot = 0;
    while number < history.len() {
        let end = (number + BATCH).min(history.len());
        // Fetching is no part of this.
        let transactions = fetch(&applier, history, number..end).await?;
        let began = Instant::now();
        let batch = applier
            .replay(&transactions)
            .await
            .map_err(|error| anyhow!(error))?;
        replayed += began.elapsed();
        let began = Instant::now();
        applier
            .write(&batch, slot, end == history.len())
            .await
            .map_err(|error| anyhow!(error))?;
        written += began.elapsed();
        slot = batch.transactions.last().map_or(slot, |last| last.slot + 1);
        number = end;
        if number.is_multiple_of(BATCH * 10) {
            eprintln!(
                "{number} of {} transactions: {:.1} s replay, {:.1} s write",
                history.len(),
                replayed.as_secs_f64(),
                written.as_secs_f64()
            );
        }
    }
    let mut source = PgConnection::connect(database.url()).await?;
    let writer: i32 = sqlx::query(
        "SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'vouch-indexer writer'",
    )
    .fetch_one(&mut source)
    .await?
    .get(0);
    let write_processor_seconds = processor_seconds(writer)?;
    drop(applier);

    let target = postgres.create_database("bench_copy").await?;
    let mut target_connection = PgConnection::connect(target.url()).await?;
    let mut tables = Vec::new();
    for table in TABLES {
        let rows: i64 = sqlx::query(&format!("SELECT count(*) FROM {table}"))
            .fetch_one(&mut source)
            .await?
            .get(0);
        let file = instance.dir().join(format!("{table}.copy"));
        let mut out = tokio::fs::File::create(&file).await?;
        let mut copied = source
            .copy_out_raw(&format!("COPY {table} TO STDOUT (FORMAT binary)"))
            .await?;
        while let Some(chunk) = copied.next().await {
            out.write_all(&chunk?).await?;
        }
        out.flush().await?;
        drop(copied);
        let mut input = tokio::fs::File::open(&file).await?;
        let began = Instant::now();
        let mut copy = target_connection
            .copy_in_raw(&format!("COPY {table} FROM STDIN (FORMAT binary)"))
            .await?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = input.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            copy.send(&buffer[..read]).await?;
        }
        let taken = copy.finish().await?;
        let seconds = began.elapsed().as_secs_f64();
        ensure!(
            i64::try_from(taken) == Ok(rows),
            "{table}: {taken} of {rows} rows"
        );
        tables.push((table.to_owned(), taken, seconds));
        tokio::fs::remove_file(&file).await?;
    }
    let copier: i32 = sqlx::query("SELECT pg_backend_pid()")
        .fetch_one(&mut target_connection)
        .await?
        .get(0);
    let copy_processor_seconds = processor_seconds(copier)?;
    let conversions = tables
        .iter()
        .find(|(table, ..)| table == "conversions")
        .context("a table")?
        .1;
    ensure!(
        conversions == history.conversions,
        "{conversions} of {} conversions",
        history.conversions
    );
    let rows: u64 = tables.iter().map(|(_, rows, _)| rows).sum();
    let copy_seconds: f64 = tables.iter().map(|(.., seconds)| seconds).sum();
    let (replay_seconds, write_seconds) = (replayed.as_secs_f64(), written.as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52 rows")]
    let rate = |seconds: f64| rows as f64 / seconds;
    Ok(Applied {
        conversions,
        rows,
        replay_seconds,
        write_seconds,
        copy_seconds,
        write_processor_seconds,
        copy_processor_seconds,
        rows_per_second_written: rate(write_seconds),
        rows_per_second_applied: rate(write_seconds + replay_seconds),
        rows_per_second_copied: rate(copy_seconds),
        written_to_copied: copy_seconds / write_seconds,
        applied_to_copied: copy_seconds / (write_seconds + replay_seconds),
        tables,
    })
}

/// The time that a process has used a processor, from `/proc`.
fn processor_seconds(pid: i32) -> Result<f64> {
    /// Ticks in a second, the same on every Linux.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("the end of a name")?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    let mut next = || ticks.next().context("a number of ticks");
    let (user, system) = (next()??, next()??);
    Ok(f64::from(user + system) / TICKS)
}

async fn fetch(
    applier: &Applier,
    history: &History,
    numbers: std::ops::Range<u64>,
) -> Result<Vec<Transaction>> {
    let fetched = futures::stream::iter(numbers)
        .map(|number| async move {
            applier
                .fetch(&history.signature(number), history.slot(number))
                .await
        })
        .buffered(8)
        .collect::<Vec<_>>();
    fetched
        .await
        .into_iter()
        .map(|it| it.map_err(|error| anyhow!(error)))
        .collect()
}
