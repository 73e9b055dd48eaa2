//! Queries of senders: they take deliveries for a limited time, and note the outcomes.

use std::time::Duration;

use secrecy::SecretSlice;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Error;

/// A delivery that a sender has taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The message's id.
    pub message: String,
    /// The endpoint's id.
    pub endpoint: Uuid,
    /// Where to send to.
    pub url: String,
    /// The body to send, as JSON.
    pub payload: String,
    /// The keys that sign it, the newest first.
    pub keys: Vec<SecretSlice<u8>>,
    /// Attempts that failed.
    pub attempts: i32,
    /// The end of the lease. From then on another sender may take it.
    pub lease: OffsetDateTime,
}

/// Which deliveries to take.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Whether to take those of endpoints whose last attempt failed or was slow, or the others.
    pub troubled: bool,
    /// Most of them.
    pub limit: i64,
    /// Most of an endpoint, with those that the sender is busy with.
    pub each: i32,
    /// The sender's current work: endpoints, and how many deliveries of each.
    pub busy: &'a [(Uuid, i32)],
    /// How long to keep others from taking them.
    pub lease: Duration,
}

/// Takes deliveries that are due. Endpoints take turns by chance.
///
/// # Errors
/// When Postgres does not answer.
pub async fn take(pool: &PgPool, wanted: &Wanted<'_>) -> Result<Vec<Taken>, Error> {
    let (busy, counts): (Vec<Uuid>, Vec<i32>) = wanted.busy.iter().copied().unzip();
    let rows = sqlx::query!(
        r#"WITH RECURSIVE waiting AS (
               -- The endpoints with a delivery that waits: one look into the index for each.
               (SELECT endpoint FROM webhook_deliveries WHERE next_try IS NOT NULL
                ORDER BY endpoint LIMIT 1)
               UNION ALL
               SELECT (SELECT d.endpoint FROM webhook_deliveries d
                       WHERE d.next_try IS NOT NULL AND d.endpoint > waiting.endpoint
                       ORDER BY d.endpoint LIMIT 1)
               FROM waiting WHERE waiting.endpoint IS NOT NULL
           ), turns AS MATERIALIZED (
               SELECT e.id, $3 - COALESCE(busy.count, 0) AS free
               FROM waiting JOIN webhook_endpoints e ON e.id = waiting.endpoint
               LEFT JOIN UNNEST($4::uuid[], $5::integer[]) AS busy (endpoint, count)
                   ON busy.endpoint = e.id
               WHERE e.enabled AND (e.slow OR e.failing_since IS NOT NULL) = $1
                 AND $3 > COALESCE(busy.count, 0)
               ORDER BY random()
           ), due AS MATERIALIZED (
               SELECT picked.message, picked.endpoint
               FROM turns CROSS JOIN LATERAL (
                   SELECT d.message, d.endpoint FROM webhook_deliveries d
                   WHERE d.endpoint = turns.id AND d.next_try <= now()
                   ORDER BY d.next_try LIMIT turns.free FOR UPDATE SKIP LOCKED
               ) AS picked
               LIMIT $2
           )
           UPDATE webhook_deliveries d SET next_try = now() + make_interval(secs => $6)
           FROM due JOIN webhook_endpoints e ON e.id = due.endpoint
           JOIN webhook_messages m ON m.id = due.message
           WHERE d.message = due.message AND d.endpoint = due.endpoint
           RETURNING d.message, d.endpoint, e.url, m.payload::text AS "payload!", d.attempts,
                     d.next_try AS "lease!",
                     ARRAY(SELECT key FROM webhook_secrets s
                           WHERE s.endpoint = d.endpoint
                             AND (s.expires_at IS NULL OR s.expires_at > now())
                           ORDER BY s.created_at DESC) AS "keys!""#,
        wanted.troubled,
        wanted.limit,
        wanted.each,
        &busy,
        &counts,
        wanted.lease.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Taken {
            message: row.message,
            endpoint: row.endpoint,
            url: row.url,
            payload: row.payload,
            keys: row.keys.into_iter().map(SecretSlice::from).collect(),
            attempts: row.attempts,
            lease: row.lease,
        })
        .collect())
}

/// Notes that the endpoint has answered with a 2xx status. `slow` says that it took its time.
///
/// # Errors
/// When Postgres does not answer.
pub async fn delivered(pool: &PgPool, taken: &Taken, status: u16, slow: bool) -> Result<(), Error> {
    let mut transaction = pool.begin().await?;
    // Also if the lease is over: it was delivered.
    sqlx::query!(
        "UPDATE webhook_deliveries
         SET delivered_at = now(), next_try = NULL, attempts = attempts + 1,
             first_try = COALESCE(first_try, now()), last_status = $3, last_error = NULL
         WHERE message = $1 AND endpoint = $2 AND delivered_at IS NULL",
        taken.message,
        taken.endpoint,
        small(status),
    )
    .execute(&mut *transaction)
    .await?;
    // Not for every delivery: all of an endpoint's would wait for one row.
    sqlx::query!(
        "UPDATE webhook_endpoints
         SET last_delivered_at = now(), failing_since = NULL, slow = $2
         WHERE id = $1 AND (failing_since IS NOT NULL OR slow <> $2 OR last_delivered_at IS NULL
                            OR last_delivered_at < now() - interval '1 second')",
        taken.endpoint,
        slow,
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// An attempt that failed.
#[derive(Debug)]
pub struct Failed<'a> {
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: &'a str,
    /// Time until the next attempt.
    pub pause: Duration,
    /// How long attempts go on, from the first one.
    pub keep_trying: Duration,
}

/// The consequences of an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Aftermath {
    /// There will be no other attempt.
    pub given_up: bool,
    /// The endpoint is disabled now.
    pub disabled: bool,
}

