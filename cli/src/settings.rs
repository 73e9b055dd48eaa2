//! Settings of a campaign, as options and files have them, and as they will stand.

use std::str::FromStr;

use clap::Args;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};
use vouch_client::{
    Pubkey,
    accounts::{Bonus, RewardKind, Settings, Tier},
};

use crate::{
    amount::Units,
    context::address,
    error::{Failure, Outcome},
    span,
};

/// The word for no limit, no list and no address.
const NONE: &str = "none";
/// Decimals of a percentage in basis points.
const PERCENT_DECIMALS: u8 = 2;

/// Units of a number of things.
pub(crate) const COUNT: Units = Units {
    decimals: 0,
    raw: true,
};

/// A value of an option, or of a file, where numbers need no quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl FromStr for Text {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Text;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // A float would lose digits of an amount.
                f.write_str("a text in quotes or a whole number")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Settings to choose. What is absent keeps its value; in a new campaign it gets the usual one.
#[derive(Debug, Default, Clone, PartialEq, Eq, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SettingsArgs {
    /// Reward of each conversion, as an amount of the rewards' token
    #[arg(long, value_name = "AMOUNT", conflicts_with = "reward_percent")]
    pub(crate) reward: Option<Text>,
    /// Reward of each conversion, in percent of its amount, such as 2.5
    #[arg(long, value_name = "PERCENT")]
    pub(crate) reward_percent: Option<Text>,
    /// Most for one conversion, where the reward is a percentage [default: as much as fits]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) reward_max: Option<Text>,
    /// Least amount of a conversion, in the payments' token [default: 0, or the largest fixed reward
    /// where buyers pay]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) min_amount: Option<Text>,
    /// Part of the reward for the wallet that was referred, in percent [default: 0]
    #[arg(long, value_name = "PERCENT", conflicts_with = "referee_fixed")]
    pub(crate) referee_percent: Option<Text>,
    /// Part of the reward for the wallet that was referred, as an amount [default: 0]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) referee_fixed: Option<Text>,
    /// Most of the reward that a partner may get, in percent [default: 0]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) partner_percent: Option<Text>,
    /// Most of the reward that a partner may get, as an amount [default: 0]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) partner_fixed: Option<Text>,
    /// Most conversions of all codes of one owner, or none [default: none]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) owner_limit: Option<Text>,
    /// From this number of conversions on, rewards are multiplied: 10:1.5. At most four, or none
    #[arg(long = "tier", value_name = "NUMBER:FACTOR")]
    pub(crate) tiers: Option<Vec<Text>>,
    /// Paid once, with the conversion of this number: 10:50. At most four, or none
    #[arg(long = "bonus", value_name = "NUMBER:AMOUNT")]
    pub(crate) bonuses: Option<Vec<Text>>,
    /// How long a reward is held and can be cancelled, such as 14d [default: 0]
    #[arg(long, value_name = "DURATION")]
    pub(crate) hold: Option<Text>,
    /// How long a first touch counts, such as 90d [default: 0, no first touch]
    #[arg(long, value_name = "DURATION")]
    pub(crate) window: Option<Text>,
    /// When conversions begin to count: RFC 3339 [default: at_once]
    #[arg(long, value_name = "TIME")]
    pub(crate) starts_at: Option<Text>,
    /// When they end to count: RFC 3339 [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) ends_at: Option<Text>,
    /// Issuer of the credential that a referred wallet needs [default: none]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) gate_credential: Option<Text>,
    /// Schema of that credential [default: none]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) gate_schema: Option<Text>,
    /// Most that the campaign may owe and pay, or none [default: none]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) budget: Option<Text>,
    /// Whether a code needs the attestor's signature [default: false]
    #[arg(long, value_name = "BOOL")]
    pub(crate) attested_codes: Option<bool>,
    /// Signer who vouches for conversions and codes [default: the authority, where one is needed]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) attestor: Option<Text>,
    /// Receives payments: a wallet for SOL, a token account for a token [default: the authority's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) treasury: Option<Text>,
}

/// The units of a campaign's amounts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tokens {
    /// Of rewards.
    pub(crate) reward: Units,
    /// The token of the conversions' amounts: the payments' token, or the rewards' where nobody pays.
    pub(crate) payment: Units,
}

