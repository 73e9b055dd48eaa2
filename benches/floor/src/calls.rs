//! CPIs into the System program and the token programs.

use pinocchio::{
    cpi::{invoke_signed, Seed, Signer},
    error::ProgramError,
    instruction::{InstructionAccount, InstructionView},
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
/// First byte of the Token program's call that holds several.
const BATCH: u8 = 255;

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

/// Mints a part to each of two recipients, in one call of the Token program.
pub fn mint_both(
    campaign: &AccountView,
    token: &AccountView,
    first: &AccountView,
    second: &AccountView,
    token_program: &AccountView,
) -> ProgramResult {
    let bytes = campaign.try_borrow()?;
    let seeds = campaign_seeds(&bytes)?;
    let mut data = [0; 1 + 2 * 11];
    data[0] = BATCH;
    for part in data[1..].chunks_exact_mut(11) {
        part[..3].copy_from_slice(&[3, 9, 7]);
        part[3..].copy_from_slice(&PART.to_le_bytes());
    }
    let mint = InstructionAccount::writable(token.address());
    let authority = InstructionAccount::readonly_signer(campaign.address());
    let accounts = [
        mint.clone(),
        InstructionAccount::writable(first.address()),
        authority.clone(),
        mint,
        InstructionAccount::writable(second.address()),
        authority,
    ];
    invoke_signed(
        &InstructionView {
            program_id: token_program.address(),
            accounts: &accounts,
            data: &data,
        },
        &[token, first, campaign, token, second, campaign],
        &[Signer::from(&seeds)],
    )
}

/// Moves tokens of the owner, who signs, to two recipients, in one call.
pub fn transfer_both(
    owner: &AccountView,
    token: &AccountView,
    from: &AccountView,
    [first, second]: [(u64, &AccountView); 2],
    token_program: &AccountView,
) -> ProgramResult {
    let decimals = *token
        .try_borrow()?
        .get(MINT_DECIMALS)
        .ok_or(ProgramError::InvalidAccountData)?;
    let mut data = [0; 1 + 2 * 12];
    data[0] = BATCH;
    for (part, (amount, _)) in data[1..].chunks_exact_mut(12).zip([first, second]) {
        part[..3].copy_from_slice(&[4, 10, 12]);
        part[3..11].copy_from_slice(&amount.to_le_bytes());
        part[11] = decimals;
    }
    let accounts = [
        InstructionAccount::writable(from.address()),
        InstructionAccount::readonly(token.address()),
        InstructionAccount::writable(first.1.address()),
        InstructionAccount::readonly_signer(owner.address()),
        InstructionAccount::writable(from.address()),
        InstructionAccount::readonly(token.address()),
        InstructionAccount::writable(second.1.address()),
        InstructionAccount::readonly_signer(owner.address()),
    ];
    invoke_signed(
        &InstructionView {
            program_id: token_program.address(),
            accounts: &accounts,
            data: &data,
        },
        &[from, token, first.1, owner, from, token, second.1, owner],
        &[],
    )
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
