//! Builders for the program's instructions, with every account resolved.
//!
//! Grouped as the program groups them, by who acts. Accounts that an instruction
//! does not need are absent: the program's own address stands in their place.

use borsh::BorshSerialize;
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

use crate::{
    PROGRAM_ID,
    accounts::{Campaign, Conversion, Referral},
    discriminator, pda,
};

mod admin;
mod referrer;
mod sale;
mod settlement;
mod user;

pub use admin::*;
pub use referrer::*;
pub use sale::*;
pub use settlement::*;
pub use user::*;

/// Position of the conversion among the accounts of `convert` and of `purchase`.
pub const CONVERT_CONVERSION_INDEX: usize = 4;

const SYSTEM_PROGRAM: Pubkey = solana_system_interface::program::ID;

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

    /// Writable exactly when conversions change the campaign.
    fn campaign_meta(&self) -> AccountMeta {
        if self.campaign.counts() {
            AccountMeta::new(self.address, false)
        } else {
            AccountMeta::new_readonly(self.address, false)
        }
    }

    /// Where `owner` receives rewards, writable.
    fn reward_meta(&self, owner: &Pubkey) -> AccountMeta {
        AccountMeta::new(pda::reward_account(owner, self.campaign), false)
    }

    fn referrer_meta(&self) -> AccountMeta {
        AccountMeta::new(self.referral.reward_account, false)
    }

    /// The first touch of `wallet`, if the campaign asks for one.
    fn binding_meta(&self, wallet: &Pubkey) -> AccountMeta {
        optional_readonly(
            (self.campaign.attribution_window > 0).then(|| pda::referee(&self.address, wallet).0),
        )
    }

    /// Where the referee's part goes, if there is one and `wanted` holds.
    fn referee_meta(&self, referee: &Pubkey, wanted: bool) -> AccountMeta {
        if wanted && self.campaign.referee_share_bps > 0 {
            self.reward_meta(referee)
        } else {
            absent()
        }
    }

    /// Where the partner's part goes, if there is one and `wanted` holds.
    fn partner_meta(&self, wanted: bool) -> AccountMeta {
        let share = self
            .referral
            .partner_share_bps
            .min(self.campaign.max_partner_share_bps);
        match self.referral.partner() {
            Some(partner) if wanted && share > 0 => self.reward_meta(&partner),
            _ => absent(),
        }
    }

    fn vault_meta(&self) -> AccountMeta {
        optional(
            self.campaign
                .pays_from_vault()
                .then_some(self.campaign.vault),
        )
    }

    /// The token of the rewards, absent where they are lamports.
    fn mint_meta(&self) -> AccountMeta {
        optional((!self.campaign.rewards_are_sol()).then_some(self.campaign.mint))
    }

    /// The program of that token, absent where rewards are lamports.
    fn token_program_meta(&self) -> AccountMeta {
        optional_readonly((!self.campaign.rewards_are_sol()).then_some(self.campaign.token_program))
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

/// An account that is not given.
fn absent() -> AccountMeta {
    AccountMeta::new_readonly(PROGRAM_ID, false)
}

/// `accounts`, and after them the `trailing` ones: all of them, or none where all are
/// absent, which costs less.
fn with_trailing(mut accounts: Vec<AccountMeta>, trailing: Vec<AccountMeta>) -> Vec<AccountMeta> {
    if trailing.iter().any(|account| *account != absent()) {
        accounts.extend(trailing);
    }
    accounts
}

/// Writable, or absent.
fn optional(address: Option<Pubkey>) -> AccountMeta {
    address.map_or_else(absent, |address| AccountMeta::new(address, false))
}

/// Readable, or absent.
fn optional_readonly(address: Option<Pubkey>) -> AccountMeta {
    address.map_or_else(absent, |address| AccountMeta::new_readonly(address, false))
}

/// Signing, or absent.
fn optional_signer(address: Option<Pubkey>) -> AccountMeta {
    address.map_or_else(absent, |address| AccountMeta::new_readonly(address, true))
}

/// The instruction `name` with these arguments and accounts.
fn instruction(name: &str, args: &impl BorshSerialize, accounts: Vec<AccountMeta>) -> Instruction {
    let mut data = discriminator("global", name).to_vec();
    args.serialize(&mut data)
        .expect("a vector takes every byte");
    Instruction {
        program_id: PROGRAM_ID,
        accounts,
        data,
    }
}
