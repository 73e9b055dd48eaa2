use anchor_lang::prelude::*;

use crate::add;

/// `Conversion::status`: owed, not paid yet.
pub const STATUS_PENDING: u8 = 0;
/// `Conversion::status`: paid in full.
pub const STATUS_PAID: u8 = 1;
/// `Conversion::status`: cancelled within the hold.
pub const STATUS_CANCELLED: u8 = 2;

/// `Conversion::settled`: the referrer's part was paid.
pub const SETTLED_REFERRER: u8 = 1;
/// `Conversion::settled`: the referee's part was paid.
pub const SETTLED_REFEREE: u8 = 2;
/// `Conversion::settled`: the partner's part was paid.
pub const SETTLED_PARTNER: u8 = 4;
/// `Conversion::settled`: nothing is owed.
pub const SETTLED_ALL: u8 = 7;

/// Highest number that `Conversion::action` may have: 0 signup, 1 mint,
/// 2 purchase, 3 booking, 4 enrollment, 5 loan, 6 rental, 7 subscription,
/// 8 custom.
pub const ACTION_MAX: u8 = 8;

/// A conversion: who was referred, and what is paid for it.
///
/// Address: `["conversion", campaign, key]`; the key is what the campaign counts
/// once. That makes a second one impossible, whatever anybody sends.
#[account]
pub struct Conversion {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// 0 pending, 1 paid, 2 cancelled.
    pub status: u8,
    /// Which parts were paid: bit 0 referrer, 1 referee, 2 partner.
    pub settled: u8,
    /// What the referee did; see [`ACTION_MAX`].
    pub action: u8,
    /// Bonuses of the campaign that are part of the reward, one bit each.
    pub bonuses: u8,
    /// The referral that is credited; the campaign is the referral's.
    pub referral: Address,
    /// The wallet that was referred.
    pub referee: Address,
    /// Who paid the rent, and gets it back.
    pub rent_payer: Address,
    /// The campaign's own reference; zeros for none.
    pub reference: [u8; 32],
    /// What the action was worth, in units of the campaign's choice.
    pub amount: PodU64,
    /// Base units for the referrer.
    pub reward_referrer: PodU64,
    /// Base units for the referee.
    pub reward_referee: PodU64,
    /// Base units for the partner.
    pub reward_partner: PodU64,
    /// Unix seconds.
    pub converted_at: PodI64,
    /// Seconds from then until the reward can be claimed.
    pub hold_seconds: PodU32,
}

const _: () = assert!(core::mem::size_of::<Conversion>() == 178);
const _: () = assert!(core::mem::align_of::<Conversion>() == 1);

impl Conversion {
    /// Base units of the parts that are not settled.
    pub fn unsettled(&self) -> Result<u64> {
        let mut sum = 0;
        for (bit, part) in [
            (SETTLED_REFERRER, self.reward_referrer),
            (SETTLED_REFEREE, self.reward_referee),
            (SETTLED_PARTNER, self.reward_partner),
        ] {
            if self.settled & bit == 0 {
                sum = add(sum, part.get())?;
            }
        }
        Ok(sum)
    }

    /// Unix seconds from which it can be claimed, and no longer cancelled.
    pub fn claimable_from(&self) -> i64 {
        let held = i64::from(self.hold_seconds.get());
        self.converted_at.get().saturating_add(held)
    }
}
