#![allow(
    unused_variables,
    reason = "the derive binds the arguments once more where it does not need them"
)]

use anchor_lang::prelude::*;
use bytemuck::Zeroable;

use crate::{
    clock, pda, token, Campaign, Existing, Referral, ReferralCreated, ReferralError, VERSION,
};

/// Accounts of `create_referral`.
#[derive(Accounts)]
#[instruction(code: [u8; 12])]
pub struct CreateReferral {
    /// Pays the rent. Safe: it signs.
    /// May be `owner` as well: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// Who will earn the code's rewards. Safe: it signs, so nobody is made a
    /// referrer without knowing.
    pub owner: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral to be. Safe: the address is derived here with the canonical
    /// bump, and the account must not exist yet.
    #[account(
        mut,
        seeds = [pda::REFERRAL, campaign.address().as_ref(), pda::code_seed(&code)],
        bump
    )]
    pub referral: UncheckedAccount,
    /// Creates the account. Safe: checked by address.
    pub system_program: Program<System>,
}

impl CreateReferral {
    /// Registers the code.
    pub fn handle(ctx: &mut Context<Self>, padded: [u8; 12]) -> Result<()> {
        let accounts = &mut ctx.accounts;
        let code = pda::parse_code(&padded)?;
        require!(accounts.campaign.closed == 0, ReferralError::CampaignClosed);
        pda::check_vacant(accounts.referral.account(), ReferralError::CodeTaken)?;

        let address = *accounts.referral.address();
        let campaign = *accounts.campaign.address();
        let owner = *accounts.owner.address();
        let bump = ctx.bumps.referral;
        let reward_account_bump = token::associated_bump(
            &owner,
            &accounts.campaign.mint,
            &accounts.campaign.token_program,
        );
        let referral = Referral {
            version: VERSION,
            bump,
            code_len: code.len(),
            active: 1,
            reward_account_bump,
            code: padded,
            campaign,
            owner,
            rent_payer: *accounts.payer.address(),
            created_at: clock::now()?.into(),
            ..Referral::zeroed()
        };
        referral.invariant()?;
        pda::create(
            accounts.payer.account(),
            &mut accounts.referral.account().clone(),
            &[pda::REFERRAL, campaign.as_ref(), code.as_bytes(), &[bump]],
            &referral,
        )?;
        emit!(ReferralCreated {
            referral: address,
            campaign,
            owner,
            code: padded
        });
        Ok(())
    }
}
