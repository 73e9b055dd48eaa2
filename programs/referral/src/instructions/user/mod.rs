//! Instructions of a wallet that was referred.

pub mod bind;
pub mod convert;
pub mod purchase;
