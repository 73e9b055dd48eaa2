//! The mirror of the program's accounts.
//!
//! [`Writer`] is the only one who writes it; the rules it keeps are numbered in
//! `docs/INVARIANTS.md`.

mod accounts;
mod batch;
mod guard;
mod projections;
mod queues;
mod receipts;
mod rollups;
mod writer;

pub use accounts::{Commitment, Slot, StoredAccount, every_account, live_accounts};
pub use batch::Applied;
pub use guard::{Found, Observation, ObservedAccount};
pub use projections::{Campaign, Conversion, Projection, Referral, Status};
pub use queues::{Unfinalized, unfinalized};
pub use receipts::{Receipt, Receiptless, receiptless};
pub use writer::{State, Writer, state};
