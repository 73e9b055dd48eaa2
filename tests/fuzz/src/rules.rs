//! The contract's rules on settings and rewards, in numbers wide enough not to overflow.
//!
//! Written from the contract, deliberately without the program's code.

use solana_sdk::pubkey::Pubkey;
use vouch_client::ProgramError as E;

use crate::state::{
    ATTESTED, Bonus, Campaign, FIXED, OPEN, ORDER, PAYMENT, PERCENT, Referral, SPLIT, Settings,
    Terms, Tier,
};

/// A whole, in basis points.
const WHOLE: u128 = 10_000;
/// 365 days, in seconds.
pub const YEAR: u32 = 31_536_000;

/// `bps` basis points of `units`.
fn share(units: u128, bps: impl Into<u128>) -> u128 {
    units * bps.into() / WHOLE
}

/// The tiers that are used.
fn tiers(settings: &Settings) -> &[Tier] {
    let used = settings.tiers.iter().take_while(|t| **t != Tier::default());
    &settings.tiers[..used.count()]
}

/// The highest multiplier, in basis points.
fn highest(settings: &Settings) -> u128 {
    let multipliers = settings.tiers.iter().map(|tier| tier.multiplier_bps);
    u128::from(multipliers.max().unwrap_or(0)).max(WHOLE)
}

/// The multiplier of the last tier that this number of conversions reaches.
fn multiplier(settings: &Settings, ordinal: u128) -> u128 {
    let all = tiers(settings).iter();
    let mut reached = all.filter(|tier| u128::from(tier.min_conversions) <= ordinal);
    reached
        .next_back()
        .map_or(WHOLE, |t| t.multiplier_bps.into())
}

/// The sum of the parts of referrer, referee and partner, for a conversion with a
/// multiplier of `multiplier` basis points.
fn shared(settings: &Settings, amount: u64, multiplier: u128) -> u128 {
    if settings.reward_kind == PERCENT {
        let base = share(amount.into(), settings.reward_bps);
        share(base, multiplier).min(settings.reward_max.into())
    } else {
        share(settings.reward_fixed.into(), multiplier)
    }
}

/// The reward token and the payment token of a campaign.
#[derive(Debug, Clone, Copy)]
pub struct Tokens {
    /// Token of the rewards; zero for SOL.
    pub mint: Pubkey,
    /// Token of the payments; zero for SOL.
    pub payment_mint: Pubkey,
}

