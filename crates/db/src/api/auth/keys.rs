//! API keys of campaigns' servers.

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Error;

/// Most keys of a campaign that one authority has made and that have not ended.
pub const MOST: i64 = 20;
/// Most keys of a campaign that one authority has made, with those that ended in the last 90 days.
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
    pub made_by: String,
    pub name: String,
    pub prefix: String,
    pub scopes: Vec<String>,
    pub created_at: OffsetDateTime,
    pub last_used_at: Option<OffsetDateTime>,
    pub expires_at: Option<OffsetDateTime>,
    pub revoked_at: Option<OffsetDateTime>,
    pub replaced_by: Option<Uuid>,
    /// Whether it works: it has not ended, and the wallet that made it still acts for the campaign.
    pub works: bool,
}

/// A new key, without what it may do.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// Its id.
    pub id: Uuid,
    /// Address of the campaign.
    pub campaign: &'a str,
    /// The campaign's authority.
    pub created_by: &'a str,
    /// The wallet that makes it: the authority or its delegate.
    pub made_by: &'a str,
    /// Its beginning, which is shown.
    pub prefix: &'a str,
    /// SHA-256 of the key.
    pub key_hash: &'a [u8; 32],
}

/// The rights of a key, and its length of life.
#[derive(Debug)]
pub struct Terms<'a> {
    /// Its name.
    pub name: &'a str,
    /// The rights of the key.
    pub scopes: &'a [String],
    /// Seconds after which it ends; `None` for never.
    pub life_seconds: Option<f64>,
}

/// Keeps every other change of the campaign's keys out until the transaction ends, and says whether
/// there is room for another key. Keys of former authorities take no room, because who has given a
/// campaign away must not be able to keep the next authority from making keys.
async fn has_room(connection: &mut PgConnection, new: &NewKey<'_>) -> Result<bool, Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('api_keys of ' || $1, 0))",
        new.campaign
    )
    .execute(&mut *connection)
    .await?;
    let count = sqlx::query!(
        r#"SELECT count(*) AS "kept!",
                  count(*) FILTER (WHERE LEAST(expires_at, revoked_at) IS NULL
                      OR LEAST(expires_at, revoked_at) > now()) AS "open!"
           FROM api_keys WHERE campaign = $1 AND created_by = $2"#,
        new.campaign,
        new.created_by,
    )
    .fetch_one(connection)
    .await?;
    Ok(count.open < MOST && count.kept < MOST_KEPT)
}

async fn insert(
    connection: &mut PgConnection,
    new: &NewKey<'_>,
    terms: &Terms<'_>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO api_keys
             (id, campaign, created_by, prefix, key_hash, name, scopes, life_seconds, made_by,
              expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $8))",
        new.id,
        new.campaign,
        new.created_by,
        new.prefix,
        new.key_hash.as_slice(),
        terms.name,
        terms.scopes,
        terms.life_seconds,
        new.made_by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The outcome of storing a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The key with this id. It is an earlier one if that has the same hash, because the same request was made
    /// before.
    Yes(Uuid),
    /// The same request was made before, for a key with other terms.
    Other,
    /// The campaign has no such key that has not ended, to be replaced.
    NotFound,
    /// The authority has too many keys for the campaign.
    TooMany,
}

/// Adds a key.
///
/// # Errors
/// See [`Error`].
pub async fn add(pool: &PgPool, new: &NewKey<'_>, terms: &Terms<'_>) -> Result<Stored, Error> {
    let mut transaction = pool.begin().await?;
    let has_room = has_room(&mut transaction, new).await?;
    if let Some(known) = known(&mut transaction, new.key_hash).await? {
        let same = known.name == terms.name
            && known.scopes == terms.scopes
            && known.life_seconds == terms.life_seconds;
        return Ok(if same {
            Stored::Yes(known.id)
        } else {
            Stored::Other
        });
    }
    if !has_room {
        return Ok(Stored::TooMany);
    }
    insert(&mut transaction, new, terms).await?;
    transaction.commit().await?;
    Ok(Stored::Yes(new.id))
}

/// A key that an earlier request has made.
struct Known {
    id: Uuid,
    name: String,
    scopes: Vec<String>,
    life_seconds: Option<f64>,
}

/// The key with this hash, whether it has ended or not.
async fn known(connection: &mut PgConnection, key_hash: &[u8; 32]) -> Result<Option<Known>, Error> {
    Ok(sqlx::query_as!(
        Known,
        "SELECT id, name, scopes, life_seconds FROM api_keys WHERE key_hash = $1",
        key_hash.as_slice(),
    )
    .fetch_optional(connection)
    .await?)
}

