//! Which days are asked for, in which zone.

use jiff::{
    Timestamp,
    civil::{Date, Weekday},
    tz::TimeZone,
};

use vouch_db::api::analytics::CODE_DAYS;

use crate::error::{ApiError, ApiResult};

/// Days that one answer covers at most.
pub(super) const DAYS: i64 = 366;
/// Days that are shown when nobody says from when.
const USUAL_DAYS: i32 = 30;
/// Years that can be asked for. In them, every zone is a number of quarters of an hour away from UTC.
const YEARS: std::ops::RangeInclusive<i16> = 2020..=2099;

/// How a series is divided.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    #[default]
    Day,
    /// From Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}

/// Days in a zone.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) zone: TimeZone,
    /// The zone's name, as the time zone database spells it.
    pub(super) zone_name: String,
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) by: By,
    /// The day of now.
    today: Date,
}

/// A part of a series: its first and its last day.
pub(super) type Part = (Date, Date);

impl Span {
    /// # Errors
    /// `invalid_query` for an unknown zone, for what is no date, and for days that are too many, too far away
    /// or in the wrong order.
    pub(super) fn read(
        zone: Option<&str>,
        from: Option<&str>,
        to: Option<&str>,
        by: By,
        now: Timestamp,
    ) -> ApiResult<Self> {
        let (zone, zone_name) = zone_of(zone.unwrap_or("UTC"))?;
        let today = now.to_zoned_datetime(zone.clone()).date();
        let last = to.map_or(Ok(today), |to| date("to", to))?;
        let first = match from {
            Some(from) => date("from", from)?,
            None => earlier(last, USUAL_DAYS - 1),
        };
        let days = i64::from(first.until(last).map_or(0, |span| span.get_days())) + 1;
        if first > last {
            return Err(refusal("from", "from must not be after to"));
        }
        if days > DAYS {
            return Err(refusal(
                "from",
                "from and to may be at most 366 days apart, both counted",
            ));
        }
        Ok(Self {
            zone,
            zone_name,
            first,
            last,
            by,
            today,
        })
    }

    /// # Errors
    /// `invalid_query` if these are too many days for so many codes.
    pub(super) fn for_codes(&self, codes: usize) -> ApiResult<()> {
        let days = i64::from(
            self.first
                .until(self.last)
                .map_or(0, |span| span.get_days()),
        ) + 1;
        let codes = i64::try_from(codes).unwrap_or(i64::MAX);
        if days.saturating_mul(codes) > CODE_DAYS {
            return Err(refusal(
                "from",
                "too many days for so many codes: the product may be at most 3,660",
            ));
        }
        Ok(())
    }

    /// The parts of the series, in order and without a hole. The first and the last may be shorter.
    pub(super) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut first = self.first;
        while first <= self.last {
            let end = match self.by {
                By::Day => first,
                By::Week => {
                    let to_sunday = first.weekday().until(Weekday::Sunday);
                    later(first, to_sunday.into())
                }
                By::Month => first.last_of_month(),
            };
            let end = end.min(self.last);
            parts.push((first, end));
            first = later(end, 1);
        }
        parts
    }

    /// The times at which the parts begin, and the end of the last one, in Unix seconds.
    pub(super) fn bounds(&self, parts: &[Part]) -> Vec<i64> {
        let ends = parts.last().map(|(_, last)| later(*last, 1));
        parts
            .iter()
            .map(|(first, _)| *first)
            .chain(ends)
            .map(|day| self.begins(day))
            .collect()
    }

    /// The beginnings of: the 30 days before the last 30, those, the 7 days before the last 7, those, and
    /// tomorrow. The last days end with today.
    pub(super) fn windows(&self) -> [i64; 5] {
        let begins = |ago| self.begins(earlier(self.today, ago));
        [
            begins(59),
            begins(29),
            begins(13),
            begins(6),
            self.begins(later(self.today, 1)),
        ]
    }

    /// The first moment of a day, in Unix seconds. Some zones put their clocks forward at midnight.
    fn begins(&self, day: Date) -> i64 {
        day.to_zoned_datetime(self.zone.clone())
            .map_or(0, |begin| begin.timestamp().as_second())
    }
}

fn zone_of(name: &str) -> ApiResult<(TimeZone, String)> {
    let unknown = || refusal("zone", "zone must be a name of the IANA time zone database");
    let zone = TimeZone::get(name).map_err(|_| unknown())?;
    let spelt = zone.iana_name().map(str::to_owned).ok_or_else(unknown)?;
    Ok((zone, spelt))
}

fn date(field: &str, text: &str) -> ApiResult<Date> {
    let wrong = || refusal(field, "a date is YYYY-MM-DD, from 2020-01-01 to 2099-12-31");
    let date: Date = text.parse().map_err(|_| wrong())?;
    // The parser takes more than dates.
    if YEARS.contains(&date.year()) && date.to_string() == text {
        Ok(date)
    } else {
        Err(wrong())
    }
}

