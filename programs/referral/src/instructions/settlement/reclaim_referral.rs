use anchor_lang::{address_eq, prelude::*};

use super::over;
use crate::{clock, log, pda, Closed, Referral, ReferralError as E, RentReclaimed};

/// Accounts of `reclaim_referral`. Nobody has to sign.
#[derive(Accounts)]
pub struct ReclaimReferral {
    /// The campaign, or what is left of it. Safe: the handler compares it with the
    /// referral's, and reads it as one of this program's.
    pub campaign: UncheckedAccount,
    /// The referral, or what its owner left of it. Safe: the handler reads it as one
    /// of this program's.
    #[account(mut)]
    pub referral: UncheckedAccount,
    /// Who paid the rent. Safe: the handler compares it.
    #[account(mut)]
    pub rent_payer: UncheckedAccount,
}

impl ReclaimReferral {
    /// Gives the rent of a referral whose campaign is over back.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let account = accounts.referral.account();
        let (campaign, rent_payer, pending) = match pda::read::<Referral>(account) {
            Some(referral) => (
                referral.campaign,
                referral.rent_payer,
                referral.open_conversions.get() != 0,
            ),
            None => {
                let closed = pda::read::<Closed>(account).ok_or(E::ReferralNotFound)?;
                // What is left of a campaign stays.
                require!(
                    !address_eq(&closed.campaign, account.address()),
                    E::ReferralNotFound
                );
                (closed.campaign, closed.rent_payer, false)
            }
        };
        require!(
            address_eq(&campaign, accounts.campaign.address()),
            E::WrongCampaign
        );
        let over = over(accounts.campaign.account(), now)?;
        require!(over.closed, E::CampaignNotClosed);
        require!(!pending || over.claims, E::RewardsPending);
        require!(
            address_eq(&rent_payer, accounts.rent_payer.address()),
            E::WrongRentPayer
        );
        let event = RentReclaimed {
            account: *account.address(),
            rent_payer,
        };
        // SAFETY: what was read of it was copied.
        unsafe { pda::close(account, accounts.rent_payer.account()) }?;
        log(&event);
        Ok(())
    }
}
