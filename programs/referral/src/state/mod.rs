//! The program's accounts. Fixed size, little-endian, packed: Borsh's bytes.
//!
//! A field that a later version will use exists already and is zero; a layout
//! that has been deployed never changes.

mod campaign;
mod closed;
mod conversion;
mod existing;
mod referee;
mod referral;

pub use campaign::*;
pub use closed::*;
pub use conversion::*;
pub use existing::*;
pub use referee::*;
pub use referral::*;

/// Layout version of every account that this program writes.
pub const VERSION: u8 = 1;
