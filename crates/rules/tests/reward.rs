//! Rewards worked out by hand. `reward_properties.rs` covers the rest of the range.

use vouch_rules::reward::{Bonus, Facts, InvalidRule, Reward, RewardKind, RewardRule, Tier};

/// A fixed reward of 1,000 units, and nothing else.
const PLAIN: RewardRule = RewardRule {
    kind: RewardKind::Fixed(1_000),
    tiers: [tier(0, 0); 4],
    bonuses: [bonus(0, 0); 4],
    referee_share_bps: 0,
    max_partner_share_bps: 0,
};

/// A first conversion, of a referral without a partner.
const FIRST: Facts = Facts {
    amount: 0,
    conversions: 0,
    bonuses_paid: 0,
    partner_share_bps: 0,
    at_most: u64::MAX,
};

const fn tier(min_conversions: u64, multiplier_bps: u32) -> Tier {
    Tier {
        min_conversions,
        multiplier_bps,
    }
}

const fn bonus(threshold: u64, amount: u64) -> Bonus {
    Bonus { threshold, amount }
}

/// For referrer, referee and partner.
fn parts(reward: Reward) -> [u64; 3] {
    [reward.referrer, reward.referee, reward.partner]
}

/// `used` ones, then unused ones.
fn tiers(used: &[Tier]) -> [Tier; 4] {
    std::array::from_fn(|i| used.get(i).copied().unwrap_or_default())
}

fn bonuses(used: &[Bonus]) -> [Bonus; 4] {
    std::array::from_fn(|i| used.get(i).copied().unwrap_or_default())
}

#[test]
fn a_fixed_reward_is_the_same_for_every_amount() {
    for amount in [0, 1, u64::MAX] {
        let reward = PLAIN.reward(&Facts { amount, ..FIRST });
        assert_eq!(parts(reward), [1_000, 0, 0]);
    }
}

#[test]
fn a_percentage_is_rounded_down_and_capped() {
    // Given 2.5 percent, 50 units at most
    let rule = RewardRule {
        kind: RewardKind::Percent { bps: 250, max: 50 },
        ..PLAIN
    };
    for (amount, expected) in [
        (0, 0),
        (39, 0),
        (40, 1),
        (79, 1),
        (1_999, 49),
        (2_000, 50),
        (2_040, 50),
        (u64::MAX, 50),
    ] {
        let reward = rule.reward(&Facts { amount, ..FIRST });
        assert_eq!(parts(reward), [expected, 0, 0], "{amount}");
    }
}

#[test]
fn a_percentage_is_capped_after_the_tier() {
    // Given 10 percent, 150 units at most, doubled from the first conversion on
    let rule = RewardRule {
        kind: RewardKind::Percent {
            bps: 1_000,
            max: 150,
        },
        tiers: tiers(&[tier(1, 20_000)]),
        ..PLAIN
    };
    // Then 1,000 earn 150, and not 2 * 100 or 2 * 150; and each step is rounded down
    for (amount, expected) in [(1_000, 150), (700, 140), (19, 2)] {
        let reward = rule.reward(&Facts { amount, ..FIRST });
        assert_eq!(parts(reward), [expected, 0, 0], "{amount}");
    }
}

#[test]
fn tiers_start_with_their_ordinal() {
    // Given 1.5x from the 3rd conversion on, and 1.2x from the 5th: less is allowed
    let rule = RewardRule {
        tiers: tiers(&[tier(3, 15_000), tier(5, 12_000)]),
        ..PLAIN
    };
    for (conversions, expected) in [
        (0, 1_000),
        (1, 1_000),
        (2, 1_500),
        (3, 1_500),
        (4, 1_200),
        (u64::MAX, 1_200),
    ] {
        let reward = rule.reward(&Facts {
            conversions,
            ..FIRST
        });
        assert_eq!(parts(reward), [expected, 0, 0], "{conversions}");
    }
}

#[test]
fn the_three_share_and_the_referrer_has_the_rest() {
    // Given a third for the referee and up to a third for a partner
    let rule = RewardRule {
        kind: RewardKind::Fixed(100),
        referee_share_bps: 3_333,
        max_partner_share_bps: 3_333,
        ..PLAIN
    };
    for (partner_share_bps, expected) in [
        (0, [67, 33, 0]),
        (99, [67, 33, 0]),
        (100, [66, 33, 1]),
        (3_333, [34, 33, 33]),
        (10_000, [34, 33, 33]),
        (u16::MAX, [34, 33, 33]),
    ] {
        let reward = rule.reward(&Facts {
            partner_share_bps,
            ..FIRST
        });
        assert_eq!(parts(reward), expected, "{partner_share_bps}");
        assert_eq!(reward.total(), 100);
    }
}

#[test]
fn no_more_is_shared_than_there_is() {
    // Given half for the referee, and a bonus
    let rule = RewardRule {
        bonuses: bonuses(&[bonus(1, 7)]),
        referee_share_bps: 5_000,
        ..PLAIN
    };
    for (at_most, expected) in [(999, [507, 499, 0]), (3, [9, 1, 0]), (0, [7, 0, 0])] {
        // Then it is the shared part that is cut
        let reward = rule.reward(&Facts { at_most, ..FIRST });
        assert_eq!(parts(reward), expected, "{at_most}");
    }
}

