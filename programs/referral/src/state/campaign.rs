use anchor_lang::{address_eq, prelude::*};
use vouch_rules::reward::{self, InvalidRule, RewardKind, RewardRule};

use crate::{ReferralError, VERSION};

/// `Campaign::funding`: the campaign holds the mint authority and mints each reward.
pub const FUNDING_MINT_AUTHORITY: u8 = 0;
/// `Campaign::funding`: the campaign pays from its vault.
pub const FUNDING_VAULT: u8 = 1;
/// `Campaign::funding`: the reward is a part of the payment.
pub const FUNDING_PAYMENT_SPLIT: u8 = 2;
/// `Campaign::proof`: the referee's signature is enough.
pub const PROOF_OPEN: u8 = 0;
/// `Campaign::proof`: the campaign's attestor vouches for it.
pub const PROOF_ATTESTED: u8 = 1;
/// `Campaign::proof`: a payment in the same instruction.
pub const PROOF_PAYMENT: u8 = 2;
/// `Campaign::uniqueness`: a wallet counts once in the campaign.
pub const UNIQUENESS_WALLET: u8 = 0;
/// `Campaign::uniqueness`: a wallet counts once for each code.
pub const UNIQUENESS_WALLET_AND_CODE: u8 = 1;
/// `Campaign::uniqueness`: an order counts once.
pub const UNIQUENESS_ORDER: u8 = 2;
/// `Campaign::reward_kind`: `reward_fixed` base units for each conversion.
pub const REWARD_FIXED: u8 = 0;
/// `Campaign::reward_kind`: `reward_bps` of the amount, at most `reward_max`.
pub const REWARD_PERCENT: u8 = 1;

/// Longest hold and longest attribution window, in seconds: 365 days.
pub const MAX_PERIOD: u32 = 31_536_000;
/// Seconds after a campaign's last hold in which its rewards can still be claimed:
/// 30 days.
pub const CLAIM_PERIOD: i64 = 2_592_000;

/// What of a campaign never changes.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable, IdlType)]
#[repr(C)]
pub struct Terms {
    /// Where rewards come from: 0 mint authority, 1 vault, 2 split of the payment.
    pub funding: u8,
    /// What a conversion must prove: 0 nothing, 1 the attestor's word, 2 a payment.
    pub proof: u8,
    /// What counts once: 0 a wallet, 1 a wallet with a code, 2 an order.
    pub uniqueness: u8,
}

/// What of a campaign its authority may change, for the conversions that follow.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable, IdlType)]
#[repr(C)]
pub struct Settings {
    /// How the reward is found: 0 fixed, 1 percent of the amount.
    pub reward_kind: u8,
    /// Base units for each conversion, when the kind is fixed; else 0.
    pub reward_fixed: PodU64,
    /// Basis points of the amount, when the kind is percent; else 0.
    pub reward_bps: PodU16,
    /// Most base units for one conversion, when the kind is percent; else 0.
    pub reward_max: PodU64,
    /// Least amount of a conversion.
    pub min_amount: PodU64,
    /// Basis points of the reward that the referee gets.
    pub referee_share_bps: PodU16,
    /// Most basis points of the reward that a partner may get.
    pub max_partner_share_bps: PodU16,
    /// Multipliers by a referral's conversions; unused ones are zero.
    pub tiers: [Tier; 4],
    /// Bonuses by a referral's conversions; unused ones are zero.
    pub bonuses: [Bonus; 4],
    /// Seconds that a reward is held before it can be claimed; 0 to be paid at once.
    pub hold_seconds: PodU32,
    /// Seconds that a first touch counts; 0 for no first touch.
    pub attribution_window: PodU32,
    /// Unix seconds from which conversions count; 0 for at once.
    pub starts_at: PodI64,
    /// Unix seconds from which they no longer do; 0 for never.
    pub ends_at: PodI64,
    /// Most base units the campaign may owe and pay; 0 for no limit.
    pub budget: PodU64,
    /// 1 when a code needs the attestor's signature.
    pub attested_codes: u8,
    /// Who vouches for conversions and codes; zero for nobody.
    pub attestor: Address,
    /// What receives payments: a wallet for SOL, a token account for a token.
    pub treasury: Address,
}

