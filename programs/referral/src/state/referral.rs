use anchor_lang::{address_eq, prelude::*};
use vouch_rules::eligibility::CodeState;
use vouch_rules::reward::{Reward, Share};

use crate::{
    math::{add, sub},
    ReferralError as E, SETTLED_PARTNER, SETTLED_REFERRER, VERSION,
};

/// Seconds from the owner's `end_partnership` to its effect: 7 days.
pub const PARTNER_NOTICE: i64 = 604_800;

/// A referral: a code, its owner and its counters.
///
/// Address: derived from the campaign with the code as the seed, as
/// `solana address create-with-seed` does.
#[account]
pub struct Referral {
    /// Layout version.
    pub version: u8,
    /// Characters of the code.
    pub code_len: u8,
    /// 1 while its owner lets it earn.
    pub active: u8,
    /// 1 while the campaign's authority suspends it.
    pub suspended: u8,
    /// Canonical bump of the partner's associated token account; 0 when rewards are SOL.
    pub partner_account_bump: u8,
    /// Basis points of the reward that the partner gets; 0 where its part is fixed.
    pub partner_share_bps: PodU16,
    /// Base units of the reward that the partner gets; 0 where its part is a share.
    pub partner_fixed: PodU64,
    /// Unix seconds from which conversions give the partner nothing; 0 for no end.
    pub partner_ends_at: PodI64,
    /// Bonuses that were paid, by their place in the campaign's register.
    pub bonuses_paid: PodU32,
    /// The code, padded with zeros.
    pub code: [u8; 12],
    /// The campaign it belongs to.
    pub campaign: Address,
    /// Wallet that earns its rewards.
    pub owner: Address,
    /// Wallet that may take over `owner`; zero for nobody.
    pub pending_owner: Address,
    /// Wallet that earns a part of each reward; zero for nobody.
    pub partner: Address,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Account that receives the owner's rewards: the associated token account, or the wallet
    /// itself if they are SOL.
    pub reward_account: Address,
    /// Most conversions it may ever have; 0 for no limit.
    pub usage_limit: PodU64,
    /// Conversions that count: not cancelled, and worth something.
    pub conversions: PodU64,
    /// Unix seconds from which it no longer earns; 0 for never.
    pub expires_at: PodI64,
    /// Unix seconds of its creation.
    pub created_at: PodI64,
    /// Base units owed or paid to the owner so far.
    pub rewards_total: PodU64,
    /// Base units of `rewards_total` that are not paid yet.
    pub rewards_pending: PodU64,
    /// Base units that the partner is owed.
    pub partner_pending: PodU64,
    /// Conversions that are pending.
    pub open_conversions: PodU64,
    /// Unix seconds from which none of its conversions so far can be cancelled.
    pub held_until: PodI64,
    /// Zeros, for later versions.
    pub reserved: [u8; 8],
}

const _: () = assert!(core::mem::size_of::<Referral>() == 311);
const _: () = assert!(core::mem::align_of::<Referral>() == 1);

impl Referral {
    /// Fails unless everything holds that must hold of a referral. Each instruction that
    /// writes one calls this last.
    #[inline]
    pub fn invariant(&self) -> Result<()> {
        require!(
            self.usage_limit.get() == 0 || self.conversions.get() <= self.usage_limit.get(),
            E::InvalidUsageLimit
        );
        require!(
            self.version == VERSION && self.rewards_pending.get() <= self.rewards_total.get(),
            invalid()
        );
        Ok(())
    }

    /// The facts that decide whether it earns.
    #[inline(always)]
    fn state(&self) -> CodeState {
        CodeState {
            active: self.active == 1,
            suspended: self.suspended != 0,
            expires_at: self.expires_at.get(),
            usage_limit: self.usage_limit.get(),
            conversions: self.conversions.get(),
        }
    }

    /// Fails unless it earns at `now`, in unix seconds.
    #[inline(always)]
    pub fn check_earning(&self, now: i64) -> Result<()> {
        Ok(self.state().check(now).map_err(E::from)?)
    }

    /// Whether it earns at `now`, in unix seconds.
    pub fn earns(&self, now: i64) -> bool {
        self.state().check(now).is_ok()
    }

    /// The partner's part of a conversion at `now`, in unix seconds.
    #[inline]
    pub fn partner_share(&self, now: i64) -> Share {
        let ends = self.partner_ends_at.get();
        if ends != 0 && now >= ends {
            return Share::default();
        }
        Share {
            bps: self.partner_share_bps.get(),
            fixed: self.partner_fixed.get(),
        }
    }

    /// Whether a partner has a part in its rewards, even if the partnership has ended.
    #[inline(always)]
    pub fn has_partner_share(&self) -> bool {
        self.partner_share_bps.get() != 0 || self.partner_fixed.get() != 0
    }

    /// Removes its partner.
    pub fn clear_partner(&mut self) {
        self.partner = Address::default();
        self.partner_share_bps = 0.into();
        self.partner_fixed = 0.into();
        self.partner_ends_at = 0.into();
        self.partner_account_bump = 0;
    }

    /// Fails unless `owner` is the referral's.
    #[inline]
    pub fn check_owner(&self, owner: &Address) -> Result<()> {
        require!(address_eq(&self.owner, owner), E::NotReferralOwner);
        Ok(())
    }

    /// Counts a conversion of which the parts in `settled` are not owed; as open while it is
    /// `pending`.
    #[inline]
    pub fn record(&mut self, reward: &Reward, settled: u8, pending: bool) -> Result<()> {
        if reward.total() != 0 {
            self.conversions = add(self.conversions.get(), 1)?.into();
            self.rewards_total = add(self.rewards_total.get(), reward.referrer)?.into();
        }
        if pending {
            self.open_conversions = add(self.open_conversions.get(), 1)?.into();
            if settled & SETTLED_REFERRER == 0 {
                self.rewards_pending = add(self.rewards_pending.get(), reward.referrer)?.into();
            }
            if settled & SETTLED_PARTNER == 0 {
                self.partner_pending = add(self.partner_pending.get(), reward.partner)?.into();
            }
        }
        Ok(())
    }

    /// Takes `parts` of a conversion, which are no longer owed, off the pending rewards. If it is
    /// `over`, it no longer counts as open.
    #[inline]
    pub fn settle(&mut self, reward: &Reward, parts: u8, over: bool) -> Result<()> {
        if parts & SETTLED_REFERRER != 0 {
            let left = self.rewards_pending.get();
            self.rewards_pending = sub(left, reward.referrer)?.into();
        }
        if parts & SETTLED_PARTNER != 0 {
            let left = self.partner_pending.get();
            self.partner_pending = sub(left, reward.partner)?.into();
        }
        if over {
            self.open_conversions = sub(self.open_conversions.get(), 1)?.into();
        }
        Ok(())
    }
}

#[cold]
#[inline(never)]
fn invalid() -> Error {
    ProgramError::InvalidAccountData
}
