//! A campaign's settings, as callers choose them and as they will stand.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::ToSchema;
use vouch_client::{
    Pubkey,
    accounts::{Bonus, Funding, Proof, RewardKind, Settings, Terms, Tier, Uniqueness},
};

use super::{address, amount};
use crate::{
    error::{ApiError, ApiResult},
    schemas,
    types::{Amount, timestamp},
};

/// The word for no address.
const NONE: &str = "none";
/// The words for no start and no end.
const AT_ONCE: &str = "at_once";
const NEVER: &str = "never";

/// Settings to choose. An absent field keeps its value; in a new campaign it gets the usual one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsInput {
    /// Reward of a conversion.
    reward: Option<RewardInput>,
    /// Least amount of a conversion, as a decimal string.
    #[schema(value_type = Option<Amount>)]
    min_amount: Option<String>,
    /// Basis points of the reward for the wallet that was referred.
    #[schema(minimum = 0, maximum = 65535)]
    referee_share_bps: Option<i64>,
    /// Base units of the reward for the wallet that was referred.
    #[schema(value_type = Option<Amount>)]
    referee_fixed: Option<String>,
    /// Most basis points of the reward that a partner may get.
    #[schema(minimum = 0, maximum = 65535)]
    max_partner_share_bps: Option<i64>,
    /// Most base units of the reward that a partner may get.
    #[schema(value_type = Option<Amount>)]
    max_partner_fixed: Option<String>,
    /// Most conversions of all codes of one owner; 0 for no limit.
    #[schema(value_type = Option<Amount>)]
    owner_limit: Option<String>,
    /// At most four, ascending.
    #[schema(max_items = 4)]
    tiers: Option<Vec<TierInput>>,
    /// At most four, ascending.
    #[schema(max_items = 4)]
    bonuses: Option<Vec<BonusInput>>,
    /// Seconds that a reward is held, and can be cancelled; 0 to pay at once. At most 31536000.
    #[schema(minimum = 0, maximum = 4294967295u32)]
    hold_seconds: Option<i64>,
    /// Seconds that a binding lasts; 0 if the campaign needs no binding. At most 31536000.
    #[schema(minimum = 0, maximum = 4294967295u32)]
    attribution_window: Option<i64>,
    /// RFC 3339, or at_once.
    #[schema(value_type = Option<schemas::StartTime>)]
    starts_at: Option<String>,
    /// RFC 3339, or never.
    #[schema(value_type = Option<schemas::EndTime>)]
    ends_at: Option<String>,
    /// Issuer of the credential that a referee needs, or none.
    #[schema(value_type = Option<schemas::AddressOrNone>)]
    gate_credential: Option<String>,
    /// Schema of that credential, or none.
    #[schema(value_type = Option<schemas::AddressOrNone>)]
    gate_schema: Option<String>,
    /// Most base units that the campaign may owe and pay; 0 for no limit.
    #[schema(value_type = Option<Amount>)]
    budget: Option<String>,
    /// Whether a code needs the attestor's signature.
    attested_codes: Option<bool>,
    /// Signer who vouches for conversions and codes, or none.
    #[schema(value_type = Option<schemas::AddressOrNone>)]
    attestor: Option<String>,
    /// Receives payments: a wallet for SOL, a token account for a token, or none.
    #[schema(value_type = Option<schemas::AddressOrNone>)]
    treasury: Option<String>,
}

/// Reward of a conversion: `fixed`, or `percent_bps` with `max`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RewardInput {
    /// Base units for each conversion.
    #[schema(value_type = Option<Amount>)]
    fixed: Option<String>,
    /// Basis points of the amount.
    #[schema(minimum = 0, maximum = 65535)]
    percent_bps: Option<i64>,
    /// Most base units for one conversion, with `percent_bps`. When absent, a new campaign has as much as fits, and a
    /// percentage that changes keeps its maximum; a fixed reward that becomes a percentage needs one.
    #[schema(value_type = Option<Amount>)]
    max: Option<String>,
}

/// From `min_conversions` on, rewards are multiplied.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierInput {
    /// As a decimal string.
    #[schema(value_type = Amount)]
    min_conversions: String,
    /// 10000 is 1x.
    #[schema(minimum = 0, maximum = 65535)]
    multiplier_bps: i64,
}

