use anchor_lang::prelude::*;

use crate::{
    log, math::sub, payout::Purse, token, Campaign, Existing, ReferralError, VaultFunded,
    FUNDING_VAULT,
};

/// Accounts of `fund_vault`.
#[derive(Accounts)]
pub struct FundVault {
    /// Owner or delegate of `source`.
    // Safe: it signs, and the token program checks it.
    pub funder: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// Token of the vault.
    // Safe: compared with the campaign's.
    pub mint: UncheckedAccount,
    /// Token account that pays.
    // Safe: the token program checks it.
    #[account(mut)]
    pub source: UncheckedAccount,
    /// The campaign's vault.
    // Safe: compared with the campaign's.
    #[account(mut)]
    pub vault: UncheckedAccount,
    /// Program of the mint.
    // Safe: compared with the campaign's.
    pub token_program: UncheckedAccount,
}

impl FundVault {
    /// Moves `amount` base units into the vault; anybody may.
    pub fn handle(ctx: &mut Context<Self>, amount: u64) -> Result<()> {
        let accounts = &ctx.accounts;
        let campaign = accounts.campaign.shared();
        require!(campaign.funding == FUNDING_VAULT, ReferralError::NoVault);
        require!(campaign.closed == 0, ReferralError::CampaignClosed);
        let purse = Purse {
            campaign,
            mints: false,
            mint: Some(accounts.mint.account()),
            vault: Some(accounts.vault.account()),
            token_program: Some(accounts.token_program.account()),
            signers: None,
        };
        let (mint, vault) = (purse.check_mint()?, purse.check_vault()?);
        let before = token::balance(vault, &campaign.token_program)?;
        token::transfer(
            accounts.source.account(),
            mint,
            vault,
            accounts.funder.account(),
            amount,
            campaign.mint_decimals,
            &campaign.token_program,
        )?;
        // The amount that arrived: a transfer fee makes it less than `amount`.
        let balance = token::balance(vault, &campaign.token_program)?;
        log(VaultFunded {
            campaign: *campaign.address(),
            funder: *accounts.funder.address(),
            received: sub(balance, before)?,
            balance,
        });
        Ok(())
    }
}
