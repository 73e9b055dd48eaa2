use anchor_lang::{address_eq, prelude::*};

use crate::{log, Existing, PartnerChanged, Referral, ReferralError};

/// Accounts of `remove_partner`.
#[derive(Accounts)]
pub struct RemovePartner {
    /// The partner. Safe: it signs, and the handler compares it.
    pub partner: Signer,
    /// The referral. Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
}

impl RemovePartner {
    /// Ends the partnership; only the partner can, once nothing is owed to it.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let address = *ctx.accounts.referral.address();
        let partner = *ctx.accounts.partner.address();
        let referral = &mut ctx.accounts.referral;
        require!(
            address_eq(&referral.partner, &partner),
            ReferralError::NotPartner
        );
        require!(
            referral.partner_pending.get() == 0,
            ReferralError::RewardsPending
        );

        let event = PartnerChanged {
            referral: address,
            old: partner,
            old_share_bps: referral.partner_share_bps.get(),
            new: Address::default(),
            new_share_bps: 0,
        };
        referral.partner = Address::default();
        referral.partner_share_bps = 0.into();
        referral.partner_account_bump = 0;
        referral.invariant()?;
        log(&event);
        Ok(())
    }
}
