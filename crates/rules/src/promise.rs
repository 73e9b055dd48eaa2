//! A campaign's promise to its referrers, and the test whether a change cuts it.
//!
//! A campaign may raise its terms at once. A cut waits for the notice period, so that it
//! surprises nobody who is sharing a link.

use crate::reward::{RewardKind, RewardRule, Share, WHOLE_BPS};

/// The settings that a referrer relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// The reward rule.
    pub rule: RewardRule,
    /// Least amount of a conversion, in the units of the amount.
    pub min_amount: u64,
    /// Seconds that a reward is held.
    pub hold_seconds: u32,
    /// Seconds that a binding lasts; 0 if the campaign needs no binding.
    pub attribution_window: u32,
    /// Unix seconds from which conversions count; 0 for at once.
    pub starts_at: i64,
    /// Unix seconds from which they no longer count; 0 for never.
    pub ends_at: i64,
    /// Most conversions of one owner; 0 for no limit.
    pub owner_limit: u64,
    /// Issuer and schema of the credential that a referee needs; zeros for none.
    pub gate: [[u8; 32]; 2],
}

impl Promise {
    /// Whether `self`, which follows `old` at `now` in unix seconds, gives somebody less
    /// in any respect. A change that is better for some and worse for others is a cut.
    ///
    /// If it is not a cut, then every conversion that counts under `old` also counts
    /// under `self`, gives each party at least as much, and its code has at least as much
    /// in bonuses. There are four exceptions:
    ///
    /// - If referee and partner both have basis points, each part is rounded down, so a
    ///   greater reward may leave the referrer one base unit less.
    /// - An amount too small to earn anything under `old` may earn something under
    ///   `self`, and so count.
    /// - A partner may have agreed with the referrer to more than the maximum of `old`. If
    ///   the maximum rises again, the partner gets what was agreed.
    /// - A conversion that counts only under `self` may use up its code's own usage limit
    ///   or, if a wallet counts once, its wallet.
    ///
    /// Both rules must pass [`RewardRule::check`]. The caller must leave out of `self`
    /// each bonus that was offered before `old` and is not in `old`: codes that were paid
    /// it already get nothing from it, so it cannot replace a bonus of `old`.
    #[must_use]
    pub fn cuts(&self, old: &Self, now: i64) -> bool {
        let limit = |limit: u64| if limit == 0 { u64::MAX } else { limit };
        let end = |end: i64| if end == 0 { i64::MAX } else { end };
        // A conversion that did not count before now uses up the owner's limit, and
        // brings the code to a later tier sooner.
        let admits_more = self.min_amount < old.min_amount
            || self.gate != old.gate
            || (self.starts_at < old.starts_at && old.starts_at > now);
        cuts_reward(&self.rule, &old.rule)
            || cuts_tiers(&self.rule, &old.rule, admits_more)
            || cuts_bonuses(&self.rule, &old.rule)
            || (admits_more && self.owner_limit != 0)
            || self.min_amount > old.min_amount
            || self.hold_seconds > old.hold_seconds
            || self.attribution_window < old.attribution_window
            || (old.attribution_window == 0 && self.attribution_window != 0)
            || (self.starts_at > old.starts_at && self.starts_at > now)
            || end(self.ends_at) < end(old.ends_at)
            || limit(self.owner_limit) < limit(old.owner_limit)
            || (self.gate != old.gate && self.gate != [[0; 32]; 2])
    }
}

/// Whether a conversion's reward, or the part of one of the three parties, is smaller.
/// Ignores tiers and bonuses.
fn cuts_reward(new: &RewardRule, old: &RewardRule) -> bool {
    let less = match (new.kind, old.kind) {
        (RewardKind::Fixed(after), RewardKind::Fixed(before)) => {
            after < before
                || new.referee.fixed < old.referee.fixed
                || takes_from_referrer(new, old, after.saturating_sub(before))
        }
        (
            RewardKind::Percent { bps, max },
            RewardKind::Percent {
                bps: old_bps,
                max: old_max,
            },
        ) => bps < old_bps || max < old_max || new.referee.fixed != old.referee.fixed,
        _ => true,
    };
    less || new.referee.bps != old.referee.bps
        || new.max_partner.bps < old.max_partner.bps
        || new.max_partner.fixed < old.max_partner.fixed
}

/// Whether the referee's fixed part grows by more than the referrer can spare when a
/// fixed reward grows by `growth`. A partner in basis points takes a part of the growth
/// first. With a share of `p`, the partner takes at most `ceil(growth * p)`, so at least
/// `floor(growth * (1 - p))` is left; the greatest share that may be agreed leaves least.
/// A multiplier only adds to what is left.
fn takes_from_referrer(new: &RewardRule, old: &RewardRule, growth: u64) -> bool {
    let left = Share {
        bps: WHOLE_BPS.saturating_sub(old.max_partner.bps),
        fixed: 0,
    };
    left.of(growth) < new.referee.fixed.saturating_sub(old.referee.fixed)
}

/// Whether the multiplier of some conversion of a code is smaller. With `admits_more`,
/// the conversion may have a greater number than before, because more conversions count
/// before it.
fn cuts_tiers(new: &RewardRule, old: &RewardRule, admits_more: bool) -> bool {
    // A multiplier of 0 means no tier, which is a factor of 1.
    let at = |rule: &RewardRule, ordinal| rule.multiplier(ordinal).max(u32::from(WHOLE_BPS));
    // Multipliers change only where a tier starts.
    let mut changes = new.tiers.iter().chain(&old.tiers);
    changes.any(|tier| {
        let ordinal = tier.min_conversions;
        let before = at(old, ordinal);
        let mut later = new.tiers.iter().map(|tier| tier.min_conversions);
        at(new, ordinal) < before
            || (admits_more && later.any(|later| later > ordinal && at(new, later) < before))
    })
}

/// Whether the bonuses of a code that reaches an old threshold sum to less than before.
fn cuts_bonuses(new: &RewardRule, old: &RewardRule) -> bool {
    // The bonuses of a checked rule sum to 64 bits, so nothing saturates.
    let sum = |rule: &RewardRule, threshold: u64| {
        rule.bonuses
            .iter()
            .filter(|bonus| bonus.threshold <= threshold)
            .fold(0_u64, |sum, bonus| sum.saturating_add(bonus.amount))
    };
    old.bonuses
        .iter()
        .any(|bonus| sum(new, bonus.threshold) < sum(old, bonus.threshold))
}
