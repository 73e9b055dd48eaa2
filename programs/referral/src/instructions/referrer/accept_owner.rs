use anchor_lang::{address_eq, prelude::*};

use crate::{log, reward_account, Campaign, Existing, OwnerChanged, Referral, ReferralError};

/// Accounts of `accept_owner`.
#[derive(Accounts)]
pub struct AcceptOwner {
    /// Whom the referral was offered to. Safe: it signs, and the handler compares it.
    pub new_owner: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral. Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
}

impl AcceptOwner {
    /// Takes the referral over, with the rewards that are pending.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let address = *ctx.accounts.referral.address();
        let new = *ctx.accounts.new_owner.address();
        let campaign = &ctx.accounts.campaign;
        let referral = &mut ctx.accounts.referral;
        require!(
            address_eq(&referral.campaign, campaign.address()),
            ReferralError::WrongCampaign
        );
        // Nobody signs as the zero address, which stands for "nobody".
        require!(
            address_eq(&referral.pending_owner, &new),
            ReferralError::NotPendingOwner
        );
        require!(
            !address_eq(&referral.partner, &new),
            ReferralError::InvalidPartner
        );

        let old = referral.owner;
        referral.owner = new;
        referral.pending_owner = Address::default();
        referral.reward_account = reward_account(campaign, &new).0;
        referral.invariant()?;
        log(&OwnerChanged {
            referral: address,
            old,
            new,
        });
        Ok(())
    }
}