impl SettingsArgs {
    /// These settings, and those of `under` where these have none.
    pub(crate) fn over(self, mut under: Self) -> Self {
        macro_rules! merged {
            ($($field:ident),*) => {
                Self { $($field: self.$field.or(under.$field)),* }
            };
        }
        // One kind of a value replaces the other one.
        if self.reward.is_some() {
            (under.reward_percent, under.reward_max) = (None, None);
        } else if self.reward_percent.is_some() {
            under.reward = None;
        }
        if self.referee_fixed.is_some() {
            under.referee_percent = None;
        } else if self.referee_percent.is_some() {
            under.referee_fixed = None;
        }
        merged!(
            reward,
            reward_percent,
            reward_max,
            min_amount,
            referee_percent,
            referee_fixed,
            partner_percent,
            partner_fixed,
            owner_limit,
            tiers,
            bonuses,
            hold,
            window,
            starts_at,
            ends_at,
            gate_credential,
            gate_schema,
            budget,
            attested_codes,
            attestor,
            treasury
        )
    }

    /// Whether nothing is chosen.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// `base` with what is chosen here.
    ///
    /// # Errors
    /// `invalid_amount`, `invalid_number`, `invalid_percent`, `invalid_address`, `invalid_duration`,
    /// `invalid_time`, `conflicting_options`, with the name of the option.
    pub(crate) fn apply(&self, base: Settings, tokens: Tokens) -> Outcome<Settings> {
        let mut new = base;
        self.apply_reward(&mut new, tokens)?;
        let amount = |text: &Option<Text>, units: Units, option, target: &mut u64| match text {
            Some(Text(text)) if text == NONE => {
                *target = 0;
                Ok(())
            }
            Some(Text(text)) => units.parse(text, option).map(|units| *target = units),
            None => Ok(()),
        };
        amount(
            &self.min_amount,
            tokens.payment,
            "--min-amount",
            &mut new.min_amount,
        )?;
        if let Some(Text(text)) = &self.budget {
            new.budget = limit(text, tokens.reward, "--budget")?;
        }
        if let Some(Text(text)) = &self.owner_limit {
            new.owner_limit = limit(text, COUNT, "--owner-limit")?;
        }
        if let Some(Text(text)) = &self.referee_percent {
            new.referee_share_bps = percent(text, "--referee-percent")?;
            new.referee_fixed = 0;
        }
        if let Some(Text(text)) = &self.referee_fixed {
            new.referee_fixed = tokens.reward.parse(text, "--referee-fixed")?;
            new.referee_share_bps = 0;
        }
        if let Some(Text(text)) = &self.partner_percent {
            new.max_partner_share_bps = percent(text, "--partner-percent")?;
        }
        amount(
            &self.partner_fixed,
            tokens.reward,
            "--partner-fixed",
            &mut new.max_partner_fixed,
        )?;
        if let Some(tiers) = &self.tiers {
            new.tiers = list(tiers, "--tier", |number, factor| {
                // A factor has four decimals: 1.5 is 15000 basis points.
                let factor_units = Units {
                    decimals: 4,
                    raw: false,
                };
                let multiplier = factor_units.parse(factor, "--tier")?;
                Ok(Tier {
                    min_conversions: number,
                    multiplier_bps: u32::try_from(multiplier)
                        .map_err(|_| invalid_number("--tier", factor))?,
                })
            })?;
        }
        if let Some(bonuses) = &self.bonuses {
            new.bonuses = list(bonuses, "--bonus", |threshold, amount| {
                Ok(Bonus {
                    threshold,
                    amount: tokens.reward.parse(amount, "--bonus")?,
                })
            })?;
        }
        if let Some(Text(text)) = &self.hold {
            new.hold_seconds = span::seconds(text, "--hold")?;
        }
        if let Some(Text(text)) = &self.window {
            new.attribution_window = span::seconds(text, "--window")?;
        }
        if let Some(Text(text)) = &self.starts_at {
            new.starts_at = span::moment(text, "--starts-at", span::AT_ONCE)?;
        }
        if let Some(Text(text)) = &self.ends_at {
            new.ends_at = span::moment(text, "--ends-at", span::NEVER)?;
        }
        for (text, option, target) in [
            (
                &self.gate_credential,
                "--gate-credential",
                &mut new.gate_credential,
            ),
            (&self.gate_schema, "--gate-schema", &mut new.gate_schema),
            (&self.attestor, "--attestor", &mut new.attestor),
            (&self.treasury, "--treasury", &mut new.treasury),
        ] {
            match text {
                Some(Text(text)) if text == NONE => *target = Pubkey::default(),
                Some(Text(text)) => *target = pubkey(text, option)?,
                None => {}
            }
        }
        if let Some(attested) = self.attested_codes {
            new.attested_codes = attested;
        }
        Ok(new)
    }

