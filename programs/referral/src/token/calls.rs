use anchor_lang::{cpi::CpiSigner, prelude::*};
use anchor_spl::token_2022_cpi::instructions::{
    AuthorityType, CloseAccount, SetAuthority, TransferChecked,
};
use pinocchio::instruction::InstructionAccount;

use super::batch::MINT_TO;
use crate::{
    account::{call, signed},
    Campaign, Shared,
};

/// Mints `amount` base units, signed by the campaign.
#[inline(never)]
pub fn mint_to(
    campaign: Shared<Campaign>,
    mint: &AccountView,
    account: &AccountView,
    amount: u64,
) -> Result<()> {
    signed(campaign, |signers| {
        mint_to_inlined(campaign, mint, account, amount, signers)
    })
}

/// The data of the token programs' `MintTo`.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, packed)]
struct Mint {
    instruction: u8,
    amount: u64,
}

/// [`mint_to`], inlined, with the `signers` that are the campaign's.
#[inline(always)]
pub fn mint_to_inlined(
    campaign: Shared<Campaign>,
    mint: &AccountView,
    account: &AccountView,
    amount: u64,
    signers: &[CpiSigner],
) -> Result<()> {
    let data = Mint {
        instruction: MINT_TO,
        amount,
    };
    let accounts = [
        InstructionAccount::writable(mint.address()),
        InstructionAccount::writable(account.address()),
        InstructionAccount::readonly_signer(campaign.address()),
    ];
    require!(
        !mint.is_borrowed() && !account.is_borrowed(),
        ProgramError::AccountBorrowFailed
    );
    // SAFETY: nobody holds the data of an account that the call writes; the campaign only signs.
    unsafe {
        call(
            &campaign.token_program,
            [mint, account, campaign.account()],
            accounts,
            bytemuck::bytes_of(&data),
            signers,
        );
    }
    Ok(())
}

/// Moves `amount` base units out of the vault, signed by the campaign.
#[inline(never)]
pub fn transfer_from_vault(
    campaign: Shared<Campaign>,
    mint: &AccountView,
    vault: &AccountView,
    to: &AccountView,
    amount: u64,
) -> Result<()> {
    signed(campaign, |signers| {
        TransferChecked {
            from: vault,
            mint,
            to,
            authority: campaign.account(),
            amount,
            decimals: campaign.mint_decimals,
            token_program: &campaign.token_program,
        }
        .invoke_signed(signers)
    })
}

/// Gives the mint's authority to `new`, signed by the campaign.
pub fn hand_back_mint(campaign: Shared<Campaign>, mint: &AccountView, new: &Address) -> Result<()> {
    signed(campaign, |signers| {
        SetAuthority {
            account: mint,
            authority: campaign.account(),
            authority_type: AuthorityType::MintTokens,
            new_authority: Some(new),
            token_program: &campaign.token_program,
        }
        .invoke_signed(signers)
    })
}

/// Closes the empty vault; its rent goes to `destination`. Signed by the campaign.
pub fn close_vault(
    campaign: Shared<Campaign>,
    vault: &AccountView,
    destination: &AccountView,
) -> Result<()> {
    signed(campaign, |signers| {
        CloseAccount {
            account: vault,
            destination,
            authority: campaign.account(),
            token_program: &campaign.token_program,
        }
        .invoke_signed(signers)
    })
}

/// Moves `amount` base units, signed by their owner, who signed the instruction.
pub fn transfer(
    from: &AccountView,
    mint: &AccountView,
    to: &AccountView,
    owner: &AccountView,
    amount: u64,
    decimals: u8,
    token_program: &Address,
) -> Result<()> {
    TransferChecked {
        from,
        mint,
        to,
        authority: owner,
        amount,
        decimals,
        token_program,
    }
    .invoke()
}