/// All errors of these settings under these terms. `None` stands for an error that is not
/// the program's.
#[must_use]
pub fn wrong(terms: &Terms, tokens: Tokens, settings: &Settings, committed: u64) -> Vec<Option<E>> {
    let s = settings;
    let mut wrong = Vec::new();
    let mut need = |holds: bool, error: E| {
        if !holds {
            wrong.push(Some(error));
        }
    };
    let split = terms.funding == SPLIT;
    let paid = terms.proof == PAYMENT;
    need(
        terms.funding <= 2 && terms.proof <= 2 && terms.uniqueness <= 2 && terms.per_owner <= 1,
        E::InvalidTerms,
    );
    need(!split || paid, E::InvalidTerms);
    need(
        terms.uniqueness != ORDER || terms.proof != OPEN,
        E::InvalidTerms,
    );
    need(terms.notice_seconds <= YEAR, E::InvalidNotice);

    match s.reward_kind {
        FIXED => need(
            s.reward_fixed > 0 && s.reward_bps == 0 && s.reward_max == 0,
            E::InvalidReward,
        ),
        PERCENT => need(
            (1..=10_000).contains(&s.reward_bps)
                && s.reward_max > 0
                && s.reward_fixed == 0
                && terms.proof != OPEN,
            E::InvalidReward,
        ),
        _ => need(false, E::InvalidReward),
    }
    let used = tiers(s);
    need(
        s.tiers[used.len()..]
            .iter()
            .all(|tier| *tier == Tier::default())
            && used.iter().all(|tier| {
                tier.min_conversions > 0 && (10_001..=1_000_000).contains(&tier.multiplier_bps)
            })
            && used
                .windows(2)
                .all(|pair| pair[0].min_conversions < pair[1].min_conversions),
        E::InvalidTiers,
    );
    let given = s
        .bonuses
        .iter()
        .take_while(|bonus| **bonus != Bonus::default())
        .count();
    need(
        s.bonuses[given..]
            .iter()
            .all(|bonus| *bonus == Bonus::default())
            && s.bonuses[..given]
                .iter()
                .all(|bonus| bonus.threshold > 0 && bonus.amount > 0)
            && s.bonuses[..given]
                .windows(2)
                .all(|pair| pair[0].threshold < pair[1].threshold),
        E::InvalidBonuses,
    );
    need(
        !split || s.bonuses.iter().all(|bonus| bonus.amount == 0),
        E::InvalidBonuses,
    );
    let bonuses: u128 = s.bonuses.iter().map(|bonus| u128::from(bonus.amount)).sum();
    let largest = if s.reward_kind == PERCENT {
        u128::from(s.reward_max)
    } else {
        shared(s, 0, highest(s))
    };
    need(largest + bonuses <= u128::from(u64::MAX), E::InvalidReward);

    // Nobody may get back more than was paid.
    need(
        !paid || s.reward_kind != FIXED || s.min_amount >= 1,
        E::InvalidReward,
    );
    if paid && tokens.mint == tokens.payment_mint {
        if s.reward_kind == PERCENT {
            need(
                highest(s) * u128::from(s.reward_bps) <= WHOLE * WHOLE,
                E::InvalidReward,
            );
        } else {
            need(
                shared(s, 0, highest(s)) <= u128::from(s.min_amount),
                E::InvalidReward,
            );
        }
    }

    need(
        s.referee_share_bps == 0 || s.referee_fixed == 0,
        E::InvalidShares,
    );
    need(
        s.max_partner_share_bps == 0 || s.max_partner_fixed == 0,
        E::InvalidShares,
    );
    need(
        u32::from(s.referee_share_bps) + u32::from(s.max_partner_share_bps) <= 10_000,
        E::InvalidShares,
    );
    if s.reward_kind == FIXED {
        let part = |bps: u16, fixed: u64| share(s.reward_fixed.into(), bps) + u128::from(fixed);
        need(
            part(s.referee_share_bps, s.referee_fixed)
                + part(s.max_partner_share_bps, s.max_partner_fixed)
                <= u128::from(s.reward_fixed),
            E::InvalidShares,
        );
    }
    need(
        s.owner_limit == 0 || terms.per_owner == 1,
        E::InvalidOwnerLimit,
    );
    need(
        (s.gate_credential == Pubkey::default()) == (s.gate_schema == Pubkey::default()),
        E::InvalidGate,
    );
    need(s.hold_seconds <= YEAR, E::InvalidHold);
    need(s.attribution_window <= YEAR, E::InvalidAttributionWindow);
    need(
        s.starts_at >= 0 && s.ends_at >= 0 && (s.ends_at == 0 || s.ends_at > s.starts_at),
        E::InvalidSchedule,
    );
    need(s.budget == 0 || s.budget >= committed, E::InvalidBudget);
    need(
        s.attestor != Pubkey::default() || (terms.proof != ATTESTED && s.attested_codes == 0),
        E::InvalidAttestor,
    );
    need(
        (s.treasury != Pubkey::default()) == paid,
        E::InvalidTreasury,
    );
    if s.attested_codes > 1 {
        wrong.push(None);
        // Neither on nor off: the attestor may be taken as too many or as too few.
        wrong.push(Some(E::InvalidAttestor));
    }
    wrong
}

/// Characters of this code, which zeros fill up; `None` if it is none.
#[must_use]
pub fn code_len(code: &[u8; 12]) -> Option<u8> {
    let len = code.iter().rposition(|byte| *byte != 0)? + 1;
    let allowed = |byte: &u8| match byte {
        b'O' | b'I' | b'L' => false,
        _ => matches!(byte, b'A'..=b'Z' | b'2'..=b'9'),
    };
    let right = len >= 6 && code[..len].iter().all(allowed);
    u8::try_from(len).ok().filter(|_| right)
}

