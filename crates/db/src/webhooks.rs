//! Webhooks: messages about what the mirror holds, and their deliveries.
//!
//! [`Outbox`] makes messages of facts, [`deliveries`] is what senders do, [`endpoints`] is for
//! those who receive. `docs/decisions/webhooks.md` says what is guaranteed.

pub mod deliveries;
pub mod endpoints;
mod outbox;
pub mod retention;

pub use outbox::{
    BudgetNote, Confirmation, Fact, FundedCampaign, Maturing, Message, Milestone, Milestones,
    Outbox, ShortVault, Withdrawn, Writes,
};

use crate::Error;

/// Whether another process worked on the same at the same time. Nothing was written; the same can
/// be tried again at once.
#[must_use]
pub fn is_conflict(error: &Error) -> bool {
    match error {
        Error::Unavailable(sqlx::Error::Database(error)) => {
            matches!(error.code().as_deref(), Some("40001" | "40P01"))
        }
        _ => false,
    }
}
