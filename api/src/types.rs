//! Types of the callers' input. They are parsed once, at the edge; their values are
//! valid.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use solana_sdk::signature::Signature;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, SchemaFormat,
        schema::{ObjectBuilder, Schema, Type},
    },
};
use vouch_client::{Code, Pubkey, accounts::Action};

use crate::error::ApiError;

/// 32 bytes in base58: any account. A wallet may be any address, too: a program signs for a smart
/// wallet, whose address is not on the ed25519 curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(pub(crate) Pubkey);

/// An address that can sign: a point on the ed25519 curve. Smart wallets are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct WalletAddress(pub(crate) Pubkey);

impl FromStr for WalletAddress {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let Address(key) = text.parse()?;
        if key.is_on_curve() {
            Ok(Self(key))
        } else {
            Err(ApiError::not_a_wallet())
        }
    }
}

impl fmt::Display for WalletAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Address {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        // The longest base58 text of 32 bytes has 44 characters.
        if text.len() > 44 {
            return Err(ApiError::invalid_address());
        }
        text.parse()
            .map(Self)
            .map_err(|_| ApiError::invalid_address())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A code, in either case.
pub(crate) fn code(text: &str) -> Result<Code, ApiError> {
    text.parse().map_err(|_| ApiError::invalid_code())
}

/// A `u64` that crosses JSON as a decimal string: larger numbers than 2^53 are
/// not safe as JSON numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount(pub(crate) u64);

impl FromStr for Amount {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        // `u64::from_str` would take a plus sign, and zeros without end.
        if !(1..=20).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ApiError::invalid_amount());
        }
        text.parse()
            .map(Self)
            .map_err(|_| ApiError::invalid_amount())
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9]{1,20}$"))
            .format(Some(SchemaFormat::Custom("uint64".to_owned())))
            .description(Some("An unsigned 64-bit integer as a decimal string"))
            .examples(["5000000"])
            .into()
    }
}

impl ToSchema for Amount {
    fn name() -> Cow<'static, str> {
        "Amount".into()
    }
}

/// Number of entries in a page of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub(crate) i64);

impl Limit {
    pub(crate) const DEFAULT: Self = Self(50);
    const MAX: i64 = 200;
}

impl FromStr for Limit {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        text.parse()
            .ok()
            .filter(|limit| (1..=Self::MAX).contains(limit))
            .map(Self)
            .ok_or_else(|| ApiError::invalid_query().saying("limit must be from 1 to 200"))
    }
}

/// The span of a leaderboard: the current calendar period, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Period {
    /// Since the beginning.
    #[default]
    All,
    /// Since 1 January.
    Year,
    /// Since the first day of the quarter.
    Quarter,
    /// Since the first of the month.
    Month,
    /// Since Monday.
    Week,
}

impl Period {
    /// The name of the period that `today` is in, as leaderboards are kept by it.
    pub(crate) fn name(self, today: time::Date) -> String {
        let year = today.year();
        match self {
            Self::All => String::new(),
            Self::Year => year.to_string(),
            Self::Quarter => format!("{year}-Q{}", u8::from(today.month()).div_ceil(3)),
            Self::Month => format!("{year}-{:02}", u8::from(today.month())),
            Self::Week => {
                let (year, week, _) = today.to_iso_week_date();
                format!("{year}-W{week:02}")
            }
        }
    }
}

impl FromStr for Period {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        Ok(match text {
            "all" => Self::All,
            "year" => Self::Year,
            "quarter" => Self::Quarter,
            "month" => Self::Month,
            "week" => Self::Week,
            _ => {
                return Err(ApiError::invalid_query()
                    .saying("period must be all, year, quarter, month or week"));
            }
        })
    }
}

/// The measure by which a leaderboard is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Measure {
    /// The number of conversions.
    #[default]
    Conversions,
    /// The referrer's rewards.
    Rewards,
    /// The sum of the conversions' amounts.
    Volume,
}

impl FromStr for Measure {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        match text {
            "conversions" => Ok(Self::Conversions),
            "rewards" => Ok(Self::Rewards),
            "volume" => Ok(Self::Volume),
            _ => {
                Err(ApiError::invalid_query()
                    .saying("measure must be conversions, rewards or volume"))
            }
        }
    }
}

