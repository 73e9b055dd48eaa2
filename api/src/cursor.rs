//! Position of the next page, opaque to clients.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{error::ApiError, types::Address};

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
