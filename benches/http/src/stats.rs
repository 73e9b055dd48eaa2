//! The stats of a code with very many clicks, beside a query that counts them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::Value;
use sqlx::{Executor as _, PgPool, Row as _};
use vouch_localnet::{Instance, Postgres};

use crate::api;

/// Requests for stats.
const REQUESTS: usize = 1_000;

#[derive(Debug, Serialize)]
pub(crate) struct Stats {
    pub(crate) clicks: u32,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    /// Milliseconds that Postgres takes to count the clicks.
    pub(crate) counting_ms: f64,
}

/// Measures the stats of a code with this many clicks.
pub(crate) async fn measure(
    postgres: &Postgres,
    instance: &Instance,
    clicks: u32,
) -> Result<Stats> {
    let database = postgres.create_database("bench_stats").await?;
    let pool = PgPool::connect(database.url()).await?;
    api::fill(&pool).await?;
    let rows = format!(
        "INSERT INTO clicks (id, clicked_at, campaign, referral, code, visitor, verdict)
         SELECT gen_random_uuid(), now() - n * interval '1 second', '{}', '{}', '{}',
             sha256(n::text::bytea), 'human'
         FROM generate_series(1, {clicks}) AS n;
         INSERT INTO referral_clicks (referral, clicks, bot_clicks, unique_visitors)
         VALUES ('{}', {clicks}, 0, {clicks});
         ANALYZE",
        api::CAMPAIGN,
        api::REFERRAL,
        api::CODE,
        api::REFERRAL
    );
    pool.execute(rows.as_str()).await?;
    let mut service = api::start(&database, instance).await?;
    let http = reqwest::Client::new();
    let url = format!("{}/v1/codes/{}/stats", service.url(), api::CODE);
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let began = Instant::now();
        let answer: Value = http
            .get(&url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        times.push(began.elapsed());
        ensure!(answer["clicks"]["total"] == clicks, "{answer}");
    }
    times.sort_unstable();
    let count = format!(
        "SELECT count(*) FROM clicks WHERE referral = '{}'",
        api::REFERRAL
    );
    let mut counting = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        let found: i64 = pool.fetch_one(count.as_str()).await?.get(0);
        ensure!(found == i64::from(clicks), "{found} clicks");
        counting = counting.min(began.elapsed());
    }
    service.stop().await?;
    Ok(Stats {
        clicks,
        median_ms: api::percentile(&times, 50),
        p99_ms: api::percentile(&times, 99),
        counting_ms: counting.as_secs_f64() * 1000.0,
    })
}
