//! Transactions of the program, as a node reports them.

use std::str::FromStr;

use solana_client::rpc_config::RpcTransactionConfig;
use solana_sdk::{
    instruction::InstructionError,
    message::VersionedMessage,
    pubkey::Pubkey,
    signature::Signature,
    transaction::{TransactionError, VersionedTransaction},
};
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, EncodedTransaction, TransactionBinaryEncoding,
    UiInnerInstructions, UiInstruction, UiTransactionEncoding, UiTransactionStatusMeta,
    UiTransactionTokenBalance, option_serializer::OptionSerializer,
};
use vouch_replay::{
    Transaction, reads_cpis_of,
    transaction::{Balance, Inner, Instruction, Outcome},
};

use crate::{
    chain::{Chain, Commitment, config},
    failure::Failure,
};

/// The newest version of transactions that this indexer reads. A node refuses to return a
/// newer one, so that it is not read wrongly.
const NEWEST_VERSION: u8 = 0;

/// The transaction with this signature, at this commitment or a later one, in the slot in which it
/// was listed. The first node is believed that has all of it, with the signatures of all its signers.
pub(crate) async fn transaction(
    chain: &Chain,
    signature: &Signature,
    slot: u64,
    commitment: Commitment,
) -> Result<Transaction, Failure> {
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
        let decoded = decode(&found.transaction.transaction);
        let decoded = decoded.ok_or_else(|| useless("cannot be decoded"))?;
        verify(signature, &decoded).map_err(|reason| Failure::Wrong(named(reason)))?;
        let found = read(signature, &decoded.message, found).map_err(useless)?;
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

/// The transaction in the encoding that was asked for. Base58 of any length would take hours.
fn decode(encoded: &EncodedTransaction) -> Option<VersionedTransaction> {
    match encoded {
        EncodedTransaction::Binary(_, TransactionBinaryEncoding::Base64) => encoded.decode(),
        _ => None,
    }
}

/// Fails unless it is the transaction with this signature, and each of its signers has signed it. So a
/// node cannot invent what a wallet did.
///
/// A transaction has at most 12 signatures, because it has at most 1,232 bytes. So this takes a few
/// milliseconds at most, and is not worth a thread of its own.
fn verify(signature: &Signature, found: &VersionedTransaction) -> Result<(), &'static str> {
    if found.signatures.first() != Some(signature) {
        return Err("the node sent another transaction");
    }
    // As many as there are signers: otherwise the decoding has failed.
    if found.verify_with_results().contains(&false) {
        return Err("the node sent a transaction that its signers have not signed");
    }
    Ok(())
}

/// Whether the transaction failed before its first instruction.
fn has_executed_nothing(meta: &UiTransactionStatusMeta) -> bool {
    let error = meta.err.clone().map(TransactionError::from);
    error.is_some_and(|error| !matches!(error, TransactionError::InstructionError(..)))
}

/// Converts the node's answer. Fails if anything is missing that a replay needs.
fn read(
    signature: &Signature,
    message: &VersionedMessage,
    found: EncodedConfirmedTransactionWithStatusMeta,
) -> Result<Transaction, &'static str> {
    let meta = found.transaction.meta;
    let meta = meta.ok_or("the node does not know its effects")?;
    let keys = keys(message, &meta)?;
    let mut instructions = message
        .instructions()
        .iter()
        .map(|instruction| {
            Ok(Instruction {
                program: key(&keys, instruction.program_id_index)?,
                accounts: all(&keys, &instruction.accounts)?,
                data: instruction.data.clone(),
                inner: Vec::new(),
            })
        })
        .collect::<Result<Vec<_>, &str>>()?;
    let inner = match &meta.inner_instructions {
        OptionSerializer::Some(inner) => inner.as_slice(),
        // A transaction that failed while its accounts were loaded executed nothing.
        _ if has_executed_nothing(&meta) => &[],
        _ => return Err("the node does not record inner instructions"),
    };
    for UiInnerInstructions {
        index,
        instructions: inner,
    } in inner
    {
        let outer = instructions.get_mut(usize::from(*index));
        let outer = outer.ok_or("inner instructions of no instruction")?;
        for inner in inner {
            outer.inner.push(read_inner(&keys, inner)?);
        }
    }
    let signers = usize::from(message.header().num_required_signatures);
    Ok(Transaction {
        signature: (*signature).into(),
        slot: found.slot,
        index: found.transaction_index,
        block_time: found.block_time.ok_or("the node does not know its time")?,
        fee_payer: key(&keys, 0)?,
        fee: Some(meta.fee),
        signers: keys
            .get(..signers)
            .ok_or("fewer accounts than signers")?
            .to_vec(),
        outcome: outcome(&meta),
        balances: balances(&keys, &meta)?,
        decimals: decimals(&meta)?,
        instructions,
    })
}

