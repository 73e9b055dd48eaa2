//! Transactions of several instructions: as many as fit, at a price that is not too high.

use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_sdk::{
    hash::Hash,
    instruction::{Instruction, InstructionError},
    message::Message,
    signature::{Keypair, Signature, Signer as _},
    transaction::{Transaction, TransactionError},
};
use vouch_client::{ProgramError, Pubkey};

use crate::{failure::Failure, task::Item};

/// The most bytes of a transaction.
const TRANSACTION_LENGTH: usize = 1232;
/// The most instructions of the program in a transaction. More would fit if they name few accounts,
/// but one that fails makes all others fail.
const MOST_ITEMS: usize = 16;
/// The most compute units of a transaction.
pub(crate) const MOST_UNITS: u32 = 1_400_000;
/// Instructions before those of the program: the limit of compute units, and their price.
const FIRST_ITEM: usize = 2;
/// Lamports for one signature.
pub(crate) const SIGNATURE_FEE: u64 = 5000;
/// Millionths of a lamport in a lamport.
const MICRO: u64 = 1_000_000;

/// Splits items into runs of which each fits into one transaction. Those that have failed come last,
/// each by itself.
pub(crate) fn pack(payer: &Pubkey, items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut packs: Vec<Vec<Item>> = Vec::new();
    let (failed, others): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.has_failed);
    for item in others {
        match packs.last_mut() {
            Some(pack) if pack.len() < MOST_ITEMS => {
                pack.push(item);
                if length(payer, pack) > TRANSACTION_LENGTH
                    && let Some(item) = pack.pop()
                {
                    packs.push(vec![item]);
                }
            }
            _ => packs.push(vec![item]),
        }
    }
    packs.extend(failed.into_iter().map(|item| vec![item]));
    packs
}

fn length(payer: &Pubkey, items: &[Item]) -> usize {
    let message = message(payer, items, MOST_UNITS, u64::MAX);
    // One byte says how many signatures there are.
    1 + size_of::<Signature>() + message.serialize().len()
}

fn message(payer: &Pubkey, items: &[Item], units: u32, price: u64) -> Message {
    let budget = [
        ComputeBudgetInstruction::set_compute_unit_limit(units),
        ComputeBudgetInstruction::set_compute_unit_price(price),
    ];
    let items = items.iter().map(|item| item.instruction.clone());
    let instructions: Vec<Instruction> = budget.into_iter().chain(items).collect();
    Message::new(&instructions, Some(payer))
}

/// A transaction for a simulation, without a signature.
pub(crate) fn unsigned(payer: &Pubkey, items: &[Item]) -> Result<Vec<u8>, Failure> {
    serialize(&Transaction::new_unsigned(message(
        payer, items, MOST_UNITS, 0,
    )))
}

/// A transaction that can be sent, and its signature.
pub(crate) fn signed(
    key: &Keypair,
    items: &[Item],
    (units, price): (u32, u64),
    blockhash: Hash,
) -> Result<(Signature, Vec<u8>), Failure> {
    let message = message(&key.pubkey(), items, units, price);
    let transaction = Transaction::new(&[key], message, blockhash);
    let signature = transaction.signatures.first().copied().unwrap_or_default();
    Ok((signature, serialize(&transaction)?))
}

fn serialize(transaction: &Transaction) -> Result<Vec<u8>, Failure> {
    bincode::serialize(transaction).map_err(|error| Failure::chain("transaction", error))
}

/// The accounts that a transaction of these items writes.
pub(crate) fn written(items: &[Item]) -> Vec<Pubkey> {
    let metas = items.iter().flat_map(|item| &item.instruction.accounts);
    let mut written: Vec<_> = metas
        .filter(|meta| meta.is_writable)
        .map(|meta| meta.pubkey)
        .collect();
    written.sort_unstable();
    written.dedup();
    written
}

/// The limit of compute units for a transaction that took `used` in a simulation: a fifth more, because
/// accounts change in between. `None` if no transaction may use so many.
pub(crate) fn limit(used: u64) -> Option<u32> {
    let limit = used.checked_add(used / 5)?.checked_add(2000)?;
    u32::try_from(limit)
        .ok()
        .filter(|limit| *limit <= MOST_UNITS)
}

/// The price of a compute unit: what three of four recent blocks took, at most `highest`.
pub(crate) fn price(mut recent: Vec<u64>, highest: u64) -> u64 {
    recent.sort_unstable();
    let place = recent.len().saturating_mul(3) / 4;
    recent.get(place).copied().unwrap_or_default().min(highest)
}

/// Lamports that a transaction costs, landed or failed.
pub(crate) fn fee(units: u32, price: u64) -> u64 {
    let priority = u64::from(units).saturating_mul(price).div_ceil(MICRO);
    SIGNATURE_FEE.saturating_add(priority)
}

