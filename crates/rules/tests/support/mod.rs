//! Code that the property tests share: a second implementation that follows the
//! specification in 128 bits, and generators of rules and conversions.

#![allow(dead_code, reason = "each test uses a part of it")]

use proptest::{prelude::*, sample::select, test_runner::RngSeed};
use vouch_rules::reward::{Bonus, Facts, InvalidRule, RewardKind, RewardRule, Share, Tier};

/// 2^64, the first number of base units that does not fit.
pub(crate) const LIMIT: u128 = 1 << 64;

/// The specification, word for word.
pub(crate) mod specified {
    use super::*;

    /// Basis points of `units`, rounded down.
    pub(crate) fn part(units: u128, bps: u128) -> u128 {
        units * bps / 10_000
    }

    /// The basis points or base units of `whole` that a share asks for, even if `whole`
    /// has fewer.
    pub(crate) fn asked(whole: u128, share: Share) -> u128 {
        match share {
            Share { bps, fixed: 0 } => part(whole, bps.into()),
            Share { fixed, .. } => fixed.into(),
        }
    }

    /// The part that was agreed with a partner, under a rule that allows it `most`.
    pub(crate) fn allowed(agreed: Share, most: Share) -> Share {
        Share {
            bps: agreed.bps.min(most.bps),
            fixed: agreed.fixed.min(most.fixed),
        }
    }

    /// Basis points that conversion number `ordinal` of a code is multiplied by.
    pub(crate) fn multiplier(rule: &RewardRule, ordinal: u128) -> u128 {
        rule.tiers
            .iter()
            .filter(|tier| **tier != Tier::default())
            .filter(|tier| u128::from(tier.min_conversions) <= ordinal)
            .max_by_key(|tier| tier.min_conversions)
            .map_or(10_000, |tier| u128::from(tier.multiplier_bps))
    }

    /// The reward of a conversion.
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Earned {
        /// The sum of the three parts, without bonuses.
        pub(crate) whole: u128,
        /// Sum of the bonuses.
        pub(crate) bonus: u128,
        pub(crate) referrer: u128,
        pub(crate) referee: u128,
        pub(crate) partner: u128,
        pub(crate) bonuses: u32,
    }

    pub(crate) fn earned(rule: &RewardRule, facts: &Facts) -> Earned {
        let ordinal = u128::from(facts.conversions) + 1;
        let multiplier = multiplier(rule, ordinal);
        let whole = match rule.kind {
            RewardKind::Fixed(units) => part(units.into(), multiplier),
            RewardKind::Percent { bps, max } => {
                let base = part(facts.amount.into(), bps.into());
                part(base, multiplier).min(max.into())
            }
        };
        let whole = whole.min(facts.at_most.into());
        let referee = asked(whole, rule.referee).min(whole);
        let partner = allowed(facts.partner, rule.max_partner);
        let partner = asked(whole, partner).min(whole - referee);
        let (mut bonus, mut bonuses) = (0, 0);
        for (place, candidate) in rule.bonuses.iter().enumerate() {
            let bit = 1 << rule.bonus_bits[place];
            let used = *candidate != Bonus::default();
            let due = used && u128::from(candidate.threshold) <= ordinal;
            if whole != 0 && due && facts.bonuses_paid & bit == 0 {
                bonus += u128::from(candidate.amount);
                bonuses |= bit;
            }
        }
        Earned {
            whole,
            bonus,
            referrer: whole - referee - partner + bonus,
            referee,
            partner,
            bonuses,
        }
    }

    /// Every reason to refuse the rule; empty when it must be accepted.
    pub(crate) fn reasons(rule: &RewardRule) -> Vec<InvalidRule> {
        let used = |unused: &[bool]| unused.iter().take_while(|unused| !**unused).count();
        let mut reasons = Vec::new();

        let pays = match rule.kind {
            RewardKind::Fixed(units) => units >= 1,
            RewardKind::Percent { bps, max } => (1..=10_000).contains(&bps) && max >= 1,
        };

        let unused = rule.tiers.map(|tier| tier == Tier::default());
        let (tiers, rest) = rule.tiers.split_at(used(&unused));
        let tiers_are_right = rest.iter().all(|tier| *tier == Tier::default())
            && tiers.iter().all(|tier| tier.min_conversions >= 1)
            && tiers
                .iter()
                .all(|tier| (10_001..=1_000_000).contains(&tier.multiplier_bps))
            && tiers
                .windows(2)
                .all(|pair| pair[0].min_conversions < pair[1].min_conversions);
        if !tiers_are_right {
            reasons.push(InvalidRule::Tiers);
        }

        let unused = rule.bonuses.map(|bonus| bonus == Bonus::default());
        let (bonuses, rest) = rule.bonuses.split_at(used(&unused));
        let bonuses_are_right = rest.iter().all(|bonus| *bonus == Bonus::default())
            && bonuses
                .iter()
                .all(|bonus| bonus.threshold >= 1 && bonus.amount >= 1)
            && bonuses
                .windows(2)
                .all(|pair| pair[0].threshold < pair[1].threshold);
        if !bonuses_are_right {
            reasons.push(InvalidRule::Bonuses);
        }

        if !pays || largest(rule) >= LIMIT {
            reasons.push(InvalidRule::Reward);
        }
        if !shares_fit(rule) {
            reasons.push(InvalidRule::Shares);
        }
        reasons
    }

