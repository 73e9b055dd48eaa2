use anchor_lang::prelude::*;

use super::check_expiry;
use crate::{clock, Existing, LogEntry, Referral, ReferralUpdated};

/// Accounts of `update_referral`.
#[derive(Accounts)]
pub struct UpdateReferral {
    /// The referral's owner.
    // Safe: it signs, and is compared with the referral's owner.
    pub owner: Signer,
    /// The referral.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub referral: Existing<Referral>,
}

impl UpdateReferral {
    /// Switches the code on or off, and bounds its use.
    pub fn handle(
        ctx: &mut Context<Self>,
        active: bool,
        usage_limit: u64,
        expires_at: i64,
    ) -> Result<()> {
        let now = clock::now()?;
        let address = *ctx.accounts.referral.address();
        let referral = &mut ctx.accounts.referral;
        referral.check_owner(ctx.accounts.owner.address())?;
        // An expiry in the past may stay; a new expiry must be in the future.
        if expires_at != referral.expires_at.get() {
            check_expiry(expires_at, now)?;
        }

        let event = LogEntry::new(ReferralUpdated {
            referral: address,
            old_active: referral.active,
            new_active: u8::from(active),
            old_usage_limit: referral.usage_limit,
            new_usage_limit: usage_limit.into(),
            old_expires_at: referral.expires_at,
            new_expires_at: expires_at.into(),
        });
        referral.active = u8::from(active);
        referral.usage_limit = usage_limit.into();
        referral.expires_at = expires_at.into();
        referral.invariant()?;
        event.log();
        Ok(())
    }
}
