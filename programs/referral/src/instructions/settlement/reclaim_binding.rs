use anchor_lang::{address_eq, prelude::*};

use super::{give_back, over};
use crate::{clock, Binding, Existing, ReferralError as E};

/// Accounts of `reclaim_binding`. Nobody has to sign.
#[derive(Accounts)]
pub struct ReclaimBinding {
    /// The campaign, or its tombstone.
    // Safe: compared with the binding's.
    pub campaign: UncheckedAccount,
    /// The binding.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub binding: Existing<Binding>,
    /// Paid the rent, and gets it back.
    // Safe: compared with the binding's.
    #[account(mut)]
    pub rent_payer: UncheckedAccount,
}

impl ReclaimBinding {
    /// Returns the rent of a binding that no longer counts.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let binding = &accounts.binding;
        require!(
            address_eq(&binding.campaign, accounts.campaign.address()),
            E::WrongCampaign
        );
        if now < binding.expires_at.get() {
            let over = over(accounts.campaign.account(), now)?;
            require!(over.closed, E::CampaignNotClosed);
        }
        let rent_payer = binding.rent_payer;
        give_back(
            &mut accounts.binding,
            rent_payer,
            accounts.rent_payer.account(),
        )
    }
}
