//! Position of the next page: time and address of the last entry, opaque to clients.

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
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (time, address) = text.split_once(':')?;
            let address = address.parse::<Address>().ok()?.to_string();
            Some(Self {
                time: time.parse().ok()?,
                address,
            })
        };
        let refusal = "cursor must be the next_cursor of an earlier answer";
        parse().ok_or_else(|| ApiError::invalid_query().saying(refusal))
    }
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
}
