//! The mirror of the program's accounts.
//!
//! [`Writer`] is the only one who writes it; the rules it keeps are numbered in
//! `docs/INVARIANTS.md`.

mod batch;
mod existing;
mod queues;
mod rollups;
mod rows;
mod upsert;
mod writer;

pub use batch::{Applied, Observation, Seen};
pub use queues::{
    Receiptless, Stored, Unfinalized, receiptless, stored, stored_accounts, unfinalized,
};
pub use rows::{Campaign, Conversion, Referee, Referral, Row, Status};
pub use writer::{State, Writer, state};

/// How settled something is that was read from the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Commitment {
    /// Voted for by two thirds of the stake: what people watch.
    Confirmed,
    /// Cannot be rolled back: what counts for money and ranks.
    Finalized,
}

impl Commitment {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
        }
    }

    fn parse(text: &str) -> Result<Self, crate::Error> {
        match text {
            "confirmed" => Ok(Self::Confirmed),
            "finalized" => Ok(Self::Finalized),
            _ => Err(crate::Error::Corrupt("an unknown commitment")),
        }
    }
}

/// A slot as Postgres stores it. Slots above `i64::MAX` are billions of years away.
fn slot_to_sql(slot: u64) -> i64 {
    i64::try_from(slot).unwrap_or(i64::MAX)
}

fn slot_from_sql(slot: i64) -> Result<u64, crate::Error> {
    u64::try_from(slot).map_err(|_| crate::Error::Corrupt("a negative slot"))
}
