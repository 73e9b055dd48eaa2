//! Instructions of a code's owner, and of its partner.

mod accept_owner;
mod close_referral;
mod create_referral;
mod end_partnership;
mod propose_owner;
mod register_referrer;
mod set_partner;
mod update_referral;

pub use {
    accept_owner::*, close_referral::*, create_referral::*, end_partnership::*, propose_owner::*,
    register_referrer::*, set_partner::*, update_referral::*,
};

use anchor_lang::{address_eq, prelude::*};

use crate::{token, Campaign, Existing, ReferralError, Referrer};

/// The account that receives `owner`'s rewards, and its bump: the associated token account, or
/// the wallet itself if rewards are SOL.
pub fn reward_account(campaign: &Campaign, owner: &Address) -> (Address, u8) {
    if campaign.pays_sol() {
        return (*owner, 0);
    }
    token::associated(owner, &campaign.mint, &campaign.token_program)
}

/// Fails unless `expires_at`, in unix seconds, is in the future or 0, which means never.
pub fn check_expiry(expires_at: i64, now: i64) -> Result<()> {
    require!(
        expires_at == 0 || expires_at > now,
        ReferralError::InvalidExpiry
    );
    Ok(())
}

/// Fails unless `referrer` is the account of `owner` in this campaign. Without that account, the
/// owner's codes could not be credited.
pub fn check_registered(
    referrer: &Option<Existing<Referrer>>,
    campaign: &Existing<Campaign>,
    owner: &Address,
) -> Result<()> {
    let referrer = referrer.as_ref().ok_or(ReferralError::MissingAccount)?;
    require!(
        address_eq(&referrer.campaign, campaign.address()) && address_eq(&referrer.owner, owner),
        ReferralError::WrongReferrer
    );
    Ok(())
}
