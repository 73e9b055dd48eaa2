use anchor_lang::prelude::*;

use crate::{clock, log, Campaign, CampaignUpdated, Existing, ReferralError, Settings};

/// Accounts of `update_campaign`.
#[derive(Accounts)]
pub struct UpdateCampaign {
    /// The campaign's authority.
    // Safe: it signs, and is compared with the campaign's authority.
    pub authority: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub campaign: Existing<Campaign>,
}

impl UpdateCampaign {
    /// Replaces the settings: at once, or after the campaign's notice if they cut something.
    pub fn handle(ctx: &mut Context<Self>, settings: Settings) -> Result<()> {
        let now = clock::now()?;
        let address = *ctx.accounts.campaign.address();
        let campaign = &mut ctx.accounts.campaign;
        campaign.check_authority(ctx.accounts.authority.address())?;
        require!(campaign.closed == 0, ReferralError::CampaignClosed);

        let old = *campaign.in_force(now).settings;
        // An end in the past may stay; a new end must be in the future.
        settings.check_end(old.ends_at.get(), now)?;
        let in_force_from = campaign.change(&settings, now)?;
        campaign.invariant()?;
        log(&CampaignUpdated {
            campaign: address,
            old,
            new: settings,
            in_force_from: in_force_from.into(),
        });
        Ok(())
    }
}