/// Replaces a key by a new one with the same name, scopes and length of life. The old one goes on working
/// for this number of seconds, or until it ends anyway. Until then it can be replaced once more: the
/// answer with the new key may have been lost.
///
/// # Errors
/// See [`Error`].
pub async fn rotate(
    pool: &PgPool,
    old: Uuid,
    new: &NewKey<'_>,
    overlap_seconds: f64,
) -> Result<Stored, Error> {
    let mut transaction = pool.begin().await?;
    let has_room = has_room(&mut transaction, new).await?;
    if let Some(known) = known(&mut transaction, new.key_hash).await? {
        return Ok(Stored::Yes(known.id));
    }
    let found = sqlx::query!(
        "UPDATE api_keys SET replaced_by = $3,
             -- An older API has not written it.
             life_seconds = COALESCE(life_seconds, extract(epoch FROM expires_at - created_at)),
             expires_at = LEAST(expires_at, now() + make_interval(secs => $4))
         WHERE id = $1 AND campaign = $2 AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > now())
         RETURNING name, scopes, life_seconds",
        old,
        new.campaign,
        new.id,
        overlap_seconds,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(found) = found else {
        return Ok(Stored::NotFound);
    };
    if !has_room {
        return Ok(Stored::TooMany);
    }
    let terms = Terms {
        name: &found.name,
        scopes: &found.scopes,
        life_seconds: found.life_seconds,
    };
    insert(&mut transaction, new, &terms).await?;
    transaction.commit().await?;
    Ok(Stored::Yes(new.id))
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

/// The keys of a campaign, also those that ended in the last 90 days: first those of its authority, then
/// those of former ones, each the newest first. At most twice [`MOST_KEPT`], so all of the authority.
///
/// # Errors
/// See [`Error`].
pub async fn list(pool: &PgPool, campaign: &str) -> Result<Vec<Key>, Error> {
    select(pool, campaign, None).await
}

/// The key with this id, if the campaign has it.
///
/// # Errors
/// See [`Error`].
pub async fn find(pool: &PgPool, campaign: &str, id: Uuid) -> Result<Option<Key>, Error> {
    Ok(select(pool, campaign, Some(id)).await?.pop())
}

async fn select(pool: &PgPool, campaign: &str, id: Option<Uuid>) -> Result<Vec<Key>, Error> {
    Ok(sqlx::query_as!(
        Key,
        r#"SELECT k.id, k.campaign, k.created_by,
                  COALESCE(k.made_by, k.created_by) AS "made_by!", k.name, k.prefix, k.scopes, k.created_at,
                  k.last_used_at, k.expires_at, k.revoked_at, k.replaced_by,
                  k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
                      AND key_maker_acts(k, c.authority) AS "works!"
           FROM api_keys k JOIN campaigns c ON c.address = k.campaign
           WHERE k.campaign = $1 AND ($2::uuid IS NULL OR k.id = $2)
           ORDER BY k.created_by = c.authority DESC, k.created_at DESC, k.id DESC LIMIT $3"#,
        campaign,
        id,
        2 * MOST_KEPT,
    )
    .fetch_all(pool)
    .await?)
}

/// A key that works.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id.
    pub id: Uuid,
    /// Address of its campaign.
    pub campaign: String,
    /// The campaign's authority, which made it, itself or by its delegate.
    pub created_by: String,
    /// The rights of the key.
    pub scopes: Vec<String>,
}

/// The key with this hash, if it works: it has not ended, and the wallet that made it still acts for the
/// campaign. Notes that it was used, at most once a minute.
///
/// # Errors
/// See [`Error`].
pub async fn of_token(pool: &PgPool, key_hash: &[u8; 32]) -> Result<Option<Found>, Error> {
    Ok(sqlx::query_as!(
        Found,
        "WITH found AS (
             SELECT k.id, k.campaign, k.created_by, k.scopes
             FROM api_keys k JOIN campaigns c ON c.address = k.campaign
             WHERE k.key_hash = $1 AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > now())
               AND key_maker_acts(k, c.authority)
         ), used AS (
             UPDATE api_keys SET last_used_at = now() FROM found
             WHERE api_keys.id = found.id
               AND (api_keys.last_used_at IS NULL
                    OR api_keys.last_used_at < now() - interval '1 minute')
         )
         SELECT id, campaign, created_by, scopes FROM found",
        key_hash.as_slice(),
    )
    .fetch_optional(pool)
    .await?)
}
