//! Deletes what is over, in parts, so that no statement takes long.

use std::time::Duration;

use sqlx::PgPool;

use crate::Error;

/// Most messages, or deliveries, that are deleted at once.
const PAGE: i64 = 1000;

/// Deletes some of what is over: messages that are older than `keep`, with their deliveries, endpoints
/// that were removed, and keys that were replaced. Returns whether there may be more.
///
/// # Errors
/// When Postgres does not answer.
pub async fn sweep(pool: &PgPool, keep: Duration) -> Result<bool, Error> {
    let messages = sqlx::query_scalar!(
        r#"WITH old AS MATERIALIZED (
               SELECT id FROM webhook_messages
               WHERE created_at < now() - make_interval(secs => $1)
               ORDER BY created_at LIMIT $2
           ), unsent AS (
               DELETE FROM webhook_deliveries d USING old WHERE d.message = old.id
           ), gone AS (
               DELETE FROM webhook_messages m USING old WHERE m.id = old.id RETURNING m.id
           )
           SELECT count(*) AS "count!" FROM gone"#,
        keep.as_secs_f64(),
        PAGE,
    )
    .fetch_one(pool)
    .await?;
    let deliveries = sqlx::query!(
        "DELETE FROM webhook_deliveries d USING (
             SELECT d.message, d.endpoint FROM webhook_endpoints e
             JOIN webhook_deliveries d ON d.endpoint = e.id
             WHERE e.removed LIMIT $1
         ) AS old
         WHERE d.message = old.message AND d.endpoint = old.endpoint",
        PAGE,
    )
    .execute(pool)
    .await?;
    sqlx::query!(
        "DELETE FROM webhook_endpoints e
         WHERE e.removed AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint = e.id)",
    )
    .execute(pool)
    .await?;
    sqlx::query!("DELETE FROM webhook_secrets WHERE expires_at < now()")
        .execute(pool)
        .await?;
    sqlx::query!(
        "DELETE FROM webhook_confirmations told
         WHERE NOT EXISTS (SELECT FROM webhook_messages m WHERE m.id = told.message)",
    )
    .execute(pool)
    .await?;
    Ok(messages >= PAGE || deliveries.rows_affected() >= PAGE.unsigned_abs())
}