    /// Whether every reward of the rule covers the parts of referee and partner in full.
    /// A percentage may be next to nothing, so it need not cover base units.
    fn shares_fit(rule: &RewardRule) -> bool {
        let (referee, partner) = (rule.referee, rule.max_partner);
        let one_kind = |share: Share| share.bps == 0 || share.fixed == 0;
        let of_all = asked(
            10_000,
            Share {
                fixed: 0,
                ..referee
            },
        ) + asked(
            10_000,
            Share {
                fixed: 0,
                ..partner
            },
        );
        let of_each = match rule.kind {
            RewardKind::Percent { .. } => true,
            RewardKind::Fixed(units) => {
                let multipliers = rule.tiers.map(|tier| tier.multiplier_bps.max(10_000));
                multipliers.into_iter().chain([10_000]).all(|multiplier| {
                    let whole = part(units.into(), multiplier.into());
                    asked(whole, referee) + asked(whole, partner) <= whole
                })
            }
        };
        one_kind(referee) && one_kind(partner) && of_all <= 10_000 && of_each
    }

    /// The largest reward for one conversion: with the best tier and all bonuses,
    /// which may fall due at once when they are new in the rule.
    pub(crate) fn largest(rule: &RewardRule) -> u128 {
        let best = rule.tiers.iter().map(|tier| tier.multiplier_bps).max();
        let most = match rule.kind {
            RewardKind::Fixed(units) => {
                part(units.into(), u128::from(best.unwrap_or(0).max(10_000)))
            }
            RewardKind::Percent { max, .. } => max.into(),
        };
        let bonuses = rule.bonuses.iter().map(|bonus| u128::from(bonus.amount));
        most + bonuses.sum::<u128>()
    }
}

/// A configuration with `cases` cases, unless the environment sets another number.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let chosen = ProptestConfig::default();
    ProptestConfig {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            chosen.cases
        } else {
            cases
        },
        rng_seed: match chosen.rng_seed {
            RngSeed::Random => RngSeed::Fixed(3),
            fixed => fixed,
        },
        failure_persistence: None,
        ..chosen
    }
}

// --- numbers that tend to break things -------------------------------------------

/// Any 64-bit number: edges, values of every size, and mixtures.
pub(crate) fn units() -> BoxedStrategy<u64> {
    let edges = select(vec![
        0,
        1,
        2,
        9_999,
        10_000,
        10_001,
        19_999,
        1_000_000,
        u64::from(u32::MAX),
        u64::MAX / 1_000_000,
        u64::MAX / 10_000,
        u64::MAX / 10_000 + 1,
        u64::MAX / 2,
        i64::MAX as u64,
        u64::MAX - 10_000,
        u64::MAX - 1,
        u64::MAX,
    ]);
    prop_oneof![
        2 => edges.clone(),
        1 => (edges, -3i64..=3).prop_map(|(edge, by)| edge.wrapping_add_signed(by)),
        2 => (any::<u64>(), 0..64u32).prop_map(|(bits, by)| bits >> by),
        1 => 0..20u64,
    ]
    .boxed()
}

/// From 1 to `most`, with both ends likely.
pub(crate) fn up_to(most: u64) -> BoxedStrategy<u64> {
    prop_oneof![
        1 => Just(1),
        1 => Just(most),
        2 => units().prop_map(move |units| units.clamp(1, most)),
        2 => units().prop_map(move |units| units % most + 1),
    ]
    .boxed()
}

/// From 0 to `most`, with both ends likely.
pub(crate) fn none_to(most: u64) -> BoxedStrategy<u64> {
    if most == 0 {
        return Just(0).boxed();
    }
    prop_oneof![1 => Just(0), 4 => up_to(most)].boxed()
}

