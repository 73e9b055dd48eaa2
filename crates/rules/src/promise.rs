//! What a campaign has promised to its referrers, and whether a change cuts it.
//!
//! A campaign may raise its terms at once. A cut waits for its notice period, so that
//! nobody who is sharing a link is surprised by it.

use crate::reward::{RewardKind, RewardRule, Share, WHOLE_BPS};

/// Everything of a campaign's settings that a referrer relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// Who earns how much.
    pub rule: RewardRule,
    /// Least amount of a conversion.
    pub min_amount: u64,
    /// Seconds that a reward is held.
    pub hold_seconds: u32,
    /// Seconds that a first touch counts; 0 for no first touch.
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
    /// in any respect. In doubt it does: a change that is better for some and worse for
    /// others is a cut.
    ///
    /// If it does not, every conversion that counts under `old` counts under `self` too,
    /// gives each party at least as much, and its code has at least as much in bonuses.
    /// Three things are left aside:
    ///
    /// - Where referee and partner both have basis points, each part is rounded down, and
    ///   a greater reward may leave the referrer one base unit less.
    /// - An amount too small to earn anything under `old` may earn something now, and so
    ///   count.
    /// - A conversion that counts only now may use up its code's own usage limit or, where
    ///   a wallet counts once, its wallet.
    ///
    /// Both rules must pass [`RewardRule::check`]. The caller leaves out of `self` each
    /// bonus that was offered before and that `old` does not have: codes that were paid it
    /// get nothing from it, so it cannot replace a bonus of `old`.
    #[must_use]
    pub fn cuts(&self, old: &Self, now: i64) -> bool {
        let limit = |limit: u64| if limit == 0 { u64::MAX } else { limit };
        let end = |end: i64| if end == 0 { i64::MAX } else { end };
        // What did not count before takes a place under the owner's limit, and brings the
        // code sooner to a later tier.
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

/// Whether a conversion is rewarded with less, or one of the three gets less of it, tiers
/// and bonuses apart.
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

/// Whether the referee's fixed part grows by more than a fixed reward that grows by
/// `growth` leaves for it. A partner in basis points takes part of the growth first: with
/// `p` for its share, at most `ceil(growth * p)`, so at least `floor(growth * (1 - p))` is
/// left, and most is taken by the greatest share that could be agreed. A multiplier only
/// adds to what is left.
fn takes_from_referrer(new: &RewardRule, old: &RewardRule, growth: u64) -> bool {
    let left = Share {
        bps: WHOLE_BPS.saturating_sub(old.max_partner.bps),
        fixed: 0,
    };
    left.of(growth) < new.referee.fixed.saturating_sub(old.referee.fixed)
}

/// Whether some conversion of a code is multiplied by less than before. With `admits_more`
/// it may have a greater number than before, because others count before it.
fn cuts_tiers(new: &RewardRule, old: &RewardRule, admits_more: bool) -> bool {
    // No tier multiplies by less than 1.
    let at = |rule: &RewardRule, ordinal| rule.multiplier(ordinal).max(u32::from(WHOLE_BPS));
    // Multipliers change at these alone.
    let mut changes = new.tiers.iter().chain(&old.tiers);
    changes.any(|tier| {
        let ordinal = tier.min_conversions;
        let before = at(old, ordinal);
        let mut later = new.tiers.iter().map(|tier| tier.min_conversions);
        at(new, ordinal) < before
            || (admits_more && later.any(|later| later > ordinal && at(new, later) < before))
    })
}

/// Whether a code that reaches some old threshold has less in bonuses by then.
fn cuts_bonuses(new: &RewardRule, old: &RewardRule) -> bool {
    // A rule's bonuses sum to 64 bits.
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