/// Sum of the bonuses whose threshold is at most `conversions`.
fn up_to<'a>(bonuses: impl IntoIterator<Item = &'a Bonus>, conversions: u64) -> u128 {
    let all = bonuses.into_iter();
    let due = all.filter(|bonus| bonus.threshold <= conversions);
    due.map(|bonus| u128::from(bonus.amount)).sum()
}

/// The least that a conversion of the least amount leaves to the treasury, without
/// bonuses, if rewards are in the payment token; `u64::MAX` if they are not.
#[must_use]
pub fn margin(terms: &Terms, tokens: Tokens, settings: &Settings) -> u64 {
    if terms.proof != PAYMENT || tokens.mint != tokens.payment_mint {
        return u64::MAX;
    }
    let amount = u128::from(settings.min_amount);
    let most = if settings.reward_kind == PERCENT {
        // A larger amount never leaves less: what it earns more is at most what it pays more.
        let rate = u128::from(settings.reward_bps) * highest(settings);
        let most = amount * rate / (WHOLE * WHOLE);
        most.min(settings.reward_max.into())
    } else {
        shared(settings, 0, highest(settings))
    };
    let least = amount.saturating_sub(most);
    u64::try_from(least).unwrap_or(u64::MAX)
}

/// Whether the bonuses of this register never return more than was paid.
#[must_use]
pub fn bonuses_are_paid_for(offered: &[Bonus], margin: u64) -> bool {
    offered.iter().all(|bonus| {
        up_to(offered, bonus.threshold) <= u128::from(bonus.threshold) * u128::from(margin)
    })
}

/// Whether `new` takes away something that `old` promised, at `now`. A bonus that was
/// `offered` before and is not in `old` counts for nothing, because it may have been
/// paid.
#[must_use]
pub fn is_cut(old: &Settings, new: &Settings, offered: &[Bonus], now: i64) -> bool {
    let fresh: Vec<Bonus> = new
        .bonuses
        .iter()
        .filter(|bonus| old.bonuses.contains(bonus) || !offered.contains(bonus))
        .copied()
        .collect();
    let never = |at: i64| if at == 0 { i64::MAX } else { at };
    let unbounded = |limit: u64| if limit == 0 { u64::MAX } else { limit };
    let gate = |s: &Settings| (s.gate_credential, s.gate_schema);
    let none = (Pubkey::default(), Pubkey::default());
    // The amount by which the referee's fixed part may grow. A partner with the greatest
    // share so far takes a part of the growth first.
    let fixed_cut = if new.reward_kind == PERCENT {
        new.referee_fixed != old.referee_fixed
    } else {
        let growth = u128::from(new.reward_fixed.saturating_sub(old.reward_fixed));
        let left = share(growth, 10_000 - old.max_partner_share_bps.min(10_000));
        let more = u128::from(new.referee_fixed.saturating_sub(old.referee_fixed));
        new.referee_fixed < old.referee_fixed || more > left
    };
    // Conversions that count only now take the place of others that counted before.
    let admits_more = new.min_amount < old.min_amount
        || (gate(old) != none && gate(new) == none)
        || (old.starts_at > now && new.starts_at < old.starts_at);
    let mut ordinals = vec![1];
    ordinals.extend(tiers(old).iter().map(|tier| tier.min_conversions));
    ordinals.extend(tiers(new).iter().map(|tier| tier.min_conversions));
    ordinals.sort_unstable();
    let mut promised = 0;
    let tiers_cut = ordinals.into_iter().any(|ordinal| {
        let before = multiplier(old, ordinal.into());
        promised = if admits_more {
            before.max(promised)
        } else {
            before
        };
        multiplier(new, ordinal.into()) < promised
    });
    let bonuses_cut = old
        .bonuses
        .iter()
        .filter(|bonus| bonus.amount != 0)
        .any(|bonus| up_to(&fresh, bonus.threshold) < up_to(&old.bonuses, bonus.threshold));
    let window_cut = match (old.attribution_window, new.attribution_window) {
        (0, 0) => false,
        (0, _) | (_, 0) => true,
        (before, after) => after < before,
    };
    new.reward_kind != old.reward_kind
        || new.reward_fixed < old.reward_fixed
        || new.reward_bps < old.reward_bps
        || new.reward_max < old.reward_max
        || new.min_amount > old.min_amount
        || new.referee_share_bps != old.referee_share_bps
        || fixed_cut
        || new.max_partner_share_bps < old.max_partner_share_bps
        || new.max_partner_fixed < old.max_partner_fixed
        || tiers_cut
        || bonuses_cut
        || new.hold_seconds > old.hold_seconds
        || window_cut
        || (admits_more && new.owner_limit != 0)
        || (new.starts_at > old.starts_at && new.starts_at > now)
        || never(new.ends_at) < never(old.ends_at)
        || (gate(new) != gate(old) && gate(new) != none)
        || unbounded(new.owner_limit) < unbounded(old.owner_limit)
}

