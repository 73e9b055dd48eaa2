//! Runs the service from its configuration to its shutdown.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;
use vouch_db::api;
use vouch_service::{Metrics, Stop};

use crate::{
    Config,
    app::router,
    attestor::Keyring,
    auth::{self, Auth},
    chain::Chain,
    clicks::{count, machines, recorder::Recorder, spool::Spool, upkeep},
    config::SHUTDOWN_GRACE,
    connections::{Connections, Peer},
    database::{Database, PATIENCE},
    limits,
    links::Links,
    live,
    pages::Pages,
    sponsor::{self, Sponsor},
    state::{AppState, Inner},
};

/// Bounds of all histograms, in seconds or in clicks of a group.
const BUCKETS: [f64; 16] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 50.0, 250.0, 1000.0,
];

/// Serves until SIGTERM or SIGINT, then finishes running requests.
///
/// # Errors
/// When the configuration is unusable: the address is taken, a header is named that no proxy sets, the spool file cannot be
/// written or belongs to another process, or Postgres refuses.
pub async fn serve(config: Config) -> Result<()> {
    let mut stop = Stop::new()?;
    let stopping = CancellationToken::new();

    if config.country_header.is_some() && config.trusted_proxy_hops == 0 {
        // Anybody could say where they are.
        bail!("COUNTRY_HEADER needs TRUSTED_PROXY_HOPS: without a proxy, clients set the header");
    }
    if config.click_rollup_retention_days < config.click_retention_days {
        // A recount would miss what was counted of the clicks that are kept.
        bail!("CLICK_ROLLUP_RETENTION_DAYS must be at least CLICK_RETENTION_DAYS");
    }
    let sponsor = Sponsor::new(&config.sponsor)?;
    let attestors = Keyring::open(
        config.attestor_keys.as_deref(),
        config.sponsor.keypair.as_deref(),
    )?;
    machines::prepare();
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
    let click_pool = api::click_pool(database_url, PATIENCE)?;
    let spool = Spool::open(&config.click_spool)?;
    if spool.waiting() > 0 {
        tracing::info!(
            clicks = spool.waiting(),
            "clicks of an earlier run wait for Postgres"
        );
    }
    let metrics = Metrics::install(&[("", &BUCKETS)])?;
    let close = CancellationToken::new();
    let (recorder, mut writer) = Recorder::start(
        Arc::clone(&database),
        click_pool,
        spool,
        Duration::from_millis(config.click_timeout_ms.into()),
        close.clone(),
    );
    let chain = Arc::new(Chain::new(
        config.rpc_url.expose_secret().to_owned(),
        Duration::from_millis(config.node_patience_ms.into()),
    ));
    let links = Links::new(&public_url, config.default_landing_url.clone())?;
    let inner = Inner::new(
        &config,
        Arc::clone(&database),
        Arc::clone(&chain),
        recorder,
        links,
        Auth::new(&public_url, config.public_chain)?,
        Pages::new(config.public_chain, config.public_rpc_url.as_ref())?,
    );
    let state = AppState(Arc::new(inner.with_keys(sponsor, attestors)));
    let streams = Arc::clone(&state.live);
    let probes = probes(&config).await?;
    let probes = vouch_service::serve(probes, Arc::clone(&state.0), metrics);

    config.listen.announce(&listener)?;
    tracing::info!(%address, %public_url, "listening");

    let service = router(state.clone()).into_make_service_with_connect_info::<Peer>();
    let listener = Connections(listener);
    let server = tokio::spawn({
        let stopping = stopping.clone();
        async move {
            axum::serve(listener, service)
                .with_graceful_shutdown(stopping.cancelled_owned())
                .await
        }
    });
    let background = tokio::spawn(async move {
        tokio::select! {
            outcome = state.database.watch(&state.heartbeat) => outcome,
            ended = probes => ended.context("the server of /metrics failed"),
            () = state.chain.watch() => Ok(()),
            () = upkeep::run(
                &state.database,
                config.click_retention_days,
                config.click_rollup_retention_days,
            ) => Ok(()),
            () = count::run(&state.database) => Ok(()),
            () = auth::sweep(&state.database) => Ok(()),
            () = limits::sweep(&state.database) => Ok(()),
            () = sponsor::watch(&state) => Ok(()),
            () = live::follow(&state.live, &state.database) => Ok(()),
        }
    });

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
    streams.close();
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

/// Listens for the operator's probes.
async fn probes(config: &Config) -> Result<TcpListener> {
    let address = config.probes_listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (PROBES_LISTEN)"))?;
    if let Some(path) = &config.probes_port_file {
        vouch_service::write_port_file(path, listener.local_addr()?)?;
    }
    Ok(listener)
}
