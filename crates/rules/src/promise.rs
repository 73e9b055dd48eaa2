//! What a campaign has promised to its referrers, and whether a change cuts it.
//!
//! A campaign may raise its terms at once. A cut waits for its notice period, so that
//! nobody who is sharing a link is surprised by it.

use crate::reward::{RewardKind, RewardRule};

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
    #[must_use]
    pub fn cuts(&self, old: &Self, now: i64) -> bool {
        let limit = |limit: u64| if limit == 0 { u64::MAX } else { limit };
        let end = |end: i64| if end == 0 { i64::MAX } else { end };
        cuts_reward(&self.rule, &old.rule)
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

fn cuts_reward(new: &RewardRule, old: &RewardRule) -> bool {
    let less = match (new.kind, old.kind) {
        // With fixed parts, the referee's and the rest are each compared.
        (RewardKind::Fixed(after), RewardKind::Fixed(before)) => {
            after < before
                || new.referee.fixed < old.referee.fixed
                || after.saturating_sub(new.referee.fixed)
                    < before.saturating_sub(old.referee.fixed)
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
        || cuts_tiers(new, old)
        || cuts_bonuses(new, old)
}

/// Whether some old tier has no new one that begins no later and multiplies no less.
fn cuts_tiers(new: &RewardRule, old: &RewardRule) -> bool {
    old.tiers.iter().any(|before| {
        before.multiplier_bps != 0
            && !new.tiers.iter().any(|after| {
                after.multiplier_bps >= before.multiplier_bps
                    && after.min_conversions <= before.min_conversions
            })
    })
}

/// Whether a code that reaches some old threshold would have had less in bonuses by then.
fn cuts_bonuses(new: &RewardRule, old: &RewardRule) -> bool {
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
