//! The endpoints that are told of a campaign, and what operators do with them.

use secrecy::{ExposeSecret as _, SecretSlice};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Error;

/// Most endpoints of a campaign. Each of them gets every message.
pub const MOST: i64 = 10;
/// Most keys of an endpoint that are valid at the same time.
const MOST_KEYS: i64 = 4;
/// Messages of a replay that are written at once.
const PAGE: i64 = 5000;

/// An endpoint.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Endpoint {
    pub id: Uuid,
    pub campaign: String,
    pub url: String,
    pub types: Vec<String>,
    pub enabled: bool,
    pub disabled_reason: Option<String>,
    pub failing_since: Option<OffsetDateTime>,
    pub last_delivered_at: Option<OffsetDateTime>,
    pub created_at: OffsetDateTime,
    /// Deliveries that are not done.
    pub waiting: i64,
}

/// An endpoint to be added.
#[derive(Debug)]
pub struct NewEndpoint<'a> {
    /// Its id.
    pub id: Uuid,
    /// The campaign's address.
    pub campaign: &'a str,
    /// Where to send to.
    pub url: &'a str,
    /// The types of messages that it wants; all if there is none.
    pub types: &'a [String],
    /// The key that signs, of 24 to 64 bytes.
    pub key: &'a SecretSlice<u8>,
}

/// Adds an endpoint. It is told of everything that is not told yet. Returns `false` if the campaign
/// has [`MOST`] endpoints already.
///
/// # Errors
/// When Postgres does not answer.
pub async fn add(pool: &PgPool, new: &NewEndpoint<'_>) -> Result<bool, Error> {
    let mut transaction = pool.begin().await?;
    // A process that makes messages from a snapshot without the endpoint now fails.
    sqlx::query!("UPDATE webhook_cursor SET updated_at = now()")
        .execute(&mut *transaction)
        .await?;
    let others = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM webhook_endpoints WHERE campaign = $1 AND NOT removed"#,
        new.campaign,
    )
    .fetch_one(&mut *transaction)
    .await?;
    if others >= MOST {
        transaction.rollback().await?;
        return Ok(false);
    }
    sqlx::query!(
        "INSERT INTO webhook_endpoints (id, campaign, url, types) VALUES ($1, $2, $3, $4)",
        new.id,
        new.campaign,
        new.url,
        new.types,
    )
    .execute(&mut *transaction)
    .await?;
    add_key(&mut transaction, new.id, new.key).await?;
    if others == 0 {
        // Conversions of a campaign without an endpoint were not kept.
        sqlx::query!(
            "INSERT INTO webhook_maturing (conversion, campaign, seq, place, matures_at)
             SELECT c.address, c.campaign, e.seq, e.place, c.matures_at
             FROM maturing m JOIN conversions c ON c.address = m.conversion
             JOIN events e ON e.seq = c.seq AND e.subject = c.address
                 AND e.kind = 'conversion_recorded'
             WHERE c.campaign = $1 AND c.matures_at > c.converted_at AND c.status <> 'cancelled'
               AND c.seq <= (SELECT seq FROM webhook_cursor)
             ON CONFLICT (conversion) DO NOTHING",
            new.campaign,
        )
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(true)
}

