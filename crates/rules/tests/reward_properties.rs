//! The reward rule over the whole range of its numbers, compared with a second
//! implementation that follows the specification in 128 bits: I13, I14 and I23 of
//! docs/INVARIANTS.md. The sums of I4 rely on this.
//!
//! Cases are the same in every run. `PROPTEST_RNG_SEED` chooses others, and
//! `PROPTEST_CASES` more of them.

mod support;

use proptest::{
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::{TestRng, TestRunner},
};
use vouch_rules::promise::Promise;
use vouch_rules::reward::{
    Bonus, Facts, InvalidRule, Reward, RewardKind, RewardRule, Share, Tier, bonuses_within, share,
};

use support::{
    LIMIT, agreed, bps, cases, exact, facts, proportional, rule, small_rule, specified, units,
};

fn rule_and_facts() -> BoxedStrategy<(RewardRule, Facts)> {
    rule()
        .prop_flat_map(|rule| (Just(rule), facts(&rule)))
        .boxed()
}

/// A defect of a rule.
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
        units().prop_map(Damage::RefereeFixed),
        units().prop_map(Damage::PartnerFixed),
        (0..=2u16).prop_map(Damage::ShareSum),
        (0..=2u64).prop_map(Damage::FixedSum),
        (any::<bool>(), bps(9_999), 0..=2u64)
            .prop_map(|(swap, bps, over)| Damage::MixedSum(swap, bps, over)),
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
    RefereeFixed(u64),
    PartnerFixed(u64),
    /// Two shares that are one basis point below the whole, the whole, or one above.
    ShareSum(u16),
    /// Two parts that are one base unit below a fixed reward, all of it, or one above.
    FixedSum(u64),
    /// Like `FixedSum`, with one part in base units and one in basis points.
    MixedSum(bool, u16, u64),
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
            Self::RefereeShare(bps) => rule.referee.bps = *bps,
            Self::PartnerShare(bps) => rule.max_partner.bps = *bps,
            Self::RefereeFixed(units) => rule.referee.fixed = *units,
            Self::PartnerFixed(units) => rule.max_partner.fixed = *units,
            Self::ShareSum(over) => {
                let referee = rule.referee.bps.min(9_999);
                rule.referee = proportional(referee);
                rule.max_partner = proportional(9_999 - referee + over);
            }
            Self::FixedSum(over) => {
                if let RewardKind::Fixed(units) = rule.kind {
                    let half = units / 2;
                    rule.referee = exact(half);
                    rule.max_partner =
                        exact((units - half).saturating_sub(1).saturating_add(*over));
                }
            }
            Self::MixedSum(swap, bps, over) => {
                if let RewardKind::Fixed(units) = rule.kind {
                    let asked = specified::part(units.into(), (*bps).into());
                    let rest = u128::from(units) - asked + u128::from(*over);
                    let rest = u64::try_from(rest.saturating_sub(1)).unwrap_or(u64::MAX);
                    (rule.referee, rule.max_partner) = (exact(rest), proportional(*bps));
                    if *swap {
                        std::mem::swap(&mut rule.referee, &mut rule.max_partner);
                    }
                }
            }
        }
    }
}

