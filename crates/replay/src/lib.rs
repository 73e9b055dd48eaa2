//! The program's accounts, computed from the history of its transactions.
//!
//! [`transaction()`] applies all calls of one successful [`Transaction`] to the accounts that a
//! [`View`] has. It returns the accounts that the calls changed, with their exact bytes, and the
//! facts that the calls established: who was credited, by which terms, and who was paid. Applied
//! to all transactions of the program in the order of the chain, it rebuilds every account.
//!
//! The crate is pure: no I/O, no clock, no randomness. The same input always gives the same
//! output, and no input makes it panic. It never guesses: if an account or a value is missing, it
//! returns an [`Error`] with the call's position. If two outcomes are consistent with a transaction,
//! the accounts that depend on it have a [`Doubt`]. `docs/decisions/replay.md` says why it exists.
//!
//! Amounts are base units of the token or lamports (`u64`), times are unix seconds (`i64`).

#![warn(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used
)]

mod apply;
mod calls;
mod doubt;
mod error;
mod evidence;
mod fact;
mod given;
mod instruction;
mod lamports;
mod refusal;
mod search;
mod system;
mod token;
pub mod transaction;
mod uncertain;
mod view;

pub use apply::{Effects, Progress, apply};
pub use calls::{Call, reads_cpis_of};
pub use doubt::{Doubt, Less, NoDoubt, States};
pub use error::{Error, Kind, Need};
pub use fact::{AccountKind, Fact, Part, PartPaid, Partner, Sale};
pub use given::Given;
pub use instruction::touches;
pub use search::{needs, transaction};
pub use transaction::{Position, Transaction};
pub use view::{Change, View, encode};
