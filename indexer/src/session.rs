//! One session as the writer: from the election until something fails.

use std::time::Duration;

use vouch_db::{PgPool, mirror::Writer};

use crate::{
    chain::Chain,
    config::Config,
    failure::Failure,
    finality,
    health::{Health, Status},
    live,
    mirror::Mirror,
    receipts, reconcile,
};

const ELECTION_POLL: Duration = Duration::from_millis(500);

/// Waits to become the writer, then mirrors until something fails.
pub(crate) async fn run(
    config: &Config,
    chain: &Chain,
    pool: &PgPool,
    health: &Health,
) -> Result<(), Failure> {
    let writer = elect(config, health).await?;
    let mirror = Mirror {
        config,
        chain,
        health,
        pool,
        writer: writer.into(),
        converted: tokio::sync::Notify::new(),
        indexed: tokio::sync::watch::Sender::new(None),
    };
    bind(&mirror).await?;
    let pubsub = live::connect(&config.ws_url).await?;
    // The first failure ends all parts, and with them the connection that holds the lock.
    // A transaction in progress is rolled back.
    tokio::try_join!(
        live::run(&mirror, &pubsub),
        finality::run(&mirror),
        receipts::run(&mirror),
        reconcile_when_live(&mirror),
    )?;
    Ok(())
}

async fn elect(config: &Config, health: &Health) -> Result<Writer, Failure> {
    let mut standing_by = false;
    loop {
        if let Some(writer) = Writer::try_acquire(&config.database_url).await? {
            if standing_by {
                tracing::info!("took over as the writer");
                health.set(Status::Starting, None);
            }
            return Ok(writer);
        }
        if !standing_by {
            tracing::info!("another indexer is the writer: standing by");
            let detail = "another indexer is the writer".to_owned();
            health.set(Status::Standby, Some(detail));
            standing_by = true;
        }
        tokio::time::sleep(ELECTION_POLL).await;
    }
}

/// Checks that the node belongs to the mirrored chain.
async fn bind(mirror: &Mirror<'_>) -> Result<(), Failure> {
    let node = mirror.chain.genesis_hash().await?;
    let mirrored = mirror.writer.lock().await.bind_genesis(&node).await?;
    if mirrored == node {
        Ok(())
    } else {
        Err(Failure::OtherChain { mirrored, node })
    }
}

/// Waits for the snapshot, because before it everything would be a difference.
async fn reconcile_when_live(mirror: &Mirror<'_>) -> Result<(), Failure> {
    while mirror.health.report().status != Status::Ok {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    reconcile::run(mirror).await
}
