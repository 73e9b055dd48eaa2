//! The table `accounts`: the bytes of every mirrored account, once.

use std::collections::HashMap;

use sqlx::{
    PgConnection, PgPool, Postgres,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef},
};

use crate::{Error, unless_silent};

/// The commitment at which something was read from the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Commitment {
    /// Two thirds of the stake have voted for it. Shown to people.
    Confirmed,
    /// Cannot be rolled back. Counts for money and ranks.
    Finalized,
}

/// A slot, `bigint` in Postgres. Slots above `i64::MAX` are billions of years away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub u64);

impl From<Slot> for u64 {
    fn from(slot: Slot) -> Self {
        slot.0
    }
}

impl sqlx::Type<Postgres> for Slot {
    fn type_info() -> PgTypeInfo {
        i64::type_info()
    }
}

impl sqlx::Encode<'_, Postgres> for Slot {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        i64::try_from(self.0)
            .unwrap_or(i64::MAX)
            .encode_by_ref(buffer)
    }
}

impl sqlx::Decode<'_, Postgres> for Slot {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(u64::try_from(i64::decode(value)?)?))
    }
}

/// A mirrored account: a row of `accounts`, in the order of its columns.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "accounts")]
pub struct StoredAccount {
    /// Address of the account.
    pub address: String,
    /// The kind of its projection; `other` without one.
    pub kind: String,
    /// Its bytes.
    pub data: Vec<u8>,
    /// The slot at whose end the account had these bytes.
    pub slot: Slot,
    /// The commitment of that slot.
    pub commitment: Commitment,
    /// The account no longer exists; `data` holds its last bytes.
    pub gone: bool,
    /// The account was seen at a finalized slot.
    pub was_final: bool,
}

/// The mirrored accounts among `addresses`.
pub(super) async fn read(
    connection: &mut PgConnection,
    addresses: &[String],
) -> Result<HashMap<String, StoredAccount>, Error> {
    let rows = sqlx::query_as!(
        StoredAccount,
        r#"SELECT address, kind, data, slot AS "slot: Slot",
                  commitment AS "commitment: Commitment", gone, was_final
           FROM accounts WHERE address = ANY($1)"#,
        addresses,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.address.clone(), row))
        .collect())
}

/// Inserts the rows, or replaces those that exist.
pub(super) async fn write(
    connection: &mut PgConnection,
    rows: &[StoredAccount],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO accounts SELECT * FROM UNNEST($1::accounts[])
         ON CONFLICT (address) DO UPDATE SET
             kind = EXCLUDED.kind, data = EXCLUDED.data, slot = EXCLUDED.slot,
             commitment = EXCLUDED.commitment, gone = EXCLUDED.gone,
             was_final = EXCLUDED.was_final",
        rows as &[StoredAccount],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes accounts that existed only on an abandoned fork, with their projections.
pub(super) async fn remove(
    connection: &mut PgConnection,
    addresses: &[String],
) -> Result<(), Error> {
    if addresses.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH campaign AS (DELETE FROM campaigns WHERE address = ANY($1)),
              referral AS (DELETE FROM referrals WHERE address = ANY($1)),
              conversion AS (DELETE FROM conversions WHERE address = ANY($1)),
              receipt AS (DELETE FROM conversion_receipts WHERE conversion = ANY($1))
         DELETE FROM accounts WHERE address = ANY($1)",
        addresses,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// All accounts that were ever mirrored, in no particular order.
///
/// # Errors
/// When Postgres does not answer.
pub async fn every_account(pool: &PgPool) -> Result<Vec<StoredAccount>, Error> {
    let rows = sqlx::query_as!(
        StoredAccount,
        r#"SELECT address, kind, data, slot AS "slot: Slot",
                  commitment AS "commitment: Commitment", gone, was_final
           FROM accounts"#
    );
    unless_silent(async { Ok(rows.fetch_all(pool).await?) }).await
}

/// Address and bytes of every mirrored account that exists, in no particular order.
///
/// # Errors
/// When Postgres does not answer.
pub async fn live_accounts(pool: &PgPool) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let rows = sqlx::query!("SELECT address, data FROM accounts WHERE NOT gone");
    let rows = unless_silent(async { Ok(rows.fetch_all(pool).await?) }).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.address, row.data))
        .collect())
}
