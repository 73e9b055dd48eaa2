use anchor_lang::{address_eq, prelude::*};

use super::over;
use crate::{clock, log, Existing, Referee, ReferralError as E, RentReclaimed};

/// Accounts of `reclaim_referee`. Nobody has to sign.
#[derive(Accounts)]
pub struct ReclaimReferee {
    /// The campaign, or what is left of it. Safe: the handler compares it with the
    /// binding's.
    pub campaign: UncheckedAccount,
    /// The binding. Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referee: Existing<Referee>,
    /// Who paid the rent. Safe: the handler compares it.
    #[account(mut)]
    pub rent_payer: UncheckedAccount,
}

impl ReclaimReferee {
    /// Gives the rent of a binding that no longer counts back.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let binding = &accounts.referee;
        require!(
            address_eq(&binding.campaign, accounts.campaign.address()),
            E::WrongCampaign
        );
        if now < binding.expires_at.get() {
            let over = over(accounts.campaign.account(), now)?;
            require!(over.closed, E::CampaignNotClosed);
        }
        require!(
            address_eq(&binding.rent_payer, accounts.rent_payer.address()),
            E::WrongRentPayer
        );
        let event = RentReclaimed {
            account: *binding.address(),
            rent_payer: binding.rent_payer,
        };
        accounts.referee.close_to(accounts.rent_payer.account())?;
        log(&event);
        Ok(())
    }
}