/// Any rule: valid, damaged in one to three places, or of random numbers.
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
    let share = || (any::<u16>(), units()).prop_map(|(bps, fixed)| Share { bps, fixed });
    let random = (kind, tiers, bonuses, any::<[u8; 4]>(), share(), share()).prop_map(
        |(kind, tiers, bonuses, bonus_bits, referee, max_partner)| RewardRule {
            kind,
            tiers,
            bonuses,
            bonus_bits,
            referee,
            max_partner,
        },
    );
    prop_oneof![1 => rule(), 4 => damaged, 1 => random].boxed()
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

        // When the share is computed, then it is exact, and `None` above 64 bits
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

        // And the shared part is within the rule's maximum and the limit
        prop_assert!(exact.whole <= u128::from(facts.at_most));
        if let RewardKind::Percent { max, .. } = rule.kind {
            prop_assert!(exact.whole <= u128::from(max));
        }
        prop_assert!(u128::from(reward.total()) <= specified::largest(&rule));

        // And referee and partner get at most their share, and no bonus
        let within = |units: u64, most: Share| u128::from(units) * 10_000 <= match most {
            Share { bps, fixed: 0 } => exact.whole * u128::from(bps),
            Share { fixed, .. } => u128::from(fixed) * 10_000,
        };
        prop_assert!(within(reward.referee, rule.referee));
        prop_assert!(within(reward.partner, rule.max_partner));
        prop_assert!(within(reward.partner, facts.partner));
    }

    #[test]
    fn base_units_of_a_fixed_reward_are_exact_in_every_tier((rule, facts) in rule_and_facts()) {
        // Given a fixed reward without a limit
        let reward = rule.reward(&Facts { at_most: u64::MAX, ..facts });
        if matches!(rule.kind, RewardKind::Fixed(_)) {
            // Then a part in base units is that many units, at every number of
            // conversions
            if rule.referee.fixed != 0 {
                prop_assert_eq!(reward.referee, rule.referee.fixed);
            }
            if rule.max_partner.fixed != 0 {
                let most = facts.partner.fixed.min(rule.max_partner.fixed);
                prop_assert_eq!(reward.partner, most);
            }
        }
    }

    #[test]
    fn a_plain_reward_is_the_fixed_one_of_the_referrer((rule, facts) in rule_and_facts(), fixed in units()) {
        // Given a rule that the program calls plain: a fixed reward, without a first tier, a
        // first bonus, a part of the referee or a partner. With any other settings it is accepted
        let mut rule = RewardRule { kind: RewardKind::Fixed(fixed), referee: Share::default(), ..rule };
        rule.tiers[0] = Tier::default();
        rule.bonuses[0] = Bonus::default();
        if rule.check().is_ok() {
            // When a conversion is rewarded without a limit
            let facts = Facts { partner: Share::default(), at_most: u64::MAX, ..facts };
            let reward = rule.reward(&facts);

            // Then the referrer gets the fixed reward, and nobody anything else
            prop_assert_eq!(reward, Reward { referrer: fixed, ..Reward::default() });
        }
    }

    #[test]
    fn base_units_of_a_percentage_go_to_the_referee_first((rule, facts) in rule_and_facts()) {
        // Given a part in base units, which may exceed the reward
        let reward = rule.reward(&facts);
        let whole = specified::earned(&rule, &facts).whole;
        if rule.referee.fixed != 0 && whole <= u128::from(rule.referee.fixed) {
            // Then the referee gets the whole reward, and the referrer only bonuses
            prop_assert_eq!(u128::from(reward.referee), whole);
            prop_assert_eq!(reward.partner, 0);
            prop_assert_eq!(u128::from(reward.total()) - whole, u128::from(reward.referrer));
        }
    }

    #[test]
    fn a_reward_of_nothing_has_no_bonus((rule, facts) in rule_and_facts(), dust in 0..20u64) {
        // Given conversions that earn nothing, because there is nothing to share out or
        // the amount is too small (I23)
        for facts in [Facts { at_most: 0, ..facts }, Facts { amount: dust, ..facts }] {
            if specified::earned(&rule, &facts).whole == 0 {
                // Then nobody gets anything
                prop_assert_eq!(rule.reward(&facts), Reward::default());
            }
        }
    }

    #[test]
    fn a_larger_amount_never_earns_less((rule, facts) in rule_and_facts(), more in units()) {
        // Given the same conversion, once with a larger amount
        let amount = facts.amount.saturating_add(more);
        let (less, more) = (rule.reward(&facts), rule.reward(&Facts { amount, ..facts }));

        // Then the whole, the referee's and the partner's part are no smaller, and the
        // bonuses are the same, unless the smaller amount earns nothing
        prop_assert!(more.total() >= less.total());
        prop_assert!(more.referee >= less.referee);
        prop_assert!(more.partner >= less.partner);
        prop_assert!(less == Reward::default() || more.bonuses == less.bonuses);

        // And the referrer, who gets the rest, loses at most the one unit that both
        // others' rounding had left
        let both = rule.referee.bps != 0 && facts.partner.bps.min(rule.max_partner.bps) != 0;
        let rounding = u128::from(both);
        prop_assert!(u128::from(more.referrer) + rounding >= u128::from(less.referrer));
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
            // Given a rule with this tier alone, and a rule with the earlier tiers alone
            let mut alone = rule;
            alone.tiers = [Tier { min_conversions: 1, ..*tier }, Tier::default(), Tier::default(), Tier::default()];
            let mut before = rule;
            before.tiers[place..].fill(Tier::default());
            let mut until = rule;
            until.tiers[place + 1..].fill(Tier::default());

            // When the conversion is the last before the tier, its first, or the next
            let at = |n: u64| Facts { conversions: n, ..facts };
            let first = tier.min_conversions - 1;
            if let Some(previous) = first.checked_sub(1) {
                // Then the one before earns as if the tier did not exist
                prop_assert_eq!(until.reward(&at(previous)), before.reward(&at(previous)));
            }
            for n in [first, tier.min_conversions] {
                // And from the first on, the tier alone counts
                prop_assert_eq!(until.reward(&at(n)), alone.reward(&at(n)));
            }
        }
    }

    #[test]
    fn a_rule_is_refused_for_what_is_wrong_with_it(rule in any_rule()) {
        // Given any rule, when it is checked
        let answer = rule.check();

        // Then it is refused if and only if something is wrong, and for a correct reason
        let reasons = specified::reasons(&rule);
        match answer {
            Ok(()) => prop_assert_eq!(reasons, []),
            Err(reason) => prop_assert!(reasons.contains(&reason), "{:?}, not {:?}", reason, reasons),
        }
    }
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn no_rule_makes_the_program_stop(
        rule in any_rule(),
        other in any_rule(),
        facts in rule_and_facts(),
        agreed in (any::<u16>(), units()),
        min_amount in units(),
    ) {
        // Given rules that were never checked, and shares that nobody can agree: no
        // panic, and no part exceeds the limit
        let (bps, fixed) = agreed;
        for facts in [facts.1, Facts { partner: Share { bps, fixed }, ..facts.1 }] {
            let reward = rule.reward(&facts);
            prop_assert!(reward.bonuses != 0 || reward.referrer <= facts.at_most);
            prop_assert!(reward.partner <= facts.at_most);
        }
        // And every other function returns
        if let Ok(margin) = rule.margin(min_amount) {
            prop_assert!(margin <= min_amount);
            let _ = bonuses_within(&rule.bonuses, margin);
        }
        let _ = bonuses_within(&rule.bonuses, min_amount);
        let _ = promise(rule).cuts(&promise(other), 0);
    }

    #[test]
    fn nothing_of_a_rule_is_a_cut_of_itself(rule in rule()) {
        prop_assert!(!promise(rule).cuts(&promise(rule), 0));
    }
}

