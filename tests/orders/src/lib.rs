//! The indexer against a recorded chain, in seeded orders and with seeded faults.
//!
//! `recording.json.zst` holds what a validator said of the transactions of a story, and what the wallets
//! that sent them know. `vouch-orders record` makes it anew in two minutes; with `--simulated` it plays the
//! story in LiteSVM, which takes a second, and makes a node's records of LiteSVM's. A node in this process
//! tells it to the real indexer, which mirrors it into a real Postgres. Some rounds begin as those of the
//! service do, by a WebSocket that tells of transactions late, twice, in any order or not at all. After every
//! few rounds, and at the end, the mirror is compared with a model that reads the wallets' journal alone. At
//! the end all accounts are compared with the node's, of which one is wrong at first. Some nodes never give a
//! transaction that they list: then the mirror has to hold what comes before it, and to say why.

mod announcer;
mod backlog;
mod cancelled;
mod chain;
mod compare;
mod ledger;
mod model;
mod node;
mod order;
mod record;
mod recording;
mod run;

pub use backlog::{BACKLOG, Backlog, backlog, catch_up};
pub use cancelled::cancelled;
pub use order::{Lab, Report};
pub use recording::{Conversion, Effect, Recorded, Recording};
pub use run::run;

/// Plays the story on a validator of its own, and records it.
///
/// # Errors
/// When the validator does not answer, or has paid otherwise than the wallets know.
pub async fn record() -> anyhow::Result<Recording> {
    record::record(ledger::Validated::start().await?).await
}

/// Plays the story in LiteSVM, and records it. The program is the built one; the records of a node are
/// made from LiteSVM's.
///
/// # Errors
/// When the program refuses, or has paid otherwise than the wallets know.
pub async fn simulate() -> anyhow::Result<Recording> {
    record::record(ledger::Simulated::new()).await
}