macro_rules! borsh_as_bytes {
    ($type:ident) => {
        // SAFETY: reads the very bytes of a type that any bytes are a value of.
        unsafe impl<'de, C: anchor_lang::wincode::config::ConfigCore> SchemaRead<'de, C> for $type {
            type Dst = Self;

            #[inline(always)]
            fn read(
                mut reader: impl anchor_lang::wincode::io::Reader<'de>,
                dst: &mut core::mem::MaybeUninit<Self>,
            ) -> anchor_lang::wincode::ReadResult<()> {
                let bytes = reader.take_array::<{ core::mem::size_of::<Self>() }>()?;
                dst.write(bytemuck::cast(bytes));
                Ok(())
            }
        }

        // SAFETY: writes the very bytes, all of them.
        unsafe impl<C: anchor_lang::wincode::config::ConfigCore> SchemaWrite<C> for $type {
            type Src = Self;

            fn size_of(_: &Self) -> anchor_lang::wincode::WriteResult<usize> {
                Ok(core::mem::size_of::<Self>())
            }

            fn write(
                mut writer: impl anchor_lang::wincode::io::Writer,
                src: &Self,
            ) -> anchor_lang::wincode::WriteResult<()> {
                Ok(writer.write(bytemuck::bytes_of(src))?)
            }
        }
    };
}

borsh_as_bytes!(Terms);
borsh_as_bytes!(Settings);

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
    /// Unix seconds of its closing; 0 while it is not closed.
    pub closed_at: PodI64,
    /// Base units that the vault owes: rewards that wait in it.
    pub owed: PodU64,
    /// Largest `hold_seconds` that it ever had.
    pub longest_hold: PodU32,
    /// Zeros, for later versions.
    pub reserved: [u8; 108],
}

const _: () = assert!(core::mem::size_of::<Campaign>() == 656);
const _: () = assert!(core::mem::align_of::<Campaign>() == 1);

impl Campaign {
    /// Takes over `settings`; [`Self::invariant`] says whether they are possible.
    pub fn apply(&mut self, settings: &Settings) {
        self.reward_kind = settings.reward_kind;
        self.reward_fixed = settings.reward_fixed;
        self.reward_bps = settings.reward_bps;
        self.reward_max = settings.reward_max;
        self.min_amount = settings.min_amount;
        self.referee_share_bps = settings.referee_share_bps;
        self.max_partner_share_bps = settings.max_partner_share_bps;
        self.tiers = settings.tiers;
        self.bonuses = settings.bonuses;
        self.hold_seconds = settings.hold_seconds;
        let longest = self.longest_hold.get().max(settings.hold_seconds.get());
        self.longest_hold = longest.into();
        self.attribution_window = settings.attribution_window;
        self.starts_at = settings.starts_at;
        self.ends_at = settings.ends_at;
        self.budget = settings.budget;
        self.attested_codes = settings.attested_codes;
        self.attestor = settings.attestor;
        self.treasury = settings.treasury;
    }

    /// What [`Self::apply`] would take.
    pub fn settings(&self) -> Settings {
        Settings {
            reward_kind: self.reward_kind,
            reward_fixed: self.reward_fixed,
            reward_bps: self.reward_bps,
            reward_max: self.reward_max,
            min_amount: self.min_amount,
            referee_share_bps: self.referee_share_bps,
            max_partner_share_bps: self.max_partner_share_bps,
            tiers: self.tiers,
            bonuses: self.bonuses,
            hold_seconds: self.hold_seconds,
            attribution_window: self.attribution_window,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            budget: self.budget,
            attested_codes: self.attested_codes,
            attestor: self.attestor,
            treasury: self.treasury,
        }
    }

    /// The rule that rewards follow.
    #[inline(always)]
    pub fn rule(&self) -> RewardRule {
        let kind = if self.reward_kind == REWARD_PERCENT {
            RewardKind::Percent {
                bps: self.reward_bps.get(),
                max: self.reward_max.get(),
            }
        } else {
            RewardKind::Fixed(self.reward_fixed.get())
        };
        RewardRule {
            kind,
            tiers: self.tiers.map(|tier| reward::Tier {
                min_conversions: tier.min_conversions.get(),
                multiplier_bps: tier.multiplier_bps.get(),
            }),
            bonuses: self.bonuses.map(|bonus| reward::Bonus {
                threshold: bonus.threshold.get(),
                amount: bonus.amount.get(),
            }),
            referee_share_bps: self.referee_share_bps.get(),
            max_partner_share_bps: self.max_partner_share_bps.get(),
        }
    }

