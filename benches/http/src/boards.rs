//! A leaderboard of very many referrers while conversions are counted, beside `RANK()` over the same rows.

use std::{
    cmp::Reverse,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::future;
use serde::Serialize;
use serde_json::Value;
use solana_sdk::pubkey::Pubkey;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, Row as _};
use tokio::time::sleep;
use vouch_db::mirror::{Batch, Final, Writer, recount};
use vouch_localnet::{Database, Instance, Postgres};

use crate::api;

/// Requests of each kind.
const REQUESTS: u32 = 2_000;
/// Requests at the same time.
const CLIENTS: u32 = 2;
/// Conversions that begin to count at once, as a block brings them, and the pause after them.
const BLOCK: u32 = 50;
const BLOCK_TIME: Duration = Duration::from_millis(400);
/// Rows of one part of what is copied.
const PART: u32 = 100_000;
/// Entries of a page.
const PAGE: u32 = 100;

#[derive(Debug, Serialize)]
pub(crate) struct Boards {
    pub(crate) referrers: u32,
    /// The first page.
    pub(crate) top: Times,
    /// A wallet's own rank, each time another wallet's.
    pub(crate) own: Times,
    /// A page in the middle, each time another one.
    pub(crate) deep: Times,
    /// Milliseconds that `RANK()` takes for one wallet, at best.
    pub(crate) rank_ms: f64,
    /// `RANK()` to the median of an own rank.
    pub(crate) rank_to_own: f64,
    /// Conversions that were counted meanwhile, each second.
    pub(crate) counted_per_second: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Times {
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Measures the leaderboard over all campaigns.
///
/// # Errors
/// When a rank is not that of a plain sort.
pub(crate) async fn measure(
    postgres: &Postgres,
    instance: &Instance,
    referrers: u32,
) -> Result<Boards> {
    let database = postgres.create_database("bench_boards").await?;
    let pool = PgPool::connect(database.url()).await?;
    api::fill(&pool).await?;
    fill(&database, referrers).await?;
    let mut service = api::start(&database, instance).await?;
    let url = format!("{}/v1/leaderboard", service.url());
    check(&url, referrers).await?;

    let stop = AtomicBool::new(false);
    let reads = async {
        let middle = referrers / 2;
        let times = async {
            let top = times(|_| format!("{url}?limit={PAGE}")).await?;
            let own = |n| format!("{url}?limit=1&wallet={}", wallet(spread(n, referrers)));
            let own = times(own).await?;
            let deep = times(|n| format!("{url}?limit={PAGE}&rank={}", middle + n)).await?;
            anyhow::Ok((top, own, deep))
        };
        let times = times.await;
        stop.store(true, Ordering::Relaxed);
        times
    };
    let began = Instant::now();
    let (read, counted) = future::join(reads, count(&database, &pool, referrers, &stop)).await;
    let (top, own, deep) = read?;
    let counted_per_second = f64::from(counted?) / began.elapsed().as_secs_f64();

    let mut rank = Duration::MAX;
    for n in 0..3 {
        let began = Instant::now();
        let row = sqlx::query(
            "SELECT rank FROM (
                 SELECT referrer, rank() OVER (ORDER BY -conversions::numeric, last_converted_at, referrer)
                 FROM referrer_totals WHERE campaign = '' AND period = '') AS ranked
             WHERE referrer = $1",
        )
        .bind(wallet(n).to_string())
        .fetch_one(&pool)
        .await?;
        ensure!(row.get::<i64, _>(0) > 0, "no rank");
        rank = rank.min(began.elapsed());
    }
    service.stop().await?;
    let rank_ms = rank.as_secs_f64() * 1000.0;
    Ok(Boards {
        referrers,
        rank_to_own: rank_ms / own.median_ms,
        top,
        own,
        deep,
        rank_ms,
        counted_per_second,
    })
}

/// The wallet of a referrer. Their order is another than that of their numbers.
fn wallet(number: u32) -> Pubkey {
    let mut bytes = [0; 32];
    for (place, part) in bytes.chunks_mut(8).enumerate() {
        let seed = (u64::from(number) << 2) + place as u64;
        part.copy_from_slice(&mixed(seed).to_be_bytes());
    }
    Pubkey::new_from_array(bytes)
}

/// A finaliser of `SplitMix64`.
fn mixed(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Numbers below `bound` that are far from each other.
fn spread(number: u32, bound: u32) -> u32 {
    u32::try_from(mixed(u64::from(number) + 1) % u64::from(bound)).unwrap_or_default()
}

/// Conversions of a referrer: most have few.
fn conversions(number: u32) -> u32 {
    1 + 1_000_000 / (1 + spread(number, 1_000_000))
}

/// Unix seconds of a referrer's last conversion.
fn last_converted_at(number: u32) -> u32 {
    1_700_000_000 + number % 1_000_000
}

/// Fills the leaderboard over all campaigns and times, and cuts it into its parts as the indexer does.
async fn fill(database: &Database, referrers: u32) -> Result<()> {
    let mut connection = PgConnection::connect(database.url()).await?;
    for first in (0..referrers).step_by(PART as usize) {
        let last = referrers.min(first + PART);
        let rows: String = (first..last)
            .map(|n| {
                let (wallet, conversions) = (wallet(n), conversions(n));
                format!(
                    "\t{wallet}\t\t{conversions}\t0\t{}\t0\n",
                    last_converted_at(n)
                )
            })
            .collect();
        let mut copy = connection
            .copy_in_raw(
                "COPY mirror.referrer_totals
                 (campaign, referrer, period, conversions, rewards, last_converted_at, volume) FROM STDIN",
            )
            .await?;
        copy.send(rows.into_bytes()).await?;
        copy.finish().await?;
        if last.is_multiple_of(1_000_000) {
            eprintln!("{last} of {referrers} referrers");
        }
    }
    let board =
        format!("INSERT INTO boards VALUES ('', '', {referrers}); VACUUM ANALYZE referrer_totals");
    for sql in board.split("; ") {
        connection.execute(sql).await?;
    }
    let mut after = None;
    loop {
        let range = recount::fences(&mut connection, after.as_ref(), true).await?;
        after = range.last;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Ranks are those of a plain sort.
async fn check(url: &str, referrers: u32) -> Result<()> {
    let mut sorted: Vec<_> = (0..referrers)
        .map(|n| {
            let wallet = wallet(n).to_string();
            (Reverse(conversions(n)), last_converted_at(n), wallet)
        })
        .collect();
    sorted.sort_unstable();
    for n in 0..20 {
        let place = spread(n, referrers) as usize;
        let (_, _, wallet) = sorted.get(place).context("a place")?;
        let answer = reqwest::get(format!("{url}?limit=1&wallet={wallet}")).await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        ensure!(
            answer["own"]["rank"] == place + 1,
            "{}: {answer}",
            place + 1
        );
        ensure!(answer["total_entries"] == referrers, "{answer}");
    }
    Ok(())
}

/// Sends requests for these addresses, [`CLIENTS`] at the same time.
async fn times(url: impl Fn(u32) -> String) -> Result<Times> {
    let http = reqwest::Client::new();
    let next = AtomicU32::new(0);
    let client = async || {
        let mut times = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= REQUESTS {
                return anyhow::Ok(times);
            }
            let url = url(number);
            let began = Instant::now();
            http.get(url)
                .send()
                .await?
                .error_for_status()?
                .bytes()
                .await?;
            times.push(began.elapsed());
        }
    };
    let mut times = future::try_join_all((0..CLIENTS).map(|_| client()))
        .await?
        .concat();
    times.sort_unstable();
    Ok(Times {
        median_ms: api::percentile(&times, 50),
        p99_ms: api::percentile(&times, 99),
    })
}

/// Lets conversions of these referrers count as the indexer does, until it shall stop. Returns how many.
async fn count(
    database: &Database,
    pool: &PgPool,
    referrers: u32,
    stop: &AtomicBool,
) -> Result<u32> {
    let writer = Writer::try_acquire(database.url()).await?;
    let mut writer = writer.context("nobody else writes")?;
    let mut counted = 0;
    while !stop.load(Ordering::Relaxed) {
        let wallets: Vec<String> = (counted..counted + BLOCK)
            .map(|n| wallet(spread(n, referrers)).to_string())
            .collect();
        let at = 1_800_000_000 + i64::from(counted);
        sqlx::query(
            "WITH sale AS (
                 SELECT $1 + n AS seq, referrer FROM UNNEST($2::text[]) WITH ORDINALITY AS sale (referrer, n)
             ), inserted AS (
                 INSERT INTO conversions
                 SELECT 'sale-' || seq, seq, seq, $3, 'code of ' || referrer, $4,
                        referrer, NULL, 'referee', 'signup', 1, NULL, 1, 0, 0, $5, $5, 'paid', 7
                 FROM sale
             ), told AS (UPDATE indexer_state SET confirmed_seq = $1 + (SELECT count(*) FROM sale))
             INSERT INTO maturing SELECT 'sale-' || seq, seq, $5, $3, $5 FROM sale",
        )
        .bind(i64::from(counted))
        .bind(wallets)
        .bind(api::CAMPAIGN)
        .bind(api::CODE)
        .bind(at)
        .execute(pool)
        .await?;
        counted += BLOCK;
        let range = Final {
            seq: counted.into(),
            first_slot: 0,
            last_slot: counted.into(),
            time: Some(at),
            source: "bench".into(),
        };
        writer.write(&Batch::default(), Some(&range)).await?;
        sleep(BLOCK_TIME).await;
    }
    Ok(counted)
}
