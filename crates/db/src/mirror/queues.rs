//! What still has to be finalized. It is in the rows, so that a restart continues where
//! the last one ended.

use sqlx::PgPool;

use super::Slot;
use crate::{Error, unless_silent};

/// An account that is only confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinalized {
    /// Address of the account.
    pub address: String,
    /// Where its bytes were read.
    pub slot: u64,
}

/// The oldest `limit` accounts that are only confirmed, up to and with `slot`.
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
