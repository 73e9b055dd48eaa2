//! Messages of the protocol, as [`crate::sent`] reads what nodes send.

use solana_sdk::{
    hash::{HASH_BYTES, Hash},
    message::{
        Message as Legacy, MessageHeader, VersionedMessage, compiled_instruction,
        v0::{self, MessageAddressTableLookup},
    },
    pubkey::Pubkey,
    signature::Signature,
    transaction::{TransactionError, VersionedTransaction},
};
use yellowstone_grpc_proto::{
    geyser::{
        SubscribeUpdateBlockMeta, SubscribeUpdateTransaction, SubscribeUpdateTransactionInfo,
    },
    prost::Message as _,
    solana::storage::confirmed_block::{
        CompiledInstruction, InnerInstructions, Message, Transaction, TransactionStatusMeta,
    },
};

use crate::{
    sent::{Cpi, Data, Effects, Sent, note_decimals},
    stream::{Delivered, Head},
};

/// Most bytes of a transaction of the versions that are read: those of a packet.
const MOST_BYTES: u64 = 1_232;
/// Most instructions of programs within a transaction: the runtime allows 64 with those of the transaction.
const MOST_CPIS: usize = 64;
/// Most accounts of a transaction, of which the numbers are bytes.
const MOST_ACCOUNTS: usize = 256;

/// The head of a block. Its hashes are hashes.
pub(super) fn head(block: SubscribeUpdateBlockMeta) -> Result<Head, String> {
    for hash in [&block.blockhash, &block.parent_blockhash] {
        let is_hash = hash.parse::<Hash>().is_ok();
        if !is_hash {
            return Err(format!("slot {}: a blockhash cannot be read", block.slot));
        }
    }
    if block.parent_slot >= block.slot {
        return Err(format!("slot {} has a later parent", block.slot));
    }
    Ok(Head {
        slot: block.slot,
        hash: block.blockhash,
        parent_slot: block.parent_slot,
        parent_hash: block.parent_blockhash,
        time: block.block_time.map(|time| time.timestamp),
    })
}

/// A transaction and its slot.
pub(super) fn delivered(update: SubscribeUpdateTransaction) -> Result<(u64, Delivered), String> {
    let bytes = update.encoded_len() + size_of::<Delivered>();
    let slot = update.slot;
    let no = |what: &str| format!("a transaction in slot {slot} has no {what}");
    let found = update.transaction.ok_or_else(|| no("content"))?;
    let signature = Signature::try_from(found.signature.as_slice());
    let signature = signature.map_err(|_| no("signature"))?;
    let index = u32::try_from(found.index).map_err(|_| no("place"))?;
    let sent = sent(slot, index, found).inspect_err(|reason| {
        metrics::counter!("vouch_indexer_grpc_unread_total").increment(1);
        tracing::warn!(%signature, reason, "a node has to explain what the stream has sent");
    });
    let delivered = Delivered {
        signature,
        index,
        sent: sent.ok(),
        bytes,
    };
    Ok((slot, delivered))
}

/// The transaction that was sent; its time comes with its block.
fn sent(
    slot: u64,
    index: u32,
    found: SubscribeUpdateTransactionInfo,
) -> Result<Sent, &'static str> {
    let transaction = found.transaction.ok_or("no transaction")?;
    let effects = found.meta.ok_or("no effects")?;
    Ok(Sent {
        slot,
        index: Some(index),
        block_time: None,
        transaction: read(transaction)?,
        effects: read_effects(effects)?,
    })
}

fn read(transaction: Transaction) -> Result<VersionedTransaction, &'static str> {
    let signatures = transaction.signatures.iter();
    let signatures = signatures.map(|it| Signature::try_from(it.as_slice()));
    let transaction = VersionedTransaction {
        signatures: signatures
            .collect::<Result<_, _>>()
            .map_err(|_| "a signature cannot be read")?,
        message: message(transaction.message.ok_or("no message")?)?,
    };
    // As the decoding of what nodes send does.
    let is_sane = transaction.sanitize().is_ok();
    let length = bincode::serialized_size(&transaction);
    let is_short = length.is_ok_and(|length| length <= MOST_BYTES);
    match (is_sane, is_short) {
        (true, true) => Ok(transaction),
        (false, _) => Err("it is no transaction"),
        (true, false) => Err("it is longer than a transaction may be"),
    }
}

fn message(message: Message) -> Result<VersionedMessage, &'static str> {
    if message.config.is_some() {
        return Err("it is of an unknown version");
    }
    let header = message.header.ok_or("no header")?;
    let header = MessageHeader {
        num_required_signatures: byte(header.num_required_signatures)?,
        num_readonly_signed_accounts: byte(header.num_readonly_signed_accounts)?,
        num_readonly_unsigned_accounts: byte(header.num_readonly_unsigned_accounts)?,
    };
    let account_keys = message.account_keys.iter().map(|it| address(it));
    let account_keys = account_keys.collect::<Result<Vec<_>, _>>()?;
    let hash: [u8; HASH_BYTES] = message
        .recent_blockhash
        .try_into()
        .map_err(|_| "a blockhash cannot be read")?;
    let recent_blockhash = Hash::new_from_array(hash);
    let instructions = message.instructions.into_iter().map(instruction);
    let instructions = instructions.collect::<Result<Vec<_>, _>>()?;
    if !message.versioned {
        return Ok(VersionedMessage::Legacy(Legacy {
            header,
            account_keys,
            recent_blockhash,
            instructions,
        }));
    }
    let tables = message.address_table_lookups.into_iter().map(|table| {
        Ok(MessageAddressTableLookup {
            account_key: address(&table.account_key)?,
            writable_indexes: table.writable_indexes,
            readonly_indexes: table.readonly_indexes,
        })
    });
    Ok(VersionedMessage::V0(v0::Message {
        header,
        account_keys,
        recent_blockhash,
        instructions,
        address_table_lookups: tables.collect::<Result<_, &str>>()?,
    }))
}