/// Every account that the transaction names, those of its lookup tables last.
fn keys(
    message: &VersionedMessage,
    meta: &UiTransactionStatusMeta,
) -> Result<Vec<Pubkey>, &'static str> {
    let mut keys = message.static_account_keys().to_vec();
    let lookups = message.address_table_lookups().unwrap_or_default();
    let looked_up: usize = lookups
        .iter()
        .map(|table| table.writable_indexes.len() + table.readonly_indexes.len())
        .sum();
    if let OptionSerializer::Some(loaded) = &meta.loaded_addresses {
        for address in loaded.writable.iter().chain(&loaded.readonly) {
            keys.push(
                address
                    .parse()
                    .map_err(|_| "a loaded address cannot be read")?,
            );
        }
    }
    if keys.len() != message.static_account_keys().len() + looked_up {
        return Err("the node left out addresses of lookup tables");
    }
    Ok(keys)
}

fn key(keys: &[Pubkey], index: u8) -> Result<Pubkey, &'static str> {
    keys.get(usize::from(index))
        .copied()
        .ok_or("an index of no account")
}

fn all(keys: &[Pubkey], indexes: &[u8]) -> Result<Vec<Pubkey>, &'static str> {
    indexes.iter().map(|index| key(keys, *index)).collect()
}

fn read_inner(keys: &[Pubkey], inner: &UiInstruction) -> Result<Inner, &'static str> {
    let UiInstruction::Compiled(inner) = inner else {
        return Err("an inner instruction in another encoding");
    };
    let program = key(keys, inner.program_id_index)?;
    // Only these are read.
    let data = if reads_cpis_of(&program) {
        base58(&inner.data).ok_or("the data of an inner instruction cannot be read")?
    } else {
        Vec::new()
    };
    Ok(Inner {
        stack_height: inner.stack_height,
        program,
        accounts: all(keys, &inner.accounts)?,
        data,
    })
}

/// Decodes base58; `None` if it is none, or longer than the data of any CPI. The crate `bs58` goes byte by byte, which takes seconds for
/// a transaction that somebody has filled with CPIs of 10 KB each. This takes ten digits at once.
fn base58(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    const DIGITS: usize = 10;
    /// Digits of 10 KiB, the most data of a CPI. The time grows with the square of the length.
    const MOST_DIGITS: usize = 14_000;
    if text.len() > MOST_DIGITS {
        return None;
    }
    let low = |wide: u128| u64::try_from(wide & u128::from(u64::MAX)).unwrap_or_default();
    // The number in base 2^64, the lowest digit first.
    let mut limbs: Vec<u64> = Vec::new();
    for digits in text.as_bytes().chunks(DIGITS) {
        let (mut carry, mut scale) = (0_u128, 1_u128);
        for character in digits {
            let digit = ALPHABET.iter().position(|known| known == character)?;
            carry = carry * 58 + u128::try_from(digit).ok()?;
            scale *= 58;
        }
        // 58^10 is below 2^59, so no product overflows.
        for limb in &mut limbs {
            let sum = u128::from(*limb) * scale + carry;
            *limb = low(sum);
            carry = sum >> 64;
        }
        if carry != 0 {
            limbs.push(low(carry));
        }
    }
    let zeros = text
        .bytes()
        .take_while(|character| *character == b'1')
        .count();
    let number = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes());
    let number = number.skip_while(|byte| *byte == 0);
    Some(std::iter::repeat_n(0, zeros).chain(number).collect())
}

fn outcome(meta: &UiTransactionStatusMeta) -> Outcome {
    match meta.err.clone().map(TransactionError::from) {
        None => Outcome::Succeeded,
        Some(TransactionError::InstructionError(index, error)) => Outcome::Failed {
            instruction: Some(index),
            code: match error {
                InstructionError::Custom(code) => Some(code),
                _ => None,
            },
        },
        Some(_) => Outcome::Failed {
            instruction: None,
            code: None,
        },
    }
}

