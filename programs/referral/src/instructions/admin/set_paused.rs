use anchor_lang::prelude::*;

use crate::{log, Campaign, CampaignPauseChanged, Existing, ReferralError};

/// Accounts of `set_paused`.
#[derive(Accounts)]
pub struct SetPaused {
    /// The campaign's authority.
    // Safe: it signs, and is compared with the campaign's authority.
    pub authority: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub campaign: Existing<Campaign>,
}

impl SetPaused {
    /// Pauses or resumes the campaign.
    pub fn handle(ctx: &mut Context<Self>, paused: bool) -> Result<()> {
        let address = *ctx.accounts.campaign.address();
        let campaign = &mut ctx.accounts.campaign;
        campaign.check_authority(ctx.accounts.authority.address())?;
        require!(campaign.closed == 0, ReferralError::CampaignClosed);

        let old = campaign.paused;
        let new = u8::from(paused);
        campaign.paused = new;
        campaign.invariant_of_state()?;
        log(CampaignPauseChanged {
            campaign: address,
            old,
            new,
        });
        Ok(())
    }
}