    /// What holds of every campaign, checked last by whoever writes one.
    pub fn invariant(&self) -> Result<()> {
        use ReferralError as E;

        let (fixed, bps, max) = (
            self.reward_fixed.get(),
            self.reward_bps.get(),
            self.reward_max.get(),
        );
        let split = self.funding == FUNDING_PAYMENT_SPLIT;
        let paid = self.proof == PROOF_PAYMENT;
        let terms = self.funding <= FUNDING_PAYMENT_SPLIT
            && self.proof <= PROOF_PAYMENT
            && self.uniqueness <= UNIQUENESS_ORDER
            && (paid || !split)
            && (self.proof != PROOF_OPEN || self.uniqueness != UNIQUENESS_ORDER);
        require!(terms, E::InvalidTerms);
        // An amount that nobody vouches for must not decide what is paid.
        let kind = match self.reward_kind {
            REWARD_FIXED => bps == 0 && max == 0,
            REWARD_PERCENT => fixed == 0 && self.proof != PROOF_OPEN,
            _ => false,
        };
        require!(kind, E::InvalidReward);
        self.rule().check().map_err(|wrong| match wrong {
            InvalidRule::Reward => E::InvalidReward,
            InvalidRule::Tiers => E::InvalidTiers,
            InvalidRule::Bonuses => E::InvalidBonuses,
            InvalidRule::Shares => E::InvalidShares,
        })?;
        // Nothing but the payment is there to be split.
        require!(
            !split || self.bonuses.iter().all(|bonus| bonus.amount.get() == 0),
            E::InvalidBonuses
        );
        require!(self.hold_seconds.get() <= MAX_PERIOD, E::InvalidHold);
        require!(
            self.attribution_window.get() <= MAX_PERIOD,
            E::InvalidAttributionWindow
        );
        let (starts, ends) = (self.starts_at.get(), self.ends_at.get());
        require!(starts >= 0 && ends >= 0, E::InvalidSchedule);
        require!(ends == 0 || ends > starts, E::InvalidSchedule);
        let budget = self.budget.get();
        require!(
            budget == 0 || budget >= self.committed.get(),
            E::InvalidBudget
        );
        require!(
            !address_is_zero(&self.attestor)
                || (self.proof != PROOF_ATTESTED && self.attested_codes == 0),
            E::InvalidAttestor
        );
        require!(address_is_zero(&self.treasury) != paid, E::InvalidTreasury);
        require!(
            self.version == VERSION
                && self.paused <= 1
                && self.closed <= 1
                && self.attested_codes <= 1,
            ProgramError::InvalidAccountData
        );
        Ok(())
    }

    /// Whether a conversion changes the campaign, so that it must be writable.
    #[inline(always)]
    pub fn counts(&self) -> bool {
        self.budget.get() != 0 || self.has_vault()
    }

    /// Whether rewards can lie in a vault.
    #[inline(always)]
    pub fn has_vault(&self) -> bool {
        self.funding != FUNDING_MINT_AUTHORITY && !self.pays_sol()
    }

    /// Whether rewards are SOL, split out of a payment.
    #[inline(always)]
    pub fn pays_sol(&self) -> bool {
        self.funding == FUNDING_PAYMENT_SPLIT && address_is_zero(&self.mint)
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

    /// Whether it is closed, and everything that could be claimed had its time.
    pub fn claims_are_over(&self, now: i64) -> bool {
        let held = i64::from(self.longest_hold.get());
        let over = self.closed_at.get().saturating_add(held);
        self.closed == 1 && now >= over.saturating_add(CLAIM_PERIOD)
    }

    /// Fails unless `authority` is the campaign's.
    #[inline(always)]
    pub fn check_authority(&self, authority: &Address) -> Result<()> {
        require!(
            address_eq(&self.authority, authority),
            ReferralError::Unauthorized
        );
        Ok(())
    }
}

/// Whether this is "none"; as a mint, SOL.
#[inline(always)]
pub fn address_is_zero(address: &Address) -> bool {
    address_eq(address, &Address::default())
}
