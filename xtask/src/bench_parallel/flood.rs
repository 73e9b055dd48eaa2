//! Sends many transactions at once and reads the results from the chain's blocks.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use solana_client::rpc_config::{RpcBlockConfig, RpcSendTransactionConfig};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    hash::Hash,
    instruction::Instruction,
    signature::{Keypair, Signature, Signer as _},
    transaction::Transaction,
};
use solana_transaction_status_client_types::{TransactionDetails, UiTransactionEncoding};
use tokio::sync::mpsc;

use crate::chain::Chain;

/// Parallel requests.
pub(super) const CONCURRENCY: usize = 64;
/// Pause between two polls without progress.
const POLL: Duration = Duration::from_millis(20);
/// Time without progress after which missing transactions are sent again.
const LOST: Duration = Duration::from_secs(1);
/// Time without progress after which the measurement fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// One transaction that `payer` alone signs.
pub(super) fn signed(steps: &[Instruction], payer: &Keypair, blockhash: Hash) -> Transaction {
    Transaction::new_signed_with_payer(steps, Some(&payer.pubkey()), &[payer], blockhash)
}

/// Sends all transactions as fast as the RPC accepts them. Returns the signatures, and
/// the time from the first send to the last confirmation.
pub(super) async fn flood(
    chain: &Chain,
    all: &[Transaction],
) -> Result<(Vec<Signature>, Duration)> {
    let (sent, to_confirm) = mpsc::unbounded_channel();
    let started = Instant::now();
    let sending = async {
        // The receiver is gone only if confirming has failed.
        send(chain, all.iter(), |signature| {
            let _ = sent.send(signature);
        })
        .await?;
        drop(sent);
        Ok(())
    };
    let confirming = confirmed(chain, all, to_confirm, started);
    let ((), last) = tokio::try_join!(sending, confirming)?;
    let signatures = all.iter().map(|transaction| transaction.signatures[0]);
    Ok((signatures.collect(), last - started))
}

async fn send<'a>(
    chain: &Chain,
    some: impl Iterator<Item = &'a Transaction>,
    sent: impl Fn(Signature),
) -> Result<()> {
    let config = RpcSendTransactionConfig {
        skip_preflight: true,
        // The node would keep 10,000 transactions and resend them for longer than a round
        // takes.
        max_retries: Some(0),
        ..Default::default()
    };
    stream::iter(some)
        .map(Ok)
        .try_for_each_concurrent(CONCURRENCY, async |transaction| {
            let rpc = chain.rpc();
            sent(
                rpc.send_transaction_with_config(transaction, config)
                    .await?,
            );
            Ok(())
        })
        .await
}

/// Waits until all transactions are confirmed and returns the time of the last one; fails
/// if one fails. Only the oldest are polled, so that the RPC has little other work during
/// the measurement. After a while without progress, missing transactions are sent again.
async fn confirmed(
    chain: &Chain,
    all: &[Transaction],
    mut incoming: mpsc::UnboundedReceiver<Signature>,
    mut last: Instant,
) -> Result<Instant> {
    let mut waiting = Vec::new();
    let mut sent_again = last;
    loop {
        if waiting.is_empty() && incoming.recv_many(&mut waiting, usize::MAX).await == 0 {
            return Ok(last);
        }
        while let Ok(signature) = incoming.try_recv() {
            waiting.push(signature);
        }
        let mut landed = HashSet::new();
        let asked = waiting.len().min(256);
        for found in chain.landed(&waiting[..asked]).await? {
            last = last.max(found.confirmed_at);
            landed.insert(found.ok()?.signature);
        }
        // Otherwise lost transactions would keep newer ones from being polled.
        waiting.rotate_left(asked);
        waiting.retain(|signature| !landed.contains(signature));
        if landed.is_empty() {
            ensure!(
                last.elapsed() < DEADLINE,
                "{} were not confirmed",
                waiting.len()
            );
            tokio::time::sleep(POLL).await;
        }
        if last.max(sent_again).elapsed() > LOST && incoming.is_closed() {
            let missing: HashSet<&Signature> = waiting.iter().collect();
            let lost = |transaction: &&Transaction| missing.contains(&transaction.signatures[0]);
            send(chain, all.iter().filter(lost), |_| ()).await?;
            sent_again = Instant::now();
        }
    }
}

/// Reads the blocks of `signatures`: the number of transactions in each slot, and the
/// compute units and cost units of each.
pub(super) async fn on_chain(
    chain: &Chain,
    signatures: &[Signature],
) -> Result<(Vec<u64>, Vec<(u64, u64)>)> {
    let mut slots = BTreeMap::new();
    for asked in signatures.chunks(256) {
        for status in chain.rpc().get_signature_statuses(asked).await?.value {
            let slot = status
                .context("a confirmed transaction without status")?
                .slot;
            *slots.entry(slot).or_insert(0_u64) += 1;
        }
    }
    let wanted: HashSet<&Signature> = signatures.iter().collect();
    let config = RpcBlockConfig {
        encoding: Some(UiTransactionEncoding::Base64),
        transaction_details: Some(TransactionDetails::Full),
        rewards: Some(false),
        commitment: Some(CommitmentConfig::confirmed()),
        max_supported_transaction_version: Some(0),
    };
    let mut units = Vec::new();
    for slot in slots.keys() {
        let block = chain.rpc().get_block_with_config(*slot, config).await?;
        for found in block.transactions.context("a block without transactions")? {
            let transaction = found.transaction.decode().context("not a transaction")?;
            if !wanted.contains(&transaction.signatures[0]) {
                continue;
            }
            let meta = found.meta.context("a transaction without metadata")?;
            let compute: Option<u64> = meta.compute_units_consumed.into();
            let cost: Option<u64> = meta.cost_units.into();
            units.push((compute.context("no units")?, cost.context("no cost")?));
        }
    }
    ensure!(
        units.len() == signatures.len(),
        "blocks and statuses differ"
    );
    // The first and the last slot are only partly filled; leave them out if there are
    // others.
    let (first, last) = match (slots.keys().next(), slots.keys().last()) {
        (Some(first), Some(last)) if last - first > 1 => (first + 1, last - 1),
        (Some(first), Some(last)) => (*first, *last),
        _ => bail!("nothing was sent"),
    };
    let per_slot = (first..=last).map(|slot| slots.get(&slot).copied().unwrap_or(0));
    Ok((per_slot.collect(), units))
}
