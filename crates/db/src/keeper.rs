//! The keeper's tables: what there is to do, and what it meant to send.
//!
//! Several keepers may use them at once. A task belongs to at most one open intent, because both are
//! written in one database transaction, before anything is sent.

mod intents;
mod tasks;
mod vaults;

use sqlx::PgConnection;
pub use sqlx::PgPool;

pub use intents::{
    CampaignSpent, End, Intent, Limits, Opened, Pending, Risk, Settled, Spent, end, expire, open,
    passed, pending, spent,
};
pub use tasks::{
    Backlog, Cursor, Page, Postponed, Remains, Task, admit, backlog, closed, due, finished,
    postpone, remains, walk_back, want_reclaimed,
};
pub use vaults::{Vault, campaigns_with_vault, forget_vaults, write_vaults};

/// The kind of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// To pay what a conversion owes.
    Claim,
    /// To return the rent of an account.
    Reclaim,
}

impl Kind {
    /// The kind as the column has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Reclaim => "reclaim",
        }
    }

    fn parse(text: &str) -> Result<Self, crate::Error> {
        match text {
            "claim" => Ok(Self::Claim),
            "reclaim" => Ok(Self::Reclaim),
            _ => Err(crate::Error::Corrupt("a task of an unknown kind")),
        }
    }
}

/// Key of the advisory lock under which intents are written, so that each sees what the others cost.
const LOCK: i64 = 0x566f_7563_684b_6565;

/// Waits until no other keeper writes an intent. The lock ends with the transaction.
async fn lock(connection: &mut PgConnection) -> Result<(), crate::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", LOCK)
        .execute(connection)
        .await?;
    Ok(())
}
