use anchor_lang::prelude::*;

use crate::{clock, log, Campaign, CampaignClosed, Existing, ReferralError};

/// Accounts of `close_campaign`.
#[derive(Accounts)]
pub struct CloseCampaign {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub campaign: Existing<Campaign>,
}

impl CloseCampaign {
    /// Closes the campaign for good; what was earned stays claimable for its time.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let address = *ctx.accounts.campaign.address();
        let campaign = &mut ctx.accounts.campaign;
        campaign.check_authority(ctx.accounts.authority.address())?;
        require!(campaign.closed == 0, ReferralError::CampaignClosed);

        campaign.closed = 1;
        campaign.closed_at = now.into();
        campaign.invariant()?;
        log(&CampaignClosed {
            campaign: address,
            closed_at: now,
        });
        Ok(())
    }
}
