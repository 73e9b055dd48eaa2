//! A cut waits, a raise does not: I22 of docs/INVARIANTS.md. A naive campaign that only
//! knows the specification of rewards decides whether a change left somebody with less.

mod support;

use proptest::{prelude::*, sample::select, strategy::ValueTree};
use vouch_rules::promise::Promise;
use vouch_rules::reward::{Bonus, Facts, RewardKind, RewardRule, Share, Tier};

use support::{bps, cases, exact, none_to, proportional, small_rule, specified};

/// Unix seconds of the change.
const NOW: i64 = 1_000;

const NO_GATE: [[u8; 32]; 2] = [[0; 32]; 2];
const GATE: [[u8; 32]; 2] = [[1; 32], [2; 32]];

const fn tier(min_conversions: u64, multiplier_bps: u32) -> Tier {
    Tier {
        min_conversions,
        multiplier_bps,
    }
}

const fn bonus(threshold: u64, amount: u64) -> Bonus {
    Bonus { threshold, amount }
}

const NO_TIER: Tier = tier(0, 0);
const NO_BONUS: Bonus = bonus(0, 0);

const fn percent(bps: u16, max: u64) -> RewardKind {
    RewardKind::Percent { bps, max }
}

/// A promise with everything: fixed parts, tiers, bonuses and limits.
const FIXED: Promise = Promise {
    rule: RewardRule {
        kind: RewardKind::Fixed(1_000),
        tiers: [tier(5, 15_000), tier(10, 20_000), NO_TIER, NO_TIER],
        bonuses: [bonus(5, 50), bonus(10, 100), NO_BONUS, NO_BONUS],
        bonus_bits: [0, 1, 0, 0],
        referee: exact(300),
        max_partner: exact(200),
    },
    min_amount: 100,
    hold_seconds: 60,
    attribution_window: 3_600,
    starts_at: NOW - 500,
    ends_at: NOW + 500,
    owner_limit: 0,
    gate: NO_GATE,
};

/// The same in percent.
const PERCENT: Promise = Promise {
    rule: RewardRule {
        kind: percent(1_000, 500),
        referee: proportional(3_000),
        max_partner: proportional(2_000),
        ..FIXED.rule
    },
    ..FIXED
};

/// A promise without parts for referee and partner.
const ALONE: Promise = Promise {
    rule: RewardRule {
        referee: exact(0),
        max_partner: exact(0),
        ..FIXED.rule
    },
    ..FIXED
};

/// A promise with basis points for the partner and base units for the referee.
const SHARING: Promise = Promise {
    rule: RewardRule {
        max_partner: proportional(2_000),
        ..FIXED.rule
    },
    ..FIXED
};

/// A promise whose second tier multiplies less than the first.
const FALLING: Promise = Promise {
    rule: RewardRule {
        tiers: [tier(5, 15_000), tier(10, 14_999), NO_TIER, NO_TIER],
        ..FIXED.rule
    },
    ..FIXED
};

/// A promise whose second tier multiplies as much as the first.
const LEVEL: Promise = Promise {
    rule: RewardRule {
        tiers: [tier(5, 15_000), tier(10, 15_000), NO_TIER, NO_TIER],
        ..FIXED.rule
    },
    ..FIXED
};

/// A promise with a limit per owner.
const LIMITED: Promise = Promise {
    owner_limit: 7,
    ..FIXED
};

/// A promise that needs a credential of referees.
const GATED: Promise = Promise {
    gate: GATE,
    ..FIXED
};

/// A promise that has not started yet.
const COMING: Promise = Promise {
    starts_at: NOW + 9,
    ..FIXED
};

/// The verdict on a change, and on its reversal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Better for somebody and worse for nobody.
    Raise,
    /// Worse for somebody and better for nobody.
    Cut,
    /// Better for some and worse for others, which is a cut in both directions.
    Trade,
    /// A cut in neither direction.
    Neither,
}
use Verdict::{Cut, Neither, Raise, Trade};

impl Verdict {
    /// Whether the change is a cut, and whether its reversal is one.
    fn cuts(self) -> (bool, bool) {
        match self {
            Raise => (false, true),
            Cut => (true, false),
            Trade => (true, true),
            Neither => (false, false),
        }
    }
}

