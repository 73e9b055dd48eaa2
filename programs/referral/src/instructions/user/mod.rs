//! Instructions of a wallet that was referred.

pub mod convert;
