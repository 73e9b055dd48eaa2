//! Rewards calculated by hand: I13, I14 and I23 of docs/INVARIANTS.md.
//! `reward_properties.rs` covers the rest of the range.

use vouch_rules::reward::{
    Bonus, Facts, InvalidRule, Reward, RewardKind, RewardRule, Share, Tier, bonuses_within,
};

/// A fixed reward of 1,000 units, and nothing else.
const PLAIN: RewardRule = RewardRule {
    kind: RewardKind::Fixed(1_000),
    tiers: [tier(0, 0); 4],
    bonuses: [bonus(0, 0); 4],
    bonus_bits: [0, 1, 2, 3],
    referee: NONE,
    max_partner: NONE,
};

const NONE: Share = bps(0);

/// A first conversion, of a referral without a partner.
const FIRST: Facts = Facts {
    amount: 0,
    conversions: 0,
    bonuses_paid: 0,
    partner: NONE,
    at_most: u64::MAX,
};

const fn bps(bps: u16) -> Share {
    Share { bps, fixed: 0 }
}

const fn exact(fixed: u64) -> Share {
    Share { bps: 0, fixed }
}

const fn tier(min_conversions: u64, multiplier_bps: u32) -> Tier {
    Tier {
        min_conversions,
        multiplier_bps,
    }
}

const fn bonus(threshold: u64, amount: u64) -> Bonus {
    Bonus { threshold, amount }
}

/// The parts of referrer, referee and partner.
fn parts(reward: Reward) -> [u64; 3] {
    [reward.referrer, reward.referee, reward.partner]
}

/// The `used` tiers, then unused ones.
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
    // Given 1.5x from the 3rd conversion on, and 1.2x from the 5th: a smaller multiplier
    // may follow
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
        referee: bps(3_333),
        max_partner: bps(3_333),
        ..PLAIN
    };
    for (partner_bps, expected) in [
        (0, [67, 33, 0]),
        (99, [67, 33, 0]),
        (100, [66, 33, 1]),
        (3_333, [34, 33, 33]),
        (10_000, [34, 33, 33]),
        (u16::MAX, [34, 33, 33]),
    ] {
        let reward = rule.reward(&Facts {
            partner: bps(partner_bps),
            ..FIRST
        });
        assert_eq!(parts(reward), expected, "{partner_bps}");
        assert_eq!(reward.total(), 100);
    }
}

#[test]
fn a_two_sided_reward_is_exact_to_the_unit() {
    // Given 3 tokens of 6 decimals, of which the referee gets exactly 1, doubled from the
    // 10th conversion on, and up to half a token for a partner
    let rule = RewardRule {
        kind: RewardKind::Fixed(3_000_000),
        tiers: tiers(&[tier(10, 20_000)]),
        referee: exact(1_000_000),
        max_partner: exact(500_000),
        ..PLAIN
    };
    assert_eq!(rule.check(), Ok(()));
    for (conversions, partner, expected) in [
        (0, NONE, [2_000_000, 1_000_000, 0]),
        (0, exact(1), [1_999_999, 1_000_000, 1]),
        (0, exact(500_000), [1_500_000, 1_000_000, 500_000]),
        // More than the campaign still allows, or basis points if it allows base units.
        (0, exact(500_001), [1_500_000, 1_000_000, 500_000]),
        (0, bps(5_000), [2_000_000, 1_000_000, 0]),
        // The referrer gets the rest, which was multiplied.
        (9, NONE, [5_000_000, 1_000_000, 0]),
        (9, exact(500_000), [4_500_000, 1_000_000, 500_000]),
    ] {
        let reward = rule.reward(&Facts {
            conversions,
            partner,
            ..FIRST
        });
        assert_eq!(parts(reward), expected, "{conversions} {partner:?}");
    }
}

#[test]
fn base_units_and_basis_points_mix() {
    // Given 100 units, 30 of them for the referee and up to 70 percent for a partner, and
    // the same with the two swapped
    let mixed = RewardRule {
        kind: RewardKind::Fixed(100),
        tiers: tiers(&[tier(2, 15_000)]),
        referee: exact(30),
        max_partner: bps(7_000),
        ..PLAIN
    };
    let turned = RewardRule {
        referee: bps(7_000),
        max_partner: exact(30),
        ..mixed
    };
    for (conversions, partner, expected, turned_partner, turned_expected) in [
        (0, bps(7_000), [0, 30, 70], exact(30), [0, 70, 30]),
        (0, bps(10), [70, 30, 0], exact(1), [29, 70, 1]),
        // Basis points apply to the multiplied reward; base units are not multiplied.
        (1, bps(7_000), [15, 30, 105], exact(30), [15, 105, 30]),
    ] {
        let facts = |partner| Facts {
            conversions,
            partner,
            ..FIRST
        };
        assert_eq!(parts(mixed.reward(&facts(partner))), expected);
        assert_eq!(
            parts(turned.reward(&facts(turned_partner))),
            turned_expected
        );
    }
}

