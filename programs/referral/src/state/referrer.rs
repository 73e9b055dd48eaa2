use anchor_lang::prelude::*;
use vouch_rules::reward::Reward;

use crate::math::{add, sub};

/// A referrer: the conversions of all codes of one owner, in a campaign that counts
/// `per_owner`. Address: [`crate::address::referrer_key`].
#[account]
pub struct Referrer {
    /// Layout version.
    pub version: u8,
    /// The campaign.
    pub campaign: Address,
    /// The owner of the codes.
    pub owner: Address,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Conversions that count.
    pub conversions: PodU64,
    /// Bonuses that were paid, by their place in the campaign's register.
    pub bonuses_paid: PodU32,
}

const _: () = assert!(core::mem::size_of::<Referrer>() == 109);
const _: () = assert!(core::mem::align_of::<Referrer>() == 1);

impl Referrer {
    /// Counts a conversion that is worth something.
    pub fn count(&mut self, reward: &Reward) -> Result<()> {
        self.conversions = add(self.conversions.get(), 1)?.into();
        self.bonuses_paid = (self.bonuses_paid.get() | reward.bonuses).into();
        Ok(())
    }

    /// Takes a cancelled conversion that was worth something off the counters.
    pub fn uncount(&mut self, reward: &Reward) -> Result<()> {
        self.conversions = sub(self.conversions.get(), 1)?.into();
        self.bonuses_paid = (self.bonuses_paid.get() & !reward.bonuses).into();
        Ok(())
    }
}
