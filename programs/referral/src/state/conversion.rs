use anchor_lang::prelude::*;
use vouch_rules::reward::Reward;

use crate::math::later;

/// `Conversion::status`: held, or a part is owed.
pub const STATUS_PENDING: u8 = 0;
/// `Conversion::status`: nothing is owed any more.
pub const STATUS_PAID: u8 = 1;
/// `Conversion::status`: cancelled within the hold.
pub const STATUS_CANCELLED: u8 = 2;

/// `Conversion::settled`: nothing is owed to the referrer.
pub const SETTLED_REFERRER: u8 = 1;
/// `Conversion::settled`: nothing is owed to the referee.
pub const SETTLED_REFEREE: u8 = 2;
/// `Conversion::settled`: nothing is owed to the partner.
pub const SETTLED_PARTNER: u8 = 4;
/// `Conversion::settled`: nothing is owed.
pub const SETTLED_ALL: u8 = 7;

/// Highest number of an action: 0 signup, 1 mint, 2 purchase, 3 booking, 4 enrollment,
/// 5 loan, 6 rental, 7 subscription, 8 custom.
pub const ACTION_MAX: u8 = 8;

/// A conversion: the wallet that was referred, and the parts of the reward for it.
///
/// Its address is derived from what the campaign counts once, so there is no second conversion of
/// it: [`crate::sale::Sale::key`]. Action, amount and reference are in the data of the
/// instruction that made it; no rule needs them later.
#[account]
pub struct Conversion {
    /// Layout version.
    pub version: u8,
    /// 0 pending, 1 paid, 2 cancelled.
    pub status: u8,
    /// Parts that are not owed: bit 0 referrer, 1 referee, 2 partner.
    pub settled: u8,
    /// 1 when the campaign's budget was charged with it.
    pub budgeted: u8,
    /// Bonuses that are part of the reward, by their place in the campaign's register.
    pub bonuses: PodU32,
    /// The referral that is credited; the campaign is the referral's.
    pub referral: Address,
    /// The wallet that was referred.
    pub referee: Address,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Base units for the referrer.
    pub reward_referrer: PodU64,
    /// Base units for the referee.
    pub reward_referee: PodU64,
    /// Base units for the partner.
    pub reward_partner: PodU64,
    /// Unix seconds.
    pub converted_at: PodI64,
    /// Seconds from `converted_at` until the reward can be claimed.
    pub hold_seconds: PodU32,
}

const _: () = assert!(core::mem::size_of::<Conversion>() == 140);
const _: () = assert!(core::mem::align_of::<Conversion>() == 1);

impl Conversion {
    /// The parts of its reward.
    #[inline]
    pub fn reward(&self) -> Reward {
        Reward {
            referrer: self.reward_referrer.get(),
            referee: self.reward_referee.get(),
            partner: self.reward_partner.get(),
            bonuses: self.bonuses.get(),
        }
    }

    /// Unix seconds from which it can be claimed, and no longer cancelled.
    pub fn claimable_from(&self) -> i64 {
        later(self.converted_at.get(), self.hold_seconds.get())
    }
}
