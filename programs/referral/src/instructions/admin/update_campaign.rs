use anchor_lang::prelude::*;

use crate::{clock, log, Campaign, CampaignUpdated, Existing, ReferralError, Settings};

/// Accounts of `update_campaign`.
#[derive(Accounts)]
pub struct UpdateCampaign {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub campaign: Existing<Campaign>,
}

impl UpdateCampaign {
    /// Replaces the settings, for the conversions that follow.
    pub fn handle(ctx: &mut Context<Self>, settings: Settings) -> Result<()> {
        let now = clock::now()?;
        let address = *ctx.accounts.campaign.address();
        let campaign = &mut ctx.accounts.campaign;
        campaign.check_authority(ctx.accounts.authority.address())?;
        require!(campaign.closed == 0, ReferralError::CampaignClosed);

        let old = campaign.settings();
        let ends_at = settings.ends_at;
        // An end that has passed may stay; a new one lies ahead.
        require!(
            ends_at.get() == 0 || ends_at.get() > now || ends_at.get() == old.ends_at.get(),
            ReferralError::InvalidSchedule
        );
        campaign.apply(&settings);
        campaign.invariant()?;
        log(&CampaignUpdated {
            campaign: address,
            old,
            new: settings,
        });
        Ok(())
    }
}