fn promise(rule: RewardRule) -> Promise {
    Promise {
        rule,
        min_amount: 0,
        hold_seconds: 0,
        attribution_window: 0,
        starts_at: 0,
        ends_at: 0,
        owner_limit: 0,
        gate: [[0; 32]; 2],
    }
}

/// An event in the life of a referral.
#[derive(Debug, Clone)]
enum Step {
    Convert {
        amount: u64,
        partner: Share,
    },
    /// A conversion that still counts is cancelled.
    Cancel(Index),
    /// The campaign's authority changes the rule.
    Change(Box<RewardRule>),
}

fn step() -> BoxedStrategy<Step> {
    let rules = prop_oneof![1 => rule(), 2 => small_rule()];
    prop_oneof![
        8 => (units(), agreed(Share::default())).prop_map(|(amount, partner)| Step::Convert { amount, partner }),
        2 => any::<Index>().prop_map(Step::Cancel),
        2 => rules.prop_map(|rule| Step::Change(Box::new(rule))),
    ]
    .boxed()
}

/// The bonuses of `rule`, unused ones left out.
fn offered(rule: &RewardRule) -> impl Iterator<Item = Bonus> + '_ {
    let used = |bonus: &&Bonus| **bonus != Bonus::default();
    rule.bonuses.iter().filter(used).copied()
}

