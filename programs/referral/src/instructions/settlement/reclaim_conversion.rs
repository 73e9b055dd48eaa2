use anchor_lang::{address_eq, prelude::*};

use super::over;
use crate::{
    clock, log, pda, Conversion, Existing, ReferralError as E, RentReclaimed, STATUS_PENDING,
};

/// Accounts of `reclaim_conversion`. Nobody has to sign.
#[derive(Accounts)]
pub struct ReclaimConversion {
    /// The campaign, or what is left of it. Safe: the handler reads it as one of this
    /// program's, and the conversion's address says that it is the conversion's.
    pub campaign: UncheckedAccount,
    /// The conversion. Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub conversion: Existing<Conversion>,
    /// Who paid the rent. Safe: the handler compares it.
    #[account(mut)]
    pub rent_payer: UncheckedAccount,
}

impl ReclaimConversion {
    /// Gives the rent of a conversion back; with it what waited there in vain.
    pub fn handle(ctx: &mut Context<Self>, key: [u8; 32]) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let conversion = &accounts.conversion;
        let campaign = accounts.campaign.address();
        // Only the right key gives this address.
        let seeds = [
            pda::CONVERSION,
            campaign.as_ref(),
            key.as_slice(),
            &[conversion.bump],
        ];
        let address = anchor_lang::cpi::create_program_address(&seeds, &crate::ID);
        require!(
            address.is_ok_and(|address| address_eq(&address, conversion.address())),
            E::WrongCampaign
        );
        let over = over(accounts.campaign.account(), now)?;
        require!(over.closed, E::CampaignNotClosed);
        require!(
            conversion.status != STATUS_PENDING || over.claims,
            E::RewardsPending
        );
        require!(
            address_eq(&conversion.rent_payer, accounts.rent_payer.address()),
            E::WrongRentPayer
        );
        let event = RentReclaimed {
            account: *conversion.address(),
            rent_payer: conversion.rent_payer,
        };
        accounts
            .conversion
            .close_to(accounts.rent_payer.account())?;
        log(&event);
        Ok(())
    }
}
