//! Assembly of instructions, for the generated builders and those on top of them.

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

use crate::PROGRAM_ID;

/// An instruction of the program, as the IDL describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Its name in the IDL.
    pub name: &'static str,
    /// First bytes of its data.
    pub discriminator: [u8; 8],
    /// Names of its accounts in their order, and whether each has to sign.
    pub accounts: &'static [(&'static str, bool)],
}

impl Layout {
    /// Position of the account with this name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.accounts.iter().position(|(known, _)| *known == name)
    }
}

/// Why data is not an instruction of the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInstruction {
    /// The data begins with these bytes, at most 8, which are no instruction's.
    #[error("the program has no instruction that begins with {0:02x?}")]
    Unknown(Vec<u8>),
    /// The arguments of the instruction with this name are cut off, or not of their types.
    #[error("the arguments of {0} cannot be read")]
    Arguments(&'static str),
}

/// The first bytes of an instruction's data, and the bytes of its arguments.
pub(crate) fn head_of(data: &[u8]) -> Result<(&[u8; 8], &[u8]), InvalidInstruction> {
    data.split_first_chunk()
        .ok_or_else(|| InvalidInstruction::Unknown(data.to_vec()))
}

/// The arguments at the front of `data`.
pub(crate) fn read_args<T: BorshDeserialize>(
    name: &'static str,
    mut data: &[u8],
) -> Result<T, InvalidInstruction> {
    T::deserialize(&mut data).map_err(|_| InvalidInstruction::Arguments(name))
}

/// The instruction with this discriminator, these arguments and these accounts.
pub(crate) fn build(
    discriminator: &[u8; 8],
    args: &impl BorshSerialize,
    accounts: Vec<AccountMeta>,
) -> Instruction {
    let mut data = discriminator.to_vec();
    args.serialize(&mut data)
        .expect("a vector takes every byte");
    Instruction {
        program_id: PROGRAM_ID,
        accounts,
        data,
    }
}

/// The account at `address`, made by `meta`; a placeholder when `address` is `None`.
pub(crate) fn optional(
    address: Option<Pubkey>,
    meta: fn(Pubkey, bool) -> AccountMeta,
    signer: bool,
) -> AccountMeta {
    address.map_or_else(absent, |address| meta(address, signer))
}

/// Removes the accounts from position `first` on, if all of them are placeholders. The
/// program takes all of them or none of them; none costs less.
pub(crate) fn trim(mut instruction: Instruction, first: usize) -> Instruction {
    if instruction.accounts[first..]
        .iter()
        .all(|account| *account == absent())
    {
        instruction.accounts.truncate(first);
    }
    instruction
}

/// Anchor's placeholder for an optional account: the program's own address.
fn absent() -> AccountMeta {
    AccountMeta::new_readonly(PROGRAM_ID, false)
}
