//! Builders for the program's instructions, with every account resolved.
//!
//! Grouped as the program groups them, by who acts. Accounts that an instruction
//! does not need are absent: the program's own address stands in their place.
//!
//! [`raw`] holds the same instructions as the IDL describes them: a struct of addresses
//! and one of arguments each. The builders here decide which addresses those are.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};

use crate::{
    PROGRAM_ID,
    accounts::{Campaign, Conversion, Referral},
    pda,
};

mod admin;
mod referrer;
mod settlement;
mod user;

pub use crate::generated::instructions as raw;
pub use admin::*;
pub use referrer::*;
pub use settlement::*;
pub use user::*;

/// A campaign and one of its codes, as they stand on the chain: what the accounts
/// of a conversion follow from.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// The campaign's address.
    pub address: Pubkey,
    /// The campaign.
    pub campaign: &'a Campaign,
    /// The referral's address.
    pub referral_address: Pubkey,
    /// The referral.
    pub referral: &'a Referral,
}

impl<'a> Offer<'a> {
    /// `referral` within `campaign`, whose addresses follow from what they hold.
    #[must_use]
    pub fn new(campaign: &'a Campaign, referral: &'a Referral) -> Self {
        let (address, _) = pda::campaign(&campaign.creator, campaign.id);
        Self::at(address, campaign, referral)
    }

    /// [`Self::new`] with the campaign's `address` known.
    #[must_use]
    pub fn at(address: Pubkey, campaign: &'a Campaign, referral: &'a Referral) -> Self {
        let seed = &referral.padded_code[..usize::from(referral.code_len).min(12)];
        let seeds = [b"referral", address.as_ref(), seed];
        Self {
            address,
            campaign,
            referral_address: Pubkey::find_program_address(&seeds, &PROGRAM_ID).0,
            referral,
        }
    }

    /// The address of the conversion of `referee` with this `reference`.
    #[must_use]
    pub fn conversion(&self, referee: &Pubkey, reference: &[u8; 32]) -> Pubkey {
        let key = pda::conversion_key(
            self.campaign.terms(),
            referee,
            &self.referral_address,
            reference,
        );
        pda::conversion(&self.address, &key).0
    }

    /// `instruction` with the campaign, at `position`, writable exactly when conversions
    /// change the campaign. The IDL has it read-only.
    fn counting(&self, mut instruction: Instruction, position: usize) -> Instruction {
        instruction.accounts[position].is_writable = self.campaign.counts();
        instruction
    }

    /// The address of `conversion`.
    fn address_of(&self, conversion: &Conversion) -> Pubkey {
        self.conversion(&conversion.referee, &conversion.reference)
    }

    /// Where `owner` receives rewards.
    fn reward_account(&self, owner: &Pubkey) -> Pubkey {
        pda::reward_account(owner, self.campaign)
    }

    /// The first touch of `wallet`, if the campaign asks for one.
    fn binding(&self, wallet: &Pubkey) -> Option<Pubkey> {
        (self.campaign.attribution_window > 0).then(|| pda::referee(&self.address, wallet).0)
    }

    /// Where the referee's part goes, if there is one.
    fn referee_account(&self, referee: &Pubkey) -> Option<Pubkey> {
        (self.campaign.referee_share_bps > 0).then(|| self.reward_account(referee))
    }

    /// Where the partner's part goes, if there is one.
    fn partner_account(&self) -> Option<Pubkey> {
        let share = self
            .referral
            .partner_share_bps
            .min(self.campaign.max_partner_share_bps);
        let partner = self.referral.partner().filter(|_| share > 0);
        partner.map(|partner| self.reward_account(&partner))
    }
}

/// The key that `conversion` was found by in a campaign with these terms, as
/// [`reclaim_conversion`] takes it.
#[must_use]
pub fn key_of(campaign: &Campaign, conversion: &Conversion) -> [u8; 32] {
    pda::conversion_key(
        campaign.terms(),
        &conversion.referee,
        &conversion.referral,
        &conversion.reference,
    )
}
