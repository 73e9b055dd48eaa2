//! What happens after a conversion: claims, cancellations, and rent that comes back.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};

use super::{Offer, key_of, raw};
use crate::{
    accounts::{Campaign, Conversion, Funding, settled},
    pda,
    raw::trim,
};

/// Pays what is pending of `conversion`, to whoever can receive. Anybody may send it.
#[must_use]
pub fn claim(offer: &Offer<'_>, conversion: &Conversion) -> Instruction {
    let open = |part, units: u64| units > 0 && !conversion.is_settled(part);
    let campaign = offer.campaign;
    let referee = open(settled::REFEREE, conversion.reward_referee);
    let partner = open(settled::PARTNER, conversion.reward_partner);
    let accounts = raw::ClaimAccounts {
        campaign: offer.address,
        referral: offer.referral_address,
        conversion: offer.address_of(conversion),
        referrer_account: offer.referral.reward_account,
        mint: campaign.reward_mint(),
        token_program: campaign.reward_token_program(),
        referee_account: referee.then(|| offer.reward_account(&conversion.referee)),
        partner_account: (offer.referral.partner().filter(|_| partner))
            .map(|partner| offer.reward_account(&partner)),
        vault: campaign.vault(),
    };
    let instruction = offer.counting(accounts.instruction(), raw::ClaimAccounts::CAMPAIGN);
    trim(instruction, raw::ClaimAccounts::REFEREE_ACCOUNT)
}

/// Takes back `conversion` within its hold. `campaign.authority` signs.
#[must_use]
pub fn cancel_conversion(offer: &Offer<'_>, conversion: &Conversion) -> Instruction {
    let campaign = offer.campaign;
    // What a split held back goes to the treasury; nobody else holds anything yet.
    let split = campaign.funding == Funding::PaymentSplit;
    let token = split && !campaign.rewards_are_sol();
    let accounts = raw::CancelConversionAccounts {
        authority: campaign.authority,
        campaign: offer.address,
        referral: offer.referral_address,
        conversion: offer.address_of(conversion),
        treasury: split.then_some(campaign.treasury),
        mint: token.then_some(campaign.mint),
        vault: token.then_some(campaign.vault),
        token_program: token.then_some(campaign.token_program),
    };
    offer.counting(
        accounts.instruction(),
        raw::CancelConversionAccounts::CAMPAIGN,
    )
}

/// Gives back the rent of a referral of a closed campaign, to `rent_payer`, the
/// referral's own. Anybody may send it.
#[must_use]
pub fn reclaim_referral(campaign: &Pubkey, referral: &Pubkey, rent_payer: &Pubkey) -> Instruction {
    raw::ReclaimReferralAccounts {
        campaign: *campaign,
        referral: *referral,
        rent_payer: *rent_payer,
    }
    .instruction()
}

/// Gives back the rent of a conversion, once nobody can claim any more. Anybody may
/// send it.
#[must_use]
pub fn reclaim_conversion(
    address: &Pubkey,
    campaign: &Campaign,
    conversion: &Conversion,
) -> Instruction {
    let key = key_of(campaign, conversion);
    raw::ReclaimConversionAccounts {
        campaign: *address,
        conversion: pda::conversion(address, &key).0,
        rent_payer: conversion.rent_payer,
    }
    .instruction(&raw::ReclaimConversionArgs { key })
}

/// Gives back the rent of a first touch that counts no longer, to `rent_payer`, its
/// own. Anybody may send it.
#[must_use]
pub fn reclaim_referee(campaign: &Pubkey, wallet: &Pubkey, rent_payer: &Pubkey) -> Instruction {
    raw::ReclaimRefereeAccounts {
        campaign: *campaign,
        referee: pda::referee(campaign, wallet).0,
        rent_payer: *rent_payer,
    }
    .instruction()
}
