//! The reward of a conversion, and its division among referrer, referee and partner.
//!
//! Integers only. Each rate is applied exactly and rounded down, and the referrer gets
//! what the others' parts leave: the parts sum to the whole, and no input overflows.
//! Every stored rule has passed [`RewardRule::check`].

/// Basis points of a whole.
pub const WHOLE_BPS: u16 = 10_000;
/// Largest multiplier of a tier: 100x.
pub const MAX_MULTIPLIER_BPS: u32 = 1_000_000;

/// The reward of one conversion, before tiers and bonuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewardKind {
    /// This many base units, at least 1.
    Fixed(u64),
    /// Basis points of the amount.
    Percent {
        /// 1 to [`WHOLE_BPS`].
        bps: u16,
        /// Most base units for one conversion, at least 1; bonuses come on top.
        max: u64,
    },
}

/// Multiplies rewards from conversion number `min_conversions` on. All zero when unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tier {
    /// Number of the first conversion that is multiplied, counted from 1.
    pub min_conversions: u64,
    /// Basis points, above [`WHOLE_BPS`] and up to [`MAX_MULTIPLIER_BPS`].
    pub multiplier_bps: u32,
}

/// A bonus, paid once, with the conversion that reaches `threshold`. All zero when
/// unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bonus {
    /// Number of the conversion that earns the bonus, counted from 1.
    pub threshold: u64,
    /// Base units, for the referrer alone.
    pub amount: u64,
}

/// A part of a reward for somebody besides the referrer: basis points of it, or a fixed
/// number of base units. At most one of the two is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// Basis points of the reward.
    pub bps: u16,
    /// Base units.
    pub fixed: u64,
}

impl Share {
    /// Whether the share is zero.
    #[must_use]
    #[inline]
    pub const fn is_none(&self) -> bool {
        self.bps == 0 && self.fixed == 0
    }

    /// The share of a reward of `whole` base units, in base units. At most `whole`, if
    /// `bps` is at most [`WHOLE_BPS`].
    #[must_use]
    #[inline]
    pub const fn of(&self, whole: u64) -> u64 {
        if self.fixed != 0 {
            return if self.fixed < whole {
                self.fixed
            } else {
                whole
            };
        }
        share_or_max(whole, self.bps as u32)
    }

    /// This share, limited to `most`. Zero if one of them is in basis points and the
    /// other one in base units.
    #[must_use]
    #[inline]
    pub const fn at_most(&self, most: &Self) -> Self {
        Self {
            bps: if self.bps < most.bps {
                self.bps
            } else {
                most.bps
            },
            fixed: if self.fixed < most.fixed {
                self.fixed
            } else {
                most.fixed
            },
        }
    }
}

/// Whether bonuses stay within the margin that conversions leave: up to each threshold,
/// the bonuses sum to at most `margin` base units per conversion. Bonuses may be in any
/// order; unused ones change nothing. `margin` is the smallest margin, in base units, of
/// all rules that those conversions were made under.
#[must_use]
#[inline(never)]
pub fn bonuses_within(bonuses: &[Bonus], margin: u64) -> bool {
    bonuses.iter().all(|reached| {
        // Neither side saturates: the product of two u64 has at most 128 bits, and so has
        // a sum of fewer than 2^64 of them. In 64 bits, two saturated sides would compare
        // as equal.
        let sum = bonuses
            .iter()
            .filter(|bonus| bonus.threshold <= reached.threshold)
            .fold(0_u128, |sum, bonus| {
                sum.saturating_add(u128::from(bonus.amount))
            });
        sum <= u128::from(reached.threshold).saturating_mul(u128::from(margin))
    })
}

/// A campaign's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewardRule {
    /// Reward before tiers.
    pub kind: RewardKind,
    /// Used tiers first, ascending.
    pub tiers: [Tier; 4],
    /// Used bonuses first, ascending.
    pub bonuses: [Bonus; 4],
    /// For each bonus its bit, 0 to 31, in [`Facts::bonuses_paid`].
    pub bonus_bits: [u8; 4],
    /// The referee's share of each reward.
    pub referee: Share,
    /// The largest share that a partner may have.
    pub max_partner: Share,
}

/// The part of a rule that is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidRule {
    /// The reward is zero, a rate is above the whole, or a reward would not fit 64 bits.
    Reward,
    /// A tier is out of order, or a multiplier out of bounds.
    Tiers,
    /// A bonus is out of order, or has the amount 0.
    Bonuses,
    /// The shares exceed the whole, or one has basis points and base units.
    Shares,
}

/// The facts that the reward of one conversion depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The worth of the conversion, in the units of the rule.
    pub amount: u64,
    /// Number of earlier conversions that count, of the referral or of its owner.
    pub conversions: u64,
    /// The bits of the bonuses that were paid already, see [`RewardRule::bonus_bits`].
    pub bonuses_paid: u32,
    /// The share that was agreed with the referral's partner; zero without a partner.
    pub partner: Share,
    /// Most base units to share out, bonuses excluded; [`u64::MAX`] for no limit.
    pub at_most: u64,
}

