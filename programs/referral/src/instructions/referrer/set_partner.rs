use anchor_lang::{address_eq, prelude::*};

use super::reward_account;
use crate::{
    address::address_is_zero, clock, Campaign, Existing, LogEntry, PartnerChanged, Referral,
    ReferralError,
};

/// Accounts of `set_partner`.
#[derive(Accounts)]
pub struct SetPartner {
    /// The referral's owner.
    // Safe: it signs, and is compared with the referral's owner.
    pub owner: Signer,
    /// The partner, who gets a part of each reward.
    // Safe: it signs, so both have agreed.
    pub partner: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
}

impl SetPartner {
    /// Gives `partner`, who agrees by signing, a part of each reward.
    pub fn handle(ctx: &mut Context<Self>, share_bps: u16, fixed: u64) -> Result<()> {
        let now = clock::now()?;
        let address = *ctx.accounts.referral.address();
        let partner = *ctx.accounts.partner.address();
        let campaign = &ctx.accounts.campaign;
        let referral = &mut ctx.accounts.referral;
        require!(
            address_eq(&referral.campaign, campaign.address()),
            ReferralError::WrongCampaign
        );
        referral.check_owner(ctx.accounts.owner.address())?;
        let settings = campaign.in_force(now);
        require!(
            address_is_zero(&referral.partner)
                || address_eq(&referral.partner, &partner)
                || partnership_is_over(referral, now),
            ReferralError::PartnerExists
        );
        require!(
            !address_eq(&referral.owner, &partner)
                && (share_bps == 0) != (fixed == 0)
                && share_bps <= settings.max_partner_share_bps.get()
                && fixed <= settings.max_partner_fixed.get(),
            ReferralError::InvalidPartner
        );

        let event = LogEntry::new(PartnerChanged {
            referral: address,
            old: referral.partner,
            old_share_bps: referral.partner_share_bps,
            old_fixed: referral.partner_fixed,
            new: partner,
            new_share_bps: share_bps.into(),
            new_fixed: fixed.into(),
            ends_at: 0.into(),
        });
        referral.partner = partner;
        referral.partner_share_bps = share_bps.into();
        referral.partner_fixed = fixed.into();
        referral.partner_ends_at = 0.into();
        referral.partner_account_bump = reward_account(campaign, &partner).1;
        referral.invariant()?;
        event.log();
        Ok(())
    }
}

/// Whether the partnership has ended, and nothing is owed to the partner.
fn partnership_is_over(referral: &Referral, now: i64) -> bool {
    let ends = referral.partner_ends_at.get();
    ends != 0 && now >= ends && referral.partner_pending.get() == 0
}