#[test]
fn a_small_percentage_goes_to_the_referee_then_to_the_partner() {
    // Given 10 percent, of which the referee gets 5 units and the partner 3 units
    let rule = RewardRule {
        kind: RewardKind::Percent { bps: 1_000, max: 9 },
        bonuses: bonuses(&[bonus(1, 100)]),
        referee: exact(5),
        max_partner: exact(3),
        ..PLAIN
    };
    assert_eq!(rule.check(), Ok(()));
    for (amount, expected) in [
        // A conversion that earns nothing does not count and gets no bonus.
        (9, [0, 0, 0]),
        (10, [100, 1, 0]),
        (50, [100, 5, 0]),
        (60, [100, 5, 1]),
        (80, [100, 5, 3]),
        (90, [101, 5, 3]),
        (u64::MAX, [101, 5, 3]),
    ] {
        let partner = exact(3);
        let reward = rule.reward(&Facts {
            amount,
            partner,
            ..FIRST
        });
        assert_eq!(parts(reward), expected, "{amount}");
    }
}

#[test]
fn no_more_is_shared_than_there_is() {
    // Given half for the referee, and a bonus
    let rule = RewardRule {
        bonuses: bonuses(&[bonus(1, 7)]),
        referee: bps(5_000),
        ..PLAIN
    };
    for (at_most, expected) in [(999, [507, 499, 0]), (3, [9, 1, 0]), (0, [0, 0, 0])] {
        // Then the limit cuts the shared part, and a reward of nothing comes without
        // bonus
        let reward = rule.reward(&Facts { at_most, ..FIRST });
        assert_eq!(parts(reward), expected, "{at_most}");
    }
}

