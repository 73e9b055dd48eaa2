//! Webhooks: tells endpoints what happens in their campaigns.
//!
//! `docs/decisions/webhooks.md` says what is guaranteed, `docs/webhooks.md` what endpoints receive.

mod config;
mod deliver;
mod follow;
mod guard;
mod health;
mod janitor;
mod manage;
mod message;
mod post;
mod produce;

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use vouch_db::PgPool;
use vouch_service::{Metrics, Stop};

use crate::{
    config::{Cli, Command, Config},
    guard::System,
    health::Health,
    post::Post,
};

/// Upper bounds of the time that an attempt takes, in seconds.
const ATTEMPT_SECONDS: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 30.0];

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(config) => start(&config).await,
        Command::Endpoint(command) => manage::endpoint(command).await,
        Command::Replay(command) => manage::replay(command).await,
        Command::Deliveries(command) => manage::deliveries(command).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(config: &Config) -> Result<()> {
    config.check()?;
    config.log.init()?;
    let metrics = Metrics::install(&[("vouch_webhooks_attempt_seconds", &ATTEMPT_SECONDS)])?;
    let mut stop = Stop::new()?;
    let listener = config.probes.listen.bind().await?;
    let health = Arc::new(Health::new(config.probes.heartbeat()));
    let post = Post::new(System, config.allowed.reach(), config.timeout)
        .context("the HTTP client cannot be made")?;
    tracing::info!(address = %listener.local_addr()?, reach = %config.allowed.reach(), "listening");

    tokio::select! {
        ended = vouch_service::serve(listener, Arc::clone(&health), metrics) => {
            ended.context("the server of /healthz failed")
        }
        ended = work(config, &health, post, &mut stop) => ended,
    }?;
    tracing::info!("stopped");
    Ok(())
}

/// Works until the process is stopped.
async fn work(config: &Config, health: &Arc<Health>, post: Post, stop: &mut Stop) -> Result<()> {
    let pool = tokio::select! {
        pool = database(config, health) => pool?,
        () = stop.wait() => return Ok(()),
    };
    tokio::select! {
        never = produce::run(&pool, config, health) => match never {},
        never = janitor::run(&pool, config) => match never {},
        () = deliver::run(&pool, config, post, health, stop.wait()) => Ok(()),
    }
}

/// Waits for Postgres, and for a schema that this version works with.
async fn database(config: &Config, health: &Health) -> Result<PgPool> {
    let pool = vouch_db::connect_with(&config.database.database_url, || health.waits()).await?;
    vouch_db::await_schema(&pool, || health.waits()).await?;
    Ok(pool)
}
