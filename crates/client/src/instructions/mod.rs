//! Builders for the program's instructions, with every account resolved.
//!
//! Grouped by actor, as in the program. Accounts that an instruction does not need are
//! absent: the program's own address stands in their place.
//!
//! [`raw`] holds the same instructions as the IDL describes them: one struct of addresses
//! and one of arguments each. The builders here fill in the addresses.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};

use crate::{
    accounts::{Campaign, DecodeError, Funding, Referral, Settings},
    pda,
};

mod admin;
mod referrer;
mod sale;
mod settlement;
mod user;

pub use crate::{
    generated::instructions as raw,
    raw::{InvalidInstruction, Layout},
};
pub use admin::*;
pub use referrer::*;
pub use sale::*;
pub use settlement::*;
pub use user::*;

impl Layout {
    /// The layout of the instruction with this data; `None` if the program has no such
    /// instruction.
    #[must_use]
    pub fn of(data: &[u8]) -> Option<&'static Self> {
        let head = data.first_chunk::<8>()?;
        let mut all = raw::LAYOUTS.iter();
        all.find(|layout| layout.discriminator == *head)
    }
}

/// A campaign and one of its codes, as they stand on the chain. The accounts of a
/// conversion follow from these.
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
    /// Unix seconds; they decide which settings are in force.
    pub now: i64,
}

impl<'a> Offer<'a> {
    /// `referral` within `campaign`, which is at `address`, at `now` in unix seconds.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] when the referral's code is invalid, which the program
    /// never writes.
    pub fn at(
        address: Pubkey,
        campaign: &'a Campaign,
        referral: &'a Referral,
        now: i64,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            address,
            campaign,
            referral_address: pda::referral(&address, &referral.code()?),
            referral,
            now,
        })
    }

    /// The address of the conversion of `referee` with this `reference`.
    #[must_use]
    pub fn conversion(&self, referee: &Pubkey, reference: &[u8; 32]) -> Pubkey {
        let key = self
            .campaign
            .terms()
            .conversion_key(referee, &self.referral_address, reference);
        pda::conversion(&self.address, &key)
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &'a Settings {
        self.campaign.in_force(self.now)
    }

    /// `instruction` with the campaign, at `position`, writable if and only if
    /// conversions change the campaign. The IDL declares it read-only.
    fn counting(&self, mut instruction: Instruction, position: usize) -> Instruction {
        instruction.accounts[position].is_writable = self.campaign.is_counted();
        instruction
    }

    /// `instruction` with the mint, at `position`, writable if and only if the
    /// instruction names it and mints rewards. The IDL declares it read-only.
    fn minting(&self, mut instruction: Instruction, position: usize) -> Instruction {
        let mints = self.campaign.funding == Funding::MintAuthority;
        let mint = &mut instruction.accounts[position];
        mint.is_writable = mints && mint.pubkey == self.campaign.mint;
        instruction
    }

    /// The account that receives the rewards of `owner`.
    fn reward_account(&self, owner: &Pubkey) -> Pubkey {
        self.campaign.reward_account(owner)
    }

    /// The binding of `wallet`, if the campaign asks for one.
    fn binding(&self, wallet: &Pubkey) -> Option<Pubkey> {
        (self.settings().attribution_window > 0).then(|| pda::binding(&self.address, wallet))
    }

    /// The account that counts for the referral's owner, if the campaign counts per
    /// owner.
    fn referrer(&self) -> Option<Pubkey> {
        let owner = &self.referral.owner;
        (self.campaign.per_owner).then(|| pda::referrer(&self.address, owner))
    }

    /// The credential of `wallet`, if the campaign asks for one.
    fn credential(&self, wallet: &Pubkey) -> Option<Pubkey> {
        let Settings {
            gate_credential,
            gate_schema,
            ..
        } = self.settings();
        (self.settings().has_gate()).then(|| pda::attestation(gate_credential, gate_schema, wallet))
    }

    /// The account that receives the referee's part, if the settings give it one.
    fn referee_account(&self, referee: &Pubkey) -> Option<Pubkey> {
        (self.settings().pays_referee()).then(|| self.reward_account(referee))
    }

    /// The account that receives the partner's part, if that part is not zero.
    fn partner_account(&self) -> Option<Pubkey> {
        let share = self.referral.partner_share(self.now);
        let share = share.at_most(&self.campaign.reward_rule(self.now).max_partner);
        let partner = self.referral.partner().filter(|_| !share.is_none());
        partner.map(|partner| self.reward_account(&partner))
    }
}
