use anchor_lang::{address_eq, prelude::*};

use super::{check_registered, reward_account};
use crate::{clock, log, Campaign, Existing, OwnerChanged, Referral, ReferralError, Referrer};

/// Accounts of `accept_owner`.
#[derive(Accounts)]
pub struct AcceptOwner {
    /// The referral's pending owner.
    // Safe: it signs, and is compared with the referral's pending owner.
    pub new_owner: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// The new owner's account, in campaigns that count per owner.
    // Safe: owned by this program, with its discriminator; campaign and owner are compared.
    pub referrer: Option<Existing<Referrer>>,
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
        // The zero address means "nobody", and nobody can sign for it.
        require!(
            address_eq(&referral.pending_owner, &new),
            ReferralError::NotPendingOwner
        );
        require!(
            !address_eq(&referral.partner, &new),
            ReferralError::InvalidPartner
        );

        if campaign.per_owner == 1 {
            // Cancelling takes a conversion off its owner's count, so the owner stays until no
            // hold is left.
            require!(
                clock::now()? >= referral.held_until.get(),
                ReferralError::RewardsPending
            );
            check_registered(&ctx.accounts.referrer, campaign, &new)?;
        }
        let old = referral.owner;
        referral.owner = new;
        referral.pending_owner = Address::default();
        referral.reward_account = reward_account(campaign, &new).0;
        referral.invariant()?;
        log(OwnerChanged {
            referral: address,
            old,
            new,
        });
        Ok(())
    }
}
