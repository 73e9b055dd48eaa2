//! The live stream: subscribe, snapshot, and then every change.

use std::time::Duration;

use futures::{StreamExt, stream::BoxStream};
use solana_client::{
    nonblocking::pubsub_client::PubsubClient,
    rpc_config::{RpcAccountInfoConfig, RpcProgramAccountsConfig},
    rpc_response::{Response, RpcKeyedAccount, SlotInfo},
};
use tokio::{sync::mpsc, time::timeout};
use vouch_client::PROGRAM_ID;
use vouch_db::mirror::Commitment;

use crate::{
    chain::{account_config, observe},
    failure::Failure,
    health::Status,
    mirror::Mirror,
};

/// Most notifications that are applied together.
const DRAIN: usize = 1000;
const POLL_SLOT: Duration = Duration::from_millis(400);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the WebSocket of the node.
pub(crate) async fn connect(url: &str) -> Result<PubsubClient, Failure> {
    within("WebSocket", CONNECT_TIMEOUT, PubsubClient::new(url)).await
}

/// Runs until something fails.
pub(crate) async fn run(mirror: &Mirror<'_>, pubsub: &PubsubClient) -> Result<(), Failure> {
    let heartbeat = mirror.config.heartbeat();
    let config = RpcProgramAccountsConfig {
        account_config: RpcAccountInfoConfig {
            min_context_slot: None,
            ..account_config(Commitment::Confirmed, 0)
        },
        ..Default::default()
    };
    let subscribe = pubsub.program_subscribe(&PROGRAM_ID, Some(config));
    let (changes, _unsubscribe) = within("programSubscribe", CONNECT_TIMEOUT, subscribe).await?;
    // Subscribe to slots second, so that no slot of this stream is older than the
    // subscription to the program.
    let (mut slots, _unsubscribe) =
        within("slotSubscribe", CONNECT_TIMEOUT, pubsub.slot_subscribe()).await?;

    // Changes up to this slot may have been announced before the subscription. The
    // snapshot must not be older, or the changes between the two would be missed.
    let first = next_slot(&mut slots, heartbeat).await?.slot;
    let (slot, accounts) = mirror
        .chain
        .program_accounts(Commitment::Confirmed, first)
        .await?;
    let count = accounts.len();
    let applied = mirror.apply(accounts, Commitment::Confirmed).await?;
    note_indexed(mirror, slot).await?;
    tracing::info!(
        slot,
        accounts = count,
        new = applied.inserted,
        changed = applied.replaced,
        "snapshot applied, live"
    );
    mirror.health.set(Status::Ok, None);

    let (reached, barriers) = mpsc::channel(1);
    tokio::try_join!(
        follow(mirror, changes, slots, barriers),
        measure(mirror, reached)
    )?;
    Ok(())
}

/// Applies changes; those that have arrived go into one transaction.
async fn follow(
    mirror: &Mirror<'_>,
    changes: BoxStream<'_, Response<RpcKeyedAccount>>,
    mut slots: BoxStream<'_, SlotInfo>,
    mut barriers: mpsc::Receiver<u64>,
) -> Result<(), Failure> {
    let mut changes = changes.ready_chunks(DRAIN);
    let heartbeat = mirror.config.heartbeat();
    loop {
        tokio::select! {
            // In this order, so that a barrier is passed only when no change is waiting.
            biased;
            changes = changes.next() => {
                let changes = changes.ok_or_else(closed)?;
                let mut observations = Vec::with_capacity(changes.len());
                for Response { context, value } in changes {
                    observations.push(observe(
                        value.pubkey,
                        context.slot,
                        Commitment::Confirmed,
                        Some(value.account),
                    )?);
                }
                mirror.apply(observations, Commitment::Confirmed).await?;
            }
            slot = next_slot(&mut slots, heartbeat) => { slot?; }
            Some(slot) = barriers.recv() => note_indexed(mirror, slot).await?,
        }
    }
}

/// Measures the progress of the chain and of the mirror. A slot that was confirmed one
/// round ago has been announced by now. Once no announcement is waiting, that slot is
/// mirrored.
async fn measure(mirror: &Mirror<'_>, reached: mpsc::Sender<u64>) -> Result<(), Failure> {
    let mut before = None;
    loop {
        let slot = mirror.chain.slot(Commitment::Confirmed).await?;
        mirror.health.chain_slot(slot);
        if let Some(before) = before.replace(slot) {
            // If the last barrier has not been passed yet, the next one suffices.
            let _ = reached.try_send(before);
        }
        tokio::time::sleep(POLL_SLOT).await;
    }
}

async fn note_indexed(mirror: &Mirror<'_>, slot: u64) -> Result<(), Failure> {
    let mut writer = mirror.writer.lock().await;
    writer.advance(Some(slot), None).await?;
    mirror.indexed.send_replace(Some(slot));
    mirror.health.indexed_slot(slot);
    Ok(())
}

/// A node announces slots all the time, so silence means that the connection is dead.
async fn next_slot(
    slots: &mut BoxStream<'_, SlotInfo>,
    heartbeat: Duration,
) -> Result<SlotInfo, Failure> {
    match timeout(heartbeat, slots.next()).await {
        Ok(Some(slot)) => Ok(slot),
        Ok(None) => Err(closed()),
        Err(_) => Err(Failure::Chain(format!(
            "the WebSocket was silent for {heartbeat:?}"
        ))),
    }
}

fn closed() -> Failure {
    Failure::Chain("the node closed the WebSocket".into())
}

async fn within<T, E: std::fmt::Display>(
    what: &str,
    limit: Duration,
    action: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match timeout(limit, action).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::chain(what, error)),
        Err(_) => Err(Failure::Chain(format!("{what}: no answer in {limit:?}"))),
    }
}
