//! A transaction as a source has sent it, and its conversion into what a replay reads.

use std::str::FromStr;

use solana_sdk::{
    instruction::InstructionError,
    message::VersionedMessage,
    pubkey::Pubkey,
    signature::Signature,
    transaction::{TransactionError, VersionedTransaction},
};
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, EncodedTransaction, TransactionBinaryEncoding,
    UiInnerInstructions, UiInstruction, UiTransactionStatusMeta, UiTransactionTokenBalance,
    option_serializer::OptionSerializer,
};
use vouch_replay::{
    Transaction, reads_cpis_of,
    transaction::{Balance, Inner, Instruction, Outcome},
};

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

/// A source's account of a transaction's effects, in the encoding of none.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    pub(crate) error: Option<TransactionError>,
    /// In lamports.
    pub(crate) fee: u64,
    /// Lamports of each account, before and after it.
    pub(crate) balances: (Vec<u64>, Vec<u64>),
    /// The CPIs of each instruction; `None` if the source does not record them.
    pub(crate) inner: Option<Vec<(u8, Vec<Cpi>)>>,
    /// The addresses of lookup tables, writable ones first.
    pub(crate) loaded: Vec<Pubkey>,
    /// Each mint once for each number of decimals.
    pub(crate) decimals: Vec<(Pubkey, u8)>,
}

/// A CPI, with indexes of accounts.
#[derive(Debug, Clone)]
pub(crate) struct Cpi {
    pub(crate) program: u8,
    pub(crate) accounts: Vec<u8>,
    pub(crate) data: Data,
    pub(crate) stack_height: Option<u32>,
}

/// Data, decoded only if it is read.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    Base58(String),
    #[cfg_attr(
        not(feature = "grpc"),
        expect(dead_code, reason = "the stream's encoding")
    )]
    Bytes(Vec<u8>),
}

/// A transaction as a source has sent it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) slot: u64,
    /// Its index in the block.
    pub(crate) index: Option<u32>,
    /// Unix seconds of its block.
    pub(crate) block_time: Option<i64>,
    pub(crate) transaction: VersionedTransaction,
    pub(crate) effects: Effects,
}

impl Sent {
    /// Reads a node's answer.
    pub(crate) fn of_node(
        found: EncodedConfirmedTransactionWithStatusMeta,
    ) -> Result<Self, &'static str> {
        let transaction = decode(&found.transaction.transaction);
        let transaction = transaction.ok_or("cannot be decoded")?;
        let meta = found.transaction.meta;
        let meta = meta.ok_or("the node does not know its effects")?;
        Ok(Self {
            slot: found.slot,
            index: found.transaction_index,
            block_time: found.block_time,
            transaction,
            effects: Effects::of_node(meta)?,
        })
    }

    /// Converts it. The first `Result` says whether the source sent what it was asked for, the second
    /// whether that is everything that a replay needs.
    pub(crate) fn read(
        self,
        signature: &Signature,
    ) -> Result<Result<Transaction, &'static str>, &'static str> {
        verify(signature, &self.transaction)?;
        Ok(read(signature, self))
    }
}

impl Effects {
    fn of_node(meta: UiTransactionStatusMeta) -> Result<Self, &'static str> {
        let inner = match meta.inner_instructions {
            OptionSerializer::Some(inner) => {
                Some(inner.into_iter().map(cpis).collect::<Result<_, _>>()?)
            }
            _ => None,
        };
        let mut loaded = Vec::new();
        if let OptionSerializer::Some(addresses) = &meta.loaded_addresses {
            for address in addresses.writable.iter().chain(&addresses.readonly) {
                let address = address.parse();
                loaded.push(address.map_err(|_| "a loaded address cannot be read")?);
            }
        }
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
                note_decimals(&mut decimals, mint, ui_token_amount.decimals)?;
            }
        }
        Ok(Self {
            error: meta.err.map(TransactionError::from),
            fee: meta.fee,
            balances: (meta.pre_balances, meta.post_balances),
            inner,
            loaded,
            decimals,
        })
    }

    /// Whether the transaction failed before its first instruction.
    fn has_executed_nothing(&self) -> bool {
        let error = self.error.as_ref();
        error.is_some_and(|error| !matches!(error, TransactionError::InstructionError(..)))
    }
}

