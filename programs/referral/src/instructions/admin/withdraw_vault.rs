use anchor_lang::prelude::*;

use crate::{
    log, math::sub, payout::Purse, token, Campaign, Existing, ReferralError, VaultWithdrawn,
};

/// Accounts of `withdraw_vault`.
#[derive(Accounts)]
pub struct WithdrawVault {
    /// The campaign's authority.
    // Safe: it signs, and is compared with the campaign's authority.
    pub authority: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// Token of the vault.
    // Safe: compared with the campaign's.
    pub mint: UncheckedAccount,
    /// The campaign's vault.
    // Safe: compared with the campaign's.
    #[account(mut)]
    pub vault: UncheckedAccount,
    /// Token account that receives the tokens; the authority chooses it.
    // Safe: the token program checks it.
    #[account(mut)]
    pub destination: UncheckedAccount,
    /// Program of the mint.
    // Safe: compared with the campaign's.
    pub token_program: UncheckedAccount,
}

impl WithdrawVault {
    /// Moves `amount` base units that are not owed out of the vault.
    pub fn handle(ctx: &mut Context<Self>, amount: u64) -> Result<()> {
        let accounts = &ctx.accounts;
        let campaign = accounts.campaign.shared();
        campaign.check_authority(accounts.authority.address())?;
        require!(campaign.has_vault(), ReferralError::NoVault);
        let purse = Purse {
            campaign,
            mints: false,
            mint: Some(accounts.mint.account()),
            vault: Some(accounts.vault.account()),
            token_program: Some(accounts.token_program.account()),
            signers: None,
        };
        let (mint, vault) = (purse.check_mint()?, purse.check_vault()?);
        let balance = token::balance(vault, &campaign.token_program)?;
        let left = balance.checked_sub(amount);
        require!(
            left.is_some_and(|left| left >= campaign.owed.get()),
            ReferralError::InsufficientVault
        );
        token::transfer_from_vault(
            campaign,
            mint,
            vault,
            accounts.destination.account(),
            amount,
        )?;
        log(VaultWithdrawn {
            campaign: *campaign.address(),
            destination: *accounts.destination.address(),
            amount,
            balance: sub(balance, amount)?,
        });
        Ok(())
    }
}
