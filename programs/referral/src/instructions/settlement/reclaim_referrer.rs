use anchor_lang::{address_eq, prelude::*};

use super::{give_back, over};
use crate::{clock, Existing, ReferralError as E, Referrer};

/// Accounts of `reclaim_referrer`. Nobody has to sign.
#[derive(Accounts)]
pub struct ReclaimReferrer {
    /// The campaign, or its tombstone.
    // Safe: compared with the referrer's, and read as one of this program's.
    pub campaign: UncheckedAccount,
    /// The referrer's account.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referrer: Existing<Referrer>,
    /// Paid the rent, and gets it back.
    // Safe: compared with the referrer's.
    #[account(mut)]
    pub rent_payer: UncheckedAccount,
}

impl ReclaimReferrer {
    /// Returns the rent of a referrer's account once the campaign's claim period is over.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let referrer = &accounts.referrer;
        require!(
            address_eq(&referrer.campaign, accounts.campaign.address()),
            E::WrongCampaign
        );
        let over = over(accounts.campaign.account(), now)?;
        require!(over.closed, E::CampaignNotClosed);
        require!(over.claims, E::ClaimPeriodOpen);
        let rent_payer = referrer.rent_payer;
        give_back(
            &mut accounts.referrer,
            rent_payer,
            accounts.rent_payer.account(),
        )
    }
}
