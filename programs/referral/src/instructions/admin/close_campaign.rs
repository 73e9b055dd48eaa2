use anchor_lang::prelude::*;

use crate::{clock, log, Campaign, CampaignClosed, Existing, ReferralError};

/// Accounts of `close_campaign`.
#[derive(Accounts)]
pub struct CloseCampaign {
    /// The campaign's authority; or anybody, 30 days after the campaign's end.
    // Safe: it signs, and is compared with the campaign's authority while only that may close.
    pub authority: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub campaign: Existing<Campaign>,
}

impl CloseCampaign {
    /// Closes the campaign for good. Earned rewards stay claimable for the claim period.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let address = *ctx.accounts.campaign.address();
        let campaign = &mut ctx.accounts.campaign;
        if !campaign.is_abandoned(now) {
            campaign.check_authority(ctx.accounts.authority.address())?;
        }
        require!(campaign.closed == 0, ReferralError::CampaignClosed);

        campaign.closed = 1;
        campaign.closed_at = now.into();
        campaign.invariant_of_state()?;
        log(CampaignClosed {
            campaign: address,
            closed_at: now,
        });
        Ok(())
    }
}
