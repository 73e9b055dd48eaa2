//! The mirror of the program: its transactions, and what follows from them.
//!
//! Only [`Writer`] writes the mirror. `docs/INVARIANTS.md` numbers its rules.

mod awards;
mod batch;
mod copy;
mod fences;
mod finality;
mod log;
mod place;
mod prune;
mod quarters;
mod ranks;
pub mod rebuild;
pub mod recount;
mod rewind;
mod rows;
mod state;
mod writer;

pub use batch::{Batch, Projections};
pub use finality::Final;
pub use log::CHANNEL;
pub use rows::{
    Account, Before, Call, Campaign, Conversion, Event, Maturing, Referral, Settlement, Status,
    TotalsMove, Transaction,
};
pub use state::{Known, State, accounts_after, known, live_accounts, state, uncertain, waiting};
pub use writer::Writer;
