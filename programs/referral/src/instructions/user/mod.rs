//! Instructions of a wallet that was referred.

mod bind;
mod convert;
mod purchase;

pub use {bind::*, convert::*, purchase::*};