#[test]
fn bonuses_are_the_referrers_and_come_once() {
    // Given a half for the referee, and bonuses at the 2nd and the 4th
    let rule = RewardRule {
        bonuses: bonuses(&[bonus(2, 70), bonus(4, 9)]),
        referee_share_bps: 5_000,
        ..PLAIN
    };
    for (conversions, bonuses_paid, expected, bits) in [
        (0, 0b00, 500, 0b00),
        (1, 0b00, 570, 0b01),
        (2, 0b01, 500, 0b00),
        (3, 0b01, 509, 0b10),
        (4, 0b11, 500, 0b00),
        // Both at once, when the campaign got its bonuses later; and the first again,
        // when the conversion that had it was cancelled
        (9, 0b00, 579, 0b11),
        (9, 0b10, 570, 0b01),
    ] {
        let reward = rule.reward(&Facts {
            conversions,
            bonuses_paid,
            ..FIRST
        });
        assert_eq!(parts(reward), [expected, 500, 0], "{conversions}");
        assert_eq!(reward.bonuses, bits, "{conversions}");
    }
}

#[test]
fn a_rule_is_refused_for_its_first_fault() {
    let percent = |bps, max| RewardRule {
        kind: RewardKind::Percent { bps, max },
        ..PLAIN
    };
    let tiered = |used: &[Tier]| RewardRule {
        tiers: tiers(used),
        ..PLAIN
    };
    let paying = |used: &[Bonus]| RewardRule {
        bonuses: bonuses(used),
        ..PLAIN
    };
    let shared = |referee_share_bps, max_partner_share_bps| RewardRule {
        referee_share_bps,
        max_partner_share_bps,
        ..PLAIN
    };
    let fixed = |units, rule: RewardRule| RewardRule {
        kind: RewardKind::Fixed(units),
        ..rule
    };
    let (reward, wrong_tiers) = (Err(InvalidRule::Reward), Err(InvalidRule::Tiers));
    let (wrong_bonuses, shares) = (Err(InvalidRule::Bonuses), Err(InvalidRule::Shares));
    for (rule, expected) in [
        (fixed(0, PLAIN), reward),
        (fixed(1, PLAIN), Ok(())),
        (fixed(u64::MAX, PLAIN), Ok(())),
        (percent(0, 1), reward),
        (percent(1, 0), reward),
        (percent(1, 1), Ok(())),
        (percent(10_000, u64::MAX), Ok(())),
        (percent(10_001, 1), reward),
        (tiered(&[tier(1, 10_001)]), Ok(())),
        (tiered(&[tier(1, 10_000)]), wrong_tiers),
        (tiered(&[tier(1, 1_000_000)]), Ok(())),
        (tiered(&[tier(1, 1_000_001)]), wrong_tiers),
        (tiered(&[tier(0, 20_000)]), wrong_tiers),
        (tiered(&[tier(1, 0)]), wrong_tiers),
        (tiered(&[tier(1, 20_000), tier(1, 30_000)]), wrong_tiers),
        (tiered(&[tier(2, 20_000), tier(1, 30_000)]), wrong_tiers),
        (tiered(&[tier(0, 0), tier(1, 20_000)]), wrong_tiers),
        (tiered(&[tier(1, 30_000), tier(2, 20_000)]), Ok(())),
        (paying(&[bonus(1, 1), bonus(2, 1)]), Ok(())),
        (paying(&[bonus(0, 1)]), wrong_bonuses),
        (paying(&[bonus(1, 0)]), wrong_bonuses),
        (paying(&[bonus(1, 1), bonus(1, 1)]), wrong_bonuses),
        (paying(&[bonus(2, 1), bonus(1, 1)]), wrong_bonuses),
        (paying(&[bonus(0, 0), bonus(1, 1)]), wrong_bonuses),
        (shared(10_000, 0), Ok(())),
        (shared(0, 10_000), Ok(())),
        (shared(5_000, 5_000), Ok(())),
        (shared(5_000, 5_001), shares),
        (shared(10_001, 0), shares),
        (shared(u16::MAX, u16::MAX), shares),
        // The largest reward: 64 bits with the best tier and all bonuses, and one more
        (fixed(u64::MAX / 2, tiered(&[tier(9, 20_000)])), Ok(())),
        (fixed(u64::MAX / 2 + 1, tiered(&[tier(9, 20_000)])), reward),
        (paying(&[bonus(1, u64::MAX - 1_000)]), Ok(())),
        (paying(&[bonus(1, u64::MAX - 999)]), reward),
        (paying(&[bonus(1, u64::MAX), bonus(2, 1)]), reward),
        (
            fixed(
                1 << 62,
                tiered(&[tier(1, 30_000), tier(2, 39_999), tier(3, 10_001)]),
            ),
            Ok(()),
        ),
        (
            fixed(1 << 62, tiered(&[tier(1, 40_000), tier(2, 10_001)])),
            reward,
        ),
    ] {
        assert_eq!(rule.check(), expected, "{rule:?}");
    }
}
