//! Facts become messages, in one database transaction with the cursor's move.

mod read;
mod rows;
mod write;

use sqlx::{PgPool, Postgres, Transaction};

pub use rows::{
    BudgetNote, Confirmation, Fact, FundedCampaign, Maturing, Message, Milestone, Milestones,
    ShortVault, Withdrawn, Writes,
};

use crate::Error;

/// Most transactions whose facts are read at once.
const SPAN: i64 = 1000;

/// One look at the mirror: a snapshot, from which everything is read and to which everything is
/// written that follows from it, or nothing.
///
/// Several processes may do this at the same time. The second one to commit fails, see
/// [`super::is_conflict`].
#[derive(Debug)]
pub struct Outbox {
    transaction: Transaction<'static, Postgres>,
    cursor: i64,
    award: i64,
    sequence: i64,
    final_seq: i64,
    final_time: Option<i64>,
    indexed_slot: Option<i64>,
}

impl Outbox {
    /// Takes a snapshot.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn begin(pool: &PgPool) -> Result<Self, Error> {
        let mut transaction = pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
            .await?;
        let row = sqlx::query!(
            "SELECT webhook_cursor.seq, award, sequence, final_seq, final_time, indexed_slot
             FROM webhook_cursor, indexer_state",
        )
        .fetch_one(&mut *transaction)
        .await?;
        Ok(Self {
            transaction,
            cursor: row.seq,
            award: row.award,
            sequence: row.sequence,
            final_seq: row.final_seq,
            final_time: row.final_time,
            indexed_slot: row.indexed_slot,
        })
    }

    /// The last award that was among the messages before.
    #[must_use]
    pub fn award(&self) -> i64 {
        self.award
    }

    /// The last transaction whose facts are messages.
    #[must_use]
    pub fn cursor(&self) -> i64 {
        self.cursor
    }

    /// The number of the last message.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// The last transaction up to which [`Self::final_facts`] reads.
    #[must_use]
    pub fn next_cursor(&self) -> i64 {
        self.final_seq.min(self.cursor + SPAN).max(self.cursor)
    }

    /// Number of final transactions whose facts are no messages yet.
    #[must_use]
    pub fn behind(&self) -> i64 {
        (self.final_seq - self.cursor).max(0)
    }
}