fn instruction(
    it: CompiledInstruction,
) -> Result<compiled_instruction::CompiledInstruction, &'static str> {
    Ok(compiled_instruction::CompiledInstruction {
        program_id_index: byte(it.program_id_index)?,
        accounts: it.accounts,
        data: it.data,
    })
}

fn read_effects(meta: TransactionStatusMeta) -> Result<Effects, &'static str> {
    // These take more memory than in the message.
    let inner = meta.inner_instructions.iter();
    let number: usize = inner.map(|of| of.instructions.len()).sum();
    if number.max(meta.inner_instructions.len()) > MOST_CPIS {
        return Err("it has more CPIs than a transaction may have");
    }
    let loaded = meta.loaded_writable_addresses.len() + meta.loaded_readonly_addresses.len();
    let balances = meta.pre_balances.len().max(meta.post_balances.len());
    if loaded.max(balances) > MOST_ACCOUNTS {
        return Err("it has more accounts than a transaction may have");
    }
    let error = meta.err.map(|error| bincode::deserialize(&error.err));
    let error: Option<TransactionError> =
        error.transpose().map_err(|_| "its error cannot be read")?;
    let inner = meta.inner_instructions.into_iter().map(cpis);
    let inner = inner.collect::<Result<Vec<_>, _>>()?;
    let loaded = meta.loaded_writable_addresses.iter();
    let loaded = loaded.chain(&meta.loaded_readonly_addresses);
    let loaded = loaded.map(|it| address(it)).collect::<Result<_, _>>()?;
    let mut decimals = Vec::new();
    let balances = meta.pre_token_balances.iter();
    for balance in balances.chain(&meta.post_token_balances) {
        let amount = balance.ui_token_amount.as_ref().ok_or("no amount")?;
        note_decimals(&mut decimals, &balance.mint, byte(amount.decimals)?)?;
    }
    Ok(Effects {
        error,
        fee: meta.fee,
        balances: (meta.pre_balances, meta.post_balances),
        inner: (!meta.inner_instructions_none).then_some(inner),
        loaded,
        decimals,
    })
}

fn cpis(of: InnerInstructions) -> Result<(u8, Vec<Cpi>), &'static str> {
    let cpis = of.instructions.into_iter().map(|inner| {
        Ok(Cpi {
            program: byte(inner.program_id_index)?,
            accounts: inner.accounts,
            data: Data::Bytes(inner.data),
            stack_height: inner.stack_height,
        })
    });
    Ok((byte(of.index)?, cpis.collect::<Result<_, &str>>()?))
}

fn byte(number: u32) -> Result<u8, &'static str> {
    u8::try_from(number).map_err(|_| "a number is too large")
}

fn address(bytes: &[u8]) -> Result<Pubkey, &'static str> {
    Pubkey::try_from(bytes).map_err(|_| "an address cannot be read")
}

#[cfg(test)]
mod tests {
    use yellowstone_grpc_proto::solana::storage::confirmed_block::{
        InnerInstruction, MessageHeader as Header,
    };

    use super::*;

    /// A transaction of one instruction with so many bytes of data.
    fn transaction(data: usize) -> Transaction {
        Transaction {
            signatures: vec![vec![1; 64]],
            message: Some(Message {
                header: Some(Header {
                    num_required_signatures: 1,
                    num_readonly_signed_accounts: 0,
                    num_readonly_unsigned_accounts: 1,
                }),
                account_keys: vec![vec![1; 32], vec![2; 32]],
                recent_blockhash: vec![3; 32],
                instructions: vec![CompiledInstruction {
                    program_id_index: 1,
                    accounts: vec![0],
                    data: vec![0; data],
                }],
                ..Message::default()
            }),
        }
    }

    #[test]
    fn transactions_that_no_cluster_takes_are_not_kept() {
        // 171 bytes beside the data
        assert!(read(transaction(1_232 - 171)).is_ok());
        let refusal = read(transaction(1_233 - 171)).err();
        assert_eq!(refusal, Some("it is longer than a transaction may be"));
        // CPIs of a few bytes each, in one instruction or many
        let effects = |groups: usize, each: usize| {
            let of = InnerInstructions {
                index: 0,
                instructions: vec![InnerInstruction::default(); each],
            };
            read_effects(TransactionStatusMeta {
                inner_instructions: vec![of; groups],
                ..TransactionStatusMeta::default()
            })
        };
        assert!(effects(1, 64).is_ok() && effects(64, 1).is_ok());
        for (groups, each) in [(1, 65), (65, 0), (2, 33)] {
            let refusal = effects(groups, each).err();
            assert_eq!(
                refusal,
                Some("it has more CPIs than a transaction may have")
            );
        }
        let many = TransactionStatusMeta {
            pre_balances: vec![0; 257],
            ..TransactionStatusMeta::default()
        };
        let refusal = read_effects(many).err();
        assert_eq!(
            refusal,
            Some("it has more accounts than a transaction may have")
        );
    }
}