#[test]
fn bonuses_are_the_referrers_and_come_once() {
    const FIRST_BONUS: u32 = 1 << 31;
    const SECOND_BONUS: u32 = 1 << 4;
    // Given a half for the referee, and bonuses at the 2nd and the 4th conversion, the
    // first of which has the last place among the campaign's offered bonuses
    let rule = RewardRule {
        bonuses: bonuses(&[bonus(2, 70), bonus(4, 9)]),
        bonus_bits: [31, 4, 0, 0],
        referee: bps(5_000),
        ..PLAIN
    };
    for (conversions, bonuses_paid, expected, bits) in [
        (0, 0, 500, 0),
        (1, 0, 570, FIRST_BONUS),
        (2, FIRST_BONUS, 500, 0),
        (3, FIRST_BONUS, 509, SECOND_BONUS),
        (4, FIRST_BONUS | SECOND_BONUS, 500, 0),
        // Both at once, if the campaign got its bonuses later; and the first again, if
        // the conversion that earned it was cancelled.
        (9, 0, 579, FIRST_BONUS | SECOND_BONUS),
        (9, SECOND_BONUS, 570, FIRST_BONUS),
        // Bits of bonuses from other settings do not matter.
        (9, !FIRST_BONUS, 570, FIRST_BONUS),
        (
            9,
            !(FIRST_BONUS | SECOND_BONUS),
            579,
            FIRST_BONUS | SECOND_BONUS,
        ),
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
    let shared = |referee, max_partner| RewardRule {
        referee,
        max_partner,
        ..PLAIN
    };
    let both = |bps, fixed| Share { bps, fixed };
    let of_percent = |rule| RewardRule {
        kind: RewardKind::Percent { bps: 1, max: 1 },
        ..rule
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
        (shared(bps(10_000), NONE), Ok(())),
        (shared(NONE, bps(10_000)), Ok(())),
        (shared(bps(5_000), bps(5_000)), Ok(())),
        (shared(bps(5_000), bps(5_001)), shares),
        (shared(bps(10_001), NONE), shares),
        (shared(bps(u16::MAX), bps(u16::MAX)), shares),
        // Parts of 1,000 units: one part, two, mixed ones, and one unit too many of each
        (shared(exact(1_000), NONE), Ok(())),
        (shared(exact(1_001), NONE), shares),
        (shared(NONE, exact(1_000)), Ok(())),
        (shared(NONE, exact(1_001)), shares),
        (shared(exact(400), exact(600)), Ok(())),
        (shared(exact(400), exact(601)), shares),
        (shared(exact(u64::MAX), exact(u64::MAX)), shares),
        (shared(exact(501), bps(4_999)), Ok(())),
        (shared(exact(502), bps(4_999)), shares),
        (shared(bps(4_999), exact(501)), Ok(())),
        (shared(bps(4_999), exact(502)), shares),
        (shared(exact(1_000), bps(9)), Ok(())),
        (shared(exact(1_000), bps(10)), shares),
        (shared(both(1, 1), NONE), shares),
        (shared(NONE, both(1, 1)), shares),
        // A percentage may be smaller than its fixed parts.
        (of_percent(shared(exact(400), exact(601))), Ok(())),
        (of_percent(shared(exact(u64::MAX), exact(u64::MAX))), Ok(())),
        (of_percent(shared(exact(u64::MAX), bps(10_000))), Ok(())),
        (of_percent(shared(both(1, 1), NONE)), shares),
        (of_percent(shared(bps(5_000), bps(5_001))), shares),
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

#[test]
fn a_margin_is_what_the_cheapest_conversion_leaves() {
    let refused = Err(InvalidRule::Reward);
    let percent = |bps, max| RewardKind::Percent { bps, max };
    for (kind, used, min_amount, expected) in [
        (RewardKind::Fixed(1_000), &[][..], 1_000, Ok(0)),
        (RewardKind::Fixed(1_000), &[], 999, refused),
        (
            RewardKind::Fixed(1_000),
            &[],
            u64::MAX,
            Ok(u64::MAX - 1_000),
        ),
        // The largest multiplier, even if it is not the last one
        (
            RewardKind::Fixed(1_000),
            &[tier(9, 20_000), tier(99, 15_000)],
            2_000,
            Ok(0),
        ),
        (
            RewardKind::Fixed(1_000),
            &[tier(9, 20_000), tier(99, 15_000)],
            1_999,
            refused,
        ),
        (percent(1_000, u64::MAX), &[], 0, Ok(0)),
        (percent(1_000, u64::MAX), &[], 99, Ok(90)),
        (percent(1_000, 3), &[], 99, Ok(96)),
        (percent(10_000, u64::MAX), &[], u64::MAX, Ok(0)),
        // 50 percent doubled is the whole. A little more is too much, even if the maximum
        // keeps it small.
        (percent(5_000, u64::MAX), &[tier(9, 20_000)], 7, Ok(0)),
        (percent(5_000, 1), &[tier(9, 20_001)], 7, refused),
        // 9 at 15 percent are 1 if rounded once, and 0 if rounded at each step
        (percent(1_000, u64::MAX), &[tier(9, 15_000)], 9, Ok(8)),
    ] {
        let rule = RewardRule {
            kind,
            tiers: tiers(used),
            ..PLAIN
        };
        assert_eq!(rule.margin(min_amount), expected, "{rule:?} {min_amount}");
    }
}

#[test]
fn bonuses_are_within_what_is_left_up_to_each_threshold() {
    for (bonuses, margin, expected) in [
        (&[][..], 0, true),
        (&[bonus(0, 0), bonus(0, 0)], 0, true),
        (&[bonus(1, 1)], 0, false),
        (&[bonus(3, 30)], 10, true),
        (&[bonus(3, 31)], 10, false),
        (&[bonus(3, 30), bonus(5, 20)], 10, true),
        (&[bonus(3, 30), bonus(5, 21)], 10, false),
        // The first threshold alone comes too early.
        (&[bonus(2, 21), bonus(5, 1)], 10, false),
        // In any order, with unused ones between
        (&[bonus(5, 20), bonus(0, 0), bonus(3, 30)], 10, true),
        (&[bonus(5, 21), bonus(0, 0), bonus(3, 30)], 10, false),
        // Two bonuses with one threshold, from settings of different times.
        (&[bonus(3, 20), bonus(3, 10)], 10, true),
        (&[bonus(3, 20), bonus(3, 11)], 10, false),
        // More than 64 bits on either side, and on both
        (&[bonus(u64::MAX, u64::MAX)], u64::MAX, true),
        (&[bonus(1, u64::MAX), bonus(2, u64::MAX)], u64::MAX, true),
        (&[bonus(2, u64::MAX), bonus(2, 1)], 1 << 63, true),
        (&[bonus(2, u64::MAX), bonus(2, 2)], 1 << 63, false),
        (&[bonus(2, u64::MAX), bonus(3, u64::MAX)], 1 << 63, false),
    ] {
        assert_eq!(bonuses_within(bonuses, margin), expected, "{bonuses:?}");
    }
}
