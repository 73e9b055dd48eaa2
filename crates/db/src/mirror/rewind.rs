//! Undoes transactions that are not final.

use sqlx::PgConnection;

use super::{
    batch::{self, Projections},
    log, quarters, ranks,
    rows::{Account, Before},
};
use crate::Error;

/// The accounts that the transactions after `seq` changed, each as it was before the first of
/// them.
pub(super) async fn read(connection: &mut PgConnection, seq: i64) -> Result<Vec<Before>, Error> {
    Ok(sqlx::query_as!(
        Before,
        "SELECT DISTINCT ON (address) seq, address, data, before_seq, before_slot, doubt
         FROM accounts_before WHERE seq > $1 ORDER BY address, seq",
        seq,
    )
    .fetch_all(connection)
    .await?)
}

/// Undoes all transactions after `seq`. `before` is what [`read`] returned, and `projections` how
/// the projections change if the accounts become that. If the mirror is `live`, streams are told. The
/// caller commits.
pub(super) async fn write(
    connection: &mut PgConnection,
    seq: i64,
    before: &[Before],
    projections: &Projections,
    live: bool,
) -> Result<(), Error> {
    let rewound = sqlx::query!(
        "UPDATE indexer_state SET confirmed_seq = $1 WHERE final_seq <= $1 AND confirmed_seq >= $1",
        seq,
    )
    .execute(&mut *connection)
    .await?;
    if rewound.rows_affected() == 0 {
        return Err(Error::Corrupt("a final transaction that was to be undone"));
    }
    if live {
        let withdrawn = log::facts_after(&mut *connection, seq).await?;
        log::note(&mut *connection, withdrawn, &[]).await?;
    }
    let mut created = Vec::new();
    let mut accounts = Vec::new();
    for account in before {
        match (account.before_seq, account.before_slot) {
            (Some(seq), Some(slot)) => accounts.push(Account {
                address: account.address.clone(),
                data: account.data.clone(),
                seq,
                slot,
                doubt: account.doubt.clone(),
            }),
            _ => created.push(account.address.clone()),
        }
    }
    batch::write_accounts(&mut *connection, &accounts).await?;
    batch::project(&mut *connection, projections).await?;
    ranks::wait(&mut *connection, &projections.maturing).await?;
    quarters::remove(&mut *connection, &created).await?;
    // An account that the undone transactions created has no row afterwards.
    for delete in [
        sqlx::query!("DELETE FROM accounts WHERE address = ANY($1)", &created),
        sqlx::query!("DELETE FROM campaigns WHERE address = ANY($1)", &created),
        sqlx::query!("DELETE FROM referrals WHERE address = ANY($1)", &created),
        sqlx::query!("DELETE FROM conversions WHERE address = ANY($1)", &created),
        sqlx::query!("DELETE FROM maturing WHERE conversion = ANY($1)", &created),
        sqlx::query!("DELETE FROM accounts_before WHERE seq > $1", seq),
        sqlx::query!(
            "DELETE FROM short_links AS link USING events
             WHERE events.seq > $1 AND kind = $2 AND link.code = detail->>'code' AND link.seq > $1",
            seq,
            batch::CODE_CREATED,
        ),
        sqlx::query!("DELETE FROM events WHERE seq > $1", seq),
        sqlx::query!("DELETE FROM calls WHERE seq > $1", seq),
        sqlx::query!("DELETE FROM transactions WHERE seq > $1", seq),
    ] {
        delete.execute(&mut *connection).await?;
    }
    Ok(())
}
