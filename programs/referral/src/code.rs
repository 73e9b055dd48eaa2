//! Codes padded with zeros, as instructions and accounts hold them.

use anchor_lang::prelude::*;
use vouch_rules::Code;

use crate::ReferralError;

/// Parses a padded code; fails with `InvalidCode` if it is not one.
pub fn parse_code(padded: &[u8; 12]) -> Result<Code> {
    Code::from_padded(padded).map_err(|_| ReferralError::InvalidCode.into())
}

/// Whether two codes are equal. Compares two words instead of twelve bytes.
#[inline(always)]
pub fn same_code(a: &[u8; 12], b: &[u8; 12]) -> bool {
    let words = |code: &[u8; 12]| {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *code;
        let head = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        (head, u32::from_le_bytes([i, j, k, l]))
    };
    words(a) == words(b)
}
