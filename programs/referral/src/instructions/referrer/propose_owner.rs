use anchor_lang::prelude::*;

use crate::{log, Existing, OwnerProposed, Referral};

/// Accounts of `propose_owner`.
#[derive(Accounts)]
pub struct ProposeOwner {
    /// The referral's owner.
    // Safe: it signs, and is compared with the referral's owner.
    pub owner: Signer,
    /// The referral.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
}

impl ProposeOwner {
    /// Offers the referral to `new_owner`; zero withdraws the offer.
    pub fn handle(ctx: &mut Context<Self>, new_owner: Address) -> Result<()> {
        let address = *ctx.accounts.referral.address();
        let referral = &mut ctx.accounts.referral;
        referral.check_owner(ctx.accounts.owner.address())?;

        let old = referral.pending_owner;
        referral.pending_owner = new_owner;
        referral.invariant()?;
        log(OwnerProposed {
            referral: address,
            old,
            new: new_owner,
        });
        Ok(())
    }
}