/// Basis points from 0 to `most`.
pub(crate) fn bps(most: u16) -> BoxedStrategy<u16> {
    prop_oneof![
        1 => Just(0),
        1 => Just(most),
        1 => Just(most.min(1)),
        1 => Just(most.saturating_sub(1)),
        3 => 0..=most,
    ]
    .boxed()
}

pub(crate) const fn proportional(bps: u16) -> Share {
    Share { bps, fixed: 0 }
}

pub(crate) const fn exact(fixed: u64) -> Share {
    Share { bps: 0, fixed }
}

/// Shares of referee and partner that fit a reward of this kind, often exactly.
pub(crate) fn shares(kind: RewardKind) -> BoxedStrategy<(Share, Share)> {
    let both = bps(10_000).prop_flat_map(|referee| {
        bps(10_000 - referee).prop_map(move |most| (proportional(referee), proportional(most)))
    });
    let RewardKind::Fixed(whole) = kind else {
        let mixed =
            (units(), bps(10_000)).prop_map(|(units, bps)| (exact(units), proportional(bps)));
        return prop_oneof![
            both,
            mixed.clone(),
            mixed.prop_map(|(exact, proportional)| (proportional, exact)),
            (units(), units()).prop_map(|(referee, most)| (exact(referee), exact(most))),
        ]
        .boxed();
    };
    let mixed = bps(10_000).prop_flat_map(move |bps| {
        let proportional = proportional(bps);
        let asked = specified::asked(whole.into(), proportional);
        let rest = u64::try_from(u128::from(whole) - asked).expect("a part of a whole");
        none_to(rest).prop_map(move |units| (exact(units), proportional))
    });
    prop_oneof![
        both,
        mixed.clone(),
        mixed.prop_map(|(exact, proportional)| (proportional, exact)),
        none_to(whole).prop_flat_map(move |referee| none_to(whole - referee)
            .prop_map(move |most| (exact(referee), exact(most)))),
    ]
    .boxed()
}

/// Distinct places for the bonuses, the last place among them.
pub(crate) fn bonus_bits() -> BoxedStrategy<[u8; 4]> {
    let places = proptest::collection::btree_set(0..32u8, 4);
    let any = places.prop_map(Vec::from_iter).prop_shuffle();
    prop_oneof![
        1 => Just([0, 1, 2, 3]),
        1 => Just([31, 30, 29, 28]),
        2 => any.prop_map(|places| std::array::from_fn(|i| places[i])),
    ]
    .boxed()
}

fn multiplier() -> BoxedStrategy<u32> {
    prop_oneof![
        1 => select(vec![10_001, 10_002, 12_500, 15_000, 20_000, 999_999, 1_000_000]),
        1 => 10_001..=1_000_000u32,
    ]
    .boxed()
}

/// Up to four ascending numbers from 1 on, some of them neighbours.
fn ascending() -> BoxedStrategy<Vec<u64>> {
    let near = proptest::collection::btree_set(1..12u64, 0..=4);
    let far = proptest::collection::btree_set(up_to(u64::MAX), 0..=4);
    prop_oneof![2 => near, 1 => far]
        .prop_map(|set| set.into_iter().collect())
        .boxed()
}

/// A rule that meets the specification, often only just.
pub(crate) fn rule() -> BoxedStrategy<RewardRule> {
    let tiers = (
        ascending(),
        [multiplier(), multiplier(), multiplier(), multiplier()],
    );
    let bonuses = (ascending(), [units(), units(), units(), units()]);
    (tiers, bonuses, bonus_bits(), any::<bool>(), bps(9_999))
        .prop_flat_map(|(tiers, bonuses, bonus_bits, fixed, percent)| {
            let tiers = std::array::from_fn(|i| match tiers.0.get(i) {
                Some(&min_conversions) => Tier {
                    min_conversions,
                    multiplier_bps: tiers.1[i],
                },
                None => Tier::default(),
            });
            // Each leaves one unit for each later one, and 100 for the best tier's 1.
            let mut left = u64::MAX;
            let bonuses = std::array::from_fn(|i| match bonuses.0.get(i) {
                Some(&threshold) => {
                    let amount = bonuses.1[i].clamp(1, left - (103 - i as u64));
                    left -= amount;
                    Bonus { threshold, amount }
                }
                None => Bonus::default(),
            });
            let best = tiers.iter().map(|tier| tier.multiplier_bps).max();
            let best = u128::from(best.unwrap_or(0).max(10_000));
            let kind = if fixed {
                // The largest that still fits: floor(units * best / 10,000) <= left.
                let most = ((u128::from(left) + 1) * 10_000 - 1) / best;
                up_to(u64::try_from(most).unwrap_or(u64::MAX))
                    .prop_map(RewardKind::Fixed)
                    .boxed()
            } else {
                up_to(left)
                    .prop_map(move |max| RewardKind::Percent {
                        bps: percent + 1,
                        max,
                    })
                    .boxed()
            };
            let shares = kind.prop_flat_map(|kind| (Just(kind), shares(kind)));
            shares.prop_map(move |(kind, (referee, max_partner))| RewardRule {
                kind,
                tiers,
                bonuses,
                bonus_bits,
                referee,
                max_partner,
            })
        })
        .boxed()
}

