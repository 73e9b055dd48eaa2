//! Runs the service from its configuration to its shutdown.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use secrecy::ExposeSecret;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use url::Url;
use vouch_db::api;
use vouch_service::{Metrics, Stop};

use crate::{
    Config,
    app::router,
    chain::Chain,
    clicks::{recorder::Recorder, spool::Spool, visitor::Pseudonyms},
    config::SHUTDOWN_GRACE,
    database::{Database, PATIENCE},
    links::Links,
    routes::totals::KnownTotals,
    state::{AppState, Inner, KnownLinks},
    web::Pages,
};

/// Bounds of all histograms, in seconds or in clicks of a group.
const BUCKETS: [f64; 16] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 50.0, 250.0, 1000.0,
];
/// Interval of the upkeep of partitions.
const PARTITIONS_EVERY: Duration = Duration::from_secs(3600);

/// Serves until SIGTERM or SIGINT, then finishes running requests.
///
/// # Errors
/// When the configuration is unusable: the address is taken, the spool file cannot be
/// written or belongs to another process, or Postgres refuses.
pub async fn serve(config: Config) -> Result<()> {
    if let Some(token) = &config.admin_token {
        ensure!(
            token.expose_secret().len() >= 16,
            "ADMIN_TOKEN must have at least 16 characters; leave it out to switch admin routes off"
        );
    }
    let mut stop = Stop::new()?;
    let stopping = CancellationToken::new();

    let listener = config.listen.listen().await?;
    let address = listener.local_addr()?;
    let public_url = match &config.public_url {
        Some(url) => url.clone(),
        None => Url::parse(&format!("http://{address}"))?,
    };

    let database_url = config.database_url.expose_secret();
    let database = Arc::new(
        Database::new(database_url, config.database_connections)
            .context("DATABASE_URL is not the URL of a Postgres database")?,
    );
    let click_pool = api::pool(database_url, 1, PATIENCE)?;
    let spool = Spool::open(&config.click_spool)?;
    if spool.waiting() > 0 {
        tracing::info!(
            clicks = spool.waiting(),
            "clicks of an earlier run wait for Postgres"
        );
    }
    let metrics = Metrics::install(&[("", &BUCKETS)])?;
    let close = CancellationToken::new();
    let (recorder, mut writer) =
        Recorder::start(Arc::clone(&database), click_pool, spool, close.clone());
    let chain = Arc::new(Chain::new(config.rpc_url.expose_secret().to_owned()));
    let state = AppState(Arc::new(Inner {
        database: Arc::clone(&database),
        chain: Arc::clone(&chain),
        recorder,
        pseudonyms: Pseudonyms::default(),
        links: Links::new(&public_url, config.default_landing_url)?,
        known_links: KnownLinks::new(Arc::clone(&database)),
        known_totals: KnownTotals::default(),
        pages: Pages::new(config.public_chain, config.public_rpc_url.as_ref())?,
        admin_token: config.admin_token,
        trusted_proxy_hops: config.trusted_proxy_hops,
        metrics: metrics.clone(),
    }));

    config.listen.announce(&listener)?;
    tracing::info!(%address, %public_url, "listening");

    let service = router(state).into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn({
        let stopping = stopping.clone();
        async move {
            axum::serve(listener, service)
                .with_graceful_shutdown(stopping.cancelled_owned())
                .await
        }
    });
    let background = tokio::spawn(background(Arc::clone(&database), chain, metrics));

    let outcome = tokio::select! {
        () = stop.wait() => Ok(()),
        // Without the writer, no click can be stored, so end with an error and let the
        // supervisor restart the service.
        ended = &mut writer => {
            ended.context("the writer of clicks panicked")?;
            bail!("the writer of clicks ended");
        }
        ended = background => ended.context("a background task panicked").and_then(|ended| ended),
    };
    tracing::info!("stopping");
    stopping.cancel();
    // A client that keeps its connection open must not delay the end.
    match tokio::time::timeout(SHUTDOWN_GRACE, server).await {
        Ok(served) => served??,
        Err(_) => tracing::warn!("some connections did not end in time"),
    }
    // The writer stores the clicks that it has and ends, even if a recorder still exists.
    close.cancel();
    match tokio::time::timeout(SHUTDOWN_GRACE, writer).await {
        Ok(ended) => ended.context("the writer of clicks panicked")?,
        Err(_) => bail!("the last clicks could not be stored in time"),
    }
    tracing::info!("stopped");
    outcome
}

/// Background tasks. Ends only when the service cannot go on.
async fn background(database: Arc<Database>, chain: Arc<Chain>, metrics: Metrics) -> Result<()> {
    tokio::select! {
        outcome = database.watch() => outcome,
        () = chain.watch() => Ok(()),
        () = metrics.upkeep() => Ok(()),
        () = partitions(&database) => Ok(()),
    }
}

/// Creates the partitions of today and the next three days.
async fn partitions(database: &Database) {
    loop {
        database.came_up().await;
        let today = OffsetDateTime::now_utc().date();
        for day in (0..4).map(|days| today.saturating_add(time::Duration::days(days))) {
            let made = database
                .run(async |pool| api::clicks::create_partition(&pool, day).await)
                .await;
            if let Err(error) = made {
                // Clicks of that day go to the default partition, so nothing is lost.
                let cause = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(%day, cause, "could not make a day's partition of clicks");
            }
        }
        tokio::time::sleep(PARTITIONS_EVERY).await;
    }
}
