use anchor_lang::prelude::*;
use anchor_lang::wincode::config::{ConfigCore, ZeroCopy};
use anchor_lang::wincode::TypeMeta;
use vouch_rules::promise::Promise;
use vouch_rules::reward::{self, RewardKind, RewardRule, Share};

use crate::{address::address_is_zero, ReferralError as E};

/// `Settings::reward_kind`: `reward_fixed` base units for each conversion.
pub const REWARD_FIXED: u8 = 0;
/// `Settings::reward_kind`: `reward_bps` of the amount, at most `reward_max`.
pub const REWARD_PERCENT: u8 = 1;

/// Longest hold, attribution window and notice, in seconds: 365 days.
pub const MAX_PERIOD: u32 = 31_536_000;

/// The terms of a campaign that never change.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable, IdlType)]
#[repr(C)]
pub struct Terms {
    /// Source of rewards: 0 mint authority, 1 vault, 2 split of the payment.
    pub funding: u8,
    /// Proof that a conversion needs: 0 none, 1 an attestation, 2 a payment.
    pub proof: u8,
    /// Counted once: 0 a wallet, 1 a wallet with a code, 2 an order.
    pub uniqueness: u8,
    /// 1 when tiers, bonuses and `owner_limit` count the conversions of all codes of an
    /// owner, 0 when each code counts by itself.
    pub per_owner: u8,
    /// Seconds between the announcement of a cut and its effect.
    pub notice_seconds: PodU32,
}

/// The settings of a campaign, which its authority may change.
///
/// Those before `budget` are a promise to referrers: they are raised at once and cut only
/// after the campaign's notice. `budget` and those after it take effect at once.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable, IdlType)]
#[repr(C)]
pub struct Settings {
    /// Kind of the reward: 0 fixed, 1 percent of the amount.
    pub reward_kind: u8,
    /// Base units for each conversion, when the kind is fixed; else 0.
    pub reward_fixed: PodU64,
    /// Basis points of the amount, when the kind is percent; else 0.
    pub reward_bps: PodU16,
    /// Most base units for one conversion, when the kind is percent; else 0.
    pub reward_max: PodU64,
    /// Least amount of a conversion.
    pub min_amount: PodU64,
    /// Basis points of the reward for the referee; 0 where the part is fixed.
    pub referee_share_bps: PodU16,
    /// Base units of the reward for the referee; 0 where the part is a share.
    pub referee_fixed: PodU64,
    /// Most basis points of the reward that a partner may get.
    pub max_partner_share_bps: PodU16,
    /// Most base units of the reward that a partner may get.
    pub max_partner_fixed: PodU64,
    /// Most conversions of all codes of one owner; 0 for no limit.
    pub owner_limit: PodU64,
    /// Multipliers by the number of conversions; unused ones are zero.
    pub tiers: [Tier; 4],
    /// Bonuses by the number of conversions; unused ones are zero.
    pub bonuses: [Bonus; 4],
    /// Seconds that a reward is held before it can be claimed; 0 to be paid at once.
    pub hold_seconds: PodU32,
    /// Seconds that a binding lasts; 0 if the campaign needs no binding.
    pub attribution_window: PodU32,
    /// Unix seconds from which conversions count; 0 for at once.
    pub starts_at: PodI64,
    /// Unix seconds from which they no longer count; 0 for never.
    pub ends_at: PodI64,
    /// Issuer of the credential that a referee needs (a credential account of the Solana
    /// Attestation Service); zero for none.
    pub gate_credential: Address,
    /// Schema of that credential; zero for none.
    pub gate_schema: Address,
    /// Most base units that the campaign may owe and pay; 0 for no limit.
    pub budget: PodU64,
    /// 1 when a code needs the attestor's signature.
    pub attested_codes: u8,
    /// Signer who vouches for conversions and codes; zero for nobody.
    pub attestor: Address,
    /// Receives payments: a wallet for SOL, a token account for a token.
    pub treasury: Address,
}

/// From `min_conversions` on, rewards are multiplied.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable, IdlType)]
#[repr(C)]
pub struct Tier {
    /// Number of conversions from which the tier applies.
    pub min_conversions: PodU64,
    /// Multiplier in basis points (10,000 = 1x).
    pub multiplier_bps: PodU32,
}