/// The parts of a reward in base units, and the bonuses among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reward {
    /// The part of the referral's owner, bonuses included.
    pub referrer: u64,
    /// The part of the wallet that was referred.
    pub referee: u64,
    /// The part of the referral's partner.
    pub partner: u64,
    /// The bits of the bonuses that are included, see [`RewardRule::bonus_bits`].
    pub bonuses: u32,
}

impl Reward {
    /// The sum of the three parts, in base units.
    #[must_use]
    pub const fn total(&self) -> u64 {
        // The parts sum to a reward that fits 64 bits.
        self.referrer
            .saturating_add(self.referee)
            .saturating_add(self.partner)
    }
}

/// [`WHOLE_BPS`] in the type of amounts.
const WHOLE: u64 = 10_000;
/// The product of a rate of 1 and a multiplier of 1.
const WHOLE_SQUARED: u128 = 100_000_000;

/// Basis points of `amount`, rounded down. `None` if and only if the result needs more
/// than 64 bits, which only happens above [`WHOLE_BPS`].
///
/// A division of 128 bits, the plain way, costs a program dearly. This is the same
/// number, for every input. Proof, with `w` for the whole part and `r` for the rest:
///
/// 1. `amount = 10,000 w + r` and `r < 10,000`, by the definition of quotient and
///    remainder.
/// 2. `amount * bps / 10,000 = w * bps + r * bps / 10,000` in fractions. `w * bps` is
///    an integer, and an integer can be taken out of a floor: `floor(amount * bps /
///    10,000) = w * bps + floor(r * bps / 10,000)`.
/// 3. `r * bps < 10^4 * 2^32 < 2^46`: the product below does not saturate, and its
///    quotient is that floor.
/// 4. Both summands are natural numbers, so if `w * bps` alone needs more than 64
///    bits, the sum does, too: `None` is neither too early nor too late.
/// 5. For `bps <= 10,000` the sum is at most `amount`, so there is no `None`.
///
/// `tests/share.rs` tries every `r` with every `bps` of a share, and for every
/// multiplier of a tier the last amount that fits and the first that does not.
#[must_use]
#[inline]
pub const fn share(amount: u64, bps: u32) -> Option<u64> {
    let (whole, rest) = (amount / WHOLE, amount % WHOLE);
    let bps = bps as u64;
    // At most 46 bits.
    let rest = rest.saturating_mul(bps) / WHOLE;
    // Two factors below 2^32 fit without a check, which multiplies in 128 bits.
    if whole <= u32::MAX as u64 {
        return sum(whole.wrapping_mul(bps), rest);
    }
    match whole.checked_mul(bps) {
        Some(whole) => sum(whole, rest),
        None => None,
    }
}

/// The sum, or `None` if it needs more than 64 bits. `checked_add` costs a program three
/// instructions more.
#[inline]
const fn sum(one: u64, other: u64) -> Option<u64> {
    let sum = one.wrapping_add(other);
    if sum < one { None } else { Some(sum) }
}

/// [`share`], or `u64::MAX` if that does not fit.
#[inline]
const fn share_or_max(amount: u64, bps: u32) -> u64 {
    match share(amount, bps) {
        Some(part) => part,
        None => u64::MAX,
    }
}

impl RewardRule {
    /// Checks that the rule is valid.
    ///
    /// # Errors
    /// The first part that is invalid.
    #[inline(never)]
    pub fn check(&self) -> Result<(), InvalidRule> {
        let most = match self.kind {
            RewardKind::Fixed(units) => {
                if units == 0 {
                    return Err(InvalidRule::Reward);
                }
                units
            }
            RewardKind::Percent { bps, max } => {
                if bps == 0 || bps > WHOLE_BPS || max == 0 {
                    return Err(InvalidRule::Reward);
                }
                max
            }
        };
        let mut before = Tier::default();
        let mut ended = false;
        for tier in &self.tiers {
            if *tier == Tier::default() {
                ended = true;
                continue;
            }
            if ended
                || tier.min_conversions <= before.min_conversions
                || tier.multiplier_bps <= WHOLE_BPS as u32
                || tier.multiplier_bps > MAX_MULTIPLIER_BPS
            {
                return Err(InvalidRule::Tiers);
            }
            before = *tier;
        }
        let mut before = Bonus::default();
        let mut ended = false;
        let mut bonuses: u64 = 0;
        for bonus in &self.bonuses {
            if *bonus == Bonus::default() {
                ended = true;
                continue;
            }
            if ended || bonus.threshold <= before.threshold || bonus.amount == 0 {
                return Err(InvalidRule::Bonuses);
            }
            bonuses = sum(bonuses, bonus.amount).ok_or(InvalidRule::Reward)?;
            before = *bonus;
        }
        self.check_shares()?;
        // A percentage is cut off at its maximum after the tiers; a fixed one grows. An
        // unused tier's 0 adds nothing.
        let most = match self.kind {
            RewardKind::Percent { .. } => most,
            RewardKind::Fixed(units) => self
                .tiers
                .iter()
                .try_fold(units, |most, tier| {
                    share(units, tier.multiplier_bps).map(|scaled| scaled.max(most))
                })
                .ok_or(InvalidRule::Reward)?,
        };
        if most.checked_add(bonuses).is_none() {
            return Err(InvalidRule::Reward);
        }
        Ok(())
    }