fn changed(of: Promise, change: fn(&mut Promise)) -> Promise {
    let mut new = of;
    change(&mut new);
    assert_ne!(new, of);
    new
}

#[test]
fn each_field_is_a_promise_in_one_direction() {
    type Change = fn(&mut Promise);
    let changes: &[(&str, Promise, Change, Verdict)] = &[
        // The reward
        (
            "more units",
            FIXED,
            |p| p.rule.kind = RewardKind::Fixed(1_001),
            Raise,
        ),
        (
            "a greater rate",
            PERCENT,
            |p| p.rule.kind = percent(1_001, 500),
            Raise,
        ),
        (
            "a greater maximum",
            PERCENT,
            |p| p.rule.kind = percent(1_000, 501),
            Raise,
        ),
        (
            "a rate against a maximum",
            PERCENT,
            |p| p.rule.kind = percent(1_001, 499),
            Trade,
        ),
        (
            "another kind",
            FIXED,
            |p| p.rule.kind = PERCENT.rule.kind,
            Trade,
        ),
        // The referee's part
        (
            "more of the same for the referee",
            FIXED,
            |p| p.rule.referee = exact(301),
            Trade,
        ),
        (
            "more for the referee alone",
            FIXED,
            |p| {
                p.rule.kind = RewardKind::Fixed(1_001);
                p.rule.referee = exact(301);
            },
            Raise,
        ),
        (
            "more for the referee than is added",
            FIXED,
            |p| {
                p.rule.kind = RewardKind::Fixed(1_001);
                p.rule.referee = exact(302);
            },
            Trade,
        ),
        (
            "more for both",
            FIXED,
            |p| {
                p.rule.kind = RewardKind::Fixed(1_003);
                p.rule.referee = exact(301);
            },
            Raise,
        ),
        (
            "a greater share for the referee",
            PERCENT,
            |p| p.rule.referee = proportional(3_001),
            Trade,
        ),
        (
            "base units for basis points",
            FIXED,
            |p| p.rule.referee = proportional(3_000),
            Trade,
        ),
        (
            "base units of a percentage",
            PERCENT,
            |p| p.rule.referee = exact(1),
            Trade,
        ),
        (
            "a part for the referee on top",
            ALONE,
            |p| {
                p.rule.kind = RewardKind::Fixed(1_500);
                p.rule.referee = exact(500);
            },
            Raise,
        ),
        // A partner of 20 percent takes 100 of the 500 that are added.
        (
            "more for the referee than a partner leaves",
            SHARING,
            |p| {
                p.rule.kind = RewardKind::Fixed(1_500);
                p.rule.referee = exact(300 + 401);
            },
            Trade,
        ),
        (
            "as much for the referee as a partner leaves",
            SHARING,
            |p| {
                p.rule.kind = RewardKind::Fixed(1_500);
                p.rule.referee = exact(300 + 400);
            },
            Raise,
        ),
        // The partner's part
        (
            "more for a partner",
            FIXED,
            |p| p.rule.max_partner = exact(201),
            Raise,
        ),
        (
            "a greater share for a partner",
            PERCENT,
            |p| p.rule.max_partner = proportional(2_001),
            Raise,
        ),
        (
            "a partner's basis points for base units",
            FIXED,
            |p| p.rule.max_partner = proportional(7_000),
            Trade,
        ),
        (
            "a partner at all",
            ALONE,
            |p| p.rule.max_partner = exact(1),
            Raise,
        ),
        // Tiers
        (
            "a greater multiplier",
            FIXED,
            |p| p.rule.tiers[0].multiplier_bps = 15_001,
            Raise,
        ),
        (
            "an earlier tier",
            FIXED,
            |p| p.rule.tiers[0].min_conversions = 4,
            Raise,
        ),
        (
            "one more tier",
            FIXED,
            |p| p.rule.tiers[2] = tier(20, 20_001),
            Raise,
        ),
        // The last tier reached counts, not the best one.
        (
            "one more tier that multiplies less",
            FIXED,
            |p| p.rule.tiers[2] = tier(20, 19_999),
            Cut,
        ),
        (
            "a tier between that multiplies less",
            FIXED,
            |p| p.rule.tiers = [tier(5, 15_000), tier(7, 14_999), tier(10, 20_000), NO_TIER],
            Cut,
        ),
        (
            "a tier that changes nothing",
            FIXED,
            |p| p.rule.tiers[2] = tier(20, 20_000),
            Neither,
        ),
        (
            "an earlier tier that multiplies less",
            FIXED,
            |p| p.rule.tiers[0] = tier(4, 14_999),
            Trade,
        ),
        // Bonuses
        (
            "a greater bonus",
            FIXED,
            |p| p.rule.bonuses[0].amount = 51,
            Raise,
        ),
        (
            "an earlier bonus",
            FIXED,
            |p| p.rule.bonuses[0].threshold = 4,
            Raise,
        ),
        (
            "one more bonus",
            FIXED,
            |p| p.rule.bonuses[2] = bonus(11, 1),
            Raise,
        ),
        (
            "two bonuses at the earlier threshold",
            FIXED,
            |p| p.rule.bonuses = [bonus(5, 150), NO_BONUS, NO_BONUS, NO_BONUS],
            Raise,
        ),
        (
            "two bonuses at the later threshold",
            FIXED,
            |p| p.rule.bonuses = [bonus(10, 151), NO_BONUS, NO_BONUS, NO_BONUS],
            Trade,
        ),
        (
            "an earlier bonus that is smaller",
            FIXED,
            |p| p.rule.bonuses[0] = bonus(4, 49),
            Trade,
        ),
        (
            "the memory of a bonus",
            FIXED,
            |p| p.rule.bonus_bits = [9; 4],
            Neither,
        ),
        // The conditions for counting, and the time of payment
        (
            "a smaller least amount",
            FIXED,
            |p| p.min_amount = 99,
            Raise,
        ),
        ("a shorter hold", FIXED, |p| p.hold_seconds = 59, Raise),
        ("no hold", FIXED, |p| p.hold_seconds = 0, Raise),
        (
            "a longer binding",
            FIXED,
            |p| p.attribution_window = 3_601,
            Raise,
        ),
        (
            "no binding any more",
            FIXED,
            |p| p.attribution_window = 0,
            Trade,
        ),
        (
            "an earlier start that was past",
            FIXED,
            |p| p.starts_at = 0,
            Neither,
        ),
        (
            "a later start that is past",
            FIXED,
            |p| p.starts_at = NOW,
            Neither,
        ),
        ("a start at once", COMING, |p| p.starts_at = NOW, Raise),
        ("an earlier start", COMING, |p| p.starts_at = NOW + 8, Raise),
        ("a later end", FIXED, |p| p.ends_at += 1, Raise),
        ("no end", FIXED, |p| p.ends_at = 0, Raise),
        (
            "a greater limit for owners",
            LIMITED,
            |p| p.owner_limit = 8,
            Raise,
        ),
        ("no limit for owners", LIMITED, |p| p.owner_limit = 0, Raise),
        ("no gate", GATED, |p| p.gate = NO_GATE, Raise),
        ("another issuer", GATED, |p| p.gate[0] = [3; 32], Trade),
        ("another schema", GATED, |p| p.gate[1] = [3; 32], Trade),
        // More conversions than before, each of which takes something from later ones
        (
            "a smaller least amount under a limit",
            LIMITED,
            |p| p.min_amount = 99,
            Trade,
        ),
        (
            "no gate under a limit",
            Promise {
                gate: GATE,
                ..LIMITED
            },
            |p| p.gate = NO_GATE,
            Trade,
        ),
        (
            "an earlier start under a limit",
            Promise {
                starts_at: NOW + 9,
                ..LIMITED
            },
            |p| p.starts_at = NOW + 8,
            Trade,
        ),
        (
            "an earlier start that is now, under a limit",
            Promise {
                starts_at: NOW,
                ..LIMITED
            },
            |p| p.starts_at = NOW - 1,
            Neither,
        ),
        (
            "a later end under a limit",
            LIMITED,
            |p| p.ends_at += 1,
            Raise,
        ),
        (
            "a smaller least amount before a tier that multiplies as much",
            LEVEL,
            |p| p.min_amount = 99,
            Raise,
        ),
        (
            "a smaller least amount before a tier that multiplies less",
            FALLING,
            |p| p.min_amount = 99,
            Trade,
        ),
    ];
    for (what, old, change, verdict) in changes {
        // Given a change between two rules that may both be stored
        let new = changed(*old, *change);
        assert_eq!(specified::reasons(&old.rule), [], "{what}");
        assert_eq!(specified::reasons(&new.rule), [], "{what}");

        // When it is made, and when it is reversed
        let cuts = (new.cuts(old, NOW), old.cuts(&new, NOW));

        // Then each is a cut if and only if somebody may have less
        assert_eq!(cuts, verdict.cuts(), "{what}");
        assert!(!new.cuts(&new, NOW), "{what}");
    }
}

