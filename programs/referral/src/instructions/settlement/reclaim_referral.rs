use anchor_lang::{address_eq, prelude::*};

use super::over;
use crate::{account, clock, Closed, LogEntry, Referral, ReferralError as E, RentReclaimed};

/// Accounts of `reclaim_referral`. Nobody has to sign.
#[derive(Accounts)]
pub struct ReclaimReferral {
    /// The campaign, or its tombstone.
    // Safe: compared with the referral's, and read as one of this program's.
    pub campaign: UncheckedAccount,
    /// The referral, or its tombstone.
    // Safe: read as one of this program's.
    #[account(mut)]
    pub referral: UncheckedAccount,
    /// Paid the rent, and gets it back.
    // Safe: compared with the referral's.
    #[account(mut)]
    pub rent_payer: UncheckedAccount,
}

impl ReclaimReferral {
    /// Returns the rent of a referral whose campaign is closed.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let view = accounts.referral.account();
        let (campaign, rent_payer, pending) = match account::read::<Referral>(view) {
            Some(referral) => (
                referral.campaign,
                referral.rent_payer,
                referral.open_conversions.get() != 0,
            ),
            None => {
                let closed = account::read::<Closed>(view).ok_or(E::ReferralNotFound)?;
                // The tombstone of a campaign stays.
                require!(
                    !address_eq(&closed.campaign, view.address()),
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
        let event = LogEntry::new(RentReclaimed {
            account: *view.address(),
            rent_payer,
        });
        // SAFETY: everything that was read from the account was copied.
        unsafe { account::close(view, accounts.rent_payer.account()) }?;
        event.log();
        Ok(())
    }
}
