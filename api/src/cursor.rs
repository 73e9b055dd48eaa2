//! Position of the next page, opaque to clients.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use vouch_db::api::leaderboard;

use crate::{error::ApiError, types::Address};

/// Cuts the list, which has one entry more if there is another page, to the limit. Returns the
/// cursor of that page.
pub(crate) fn cut<T>(
    found: &mut Vec<T>,
    limit: i64,
    cursor: impl Fn(&T) -> String,
) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if found.len() <= limit {
        return None;
    }
    found.truncate(limit);
    found.last().map(cursor)
}

/// A position in a list that is sorted by time and address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) time: i64,
    pub(crate) address: String,
}

impl Cursor {
    pub(crate) fn encode(time: i64, address: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{time}:{address}"))
    }
}

impl std::str::FromStr for Cursor {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let parse = || {
            let text = decode(text)?;
            let (time, address) = text.split_once(':')?;
            let address = address.parse::<Address>().ok()?.to_string();
            Some(Self {
                time: time.parse().ok()?,
                address,
            })
        };
        parse().ok_or_else(refusal)
    }
}

/// A position in a list that is sorted by the end of holds and by address. No [`Cursor`] is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HoldCursor(pub(crate) Cursor);

impl HoldCursor {
    const MARK: &str = "hold:";

    pub(crate) fn encode(time: i64, address: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{time}:{address}", Self::MARK))
    }
}

impl std::str::FromStr for HoldCursor {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let parse = || {
            let text = decode(text)?;
            let place = URL_SAFE_NO_PAD.encode(text.strip_prefix(Self::MARK)?);
            place.parse().ok().map(Self)
        };
        parse().ok_or_else(refusal)
    }
}

/// A position on a leaderboard: the entry before a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) leaderboard::After);

impl Place {
    pub(crate) fn encode(place: &leaderboard::After) -> String {
        let leaderboard::After {
            value,
            last_converted_at,
            wallet,
        } = place;
        URL_SAFE_NO_PAD.encode(format!("{value}:{last_converted_at}:{wallet}"))
    }
}

impl std::str::FromStr for Place {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let parse = || {
            let text = decode(text)?;
            let mut parts = text.splitn(3, ':');
            let place = leaderboard::After {
                value: parts.next()?.parse().ok()?,
                last_converted_at: parts.next()?.parse().ok()?,
                wallet: parts.next()?.parse::<Address>().ok()?.to_string(),
            };
            Some(Self(place))
        };
        parse().ok_or_else(refusal)
    }
}

/// A position in a list that is sorted by one unique value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct After<T>(pub(crate) T);

impl After<()> {
    pub(crate) fn encode(value: &impl std::fmt::Display) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }
}

impl<T: std::str::FromStr> std::str::FromStr for After<T> {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let parse = || decode(text)?.parse().ok();
        parse().map(Self).ok_or_else(refusal)
    }
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn refusal() -> ApiError {
    ApiError::invalid_query().saying("cursor must be the next_cursor of an earlier answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_nothing_else_is_one() {
        // Given a position
        let address = "4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb";
        let text = Cursor::encode(-5, address);
        // Then its cursor decodes to the same position
        let read: Cursor = text.parse().unwrap();
        assert_eq!((read.time, read.address.as_str()), (-5, address));
        // And a text that is not a cursor is refused
        for bad in ["", "x", "MTIz", "MTp4", &format!("{text}=")] {
            assert_eq!(
                bad.parse::<Cursor>().unwrap_err().code,
                "invalid_query",
                "{bad}"
            );
        }
    }

    #[test]
    fn a_position_by_hold_is_none_by_time_and_the_other_way_around() {
        // Given the same time and address in both orders
        let address = "4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb";
        let by_hold = HoldCursor::encode(-5, address);
        let by_time = Cursor::encode(-5, address);
        // Then each is read in its own order alone
        let HoldCursor(read) = by_hold.parse().unwrap();
        assert_eq!((read.time, read.address.as_str()), (-5, address));
        let refusal = by_hold.parse::<Cursor>().unwrap_err();
        assert_eq!(refusal.code, "invalid_query");
        let refusal = by_time.parse::<HoldCursor>().unwrap_err();
        assert_eq!(refusal.code, "invalid_query");
    }

    #[test]
    fn a_place_comes_back_as_it_was_and_no_other_is_one() {
        // Given the largest place
        let wallet = "4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb";
        let place = leaderboard::After {
            value: u128::MAX,
            last_converted_at: i64::MIN,
            wallet: wallet.to_owned(),
        };
        // Then its cursor decodes to it
        let text = Place::encode(&place);
        assert_eq!(text.parse::<Place>().unwrap(), Place(place.clone()));
        // And addresses that are none are refused
        for wallet in ["", "x", "x:y"] {
            let place = leaderboard::After {
                wallet: wallet.to_owned(),
                ..place.clone()
            };
            let refusal = Place::encode(&place).parse::<Place>().unwrap_err();
            assert_eq!(refusal.code, "invalid_query");
        }
    }

    #[test]
    fn a_position_of_one_value_comes_back_as_it_was() {
        // Given a number and an address
        let address = "4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb";
        // Then their cursors decode to them
        let number: After<i64> = After::encode(&i64::MAX).parse().unwrap();
        assert_eq!(number, After(i64::MAX));
        let read: After<Address> = After::encode(&address).parse().unwrap();
        assert_eq!(read.0.to_string(), address);
        // And the cursor of another list is refused
        let other = Cursor::encode(5, address);
        let error = other.parse::<After<i64>>().unwrap_err();
        assert_eq!(error.code, "invalid_query");
        let error = After::encode(&7).parse::<After<Address>>().unwrap_err();
        assert_eq!(error.code, "invalid_query");
    }
}
