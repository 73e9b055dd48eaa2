//! Amounts: decimal in a token's units, or base units with `--raw`.

use serde_json::{Value, json};

use crate::error::{Failure, Outcome};

/// Decimals of SOL.
pub(crate) const SOL: u8 = 9;

/// How amounts are written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Units {
    /// Digits after the decimal point of the token.
    pub(crate) decimals: u8,
    /// Whether amounts are base units.
    pub(crate) raw: bool,
}

impl Units {
    /// Base units of an amount that was written.
    ///
    /// # Errors
    /// `invalid_amount` if it is no number, has more digits after the point than the token, or does
    /// not fit into 64 bits.
    pub(crate) fn parse(self, text: &str, option: &str) -> Outcome<u64> {
        let refuse = |message: String, advice: &str| {
            let message = format!("{option}: {message}");
            Err(Failure::usage("invalid_amount", message, advice))
        };
        let (whole, part) = match text.split_once('.') {
            Some((whole, part)) => (whole, Some(part)),
            None => (text, None),
        };
        let is_number =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        if !is_number(whole) || part.is_some_and(|part| !is_number(part)) {
            let message = format!("{text:?} is no amount");
            return refuse(
                message,
                "write digits, with a point before the decimals, such as 1.5",
            );
        }
        let decimals = if self.raw {
            0
        } else {
            usize::from(self.decimals)
        };
        let part = part.unwrap_or_default();
        if self.raw && !part.is_empty() {
            let message = format!("{text} has a point, but --raw means base units");
            return refuse(
                message,
                "write a whole number of base units, or leave out --raw",
            );
        }
        if part.len() > decimals {
            let message = format!(
                "{text} has {} decimals, the token has {decimals}",
                part.len()
            );
            return refuse(message, "write no more decimals than the token has");
        }
        let digits = format!("{whole}{part:0<decimals$}");
        digits.parse().or_else(|_| {
            let most = self.show(u64::MAX.into());
            refuse(
                format!("{text} is too much"),
                &format!("write at most {most}"),
            )
        })
    }

    /// Base units as they are written.
    pub(crate) fn show(self, units: i128) -> String {
        if self.raw {
            return units.to_string();
        }
        tokens(units, self.decimals)
    }

    /// An amount in `--json`: base units and whole tokens, both as strings.
    pub(crate) fn json(self, units: impl Into<i128>) -> Value {
        let units = units.into();
        json!({ "units": units.to_string(), "tokens": tokens(units, self.decimals) })
    }
}

/// Base units as whole tokens, with every decimal.
fn tokens(units: i128, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    let sign = if units < 0 { "-" } else { "" };
    let point = if part.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, decimals: u8, raw: bool) -> Result<u64, String> {
        let units = Units { decimals, raw };
        units
            .parse(text, "AMOUNT")
            .map_err(|failure| format!("{}: {}", failure.code, failure.message))
    }

    #[test]
    fn amounts_are_exact() {
        for (text, decimals, units) in [
            ("0", 6, 0),
            ("5", 6, 5_000_000),
            ("1.5", 6, 1_500_000),
            ("0.000001", 6, 1),
            ("007.10", 2, 710),
            ("18446744073709.551615", 6, u64::MAX),
            ("18446744073709551615", 0, u64::MAX),
            ("0.1", 18, 100_000_000_000_000_000),
        ] {
            assert_eq!(parse(text, decimals, false), Ok(units), "{text}");
        }
        assert_eq!(parse("1500000", 6, true), Ok(1_500_000));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "", ".", ".5", "5.", "-1", "+1", "1e6", "1,5", "1_000", " 1", "1 ", "0x10", "1.2.3",
            "٣", "∞", "1.5 ",
        ] {
            let expected = format!("invalid_amount: AMOUNT: {text:?} is no amount");
            assert_eq!(parse(text, 6, false), Err(expected.clone()));
            assert_eq!(parse(text, 6, true), Err(expected));
        }
    }

    #[test]
    fn too_many_decimals_are_refused_and_not_rounded() {
        let error = "invalid_amount: AMOUNT: 1.2345678 has 7 decimals, the token has 6";
        assert_eq!(parse("1.2345678", 6, false), Err(error.to_owned()));
        let error = "invalid_amount: AMOUNT: 1.0 has 1 decimals, the token has 0";
        assert_eq!(parse("1.0", 0, false), Err(error.to_owned()));
        let error = "invalid_amount: AMOUNT: 1.0 has a point, but --raw means base units";
        assert_eq!(parse("1.0", 6, true), Err(error.to_owned()));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = "invalid_amount: AMOUNT: 18446744073709.551616 is too much";
        assert_eq!(
            parse("18446744073709.551616", 6, false),
            Err(error.to_owned())
        );
        assert!(parse(&"9".repeat(400), 6, false).is_err());
    }

    #[test]
    fn amounts_are_shown_as_they_are_read() {
        for (units, decimals, shown) in [
            (0, 6, "0.000000"),
            (1, 6, "0.000001"),
            (-1, 6, "-0.000001"),
            (7, 0, "7"),
            (i128::from(u64::MAX), 9, "18446744073.709551615"),
        ] {
            let written = Units {
                decimals,
                raw: false,
            };
            assert_eq!(written.show(units), shown);
            if let Ok(positive) = u64::try_from(units) {
                assert_eq!(parse(shown, decimals, false), Ok(positive));
            }
        }
    }
}