// --- naive campaigns -------------------------------------------------------------

/// A wallet that tries to convert.
#[derive(Debug, Clone)]
struct Attempt {
    amount: u64,
    /// Seconds after the change.
    after: i64,
    credential: Option<[[u8; 32]; 2]>,
    /// The partner's agreed share, in basis points of the largest one allowed.
    agreed: u16,
}

/// A code and its owner.
#[derive(Debug, Clone, Default)]
struct Code {
    conversions: u64,
    /// The bonuses that the code was paid, and their sum.
    bonuses: Vec<Bonus>,
    bonus: u128,
}

/// The parts of referrer, referee and partner, without bonuses.
type Parts = [u128; 3];

impl Attempt {
    fn at(&self) -> i64 {
        NOW + self.after
    }

    /// The partner's part, within the limit of `promise`.
    fn partner(&self, promise: &Promise) -> Share {
        let agreed = |most: u64| specified::part(most.into(), self.agreed.into());
        match promise.rule.max_partner {
            Share { bps, fixed: 0 } => {
                proportional(u16::try_from(agreed(bps.into())).expect("basis points"))
            }
            Share { fixed, .. } => exact(u64::try_from(agreed(fixed)).expect("a part")),
        }
    }

    /// Whether the attempt counts under `promise` with a code that has `conversions`
    /// already.
    fn counts(&self, promise: &Promise, conversions: u64) -> bool {
        let started = self.at() >= promise.starts_at;
        let ended = promise.ends_at != 0 && self.at() >= promise.ends_at;
        let enough = self.amount >= promise.min_amount;
        let room = promise.owner_limit == 0 || conversions < promise.owner_limit;
        let let_in = promise.gate == NO_GATE || self.credential == Some(promise.gate);
        started && !ended && enough && room && let_in
    }
}