    fn apply_reward(&self, new: &mut Settings, tokens: Tokens) -> Outcome<()> {
        match (&self.reward, &self.reward_percent) {
            (Some(_), Some(_)) => {
                return Err(conflicting(
                    "a reward is --reward or --reward-percent, not both",
                ));
            }
            (Some(Text(text)), None) => {
                new.reward_kind = RewardKind::Fixed;
                new.reward_fixed = tokens.reward.parse(text, "--reward")?;
                (new.reward_bps, new.reward_max) = (0, 0);
            }
            (None, Some(Text(text))) => {
                new.reward_kind = RewardKind::Percent;
                new.reward_bps = percent(text, "--reward-percent")?;
                new.reward_fixed = 0;
            }
            (None, None) => {}
        }
        if let Some(Text(text)) = &self.reward_max {
            if new.reward_kind == RewardKind::Fixed {
                return Err(conflicting("only a percentage has a --reward-max"));
            }
            new.reward_max = tokens.reward.parse(text, "--reward-max")?;
            if new.reward_max == 0 {
                // The SDK takes 0 for "not chosen".
                return Err(Failure::usage(
                    "invalid_amount",
                    "--reward-max: 0 is no maximum",
                    "write an amount above 0",
                ));
            }
        }
        Ok(())
    }
}

/// A limit, 0 for `none`.
///
/// # Errors
/// `invalid_amount`, also for a 0 that was written: it would mean the contrary.
pub(crate) fn limit(text: &str, units: Units, option: &str) -> Outcome<u64> {
    if text == NONE {
        return Ok(0);
    }
    match units.parse(text, option)? {
        0 => Err(Failure::usage(
            "invalid_amount",
            format!("{option}: a limit of 0 would allow nothing"),
            "write none for no limit, or a number above 0",
        )),
        limit => Ok(limit),
    }
}

fn conflicting(message: &str) -> Failure {
    Failure::usage("conflicting_options", message, "leave one of them out")
}

fn invalid_number(option: &str, text: &str) -> Failure {
    Failure::usage(
        "invalid_number",
        format!("{option}: {text:?} is no such number"),
        "see `--help` for how it is written",
    )
}

/// Basis points of a percentage, which has at most two decimals.
fn percent(text: &str, option: &str) -> Outcome<u16> {
    let text = text.strip_suffix('%').unwrap_or(text);
    let units = Units {
        decimals: PERCENT_DECIMALS,
        raw: false,
    };
    let bps = units.parse(text, option).ok();
    bps.and_then(|bps| u16::try_from(bps).ok())
        .filter(|bps| *bps <= 10_000)
        .ok_or_else(|| {
            Failure::usage(
                "invalid_percent",
                format!("{option}: {text:?} is no percentage"),
                "write 0 to 100 with at most two decimals, such as 2.5",
            )
        })
}

/// An address of an option.
///
/// # Errors
/// `invalid_address`.
pub(crate) fn pubkey(text: &str, option: &str) -> Outcome<Pubkey> {
    text.parse().map_err(|_| {
        Failure::usage(
            "invalid_address",
            format!("{option}: {text:?} is no address"),
            "write 32 bytes in base58, as `solana address` prints them",
        )
    })
}

