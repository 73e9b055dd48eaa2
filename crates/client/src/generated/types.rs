//! Structs in accounts and arguments.
//!
//! Written by `./dev generate` from `idl/referral.json`.

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::pubkey::Pubkey;

use crate::bytes::{Funding, Proof, RewardKind, Uniqueness};

/// Paid once, with the conversion that reaches `threshold`. Threshold and amount identify a
/// bonus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Bonus {
    /// Number of conversions that earns the bonus.
    pub threshold: u64,
    /// Base units.
    pub amount: u64,
}

/// The settings of a campaign, which its authority may change.
///
/// Those before `budget` are a promise to referrers: they are raised at once and cut only
/// after the campaign's notice. `budget` and those after it take effect at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Settings {
    /// Kind of the reward: 0 fixed, 1 percent of the amount.
    pub reward_kind: RewardKind,
    /// Base units for each conversion, when the kind is fixed; else 0.
    pub reward_fixed: u64,
    /// Basis points of the amount, when the kind is percent; else 0.
    pub reward_bps: u16,
    /// Most base units for one conversion, when the kind is percent; else 0.
    pub reward_max: u64,
    /// Least amount of a conversion.
    pub min_amount: u64,
    /// Basis points of the reward for the referee; 0 where the part is fixed.
    pub referee_share_bps: u16,
    /// Base units of the reward for the referee; 0 where the part is a share.
    pub referee_fixed: u64,
    /// Most basis points of the reward that a partner may get.
    pub max_partner_share_bps: u16,
    /// Most base units of the reward that a partner may get.
    pub max_partner_fixed: u64,
    /// Most conversions of all codes of one owner; 0 for no limit.
    pub owner_limit: u64,
    /// Multipliers by the number of conversions; unused ones are zero.
    pub tiers: [Tier; 4],
    /// Bonuses by the number of conversions; unused ones are zero.
    pub bonuses: [Bonus; 4],
    /// Seconds that a reward is held before it can be claimed; 0 to be paid at once.
    pub hold_seconds: u32,
    /// Seconds that a binding lasts; 0 if the campaign needs no binding.
    pub attribution_window: u32,
    /// Unix seconds from which conversions count; 0 for at once.
    pub starts_at: i64,
    /// Unix seconds from which they no longer count; 0 for never.
    pub ends_at: i64,
    /// Issuer of the credential that a referee needs (a credential account of the Solana
    /// Attestation Service); zero for none.
    pub gate_credential: Pubkey,
    /// Schema of that credential; zero for none.
    pub gate_schema: Pubkey,
    /// Most base units that the campaign may owe and pay; 0 for no limit.
    pub budget: u64,
    /// 1 when a code needs the attestor's signature.
    pub attested_codes: bool,
    /// Signer who vouches for conversions and codes; zero for nobody.
    pub attestor: Pubkey,
    /// Receives payments: a wallet for SOL, a token account for a token.
    pub treasury: Pubkey,
}

/// The terms of a campaign that never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Terms {
    /// Source of rewards: 0 mint authority, 1 vault, 2 split of the payment.
    pub funding: Funding,
    /// Proof that a conversion needs: 0 none, 1 an attestation, 2 a payment.
    pub proof: Proof,
    /// Counted once: 0 a wallet, 1 a wallet with a code, 2 an order.
    pub uniqueness: Uniqueness,
    /// 1 when tiers, bonuses and `owner_limit` count the conversions of all codes of an
    /// owner, 0 when each code counts by itself.
    pub per_owner: bool,
    /// Seconds between the announcement of a cut and its effect.
    pub notice_seconds: u32,
}

/// From `min_conversions` on, rewards are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Tier {
    /// Number of conversions from which the tier applies.
    pub min_conversions: u64,
    /// Multiplier in basis points (10,000 = 1x).
    pub multiplier_bps: u32,
}
