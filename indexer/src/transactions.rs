//! Transactions of the program: those that mention an address, and their instructions.

use solana_client::{
    rpc_client::GetConfirmedSignaturesForAddress2Config, rpc_config::RpcTransactionConfig,
    rpc_response::RpcConfirmedTransactionStatusWithSignature,
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{bs58, pubkey::Pubkey, signature::Signature};
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, EncodedTransaction, UiCompiledInstruction,
    UiInstruction, UiMessage, UiTransactionEncoding, option_serializer::OptionSerializer,
};
use vouch_client::PROGRAM_ID;

use crate::{chain::Chain, failure::Failure};

/// Signatures in one answer: the most that a node returns.
const PAGE: usize = 1000;

/// The transaction with this signature.
pub(crate) async fn transaction(
    chain: &Chain,
    signature: &str,
) -> Result<EncodedConfirmedTransactionWithStatusMeta, Failure> {
    let signature: Signature = signature
        .parse()
        .map_err(|error| Failure::chain("signature", error))?;
    let config = RpcTransactionConfig {
        encoding: Some(UiTransactionEncoding::Json),
        commitment: Some(CommitmentConfig::confirmed()),
        max_supported_transaction_version: Some(0),
    };
    chain
        .rpc
        .get_transaction_with_config(&signature, config)
        .await
        .map_err(|error| Failure::rpc("getTransaction", error))
}

/// Every successful transaction that mentions `address`, newest first.
pub(crate) async fn candidates(
    chain: &Chain,
    address: &Pubkey,
) -> Result<Vec<RpcConfirmedTransactionStatusWithSignature>, Failure> {
    let mut candidates = Vec::new();
    let mut before = None;
    loop {
        let config = GetConfirmedSignaturesForAddress2Config {
            before,
            limit: Some(PAGE),
            commitment: Some(CommitmentConfig::confirmed()),
            ..Default::default()
        };
        let page = chain
            .rpc
            .get_signatures_for_address_with_config(address, config)
            .await
            .map_err(|error| Failure::rpc("getSignaturesForAddress", error))?;
        let last = page.last().map(|entry| entry.signature.clone());
        let full = page.len() == PAGE;
        candidates.extend(page.into_iter().filter(|entry| entry.err.is_none()));
        match last {
            Some(last) if full => {
                let last = last
                    .parse()
                    .map_err(|error| Failure::chain("signature", error))?;
                before = Some(last);
            }
            _ => return Ok(candidates),
        }
    }
}

/// An instruction of the program.
pub(crate) struct Call {
    pub(crate) accounts: Vec<String>,
    pub(crate) data: Vec<u8>,
}

/// The program's instructions in the transaction, including CPIs from other programs;
/// none when the transaction failed.
pub(crate) fn calls(transaction: &EncodedConfirmedTransactionWithStatusMeta) -> Vec<Call> {
    let transaction = &transaction.transaction;
    let (Some(meta), EncodedTransaction::Json(inner)) =
        (&transaction.meta, &transaction.transaction)
    else {
        return Vec::new();
    };
    let UiMessage::Raw(message) = &inner.message else {
        return Vec::new();
    };
    if meta.err.is_some() {
        return Vec::new();
    }
    let mut keys: Vec<&str> = message.account_keys.iter().map(String::as_str).collect();
    if let OptionSerializer::Some(loaded) = &meta.loaded_addresses {
        keys.extend(loaded.writable.iter().map(String::as_str));
        keys.extend(loaded.readonly.iter().map(String::as_str));
    }
    let program = PROGRAM_ID.to_string();
    let key = |index: &u8| keys.get(usize::from(*index)).copied();
    let call = |instruction: &UiCompiledInstruction| {
        if key(&instruction.program_id_index) != Some(program.as_str()) {
            return None;
        }
        let accounts: Option<Vec<&str>> = instruction.accounts.iter().map(key).collect();
        Some(Call {
            accounts: accounts?.into_iter().map(str::to_owned).collect(),
            data: bs58::decode(&instruction.data).into_vec().ok()?,
        })
    };
    let inner = match &meta.inner_instructions {
        OptionSerializer::Some(inner) => inner.as_slice(),
        _ => &[],
    };
    let inner = inner
        .iter()
        .flat_map(|inner| &inner.instructions)
        .filter_map(|instruction| match instruction {
            UiInstruction::Compiled(instruction) => Some(instruction),
            UiInstruction::Parsed(_) => None,
        });
    message
        .instructions
        .iter()
        .chain(inner)
        .filter_map(call)
        .collect()
}
