use anchor_lang::prelude::*;

use crate::{clock, Campaign, CampaignUpdated, Existing, LogEntry, ReferralError, Settings};

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
    pub fn handle(ctx: &mut Context<Self>, new: &Settings) -> Result<()> {
        let now = clock::now()?;
        let campaign = &mut ctx.accounts.campaign;
        campaign.check_authority(ctx.accounts.authority.address())?;
        require!(campaign.closed == 0, ReferralError::CampaignClosed);

        // The old settings are copied straight into the event.
        let mut entry = LogEntry::new(CampaignUpdated {
            campaign: *campaign.address(),
            old: *campaign.in_force(now).settings,
            new: *new,
            in_force_from: 0.into(),
        });
        // An end in the past may stay; a new end must be in the future.
        new.check_end(entry.event.old.ends_at.get(), now)?;
        let in_force_from = campaign.change(new, now)?;
        campaign.invariant()?;
        entry.event.in_force_from = in_force_from.into();
        entry.log();
        Ok(())
    }
}
