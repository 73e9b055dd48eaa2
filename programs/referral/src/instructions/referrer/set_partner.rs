use anchor_lang::{address_eq, prelude::*};

use crate::{
    address_is_zero, log, reward_account, Campaign, Existing, PartnerChanged, Referral,
    ReferralError,
};

/// Accounts of `set_partner`.
#[derive(Accounts)]
pub struct SetPartner {
    /// The referral's owner. Safe: it signs, and the handler compares it.
    pub owner: Signer,
    /// Who gets the share. Safe: it signs, so both have agreed.
    pub partner: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral. Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
}

impl SetPartner {
    /// Gives `partner`, who agrees by signing, a share of each reward.
    pub fn handle(ctx: &mut Context<Self>, share_bps: u16) -> Result<()> {
        let address = *ctx.accounts.referral.address();
        let partner = *ctx.accounts.partner.address();
        let campaign = &ctx.accounts.campaign;
        let referral = &mut ctx.accounts.referral;
        require!(
            address_eq(&referral.campaign, campaign.address()),
            ReferralError::WrongCampaign
        );
        referral.check_owner(ctx.accounts.owner.address())?;
        require!(
            address_is_zero(&referral.partner) || address_eq(&referral.partner, &partner),
            ReferralError::PartnerExists
        );
        require!(
            !address_eq(&referral.owner, &partner)
                && share_bps > 0
                && share_bps <= campaign.max_partner_share_bps.get(),
            ReferralError::InvalidPartner
        );

        let event = PartnerChanged {
            referral: address,
            old: referral.partner,
            old_share_bps: referral.partner_share_bps.get(),
            new: partner,
            new_share_bps: share_bps,
        };
        referral.partner = partner;
        referral.partner_share_bps = share_bps.into();
        referral.partner_account_bump = reward_account(campaign, &partner).1;
        referral.invariant()?;
        log(&event);
        Ok(())
    }
}
