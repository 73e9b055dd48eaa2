//! The program's accounts. Fixed size, little-endian, packed: Borsh's bytes.
//!
//! A layout that has been deployed never changes.

mod binding;
mod campaign;
mod closed;
mod conversion;
mod existing;
mod referral;
mod referrer;
mod revoked_voucher;
mod settings;

pub use binding::*;
pub use campaign::*;
pub use closed::*;
pub use conversion::*;
pub use existing::*;
pub use referral::*;
pub use referrer::*;
pub use revoked_voucher::*;
pub use settings::*;

/// Layout version of every account that this program writes.
pub const VERSION: u8 = 1;
