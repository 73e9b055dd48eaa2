//! The mirror of the program's accounts.
//!
//! Only [`Writer`] writes the mirror. `docs/INVARIANTS.md` numbers its rules.

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