impl Code {
    /// Converts. Returns `None` if the attempt does not count or earns nothing.
    fn convert(&mut self, promise: &Promise, attempt: &Attempt, partner: Share) -> Option<Parts> {
        if !attempt.counts(promise, self.conversions) {
            return None;
        }
        let facts = Facts {
            amount: attempt.amount,
            conversions: self.conversions,
            bonuses_paid: u32::MAX,
            partner,
            at_most: u64::MAX,
        };
        let earned = specified::earned(&promise.rule, &facts);
        if earned.whole == 0 {
            return None;
        }
        self.conversions += 1;
        for bonus in promise.rule.bonuses {
            let due = bonus != NO_BONUS && bonus.threshold <= self.conversions;
            if due && !self.bonuses.contains(&bonus) {
                self.bonuses.push(bonus);
                self.bonus += u128::from(bonus.amount);
            }
        }
        Some([earned.referrer, earned.referee, earned.partner])
    }
}

// --- promises and changes of them --------------------------------------------------

fn promise() -> BoxedStrategy<Promise> {
    let gate = select(vec![NO_GATE, NO_GATE, GATE, [[1; 32], [3; 32]]]);
    let starts = select(vec![0, NOW - 1, NOW, NOW + 1, NOW + 4]);
    let ends = select(vec![0, NOW + 5, NOW + 8, NOW + 20]);
    let limit = prop_oneof![2 => Just(0), 1 => 1..6u64];
    let least = prop_oneof![1 => Just(0), 1 => 0..60u64];
    (
        small_rule(),
        least,
        0..3u32,
        0..3u32,
        starts,
        ends,
        limit,
        gate,
    )
        .prop_map(
            |(
                rule,
                min_amount,
                hold_seconds,
                attribution_window,
                starts_at,
                ends_at,
                owner_limit,
                gate,
            )| {
                Promise {
                    rule,
                    min_amount,
                    hold_seconds,
                    attribution_window,
                    starts_at,
                    ends_at,
                    owner_limit,
                    gate,
                }
            },
        )
        .boxed()
}