/// Paid once, with the conversion that reaches `threshold`. Threshold and amount identify a
/// bonus.
#[derive(Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable, IdlType)]
#[repr(C)]
pub struct Bonus {
    /// Number of conversions that earns the bonus.
    pub threshold: PodU64,
    /// Base units.
    pub amount: PodU64,
}

impl Bonus {
    /// The bonus in the type of the reward rule.
    #[inline(always)]
    pub fn rule(&self) -> reward::Bonus {
        reward::Bonus {
            threshold: self.threshold.get(),
            amount: self.amount.get(),
        }
    }
}

impl Settings {
    /// The rule that rewards follow; `bonus_bits` are the places of the bonuses in the
    /// campaign's register. One copy: it is long, and most conversions need no rule.
    #[inline(never)]
    pub fn rule(&self, bonus_bits: [u8; 4]) -> RewardRule {
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
            bonuses: self.bonuses.map(|bonus| bonus.rule()),
            bonus_bits,
            referee: Share {
                bps: self.referee_share_bps.get(),
                fixed: self.referee_fixed.get(),
            },
            max_partner: Share {
                bps: self.max_partner_share_bps.get(),
                fixed: self.max_partner_fixed.get(),
            },
        }
    }

    /// The promise to referrers.
    #[inline(never)]
    fn promise(&self) -> Promise {
        Promise {
            rule: self.rule([0; 4]),
            min_amount: self.min_amount.get(),
            hold_seconds: self.hold_seconds.get(),
            attribution_window: self.attribution_window.get(),
            starts_at: self.starts_at.get(),
            ends_at: self.ends_at.get(),
            owner_limit: self.owner_limit.get(),
            gate: [
                *self.gate_credential.as_array(),
                *self.gate_schema.as_array(),
            ],
        }
    }

    /// Whether these settings give somebody less than `old` did, at `now` in unix seconds.
    #[inline(never)]
    pub fn cut(&self, old: &Self, now: i64) -> bool {
        self.promise().cuts(&old.promise(), now)
    }

    /// Whether each conversion earns a fixed reward for the referrer alone, without tiers or
    /// bonuses.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.tiers[0].multiplier_bps.get() == 0
            && self.reward_kind == REWARD_FIXED
            && self.bonuses[0].amount.get() == 0
            && self.referee_share_bps.get() == 0
            && self.referee_fixed.get() == 0
    }

    /// Whether the referee has a part in each reward.
    #[inline(always)]
    pub fn pays_referee(&self) -> bool {
        self.referee_share_bps.get() != 0 || self.referee_fixed.get() != 0
    }

    /// Whether a referee needs a credential.
    #[inline(always)]
    pub fn has_gate(&self) -> bool {
        !address_is_zero(&self.gate_credential)
    }

    /// Fails unless the end is in the future, `old` or 0, which means never. In unix seconds.
    pub fn check_end(&self, old: i64, now: i64) -> Result<()> {
        let ends_at = self.ends_at.get();
        require!(
            ends_at == 0 || ends_at > now || ends_at == old,
            E::InvalidSchedule
        );
        Ok(())
    }
}

macro_rules! borsh_as_bytes {
    ($type:ident) => {
        // SAFETY: the type is `Pod`, so any bytes are a valid value.
        unsafe impl<'de, C: ConfigCore> SchemaRead<'de, C> for $type {
            type Dst = Self;
            const TYPE_META: TypeMeta = TypeMeta::Static {
                size: core::mem::size_of::<Self>(),
                zero_copy: true,
            };

            #[inline]
            fn read(
                mut reader: impl anchor_lang::wincode::io::Reader<'de>,
                dst: &mut core::mem::MaybeUninit<Self>,
            ) -> anchor_lang::wincode::ReadResult<()> {
                let bytes = reader.take_array::<{ core::mem::size_of::<Self>() }>()?;
                dst.write(bytemuck::cast(bytes));
                Ok(())
            }
        }

        // SAFETY: any bytes are a valid value, at any address. An argument can be a reference.
        unsafe impl<C: ConfigCore> ZeroCopy<C> for $type {}

        const _: () = assert!(core::mem::align_of::<$type>() == 1);

        // SAFETY: writes all bytes of the value.
        unsafe impl<C: ConfigCore> SchemaWrite<C> for $type {
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