fn refusal(field: &str, message: &'static str) -> ApiError {
    ApiError::invalid_query().saying(message).of_field(field)
}

fn later(day: Date, days: i32) -> Date {
    let days = jiff::Span::new().days(days);
    day.checked_add(days).unwrap_or(Date::MAX)
}

fn earlier(day: Date, days: i32) -> Date {
    let days = jiff::Span::new().days(days);
    day.checked_sub(days).unwrap_or(Date::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-29T12:00:00Z".parse().unwrap()
    }

    fn span(zone: &str, from: &str, to: &str, by: By) -> Span {
        Span::read(Some(zone), Some(from), Some(to), by, now()).unwrap()
    }

    fn hours(span: &Span) -> Vec<i64> {
        let bounds = span.bounds(&span.parts());
        bounds
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) / 900)
            .collect()
    }

    #[test]
    fn days_are_as_long_as_they_are_in_the_zone() {
        // In quarters of an hour: 96 a day, 4 fewer or more when clocks change, 2 in Lord Howe.
        for (zone, from, to, expected) in [
            ("UTC", "2026-03-28", "2026-03-30", [96, 96, 96]),
            ("Europe/Berlin", "2026-03-28", "2026-03-30", [96, 92, 96]),
            ("Europe/Berlin", "2026-10-24", "2026-10-26", [96, 100, 96]),
            (
                "Australia/Lord_Howe",
                "2026-04-04",
                "2026-04-06",
                [96, 98, 96],
            ),
            // The clocks go forward at midnight.
            ("America/Havana", "2026-03-07", "2026-03-09", [96, 92, 96]),
            ("Asia/Kathmandu", "2026-03-28", "2026-03-30", [96, 96, 96]),
        ] {
            let span = span(zone, from, to, By::Day);
            assert_eq!(hours(&span), expected, "{zone} {from}");
            assert!(
                span.bounds(&span.parts())
                    .iter()
                    .all(|bound| bound % 900 == 0)
            );
        }
        // Kathmandu is 5:45 ahead of UTC.
        let ahead = span("asia/kathmandu", "2026-03-28", "2026-03-28", By::Day);
        assert_eq!(
            ahead.bounds(&ahead.parts())[0],
            1_774_656_000 - 5 * 3_600 - 45 * 60
        );
        assert_eq!(ahead.zone_name, "Asia/Kathmandu");
    }

    #[test]
    fn many_codes_have_fewer_days() {
        let of = |to| span("UTC", "2026-01-01", to, By::Day);
        for (to, codes, fits) in [
            ("2026-12-31", 10, true),
            ("2027-01-01", 10, true),
            ("2027-01-01", 11, false),
            ("2026-03-14", 50, true),
            ("2026-03-15", 50, false),
        ] {
            assert_eq!(of(to).for_codes(codes).is_ok(), fits, "{to} {codes}");
        }
    }

    #[test]
    fn weeks_begin_on_mondays_and_months_on_the_first() {
        let parts = |by| {
            let parts = span("UTC", "2026-02-26", "2026-03-03", by).parts();
            let texts = parts.iter().map(|(first, last)| format!("{first} {last}"));
            texts.collect::<Vec<_>>()
        };
        assert_eq!(
            parts(By::Week),
            ["2026-02-26 2026-03-01", "2026-03-02 2026-03-03"]
        );
        assert_eq!(
            parts(By::Month),
            ["2026-02-26 2026-02-28", "2026-03-01 2026-03-03"]
        );
        assert_eq!(parts(By::Day).len(), 6);
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for (zone, from, to, field) in [
            ("Mars/Olympus", None, None, "zone"),
            ("", None, None, "zone"),
            ("EST5EDT,M3.2.0,M11.1.0", None, None, "zone"),
            ("+02:00", None, None, "zone"),
            ("UTC", Some("2026-02-30"), None, "from"),
            ("UTC", Some("2019-12-31"), Some("2020-01-01"), "from"),
            ("UTC", Some("2026-01-01T00:00"), None, "from"),
            ("UTC", None, Some("2100-01-01"), "to"),
            ("UTC", None, Some("tomorrow"), "to"),
            ("UTC", Some("2026-03-02"), Some("2026-03-01"), "from"),
            ("UTC", Some("2025-01-01"), Some("2026-01-02"), "from"),
        ] {
            let refusal = Span::read(Some(zone), from, to, By::Day, now()).unwrap_err();
            assert_eq!(refusal.code, "invalid_query", "{zone} {from:?} {to:?}");
            assert_eq!(
                refusal.field.as_deref(),
                Some(field),
                "{zone} {from:?} {to:?}"
            );
        }
        // The longest one, and the one that is meant if nobody says anything
        assert_eq!(
            span("UTC", "2025-01-01", "2026-01-01", By::Day)
                .parts()
                .len(),
            366
        );
        let usual = Span::read(None, None, None, By::Day, now()).unwrap();
        assert_eq!(usual.parts().len(), 30);
        assert_eq!(usual.last.to_string(), "2026-03-29");
    }
}
