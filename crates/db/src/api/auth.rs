//! Who somebody is, and what belongs to whom: sessions of wallets, keys of campaigns' servers.

pub mod keys;
pub mod sessions;

use sqlx::PgPool;

use crate::Error;

/// Rows that one statement deletes at most.
const BATCH: i64 = 1000;

/// The wallet that decides over a campaign; `None` if the mirror knows no such campaign.
///
/// # Errors
/// See [`Error`].
pub async fn authority(pool: &PgPool, campaign: &str) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT authority FROM campaigns WHERE address = $1",
        campaign
    )
    .fetch_optional(pool)
    .await?)
}

/// The wallet that has earned an award; `None` if there is no such award.
///
/// # Errors
/// See [`Error`].
pub async fn award_owner(pool: &PgPool, award: i64) -> Result<Option<String>, Error> {
    Ok(
        sqlx::query_scalar!("SELECT referrer FROM awards WHERE id = $1", award)
            .fetch_optional(pool)
            .await?,
    )
}

/// Deletes one batch of the nonces, sessions and keys that have ended. Several processes may do this
/// at once.
///
/// # Errors
/// See [`Error`].
pub async fn sweep(pool: &PgPool) -> Result<Swept, Error> {
    // A nonce is accepted only before its expiry by the clock of Postgres, which is also asked here.
    let nonces = sqlx::query!(
        "DELETE FROM used_nonces WHERE nonce IN (
             SELECT nonce FROM used_nonces WHERE expires_at < now() - interval '1 hour'
             ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
        BATCH,
    )
    .execute(pool)
    .await?
    .rows_affected();
    let expired = sqlx::query!(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions WHERE expires_at < now()
             ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
        BATCH,
    )
    .execute(pool)
    .await?
    .rows_affected();
    let unused = sqlx::query!(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions WHERE last_used_at < now() - make_interval(secs => $2)
             ORDER BY last_used_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
        BATCH,
        sessions::IDLE_SECONDS,
    )
    .execute(pool)
    .await?
    .rows_affected();
    let keys = sqlx::query!(
        "DELETE FROM api_keys WHERE id IN (
             SELECT id FROM api_keys WHERE LEAST(expires_at, revoked_at) < now() - interval '90 days'
             ORDER BY LEAST(expires_at, revoked_at) LIMIT $1 FOR UPDATE SKIP LOCKED)",
        BATCH,
    )
    .execute(pool)
    .await?
    .rows_affected();
    let batch = u64::try_from(BATCH).unwrap_or_default();
    Ok(Swept {
        rows: nonces + expired + unused + keys,
        more: [nonces, expired, unused, keys].contains(&batch),
    })
}

/// What a sweep has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Rows that it deleted.
    pub rows: u64,
    /// Whether there may be more to delete.
    pub more: bool,
}
