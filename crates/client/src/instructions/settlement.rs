//! What happens after a conversion: claims, cancellations, and rent that comes back.

use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

use super::{Offer, absent, instruction, key_of, optional, optional_readonly, with_trailing};
use crate::{
    accounts::{Campaign, Conversion, Funding, settled},
    pda,
};

/// Pays what is pending of `conversion`, to whoever can receive. Anybody may send it.
#[must_use]
pub fn claim(offer: &Offer<'_>, conversion: &Conversion) -> Instruction {
    let open = |part, units: u64| units > 0 && !conversion.is_settled(part);
    let referee = if open(settled::REFEREE, conversion.reward_referee) {
        offer.reward_meta(&conversion.referee)
    } else {
        absent()
    };
    let partner = match offer.referral.partner() {
        Some(partner) if open(settled::PARTNER, conversion.reward_partner) => {
            offer.reward_meta(&partner)
        }
        _ => absent(),
    };
    instruction(
        "claim",
        &(),
        with_trailing(
            vec![
                offer.campaign_meta(),
                AccountMeta::new(offer.referral_address, false),
                conversion_meta(offer, conversion),
                offer.referrer_meta(),
                offer.mint_meta(),
                offer.token_program_meta(),
            ],
            vec![referee, partner, offer.vault_meta()],
        ),
    )
}

/// Takes back `conversion` within its hold. `campaign.authority` signs.
#[must_use]
pub fn cancel_conversion(offer: &Offer<'_>, conversion: &Conversion) -> Instruction {
    let campaign = offer.campaign;
    // What a split held back goes to the treasury; nobody else holds anything yet.
    let split = campaign.funding == Funding::PaymentSplit;
    let token = split && !campaign.rewards_are_sol();
    instruction(
        "cancel_conversion",
        &(),
        vec![
            AccountMeta::new_readonly(campaign.authority, true),
            offer.campaign_meta(),
            AccountMeta::new(offer.referral_address, false),
            conversion_meta(offer, conversion),
            optional(split.then_some(campaign.treasury)),
            optional_readonly(token.then_some(campaign.mint)),
            optional(token.then_some(campaign.vault)),
            optional_readonly(token.then_some(campaign.token_program)),
        ],
    )
}

fn conversion_meta(offer: &Offer<'_>, conversion: &Conversion) -> AccountMeta {
    let address = offer.conversion(&conversion.referee, &conversion.reference);
    AccountMeta::new(address, false)
}

/// Gives back the rent of a referral of a closed campaign, to `rent_payer`, the
/// referral's own. Anybody may send it.
#[must_use]
pub fn reclaim_referral(campaign: &Pubkey, referral: &Pubkey, rent_payer: &Pubkey) -> Instruction {
    instruction(
        "reclaim_referral",
        &(),
        vec![
            AccountMeta::new_readonly(*campaign, false),
            AccountMeta::new(*referral, false),
            AccountMeta::new(*rent_payer, false),
        ],
    )
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
    instruction(
        "reclaim_conversion",
        &key,
        vec![
            AccountMeta::new_readonly(*address, false),
            AccountMeta::new(pda::conversion(address, &key).0, false),
            AccountMeta::new(conversion.rent_payer, false),
        ],
    )
}

/// Gives back the rent of a first touch that counts no longer, to `rent_payer`, its
/// own. Anybody may send it.
#[must_use]
pub fn reclaim_referee(campaign: &Pubkey, wallet: &Pubkey, rent_payer: &Pubkey) -> Instruction {
    instruction(
        "reclaim_referee",
        &(),
        vec![
            AccountMeta::new_readonly(*campaign, false),
            AccountMeta::new(pda::referee(campaign, wallet).0, false),
            AccountMeta::new(*rent_payer, false),
        ],
    )
}