async fn add_key(
    connection: &mut PgConnection,
    endpoint: Uuid,
    key: &SecretSlice<u8>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO webhook_secrets (endpoint, key) VALUES ($1, $2)",
        endpoint,
        key.expose_secret(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The endpoints of a campaign, or all; the oldest first.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list(pool: &PgPool, campaign: Option<&str>) -> Result<Vec<Endpoint>, Error> {
    Ok(sqlx::query_as!(
        Endpoint,
        r#"SELECT id, campaign, url, types, enabled, disabled_reason, failing_since,
                  last_delivered_at, created_at,
                  (SELECT count(*) FROM webhook_deliveries d
                   WHERE d.endpoint = id AND d.next_try IS NOT NULL) AS "waiting!"
           FROM webhook_endpoints
           WHERE NOT removed AND ($1::text IS NULL OR campaign = $1)
           ORDER BY created_at, id"#,
        campaign,
    )
    .fetch_all(pool)
    .await?)
}

/// Stops deliveries to an endpoint; those that wait go on waiting. Returns whether there is such an
/// endpoint.
///
/// # Errors
/// When Postgres does not answer.
pub async fn disable(pool: &PgPool, id: Uuid, reason: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE webhook_endpoints SET enabled = false, disabled_reason = $2
         WHERE id = $1 AND NOT removed",
        id,
        reason,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Lets deliveries to an endpoint go on. Messages from the time when it was disabled are not sent
/// unless they are replayed. Returns whether there is such an endpoint.
///
/// # Errors
/// When Postgres does not answer.
pub async fn enable(pool: &PgPool, id: Uuid) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE webhook_endpoints
         SET enabled = true, disabled_reason = NULL, failing_since = NULL, slow = false
         WHERE id = $1 AND NOT removed",
        id,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes an endpoint for good. Returns whether there was one.
///
/// # Errors
/// When Postgres does not answer.
pub async fn remove(pool: &PgPool, id: Uuid) -> Result<bool, Error> {
    let mut transaction = pool.begin().await?;
    // As in `add`: what is made for the endpoint now, is made before or fails.
    sqlx::query!("UPDATE webhook_cursor SET updated_at = now()")
        .execute(&mut *transaction)
        .await?;
    let removed = sqlx::query!(
        "UPDATE webhook_endpoints SET removed = true, enabled = false, disabled_reason = 'removed'
         WHERE id = $1 AND NOT removed RETURNING campaign",
        id,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(removed) = removed else {
        return Ok(false);
    };
    sqlx::query!(
        "DELETE FROM webhook_maturing WHERE campaign = $1 AND NOT EXISTS (
             SELECT FROM webhook_endpoints WHERE campaign = $1 AND NOT removed)",
        removed.campaign,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(true)
}

/// Adds a key. The older ones go on signing for this number of seconds, or until they end anyway.
/// If there are more than four keys, the oldest end at once. Returns whether there is such an endpoint.
///
/// # Errors
/// When Postgres does not answer.
pub async fn rotate(
    pool: &PgPool,
    id: Uuid,
    key: &SecretSlice<u8>,
    overlap_seconds: f64,
) -> Result<bool, Error> {
    let mut transaction = pool.begin().await?;
    let found = sqlx::query!(
        "SELECT id FROM webhook_endpoints WHERE id = $1 AND NOT removed FOR UPDATE",
        id,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if found.is_none() {
        return Ok(false);
    }
    sqlx::query!(
        "UPDATE webhook_secrets
         SET expires_at = LEAST(expires_at, now() + make_interval(secs => $2))
         WHERE endpoint = $1",
        id,
        overlap_seconds,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "DELETE FROM webhook_secrets WHERE endpoint = $1 AND key NOT IN
             (SELECT key FROM webhook_secrets WHERE endpoint = $1
              ORDER BY created_at DESC LIMIT $2)",
        id,
        MOST_KEYS - 1,
    )
    .execute(&mut *transaction)
    .await?;
    add_key(&mut transaction, id, key).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Sends a message again, or for the first time. Returns whether the endpoint's campaign has such a
/// message.
///
/// # Errors
/// When Postgres does not answer.
pub async fn replay(pool: &PgPool, id: Uuid, message: &str) -> Result<bool, Error> {
    let done = sqlx::query!(
        "INSERT INTO webhook_deliveries (message, endpoint)
         SELECT m.id, e.id FROM webhook_messages m JOIN webhook_endpoints e
             ON e.campaign = m.campaign AND NOT e.removed
         WHERE e.id = $1 AND m.id = $2
         ON CONFLICT (message, endpoint) DO UPDATE SET
             next_try = now(), attempts = 0, first_try = NULL, delivered_at = NULL,
             last_status = NULL, last_error = NULL",
        id,
        message,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Whether there is such an endpoint.
///
/// # Errors
/// When Postgres does not answer.
pub async fn exists(pool: &PgPool, id: Uuid) -> Result<bool, Error> {
    let found = sqlx::query!(
        "SELECT id FROM webhook_endpoints WHERE id = $1 AND NOT removed",
        id,
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.is_some())
}

/// Sends all messages of a time again that the endpoint wants: from `from` until before `to`, by the
/// time at which the message was made. Returns their number.
///
/// # Errors
/// When Postgres does not answer. A part may be done then; it is safe to repeat.
pub async fn replay_range(
    pool: &PgPool,
    id: Uuid,
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> Result<u64, Error> {
    let mut after = (from, String::new());
    let mut count = 0;
    loop {
        let page = sqlx::query!(
            r#"WITH page AS (
                   SELECT m.id, m.created_at, e.id AS endpoint
                   FROM webhook_endpoints e JOIN webhook_messages m ON m.campaign = e.campaign
                   WHERE e.id = $1 AND NOT e.removed
                     AND (cardinality(e.types) = 0 OR m.type = ANY(e.types))
                     AND (m.created_at, m.id) > ($2, $3) AND m.created_at < $4
                   ORDER BY m.created_at, m.id LIMIT $5
               ), again AS (
                   INSERT INTO webhook_deliveries (message, endpoint)
                   SELECT id, endpoint FROM page
                   ON CONFLICT (message, endpoint) DO UPDATE SET
                       next_try = now(), attempts = 0, first_try = NULL, delivered_at = NULL,
                       last_status = NULL, last_error = NULL
               )
               SELECT id, created_at FROM page ORDER BY created_at, id"#,
            id,
            after.0,
            after.1,
            to,
            PAGE,
        )
        .fetch_all(pool)
        .await?;
        let Some(last) = page.last() else {
            return Ok(count);
        };
        count += u64::try_from(page.len()).unwrap_or_default();
        after = (last.created_at, last.id.clone());
    }
}
