use anchor_lang::{address_eq, prelude::*};
use vouch_rules::reward::Reward;

use crate::{Conversion, ReferralError, SETTLED_ALL, SETTLED_PARTNER, SETTLED_REFERRER, VERSION};

/// A referral: a code, its owner and its counters.
///
/// Address: `["referral", campaign, code]`, the code without its zeros.
#[account]
pub struct Referral {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// Characters of the code.
    pub code_len: u8,
    /// 1 while its owner wants it to earn.
    pub active: u8,
    /// 1 while the campaign does not want it to earn.
    pub suspended: u8,
    /// One bit for each of the campaign's bonuses that was paid.
    pub bonuses_paid: u8,
    /// Canonical bump of the partner's associated token account; 0 when rewards are SOL.
    pub partner_account_bump: u8,
    /// Basis points of the reward that the partner gets.
    pub partner_share_bps: PodU16,
    /// The code, filled up with zeros.
    pub code: [u8; 12],
    /// The campaign it belongs to.
    pub campaign: Address,
    /// Who earns its rewards.
    pub owner: Address,
    /// Who may take over `owner`; zero for nobody.
    pub pending_owner: Address,
    /// Who earns a share of each reward; zero for nobody.
    pub partner: Address,
    /// Who paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Where the owner's rewards go: the associated token account, or the wallet
    /// itself when they are SOL.
    pub reward_account: Address,
    /// Most conversions it may ever have; 0 for no limit.
    pub usage_limit: PodU64,
    /// Conversions so far.
    pub conversions: PodU64,
    /// Unix seconds from which it no longer earns; 0 for never.
    pub expires_at: PodI64,
    /// Unix seconds of its creation.
    pub created_at: PodI64,
    /// Base units owed or paid to the owner so far.
    pub rewards_total: PodU64,
    /// Base units of those that are not paid yet.
    pub rewards_pending: PodU64,
    /// Base units that the partner is owed.
    pub partner_pending: PodU64,
    /// Conversions that are not paid in full.
    pub open_conversions: PodU64,
    /// Zeros, for later versions.
    pub reserved: [u8; 17],
}

const _: () = assert!(core::mem::size_of::<Referral>() == 294);
const _: () = assert!(core::mem::align_of::<Referral>() == 1);

impl Referral {
    /// What holds of every referral, checked last by whoever writes one.
    pub fn invariant(&self) -> Result<()> {
        require!(
            self.usage_limit.get() == 0 || self.conversions.get() <= self.usage_limit.get(),
            ReferralError::InvalidUsageLimit
        );
        require!(
            self.version == VERSION && self.rewards_pending.get() <= self.rewards_total.get(),
            ProgramError::InvalidAccountData
        );
        Ok(())
    }

    /// Fails unless it earns at `now`, in unix seconds.
    pub fn check_earning(&self, now: i64) -> Result<()> {
        require!(
            self.active == 1 && self.suspended == 0,
            ReferralError::ReferralInactive
        );
        let expires = self.expires_at.get();
        require!(
            expires == 0 || now < expires,
            ReferralError::ReferralExpired
        );
        let limit = self.usage_limit.get();
        require!(
            limit == 0 || self.conversions.get() < limit,
            ReferralError::UsageLimitReached
        );
        Ok(())
    }

    /// Fails unless `owner` is the referral's.
    #[inline(always)]
    pub fn check_owner(&self, owner: &Address) -> Result<()> {
        require!(
            address_eq(&self.owner, owner),
            ReferralError::NotReferralOwner
        );
        Ok(())
    }

    /// Counts a conversion, of whose parts those in `settled` were paid.
    pub fn count(&mut self, reward: &Reward, settled: u8) -> Result<()> {
        self.conversions = add(self.conversions.get(), 1)?.into();
        self.rewards_total = add(self.rewards_total.get(), reward.referrer)?.into();
        self.bonuses_paid |= reward.bonuses;
        if settled != SETTLED_ALL {
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

    /// Takes the `parts` of `conversion`, which are no longer owed, off what is.
    pub fn settle(&mut self, conversion: &Conversion, parts: u8, closes: bool) -> Result<()> {
        if parts & SETTLED_REFERRER != 0 {
            let left = self.rewards_pending.get();
            self.rewards_pending = sub(left, conversion.reward_referrer.get())?.into();
        }
        if parts & SETTLED_PARTNER != 0 {
            let left = self.partner_pending.get();
            self.partner_pending = sub(left, conversion.reward_partner.get())?.into();
        }
        if closes {
            self.open_conversions = sub(self.open_conversions.get(), 1)?.into();
        }
        Ok(())
    }
}

/// A sum that fits; an overflow refuses the instruction.
pub fn add(old: u64, more: u64) -> Result<u64> {
    old.checked_add(more)
        .ok_or(ProgramError::ArithmeticOverflow)
}

/// A difference that is not negative; otherwise the instruction is refused.
pub fn sub(old: u64, less: u64) -> Result<u64> {
    old.checked_sub(less)
        .ok_or(ProgramError::ArithmeticOverflow)
}
