use anchor_lang::{address_eq, prelude::*};

use crate::{clock, log, Existing, PartnerChanged, Referral, ReferralError, PARTNER_NOTICE};

/// Accounts of `end_partnership`.
#[derive(Accounts)]
pub struct EndPartnership {
    /// The partner, or the referral's owner.
    // Safe: it signs, and is compared with both.
    pub party: Signer,
    /// The referral.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
}

impl EndPartnership {
    /// Ends a partnership for later conversions: at once if the partner sends it, after a notice
    /// if the owner does. Earned parts stay owed; the partner is removed only when nothing is
    /// owed.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let address = *ctx.accounts.referral.address();
        let party = *ctx.accounts.party.address();
        let referral = &mut ctx.accounts.referral;
        let by_partner = address_eq(&referral.partner, &party);
        require!(
            by_partner || address_eq(&referral.owner, &party),
            ReferralError::NotPartner
        );
        require!(
            !crate::address::address_is_zero(&referral.partner),
            ReferralError::NotPartner
        );

        let (old, ends) = (referral.partner, referral.partner_ends_at.get());
        let (old_share_bps, old_fixed) = (referral.partner_share_bps, referral.partner_fixed);
        let ended = ends != 0 && now >= ends;
        let owed = referral.partner_pending.get() != 0;
        require!(!(ended && owed), ReferralError::RewardsPending);
        if !owed && (by_partner || ended) {
            referral.clear_partner();
        } else if by_partner {
            referral.partner_ends_at = now.into();
        } else if ends == 0 {
            referral.partner_ends_at = now.saturating_add(PARTNER_NOTICE).into();
        }
        referral.invariant()?;
        log(PartnerChanged {
            referral: address,
            old,
            old_share_bps,
            old_fixed,
            new: referral.partner,
            new_share_bps: referral.partner_share_bps,
            new_fixed: referral.partner_fixed,
            ends_at: referral.partner_ends_at,
        });
        Ok(())
    }
}
