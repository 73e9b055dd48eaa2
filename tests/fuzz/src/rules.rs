//! The contract's rules on settings and rewards, in numbers wide enough for all.
//!
//! Written from the contract, on purpose without the code that the program uses.

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    ProgramError as E,
    accounts::{Bonus, Campaign, Funding, Referral, RewardKind, Tier},
};

/// A whole, in basis points.
const WHOLE: u128 = 10_000;
/// 365 days, in seconds.
const YEAR: u32 = 31_536_000;

/// Terms as they travel: any byte may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the contract's fields")]
pub struct RawTerms {
    pub funding: u8,
    pub proof: u8,
    pub uniqueness: u8,
}

/// Settings as they travel: any byte may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the contract's fields")]
pub struct RawSettings {
    pub reward_kind: u8,
    pub reward_fixed: u64,
    pub reward_bps: u16,
    pub reward_max: u64,
    pub min_amount: u64,
    pub referee_share_bps: u16,
    pub max_partner_share_bps: u16,
    pub tiers: [Tier; 4],
    pub bonuses: [Bonus; 4],
    pub hold_seconds: u32,
    pub attribution_window: u32,
    pub starts_at: i64,
    pub ends_at: i64,
    pub budget: u64,
    pub attested_codes: u8,
    pub attestor: Pubkey,
    pub treasury: Pubkey,
}

/// Everything that is wrong with these settings under these terms; `None` stands for
/// an error that is not the program's own.
#[must_use]
pub fn wrong(terms: &RawTerms, settings: &RawSettings, committed: u64) -> Vec<Option<E>> {
    let s = settings;
    let mut wrong = Vec::new();
    let mut need = |holds: bool, error: E| {
        if !holds {
            wrong.push(Some(error));
        }
    };
    let split = terms.funding == 2;
    let paid = terms.proof == 2;
    need(
        terms.funding <= 2 && terms.proof <= 2 && terms.uniqueness <= 2,
        E::InvalidTerms,
    );
    need(!split || paid, E::InvalidTerms);
    need(terms.uniqueness != 2 || terms.proof != 0, E::InvalidTerms);

    match s.reward_kind {
        0 => need(
            s.reward_fixed > 0 && s.reward_bps == 0 && s.reward_max == 0,
            E::InvalidReward,
        ),
        1 => need(
            (1..=10_000).contains(&s.reward_bps)
                && s.reward_max > 0
                && s.reward_fixed == 0
                && terms.proof != 0,
            E::InvalidReward,
        ),
        _ => need(false, E::InvalidReward),
    }
    let used = s
        .tiers
        .iter()
        .take_while(|tier| **tier != Tier::default())
        .count();
    need(
        s.tiers[used..].iter().all(|tier| *tier == Tier::default())
            && s.tiers[..used].iter().all(|tier| {
                tier.min_conversions > 0 && (10_001..=1_000_000).contains(&tier.multiplier_bps)
            })
            && s.tiers[..used]
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
    let largest = if s.reward_kind == 1 {
        u128::from(s.reward_max)
    } else {
        let multiplier = s.tiers.iter().map(|tier| tier.multiplier_bps).max();
        let multiplier = u128::from(multiplier.unwrap_or(0)).max(WHOLE);
        u128::from(s.reward_fixed) * multiplier / WHOLE
    };
    need(largest + bonuses <= u128::from(u64::MAX), E::InvalidReward);
    need(
        u32::from(s.referee_share_bps) + u32::from(s.max_partner_share_bps) <= 10_000,
        E::InvalidShares,
    );
    need(s.hold_seconds <= YEAR, E::InvalidHold);
    need(s.attribution_window <= YEAR, E::InvalidAttributionWindow);
    need(
        s.starts_at >= 0 && s.ends_at >= 0 && (s.ends_at == 0 || s.ends_at > s.starts_at),
        E::InvalidSchedule,
    );
    need(s.budget == 0 || s.budget >= committed, E::InvalidBudget);
    need(
        s.attestor != Pubkey::default() || (terms.proof != 1 && s.attested_codes == 0),
        E::InvalidAttestor,
    );
    need(
        (s.treasury != Pubkey::default()) == paid,
        E::InvalidTreasury,
    );
    if s.attested_codes > 1 {
        wrong.push(None);
    }
    wrong
}

/// What a conversion earns, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Base units for referrer, referee and partner, in the order of their bits.
    pub units: [u64; 3],
    /// Bonuses among the first.
    pub bonuses: u8,
}

impl Parts {
    /// All three.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sum(7)
    }

    /// Those whose bits are set.
    #[must_use]
    pub fn sum(&self, bits: u8) -> u64 {
        let parts = self.units.iter().enumerate();
        let chosen = parts.filter(|(index, _)| bits & (1 << index) != 0);
        chosen.map(|(_, units)| *units).sum()
    }

    /// The bits of those that are nothing.
    #[must_use]
    pub fn nothing(&self) -> u8 {
        let parts = self.units.iter().enumerate();
        parts.fold(0, |bits, (index, units)| {
            bits | (u8::from(*units == 0) << index)
        })
    }
}

/// What the next conversion of `referral`, worth `amount`, earns.
#[must_use]
pub fn reward(campaign: &Campaign, referral: &Referral, amount: u64) -> Parts {
    let ordinal = u128::from(referral.conversions) + 1;
    let share = |units: u128, bps: u128| units * bps / WHOLE;
    let percent = campaign.reward_kind == RewardKind::Percent;
    let base = if percent {
        share(u128::from(amount), u128::from(campaign.reward_bps))
    } else {
        u128::from(campaign.reward_fixed)
    };
    let mut tiers = campaign
        .tiers
        .iter()
        .filter(|tier| tier.multiplier_bps != 0 && u128::from(tier.min_conversions) <= ordinal);
    let multiplier = tiers
        .next_back()
        .map_or(WHOLE, |tier| tier.multiplier_bps.into());
    let mut shared = share(base, multiplier);
    if percent {
        shared = shared.min(campaign.reward_max.into());
    }
    if campaign.funding == Funding::PaymentSplit {
        shared = shared.min(amount.into());
    }
    let referee = share(shared, campaign.referee_share_bps.into());
    let partner = if referral.partner == Pubkey::default() {
        0
    } else {
        let bps = referral
            .partner_share_bps
            .min(campaign.max_partner_share_bps);
        share(shared, bps.into())
    };
    let mut referrer = shared - referee - partner;
    let mut bonuses = 0;
    for (index, bonus) in campaign.bonuses.iter().enumerate() {
        let due = bonus.amount != 0 && u128::from(bonus.threshold) <= ordinal;
        if due && referral.bonuses_paid & (1 << index) == 0 {
            referrer += u128::from(bonus.amount);
            bonuses |= 1 << index;
        }
    }
    let units = [referrer, referee, partner]
        .map(|units| u64::try_from(units).expect("settings that are allowed fit 64 bits"));
    Parts { units, bonuses }
}
