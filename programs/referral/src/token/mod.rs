//! Token accounts and mints, read from their bytes, and the calls that move tokens.
//!
//! The layout of the first 82 (mint) and 165 (account) bytes is the same for the
//! Token program and Token-2022:
//! <https://docs.rs/spl-token-interface/2/spl_token_interface/state/>.

mod account;
mod batch;
mod calls;
mod extensions;
mod mint;

pub use account::*;
pub use batch::*;
pub use calls::*;
pub use mint::*;

use anchor_lang::{address_eq, prelude::*};

/// Whether this is one of the two token programs.
pub fn is_program(address: &Address) -> bool {
    address_eq(address, &Token::id()) || address_eq(address, &Token2022::id())
}

/// The address at `at`, which the callers know to lie within the bytes.
#[inline(always)]
fn address_in<const N: usize>(data: &[u8; N], at: usize) -> &Address {
    const NOBODY: &Address = &Address::new_from_array([0; 32]);
    let bytes = data.get(at..).and_then(|rest| rest.first_chunk::<32>());
    bytes.map_or(NOBODY, bytemuck::cast_ref)
}

/// The number at `at`, which the callers know to lie within the bytes.
#[inline(always)]
fn number_at<const N: usize>(data: &[u8; N], at: usize) -> u64 {
    let found = data.get(at..).and_then(|rest| rest.first_chunk());
    // Out of range, the result is too much for every check.
    found.map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
}
