//! Where in the mirror's log an event is.

use std::{fmt, str::FromStr};

use vouch_db::api::live::Entry;

/// The phases of a row of the log, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Facts that were undone.
    Withdrawn,
    /// Facts that were added.
    Written,
    /// Facts that became final.
    Settled,
    /// All of the row was told.
    End,
}

/// The place of an event: its row of the log, and the fact. It is the same in every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) entry: i64,
    pub(crate) phase: Phase,
    pub(crate) seq: i64,
    pub(crate) place: i16,
    /// The row's own number, by which a row of a restored backup is known.
    pub(crate) mark: i32,
}

impl Position {
    /// The place after all of a row.
    pub(crate) fn end(known: Known) -> Self {
        Self {
            entry: known.id,
            phase: Phase::End,
            seq: 0,
            place: 0,
            mark: known.mark,
        }
    }
}

/// How far the mirror was after a row of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: i64,
    pub(crate) mark: i32,
    pub(crate) confirmed_seq: i64,
    pub(crate) final_seq: i64,
}

impl From<&Entry> for Known {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.id,
            mark: entry.mark,
            confirmed_seq: entry.confirmed_seq,
            final_seq: entry.final_seq,
        }
    }
}

/// The text of an `id:` line.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            entry,
            phase,
            seq,
            place,
            mark,
        } = self;
        write!(f, "{entry}.{}.{seq}.{place}.{mark}", *phase as u8)
    }
}

/// Not a position of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unknown;

impl FromStr for Position {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        fn number<T: FromStr>(text: Option<&str>) -> Result<T, Unknown> {
            text.and_then(|text| text.parse().ok()).ok_or(Unknown)
        }
        let mut parts = text.split('.');
        let position = Self {
            entry: number(parts.next())?,
            phase: match number(parts.next())? {
                0_u8 => Phase::Withdrawn,
                1 => Phase::Written,
                2 => Phase::Settled,
                3 => Phase::End,
                _ => return Err(Unknown),
            },
            seq: number(parts.next())?,
            place: number(parts.next())?,
            mark: number(parts.next())?,
        };
        match parts.next() {
            None => Ok(position),
            Some(_) => Err(Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text_and_nothing_else_is_one() {
        let position = Position {
            entry: 7,
            phase: Phase::Settled,
            seq: 1 << 40,
            place: 3,
            mark: 2_147_483_647,
        };
        assert_eq!(position.to_string(), "7.2.1099511627776.3.2147483647");
        assert_eq!(position.to_string().parse(), Ok(position));
        for other in [
            "",
            "7",
            "7.2.1.3",
            "7.2.1.3.4.5",
            "7.4.1.3.4",
            "7.2.1.3.x",
            "7.2.1.70000.4",
        ] {
            assert_eq!(other.parse::<Position>(), Err(Unknown), "{other}");
        }
    }

    #[test]
    fn positions_are_in_the_order_of_the_stream() {
        let ordered = [
            "7.0.9.0.5",
            "7.1.3.0.5",
            "7.1.3.1.5",
            "7.2.2.0.5",
            "7.3.0.0.5",
            "8.0.1.0.1",
        ];
        let positions = ordered.map(|text| text.parse::<Position>().expect("a position"));
        assert!(positions.is_sorted());
    }
}
