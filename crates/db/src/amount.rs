//! The one place where amounts cross between Rust and Postgres.
//!
//! Postgres has no unsigned 64-bit integer, so amounts are `numeric(20,0)` and sums
//! of amounts `numeric(39,0)`.

use sqlx::types::BigDecimal;

use crate::Error;

/// An amount as a parameter of a query.
#[must_use]
pub fn to_numeric(amount: u64) -> BigDecimal {
    BigDecimal::from(amount)
}

/// An amount as a query returned it.
///
/// # Errors
/// [`Error::Corrupt`] when it is negative, has a fraction or exceeds `u64::MAX`,
/// which no row that this crate wrote does.
pub fn from_numeric(value: &BigDecimal) -> Result<u64, Error> {
    u64::try_from(sum_from_numeric(value)?).map_err(|_| Error::Corrupt("an amount above u64"))
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
            assert_eq!(from_numeric(&to_numeric(amount)).unwrap(), amount);
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
                matches!(from_numeric(&value), Err(Error::Corrupt(reason)) if reason == complaint),
                "{text}"
            );
        }
        // A sum may be larger than one amount.
        let sum = "18446744073709551616".parse().unwrap();
        assert_eq!(sum_from_numeric(&sum).unwrap(), u128::from(u64::MAX) + 1);
    }
}
