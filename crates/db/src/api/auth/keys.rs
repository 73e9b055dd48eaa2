//! API keys of campaigns' servers.

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Error;

/// Most keys of a campaign that have not ended.
pub const MOST: i64 = 20;
/// Most keys of a campaign, with those that ended in the last 90 days.
pub const MOST_KEPT: i64 = 200;

/// A key, without its secret.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct Key {
    pub id: Uuid,
    pub campaign: String,
    pub created_by: String,
    pub name: String,
    pub prefix: String,
    pub scopes: Vec<String>,
    pub created_at: OffsetDateTime,
    pub last_used_at: Option<OffsetDateTime>,
    pub expires_at: Option<OffsetDateTime>,
    pub revoked_at: Option<OffsetDateTime>,
    /// Whether it works: it has not ended, and who made it is still the campaign's authority.
    pub works: bool,
}

/// A key to be added.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// Its id.
    pub id: Uuid,
    /// Address of the campaign.
    pub campaign: &'a str,
    /// The campaign's authority.
    pub created_by: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// Its beginning, which is shown.
    pub prefix: &'a str,
    /// SHA-256 of the key.
    pub key_hash: &'a [u8; 32],
    /// What it may do.
    pub scopes: &'a [String],
    /// Seconds after which it ends; `None` for never.
    pub life_seconds: Option<f64>,
}

/// Adds a key. Returns `false` if the campaign has too many already.
///
/// # Errors
/// See [`Error`].
pub async fn add(pool: &PgPool, new: &NewKey<'_>) -> Result<bool, Error> {
    let mut transaction = pool.begin().await?;
    let added = has_room(&mut transaction, new.campaign).await? && {
        insert(&mut transaction, new).await?;
        true
    };
    transaction.commit().await?;
    Ok(added)
}

/// Keeps every other change of the campaign's keys out until the transaction ends, and says whether
/// there is room for another key.
async fn has_room(connection: &mut PgConnection, campaign: &str) -> Result<bool, Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('api_keys of ' || $1, 0))",
        campaign
    )
    .execute(&mut *connection)
    .await?;
    let count = sqlx::query!(
        r#"SELECT count(*) AS "kept!",
                  count(*) FILTER (WHERE LEAST(expires_at, revoked_at) IS NULL
                      OR LEAST(expires_at, revoked_at) > now()) AS "open!"
           FROM api_keys WHERE campaign = $1"#,
        campaign,
    )
    .fetch_one(connection)
    .await?;
    Ok(count.open < MOST && count.kept < MOST_KEPT)
}

async fn insert(connection: &mut PgConnection, new: &NewKey<'_>) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO api_keys (id, campaign, created_by, name, prefix, key_hash, scopes, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))",
        new.id,
        new.campaign,
        new.created_by,
        new.name,
        new.prefix,
        new.key_hash.as_slice(),
        new.scopes,
        new.life_seconds,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What came of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The new key replaces the old one.
    Yes,
    /// The campaign has no such key that has not ended.
    NotFound,
    /// The campaign has too many keys.
    TooMany,
}

/// Replaces a key by a new one with the same name, scopes and length of life; those of `new` are
/// ignored. The old one goes on working for this number of seconds, or until it ends anyway.
///
/// # Errors
/// See [`Error`].
pub async fn rotate(
    pool: &PgPool,
    old: Uuid,
    new: &NewKey<'_>,
    overlap_seconds: f64,
) -> Result<Rotated, Error> {
    let mut transaction = pool.begin().await?;
    let has_room = has_room(&mut transaction, new.campaign).await?;
    let found = sqlx::query!(
        r#"SELECT name, scopes,
                  extract(epoch FROM expires_at - created_at)::double precision AS life_seconds
           FROM api_keys
           WHERE id = $1 AND campaign = $2 AND revoked_at IS NULL
             AND (expires_at IS NULL OR expires_at > now())"#,
        old,
        new.campaign,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(found) = found else {
        return Ok(Rotated::NotFound);
    };
    if !has_room {
        return Ok(Rotated::TooMany);
    }
    sqlx::query!(
        "UPDATE api_keys SET expires_at = LEAST(expires_at, now() + make_interval(secs => $2))
         WHERE id = $1",
        old,
        overlap_seconds,
    )
    .execute(&mut *transaction)
    .await?;
    let next = NewKey {
        name: &found.name,
        scopes: &found.scopes,
        life_seconds: found.life_seconds,
        ..*new
    };
    insert(&mut transaction, &next).await?;
    transaction.commit().await?;
    Ok(Rotated::Yes)
}

/// Revokes a key at once. Returns whether the campaign has such a key.
///
/// # Errors
/// See [`Error`].
pub async fn revoke(pool: &PgPool, campaign: &str, id: Uuid) -> Result<bool, Error> {
    let revoked = sqlx::query!(
        "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, now())
         WHERE id = $1 AND campaign = $2",
        id,
        campaign,
    )
    .execute(pool)
    .await?;
    Ok(revoked.rows_affected() > 0)
}

/// The keys of a campaign, the newest first; also those that ended in the last 90 days.
///
/// # Errors
/// See [`Error`].
pub async fn list(pool: &PgPool, campaign: &str) -> Result<Vec<Key>, Error> {
    Ok(sqlx::query_as!(
        Key,
        r#"SELECT k.id, k.campaign, k.created_by, k.name, k.prefix, k.scopes, k.created_at,
                  k.last_used_at, k.expires_at, k.revoked_at,
                  k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
                      AND k.created_by = c.authority AS "works!"
           FROM api_keys k JOIN campaigns c ON c.address = k.campaign
           WHERE k.campaign = $1 ORDER BY k.created_at DESC, k.id DESC LIMIT $2"#,
        campaign,
        MOST_KEPT,
    )
    .fetch_all(pool)
    .await?)
}

/// The key with this id, if the campaign has it.
///
/// # Errors
/// See [`Error`].
pub async fn find(pool: &PgPool, campaign: &str, id: Uuid) -> Result<Option<Key>, Error> {
    let mut keys = list(pool, campaign).await?;
    keys.retain(|key| key.id == id);
    Ok(keys.pop())
}

/// A key that works.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id.
    pub id: Uuid,
    /// Address of its campaign.
    pub campaign: String,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// The key with this hash, if it works: it has not ended, and the wallet that made it is still the
/// campaign's authority. Notes that it was used, at most once a minute.
///
/// # Errors
/// See [`Error`].
pub async fn of_token(pool: &PgPool, key_hash: &[u8; 32]) -> Result<Option<Found>, Error> {
    Ok(sqlx::query_as!(
        Found,
        "WITH found AS (
             SELECT k.id, k.campaign, k.scopes
             FROM api_keys k JOIN campaigns c ON c.address = k.campaign
             WHERE k.key_hash = $1 AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > now())
               AND k.created_by = c.authority
         ), used AS (
             UPDATE api_keys SET last_used_at = now() FROM found
             WHERE api_keys.id = found.id
               AND (api_keys.last_used_at IS NULL
                    OR api_keys.last_used_at < now() - interval '1 minute')
         )
         SELECT id, campaign, scopes FROM found",
        key_hash.as_slice(),
    )
    .fetch_optional(pool)
    .await?)
}
