//! The reward rule over the whole range of its numbers, against a second
//! implementation that follows the specification in 128 bits: the sums of I4 in
//! docs/INVARIANTS.md rest on this.
//!
//! Cases are the same in every run. `PROPTEST_RNG_SEED` chooses others, and
//! `PROPTEST_CASES` more of them.

use proptest::{
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::{RngSeed, TestRng, TestRunner},
};
use vouch_rules::reward::{Bonus, Facts, InvalidRule, Reward, RewardKind, RewardRule, Tier, share};

/// 2^64, the first number of base units that does not fit.
const LIMIT: u128 = 1 << 64;

// --- the second implementation -------------------------------------------------

/// The specification, as it is written.
mod specified {
    use super::*;

    /// Basis points of `units`, rounded down.
    pub(super) fn part(units: u128, bps: u128) -> u128 {
        units * bps / 10_000
    }

    /// What a conversion earns.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Earned {
        /// What the three share: the whole without bonuses.
        pub(super) whole: u128,
        /// Sum of the bonuses.
        pub(super) bonus: u128,
        pub(super) referrer: u128,
        pub(super) referee: u128,
        pub(super) partner: u128,
        pub(super) bonuses: u8,
    }

    pub(super) fn earned(rule: &RewardRule, facts: &Facts) -> Earned {
        let ordinal = u128::from(facts.conversions) + 1;
        let reached = |from: u64| u128::from(from) <= ordinal;
        let multiplier = rule
            .tiers
            .iter()
            .filter(|tier| **tier != Tier::default() && reached(tier.min_conversions))
            .max_by_key(|tier| tier.min_conversions)
            .map_or(10_000, |tier| u128::from(tier.multiplier_bps));
        let whole = match rule.kind {
            RewardKind::Fixed(units) => part(units.into(), multiplier),
            RewardKind::Percent { bps, max } => {
                let base = part(facts.amount.into(), bps.into());
                part(base, multiplier).min(max.into())
            }
        };
        let whole = whole.min(facts.at_most.into());
        let share = facts.partner_share_bps.min(rule.max_partner_share_bps);
        let referee = part(whole, rule.referee_share_bps.into());
        let partner = part(whole, share.into());
        let (mut bonus, mut bonuses) = (0, 0);
        for (place, candidate) in rule.bonuses.iter().enumerate() {
            let bit = 1 << place;
            let used = *candidate != Bonus::default();
            if used && reached(candidate.threshold) && facts.bonuses_paid & bit == 0 {
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

    /// Every reason to refuse the rule; none when it is to be accepted.
    pub(super) fn reasons(rule: &RewardRule) -> Vec<InvalidRule> {
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
        if u32::from(rule.referee_share_bps) + u32::from(rule.max_partner_share_bps) > 10_000 {
            reasons.push(InvalidRule::Shares);
        }
        reasons
    }

    /// The largest reward for one conversion: with the best tier and all bonuses,
    /// which may fall due at once when they are new in the rule.
    pub(super) fn largest(rule: &RewardRule) -> u128 {
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

// --- numbers that tend to break things -------------------------------------------

/// Any 64 bits: edges, values of every size, and both mixed.
fn units() -> BoxedStrategy<u64> {
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
fn up_to(most: u64) -> BoxedStrategy<u64> {
    prop_oneof![
        1 => Just(1),
        1 => Just(most),
        2 => units().prop_map(move |units| units.clamp(1, most)),
        2 => units().prop_map(move |units| units % most + 1),
    ]
    .boxed()
}

/// Basis points from 0 to `most`.
fn bps(most: u16) -> BoxedStrategy<u16> {
    prop_oneof![
        1 => Just(0),
        1 => Just(most),
        1 => Just(most.min(1)),
        1 => Just(most.saturating_sub(1)),
        3 => 0..=most,
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
fn rule() -> BoxedStrategy<RewardRule> {
    let tiers = (
        ascending(),
        [multiplier(), multiplier(), multiplier(), multiplier()],
    );
    let bonuses = (ascending(), [units(), units(), units(), units()]);
    (tiers, bonuses, bps(10_000), any::<bool>(), bps(9_999))
        .prop_flat_map(|(tiers, bonuses, referee, fixed, percent)| {
            let tiers = std::array::from_fn(|i| match tiers.0.get(i) {
                Some(&min_conversions) => Tier {
                    min_conversions,
                    multiplier_bps: tiers.1[i],
                },
                None => Tier::default(),
            });
            // Each leaves one unit for each that is to come, and 100 for the best tier's 1.
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
            (kind, bps(10_000 - referee)).prop_map(move |(kind, partner)| RewardRule {
                kind,
                tiers,
                bonuses,
                referee_share_bps: referee,
                max_partner_share_bps: partner,
            })
        })
        .boxed()
}

/// A conversion, near the rule's boundaries as often as not.
fn facts(rule: &RewardRule) -> BoxedStrategy<Facts> {
    let mut places: Vec<u64> = vec![0, 1, u64::MAX - 1, u64::MAX];
    for from in (rule.tiers.iter().map(|tier| tier.min_conversions))
        .chain(rule.bonuses.iter().map(|bonus| bonus.threshold))
    {
        // Its ordinal is one below, at, and one above.
        places.extend([from.saturating_sub(2), from.saturating_sub(1), from]);
    }
    let conversions = prop_oneof![3 => select(places), 1 => units()];
    let partner = prop_oneof![3 => bps(10_000), 1 => any::<u16>()];
    let at_most = prop_oneof![1 => Just(u64::MAX), 1 => units()];
    (units(), conversions, any::<u8>(), partner, at_most)
        .prop_map(
            |(amount, conversions, bonuses_paid, partner_share_bps, at_most)| Facts {
                amount,
                conversions,
                bonuses_paid,
                partner_share_bps,
                at_most,
            },
        )
        .boxed()
}

fn rule_and_facts() -> BoxedStrategy<(RewardRule, Facts)> {
    rule()
        .prop_flat_map(|rule| (Just(rule), facts(&rule)))
        .boxed()
}

/// One thing about a rule that may be wrong.
fn damage() -> BoxedStrategy<Damage> {
    let small = prop_oneof![
        select(vec![0u32, 1, 9_999, 10_000, 10_001, 1_000_000, 1_000_001]),
        any::<u32>(),
    ];
    prop_oneof![
        units().prop_map(Damage::Reward),
        any::<u16>().prop_map(Damage::Rate),
        (any::<Index>(), units()).prop_map(|(at, n)| Damage::TierFrom(at, n)),
        (any::<Index>(), small).prop_map(|(at, n)| Damage::Multiplier(at, n)),
        (any::<Index>(), units()).prop_map(|(at, n)| Damage::BonusFrom(at, n)),
        (any::<Index>(), units()).prop_map(|(at, n)| Damage::BonusAmount(at, n)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Damage::SwapTiers(a, b)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Damage::SwapBonuses(a, b)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Damage::RepeatTier(a, b)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Damage::RepeatBonus(a, b)),
        prop_oneof![bps(10_001), any::<u16>()].prop_map(Damage::RefereeShare),
        prop_oneof![bps(10_001), any::<u16>()].prop_map(Damage::PartnerShare),
        (0..=2u16).prop_map(Damage::ShareSum),
    ]
    .boxed()
}

#[derive(Debug, Clone)]
enum Damage {
    Reward(u64),
    Rate(u16),
    TierFrom(Index, u64),
    Multiplier(Index, u32),
    BonusFrom(Index, u64),
    BonusAmount(Index, u64),
    SwapTiers(Index, Index),
    SwapBonuses(Index, Index),
    RepeatTier(Index, Index),
    RepeatBonus(Index, Index),
    RefereeShare(u16),
    PartnerShare(u16),
    ShareSum(u16),
}

impl Damage {
    fn apply(&self, rule: &mut RewardRule) {
        match self {
            Self::Reward(units) => match &mut rule.kind {
                RewardKind::Fixed(fixed) => *fixed = *units,
                RewardKind::Percent { max, .. } => *max = *units,
            },
            Self::Rate(rate) => {
                if let RewardKind::Percent { bps, .. } = &mut rule.kind {
                    *bps = *rate;
                }
            }
            Self::TierFrom(at, n) => rule.tiers[at.index(4)].min_conversions = *n,
            Self::Multiplier(at, n) => rule.tiers[at.index(4)].multiplier_bps = *n,
            Self::BonusFrom(at, n) => rule.bonuses[at.index(4)].threshold = *n,
            Self::BonusAmount(at, n) => rule.bonuses[at.index(4)].amount = *n,
            Self::SwapTiers(a, b) => rule.tiers.swap(a.index(4), b.index(4)),
            Self::SwapBonuses(a, b) => rule.bonuses.swap(a.index(4), b.index(4)),
            Self::RepeatTier(a, b) => {
                rule.tiers[a.index(4)].min_conversions = rule.tiers[b.index(4)].min_conversions;
            }
            Self::RepeatBonus(a, b) => {
                rule.bonuses[a.index(4)].threshold = rule.bonuses[b.index(4)].threshold;
            }
            Self::RefereeShare(bps) => rule.referee_share_bps = *bps,
            Self::PartnerShare(bps) => rule.max_partner_share_bps = *bps,
            Self::ShareSum(over) => {
                let referee = rule.referee_share_bps.min(9_999);
                rule.referee_share_bps = referee;
                rule.max_partner_share_bps = 9_999 - referee + over;
            }
        }
    }
}

/// Any rule: sound, damaged in one to three places, or of random numbers.
fn any_rule() -> BoxedStrategy<RewardRule> {
    let damaged = (rule(), proptest::collection::vec(damage(), 1..=3)).prop_map(|(rule, all)| {
        let mut rule = rule;
        all.iter().for_each(|damage| damage.apply(&mut rule));
        rule
    });
    let kind = prop_oneof![
        units().prop_map(RewardKind::Fixed),
        (any::<u16>(), units()).prop_map(|(bps, max)| RewardKind::Percent { bps, max }),
    ];
    let tier = (units(), any::<u32>()).prop_map(|(min_conversions, multiplier_bps)| Tier {
        min_conversions,
        multiplier_bps,
    });
    let bonus = (units(), units()).prop_map(|(threshold, amount)| Bonus { threshold, amount });
    let tiers = [tier.clone(), tier.clone(), tier.clone(), tier];
    let bonuses = [bonus.clone(), bonus.clone(), bonus.clone(), bonus];
    let random = (kind, tiers, bonuses, any::<u16>(), any::<u16>()).prop_map(
        |(kind, tiers, bonuses, referee_share_bps, max_partner_share_bps)| RewardRule {
            kind,
            tiers,
            bonuses,
            referee_share_bps,
            max_partner_share_bps,
        },
    );
    prop_oneof![1 => rule(), 4 => damaged, 1 => random].boxed()
}

fn cases(cases: u32) -> ProptestConfig {
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

fn wide(reward: &Reward) -> [u128; 3] {
    [reward.referrer, reward.referee, reward.partner].map(u128::from)
}

// --- the properties -------------------------------------------------------------

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn a_share_is_the_exact_floor_or_does_not_fit(amount in units(), bps in any::<u32>(), by in 0..32u32) {
        // Given any amount and rates of every size
        let bps = bps >> by;

        // When the share is computed, then it is the exact one, and absent above 64 bits
        let exact = specified::part(amount.into(), bps.into());
        prop_assert_eq!(share(amount, bps).map(u128::from), Some(exact).filter(|e| *e < LIMIT));
    }

    #[test]
    fn a_reward_is_what_is_specified((rule, facts) in rule_and_facts()) {
        // Given a rule that is accepted
        prop_assert_eq!(rule.check(), Ok(()));

        // When a conversion is rewarded
        let reward = rule.reward(&facts);

        // Then each part is the exact one: nothing saturated, nothing overflowed
        let exact = specified::earned(&rule, &facts);
        prop_assert_eq!(wide(&reward), [exact.referrer, exact.referee, exact.partner]);
        prop_assert_eq!(reward.bonuses, exact.bonuses);
    }

    #[test]
    fn the_parts_are_the_whole_and_never_more_than_allowed((rule, facts) in rule_and_facts()) {
        let reward = rule.reward(&facts);
        let exact = specified::earned(&rule, &facts);

        // Then the parts sum to the whole, with no unit lost or made
        prop_assert_eq!(wide(&reward).iter().sum::<u128>(), exact.whole + exact.bonus);
        prop_assert_eq!(u128::from(reward.total()), exact.whole + exact.bonus);

        // And what is shared is within the rule's maximum and what there is
        prop_assert!(exact.whole <= u128::from(facts.at_most));
        if let RewardKind::Percent { max, .. } = rule.kind {
            prop_assert!(exact.whole <= u128::from(max));
        }
        prop_assert!(u128::from(reward.total()) <= specified::largest(&rule));

        // And neither of the others gets more than its share, or a bonus
        let most = |bps: u16| exact.whole * u128::from(bps);
        prop_assert!(u128::from(reward.referee) * 10_000 <= most(rule.referee_share_bps));
        prop_assert!(u128::from(reward.partner) * 10_000 <= most(rule.max_partner_share_bps));
        prop_assert!(u128::from(reward.partner) * 10_000 <= most(facts.partner_share_bps));
    }

    #[test]
    fn a_larger_amount_never_earns_less((rule, facts) in rule_and_facts(), more in units()) {
        // Given the same conversion, once with a larger amount
        let amount = facts.amount.saturating_add(more);
        let (less, more) = (rule.reward(&facts), rule.reward(&Facts { amount, ..facts }));

        // Then the whole, the referee's and the partner's part are no smaller, and the
        // bonuses are the same
        prop_assert!(more.total() >= less.total());
        prop_assert!(more.referee >= less.referee);
        prop_assert!(more.partner >= less.partner);
        prop_assert_eq!(more.bonuses, less.bonuses);

        // And the referrer, who gets the rest, loses at most the unit that both others
        // stop being rounded down by
        prop_assert!(u128::from(more.referrer) + 1 >= u128::from(less.referrer));
    }

    #[test]
    fn what_a_fixed_rule_pays_does_not_depend_on_the_amount(
        (rule, facts) in rule_and_facts(),
        amount in units(),
    ) {
        let other = rule.reward(&Facts { amount, ..facts });
        if let RewardKind::Fixed(_) = rule.kind {
            prop_assert_eq!(rule.reward(&facts), other);
        }
    }

    #[test]
    fn a_tier_counts_from_its_ordinal_on((rule, facts) in rule_and_facts()) {
        for (place, tier) in rule.tiers.iter().enumerate() {
            if *tier == Tier::default() {
                continue;
            }
            // Given a rule with this tier alone, and one with those before it alone
            let mut alone = rule;
            alone.tiers = [Tier { min_conversions: 1, ..*tier }, Tier::default(), Tier::default(), Tier::default()];
            let mut before = rule;
            before.tiers[place..].fill(Tier::default());
            let mut until = rule;
            until.tiers[place + 1..].fill(Tier::default());

            // When the conversion is the one before the tier's first, that one, the next
            let at = |n: u64| Facts { conversions: n, ..facts };
            let first = tier.min_conversions - 1;
            if let Some(previous) = first.checked_sub(1) {
                // Then the one before earns as if the tier was not there
                prop_assert_eq!(until.reward(&at(previous)), before.reward(&at(previous)));
            }
            for n in [first, tier.min_conversions] {
                // And from the first on it alone counts
                prop_assert_eq!(until.reward(&at(n)), alone.reward(&at(n)));
            }
        }
    }

    #[test]
    fn a_rule_is_refused_for_what_is_wrong_with_it(rule in any_rule()) {
        // Given any rule, when it is checked
        let answer = rule.check();

        // Then it is refused exactly when something is wrong, and for that
        let reasons = specified::reasons(&rule);
        match answer {
            Ok(()) => prop_assert_eq!(reasons, []),
            Err(reason) => prop_assert!(reasons.contains(&reason), "{:?}, not {:?}", reason, reasons),
        }
    }

    #[test]
    fn no_rule_makes_the_program_stop(rule in any_rule(), facts in rule_and_facts()) {
        // Given a rule that may never have been checked: no panic, and no part above
        // what there is to share out
        let reward = rule.reward(&facts.1);
        prop_assert!(reward.bonuses != 0 || reward.referrer <= facts.1.at_most);
    }
}

/// What can happen to a referral.
#[derive(Debug, Clone)]
enum Step {
    Convert {
        amount: u64,
        partner_share_bps: u16,
    },
    /// One that still counts is cancelled.
    Cancel(Index),
    /// The campaign's authority changes the rule.
    Change(Box<RewardRule>),
}

fn step() -> BoxedStrategy<Step> {
    prop_oneof![
        8 => (units(), bps(10_000)).prop_map(|(amount, partner_share_bps)| Step::Convert { amount, partner_share_bps }),
        2 => any::<Index>().prop_map(Step::Cancel),
        1 => rule().prop_map(|rule| Step::Change(Box::new(rule))),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn a_bonus_is_paid_once_and_when_it_is_due(
        first in rule(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        // Given a referral, and a campaign whose rule may change
        let mut rule = first;
        let mut bonuses_paid: u8 = 0;
        let mut counted: Vec<Reward> = Vec::new();
        for step in steps {
            match step {
                Step::Change(new) => rule = *new,
                Step::Cancel(_) if counted.is_empty() => {}
                Step::Cancel(at) => {
                    // When a conversion is cancelled, its bonuses are to be had again
                    let cancelled = counted.swap_remove(at.index(counted.len()));
                    bonuses_paid &= !cancelled.bonuses;
                }
                Step::Convert { amount, partner_share_bps } => {
                    let conversions = counted.len() as u64;
                    let reward = rule.reward(&Facts {
                        amount,
                        conversions,
                        bonuses_paid,
                        partner_share_bps,
                        at_most: u64::MAX,
                    });

                    // Then none is paid that was paid before
                    prop_assert_eq!(bonuses_paid & reward.bonuses, 0);
                    bonuses_paid |= reward.bonuses;
                    counted.push(reward);

                    for (place, bonus) in rule.bonuses.iter().enumerate() {
                        // And none that is due is left out, none that is not is paid
                        let bit = 1 << place;
                        let used = *bonus != Bonus::default();
                        if used && bonus.threshold <= conversions + 1 {
                            prop_assert!(bonuses_paid & bit != 0);
                        } else {
                            prop_assert_eq!(reward.bonuses & bit, 0);
                        }
                    }
                }
            }
            // And each that was paid belongs to exactly one conversion that counts
            for place in 0..8 {
                let holders = counted.iter().filter(|c| c.bonuses & (1 << place) != 0).count();
                prop_assert_eq!(holders, usize::from(bonuses_paid >> place & 1));
            }
        }
    }

    #[test]
    fn one_reason_alone_is_named(rule in rule(), damage in damage()) {
        // Given a sound rule with one thing changed
        let mut damaged = rule;
        damage.apply(&mut damaged);

        // When nothing else is wrong, then the answer is exact
        let reasons = specified::reasons(&damaged);
        if reasons.len() < 2 {
            prop_assert_eq!(damaged.check().err(), reasons.first().copied());
        }
    }
}

#[test]
fn the_generators_reach_every_answer() {
    // Given a few thousand of the rules that the properties above are tried on
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    );
    let mut accepted = 0;
    let mut alone = [0; 4];
    let (mut limit, mut fixed) = (0, 0);
    for _ in 0..4_000 {
        let rule = any_rule().new_tree(&mut runner).expect("a rule").current();
        match specified::reasons(&rule)[..] {
            [] => {
                accepted += 1;
                fixed += u32::from(matches!(rule.kind, RewardKind::Fixed(_)));
                limit += u32::from(specified::largest(&rule) == LIMIT - 1);
            }
            [InvalidRule::Reward] => alone[0] += 1,
            [InvalidRule::Tiers] => alone[1] += 1,
            [InvalidRule::Bonuses] => alone[2] += 1,
            [InvalidRule::Shares] => alone[3] += 1,
            _ => {}
        }
    }

    // Then each answer is frequent, and so are rules at the limit of 64 bits
    for (count, least) in [
        (accepted, 800),
        (fixed, 300),
        (limit, 20),
        (alone[0], 40),
        (alone[1], 200),
        (alone[2], 200),
        (alone[3], 100),
    ] {
        assert!(count >= least, "{accepted} {fixed} {limit} {alone:?}");
    }
}
