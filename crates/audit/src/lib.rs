//! Digests: what stats and leaderboards add up from, as a few hashes.
//!
//! A [`Digest`] says in 256 hashes at most which conversions count and which rewards are paid as of
//! one transaction of the program. `docs/digest.md` documents every byte. The indexer computes it
//! from its list of conversions, and `vouch-indexer verify` from the history of a node: a [`Store`]
//! keeps what the history leaves in a file, so that memory does not grow with it.
//!
//! No network, no clock. Amounts are base units, times are unix seconds.

mod board;
mod digest;
mod row;
mod store;

pub use board::{Board, Bounds, Moment, Tally};
pub use digest::{Builder, Digest, Head, MOST_BUCKETS, OutOfOrder, bucket_size};
pub use row::{Conversion, NotARow, Payment, Row};
pub use store::{Error, Store};
