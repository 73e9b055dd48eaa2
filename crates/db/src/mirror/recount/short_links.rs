//! Checks that each short link belongs to the first registration of its code.
//!
//! Two passes prove it without an index of all codes. By code: each link is a registration of its
//! code. In the order of the chain: no registration of a code is before its link.

use sqlx::{Connection, PgConnection};

use super::{Drift, Recount, lock};
use crate::{Error, mirror::batch::CODE_CREATED};

/// Links in one range.
const LINKS: i64 = 1000;
/// Transactions in one range.
const TRANSACTIONS: i64 = 2048;

/// Compares the short links after the code `after`, at most 1,000 of them, with the registrations that
/// they name. With `repair`, those that are of none are removed: [`registrations`] then adds the right
/// ones.
///
/// # Errors
/// When Postgres does not answer.
pub async fn short_links(
    connection: &mut PgConnection,
    after: &str,
    repair: bool,
) -> Result<Recount<String>, Error> {
    let found = of_none(connection, after).await?;
    if !repair || found.drift.is_empty() {
        return Ok(found);
    }
    let mut transaction = connection.begin().await?;
    lock(&mut transaction).await?;
    let found = of_none(&mut transaction, after).await?;
    sqlx::query!(
        "DELETE FROM short_links AS link
         WHERE code > $1 AND ($2::text IS NULL OR code <= $2) AND NOT EXISTS (
             SELECT FROM events AS event
             WHERE (event.seq, event.place) = (link.seq, link.place) AND kind = $3
               AND (event.referral, event.campaign, detail->>'code')
                   = (link.referral, link.campaign, link.code))",
        after,
        found.last.as_deref(),
        CODE_CREATED,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(found)
}

async fn of_none(connection: &mut PgConnection, after: &str) -> Result<Recount<String>, Error> {
    let rows = sqlx::query!(
        r#"SELECT link.code, link.referral, EXISTS (
               SELECT FROM events AS event
               WHERE (event.seq, event.place) = (link.seq, link.place) AND kind = $3
                 AND (event.referral, event.campaign, detail->>'code')
                     = (link.referral, link.campaign, link.code)
           ) AS "is_right!"
           FROM (SELECT * FROM short_links WHERE code > $1 ORDER BY code LIMIT $2) AS link
           ORDER BY link.code"#,
        after,
        LINKS,
        CODE_CREATED,
    )
    .fetch_all(connection)
    .await?;
    let mut recount = Recount {
        compared: rows.len() as u64,
        last: rows.last().map(|row| row.code.clone()),
        drift: Vec::new(),
    };
    let wrong = rows.into_iter().filter(|row| !row.is_right);
    recount.drift = wrong
        .map(|row| Drift {
            of: format!("short link {}", row.code),
            kept: row.referral,
            counted: "no registration".to_owned(),
        })
        .collect();
    Ok(recount)
}

/// Looks in the transactions after number `after`, at most 2,048 of them, for registrations of codes
/// whose short link is missing or of a later registration. With `repair`, the link is theirs afterwards.
///
/// # Errors
/// When Postgres does not answer.
pub async fn registrations(
    connection: &mut PgConnection,
    after: i64,
    repair: bool,
) -> Result<Recount<i64>, Error> {
    let found = earlier(connection, after).await?;
    if !repair || found.drift.is_empty() {
        return Ok(found);
    }
    let mut transaction = connection.begin().await?;
    lock(&mut transaction).await?;
    let found = earlier(&mut transaction, after).await?;
    sqlx::query!(
        "INSERT INTO short_links AS link
         SELECT DISTINCT ON (detail->>'code') detail->>'code', referral, campaign, seq, place
         FROM events WHERE seq > $1 AND seq <= $2 AND kind = $3
         ORDER BY detail->>'code', seq, place
         ON CONFLICT (code) DO UPDATE SET
             referral = EXCLUDED.referral, campaign = EXCLUDED.campaign,
             seq = EXCLUDED.seq, place = EXCLUDED.place
         WHERE (link.seq, link.place) > (EXCLUDED.seq, EXCLUDED.place)",
        after,
        after.saturating_add(TRANSACTIONS),
        CODE_CREATED,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(found)
}

async fn earlier(connection: &mut PgConnection, after: i64) -> Result<Recount<i64>, Error> {
    let upto = after.saturating_add(TRANSACTIONS);
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (detail->>'code')
                  detail->>'code' AS "code!", event.referral AS "referral!",
                  link.referral AS "kept?"
           FROM events AS event LEFT JOIN short_links AS link ON link.code = detail->>'code'
           WHERE event.seq > $1 AND event.seq <= $2 AND kind = $3
             AND (link.code IS NULL OR (link.seq, link.place) > (event.seq, event.place))
           ORDER BY detail->>'code', event.seq, event.place"#,
        after,
        upto,
        CODE_CREATED,
    )
    .fetch_all(&mut *connection)
    .await?;
    let more = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM transactions WHERE seq > $1) AS "more!""#,
        upto,
    )
    .fetch_one(connection)
    .await?;
    let drift = rows.into_iter().map(|row| Drift {
        of: format!("short link {}", row.code),
        kept: row.kept.unwrap_or_else(|| "nobody".to_owned()),
        counted: row.referral,
    });
    Ok(Recount {
        last: more.then_some(upto),
        compared: TRANSACTIONS.unsigned_abs(),
        drift: drift.collect(),
    })
}
