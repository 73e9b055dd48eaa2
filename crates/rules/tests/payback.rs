//! Nobody gets more back than was paid, if rewards are in the token that buyers pay with:
//! I24 of docs/INVARIANTS.md. Naive buyers test the promise of `margin` and
//! `bonuses_within`; rewards are those of the specification.

mod support;

use proptest::{
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
};
use vouch_rules::reward::{Bonus, Facts, RewardKind, RewardRule, Tier, bonuses_within};

use support::{agreed, cases, none_to, rule, small_rule, specified, units};

/// A code whose owner also buys with it.
#[derive(Default, Clone)]
struct Code {
    conversions: u64,
    bonuses: Vec<Bonus>,
    paid: u128,
    returned: u128,
}

impl Code {
    /// Buys for `amount`. The buyer's friends get all three parts of the reward.
    fn buy(&mut self, rule: &RewardRule, facts: &Facts) {
        let reward = specified::earned(
            rule,
            &Facts {
                conversions: self.conversions,
                bonuses_paid: 0,
                ..*facts
            },
        );
        self.paid += u128::from(facts.amount);
        if reward.whole == 0 {
            return;
        }
        self.conversions += 1;
        self.returned += reward.whole;
        // Pay each bonus once, under any bit that the rule gives it.
        for bonus in rule.bonuses {
            let due = bonus.amount != 0 && bonus.threshold <= self.conversions;
            if due && !self.bonuses.contains(&bonus) {
                self.bonuses.push(bonus);
                self.returned += u128::from(bonus.amount);
            }
        }
    }
}

/// Whether the rule may be stored, if purchases are at least `min_amount`.
fn accepted(rule: &RewardRule, min_amount: u64) -> bool {
    let within = |margin| bonuses_within(&rule.bonuses, margin);
    rule.margin(min_amount).is_ok_and(within)
}

/// A purchase: the code, and the amount above the least one.
fn purchase() -> BoxedStrategy<(Index, u64)> {
    let more = prop_oneof![3 => Just(0), 2 => 0..30u64, 1 => units()];
    (any::<Index>(), more).boxed()
}

fn facts(amount: u64) -> Facts {
    Facts {
        amount,
        conversions: 0,
        bonuses_paid: 0,
        partner: Default::default(),
        at_most: u64::MAX,
    }
}

/// Rules with a least amount that is just enough for storing them, or nearly.
fn rule_and_least() -> BoxedStrategy<(RewardRule, u64)> {
    let small = (small_rule(), 0..250u64);
    let any = rule().prop_flat_map(|rule| {
        // A fixed reward with its tier, plus the amount that the bonuses need.
        let best = specified::largest(&rule).min(u128::from(u64::MAX));
        let least = u64::try_from(best).expect("64 bits");
        let more = prop_oneof![
            none_to(u64::MAX - least).prop_map(move |more| least + more),
            units()
        ];
        (Just(rule), more)
    });
    prop_oneof![3 => small, 1 => any].boxed()
}