/// The four places of a list of pairs.
fn list<T: Copy + Default>(
    items: &[Text],
    option: &str,
    read: impl Fn(u64, &str) -> Outcome<T>,
) -> Outcome<[T; 4]> {
    let mut four = [T::default(); 4];
    if let [Text(only)] = items
        && only == NONE
    {
        return Ok(four);
    }
    if items.len() > four.len() {
        return Err(Failure::usage(
            "too_many_items",
            format!("{option} can be given four times"),
            "leave some out",
        ));
    }
    for (place, Text(item)) in four.iter_mut().zip(items) {
        let (number, value) = item
            .split_once(':')
            .ok_or_else(|| invalid_number(option, item))?;
        let number = number.parse().map_err(|_| invalid_number(option, item))?;
        *place = read(number, value)?;
    }
    Ok(four)
}

/// Settings for `--json`, with every field of the account.
pub(crate) fn shown(settings: &Settings, tokens: Tokens) -> Value {
    let amount = |units: u64| tokens.reward.json(units);
    let limit = |units: u64| (units != 0).then(|| amount(units));
    let tiers = settings.tiers.iter().filter(|tier| tier.multiplier_bps > 0);
    let bonuses = settings.bonuses.iter().filter(|bonus| bonus.amount > 0);
    let is_fixed = settings.reward_kind == RewardKind::Fixed;
    json!({
        "reward_kind": if is_fixed { "fixed" } else { "percent" },
        "reward_fixed": is_fixed.then(|| amount(settings.reward_fixed)),
        "reward_bps": (!is_fixed).then_some(settings.reward_bps),
        "reward_max": (!is_fixed).then(|| amount(settings.reward_max)),
        "min_amount": tokens.payment.json(settings.min_amount),
        "referee_share_bps": settings.referee_share_bps,
        "referee_fixed": amount(settings.referee_fixed),
        "max_partner_share_bps": settings.max_partner_share_bps,
        "max_partner_fixed": amount(settings.max_partner_fixed),
        "owner_limit": (settings.owner_limit != 0).then(|| settings.owner_limit.to_string()),
        "tiers": tiers.map(|tier| json!({
            "min_conversions": tier.min_conversions.to_string(),
            "multiplier_bps": tier.multiplier_bps,
        })).collect::<Vec<_>>(),
        "bonuses": bonuses.map(|bonus| json!({
            "threshold": bonus.threshold.to_string(),
            "amount": amount(bonus.amount),
        })).collect::<Vec<_>>(),
        "hold_seconds": settings.hold_seconds,
        "attribution_window": settings.attribution_window,
        "starts_at": span::shown(settings.starts_at),
        "ends_at": span::shown(settings.ends_at),
        "gate_credential": address(&settings.gate_credential),
        "gate_schema": address(&settings.gate_schema),
        "budget": limit(settings.budget),
        "attested_codes": settings.attested_codes,
        "attestor": address(&settings.attestor),
        "treasury": address(&settings.treasury),
    })
}

/// The settings that decide over money, take effect at once and do not change, in words.
pub(crate) fn kept(before: &Settings, after: &Settings, tokens: Tokens) -> Vec<String> {
    let name = |wallet: &Pubkey| {
        if *wallet == Pubkey::default() {
            NONE.to_owned()
        } else {
            wallet.to_string()
        }
    };
    let mut kept = Vec::new();
    if before.treasury == after.treasury {
        kept.push(format!("unchanged treasury {}", name(&after.treasury)));
    }
    if before.attestor == after.attestor {
        kept.push(format!("unchanged attestor {}", name(&after.attestor)));
    }
    if before.budget == after.budget {
        let budget = match after.budget {
            0 => NONE.to_owned(),
            units => tokens.reward.show(units.into()),
        };
        kept.push(format!("unchanged budget {budget}"));
    }
    kept
}

/// The fields of two settings that differ, by name: before and after.
pub(crate) fn changes(before: &Settings, after: &Settings, tokens: Tokens) -> Vec<Value> {
    let (Value::Object(before), Value::Object(after)) =
        (shown(before, tokens), shown(after, tokens))
    else {
        return Vec::new();
    };
    let changed = after
        .into_iter()
        .filter(|(name, new)| before.get(name) != Some(new));
    let mut changed: Vec<_> = changed.collect();
    changed.sort_by(|(one, _), (other, _)| one.cmp(other));
    changed
        .into_iter()
        .map(|(name, new)| json!({ "setting": name, "from": before.get(&name), "to": new }))
        .collect()
}

#[cfg(test)]
mod tests;