/// The place of the item that made a transaction fail; `None` if it was not one item.
pub(crate) fn culprit(error: &TransactionError) -> Option<usize> {
    match error {
        TransactionError::InstructionError(place, _) => usize::from(*place).checked_sub(FIRST_ITEM),
        _ => None,
    }
}

/// The error for people: the program's own have names.
pub(crate) fn describe(error: &TransactionError) -> String {
    match error {
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => {
            ProgramError::from_code(*code)
                .map_or_else(|| format!("error {code}"), |error| error.to_string())
        }
        TransactionError::InstructionError(_, error) => error.to_string(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use solana_sdk::instruction::AccountMeta;
    use vouch_client::PROGRAM_ID;

    use super::*;

    /// An instruction with `own` accounts of its own and 6 that all share.
    fn item(number: u8, own: u8) -> Item {
        let shared = (0..6).map(|place| [100 + place; 32]);
        let own = (0..own).map(|place| {
            let mut address = [number; 32];
            address[0] = place;
            address
        });
        let accounts = shared.chain(own).map(Pubkey::new_from_array);
        Item {
            subject: number.to_string(),
            tries: 0,
            has_failed: false,
            instruction: Instruction {
                program_id: PROGRAM_ID,
                accounts: accounts.map(|at| AccountMeta::new(at, false)).collect(),
                data: vec![0; 8],
            },
        }
    }

    #[test]
    fn transactions_are_full_and_never_too_long() {
        let key = Keypair::new();
        for own in [1, 2, 3, 5] {
            let items: Vec<_> = (1..=40).map(|number| item(number, own)).collect();
            let packs = pack(&key.pubkey(), items);
            // Every item is in one of them, in its order
            let subjects = packs.iter().flatten().map(|item| item.subject.clone());
            let expected = (1..=40).map(|number: u8| number.to_string());
            assert!(subjects.eq(expected));
            for (place, pack) in packs.iter().enumerate() {
                let (_, bytes) =
                    signed(&key, pack, (MOST_UNITS, u64::MAX), Hash::default()).expect("bytes");
                assert!(bytes.len() <= TRANSACTION_LENGTH, "{}", bytes.len());
                assert_eq!(bytes.len(), length(&key.pubkey(), pack));
                // And one more would not have fitted
                if let Some(next) = packs.get(place + 1) {
                    let more: Vec<_> = pack.iter().chain(&next[..1]).cloned().collect();
                    let is_full = pack.len() == MOST_ITEMS
                        || length(&key.pubkey(), &more) > TRANSACTION_LENGTH;
                    assert!(is_full, "{own}: {}", pack.len());
                }
            }
        }
    }

    #[test]
    fn what_has_failed_comes_last_and_by_itself() {
        let mut items: Vec<_> = (1..=4).map(|number| item(number, 1)).collect();
        items[0].has_failed = true;
        items[2].has_failed = true;
        let packs = pack(&Keypair::new().pubkey(), items);
        let subjects: Vec<Vec<_>> = packs
            .iter()
            .map(|pack| pack.iter().map(|item| item.subject.as_str()).collect())
            .collect();
        assert_eq!(subjects, [vec!["2", "4"], vec!["1"], vec!["3"]]);
    }

    #[test]
    fn fees_follow_the_market_up_to_a_limit() {
        assert_eq!(price(vec![], 50), 0);
        assert_eq!(price(vec![7], 50), 7);
        assert_eq!(price(vec![4, 1, 3, 2], 50), 4);
        assert_eq!(price((1..=100).collect(), 50), 50);
        assert_eq!(price((1..=100).collect(), 1000), 76);
        assert_eq!(fee(100_000, 0), 5000);
        assert_eq!(fee(100_000, 50_000), 10_000);
        // Parts of a lamport are rounded up.
        assert_eq!(fee(1, 1), 5001);
        assert_eq!(fee(u32::MAX, u64::MAX), 5000 + u64::MAX.div_ceil(MICRO));
    }

    #[test]
    fn the_limit_of_compute_units_has_a_margin() {
        assert_eq!(limit(10_000), Some(14_000));
        assert_eq!(limit(1_165_000), Some(1_400_000));
        assert_eq!(limit(1_166_000), None);
        assert_eq!(limit(u64::MAX), None);
    }

    #[test]
    fn the_culprit_is_the_items_place() {
        let at = |place| TransactionError::InstructionError(place, InstructionError::Custom(6000));
        assert_eq!(culprit(&at(2)), Some(0));
        assert_eq!(culprit(&at(5)), Some(3));
        // The budget's own instructions never fail.
        assert_eq!(culprit(&at(1)), None);
        assert_eq!(culprit(&TransactionError::AccountNotFound), None);
        assert_eq!(
            describe(&at(2)),
            ProgramError::from_code(6000).expect("an error").to_string()
        );
    }
}
