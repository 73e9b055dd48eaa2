//! The indexer: mirrors the program's transactions into Postgres.
//!
//! `docs/decisions/mirror.md` describes how, and its guarantees. The binary is [`main`]. [`Mirroring`]
//! does the same rounds one at a time, for tests and benchmarks.

mod agree;
mod applier;
mod batches;
mod chain;
mod commitment;
mod config;
mod digest;
mod events;
mod failure;
#[cfg(feature = "grpc")]
mod grpc;
mod health;
mod heights;
mod history;
mod ledger;
mod lists;
mod migrate;
mod mirror;
mod project;
mod ranking;
mod rebuild;
mod recount;
mod sent;
mod session;
mod source;
mod sources;
mod standing;
mod steps;
#[cfg_attr(
    not(feature = "grpc"),
    expect(dead_code, reason = "nothing is delivered")
)]
mod stream;
mod sync;
mod transactions;
mod verify;
mod votes;
mod wake;
mod witness;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
pub use applier::Applier;
use clap::Parser;
pub use steps::{Mirroring, Options, Rounds};
use vouch_service::{Metrics, Stop};

use crate::{
    chain::Chain,
    config::{Cli, Command, Config},
    failure::Failure,
    health::{Health, Status},
};

/// Upper bounds of the time that a batch takes to be written, in seconds.
const APPLY_SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// After a session of this length, the next pause is the shortest again.
const SOUND: Duration = Duration::from_secs(30);

/// Runs the command that the process's arguments name.
pub async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(config) => start(*config).await,
        Command::Migrate(config) => migrate::run(&config).await,
        Command::Verify(config) => verify::run(&config).await,
        Command::Recount(config) => recount::run(&config).await,
        Command::Rebuild(config) => rebuild::run(&config).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(config: Config) -> Result<()> {
    config.log.init()?;
    if cfg!(not(feature = "grpc")) && config.grpc_url.is_some() {
        anyhow::bail!("GRPC_URL is set, but this binary was built without the feature `grpc`");
    }
    config.check_token().map_err(anyhow::Error::msg)?;
    let metrics = Metrics::install(&[
        ("vouch_indexer_apply_seconds", &APPLY_SECONDS),
        ("vouch_indexer_rank_seconds", &APPLY_SECONDS),
    ])?;
    let mut stop = Stop::new()?;
    let listener = config.probes.listen.bind().await?;
    let health = Arc::new(Health::new(
        config.max_slots_behind,
        config.max_age(),
        config.probes.heartbeat(),
    ));
    tracing::info!(address = %listener.local_addr()?, "listening");

    tokio::select! {
        ended = vouch_service::serve(listener, Arc::clone(&health), metrics) => {
            ended.context("the server of /healthz failed")
        }
        ended = mirror(&config, &health) => ended,
        () = stop.wait() => Ok(()),
    }?;
    tracing::info!("stopped");
    Ok(())
}

/// Runs session after session. Returns only an error that no retry can cure.
async fn mirror(config: &Config, health: &Arc<Health>) -> Result<()> {
    health.set(
        Status::DatabaseUnavailable,
        Some("waiting for Postgres".to_owned()),
    );
    let pool = vouch_db::connect_with(&config.database_url, || health.beat()).await?;
    vouch_db::await_schema(&pool, || health.beat()).await?;
    health.set(Status::Starting, None);
    let chain = Chain::new(&config.rpc_url, config.limits())?;
    chain.sources().tell(health);
    health.watch(chain.report());
    let paces = ranking::Paces::default();
    let mut pause = FIRST_PAUSE;
    loop {
        let start = tokio::time::Instant::now();
        let Err(failure) = session::run(config, &chain, &pool, health, &paces).await else {
            continue;
        };
        health.beat();
        health.ended(&failure);
        metrics::counter!("vouch_indexer_sessions_failed_total").increment(1);
        match failure {
            failure if failure.is_fatal() => anyhow::bail!("{failure}"),
            Failure::Database(error) if error.is_fatal() => return Err(error.into()),
            _ => {}
        }
        if start.elapsed() > SOUND {
            pause = FIRST_PAUSE;
        }
        let cause = root_cause(&failure).map(ToString::to_string);
        tracing::error!(cause, retry_in = ?pause, "{failure}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// The root cause of the failure, for the log alone.
fn root_cause(failure: &Failure) -> Option<&dyn std::error::Error> {
    let mut cause = std::error::Error::source(failure)?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause)
}