/// The share that was agreed with a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deal {
    /// Basis points, or 0.
    pub bps: u16,
    /// Base units, or 0.
    pub fixed: u64,
}

/// The reward of a conversion, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Base units of referrer, referee and partner, in the order of their bits.
    pub units: [u64; 3],
    /// Which of the settings' bonuses the referrer's part includes.
    pub bonuses: [bool; 4],
}

impl Parts {
    /// The sum of the three parts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sum(7)
    }

    /// The sum of the parts whose bits are set.
    #[must_use]
    pub fn sum(&self, bits: u8) -> u64 {
        let parts = self.units.iter().enumerate();
        let chosen = parts.filter(|(index, _)| bits & (1 << index) != 0);
        chosen.map(|(_, units)| *units).sum()
    }

    /// The bits of the parts that are zero.
    #[must_use]
    pub fn nothing(&self) -> u8 {
        let parts = self.units.iter().enumerate();
        parts.fold(0, |bits, (index, units)| {
            bits | (u8::from(*units == 0) << index)
        })
    }
}

/// The reward of a conversion of `amount` that follows `before` other ones that count.
/// `paid` says which bonuses were paid already.
#[must_use]
pub fn reward(
    settings: &Settings,
    split: bool,
    deal: Option<Deal>,
    before: u64,
    amount: u64,
    paid: impl Fn(usize) -> bool,
) -> Parts {
    let ordinal = u128::from(before) + 1;
    let mut whole = shared(settings, amount, multiplier(settings, ordinal));
    if split {
        whole = whole.min(amount.into());
    }
    let part = |bps: u16, fixed: u64| share(whole, bps) + u128::from(fixed);
    let referee = part(settings.referee_share_bps, settings.referee_fixed).min(whole);
    let partner = deal.map_or(0, |deal| {
        let bps = deal.bps.min(settings.max_partner_share_bps);
        let fixed = deal.fixed.min(settings.max_partner_fixed);
        part(bps, fixed).min(whole - referee)
    });
    let mut referrer = whole - referee - partner;
    let mut bonuses = [false; 4];
    for (index, bonus) in settings.bonuses.iter().enumerate() {
        let due = bonus.amount != 0 && u128::from(bonus.threshold) <= ordinal;
        if whole != 0 && due && !paid(index) {
            referrer += u128::from(bonus.amount);
            bonuses[index] = true;
        }
    }
    let units = [referrer, referee, partner]
        .map(|units| u64::try_from(units).expect("settings that are allowed fit 64 bits"));
    Parts { units, bonuses }
}

/// The referral's deal with its partner, until the partnership ends.
#[must_use]
pub fn deal(referral: &Referral, now: i64) -> Option<Deal> {
    referral.partner_now(now).map(|_| Deal {
        bps: referral.partner_share_bps,
        fixed: referral.partner_fixed,
    })
}

/// The reward of the next conversion of `referral`. `counted` are the number of
/// conversions and the bonuses paid so far, of the referral, or of its owner if the
/// campaign counts per owner.
#[must_use]
pub fn next_reward(
    campaign: &Campaign,
    referral: &Referral,
    counted: (u64, u32),
    amount: u64,
    now: i64,
) -> Parts {
    let places = campaign.places_in_force(now);
    reward(
        campaign.in_force(now),
        campaign.funding == SPLIT,
        deal(referral, now),
        counted.0,
        amount,
        |index| counted.1 & (1 << (places[index] & 31)) != 0,
    )
}