/// A change of one property.
#[derive(Debug, Clone)]
enum Change {
    /// Copies the property from the other promise.
    Replace(usize),
    /// A number becomes larger or smaller.
    Nudge(usize, i16),
    /// A fixed reward grows, and the referee's base units with it.
    Grow(u64, u64),
    /// Loosens a condition, so that more conversions count.
    Admit(u64),
}

fn change() -> BoxedStrategy<Change> {
    let by = prop_oneof![1 => Just(1), 1 => Just(-1), 2 => 1..30i16, 1 => -30..0i16];
    prop_oneof![
        1 => (0..12usize).prop_map(Change::Replace),
        3 => (0..24usize, by).prop_map(|(what, by)| Change::Nudge(what, by)),
        1 => (1..30u64, 0..30u64).prop_map(|(all, referee)| Change::Grow(all, referee.min(all))),
        1 => (0..60u64).prop_map(Change::Admit),
    ]
    .boxed()
}

impl Change {
    fn apply(&self, new: &mut Promise, other: &Promise) {
        let rule = &mut new.rule;
        match *self {
            Self::Replace(0) => rule.kind = other.rule.kind,
            Self::Replace(1) => rule.tiers = other.rule.tiers,
            Self::Replace(2) => rule.bonuses = other.rule.bonuses,
            Self::Replace(3) => rule.referee = other.rule.referee,
            Self::Replace(4) => rule.max_partner = other.rule.max_partner,
            Self::Replace(5) => new.min_amount = other.min_amount,
            Self::Replace(6) => new.hold_seconds = other.hold_seconds,
            Self::Replace(7) => new.attribution_window = other.attribution_window,
            Self::Replace(8) => new.starts_at = other.starts_at,
            Self::Replace(9) => new.ends_at = other.ends_at,
            Self::Replace(10) => new.owner_limit = other.owner_limit,
            Self::Replace(_) => new.gate = other.gate,
            Self::Grow(all, referee) => {
                if let RewardKind::Fixed(units) = &mut rule.kind {
                    *units += all;
                    if rule.referee.bps == 0 {
                        rule.referee.fixed += referee;
                    }
                }
            }
            Self::Admit(less) => {
                new.min_amount = new.min_amount.saturating_sub(less);
                new.starts_at = new.starts_at.min(other.starts_at);
                if less % 2 == 0 {
                    new.gate = NO_GATE;
                }
            }
            Self::Nudge(what, by) => {
                let wide = |number: &mut u64| *number = number.saturating_add_signed(by.into());
                let rate = |bps: &mut u16| *bps = bps.saturating_add_signed(by.saturating_mul(50));
                match what {
                    0..=3 => match &mut rule.kind {
                        RewardKind::Fixed(units) => wide(units),
                        RewardKind::Percent { bps, max } => {
                            if what % 2 == 0 {
                                rate(bps);
                            } else {
                                wide(max);
                            }
                        }
                    },
                    4..=5 if rule.referee.bps == 0 => wide(&mut rule.referee.fixed),
                    4..=5 => rate(&mut rule.referee.bps),
                    6..=7 if rule.max_partner.bps == 0 => wide(&mut rule.max_partner.fixed),
                    6..=7 => rate(&mut rule.max_partner.bps),
                    8..=10 => wide(&mut rule.tiers[what - 8].min_conversions),
                    11..=13 => {
                        let multiplier = &mut rule.tiers[what - 11].multiplier_bps;
                        *multiplier = multiplier.saturating_add_signed(i32::from(by) * 100);
                    }
                    14..=16 => wide(&mut rule.bonuses[what - 14].threshold),
                    17..=19 => wide(&mut rule.bonuses[what - 17].amount),
                    20 => wide(&mut new.min_amount),
                    21 => wide(&mut new.owner_limit),
                    22 => new.starts_at = new.starts_at.saturating_add(by.into()).max(0),
                    _ => new.ends_at = new.ends_at.saturating_add(by.into()).max(0),
                }
            }
        }
    }
}

