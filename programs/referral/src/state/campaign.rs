use anchor_lang::prelude::*;

use crate::{ReferralError, VERSION};

/// `Campaign::funding`: the campaign holds the mint authority and mints each reward.
pub const FUNDING_MINT_AUTHORITY: u8 = 0;
/// `Campaign::proof`: the referee's signature is enough.
pub const PROOF_OPEN: u8 = 0;
/// `Campaign::uniqueness`: a wallet counts once in the campaign.
pub const UNIQUENESS_WALLET: u8 = 0;
/// `Campaign::reward_kind`: `reward_fixed` base units for each conversion.
pub const REWARD_FIXED: u8 = 0;

/// From `min_conversions` on, a referral's rewards are multiplied.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable, IdlType)]
#[repr(C)]
pub struct Tier {
    /// Conversions a referral needs for this tier.
    pub min_conversions: PodU64,
    /// Multiplier in basis points (10,000 = 1x).
    pub multiplier_bps: PodU32,
}

/// Paid once, when a referral reaches `threshold` conversions.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable, IdlType)]
#[repr(C)]
pub struct Bonus {
    /// Conversions a referral needs for this bonus.
    pub threshold: PodU64,
    /// Base units.
    pub amount: PodU64,
}

/// A campaign: who pays what for which conversions.
///
/// Address: `["campaign", creator, id]`. It is also the mint authority of its
/// token.
#[account]
pub struct Campaign {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// Where rewards come from: 0 mint authority, 1 vault, 2 split of the payment.
    pub funding: u8,
    /// What a conversion must prove: 0 nothing, 1 the attestor's word, 2 a payment.
    pub proof: u8,
    /// What counts once: 0 a wallet, 1 a wallet with a code, 2 an order.
    pub uniqueness: u8,
    /// How the reward is found: 0 fixed, 1 percent of the amount.
    pub reward_kind: u8,
    /// 1 while conversions are refused.
    pub paused: u8,
    /// 1 for good, once the campaign is closed.
    pub closed: u8,
    /// 1 when a code needs the attestor's signature.
    pub attested_codes: u8,
    /// Decimals of the mint.
    pub mint_decimals: u8,
    /// Who opened it; part of the address.
    pub creator: Address,
    /// The creator's own number; part of the address.
    pub id: PodU64,
    /// Who may change it.
    pub authority: Address,
    /// Who may take over `authority`; zero for nobody.
    pub pending_authority: Address,
    /// Token of the rewards.
    pub mint: Address,
    /// Program of the mint.
    pub token_program: Address,
    /// Token account that pays the rewards; zero for none.
    pub vault: Address,
    /// Who vouches for conversions; zero for nobody.
    pub attestor: Address,
    /// Who receives payments; zero for nobody.
    pub treasury: Address,
    /// Token of payments; zero for SOL.
    pub payment_mint: Address,
    /// Who paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Base units for each conversion, when the kind is fixed.
    pub reward_fixed: PodU64,
    /// Basis points of the amount, when the kind is percent.
    pub reward_bps: PodU16,
    /// Basis points of the reward that the referee gets.
    pub referee_share_bps: PodU16,
    /// Most basis points of the reward that a partner may get.
    pub max_partner_share_bps: PodU16,
    /// Most base units for one conversion, when the kind is percent.
    pub reward_max: PodU64,
    /// Least amount of a conversion.
    pub min_amount: PodU64,
    /// Multipliers by a referral's conversions; unused ones are zero.
    pub tiers: [Tier; 4],
    /// Bonuses by a referral's conversions; unused ones are zero.
    pub bonuses: [Bonus; 4],
    /// Seconds that a reward is held before it can be claimed.
    pub hold_seconds: PodU32,
    /// Seconds that a first touch counts; 0 for no first touch.
    pub attribution_window: PodU32,
    /// Unix seconds from which conversions count; 0 for at once.
    pub starts_at: PodI64,
    /// Unix seconds from which they no longer do; 0 for never.
    pub ends_at: PodI64,
    /// Most base units the campaign may ever owe; 0 for no limit.
    pub budget: PodU64,
    /// Base units owed or paid so far, while there is a budget.
    pub committed: PodU64,
    /// Unix seconds of its creation.
    pub created_at: PodI64,
    /// Zeros, for later versions.
    pub reserved: [u8; 128],
}

const _: () = assert!(core::mem::size_of::<Campaign>() == 656);
const _: () = assert!(core::mem::align_of::<Campaign>() == 1);

impl Campaign {
    /// What holds of every campaign, checked last by whoever writes one.
    pub fn invariant(&self) -> Result<()> {
        require!(self.reward_fixed.get() > 0, ReferralError::InvalidReward);
        let (starts, ends) = (self.starts_at.get(), self.ends_at.get());
        require!(starts >= 0 && ends >= 0, ReferralError::InvalidSchedule);
        require!(ends == 0 || ends > starts, ReferralError::InvalidSchedule);
        require!(
            self.version == VERSION && self.paused <= 1 && self.closed <= 1,
            ProgramError::InvalidAccountData
        );
        Ok(())
    }

    /// Fails unless conversions count at `now`, in unix seconds.
    pub fn check_open(&self, now: i64) -> Result<()> {
        require!(self.closed == 0, ReferralError::CampaignClosed);
        require!(self.paused == 0, ReferralError::CampaignPaused);
        require!(
            now >= self.starts_at.get(),
            ReferralError::CampaignNotStarted
        );
        let ends = self.ends_at.get();
        require!(ends == 0 || now < ends, ReferralError::CampaignEnded);
        Ok(())
    }
}
