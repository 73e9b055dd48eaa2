//! The table `conversion_receipts`: the transaction of each conversion, and the facts
//! that only its instruction holds.

use sqlx::{PgConnection, PgPool};

use crate::{Error, amount::Unsigned, unless_silent};

/// The transaction of a conversion and the facts of its instruction: a row of
/// `conversion_receipts`, in the order of its columns.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "conversion_receipts")]
pub struct Receipt {
    /// Address of the conversion.
    pub conversion: String,
    /// Signature of the transaction.
    pub signature: String,
    /// The referee's action, as the API spells it.
    pub action: String,
    /// The worth of the action, in units that the campaign chooses, or the price.
    pub amount: Unsigned,
    /// The campaign's own reference, 32 bytes; `None` for none.
    pub reference: Option<Vec<u8>>,
}

/// A conversion whose transaction is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiptless {
    /// Address of the conversion.
    pub address: String,
    /// Unix seconds, by the chain's clock.
    pub converted_at: i64,
}

/// At most `limit` conversions without a known transaction, except those in `except`, and
/// the number of all conversions without one.
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
        "SELECT conversion.address, conversion.converted_at
         FROM conversion_receipts AS receipt
         JOIN conversions AS conversion ON conversion.address = receipt.conversion
         WHERE receipt.signature IS NULL AND receipt.conversion <> ALL($1)
         ORDER BY receipt.conversion LIMIT $2",
        except,
        i64::from(limit),
    );
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "total!" FROM conversion_receipts WHERE signature IS NULL"#
    );
    unless_silent(async {
        let rows = rows.fetch_all(pool).await?;
        let total = total.fetch_one(pool).await?;
        Ok((rows, u64::try_from(total).unwrap_or_default()))
    })
    .await
}

/// Puts conversions into the queue. A conversion that had a receipt loses it.
pub(super) async fn enqueue(
    connection: &mut PgConnection,
    conversions: &[String],
) -> Result<(), Error> {
    if conversions.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO conversion_receipts (conversion) SELECT * FROM UNNEST($1::text[])
         ON CONFLICT (conversion) DO UPDATE SET
             signature = NULL, action = NULL, amount = NULL, reference = NULL",
        conversions,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes receipts of queued conversions. Returns how many of them were in the queue.
pub(super) async fn write(
    connection: &mut PgConnection,
    receipts: &[Receipt],
) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE conversion_receipts AS receipt SET
             signature = found.signature, action = found.action, amount = found.amount,
             reference = found.reference
         FROM UNNEST($1::conversion_receipts[]) AS found
         WHERE receipt.conversion = found.conversion AND receipt.signature IS NULL",
        receipts as &[Receipt],
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