    fn check_shares(&self) -> Result<(), InvalidRule> {
        for share in [&self.referee, &self.max_partner] {
            if share.bps != 0 && share.fixed != 0 {
                return Err(InvalidRule::Shares);
            }
        }
        let bps = u32::from(self.referee.bps).saturating_add(u32::from(self.max_partner.bps));
        if bps > u32::from(WHOLE_BPS) {
            return Err(InvalidRule::Shares);
        }
        // A fixed reward holds both parts in full. A multiplier only adds to the rest:
        // `whole - share(whole)` never falls when `whole` grows.
        if let RewardKind::Fixed(units) = self.kind {
            let rest = units.checked_sub(self.referee.fixed);
            let rest = rest.and_then(|rest| rest.checked_sub(self.max_partner.fixed));
            if rest.is_none_or(|rest| rest < share_or_max(units, bps)) {
                return Err(InvalidRule::Shares);
            }
        }
        Ok(())
    }

    /// Base units that a conversion of `min_amount` or more leaves of its payment, at
    /// least, if rewards are in the token that buyers pay with. Bonuses are not deducted.
    ///
    /// With `q` for the rate times the largest multiplier: a reward is at most
    /// `floor(amount * q)`, and `amount - floor(amount * q)` never falls when `amount`
    /// grows, because `q <= 1`. Rounded twice, as [`Self::reward`] does, it could fall.
    ///
    /// # Errors
    /// [`InvalidRule::Reward`] when one conversion can earn more than its buyer paid.
    #[inline(never)]
    pub fn margin(&self, min_amount: u64) -> Result<u64, InvalidRule> {
        let multiplier = self.tiers.iter().fold(u32::from(WHOLE_BPS), |most, tier| {
            most.max(tier.multiplier_bps)
        });
        let most = match self.kind {
            RewardKind::Fixed(units) => share_or_max(units, multiplier),
            RewardKind::Percent { bps, max } => {
                let rate = u64::from(bps).saturating_mul(u64::from(multiplier));
                if u128::from(rate) > WHOLE_SQUARED {
                    return Err(InvalidRule::Reward);
                }
                // At most 64 bits times 27 bits.
                let earned = u128::from(min_amount).saturating_mul(u128::from(rate));
                let earned = earned / WHOLE_SQUARED;
                u64::try_from(earned).unwrap_or(u64::MAX).min(max)
            }
        };
        min_amount.checked_sub(most).ok_or(InvalidRule::Reward)
    }

    /// The multiplier, in basis points, of the reward of a code's conversion number
    /// `ordinal`, counted from 1; 0 below the first tier.
    #[inline]
    pub(crate) fn multiplier(&self, ordinal: u64) -> u32 {
        let mut multiplier = 0;
        for tier in &self.tiers {
            if tier.multiplier_bps == 0 || ordinal < tier.min_conversions {
                break;
            }
            multiplier = tier.multiplier_bps;
        }
        multiplier
    }

    /// The reward of this conversion. Exact under a rule that [`Self::check`] accepts.
    #[must_use]
    #[inline]
    pub fn reward(&self, facts: &Facts) -> Reward {
        let ordinal = facts.conversions.saturating_add(1);
        let base = match self.kind {
            RewardKind::Fixed(units) => units,
            RewardKind::Percent { bps, .. } => share_or_max(facts.amount, u32::from(bps)),
        };
        let mut shared = match self.multiplier(ordinal) {
            0 => base,
            bps => share_or_max(base, bps),
        };
        if let RewardKind::Percent { max, .. } = self.kind {
            shared = shared.min(max);
        }
        shared = shared.min(facts.at_most);

        // A conversion that earns nothing does not count, so it gets no bonus.
        let mut reward = Reward::default();
        if shared == 0 {
            return reward;
        }
        if !self.referee.is_none() {
            reward.referee = self.referee.of(shared);
        }
        if !facts.partner.is_none() {
            // If one part is fixed, a small percentage may be less than both parts
            // together.
            let part = facts.partner.at_most(&self.max_partner).of(shared);
            reward.partner = part.min(shared.saturating_sub(reward.referee));
        }
        // The shares are at most the whole, and each was rounded down.
        reward.referrer = shared
            .saturating_sub(reward.referee)
            .saturating_sub(reward.partner);

        for (bonus, bit) in self.bonuses.iter().zip(self.bonus_bits) {
            if bonus.amount == 0 || ordinal < bonus.threshold {
                break;
            }
            let bit = 1_u32.wrapping_shl(u32::from(bit));
            if facts.bonuses_paid & bit == 0 {
                reward.referrer = reward.referrer.saturating_add(bonus.amount);
                reward.bonuses |= bit;
            }
        }
        reward
    }
}
