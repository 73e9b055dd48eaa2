use anchor_lang::prelude::*;

use crate::{log, AuthorityProposed, Campaign, Existing};

/// Accounts of `propose_authority`.
#[derive(Accounts)]
pub struct ProposeAuthority {
    /// The campaign's authority.
    // Safe: it signs, and is compared with the campaign's authority.
    pub authority: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub campaign: Existing<Campaign>,
}

impl ProposeAuthority {
    /// Offers the campaign to `new_authority`; zero withdraws the offer.
    pub fn handle(ctx: &mut Context<Self>, new_authority: Address) -> Result<()> {
        let address = *ctx.accounts.campaign.address();
        let campaign = &mut ctx.accounts.campaign;
        campaign.check_authority(ctx.accounts.authority.address())?;

        let old = campaign.pending_authority;
        campaign.pending_authority = new_authority;
        campaign.invariant_of_state()?;
        log(AuthorityProposed {
            campaign: address,
            old,
            new: new_authority,
        });
        Ok(())
    }
}
