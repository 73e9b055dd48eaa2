use anchor_lang::{address_eq, prelude::*};

use crate::{log, Campaign, Existing, Referral, ReferralError, ReferralSuspensionChanged};

/// Accounts of `set_suspended`.
#[derive(Accounts)]
pub struct SetSuspended {
    /// The campaign's authority.
    // Safe: it signs, and is compared with the campaign's authority.
    pub authority: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
}

impl SetSuspended {
    /// Stops the referral from earning, or lets it earn again.
    pub fn handle(ctx: &mut Context<Self>, suspended: bool) -> Result<()> {
        let address = *ctx.accounts.referral.address();
        let campaign = &ctx.accounts.campaign;
        campaign.check_authority(ctx.accounts.authority.address())?;
        let referral = &mut ctx.accounts.referral;
        require!(
            address_eq(&referral.campaign, campaign.address()),
            ReferralError::WrongCampaign
        );

        let old = referral.suspended;
        let new = u8::from(suspended);
        referral.suspended = new;
        referral.invariant()?;
        log(ReferralSuspensionChanged {
            referral: address,
            old,
            new,
        });
        Ok(())
    }
}
