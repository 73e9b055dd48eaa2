//! COPY of rows into the tables of the mirror.

use sqlx::{Encode, PgConnection, Postgres, encode::IsNull, postgres::PgArgumentBuffer};

use crate::Error;

/// The beginning of the binary format: its signature, no flags, and no extension of the header.
const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of the binary format, in the place of a number of columns.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// Bytes of the number of columns of a record, of the type of a column, and of the length of its value.
const WORD: usize = 4;
/// Rows go to Postgres as soon as they have so many bytes together.
const CHUNK: usize = 1 << 18;

/// Adds rows to a table, in their order. The fields are its columns. It costs less than an INSERT of an array: Postgres
/// writes a page of rows at once, and makes no tuples of the array before.
pub(super) async fn copy<T>(
    connection: &mut PgConnection,
    table: &'static str,
    rows: &[T],
) -> Result<(), Error>
where
    T: for<'q> Encode<'q, Postgres>,
{
    if rows.is_empty() {
        return Ok(());
    }
    let mut copy = connection
        .copy_in_raw(&format!("COPY {table} FROM STDIN (FORMAT binary)"))
        .await?;
    let mut data = HEADER.to_vec();
    for row in rows {
        if let Err(error) = write(row, &mut data) {
            copy.abort("a row cannot be written").await?;
            return Err(sqlx::Error::Encode(error).into());
        }
        if data.len() >= CHUNK {
            copy.send(data.as_slice()).await?;
            data.clear();
        }
    }
    data.extend(TRAILER);
    copy.send(data).await?;
    copy.finish().await?;
    Ok(())
}

/// Writes a row as COPY reads it: as a record, but without the types.
fn write<'q, T: Encode<'q, Postgres>>(
    row: &T,
    data: &mut Vec<u8>,
) -> Result<(), sqlx::error::BoxDynError> {
    let mut record = PgArgumentBuffer::default();
    if let IsNull::Yes = row.encode_by_ref(&mut record)? {
        return Err("a row is null".into());
    }
    let mut rest: &[u8] = &record;
    let columns = u32::from_be_bytes(take(&mut rest)?);
    data.extend(u16::try_from(columns)?.to_be_bytes());
    for _ in 0..columns {
        let _of_a_type: [u8; WORD] = take(&mut rest)?;
        let length: [u8; WORD] = take(&mut rest)?;
        data.extend(length);
        // -1 stands for NULL.
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
        let (value, after) = rest.split_at_checked(length).ok_or("a record is cut off")?;
        data.extend(value);
        rest = after;
    }
    Ok(())
}

fn take(rest: &mut &[u8]) -> Result<[u8; WORD], sqlx::error::BoxDynError> {
    let (word, after) = rest.split_first_chunk().ok_or("a record is cut off")?;
    *rest = after;
    Ok(*word)
}
