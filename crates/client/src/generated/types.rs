//! The values that accounts and arguments are made of.
//!
//! Written by `./dev generate` from `idl/referral.json`.

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::pubkey::Pubkey;

use crate::accounts::{Funding, Proof, RewardKind, Uniqueness};

/// Paid once, when a referral reaches `threshold` conversions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Bonus {
    /// Conversions a referral needs for this bonus.
    pub threshold: u64,
    /// Base units.
    pub amount: u64,
}

/// What of a campaign its authority may change, for the conversions that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Settings {
    /// How the reward is found: 0 fixed, 1 percent of the amount.
    pub reward_kind: RewardKind,
    /// Base units for each conversion, when the kind is fixed; else 0.
    pub reward_fixed: u64,
    /// Basis points of the amount, when the kind is percent; else 0.
    pub reward_bps: u16,
    /// Most base units for one conversion, when the kind is percent; else 0.
    pub reward_max: u64,
    /// Least amount of a conversion.
    pub min_amount: u64,
    /// Basis points of the reward that the referee gets.
    pub referee_share_bps: u16,
    /// Most basis points of the reward that a partner may get.
    pub max_partner_share_bps: u16,
    /// Multipliers by a referral's conversions; unused ones are zero.
    pub tiers: [Tier; 4],
    /// Bonuses by a referral's conversions; unused ones are zero.
    pub bonuses: [Bonus; 4],
    /// Seconds that a reward is held before it can be claimed; 0 to be paid at once.
    pub hold_seconds: u32,
    /// Seconds that a first touch counts; 0 for no first touch.
    pub attribution_window: u32,
    /// Unix seconds from which conversions count; 0 for at once.
    pub starts_at: i64,
    /// Unix seconds from which they no longer do; 0 for never.
    pub ends_at: i64,
    /// Most base units the campaign may owe and pay; 0 for no limit.
    pub budget: u64,
    /// 1 when a code needs the attestor's signature.
    pub attested_codes: bool,
    /// Who vouches for conversions and codes; zero for nobody.
    pub attestor: Pubkey,
    /// What receives payments: a wallet for SOL, a token account for a token.
    pub treasury: Pubkey,
}

/// What of a campaign never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Terms {
    /// Where rewards come from: 0 mint authority, 1 vault, 2 split of the payment.
    pub funding: Funding,
    /// What a conversion must prove: 0 nothing, 1 the attestor's word, 2 a payment.
    pub proof: Proof,
    /// What counts once: 0 a wallet, 1 a wallet with a code, 2 an order.
    pub uniqueness: Uniqueness,
}

/// From `min_conversions` on, a referral's rewards are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Tier {
    /// Conversions a referral needs for this tier.
    pub min_conversions: u64,
    /// Multiplier in basis points (10,000 = 1x).
    pub multiplier_bps: u32,
}
