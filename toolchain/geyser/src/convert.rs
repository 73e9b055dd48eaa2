//! What the validator tells, in the messages of the protocol.

use agave_geyser_plugin_interface::geyser_plugin_interface::{
    GeyserPluginError, ReplicaBlockInfoV4, ReplicaTransactionInfoV3, Result,
};
use solana_message::{VersionedMessage, compiled_instruction};
use solana_transaction_status::{TransactionStatusMeta, TransactionTokenBalance};
use yellowstone_grpc_proto::prelude::{
    BlockHeight, CompiledInstruction, InnerInstruction, InnerInstructions, Message,
    MessageAddressTableLookup, MessageHeader, ReturnData, SubscribeUpdateBlockMeta,
    SubscribeUpdateTransactionInfo, TokenBalance, Transaction, TransactionConfig, TransactionError,
    TransactionStatusMeta as Meta, UiTokenAmount, UnixTimestamp,
};

pub(crate) fn meta(found: &ReplicaBlockInfoV4<'_>) -> SubscribeUpdateBlockMeta {
    SubscribeUpdateBlockMeta {
        slot: found.slot,
        blockhash: found.blockhash.to_owned(),
        block_time: found
            .block_time
            .map(|timestamp| UnixTimestamp { timestamp }),
        block_height: found
            .block_height
            .map(|block_height| BlockHeight { block_height }),
        parent_slot: found.parent_slot,
        parent_blockhash: found.parent_blockhash.to_owned(),
        executed_transaction_count: found.executed_transaction_count,
        entries_count: found.entry_count,
        ..SubscribeUpdateBlockMeta::default()
    }
}

pub(crate) fn transaction(
    found: &ReplicaTransactionInfoV3<'_>,
) -> Result<SubscribeUpdateTransactionInfo> {
    let signatures = found.transaction.signatures.iter();
    Ok(SubscribeUpdateTransactionInfo {
        signature: found.signature.as_ref().to_vec(),
        is_vote: found.is_vote,
        transaction: Some(Transaction {
            signatures: signatures.map(|it| it.as_ref().to_vec()).collect(),
            message: Some(message(&found.transaction.message)),
        }),
        meta: Some(effects(found.transaction_status_meta)?),
        index: found.index as u64,
    })
}

fn message(message: &VersionedMessage) -> Message {
    let header = message.header();
    let keys = message.static_account_keys().iter();
    let lookups = message.address_table_lookups().unwrap_or_default().iter();
    Message {
        header: Some(MessageHeader {
            num_required_signatures: header.num_required_signatures.into(),
            num_readonly_signed_accounts: header.num_readonly_signed_accounts.into(),
            num_readonly_unsigned_accounts: header.num_readonly_unsigned_accounts.into(),
        }),
        account_keys: keys.map(|key| key.to_bytes().to_vec()).collect(),
        recent_blockhash: message.recent_blockhash().to_bytes().to_vec(),
        instructions: message.instructions().iter().map(instruction).collect(),
        versioned: !matches!(message, VersionedMessage::Legacy(_)),
        address_table_lookups: lookups
            .map(|table| MessageAddressTableLookup {
                account_key: table.account_key.to_bytes().to_vec(),
                writable_indexes: table.writable_indexes.clone(),
                readonly_indexes: table.readonly_indexes.clone(),
            })
            .collect(),
        config: match message {
            VersionedMessage::V1(message) => Some(TransactionConfig {
                priority_fee: message.config.priority_fee,
                compute_unit_limit: message.config.compute_unit_limit,
                loaded_accounts_data_size_limit: message.config.loaded_accounts_data_size_limit,
                heap_size: message.config.heap_size,
            }),
            _ => None,
        },
    }
}

fn instruction(it: &compiled_instruction::CompiledInstruction) -> CompiledInstruction {
    CompiledInstruction {
        program_id_index: it.program_id_index.into(),
        accounts: it.accounts.clone(),
        data: it.data.clone(),
    }
}

fn effects(meta: &TransactionStatusMeta) -> Result<Meta> {
    let error = meta.status.as_ref().err();
    let error = error.map(bincode::serialize).transpose();
    let error = error.map_err(|error| GeyserPluginError::Custom(error))?;
    let inner = meta.inner_instructions.as_deref();
    let logs = meta.log_messages.as_deref();
    let loaded = &meta.loaded_addresses;
    Ok(Meta {
        err: error.map(|err| TransactionError { err }),
        fee: meta.fee,
        pre_balances: meta.pre_balances.clone(),
        post_balances: meta.post_balances.clone(),
        inner_instructions_none: inner.is_none(),
        inner_instructions: inner.unwrap_or_default().iter().map(inner_ones).collect(),
        log_messages_none: logs.is_none(),
        log_messages: logs.unwrap_or_default().to_vec(),
        pre_token_balances: balances(meta.pre_token_balances.as_deref()),
        post_token_balances: balances(meta.post_token_balances.as_deref()),
        loaded_writable_addresses: addresses(&loaded.writable),
        loaded_readonly_addresses: addresses(&loaded.readonly),
        return_data_none: meta.return_data.is_none(),
        return_data: meta.return_data.as_ref().map(|data| ReturnData {
            program_id: data.program_id.as_ref().to_vec(),
            data: data.data.clone(),
        }),
        compute_units_consumed: meta.compute_units_consumed,
        cost_units: meta.cost_units,
        ..Meta::default()
    })
}

fn addresses<K: AsRef<[u8]>>(keys: &[K]) -> Vec<Vec<u8>> {
    keys.iter().map(|key| key.as_ref().to_vec()).collect()
}

fn inner_ones(of: &solana_transaction_status::InnerInstructions) -> InnerInstructions {
    let instructions = of.instructions.iter();
    InnerInstructions {
        index: of.index.into(),
        instructions: instructions
            .map(|it| InnerInstruction {
                program_id_index: it.instruction.program_id_index.into(),
                accounts: it.instruction.accounts.clone(),
                data: it.instruction.data.clone(),
                stack_height: it.stack_height,
            })
            .collect(),
    }
}

fn balances(of: Option<&[TransactionTokenBalance]>) -> Vec<TokenBalance> {
    let of = of.unwrap_or_default().iter();
    of.map(|it| TokenBalance {
        account_index: it.account_index.into(),
        mint: it.mint.clone(),
        ui_token_amount: Some(UiTokenAmount {
            ui_amount: it.ui_token_amount.ui_amount.unwrap_or_default(),
            decimals: it.ui_token_amount.decimals.into(),
            amount: it.ui_token_amount.amount.clone(),
            ui_amount_string: it.ui_token_amount.ui_amount_string.clone(),
        }),
        owner: it.owner.clone(),
        program_id: it.program_id.clone(),
    })
    .collect()
}
