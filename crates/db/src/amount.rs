//! The one place where amounts cross between Rust and Postgres.
//!
//! Postgres has no unsigned 64-bit integer, so amounts are `numeric(20,0)` and sums
//! of amounts `numeric(39,0)`.

use sqlx::{
    Postgres,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef},
    types::BigDecimal,
};

use crate::Error;

/// An unsigned 64-bit number, which is `numeric(20,0)` in Postgres.
///
/// Decoding fails if the stored number is negative, has a fraction or exceeds `u64::MAX`.
/// This crate never writes such a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsigned(pub u64);

impl From<u64> for Unsigned {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Unsigned> for u64 {
    fn from(number: Unsigned) -> Self {
        number.0
    }
}

impl TryFrom<&BigDecimal> for Unsigned {
    type Error = Error;

    fn try_from(value: &BigDecimal) -> Result<Self, Error> {
        match u64::try_from(sum_from_numeric(value)?) {
            Ok(number) => Ok(Self(number)),
            Err(_) => Err(Error::Corrupt("an amount above u64")),
        }
    }
}

impl sqlx::Type<Postgres> for Unsigned {
    fn type_info() -> PgTypeInfo {
        BigDecimal::type_info()
    }
}

impl PgHasArrayType for Unsigned {
    fn array_type_info() -> PgTypeInfo {
        BigDecimal::array_type_info()
    }
}

impl sqlx::Encode<'_, Postgres> for Unsigned {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        BigDecimal::from(self.0).encode_by_ref(buffer)
    }
}

impl sqlx::Decode<'_, Postgres> for Unsigned {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self::try_from(&BigDecimal::decode(value)?)?)
    }
}

/// A sum of amounts as a query returned it.
///
/// # Errors
/// [`Error::Corrupt`] when it is negative, has a fraction or exceeds `u128::MAX`.
pub fn sum_from_numeric(value: &BigDecimal) -> Result<u128, Error> {
    if !value.is_integer() {
        return Err(Error::Corrupt("an amount with a fraction"));
    }
    value
        .with_scale(0)
        .as_bigint_and_exponent()
        .0
        .try_into()
        .map_err(|_| Error::Corrupt("an amount out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_u64_survives() {
        for amount in [0, 1, 5_000_000, u64::from(u32::MAX), u64::MAX] {
            let read = Unsigned::try_from(&BigDecimal::from(amount)).unwrap();
            assert_eq!(read, Unsigned(amount));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for (text, complaint) in [
            ("18446744073709551616", "an amount above u64"),
            ("-1", "an amount out of range"),
            ("0.5", "an amount with a fraction"),
        ] {
            let value = text.parse().unwrap();
            assert!(
                matches!(Unsigned::try_from(&value), Err(Error::Corrupt(reason)) if reason == complaint),
                "{text}"
            );
        }
        // A sum may be larger than one amount.
        let sum = "18446744073709551616".parse().unwrap();
        assert_eq!(sum_from_numeric(&sum).unwrap(), u128::from(u64::MAX) + 1);
    }
}
