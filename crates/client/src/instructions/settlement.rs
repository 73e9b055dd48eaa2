//! Instructions after a conversion: claims, cancellations, and rent that is returned.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};

use super::{Offer, raw};
use crate::{
    accounts::{Campaign, Conversion, Funding, Status, settled},
    pda,
    raw::trim,
};

/// Pays those pending parts of the conversion at `address` that can be paid now. Anybody
/// may send it.
#[must_use]
pub fn claim(offer: &Offer<'_>, address: &Pubkey, conversion: &Conversion) -> Instruction {
    let open = |part, units: u64| units > 0 && !conversion.is_settled(part);
    let campaign = offer.campaign;
    let referee = open(settled::REFEREE, conversion.reward_referee);
    let partner = open(settled::PARTNER, conversion.reward_partner);
    let accounts = raw::ClaimAccounts {
        campaign: offer.address,
        referral: offer.referral_address,
        conversion: *address,
        referrer_account: offer.referral.reward_account,
        mint: campaign.reward_mint(),
        token_program: campaign.reward_token_program(),
        referee_account: referee.then(|| offer.reward_account(&conversion.referee)),
        partner_account: (offer.referral.partner().filter(|_| partner))
            .map(|partner| offer.reward_account(&partner)),
        vault: campaign.vault(),
    };
    let mut instruction = offer.minting(accounts.instruction(), raw::ClaimAccounts::MINT);
    instruction.accounts[raw::ClaimAccounts::CAMPAIGN].is_writable = campaign.pays_from_vault();
    trim(instruction, raw::ClaimAccounts::REFEREE_ACCOUNT)
}

/// Cancels the conversion at `address` within its hold. `campaign.authority` signs.
#[must_use]
pub fn cancel_conversion(
    offer: &Offer<'_>,
    address: &Pubkey,
    conversion: &Conversion,
) -> Instruction {
    let campaign = offer.campaign;
    // Only a split holds money back. It goes to the treasury.
    let split = campaign.funding == Funding::PaymentSplit;
    let token = split && !campaign.rewards_are_sol();
    let accounts = raw::CancelConversionAccounts {
        authority: campaign.authority,
        campaign: offer.address,
        referral: offer.referral_address,
        conversion: *address,
        referrer: offer.referrer(),
        treasury: split.then_some(campaign.settings.treasury),
        mint: token.then_some(campaign.mint),
        vault: token.then_some(campaign.vault),
        token_program: token.then_some(campaign.token_program),
    };
    let mut instruction = accounts.instruction();
    instruction.accounts[raw::CancelConversionAccounts::CAMPAIGN].is_writable =
        conversion.budgeted || campaign.pays_from_vault();
    instruction
}

/// Returns the rent of a referral of a closed campaign to `rent_payer`, which must be the
/// referral's. Anybody may send it.
#[must_use]
pub fn reclaim_referral(campaign: &Pubkey, referral: &Pubkey, rent_payer: &Pubkey) -> Instruction {
    raw::ReclaimReferralAccounts {
        campaign: *campaign,
        referral: *referral,
        rent_payer: *rent_payer,
    }
    .instruction()
}

/// Returns the rent of the conversion with `key`, from [`pda::conversion_key`], once its
/// campaign is over. Anybody may send it.
#[must_use]
pub fn reclaim_conversion(
    address: &Pubkey,
    campaign: &Campaign,
    key: [u8; 32],
    conversion: &Conversion,
) -> Instruction {
    let escrow = campaign.funding == Funding::PaymentSplit
        && campaign.rewards_are_sol()
        && conversion.status == Status::Pending;
    raw::ReclaimConversionAccounts {
        campaign: *address,
        conversion: pda::conversion(address, &key),
        rent_payer: conversion.rent_payer,
        treasury: escrow.then_some(campaign.settings.treasury),
    }
    .instruction(&raw::ReclaimConversionArgs { key })
}

/// Returns the rent of a binding that no longer counts to `rent_payer`, which must be the
/// binding's. Anybody may send it.
#[must_use]
pub fn reclaim_binding(campaign: &Pubkey, wallet: &Pubkey, rent_payer: &Pubkey) -> Instruction {
    raw::ReclaimBindingAccounts {
        campaign: *campaign,
        binding: pda::binding(campaign, wallet),
        rent_payer: *rent_payer,
    }
    .instruction()
}

/// Returns the rent of a referrer's account to `rent_payer`, which must be the account's,
/// once nothing of its campaign can be claimed any more. Anybody may send it.
#[must_use]
pub fn reclaim_referrer(campaign: &Pubkey, owner: &Pubkey, rent_payer: &Pubkey) -> Instruction {
    raw::ReclaimReferrerAccounts {
        campaign: *campaign,
        referrer: pda::referrer(campaign, owner),
        rent_payer: *rent_payer,
    }
    .instruction()
}

/// Returns the rent of the revocation of an expired voucher to `rent_payer`, which must
/// be the revocation's. Anybody may send it.
#[must_use]
pub fn reclaim_voucher(campaign: &Pubkey, digest: &[u8; 32], rent_payer: &Pubkey) -> Instruction {
    raw::ReclaimVoucherAccounts {
        revocation: pda::revocation(campaign, digest),
        rent_payer: *rent_payer,
    }
    .instruction()
}