/// Paid once to the referrer, with the conversion that reaches `threshold`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BonusInput {
    /// As a decimal string.
    #[schema(value_type = Amount)]
    threshold: String,
    /// Base units, as a decimal string.
    #[schema(value_type = Amount)]
    amount: String,
}

/// A number of a field that has to fit into fewer bits.
pub(super) fn small<T: TryFrom<i64>>(value: i64, most: u32, field: &str) -> ApiResult<T> {
    T::try_from(value).map_err(|_| {
        let message = format!("this field has to be an integer from 0 to {most}");
        ApiError::wrong_type().saying(message).of_field(field)
    })
}

fn bps(value: i64, field: &str) -> ApiResult<u16> {
    small(value, u32::from(u16::MAX), field)
}

fn seconds(value: i64, field: &str) -> ApiResult<u32> {
    small(value, u32::MAX, field)
}

/// Unix seconds of a time, 0 for `none`.
pub(super) fn time(text: &str, none: &str, field: &str) -> ApiResult<i64> {
    if text == none {
        return Ok(0);
    }
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .map(OffsetDateTime::unix_timestamp)
        // 0 means "none".
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| ApiError::invalid_time().of_field(field))
}

/// Unix seconds of an expiry, 0 for never.
pub(super) fn expiry(text: &str, field: &str) -> ApiResult<i64> {
    time(text, NEVER, field)
}

fn address_or_none(text: &str, field: &str) -> ApiResult<Pubkey> {
    if text == NONE {
        return Ok(Pubkey::default());
    }
    address(text, field)
}

/// The places of a list, of which at most four are used.
fn four<T: Copy + Default>(items: Vec<T>, field: &str) -> ApiResult<[T; 4]> {
    let mut four = [T::default(); 4];
    if items.len() > four.len() {
        let message = "this list has at most four items";
        return Err(ApiError::wrong_type().saying(message).of_field(field));
    }
    for (place, item) in four.iter_mut().zip(items) {
        *place = item;
    }
    Ok(four)
}

impl RewardInput {
    fn apply(&self, settings: &mut Settings) -> ApiResult<()> {
        let field = "settings.reward";
        let conflicting = |message: &str| {
            Err(ApiError::conflicting_fields()
                .saying(message)
                .of_field(field))
        };
        // A percentage that stays one keeps its maximum.
        let max = settings.reward_max;
        (
            settings.reward_fixed,
            settings.reward_bps,
            settings.reward_max,
        ) = (0, 0, 0);
        match (&self.fixed, self.percent_bps) {
            (Some(_), None) if self.max.is_some() => {
                return conflicting("only a percentage has a maximum");
            }
            (Some(fixed), None) => {
                settings.reward_kind = RewardKind::Fixed;
                settings.reward_fixed = amount(fixed, "settings.reward.fixed")?;
            }
            (None, Some(percent)) => {
                settings.reward_kind = RewardKind::Percent;
                settings.reward_bps = bps(percent, "settings.reward.percent_bps")?;
                settings.reward_max = match &self.max {
                    Some(max) => amount(max, "settings.reward.max")?,
                    None => max,
                };
            }
            _ => return conflicting("a reward is fixed, or a percentage in percent_bps"),
        }
        Ok(())
    }
}

impl SettingsInput {
    /// Whether it says what a conversion pays.
    pub(super) fn has_reward(&self) -> bool {
        self.reward.is_some()
    }

    /// Whether it says how much the campaign may owe and pay.
    pub(super) fn has_budget(&self) -> bool {
        self.budget.is_some()
    }

