//! The profiles that owners give their codes.

use sqlx::PgPool;

use crate::Error;

/// A code's profile. Plain text of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct CodeProfile {
    pub nickname: Option<String>,
    pub description: Option<String>,
    pub message: Option<String>,
    pub category: Option<String>,
    pub region: Option<String>,
}

/// The profile of a referral; `None` if its present owner has written none.
///
/// # Errors
/// See [`Error`].
pub async fn find(pool: &PgPool, referral: &str) -> Result<Option<CodeProfile>, Error> {
    Ok(sqlx::query_as!(
        CodeProfile,
        "SELECT p.nickname, p.description, p.message, p.category, p.region
         FROM code_profiles p JOIN referrals r ON r.address = p.referral AND r.owner = p.owner
         WHERE p.referral = $1",
        referral,
    )
    .fetch_optional(pool)
    .await?)
}

/// Replaces the profile of a referral. Returns whether `owner` owns it.
///
/// # Errors
/// See [`Error`].
pub async fn set(
    pool: &PgPool,
    referral: &str,
    owner: &str,
    profile: &CodeProfile,
) -> Result<bool, Error> {
    let set = sqlx::query!(
        "INSERT INTO code_profiles
             (referral, owner, nickname, description, message, category, region)
         SELECT address, owner, $3, $4, $5, $6, $7 FROM referrals
         WHERE address = $1 AND owner = $2
         ON CONFLICT (referral) DO UPDATE SET
             owner = EXCLUDED.owner, nickname = EXCLUDED.nickname,
             description = EXCLUDED.description, message = EXCLUDED.message,
             category = EXCLUDED.category, region = EXCLUDED.region, updated_at = now()",
        referral,
        owner,
        profile.nickname,
        profile.description,
        profile.message,
        profile.category,
        profile.region,
    )
    .execute(pool)
    .await?;
    Ok(set.rows_affected() > 0)
}
