//! Which clicks are too many from one network, or the same click again.
//!
//! Both tables have a fixed size, so that nobody can grow them. Each process counts for itself.

use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;

/// Clicks of one network in an hour of the clock that are not suspicious.
const PER_HOUR: u32 = 100;
/// Milliseconds after a click in which one of the same visitor on the same link is the same click again.
const AGAIN: i64 = 5_000;
/// Rows and columns of the counters.
const ROWS: usize = 4;
const COLUMNS: usize = 1 << 17;
/// Places of the visitors that clicked last.
const PLACES: usize = 1 << 16;

/// A network of a click: its keyed hash, and how many times the quota of one client it has.
pub(crate) type Network = ([u8; 32], u32);

/// The clicks of this hour by network, and the last clicks.
pub(crate) struct Crowd {
    counters: Mutex<Counters>,
    last: Mutex<Vec<(u64, i64)>>,
}

/// A count-min sketch (Cormode and Muthukrishnan, 2005): it never counts too few. It counts too many for a
/// network that shares all of its cells with busier ones. With 20,000 networks that flood at the same time
/// that is one network in 2,000.
struct Counters {
    hour: i64,
    cells: Vec<u16>,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            counters: Mutex::new(Counters {
                hour: i64::MIN,
                cells: vec![0; ROWS * COLUMNS],
            }),
            last: Mutex::new(vec![(0, i64::MIN); PLACES]),
        }
    }
}

impl Crowd {
    /// Counts a click of these networks, the narrowest first. Returns whether one of them has sent more than
    /// its share in this hour of the clock (UTC), this click included. Clicks beyond a network's share do not
    /// count for the wider ones, so that it cannot use up the share of its neighbours.
    pub(crate) fn is_flood(&self, networks: &[Network], at: OffsetDateTime) -> bool {
        let hour = at.unix_timestamp().div_euclid(3_600);
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that steps back a little counts in the newer hour. One that was far ahead must not stop the
        // hours.
        if hour > counters.hour || hour < counters.hour.saturating_sub(1) {
            counters.hour = hour;
            counters.cells.fill(0);
        }
        networks
            .iter()
            .any(|(name, times)| counters.count(name) > PER_HOUR.saturating_mul(*times))
    }

    /// Notes a click. Returns whether one with the same key was noted at most five seconds before. Two keys
    /// that share a place displace each other: then a repetition is not found.
    pub(crate) fn is_again(&self, key: &[u8; 32], at: OffsetDateTime) -> bool {
        let now = i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        let place = usize::from(u16::from_le_bytes([key[0], key[1]]));
        let tag = word(key, 8);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = last.get_mut(place) else {
            return false;
        };
        let (before, then) = std::mem::replace(found, (tag, now));
        before == tag && then != i64::MIN && now.saturating_sub(then).abs() <= AGAIN
    }
}

impl Counters {
    /// Counts one more. Returns how many there were, at most.
    fn count(&mut self, name: &[u8; 32]) -> u32 {
        let mut least = u16::MAX;
        for row in 0..ROWS {
            let column = word(name, row * 8) % COLUMNS as u64;
            let column = usize::try_from(column).unwrap_or_default();
            if let Some(cell) = self.cells.get_mut(row * COLUMNS + column) {
                *cell = cell.saturating_add(1);
                least = least.min(*cell);
            }
        }
        least.into()
    }
}

/// Eight bytes of a hash as a number.
fn word(hash: &[u8; 32], from: usize) -> u64 {
    let mut bytes = [0; 8];
    for (byte, of_hash) in bytes.iter_mut().zip(hash.iter().skip(from)) {
        *byte = *of_hash;
    }
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};
    use time::{Duration, macros::datetime};

    const NOON: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

    fn network(number: u32, times: u32) -> Network {
        (Sha256::digest(number.to_le_bytes()).into(), times)
    }

    #[test]
    fn the_hundred_and_first_click_of_an_hour_is_a_flood() {
        let crowd = Crowd::default();
        // Given a network and a wider one that has ten times as much
        let of = |number| [network(number, 1), network(0, 10)];
        let count = |number, clicks: u32, at| {
            (0..clicks)
                .filter(|_| crowd.is_flood(&of(number), at))
                .count()
        };
        // When it sends 103 clicks, then three of them are a flood
        assert_eq!(count(1, 103, NOON), 3);
        assert_eq!(count(1, 1, NOON + Duration::minutes(59)), 1);
        // And others are not concerned, until the wider network has sent a thousand
        for number in 2..=10 {
            assert_eq!(count(number, 100, NOON), 0, "{number}");
        }
        assert_eq!(count(11, 4, NOON), 4);
        // And in the next hour, it may again, also if the clock goes back meanwhile
        let next = NOON + Duration::hours(1);
        assert_eq!(count(1, 100, next), 0);
        assert_eq!(count(1, 1, NOON), 1);
    }

    #[test]
    fn a_network_that_floods_does_not_use_up_the_share_of_its_neighbours() {
        // Given a network that sends far more than the wider one around it may
        let crowd = Crowd::default();
        let of = |number| [network(number, 1), network(0, 10)];
        for click in 0..50_000 {
            assert_eq!(crowd.is_flood(&of(1), NOON), click >= 100, "{click}");
        }
        // Then nine neighbours have their share, and the wider one is full afterwards
        for number in 2..=10 {
            for click in 0..100 {
                assert!(!crowd.is_flood(&of(number), NOON), "{number} {click}");
            }
        }
        assert!(crowd.is_flood(&of(11), NOON));
    }

    #[test]
    fn a_clock_that_was_far_ahead_stops_no_hours() {
        let crowd = Crowd::default();
        let count = |at| {
            (0..101)
                .filter(|_| crowd.is_flood(&[network(1, 1)], at))
                .count()
        };
        assert_eq!(count(NOON + Duration::days(400)), 1);
        for hours in 0..3 {
            assert_eq!(count(NOON + Duration::hours(hours)), 1, "{hours}");
        }
    }

    #[test]
    fn a_million_networks_grow_nothing_and_hide_no_flood() {
        // Given a network that floods, between a million that send one click each
        let crowd = Crowd::default();
        let mut floods = 0;
        for number in 1..=1_000_000 {
            assert!(!crowd.is_flood(&[network(number, 1)], NOON), "{number}");
            if number % 5_000 == 0 {
                floods += u32::from(crowd.is_flood(&[network(0, 1)], NOON));
            }
        }
        // Then the clicks beyond its share are found, and the tables are as large as they were. A shared cell
        // adds at most the clicks in it.
        assert!((100..=110).contains(&floods), "{floods}");
        let counters = crowd.counters.lock().unwrap();
        assert_eq!(counters.cells.capacity(), ROWS * COLUMNS);
        assert_eq!(crowd.last.lock().unwrap().capacity(), PLACES);
    }

    #[test]
    fn a_click_within_five_seconds_is_the_same_again() {
        let crowd = Crowd::default();
        let key = |number| network(number, 1).0;
        let at = |millis| NOON + Duration::milliseconds(millis);
        for (number, millis, expected) in [
            (1, 0, false),
            (1, 5_000, true),
            // Each begins the time anew.
            (1, 10_000, true),
            (1, 15_001, false),
            // Another one is not the same.
            (2, 15_001, false),
            // A clock that steps back is no reason to count twice.
            (1, 14_000, true),
        ] {
            assert_eq!(
                crowd.is_again(&key(number), at(millis)),
                expected,
                "{number} {millis}"
            );
        }
    }
}
