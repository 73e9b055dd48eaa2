//! Nonces and sessions of wallets.

use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Error;

/// A session ends when it is not used for this long: a week, in seconds.
pub const IDLE_SECONDS: f64 = 7.0 * 86_400.0;
/// A session ends this long after its sign-in: 30 days, in seconds.
pub const LIFE_SECONDS: f64 = 30.0 * 86_400.0;
/// Most sessions of a wallet. A further one ends the oldest.
pub const MOST: i64 = 20;

/// The key of the API's nonces. Makes it of `fresh` if there is none; all callers get the same.
///
/// # Errors
/// See [`Error`].
pub async fn nonce_key(pool: &PgPool, fresh: &[u8; 32]) -> Result<[u8; 32], Error> {
    sqlx::query!(
        "INSERT INTO sign_in_key (key) VALUES ($1) ON CONFLICT DO NOTHING",
        fresh.as_slice(),
    )
    .execute(pool)
    .await?;
    // A statement of its own, because one that loses the race does not see the winner's row.
    let key = sqlx::query_scalar!("SELECT key FROM sign_in_key")
        .fetch_one(pool)
        .await?;
    key.try_into()
        .map_err(|_| Error::Corrupt("a sign-in key of another size"))
}

/// A session to be opened.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: Uuid,
    /// The wallet that signed.
    pub wallet: &'a str,
    /// SHA-256 of the token.
    pub token_hash: &'a [u8; 32],
    /// Whether the token is sent as a cookie. Otherwise it is sent as a bearer token.
    pub cookie: bool,
    /// The beginning of the browser's name.
    pub user_agent: Option<&'a str>,
    /// The nonce that was signed.
    pub nonce: &'a [u8],
    /// When the nonce's challenge expires.
    pub nonce_expires_at: OffsetDateTime,
}

/// Why no session was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    /// The challenge has expired, by the clock of Postgres.
    Expired,
    /// The nonce was used before.
    Used,
}

/// Uses the nonce up and opens the session, both or neither. Of several callers with one nonce,
/// exactly one opens a session. Returns when it expires.
///
/// # Errors
/// See [`Error`].
pub async fn open(
    pool: &PgPool,
    new: &NewSession<'_>,
) -> Result<Result<OffsetDateTime, NotOpened>, Error> {
    let mut transaction = pool.begin().await?;
    let in_time = sqlx::query_scalar!(r#"SELECT now() < $1 AS "in_time!""#, new.nonce_expires_at)
        .fetch_one(&mut *transaction)
        .await?;
    if !in_time {
        return Ok(Err(NotOpened::Expired));
    }
    // The second request with the same nonce waits for the first one's commit here.
    let used = sqlx::query_scalar!(
        r#"INSERT INTO used_nonces (nonce, expires_at) VALUES ($1, $2)
           ON CONFLICT DO NOTHING RETURNING true AS "used!""#,
        new.nonce,
        new.nonce_expires_at,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if used.is_none() {
        return Ok(Err(NotOpened::Used));
    }
    // The sessions of a wallet are opened one after the other, so that each sees all earlier ones when it
    // counts. The clock is read after the wait, so that the newest is the one that was opened last.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('sessions of ' || $1, 0))",
        new.wallet
    )
    .execute(&mut *transaction)
    .await?;
    let expires_at = sqlx::query_scalar!(
        "INSERT INTO sessions (id, wallet, token_hash, kind, user_agent, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp(), now() + make_interval(secs => $6))
         RETURNING expires_at",
        new.id,
        new.wallet,
        new.token_hash.as_slice(),
        if new.cookie { "cookie" } else { "bearer" },
        new.user_agent,
        LIFE_SECONDS,
    )
    .fetch_one(&mut *transaction)
    .await?;
    sqlx::query!(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions WHERE wallet = $1
             ORDER BY created_at DESC, id DESC OFFSET $2)",
        new.wallet,
        MOST,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Ok(expires_at))
}

/// A session.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct Session {
    pub id: Uuid,
    pub wallet: String,
    pub kind: String,
    pub user_agent: Option<String>,
    pub created_at: OffsetDateTime,
    pub last_used_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

/// The session of this token, if it has not ended. Notes that it was used, at most once a minute.
///
/// # Errors
/// See [`Error`].
pub async fn of_token(
    pool: &PgPool,
    token_hash: &[u8; 32],
    cookie: bool,
) -> Result<Option<Session>, Error> {
    Ok(sqlx::query_as!(
        Session,
        "WITH found AS (
             SELECT * FROM sessions
             WHERE token_hash = $1 AND kind = $2 AND expires_at > now()
               AND last_used_at > now() - make_interval(secs => $3)
         ), used AS (
             UPDATE sessions SET last_used_at = now() FROM found
             WHERE sessions.id = found.id AND sessions.last_used_at < now() - interval '1 minute'
         )
         SELECT id, wallet, kind, user_agent, created_at, last_used_at, expires_at FROM found",
        token_hash.as_slice(),
        if cookie { "cookie" } else { "bearer" },
        IDLE_SECONDS,
    )
    .fetch_optional(pool)
    .await?)
}

/// The sessions of a wallet that have not ended, the newest first.
///
/// # Errors
/// See [`Error`].
pub async fn list(pool: &PgPool, wallet: &str) -> Result<Vec<Session>, Error> {
    Ok(sqlx::query_as!(
        Session,
        "SELECT id, wallet, kind, user_agent, created_at, last_used_at, expires_at
         FROM sessions
         WHERE wallet = $1 AND expires_at > now()
           AND last_used_at > now() - make_interval(secs => $2)
         ORDER BY created_at DESC, id DESC LIMIT $3",
        wallet,
        IDLE_SECONDS,
        MOST,
    )
    .fetch_all(pool)
    .await?)
}

/// Ends one session of the wallet, or all. Returns how many it ended.
///
/// # Errors
/// See [`Error`].
pub async fn end(pool: &PgPool, wallet: &str, id: Option<Uuid>) -> Result<u64, Error> {
    let ended = sqlx::query!(
        "DELETE FROM sessions WHERE wallet = $1 AND ($2::uuid IS NULL OR id = $2)",
        wallet,
        id,
    )
    .execute(pool)
    .await?;
    Ok(ended.rows_affected())
}
