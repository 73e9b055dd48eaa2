//! Payments in tokens, read from the CPIs to the two token programs.

use solana_sdk::pubkey::Pubkey;
use vouch_client::token::TOKEN_PROGRAM_ID;

use crate::{error::Kind, transaction::Inner};

/// The Token-2022 program.
const TOKEN_2022: Pubkey = Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");

/// First bytes of the instructions, the same in both programs:
/// <https://github.com/solana-program/token>, `pinocchio/interface/src/instruction.rs`.
const TRANSFER: u8 = 3;
const MINT_TO: u8 = 7;
const TRANSFER_CHECKED: u8 = 12;
const MINT_TO_CHECKED: u8 = 14;
/// Several instructions in one. Each has the number of its accounts, the length of its data, and
/// the data.
const BATCH: u8 = 255;

/// Tokens that were sent to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payment {
    /// The token account that received them.
    pub(crate) to: Pubkey,
    /// Base units.
    pub(crate) amount: u64,
    /// The owner or the mint's authority, which sent them.
    pub(crate) authority: Pubkey,
}

/// Whether this is one of the two token programs.
pub(crate) fn is_program(program: &Pubkey) -> bool {
    *program == TOKEN_PROGRAM_ID || *program == TOKEN_2022
}

/// Reads one instruction that is not a batch; `None` if it sends nothing. Fails if it is too short.
fn read(accounts: &[Pubkey], data: &[u8]) -> Result<Option<Payment>, Kind> {
    let (tag, rest) = data.split_first().ok_or(Kind::InvalidCpi)?;
    let (to, authority) = match *tag {
        // Source, destination, owner.
        TRANSFER => (1, 2),
        // Source, mint, destination, owner.
        TRANSFER_CHECKED => (2, 3),
        // Mint, destination, authority.
        MINT_TO | MINT_TO_CHECKED => (1, 2),
        _ => return Ok(None),
    };
    let account = |at: usize| accounts.get(at).copied().ok_or(Kind::InvalidCpi);
    let amount = rest.first_chunk().ok_or(Kind::InvalidCpi)?;
    Ok(Some(Payment {
        to: account(to)?,
        amount: u64::from_le_bytes(*amount),
        authority: account(authority)?,
    }))
}

/// The payments in a batch.
fn read_batch(
    mut accounts: &[Pubkey],
    mut data: &[u8],
    payments: &mut Vec<Payment>,
) -> Result<(), Kind> {
    while let Some((counts, rest)) = data.split_first_chunk::<2>() {
        let [count, length] = counts.map(usize::from);
        let (these, others) = accounts.split_at_checked(count).ok_or(Kind::InvalidCpi)?;
        let (this, rest) = rest.split_at_checked(length).ok_or(Kind::InvalidCpi)?;
        // The Token program refuses a batch in a batch.
        if this.first() == Some(&BATCH) {
            return Err(Kind::InvalidCpi);
        }
        payments.extend(read(these, this)?);
        accounts = others;
        data = rest;
    }
    if data.is_empty() {
        Ok(())
    } else {
        Err(Kind::InvalidCpi)
    }
}

/// The payments that `authority` made by these CPIs, in their order.
pub(crate) fn payments(cpis: &[&Inner], authority: &Pubkey) -> Result<Vec<Payment>, Kind> {
    let mut payments = Vec::with_capacity(4);
    for cpi in cpis.iter().filter(|cpi| is_program(&cpi.program)) {
        match cpi.data.split_first() {
            Some((&BATCH, rest)) => read_batch(&cpi.accounts, rest, &mut payments)?,
            _ => payments.extend(read(&cpi.accounts, &cpi.data)?),
        }
    }
    payments.retain(|payment| payment.authority == *authority);
    Ok(payments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Pubkey {
        Pubkey::new_from_array([byte; 32])
    }

    fn cpi(program: Pubkey, accounts: &[u8], data: Vec<u8>) -> Inner {
        Inner {
            stack_height: Some(2),
            program,
            accounts: accounts.iter().map(|byte| key(*byte)).collect(),
            data,
        }
    }

    fn instruction(tag: u8, amount: u64, more: &[u8]) -> Vec<u8> {
        [&[tag][..], &amount.to_le_bytes(), more].concat()
    }

    fn read_all(cpi: &Inner) -> Result<Vec<(Pubkey, u64)>, Kind> {
        let payments = payments(&[cpi], &key(9))?;
        Ok(payments.iter().map(|it| (it.to, it.amount)).collect())
    }

    #[test]
    fn each_instruction_is_read_in_both_programs() {
        for program in [TOKEN_PROGRAM_ID, TOKEN_2022] {
            for (accounts, data) in [
                (&[1, 5, 9][..], instruction(TRANSFER, 7, &[])),
                (&[1, 2, 5, 9], instruction(TRANSFER_CHECKED, 7, &[6])),
                (&[1, 5, 9], instruction(MINT_TO, 7, &[])),
                (&[1, 5, 9], instruction(MINT_TO_CHECKED, 7, &[6])),
            ] {
                let found = read_all(&cpi(program, accounts, data));
                assert_eq!(found, Ok(vec![(key(5), 7)]));
            }
        }
    }

    #[test]
    fn other_instructions_programs_and_authorities_pay_nothing() {
        let mint = instruction(MINT_TO, 7, &[]);
        for other in [
            cpi(TOKEN_PROGRAM_ID, &[1, 5, 9], vec![9]),
            cpi(key(3), &[1, 5, 9], mint.clone()),
            cpi(TOKEN_PROGRAM_ID, &[1, 5, 8], mint),
        ] {
            assert_eq!(read_all(&other), Ok(vec![]));
        }
    }

    #[test]
    fn a_batch_pays_each_of_its_parts() {
        // Given a batch of a transfer and two mints, the second by another authority
        let transfer = instruction(TRANSFER_CHECKED, 7, &[6]);
        let mint = instruction(MINT_TO, 8, &[]);
        let batch = [
            &[BATCH, 4, 10][..],
            &transfer,
            &[3, 9],
            &mint,
            &[3, 9],
            &mint,
        ]
        .concat();
        let accounts = [1, 2, 5, 9, 1, 6, 9, 1, 7, 8];

        // Then its parts are read, with their own accounts
        let found = read_all(&cpi(TOKEN_PROGRAM_ID, &accounts, batch));
        assert_eq!(found, Ok(vec![(key(5), 7), (key(6), 8)]));
    }

    #[test]
    fn a_malformed_cpi_is_an_error() {
        let mint = instruction(MINT_TO, 8, &[]);
        let batch = |bytes: &[&[u8]]| [&[BATCH][..], &bytes.concat()].concat();
        for (accounts, data) in [
            (&[1, 5, 9][..], vec![]),
            (&[1, 5, 9], vec![MINT_TO, 1, 2]),
            (&[1, 5], mint.clone()),
            (&[1, 5], batch(&[&[3, 9], &mint])),
            (&[1, 5, 9], batch(&[&[3, 10], &mint])),
            (&[1, 5, 9], batch(&[&[3]])),
            (&[1, 5, 9], batch(&[&[3, 0]])),
            (&[1, 5, 9], batch(&[&[3, 9], &mint, &[0]])),
            (&[1, 5, 9], batch(&[&[3, 1, BATCH]])),
        ] {
            let found = read_all(&cpi(TOKEN_PROGRAM_ID, accounts, data.clone()));
            assert_eq!(found, Err(Kind::InvalidCpi), "{data:?}");
        }
    }
}
