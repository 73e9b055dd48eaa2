//! Many transactions at once, and what the chain's blocks say about them.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use solana_client::rpc_config::RpcBlockConfig;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    hash::Hash,
    instruction::Instruction,
    signature::{Keypair, Signature, Signer as _},
    transaction::Transaction,
};
use solana_transaction_status_client_types::{TransactionDetails, UiTransactionEncoding};
use tokio::sync::mpsc;

use crate::demo::chain::Chain;

/// Requests under way at once.
pub(super) const CONCURRENCY: usize = 64;

/// One transaction that `payer` alone signs.
pub(super) fn signed(steps: &[Instruction], payer: &Keypair, blockhash: Hash) -> Transaction {
    Transaction::new_signed_with_payer(steps, Some(&payer.pubkey()), &[payer], blockhash)
}

/// Sends all of them as fast as the RPC takes them; gives the time from the first
/// that is sent to the last that is confirmed.
pub(super) async fn flood(
    chain: &Chain,
    all: &[Transaction],
) -> Result<(Vec<Signature>, Duration)> {
    let (sent, to_confirm) = mpsc::unbounded_channel();
    let started = Instant::now();
    let send = async {
        let signatures: Vec<Signature> = stream::iter(all)
            .map(async |transaction| {
                let signature = chain.send(transaction).await?;
                sent.send(signature)?;
                anyhow::Ok(signature)
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        drop(sent);
        Ok(signatures)
    };
    let (signatures, landed) = tokio::try_join!(send, chain.confirm_all(to_confirm))?;
    let mut last = started;
    for landed in landed.into_values() {
        last = last.max(landed.ok()?.confirmed_at);
    }
    Ok((signatures, last - started))
}

/// What the blocks say about `signatures`: how many there are in each slot, and the
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
    let (first, last) = match (slots.keys().next(), slots.keys().last()) {
        (Some(first), Some(last)) => (*first, *last),
        _ => bail!("nothing was sent"),
    };
    let per_slot = (first..=last).map(|slot| slots.get(&slot).copied().unwrap_or(0));
    Ok((per_slot.collect(), units))
}
