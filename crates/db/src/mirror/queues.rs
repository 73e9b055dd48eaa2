//! What still has to be done, and what is there. All of it is in the rows, so that
//! a restart continues where the last one ended.

use sqlx::PgPool;

use super::{Commitment, slot_from_sql, slot_to_sql};
use crate::{Error, unless_silent};

/// A row that is only confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinalized {
    /// Address of the account.
    pub address: String,
    /// Where its bytes were read.
    pub slot: u64,
}

/// The oldest `limit` rows of every table that are only confirmed, up to and with `slot`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn unfinalized(pool: &PgPool, slot: u64, limit: u32) -> Result<Vec<Unfinalized>, Error> {
    let rows = sqlx::query!(
        r#"(SELECT address AS "address!", slot AS "slot!" FROM campaigns
               WHERE commitment = 'confirmed' AND slot <= $1 ORDER BY slot LIMIT $2)
           UNION ALL
           (SELECT address, slot FROM referrals
               WHERE commitment = 'confirmed' AND slot <= $1 ORDER BY slot LIMIT $2)
           UNION ALL
           (SELECT address, slot FROM referees
               WHERE commitment = 'confirmed' AND slot <= $1 ORDER BY slot LIMIT $2)
           UNION ALL
           (SELECT address, slot FROM conversions
               WHERE commitment = 'confirmed' AND slot <= $1 ORDER BY slot LIMIT $2)"#,
        slot_to_sql(slot),
        i64::from(limit),
    );
    unless_silent(async { Ok(rows.fetch_all(pool).await?) })
        .await?
        .into_iter()
        .map(|row| {
            Ok(Unfinalized {
                address: row.address,
                slot: slot_from_sql(row.slot)?,
            })
        })
        .collect()
}

/// A conversion whose transaction is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiptless {
    /// Address of the conversion.
    pub address: String,
    /// Unix seconds, by the chain's clock.
    pub converted_at: i64,
}

/// The first `limit` conversions that have no signature, without those in `except`,
/// and how many there are in all.
///
/// # Errors
/// When Postgres does not answer.
pub async fn receiptless(
    pool: &PgPool,
    except: &[String],
    limit: u32,
) -> Result<(Vec<Receiptless>, u64), Error> {
    let rows = sqlx::query_as!(
        Receiptless,
        "SELECT address, converted_at FROM conversions
         WHERE signature IS NULL AND address <> ALL($1) ORDER BY slot LIMIT $2",
        except,
        i64::from(limit),
    );
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "total!" FROM conversions WHERE signature IS NULL"#
    );
    unless_silent(async {
        let rows = rows.fetch_all(pool).await?;
        let total = total.fetch_one(pool).await?;
        Ok((rows, u64::try_from(total).unwrap_or_default()))
    })
    .await
}

/// A mirrored account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Address of the account.
    pub address: String,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Where they were read.
    pub slot: u64,
    /// How settled they are.
    pub commitment: Commitment,
    /// The account is no more, and this is what it held last.
    pub gone: bool,
}

/// Address and bytes of every mirrored account that there still is, in no particular
/// order.
///
/// # Errors
/// When Postgres does not answer.
pub async fn stored_accounts(pool: &PgPool) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let stored = stored(pool).await?.into_iter();
    Ok(stored
        .filter(|row| !row.gone)
        .map(|row| (row.address, row.data))
        .collect())
}

/// Every account that was ever mirrored, in no particular order.
///
/// # Errors
/// When Postgres does not answer.
pub async fn stored(pool: &PgPool) -> Result<Vec<Stored>, Error> {
    let rows = sqlx::query!(
        r#"SELECT address AS "address!", data AS "data!", slot AS "slot!", commitment AS "commitment!",
                  gone AS "gone!"
           FROM campaigns
           UNION ALL SELECT address, data, slot, commitment, gone FROM referrals
           UNION ALL SELECT address, data, slot, commitment, gone FROM referees
           UNION ALL SELECT address, data, slot, commitment, gone FROM conversions"#
    );
    unless_silent(async { Ok(rows.fetch_all(pool).await?) })
        .await?
        .into_iter()
        .map(|row| {
            Ok(Stored {
                address: row.address,
                data: row.data,
                slot: slot_from_sql(row.slot)?,
                commitment: Commitment::parse(&row.commitment)?,
                gone: row.gone,
            })
        })
        .collect()
}
