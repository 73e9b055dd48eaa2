//! Spans of time and points in time, as options have them.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::error::{Failure, Outcome};

/// The word for no start.
pub(crate) const AT_ONCE: &str = "at_once";
/// The word for no end.
pub(crate) const NEVER: &str = "never";

/// Seconds of a span such as `7d`, `12h`, `30m`, `45s` or `0`.
///
/// # Errors
/// `invalid_duration` if it is none, or longer than 32 bits of seconds.
pub(crate) fn seconds(text: &str, option: &str) -> Outcome<u32> {
    let refuse = || {
        Failure::usage(
            "invalid_duration",
            format!("{option}: {text:?} is no span of time"),
            "write a whole number with its unit: 45s, 30m, 12h or 7d",
        )
    };
    if text == "0" {
        return Ok(0);
    }
    let (number, unit) = text
        .char_indices()
        .last()
        .and_then(|(at, _)| text.split_at_checked(at))
        .ok_or_else(refuse)?;
    let factor: u32 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(refuse()),
    };
    if !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(refuse());
    }
    let number: u32 = number.parse().map_err(|_| refuse())?;
    number.checked_mul(factor).ok_or_else(refuse)
}

/// Unix seconds of a time of RFC 3339, or 0 for this word.
///
/// # Errors
/// `invalid_time` if it is none, or not after 1970.
pub(crate) fn moment(text: &str, option: &str, word: &str) -> Outcome<i64> {
    if text == word {
        return Ok(0);
    }
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .map(OffsetDateTime::unix_timestamp)
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| {
            Failure::usage(
                "invalid_time",
                format!("{option}: {text:?} is no time"),
                format!("write a time of RFC 3339, such as 2027-01-31T12:00:00Z, or {word}"),
            )
        })
}

/// Unix seconds as RFC 3339 in UTC; `None` for 0, which means "none", and for what no calendar has.
pub(crate) fn shown(unix: i64) -> Option<String> {
    if unix == 0 {
        return None;
    }
    let time = OffsetDateTime::from_unix_timestamp(unix).ok()?;
    time.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        for (text, expected) in [
            ("0", 0),
            ("0d", 0),
            ("45s", 45),
            ("30m", 1800),
            ("12h", 43_200),
            ("7d", 604_800),
            ("49710d", 4_294_944_000),
        ] {
            assert_eq!(seconds(text, "--hold").ok(), Some(expected), "{text}");
        }
        for text in [
            "",
            "d",
            "7",
            "-1d",
            "+1d",
            "1.5d",
            "7 d",
            "7w",
            "49711d",
            "7é",
            "99999999999s",
        ] {
            let failure = seconds(text, "--hold").expect_err(text);
            assert_eq!(failure.code, "invalid_duration");
            assert!(
                failure.message.starts_with("--hold: "),
                "{}",
                failure.message
            );
        }
    }

    #[test]
    fn times_are_of_rfc_3339() {
        assert_eq!(
            moment("1970-01-01T00:00:05Z", "--ends-at", NEVER).ok(),
            Some(5)
        );
        assert_eq!(
            moment("2027-01-31T13:00:00+01:00", "--ends-at", NEVER).ok(),
            Some(1_801_396_800)
        );
        assert_eq!(
            shown(1_801_396_800).as_deref(),
            Some("2027-01-31T12:00:00Z")
        );
        assert_eq!(moment("never", "--ends-at", NEVER).ok(), Some(0));
        assert_eq!(moment("at_once", "--starts-at", AT_ONCE).ok(), Some(0));
        assert_eq!(shown(0), None);
        for text in [
            "",
            "tomorrow",
            "at_once",
            "2027-01-31",
            "1970-01-01T00:00:00Z",
            "1969-01-01T00:00:00Z",
        ] {
            assert_eq!(
                moment(text, "--ends-at", NEVER).expect_err(text).code,
                "invalid_time"
            );
        }
    }
}
