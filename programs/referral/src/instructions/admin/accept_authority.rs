use anchor_lang::{address_eq, prelude::*};

use crate::{log, AuthorityChanged, Campaign, Existing, ReferralError};

/// Accounts of `accept_authority`.
#[derive(Accounts)]
pub struct AcceptAuthority {
    /// The campaign's pending authority.
    // Safe: it signs, and is compared with the campaign's pending authority.
    pub new_authority: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub campaign: Existing<Campaign>,
}

impl AcceptAuthority {
    /// Takes the campaign over.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let address = *ctx.accounts.campaign.address();
        let new = *ctx.accounts.new_authority.address();
        let campaign = &mut ctx.accounts.campaign;
        // The zero address means "nobody", and nobody can sign for it.
        require!(
            address_eq(&campaign.pending_authority, &new),
            ReferralError::NotPendingAuthority
        );

        let old = campaign.authority;
        campaign.authority = new;
        campaign.pending_authority = Address::default();
        campaign.invariant_of_state()?;
        log(AuthorityChanged {
            campaign: address,
            old,
            new,
        });
        Ok(())
    }
}