/// The share that was agreed with the partner, perhaps under another rule.
pub(crate) fn agreed(most: Share) -> BoxedStrategy<Share> {
    prop_oneof![
        1 => Just(Share::default()),
        2 => Just(most),
        2 => bps(10_000).prop_map(proportional),
        1 => any::<u16>().prop_map(proportional),
        2 => units().prop_map(exact),
        2 => none_to(most.fixed).prop_map(exact),
    ]
    .boxed()
}

/// A conversion, often near a boundary of the rule.
pub(crate) fn facts(rule: &RewardRule) -> BoxedStrategy<Facts> {
    let mut places: Vec<u64> = vec![0, 1, u64::MAX - 1, u64::MAX];
    for from in (rule.tiers.iter().map(|tier| tier.min_conversions))
        .chain(rule.bonuses.iter().map(|bonus| bonus.threshold))
    {
        // Conversion numbers one below, at and one above it.
        places.extend([from.saturating_sub(2), from.saturating_sub(1), from]);
    }
    let conversions = prop_oneof![3 => select(places), 1 => units()];
    let at_most = prop_oneof![1 => Just(u64::MAX), 1 => units()];
    let paid = prop_oneof![1 => Just(0), 2 => any::<u32>()];
    (
        units(),
        conversions,
        paid,
        agreed(rule.max_partner),
        at_most,
    )
        .prop_map(
            |(amount, conversions, bonuses_paid, partner, at_most)| Facts {
                amount,
                conversions,
                bonuses_paid,
                partner,
                at_most,
            },
        )
        .boxed()
}

// --- numbers so small that every case occurs -----------------------------------

/// Thresholds that a short sequence of conversions passes.
fn near() -> BoxedStrategy<Vec<u64>> {
    proptest::collection::btree_set(1..8u64, 0..=3)
        .prop_map(|set| set.into_iter().collect())
        .boxed()
}

fn small_share() -> BoxedStrategy<Share> {
    prop_oneof![
        1 => Just(Share::default()),
        1 => select(vec![1_000, 2_500, 3_333, 5_000, 9_999, 10_000]).prop_map(proportional),
        1 => (1..10_000u16).prop_map(proportional),
        2 => (1..40u64).prop_map(exact),
    ]
    .boxed()
}

/// A rule of small numbers that meets the specification.
pub(crate) fn small_rule() -> BoxedStrategy<RewardRule> {
    let kind = prop_oneof![
        1 => (1..60u64).prop_map(RewardKind::Fixed),
        1 => (
            prop_oneof![select(vec![500, 1_000, 5_000, 10_000]), 1..=10_000u16],
            1..120u64,
        )
            .prop_map(|(bps, max)| RewardKind::Percent { bps, max }),
    ];
    let multiplier = || select(vec![10_001u32, 12_000, 15_000, 20_000, 35_000]);
    let tiers = (near(), [multiplier(), multiplier(), multiplier()]);
    let bonuses = (near(), [1..50u64, 1..50u64, 1..50u64]);
    (kind, tiers, bonuses, small_share(), small_share())
        .prop_map(|(kind, tiers, bonuses, referee, max_partner)| RewardRule {
            kind,
            tiers: std::array::from_fn(|i| match tiers.0.get(i) {
                Some(&min_conversions) => Tier {
                    min_conversions,
                    multiplier_bps: tiers.1[i],
                },
                None => Tier::default(),
            }),
            bonuses: std::array::from_fn(|i| match bonuses.0.get(i) {
                Some(&threshold) => Bonus {
                    threshold,
                    amount: bonuses.1[i],
                },
                None => Bonus::default(),
            }),
            bonus_bits: [0, 1, 2, 3],
            referee,
            max_partner,
        })
        .prop_filter("shares do not fit", |rule| {
            specified::reasons(rule).is_empty()
        })
        .boxed()
}
