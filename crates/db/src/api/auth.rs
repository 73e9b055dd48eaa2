//! Identities and rights: sessions of wallets, keys of campaigns' servers.

pub mod delegates;
pub mod keys;
pub mod sessions;

use sqlx::PgPool;

use crate::Error;

/// Rows that one statement deletes at most.
const BATCH: i64 = 1000;

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

/// Rows that end by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nonces, an hour after they could be used.
    Nonces,
    /// Sessions at their end.
    Sessions,
    /// Sessions that were not used for long.
    IdleSessions,
    /// API keys, 90 days after they expired or were revoked.
    Keys,
}

impl Ended {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nonces, Self::Sessions, Self::IdleSessions, Self::Keys];
}

/// Deletes one batch of what has ended. Several processes may do this at once. Returns whether there
/// may be more.
///
/// # Errors
/// See [`Error`].
pub async fn sweep(pool: &PgPool, ended: Ended) -> Result<bool, Error> {
    let query = match ended {
        // One is accepted only before its expiry by the clock of Postgres, which is also asked here.
        Ended::Nonces => sqlx::query!(
            "DELETE FROM used_nonces WHERE nonce IN (
                 SELECT nonce FROM used_nonces WHERE expires_at < now() - interval '1 hour'
                 ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
            BATCH,
        ),
        Ended::Sessions => sqlx::query!(
            "DELETE FROM sessions WHERE id IN (
                 SELECT id FROM sessions WHERE expires_at < now()
                 ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
            BATCH,
        ),
        Ended::IdleSessions => sqlx::query!(
            "DELETE FROM sessions WHERE id IN (
                 SELECT id FROM sessions WHERE last_used_at < now() - make_interval(secs => $2)
                 ORDER BY last_used_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
            BATCH,
            sessions::IDLE_SECONDS,
        ),
        Ended::Keys => sqlx::query!(
            "DELETE FROM api_keys WHERE id IN (
                 SELECT id FROM api_keys WHERE LEAST(expires_at, revoked_at) < now() - interval '90 days'
                 ORDER BY LEAST(expires_at, revoked_at) LIMIT $1 FOR UPDATE SKIP LOCKED)",
            BATCH,
        ),
    };
    let deleted = query.execute(pool).await?.rows_affected();
    Ok(i64::try_from(deleted) == Ok(BATCH))
}