/// Notes that an attempt failed. Disables the endpoint if all attempts failed for as long as
/// attempts go on.
///
/// # Errors
/// When Postgres does not answer.
pub async fn failed(pool: &PgPool, taken: &Taken, failed: &Failed<'_>) -> Result<Aftermath, Error> {
    let mut transaction = pool.begin().await?;
    let keep_trying = failed.keep_trying.as_secs_f64();
    // Not if the lease is over, because somebody else may have it.
    let row = sqlx::query!(
        r#"UPDATE webhook_deliveries
           SET attempts = attempts + 1, first_try = COALESCE(first_try, now()),
               next_try = CASE
                   WHEN now() + make_interval(secs => $5)
                        <= COALESCE(first_try, now()) + make_interval(secs => $6)
                   THEN now() + make_interval(secs => $5) END,
               last_status = $3, last_error = $4
           WHERE message = $1 AND endpoint = $2 AND next_try = $7
           RETURNING next_try, first_try AS "first_try!""#,
        taken.message,
        taken.endpoint,
        failed.status.map(small),
        failed.error,
        failed.pause.as_secs_f64(),
        keep_trying,
        taken.lease,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(row) = row else {
        return Ok(Aftermath::default());
    };
    sqlx::query!(
        "UPDATE webhook_endpoints SET failing_since = now() WHERE id = $1 AND failing_since IS NULL",
        taken.endpoint,
    )
    .execute(&mut *transaction)
    .await?;
    let given_up = row.next_try.is_none();
    let disabled = sqlx::query!(
        "UPDATE webhook_endpoints
         SET enabled = false,
             disabled_reason = 'all attempts failed since ' ||
                 to_char(failing_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') ||
                 ' UTC; the last: ' || $5
         WHERE id = $1 AND enabled
           AND (failing_since <= now() - make_interval(secs => $2)
                OR ($3 AND failing_since <= $4))",
        taken.endpoint,
        keep_trying,
        given_up,
        row.first_try,
        failed.error,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Aftermath {
        given_up,
        disabled: disabled.rows_affected() > 0,
    })
}

/// Notes that the endpoint has answered that it is gone, and disables it. Returns whether it was
/// enabled.
///
/// # Errors
/// When Postgres does not answer.
pub async fn gone(pool: &PgPool, taken: &Taken) -> Result<bool, Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "UPDATE webhook_deliveries
         SET attempts = attempts + 1, first_try = COALESCE(first_try, now()), next_try = NULL,
             last_status = 410, last_error = 'gone'
         WHERE message = $1 AND endpoint = $2 AND next_try = $3",
        taken.message,
        taken.endpoint,
        taken.lease,
    )
    .execute(&mut *transaction)
    .await?;
    let disabled = sqlx::query!(
        "UPDATE webhook_endpoints
         SET enabled = false, disabled_reason = 'it answered 410 Gone'
         WHERE id = $1 AND enabled",
        taken.endpoint,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(disabled.rows_affected() > 0)
}

/// A delivery with its message.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Delivery {
    pub message: String,
    pub kind: String,
    pub created_at: OffsetDateTime,
    pub attempts: i32,
    pub next_try: Option<OffsetDateTime>,
    pub delivered_at: Option<OffsetDateTime>,
    pub last_status: Option<i16>,
    pub last_error: Option<String>,
}

/// The last deliveries to an endpoint, the newest first. `undelivered` leaves out those that
/// arrived.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list(
    pool: &PgPool,
    endpoint: Uuid,
    undelivered: bool,
    limit: i64,
) -> Result<Vec<Delivery>, Error> {
    Ok(sqlx::query_as!(
        Delivery,
        "SELECT d.message, m.type AS kind, d.created_at, d.attempts, d.next_try, d.delivered_at,
                d.last_status, d.last_error
         FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message
         WHERE d.endpoint = $1 AND NOT ($2 AND d.delivered_at IS NOT NULL)
         ORDER BY d.created_at DESC, d.message DESC LIMIT $3",
        endpoint,
        undelivered,
        limit,
    )
    .fetch_all(pool)
    .await?)
}

/// The number and age of deliveries that wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backlog {
    /// Deliveries that wait, of endpoints that are enabled.
    pub waiting: i64,
    /// Age of the oldest of them, in seconds; 0 if there is none.
    pub oldest_seconds: f64,
    /// Endpoints that are disabled.
    pub disabled: i64,
}

/// Counts what waits.
///
/// # Errors
/// When Postgres does not answer.
pub async fn backlog(pool: &PgPool) -> Result<Backlog, Error> {
    Ok(sqlx::query_as!(
        Backlog,
        r#"SELECT count(*) AS "waiting!",
                  COALESCE(extract(epoch FROM now() - min(d.created_at)), 0)::float8
                      AS "oldest_seconds!",
                  (SELECT count(*) FROM webhook_endpoints WHERE NOT enabled AND NOT removed)
                      AS "disabled!"
           FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint
           WHERE d.next_try IS NOT NULL AND e.enabled"#,
    )
    .fetch_one(pool)
    .await?)
}

/// HTTP statuses have three digits.
fn small(status: u16) -> i16 {
    i16::try_from(status).unwrap_or(i16::MAX)
}