proptest! {
    #![proptest_config(cases(6_000))]

    #[test]
    fn nobody_gets_back_more_than_was_paid(
        (rule, least) in rule_and_least(),
        codes in 1..4usize,
        purchases in proptest::collection::vec(purchase(), 1..30),
    ) {
        // Given a rule that may be stored, and codes without conversions
        if !accepted(&rule, least) {
            return Ok(());
        }
        let mut codes = vec![Code::default(); codes];
        for (code, more) in purchases {
            // When somebody buys for the least amount or more, with any of the codes
            let place = code.index(codes.len());
            codes[place].buy(&rule, &facts(least.saturating_add(more)));

            // Then no code has returned more than it cost
            for code in &codes {
                prop_assert!(code.returned <= code.paid);
            }
        }
    }

    #[test]
    fn nobody_gains_by_a_change_that_leaves_less(
        rules in proptest::collection::vec((small_rule(), 0..250u64), 2..5),
        purchases in proptest::collection::vec((any::<Index>(), purchase()), 1..30),
    ) {
        // Given successive settings whose bonuses, all together, stay within the least
        // margin of all settings so far
        let mut offered: Vec<Bonus> = Vec::new();
        let mut least = u64::MAX;
        let mut stored = Vec::new();
        for (rule, min_amount) in rules {
            let Ok(margin) = rule.margin(min_amount) else { continue };
            let mut all = offered.clone();
            all.extend(rule.bonuses);
            if bonuses_within(&all, margin.min(least)) {
                (offered, least) = (all, margin.min(least));
                stored.push((rule, min_amount));
            }
        }
        if stored.is_empty() {
            return Ok(());
        }
        let mut code = Code::default();
        let mut at: Vec<usize> = purchases.iter().map(|(at, _)| at.index(stored.len())).collect();
        at.sort_unstable();
        for (at, (_, (_, more))) in at.into_iter().zip(purchases) {
            // When somebody buys under any of them
            let (rule, least) = &stored[at];
            code.buy(rule, &facts(least.saturating_add(more)));

            // Then the code never returned more than it cost
            prop_assert!(code.returned <= code.paid);
        }
    }

    #[test]
    fn one_unit_more_in_bonuses_is_a_gain(
        rule in small_rule(),
        best in prop_oneof![Just(0), select(vec![10_001u32, 15_000, 1_000_000])],
        left in 1..40u64,
    ) {
        // Given a fixed reward, the same for all conversions of a code
        let RewardKind::Fixed(units) = rule.kind else { return Ok(()) };
        let mut rule = rule;
        rule.tiers = [Tier::default(); 4];
        if best != 0 {
            rule.tiers[0] = Tier { min_conversions: 1, multiplier_bps: best };
        }
        let most = specified::part(units.into(), best.max(10_000).into());
        let least = u64::try_from(most).expect("small") + left;

        // And bonuses that take exactly what is left up to the last threshold, and no
        // more before it
        let used = rule.bonuses.iter().filter(|bonus| bonus.amount != 0).count();
        let Some(last) = used.checked_sub(1) else { return Ok(()) };
        let mut sum = 0;
        for place in 0..used {
            let all = rule.bonuses[place].threshold * left;
            let amount = if place == last { all - sum } else { rule.bonuses[place].amount.min(all - sum) };
            rule.bonuses[place].amount = amount;
            sum += amount;
            if amount == 0 {
                return Ok(());
            }
        }
        let buy_all = |rule: &RewardRule| {
            let mut code = Code::default();
            for _ in 0..rule.bonuses[last].threshold {
                code.buy(rule, &facts(least));
            }
            code
        };

        // Then the rule may be stored, and the cheapest purchases up to there cost
        // nothing in total
        prop_assert!(accepted(&rule, least));
        let code = buy_all(&rule);
        prop_assert_eq!(code.returned, code.paid);

        // And with one unit more it may not, because the buyer would gain that unit
        rule.bonuses[last].amount += 1;
        prop_assert!(!accepted(&rule, least));
        let code = buy_all(&rule);
        prop_assert_eq!(code.returned, code.paid + 1);
    }

    #[test]
    fn one_unit_less_to_pay_is_a_gain(rule in small_rule()) {
        // Given a fixed reward without bonuses, and purchases that cost one unit less than
        // the best tier returns
        let RewardKind::Fixed(units) = rule.kind else { return Ok(()) };
        let rule = RewardRule { bonuses: [Bonus::default(); 4], ..rule };
        let multiplier = |tier: &Tier| tier.multiplier_bps.max(10_000);
        let best = rule.tiers.iter().map(multiplier).max().expect("four");
        let most = specified::part(units.into(), best.into());
        let least = u64::try_from(most).expect("small") - 1;
        prop_assert!(accepted(&rule, least + 1));
        prop_assert!(!accepted(&rule, least));

        // When a code is in that tier, then the next purchase is a gain
        let place = rule.tiers.iter().position(|tier| tier.multiplier_bps == best);
        let before = place.map_or(0, |place| rule.tiers[place].min_conversions - 1);
        let mut code = Code { conversions: before, ..Code::default() };
        code.buy(&rule, &facts(least));
        prop_assert_eq!(code.returned, code.paid + 1);
    }

    #[test]
    fn a_rate_above_the_whole_is_a_gain(rule in rule(), partner in agreed(Default::default())) {
        // Given a percentage without a maximum, and a purchase of an amount at which
        // nothing is rounded
        let RewardKind::Percent { bps, .. } = rule.kind else { return Ok(()) };
        let kind = RewardKind::Percent { bps, max: u64::MAX };
        let rule = RewardRule { kind, bonuses: [Bonus::default(); 4], ..rule };
        let amount = 100_000_000;

        // When a code is in any of its tiers, then the purchase is a gain if and only if
        // the rule may not be stored
        let starts = rule.tiers.iter().map(|tier| tier.min_conversions.saturating_sub(1));
        let gains = starts.chain([0]).any(|conversions| {
            let facts = Facts { conversions, partner, ..facts(amount) };
            specified::earned(&rule, &facts).whole > u128::from(amount)
        });
        prop_assert_eq!(rule.margin(amount).is_err(), gains);
    }
}

#[test]
fn the_generators_reach_rules_that_may_be_stored() {
    // Given rules from the generator of the first property
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut stored, mut with_bonuses, mut percent) = (0, 0, 0);
    for _ in 0..2_000 {
        let (rule, least) = rule_and_least()
            .new_tree(&mut runner)
            .expect("a rule")
            .current();
        if accepted(&rule, least) {
            stored += 1;
            with_bonuses += u32::from(rule.bonuses[0].amount != 0);
            percent += u32::from(matches!(rule.kind, RewardKind::Percent { .. }));
        }
    }

    // Then many of them may be stored, and many of those have bonuses
    for (count, many) in [(stored, 500), (with_bonuses, 200), (percent, 100)] {
        assert!(count >= many, "{stored} {with_bonuses} {percent}");
    }
}