/// A promise and a successor.
fn pair() -> BoxedStrategy<(Promise, Promise)> {
    (
        promise(),
        promise(),
        proptest::collection::vec(change(), 1..4),
    )
        .prop_map(|(old, other, changes)| {
            let mut new = old;
            changes
                .iter()
                .for_each(|change| change.apply(&mut new, &other));
            (old, new)
        })
        .boxed()
}

fn attempt() -> BoxedStrategy<Attempt> {
    let amount = prop_oneof![1 => none_to(150), 2 => 0..150u64, 1 => 0..20_000u64];
    let credential = select(vec![None, Some(GATE), Some([[1; 32], [3; 32]])]);
    (amount, 0..25i64, credential, bps(10_000))
        .prop_map(|(amount, after, credential, agreed)| Attempt {
            amount,
            after,
            credential,
            agreed,
        })
        .boxed()
}

/// Whether both may be stored, and differ.
fn sound(old: &Promise, new: &Promise) -> bool {
    let ordered = |promise: &Promise| promise.ends_at == 0 || promise.ends_at > promise.starts_at;
    old != new && specified::reasons(&new.rule).is_empty() && ordered(old) && ordered(new)
}

/// `new` without the bonuses that were offered in `before` and withdrawn in `old`.
fn without_withdrawn(new: &Promise, old: &Promise, before: &Promise) -> Promise {
    let mut new = *new;
    for bonus in &mut new.rule.bonuses {
        let was = |promise: &Promise| promise.rule.bonuses.contains(bonus);
        if was(before) && !was(old) {
            *bonus = NO_BONUS;
        }
    }
    new
}

proptest! {
    #![proptest_config(cases(16_000))]

    #[test]
    fn nobody_has_less_by_a_change_that_is_no_cut(
        (old, new) in pair(),
        (before, earlier) in (promise(), proptest::collection::vec(attempt(), 0..6)),
        again in any::<bool>(),
        (others, attempts) in (proptest::collection::vec(attempt(), 0..6), proptest::collection::vec(attempt(), 1..20)),
    ) {
        // Given a change that is not a cut, and a code that may have been paid bonuses
        // under the settings before `old`, and others since
        let mut before = before;
        if again {
            before.rule.bonuses = new.rule.bonuses;
        }
        if !sound(&old, &new) || without_withdrawn(&new, &old, &before).cuts(&old, NOW) {
            return Ok(());
        }
        let mut under_old = Code::default();
        for (promise, attempts) in [(&before, &earlier), (&old, &others)] {
            for attempt in attempts {
                under_old.convert(promise, attempt, Share::default());
            }
        }
        let mut under_new = under_old.clone();
        let mut sums = [[0_u128; 3]; 2];
        let mut conversions = 0;
        let mut attempts = attempts;
        attempts.sort_by_key(|attempt| attempt.after);
        for attempt in attempts {
            // When the same wallets try to convert under both, with partners as the old
            // settings allow them; an amount that was too small to earn anything is
            // skipped
            let partner = attempt.partner(&old);
            let admitted = attempt.counts(&old, under_old.conversions);
            let Some(before) = under_old.convert(&old, &attempt, partner) else {
                if !admitted && let Some(after) = under_new.convert(&new, &attempt, partner) {
                    (0..3).for_each(|i| sums[1][i] += after[i]);
                }
                continue;
            };
            let after = under_new.convert(&new, &attempt, partner);

            // Then an attempt that counted still counts and gives each of the three as
            // much. If both other parts are rounded down, the referrer may lose one unit
            prop_assert!(after.is_some(), "{:?} {:?} does not count", attempt, under_new);
            let after = after.unwrap_or_default();
            let rounding = u128::from(old.rule.referee.bps != 0 && partner.bps != 0);
            prop_assert!(after[0] + rounding >= before[0], "{:?}: {:?}, not {:?}", attempt, after, before);
            prop_assert!(after[1] >= before[1], "{:?}: {:?}, not {:?}", attempt, after, before);
            prop_assert!(after[2] >= before[2], "{:?}: {:?}, not {:?}", attempt, after, before);

            // And the code has as much in bonuses, and the sums of all are no less so far
            prop_assert!(under_new.bonus >= under_old.bonus, "{:?} {:?}", under_new, under_old);
            conversions += rounding;
            for i in 0..3 {
                sums[0][i] += before[i];
                sums[1][i] += after[i];
            }
            prop_assert!(sums[1][0] + under_new.bonus + conversions >= sums[0][0] + under_old.bonus);
            prop_assert!(sums[1][1] >= sums[0][1]);
            prop_assert!(sums[1][2] >= sums[0][2]);
        }
        prop_assert!(new.hold_seconds <= old.hold_seconds);
        prop_assert!(new.attribution_window >= old.attribution_window);
    }

    #[test]
    fn a_percentage_of_large_amounts_is_compared_by_its_terms_alone(
        old in support::rule(),
        (more, most, share) in (bps(10_000), none_to(u64::MAX), bps(10_000)),
    ) {
        // Given a larger rate or maximum, over the whole range of amounts
        let RewardKind::Percent { bps, max } = old.kind else { return Ok(()) };
        let kind = RewardKind::Percent { bps: bps.max(more), max: max.max(most) };
        let max_partner = match old.max_partner {
            Share { bps, fixed: 0 } => proportional(bps.max(share)),
            part => part,
        };
        let new = RewardRule { kind, max_partner, ..old };
        let promise = |rule| Promise { rule, ..FIXED };

        // Then only the reversal is a cut
        prop_assert!(!promise(new).cuts(&promise(old), NOW));
        prop_assert_eq!(promise(old).cuts(&promise(new), NOW), old != new);
    }
}

