//! Redirects with durable clicks, alternating with the bare redirect.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use serde::Serialize;
use sqlx::{Executor as _, PgPool, Row as _};
use tokio::time::{Instant, sleep};
use vouch_localnet::{Instance, Postgres, Service, ServiceSpec};

use crate::{
    api,
    wrk::{self, Load},
};

/// Connections of the usual load. Three times as many come afterwards.
const CONNECTIONS: u32 = 64;
/// Time until clicks that were spooled are in Postgres.
const DEADLINE: Duration = Duration::from_secs(120);

#[derive(Debug, Serialize)]
pub(crate) struct Redirects {
    /// The runs in the middle.
    pub(crate) bare: Load,
    pub(crate) durable: Load,
    pub(crate) throughput_to_bare: f64,
    pub(crate) p99_to_bare: f64,
    /// With three times as many connections.
    pub(crate) bare_crowd: Load,
    pub(crate) crowd: Load,
    pub(crate) crowd_throughput_to_usual: f64,
    /// Megabytes of the API before the load, at most with the usual load, and at most in all.
    pub(crate) idle_mb: f64,
    pub(crate) usual_mb: f64,
    pub(crate) crowd_mb: f64,
    /// Clicks in Postgres, and answers that said that they are durable.
    pub(crate) clicks: u64,
    pub(crate) answers: u64,
}

/// Measures both `runs` times for `seconds`.
///
/// # Errors
/// When a request is refused, or a click is missing or counted twice.
pub(crate) async fn measure(
    postgres: &Postgres,
    instance: &Instance,
    seconds: u32,
    runs: u32,
) -> Result<Redirects> {
    let wrk = wrk::find()?;
    let database = postgres.create_database("bench_redirects").await?;
    let pool = PgPool::connect(database.url()).await?;
    api::fill(&pool).await?;
    let mut service = api::start(&database, instance).await?;
    let mut bare = Service::start(ServiceSpec {
        name: "bare".into(),
        binary: std::env::current_exe()?,
        args: vec!["bare".into()],
        dir: instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: Vec::new(),
    })
    .await?;
    let load = async |service: &Service, connections, seconds| {
        let url = format!("{}/r/{}", service.url(), api::CODE);
        let wrk = wrk.clone();
        tokio::task::spawn_blocking(move || wrk::run(&wrk, &url, connections, seconds)).await?
    };
    let (idle_mb, _) = api::memory(&service)?;
    // Both are warm afterwards.
    load(&bare, CONNECTIONS, 1).await?;
    let mut loads = vec![load(&service, CONNECTIONS, 1).await?];
    let (mut bares, mut durables) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        bares.push(load(&bare, CONNECTIONS, seconds).await?);
        durables.push(load(&service, CONNECTIONS, seconds).await?);
    }
    let (_, usual_mb) = api::memory(&service)?;
    let bare_crowd = load(&bare, CONNECTIONS * 3, seconds).await?;
    let crowd = load(&service, CONNECTIONS * 3, seconds).await?;
    let (_, crowd_mb) = api::memory(&service)?;
    loads.extend(durables.iter().cloned());
    loads.push(crowd.clone());
    let (clicks, answers) = check(&pool, &loads).await?;
    let (bare_load, durable) = (middle(bares), middle(durables));
    bare.stop().await?;
    service.stop().await?;
    Ok(Redirects {
        throughput_to_bare: durable.per_second / bare_load.per_second,
        p99_to_bare: durable.p99_ms / bare_load.p99_ms,
        crowd_throughput_to_usual: crowd.per_second / durable.per_second,
        bare: bare_load,
        durable,
        bare_crowd,
        crowd,
        idle_mb,
        usual_mb,
        crowd_mb,
        clicks,
        answers,
    })
}

/// Every answer's click is in Postgres, counted once. When wrk stops, it hangs up on requests of which
/// it has seen no answer: one for each connection.
async fn check(pool: &PgPool, loads: &[Load]) -> Result<(u64, u64)> {
    let answers: u64 = loads.iter().map(|load| load.answers).sum();
    let unseen: u64 = loads.iter().map(|load| u64::from(load.connections)).sum();
    let number = async |sql| -> Result<u64> {
        let row = pool.fetch_one(sql).await?;
        Ok(u64::try_from(row.get::<i64, _>(0))?)
    };
    let began = Instant::now();
    let clicks = loop {
        let clicks = number("SELECT count(*) FROM clicks").await?;
        if clicks >= answers {
            break clicks;
        }
        ensure!(
            began.elapsed() < DEADLINE,
            "{clicks} clicks of {answers} answers are in Postgres"
        );
        sleep(Duration::from_millis(200)).await;
    };
    ensure!(
        clicks <= answers + unseen,
        "{clicks} clicks of {answers} answers and at most {unseen} more"
    );
    let counted = number("SELECT sum(clicks)::bigint FROM referral_clicks").await?;
    let clicks_now = number("SELECT count(*) FROM clicks").await?;
    ensure!(counted == clicks_now, "{counted} counted of {clicks_now}");
    Ok((clicks, answers))
}

/// The one with the median throughput.
fn middle(mut loads: Vec<Load>) -> Load {
    loads.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    loads.swap_remove(loads.len() / 2)
}