/// The action with this name.
pub(crate) fn action(name: &str) -> Result<Action, ApiError> {
    Action::ALL
        .into_iter()
        .find(|action| action.name() == name)
        .ok_or_else(ApiError::invalid_action)
}

/// Most bytes of the number of an order.
const MOST_ORDER: usize = 256;

/// The reference of an order: given as such, or the SHA-256 of the order's number. `None` for neither.
pub(crate) fn order_or_reference(
    order: Option<&str>,
    reference_text: Option<&str>,
) -> Result<Option<[u8; 32]>, ApiError> {
    match (order, reference_text) {
        (Some(_), Some(_)) => {
            Err(ApiError::invalid_query().saying("name an order or a reference, not both"))
        }
        (Some(order), None) if order.is_empty() || order.len() > MOST_ORDER => {
            Err(ApiError::invalid_query().saying("an order has 1 to 256 bytes"))
        }
        (Some(order), None) => Ok(Some(Sha256::digest(order).into())),
        (None, text) => text.map(reference).transpose(),
    }
}

/// 32 bytes as 64 hexadecimal digits.
pub(crate) fn reference(text: &str) -> Result<[u8; 32], ApiError> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ApiError::invalid_reference());
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = std::str::from_utf8(pair)
            .ok()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or_else(ApiError::invalid_reference)?;
    }
    Ok(bytes)
}

/// 64 bytes in base58.
pub(crate) fn signature(text: &str) -> Result<Signature, ApiError> {
    text.parse().map_err(|_| ApiError::invalid_signature())
}

/// How settled a fact is, as the API spells it.
pub(crate) fn commitment(is_final: bool) -> &'static str {
    if is_final { "finalized" } else { "confirmed" }
}

/// Unix seconds as RFC 3339 in UTC; `None` for 0, which means "none", and for times that
/// the calendar does not cover.
pub(crate) fn timestamp(unix: i64) -> Option<String> {
    if unix == 0 {
        return None;
    }
    time::OffsetDateTime::from_unix_timestamp(unix)
        .ok()?
        .format(&time::format_description::well_known::Rfc3339)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn a_period_has_its_name() {
        // Given a Wednesday in the second quarter
        let today = date!(2026 - 05 - 20);
        // Then each period has the name under which its leaderboard is kept
        assert_eq!(Period::All.name(today), "");
        assert_eq!(Period::Year.name(today), "2026");
        assert_eq!(Period::Quarter.name(today), "2026-Q2");
        assert_eq!(Period::Month.name(today), "2026-05");
        assert_eq!(Period::Week.name(today), "2026-W21");
        // And a week belongs to the year of its Thursday
        assert_eq!(Period::Week.name(date!(2027 - 01 - 03)), "2026-W53");
        assert_eq!(Period::Week.name(date!(2024 - 12 - 30)), "2025-W01");
        assert_eq!(Period::Quarter.name(date!(2026 - 12 - 31)), "2026-Q4");
        assert_eq!(Period::Quarter.name(date!(2026 - 01 - 01)), "2026-Q1");
    }

    #[test]
    fn amounts_are_plain_decimal_u64() {
        // Given the bounds, then they are read exactly
        assert_eq!("0".parse::<Amount>().ok(), Some(Amount(0)));
        let max = "18446744073709551615".parse::<Amount>();
        assert_eq!(max.ok(), Some(Amount(u64::MAX)));
        // Given anything else, then it is refused with its code
        for bad in [
            "",
            "+1",
            "-1",
            "1.0",
            "0x1",
            " 1",
            "18446744073709551616",
            "1e3",
            "000000000000000000001",
        ] {
            assert_eq!(
                bad.parse::<Amount>().unwrap_err().code,
                "invalid_amount",
                "{bad}"
            );
        }
    }

    #[test]
    fn a_reference_is_32_bytes_of_hex() {
        // Given 64 digits of either case, then they are read in order
        let text = "00".repeat(31) + "aF";
        let mut expected = [0; 32];
        expected[31] = 0xaf;
        assert_eq!(reference(&text).ok(), Some(expected));
        // Given another length or other characters, then it is refused
        for bad in [
            "",
            "00",
            &"0".repeat(63),
            &"g0".repeat(32),
            &"+1".repeat(32),
        ] {
            assert_eq!(
                reference(bad).unwrap_err().code,
                "invalid_reference",
                "{bad}"
            );
        }
    }
}
