//! Instructions after the conversion: paying what was held, cancelling it, and
//! giving back the rent of what is over.

pub mod cancel_conversion;
pub mod claim;
pub mod reclaim_conversion;
pub mod reclaim_referee;
pub mod reclaim_referral;

use anchor_lang::{address_eq, prelude::*};
use vouch_rules::reward::Reward;

use crate::{pda, Campaign, Closed, Conversion, Existing, Referral, ReferralError as E};

/// What the conversion earned, part by part.
#[inline(always)]
fn reward_of(conversion: &Conversion) -> Reward {
    Reward {
        referrer: conversion.reward_referrer.get(),
        referee: conversion.reward_referee.get(),
        partner: conversion.reward_partner.get(),
        bonuses: conversion.bonuses,
    }
}

/// Fails unless the three belong together.
#[inline(always)]
fn check_chain(
    campaign: &Existing<Campaign>,
    referral: &Existing<Referral>,
    conversion: &Conversion,
) -> Result<()> {
    require!(
        address_eq(&referral.campaign, campaign.address()),
        E::WrongCampaign
    );
    require!(
        address_eq(&conversion.referral, referral.address()),
        E::WrongReferral
    );
    Ok(())
}

/// How far a campaign is over.
struct Over {
    /// Nothing can be earned any more.
    closed: bool,
    /// Nothing can be claimed any more.
    claims: bool,
}

/// Whether the campaign at `account` is over, at `now` in unix seconds: one that was
/// reclaimed is, altogether.
fn over(account: &AccountView, now: i64) -> Result<Over> {
    if let Some(closed) = pda::read::<Closed>(account) {
        // A referral's remains are no campaign's.
        require!(
            address_eq(&closed.campaign, account.address()),
            E::CampaignNotFound
        );
        return Ok(Over {
            closed: true,
            claims: true,
        });
    }
    let campaign = pda::read::<Campaign>(account).ok_or(E::CampaignNotFound)?;
    Ok(Over {
        closed: campaign.closed == 1,
        claims: campaign.claims_are_over(now),
    })
}
