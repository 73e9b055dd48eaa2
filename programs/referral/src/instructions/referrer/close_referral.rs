use anchor_lang::{address_eq, prelude::*};

use crate::{
    account::Recipient, Closed, Existing, LogEntry, Referral, ReferralClosed, ReferralError,
    VERSION,
};

/// Accounts of `close_referral`.
#[derive(Accounts)]
pub struct CloseReferral {
    /// The referral's owner.
    // Safe: it signs, and is compared with the referral's owner.
    pub owner: Signer,
    /// The referral.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// Paid the rent, and gets it back.
    // Safe: compared with the campaign's. May be `owner` as well: nothing here keeps a typed
    // view of its data.
    #[account(mut, unsafe(dup))]
    pub rent_payer: Recipient,
}

impl CloseReferral {
    /// Closes the referral for good; its code stays taken.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let accounts = &mut ctx.accounts;
        let referral = &accounts.referral;
        referral.check_owner(accounts.owner.address())?;
        require!(
            referral.open_conversions.get() == 0,
            ReferralError::RewardsPending
        );
        require!(
            address_eq(&referral.rent_payer, accounts.rent_payer.address()),
            ReferralError::WrongRentPayer
        );

        let closed = Closed {
            version: VERSION,
            campaign: referral.campaign,
            rent_payer: referral.rent_payer,
            treasury: Address::default(),
        };
        let event = LogEntry::new(ReferralClosed {
            referral: *referral.address(),
            owner: referral.owner,
        });
        accounts
            .referral
            .leave_closed(accounts.rent_payer.account(), &closed)?;
        event.log();
        Ok(())
    }
}