fn balances(keys: &[Pubkey], meta: &UiTransactionStatusMeta) -> Result<Vec<Balance>, &'static str> {
    let (before, after) = (&meta.pre_balances, &meta.post_balances);
    if before.len() != keys.len() || after.len() != keys.len() {
        return Err("the node left out balances");
    }
    let balances = keys.iter().zip(before).zip(after);
    Ok(balances
        .map(|((account, before), after)| Balance {
            account: *account,
            before: *before,
            after: *after,
        })
        .collect())
}

/// The decimals of each mint of which the transaction names a token account.
fn decimals(meta: &UiTransactionStatusMeta) -> Result<Vec<(Pubkey, u8)>, &'static str> {
    let mut decimals = Vec::new();
    for balances in [&meta.pre_token_balances, &meta.post_token_balances] {
        let OptionSerializer::Some(balances) = balances else {
            continue;
        };
        for UiTransactionTokenBalance {
            mint,
            ui_token_amount,
            ..
        } in balances
        {
            let mint = Pubkey::from_str(mint).map_err(|_| "a mint's address cannot be read")?;
            let entry = (mint, ui_token_amount.decimals);
            if !decimals.contains(&entry) {
                decimals.push(entry);
            }
        }
    }
    Ok(decimals)
}

#[cfg(test)]
mod tests {
    use solana_sdk::{
        bs58,
        hash::Hash,
        instruction::{AccountMeta, Instruction},
        message::Message,
        signature::Keypair,
        signer::Signer as _,
        transaction::Transaction as Legacy,
    };

    use super::*;

    /// A transaction that these sign, the first one as its payer.
    fn signed(signers: &[&Keypair]) -> VersionedTransaction {
        let accounts = signers
            .iter()
            .map(|signer| AccountMeta::new(signer.pubkey(), true))
            .collect();
        let call = Instruction::new_with_bytes(vouch_client::PROGRAM_ID, &[1, 2, 3], accounts);
        let payer = signers.first().map(|signer| signer.pubkey());
        let message = Message::new(&[call], payer.as_ref());
        Legacy::new(signers, message, Hash::default()).into()
    }

    #[test]
    fn a_transaction_that_somebody_has_not_signed_is_refused() {
        // Given a transaction that three have signed
        let keys = [Keypair::new(), Keypair::new(), Keypair::new()];
        let honest = signed(&keys.each_ref());
        let signature = honest.signatures[0];
        assert_eq!(verify(&signature, &honest), Ok(()));
        // When the signature of any of them is another one, then it is refused
        let invented = Err("the node sent a transaction that its signers have not signed");
        for place in 0..keys.len() {
            let mut wrong = honest.clone();
            wrong.signatures[place] = Signature::from([7; 64]);
            let signature = wrong.signatures[0];
            assert_eq!(verify(&signature, &wrong), invented, "{place}");
        }
        // When what they signed is changed, then it is, too
        let mut wrong = honest.clone();
        let VersionedMessage::Legacy(message) = &mut wrong.message else {
            unreachable!("a legacy message")
        };
        message.instructions[0].data = vec![1, 2, 4];
        assert_eq!(verify(&signature, &wrong), invented);
        // And a transaction that is right, but another one, is no answer
        let other = signed(&[&keys[0]]);
        let reason = Err("the node sent another transaction");
        assert_eq!(verify(&signature, &other), reason);
        // And one with fewer signatures than signers cannot be decoded at all
        let mut fewer = honest.clone();
        fewer.signatures.pop();
        assert!(fewer.sanitize().is_err());
    }

    #[test]
    fn base58_is_decoded_as_the_crate_does() {
        // Given data of many lengths, with zeros in front, within and behind
        for length in (0..130).chain([1_000, 1_023, 10_240]) {
            for zeros in [0, 1, 9, 40] {
                let mut data: Vec<u8> = (0..length)
                    .map(|place| u8::try_from(place * 7919 % 256).expect("a byte"))
                    .collect();
                for byte in data.iter_mut().take(zeros) {
                    *byte = 0;
                }
                let text = bs58::encode(&data).into_string();
                // Then it is the data again
                assert_eq!(base58(&text), Some(data), "{text}");
            }
        }
        // And what is not base58 is refused
        for wrong in ["0", "1O", "l", "I1", "é", " 2"] {
            assert_eq!(base58(wrong), None, "{wrong}");
        }
        // And so is what no CPI can have
        let most = bs58::encode(vec![255; 10_240]).into_string();
        assert!(base58(&most).is_some());
        assert_eq!(base58(&"z".repeat(14_001)), None);
    }
}
