//! Vouchers that the API signs for campaigns that have left it their attestor's key.

use sqlx::{PgPool, types::BigDecimal};

use crate::{Error, amount::Unsigned};

/// The vouchers that a campaign's authority allows its servers to have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Most vouchers for one wallet on a day (UTC).
    pub per_wallet: i64,
    /// Most vouchers on a day.
    pub per_day: i64,
    /// The least amount of a conversion, in the units of the program's amount.
    pub least_amount: u64,
    /// The largest amount.
    pub most_amount: u64,
    /// Life of a voucher: from a minute to 30 days.
    pub valid_seconds: i32,
}

/// A signed voucher.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct Attestation {
    pub turn: i32,
    pub message: Vec<u8>,
    pub attestor: String,
    pub signature: Vec<u8>,
    pub issued_at: i64,
    pub expires_at: i64,
}

/// The wallet and order of a voucher, and the caller that asked for it.
#[derive(Debug, Clone, Copy)]
pub struct For<'a> {
    /// The campaign.
    pub campaign: &'a str,
    /// The order, or the wallet.
    pub subject: &'a str,
    /// The referral that is credited.
    pub referral: &'a str,
    /// The wallet that was referred.
    pub referee: &'a str,
    /// The authority that asked, itself or by a key.
    pub asked_by: &'a str,
}

/// Outcome of recording a voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded and counted.
    Now,
    /// Another one was recorded for the same subject and turn. Nothing was counted.
    Other,
    /// The wallet has as many as the rules allow on a day.
    WalletFull,
    /// The campaign has as many as the rules allow on a day.
    DayFull,
}

/// The rules of a campaign; `None` if its present authority has set none.
///
/// # Errors
/// See [`Error`].
pub async fn rules(pool: &PgPool, campaign: &str) -> Result<Option<Rules>, Error> {
    let row = sqlx::query!(
        r#"SELECT r.per_wallet, r.per_day, r.least_amount AS "least_amount: Unsigned",
                  r.most_amount AS "most_amount: Unsigned", r.valid_seconds
           FROM attestation_rules r
           JOIN campaigns c ON c.address = r.campaign AND c.authority = r.set_by
           WHERE r.campaign = $1"#,
        campaign,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| Rules {
        per_wallet: row.per_wallet,
        per_day: row.per_day,
        least_amount: row.least_amount.into(),
        most_amount: row.most_amount.into(),
        valid_seconds: row.valid_seconds,
    }))
}

/// Replaces the rules of a campaign. Returns whether `authority` is its authority.
///
/// # Errors
/// See [`Error`].
pub async fn set_rules(
    pool: &PgPool,
    campaign: &str,
    authority: &str,
    rules: &Rules,
) -> Result<bool, Error> {
    let set = sqlx::query!(
        "INSERT INTO attestation_rules
             (campaign, set_by, per_wallet, per_day, least_amount, most_amount, valid_seconds)
         SELECT address, authority, $3, $4, $5, $6, $7 FROM campaigns
         WHERE address = $1 AND authority = $2
         ON CONFLICT (campaign) DO UPDATE SET
             set_by = EXCLUDED.set_by, per_wallet = EXCLUDED.per_wallet, per_day = EXCLUDED.per_day,
             least_amount = EXCLUDED.least_amount, most_amount = EXCLUDED.most_amount,
             valid_seconds = EXCLUDED.valid_seconds, updated_at = now()",
        campaign,
        authority,
        rules.per_wallet,
        rules.per_day,
        BigDecimal::from(rules.least_amount),
        BigDecimal::from(rules.most_amount),
        rules.valid_seconds,
    )
    .execute(pool)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// The newest voucher for a subject.
///
/// # Errors
/// See [`Error`].
pub async fn latest(
    pool: &PgPool,
    campaign: &str,
    subject: &str,
) -> Result<Option<Attestation>, Error> {
    Ok(sqlx::query_as!(
        Attestation,
        "SELECT turn, message, attestor, signature, issued_at, expires_at FROM attestations
         WHERE campaign = $1 AND subject = $2 ORDER BY turn DESC LIMIT 1",
        campaign,
        subject,
    )
    .fetch_optional(pool)
    .await?)
}

/// Records a voucher and counts it, if the rules have room for it; else it does neither.
///
/// # Errors
/// See [`Error`].
pub async fn record(
    pool: &PgPool,
    of: &For<'_>,
    voucher: &Attestation,
    rules: &Rules,
) -> Result<Recorded, Error> {
    let mut transaction = pool.begin().await?;
    // A request for the same subject waits here until this one has ended.
    let inserted = sqlx::query!(
        "INSERT INTO attestations (campaign, subject, turn, referral, referee, message, attestor,
             signature, issued_at, expires_at, asked_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        of.campaign,
        of.subject,
        voucher.turn,
        of.referral,
        of.referee,
        voucher.message,
        voucher.attestor,
        voucher.signature,
        voucher.issued_at,
        voucher.expires_at,
        of.asked_by,
    )
    .execute(&mut *transaction)
    .await?;
    if inserted.rows_affected() == 0 {
        transaction.rollback().await?;
        return Ok(Recorded::Other);
    }
    // The wallet's row is locked first, then the campaign's, so that two requests cannot deadlock.
    for (wallet, most, full) in [
        (of.referee, rules.per_wallet, Recorded::WalletFull),
        ("", rules.per_day, Recorded::DayFull),
    ] {
        let counted = sqlx::query!(
            "INSERT INTO attestation_days AS d (campaign, day, wallet, vouchers)
             SELECT $1, (now() AT TIME ZONE 'UTC')::date, $2, 1 WHERE $3::bigint >= 1
             ON CONFLICT (campaign, day, wallet) DO UPDATE SET vouchers = d.vouchers + 1
             WHERE d.vouchers < $3::bigint",
            of.campaign,
            wallet,
            most,
        )
        .execute(&mut *transaction)
        .await?;
        if counted.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(full);
        }
    }
    transaction.commit().await?;
    Ok(Recorded::Now)
}

/// Days for which the numbers of a day are kept.
const KEPT_DAYS: i32 = 8;
/// Rows that one statement deletes at most.
const BATCH: i64 = 10_000;

/// Deletes one batch of numbers of days that are over for a week. Several processes may do this at once.
/// Returns whether there may be more.
///
/// # Errors
/// See [`Error`].
pub async fn sweep(pool: &PgPool) -> Result<bool, Error> {
    let deleted = sqlx::query!(
        "DELETE FROM attestation_days WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM attestation_days WHERE day < (now() AT TIME ZONE 'UTC')::date - $1::integer
             LIMIT $2 FOR UPDATE SKIP LOCKED))",
        KEPT_DAYS,
        BATCH,
    )
    .execute(pool)
    .await?;
    Ok(i64::try_from(deleted.rows_affected()) == Ok(BATCH))
}