    /// `base` with what was chosen.
    ///
    /// # Errors
    /// `invalid_amount`, `invalid_address`, `invalid_time`, `wrong_type` or `conflicting_fields`,
    /// with the field.
    pub(super) fn apply(&self, base: Settings) -> ApiResult<Settings> {
        let mut settings = base;
        if let Some(reward) = &self.reward {
            reward.apply(&mut settings)?;
        }
        for (input, field, place) in [
            (
                &self.min_amount,
                "settings.min_amount",
                &mut settings.min_amount,
            ),
            (
                &self.referee_fixed,
                "settings.referee_fixed",
                &mut settings.referee_fixed,
            ),
            (
                &self.max_partner_fixed,
                "settings.max_partner_fixed",
                &mut settings.max_partner_fixed,
            ),
            (
                &self.owner_limit,
                "settings.owner_limit",
                &mut settings.owner_limit,
            ),
            (&self.budget, "settings.budget", &mut settings.budget),
        ] {
            if let Some(text) = input {
                *place = amount(text, field)?;
            }
        }
        if let Some(value) = self.referee_share_bps {
            settings.referee_share_bps = bps(value, "settings.referee_share_bps")?;
        }
        if let Some(value) = self.max_partner_share_bps {
            settings.max_partner_share_bps = bps(value, "settings.max_partner_share_bps")?;
        }
        if let Some(value) = self.hold_seconds {
            settings.hold_seconds = seconds(value, "settings.hold_seconds")?;
        }
        if let Some(value) = self.attribution_window {
            settings.attribution_window = seconds(value, "settings.attribution_window")?;
        }
        if let Some(tiers) = &self.tiers {
            let field = "settings.tiers";
            let tiers = tiers.iter().map(|tier| {
                Ok(Tier {
                    min_conversions: amount(&tier.min_conversions, field)?,
                    multiplier_bps: seconds(tier.multiplier_bps, field)?,
                })
            });
            settings.tiers = four(tiers.collect::<ApiResult<_>>()?, field)?;
        }
        if let Some(bonuses) = &self.bonuses {
            let field = "settings.bonuses";
            let bonuses = bonuses.iter().map(|bonus| {
                Ok(Bonus {
                    threshold: amount(&bonus.threshold, field)?,
                    amount: amount(&bonus.amount, field)?,
                })
            });
            settings.bonuses = four(bonuses.collect::<ApiResult<_>>()?, field)?;
        }
        if let Some(text) = &self.starts_at {
            settings.starts_at = time(text, AT_ONCE, "settings.starts_at")?;
        }
        if let Some(text) = &self.ends_at {
            settings.ends_at = time(text, NEVER, "settings.ends_at")?;
        }
        for (input, field, place) in [
            (
                &self.gate_credential,
                "settings.gate_credential",
                &mut settings.gate_credential,
            ),
            (
                &self.gate_schema,
                "settings.gate_schema",
                &mut settings.gate_schema,
            ),
            (&self.attestor, "settings.attestor", &mut settings.attestor),
            (&self.treasury, "settings.treasury", &mut settings.treasury),
        ] {
            if let Some(text) = input {
                *place = address_or_none(text, field)?;
            }
        }
        if let Some(value) = self.attested_codes {
            settings.attested_codes = value;
        }
        Ok(settings)
    }
}

/// Every setting of a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsAnswer {
    reward: RewardSetting,
    min_amount: Amount,
    referee_share_bps: u16,
    referee_fixed: Amount,
    max_partner_share_bps: u16,
    max_partner_fixed: Amount,
    /// Null for no limit.
    owner_limit: Option<Amount>,
    tiers: Vec<TierAnswer>,
    bonuses: Vec<BonusAnswer>,
    hold_seconds: u32,
    attribution_window: u32,
    /// RFC 3339; null for at once.
    starts_at: Option<String>,
    /// RFC 3339; null for never.
    ends_at: Option<String>,
    gate_credential: Option<String>,
    gate_schema: Option<String>,
    /// Null for no limit.
    budget: Option<Amount>,
    attested_codes: bool,
    attestor: Option<String>,
    treasury: Option<String>,
}

/// Reward of a conversion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RewardSetting {
    /// Base units; null for a percentage.
    fixed: Option<Amount>,
    /// Basis points of the amount; null for a fixed reward.
    percent_bps: Option<u16>,
    /// Most base units for one conversion; null for a fixed reward.
    max: Option<Amount>,
}

/// From `min_conversions` on, rewards are multiplied.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TierAnswer {
    min_conversions: Amount,
    multiplier_bps: u32,
}

/// Paid once, with the conversion that reaches `threshold`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BonusAnswer {
    threshold: Amount,
    amount: Amount,
}

