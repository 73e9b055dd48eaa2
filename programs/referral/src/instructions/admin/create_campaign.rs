#![allow(
    unused_variables,
    reason = "the derive binds the arguments once more where it does not need them"
)]

use anchor_lang::prelude::*;
use bytemuck::Zeroable;

use crate::{
    clock, pda, token, Campaign, CampaignCreated, ReferralError, FUNDING_MINT_AUTHORITY,
    PROOF_OPEN, REWARD_FIXED, UNIQUENESS_WALLET, VERSION,
};

/// Accounts of `create_campaign`.
#[derive(Accounts)]
#[instruction(id: u64)]
pub struct CreateCampaign {
    /// Pays the rent. Safe: it signs.
    /// May be `authority` as well: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// Becomes creator and authority. Safe: it signs, and its address is part of
    /// the campaign's, so nobody can take the place of somebody else.
    pub authority: Signer,
    /// The campaign to be. Safe: the address is derived here with the canonical
    /// bump, and the account must not exist yet.
    #[account(mut, seeds = [pda::CAMPAIGN, authority.address().as_ref(), id.to_le_bytes()], bump)]
    pub campaign: UncheckedAccount,
    /// Token of the rewards. Safe: owned by the token program, initialised, and
    /// its mint authority is the campaign already: only who controlled the mint
    /// can have done that.
    pub mint: UncheckedAccount,
    /// Program of the mint. Safe: one of the two token programs, by address.
    pub token_program: UncheckedAccount,
    /// Creates the account. Safe: checked by address.
    pub system_program: Program<System>,
}

impl CreateCampaign {
    /// Opens the campaign.
    pub fn handle(
        ctx: &mut Context<Self>,
        id: u64,
        reward: u64,
        starts_at: i64,
        ends_at: i64,
    ) -> Result<()> {
        let accounts = &mut ctx.accounts;
        let address = *accounts.campaign.address();
        let creator = *accounts.authority.address();
        let mint = *accounts.mint.address();
        let token_program = *accounts.token_program.address();

        pda::check_vacant(accounts.campaign.account(), ReferralError::CampaignExists)?;
        let facts = token::read_mint(&accounts.mint, &token_program)?;
        require!(
            facts.authority == Some(address),
            ReferralError::MintAuthorityMismatch
        );
        // Otherwise not one conversion could ever be paid.
        require!(
            facts.supply.checked_add(reward).is_some(),
            ReferralError::InvalidReward
        );
        let now = clock::now()?;
        require!(
            ends_at == 0 || ends_at > now,
            ReferralError::InvalidSchedule
        );

        let bump = ctx.bumps.campaign;
        let campaign = Campaign {
            version: VERSION,
            bump,
            funding: FUNDING_MINT_AUTHORITY,
            proof: PROOF_OPEN,
            uniqueness: UNIQUENESS_WALLET,
            reward_kind: REWARD_FIXED,
            mint_decimals: facts.decimals,
            creator,
            id: id.into(),
            authority: creator,
            mint,
            token_program,
            rent_payer: *accounts.payer.address(),
            reward_fixed: reward.into(),
            starts_at: starts_at.into(),
            ends_at: ends_at.into(),
            created_at: now.into(),
            ..Campaign::zeroed()
        };
        campaign.invariant()?;
        pda::create(
            accounts.payer.account(),
            &mut accounts.campaign.account().clone(),
            &[pda::CAMPAIGN, creator.as_ref(), &id.to_le_bytes(), &[bump]],
            &campaign,
        )?;
        emit!(CampaignCreated {
            campaign: address,
            creator,
            mint,
            reward
        });
        Ok(())
    }
}
