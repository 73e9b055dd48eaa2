//! The queue of accounts that are not finalized yet. It is kept in the rows, so a restart
//! continues it.

use sqlx::PgPool;

use super::Slot;
use crate::{Error, unless_silent};

/// An account that is only confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinalized {
    /// Address of the account.
    pub address: String,
    /// The slot at which its bytes were read.
    pub slot: u64,
}

/// The oldest `limit` accounts that are only confirmed, at slots up to and including
/// `slot`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn unfinalized(pool: &PgPool, slot: u64, limit: u32) -> Result<Vec<Unfinalized>, Error> {
    let rows = sqlx::query_as!(
        Unfinalized,
        r#"SELECT address, slot AS "slot: Slot" FROM accounts
           WHERE commitment = 'confirmed' AND slot <= $1 ORDER BY slot LIMIT $2"#,
        Slot(slot) as Slot,
        i64::from(limit),
    );
    unless_silent(async { Ok(rows.fetch_all(pool).await?) }).await
}