/// Notes the decimals of a mint of which the transaction names a token account.
pub(crate) fn note_decimals(
    decimals: &mut Vec<(Pubkey, u8)>,
    mint: &str,
    of_mint: u8,
) -> Result<(), &'static str> {
    let mint = Pubkey::from_str(mint).map_err(|_| "a mint's address cannot be read")?;
    let entry = (mint, of_mint);
    if !decimals.contains(&entry) {
        decimals.push(entry);
    }
    Ok(())
}

fn cpis(of: UiInnerInstructions) -> Result<(u8, Vec<Cpi>), &'static str> {
    let cpi = |inner| {
        let UiInstruction::Compiled(inner) = inner else {
            return Err("an inner instruction in another encoding");
        };
        Ok(Cpi {
            program: inner.program_id_index,
            accounts: inner.accounts,
            data: Data::Base58(inner.data),
            stack_height: inner.stack_height,
        })
    };
    let cpis = of.instructions.into_iter().map(cpi);
    Ok((of.index, cpis.collect::<Result<_, _>>()?))
}

/// Converts what a source has sent. Fails if anything is missing that a replay needs.
fn read(signature: &Signature, sent: Sent) -> Result<Transaction, &'static str> {
    let Sent {
        slot,
        index,
        block_time,
        transaction,
        effects,
    } = sent;
    let message = &transaction.message;
    let keys = keys(message, &effects.loaded)?;
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
    let inner = match &effects.inner {
        Some(inner) => inner.as_slice(),
        // A transaction that failed while its accounts were loaded executed nothing.
        None if effects.has_executed_nothing() => &[],
        None => return Err("the node does not record inner instructions"),
    };
    for (index, cpis) in inner {
        let outer = instructions.get_mut(usize::from(*index));
        let outer = outer.ok_or("inner instructions of no instruction")?;
        for cpi in cpis {
            outer.inner.push(read_inner(&keys, cpi)?);
        }
    }
    let signers = usize::from(message.header().num_required_signatures);
    Ok(Transaction {
        signature: (*signature).into(),
        slot,
        index,
        block_time: block_time.ok_or("the node does not know its time")?,
        fee_payer: key(&keys, 0)?,
        fee: Some(effects.fee),
        signers: keys
            .get(..signers)
            .ok_or("fewer accounts than signers")?
            .to_vec(),
        outcome: outcome(effects.error),
        balances: balances(&keys, &effects.balances)?,
        decimals: effects.decimals,
        instructions,
    })
}

/// Every account that the transaction names, those of its lookup tables last.
fn keys(message: &VersionedMessage, loaded: &[Pubkey]) -> Result<Vec<Pubkey>, &'static str> {
    let mut keys = message.static_account_keys().to_vec();
    let lookups = message.address_table_lookups().unwrap_or_default();
    let looked_up: usize = lookups
        .iter()
        .map(|table| table.writable_indexes.len() + table.readonly_indexes.len())
        .sum();
    if loaded.len() != looked_up {
        return Err("the node left out addresses of lookup tables");
    }
    keys.extend(loaded);
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

fn read_inner(keys: &[Pubkey], cpi: &Cpi) -> Result<Inner, &'static str> {
    let program = key(keys, cpi.program)?;
    // Only these are read.
    let data = match &cpi.data {
        _ if !reads_cpis_of(&program) => Vec::new(),
        Data::Base58(text) => {
            base58(text).ok_or("the data of an inner instruction cannot be read")?
        }
        Data::Bytes(data) => data.clone(),
    };
    Ok(Inner {
        stack_height: cpi.stack_height,
        program,
        accounts: all(keys, &cpi.accounts)?,
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

fn outcome(error: Option<TransactionError>) -> Outcome {
    match error {
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

fn balances(
    keys: &[Pubkey],
    (before, after): &(Vec<u64>, Vec<u64>),
) -> Result<Vec<Balance>, &'static str> {
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
