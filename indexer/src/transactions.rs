//! Transactions of the program: from the stream, or from the first node that has all of one.

use solana_client::rpc_config::RpcTransactionConfig;
use solana_sdk::signature::Signature;
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, UiTransactionEncoding,
};
use vouch_replay::Transaction;

use crate::{
    chain::Chain,
    commitment::{Commitment, config},
    failure::Failure,
    sent::Sent,
};

/// The newest version of transactions that this indexer reads. A node refuses to return a
/// newer one, so that it is not read wrongly.
const NEWEST_VERSION: u8 = 0;

/// A transaction that the stream has brought.
pub(crate) fn streamed(
    chain: &Chain,
    signature: &Signature,
    sent: Sent,
) -> Result<Transaction, Failure> {
    let read = sent.read(signature).and_then(|read| read);
    let read = read.map_err(|reason| {
        let reason = format!("{signature}: {reason}");
        chain.stream().doubt(reason.clone());
        Failure::Chain(format!("grpc: {reason}"))
    })?;
    metrics::counter!("vouch_indexer_grpc_transactions_total").increment(1);
    Ok(read)
}

/// The transaction with this signature, at this commitment or a later one, in the slot in which it
/// was listed. The first node is believed that has all of it, with the signatures of all its signers.
pub(crate) async fn transaction(
    chain: &Chain,
    signature: &Signature,
    slot: u64,
    commitment: Commitment,
) -> Result<Transaction, Failure> {
    if let Some(sent) = chain.stream().sent(signature, slot)
        && let Ok(found) = streamed(chain, signature, sent)
    {
        return Ok(found);
    }
    let config = RpcTransactionConfig {
        encoding: Some(UiTransactionEncoding::Base64),
        commitment: Some(config(commitment)),
        max_supported_transaction_version: Some(NEWEST_VERSION),
    };
    let read = |found: Option<_>| {
        let named = |reason: &str| format!("getTransaction: {signature}: {reason}");
        let useless = |reason: &str| Failure::Chain(named(reason));
        let found: EncodedConfirmedTransactionWithStatusMeta =
            found.ok_or_else(|| useless("the node does not have it"))?;
        let sent = Sent::of_node(found).map_err(useless)?;
        let read = sent.read(signature);
        let found = read.map_err(|reason| Failure::Wrong(named(reason)))?;
        let found = found.map_err(useless)?;
        if found.slot != slot {
            let reason = format!("is in slot {}, but was listed in slot {slot}", found.slot);
            return Err(useless(&reason));
        }
        Ok(found)
    };
    chain.transaction(signature, config, read).await
}

/// Parses a signature that the node sent.
pub(crate) fn parse(signature: &str) -> Result<Signature, Failure> {
    signature
        .parse()
        .map_err(|error| Failure::chain("signature", error))
}