#[test]
fn a_bonus_that_was_withdrawn_replaces_no_other() {
    // Given a bonus at the 2nd conversion, then another one at the 4th instead, and a
    // code that was paid the first
    let offering = |bonus| Promise {
        rule: RewardRule {
            bonuses: [bonus, NO_BONUS, NO_BONUS, NO_BONUS],
            ..FIXED.rule
        },
        ..FIXED
    };
    let (before, old) = (offering(bonus(2, 50)), offering(bonus(4, 50)));
    let attempt = Attempt {
        amount: 100,
        after: 0,
        credential: None,
        agreed: 0,
    };
    let mut code = Code::default();
    for promise in [&before, &before, &old] {
        assert!(code.convert(promise, &attempt, exact(0)).is_some());
    }

    // When the first returns, which by its threshold alone is earlier and no less
    let new = before;
    assert!(!new.cuts(&old, NOW));
    let mut other = code.clone();
    assert!(code.convert(&old, &attempt, exact(0)).is_some());
    assert!(other.convert(&new, &attempt, exact(0)).is_some());

    // Then the code has lost a bonus, and the change is a cut once that bonus is left out
    assert_eq!((code.bonus, other.bonus), (100, 50));
    assert!(without_withdrawn(&new, &old, &before).cuts(&old, NOW));
}

#[test]
fn the_generators_reach_changes_that_are_no_cuts() {
    // Given changes from the generator of the property
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut raises, mut exact, mut admitting) = (0, 0, 0);
    for _ in 0..4_000 {
        let (old, new) = pair().new_tree(&mut runner).expect("a pair").current();
        if sound(&old, &new) && !new.cuts(&old, NOW) {
            raises += 1;
            exact += u32::from(new.rule.referee.fixed > old.rule.referee.fixed);
            admitting += u32::from(new.min_amount < old.min_amount);
        }
    }

    // Then many are raises, some of them of a referee's part or of the conversions that
    // count
    for (count, many) in [(raises, 500), (exact, 40), (admitting, 50)] {
        assert!(count >= many, "{raises} {exact} {admitting}");
    }
}