/// Gives each bonus of `rule` its place in `register`. Returns false when it is full.
fn enter(register: &mut Vec<Bonus>, rule: &mut RewardRule) -> bool {
    for place in 0..4 {
        let bonus = rule.bonuses[place];
        let known = register.iter().position(|known| *known == bonus);
        let bit = known.unwrap_or_else(|| {
            register.push(bonus);
            register.len() - 1
        });
        rule.bonus_bits[place] = u8::try_from(bit).expect("a short register");
    }
    register.len() <= 32
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn a_bonus_is_paid_once_and_when_it_is_due(
        first in small_rule(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        // Given a referral, a campaign whose rule may change, and the register of all its
        // bonuses (I23)
        let mut rule = first;
        let mut register = Vec::new();
        prop_assert!(enter(&mut register, &mut rule));
        let mut bonuses_paid: u32 = 0;
        let mut counted: Vec<(Reward, Vec<Bonus>)> = Vec::new();
        for step in steps {
            match step {
                Step::Change(mut new) => {
                    let mut longer = register.clone();
                    if enter(&mut longer, &mut new) {
                        (register, rule) = (longer, *new);
                    }
                }
                Step::Cancel(_) if counted.is_empty() => {}
                Step::Cancel(at) => {
                    // When a conversion is cancelled, its bonuses can be earned again
                    let (cancelled, _) = counted.swap_remove(at.index(counted.len()));
                    bonuses_paid &= !cancelled.bonuses;
                }
                Step::Convert { amount, partner } => {
                    let conversions = counted.len() as u64;
                    let reward = rule.reward(&Facts {
                        amount,
                        conversions,
                        bonuses_paid,
                        partner,
                        at_most: u64::MAX,
                    });
                    if reward == Reward::default() {
                        // It counts for nothing.
                        continue;
                    }

                    // Then exactly the bonuses that are due and were not paid are paid
                    let was_paid = |bonus: &Bonus| counted.iter().any(|(_, paid)| paid.contains(bonus));
                    let due: Vec<Bonus> = offered(&rule)
                        .filter(|bonus| bonus.threshold <= conversions + 1 && !was_paid(bonus))
                        .collect();
                    let paid: Vec<Bonus> = register.iter().enumerate()
                        .filter(|(place, _)| reward.bonuses >> place & 1 == 1)
                        .map(|(_, bonus)| *bonus)
                        .collect();
                    let sum = |bonuses: &[Bonus]| bonuses.iter().map(|b| u128::from(b.amount)).sum::<u128>();
                    prop_assert!(paid.len() == due.len() && due.iter().all(|bonus| paid.contains(bonus)));
                    prop_assert!(u128::from(reward.referrer) >= sum(&due));
                    prop_assert_eq!(bonuses_paid & reward.bonuses, 0);
                    bonuses_paid |= reward.bonuses;
                    counted.push((reward, due));
                }
            }
            // And each paid bonus belongs to exactly one conversion that counts
            for place in 0..32 {
                let holders = counted.iter().filter(|(c, _)| c.bonuses >> place & 1 == 1).count();
                prop_assert_eq!(holders, usize::from(bonuses_paid >> place & 1 == 1));
            }
        }
    }

    #[test]
    fn one_reason_alone_is_named(rule in rule(), damage in damage()) {
        // Given a sound rule with one thing changed
        let mut damaged = rule;
        damage.apply(&mut damaged);

        // When nothing else is wrong, then exactly that reason is returned
        let reasons = specified::reasons(&damaged);
        if reasons.len() < 2 {
            prop_assert_eq!(damaged.check().err(), reasons.first().copied());
        }
    }
}

#[test]
fn the_generators_reach_every_answer() {
    // Given a few thousand rules from the generator of the properties above
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    );
    let mut accepted = 0;
    let mut alone = [0; 4];
    let (mut limit, mut fixed, mut mixed, mut full) = (0, 0, 0, 0);
    for _ in 0..4_000 {
        let rule = any_rule().new_tree(&mut runner).expect("a rule").current();
        match specified::reasons(&rule)[..] {
            [] => {
                accepted += 1;
                fixed += u32::from(matches!(rule.kind, RewardKind::Fixed(_)));
                limit += u32::from(specified::largest(&rule) == LIMIT - 1);
                let (referee, partner) = (rule.referee, rule.max_partner);
                mixed += u32::from(referee.fixed != 0 && partner.bps != 0);
                mixed += u32::from(referee.bps != 0 && partner.fixed != 0);
                if let RewardKind::Fixed(units) = rule.kind {
                    let whole = u128::from(units);
                    let asked = specified::asked(whole, referee) + specified::asked(whole, partner);
                    let exact = referee.fixed != 0 || partner.fixed != 0;
                    full += u32::from(exact && asked == whole);
                }
            }
            [InvalidRule::Reward] => alone[0] += 1,
            [InvalidRule::Tiers] => alone[1] += 1,
            [InvalidRule::Bonuses] => alone[2] += 1,
            [InvalidRule::Shares] => alone[3] += 1,
            _ => {}
        }
    }

    // Then each answer is frequent, and so are rules at the limit of 64 bits, and fixed
    // rewards without a unit for the referrer
    for (count, least) in [
        (accepted, 800),
        (fixed, 300),
        (limit, 20),
        (mixed, 100),
        (full, 50),
        (alone[0], 40),
        (alone[1], 200),
        (alone[2], 200),
        (alone[3], 100),
    ] {
        assert!(
            count >= least,
            "{accepted} {fixed} {limit} {mixed} {full} {alone:?}"
        );
    }
}