impl From<&Settings> for SettingsAnswer {
    fn from(settings: &Settings) -> Self {
        let limit = |units: u64| (units != 0).then_some(Amount(units));
        let named = |key: Pubkey| (key != Pubkey::default()).then(|| key.to_string());
        let percent = settings.reward_kind == RewardKind::Percent;
        let tiers = settings
            .tiers
            .iter()
            .filter(|tier| **tier != Tier::default());
        let bonuses = settings.bonuses.iter();
        let bonuses = bonuses.filter(|bonus| **bonus != Bonus::default());
        Self {
            reward: RewardSetting {
                fixed: (!percent).then_some(Amount(settings.reward_fixed)),
                percent_bps: percent.then_some(settings.reward_bps),
                max: percent.then_some(Amount(settings.reward_max)),
            },
            min_amount: Amount(settings.min_amount),
            referee_share_bps: settings.referee_share_bps,
            referee_fixed: Amount(settings.referee_fixed),
            max_partner_share_bps: settings.max_partner_share_bps,
            max_partner_fixed: Amount(settings.max_partner_fixed),
            owner_limit: limit(settings.owner_limit),
            tiers: tiers
                .map(|tier| TierAnswer {
                    min_conversions: Amount(tier.min_conversions),
                    multiplier_bps: tier.multiplier_bps,
                })
                .collect(),
            bonuses: bonuses
                .map(|bonus| BonusAnswer {
                    threshold: Amount(bonus.threshold),
                    amount: Amount(bonus.amount),
                })
                .collect(),
            hold_seconds: settings.hold_seconds,
            attribution_window: settings.attribution_window,
            starts_at: timestamp(settings.starts_at),
            ends_at: timestamp(settings.ends_at),
            gate_credential: named(settings.gate_credential),
            gate_schema: named(settings.gate_schema),
            budget: limit(settings.budget),
            attested_codes: settings.attested_codes,
            attestor: named(settings.attestor),
            treasury: named(settings.treasury),
        }
    }
}

/// Terms of a campaign, which never change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TermsAnswer {
    /// mint_authority, vault or payment_split.
    funding: &'static str,
    /// open, attested or payment.
    proof: &'static str,
    /// wallet, wallet_and_code or order.
    uniqueness: &'static str,
    /// Whether tiers, bonuses and owner_limit count the conversions of all codes of an owner.
    per_owner: bool,
    /// Seconds between the announcement of a cut and its effect.
    notice_seconds: u32,
}

/// The names of the terms, as the API spells them.
pub(super) const FUNDINGS: [(&str, Funding); 3] = [
    ("mint_authority", Funding::MintAuthority),
    ("vault", Funding::Vault),
    ("payment_split", Funding::PaymentSplit),
];
pub(super) const PROOFS: [(&str, Proof); 3] = [
    ("open", Proof::Open),
    ("attested", Proof::Attested),
    ("payment", Proof::Payment),
];
pub(super) const UNIQUENESSES: [(&str, Uniqueness); 3] = [
    ("wallet", Uniqueness::Wallet),
    ("wallet_and_code", Uniqueness::WalletAndCode),
    ("order", Uniqueness::Order),
];

/// The value that a field names; `wrong_type` says which there are.
pub(super) fn named<T: Copy>(text: &str, names: &[(&'static str, T)], field: &str) -> ApiResult<T> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let message = format!("this field has to be one of {}", names.join(", "));
        ApiError::wrong_type().saying(message).of_field(field)
    })
}

fn name_of<T: PartialEq>(value: T, names: &[(&'static str, T); 3]) -> &'static str {
    let found = names.iter().find(|(_, known)| *known == value);
    found.map_or("", |(name, _)| *name)
}

impl From<Terms> for TermsAnswer {
    fn from(terms: Terms) -> Self {
        Self {
            funding: name_of(terms.funding, &FUNDINGS),
            proof: name_of(terms.proof, &PROOFS),
            uniqueness: name_of(terms.uniqueness, &UNIQUENESSES),
            per_owner: terms.per_owner,
            notice_seconds: terms.notice_seconds,
        }
    }
}
