//! CPIs into the System program and the token programs.

use pinocchio::{
    cpi::{Seed, Signer},
    error::ProgramError,
    AccountView, ProgramResult,
};
use pinocchio_system::instructions::Transfer;
use pinocchio_token_2022::instructions::{MintTo, TransferChecked};

use crate::PART;

/// Offsets of a campaign's bump, decimals, creator and id.
const BUMP: core::ops::Range<usize> = 9..10;
const DECIMALS: usize = 16;
const CREATOR: core::ops::Range<usize> = 21..53;
const ID: core::ops::Range<usize> = 53..61;
const MINT_DECIMALS: usize = 44;

/// Mints one part; the campaign signs.
pub fn mint(
    campaign: &AccountView,
    token: &AccountView,
    account: &AccountView,
    token_program: &AccountView,
) -> ProgramResult {
    let data = campaign.try_borrow()?;
    let seeds = campaign_seeds(&data)?;
    MintTo {
        mint: token,
        account,
        mint_authority: campaign,
        amount: PART,
        token_program: token_program.address(),
    }
    .invoke_signed(&[Signer::from(&seeds)])
}

/// Moves one part out of the vault; the campaign signs.
pub fn withdraw(
    campaign: &AccountView,
    token: &AccountView,
    vault: &AccountView,
    to: &AccountView,
    token_program: &AccountView,
) -> ProgramResult {
    let data = campaign.try_borrow()?;
    let seeds = campaign_seeds(&data)?;
    TransferChecked {
        from: vault,
        mint: token,
        to,
        authority: campaign,
        amount: PART,
        decimals: *data.get(DECIMALS).ok_or(ProgramError::InvalidAccountData)?,
        token_program: token_program.address(),
    }
    .invoke_signed(&[Signer::from(&seeds)])
}

/// Moves tokens of `owner`, who signed the transaction.
pub fn transfer(
    owner: &AccountView,
    token: &AccountView,
    from: &AccountView,
    to: &AccountView,
    token_program: &AccountView,
    amount: u64,
) -> ProgramResult {
    let decimals = *token
        .try_borrow()?
        .get(MINT_DECIMALS)
        .ok_or(ProgramError::InvalidAccountData)?;
    TransferChecked {
        from,
        mint: token,
        to,
        authority: owner,
        amount,
        decimals,
        token_program: token_program.address(),
    }
    .invoke()
}

/// Moves lamports of `from`, who signed the transaction.
pub fn pay(from: &AccountView, to: &AccountView, lamports: u64) -> ProgramResult {
    Transfer { from, to, lamports }.invoke()
}

/// The seeds of a campaign's signature, read from its account.
pub fn campaign_seeds(data: &[u8]) -> Result<[Seed<'_>; 4], ProgramError> {
    let seed = |range| data.get(range).ok_or(ProgramError::InvalidAccountData);
    Ok([
        b"campaign".into(),
        seed(CREATOR)?.into(),
        seed(ID)?.into(),
        seed(BUMP)?.into(),
    ])
}
