//! Names that referrers have chosen, for lists of wallets.

use sqlx::PgPool;

use crate::Error;

/// A wallet, and the name that its owner chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The wallet.
    pub wallet: String,
    /// The nickname in the profile of one of its codes: plain text, and of nobody alone.
    pub nickname: String,
}

/// The names of those wallets that have one: that of the newest code whose present owner has given
/// it a nickname. Of each wallet the 20 newest codes are looked at, so that the query is bounded.
///
/// # Errors
/// See [`Error`].
pub async fn of_wallets(pool: &PgPool, wallets: &[String]) -> Result<Vec<Name>, Error> {
    Ok(sqlx::query_as!(
        Name,
        r#"SELECT w.wallet AS "wallet!", found.nickname AS "nickname!"
           FROM unnest($1::text[]) AS w (wallet)
           CROSS JOIN LATERAL (
               SELECT p.nickname
               FROM (
                   SELECT address, created_at FROM referrals
                   WHERE owner = w.wallet COLLATE "C"
                   ORDER BY created_at DESC, address DESC LIMIT 20
               ) r
               JOIN code_profiles p
                   ON p.referral = r.address AND p.owner = w.wallet COLLATE "C"
               WHERE p.nickname IS NOT NULL
               ORDER BY r.created_at DESC, r.address DESC LIMIT 1
           ) found"#,
        wallets,
    )
    .fetch_all(pool)
    .await?)
}
