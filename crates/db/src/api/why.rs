//! The attempts of a wallet in a campaign, and their outcomes. All of it is on chain.

use sqlx::PgPool;

use crate::Error;

/// Most attempts of an answer.
const MOST: i64 = 20;

/// A call of the program that tried to bind a wallet to a code, or to convert.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The instruction: `bind`, `convert` or `purchase`.
    pub name: String,
    /// The referred wallet, as the call named it.
    pub wallet: Option<String>,
    /// Address of the referral that it named.
    pub referral: Option<String>,
    /// The code of that referral; `None` if there is none.
    pub code: Option<String>,
    /// Unix seconds of its transaction.
    pub at: i64,
    /// Its transaction.
    pub signature: String,
    /// Whether its transaction succeeded.
    pub succeeded: bool,
    /// The error code of the program, if this call is the one that failed.
    pub error_code: Option<i64>,
    /// Whether its transaction is final.
    pub is_final: bool,
}

/// The subject whose attempts are read.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    /// Those of a wallet in a campaign.
    Wallet {
        /// The referred wallet.
        wallet: &'a str,
        /// Address of the campaign.
        campaign: &'a str,
    },
    /// Those to make the conversion at this address.
    Conversion(&'a str),
}

/// The last attempts, the newest first.
///
/// # Errors
/// See [`Error`].
pub async fn attempts(pool: &PgPool, of: Of<'_>) -> Result<Vec<Attempt>, Error> {
    Ok(match of {
        Of::Wallet { wallet, campaign } => {
            sqlx::query_as!(
                Attempt,
                r#"SELECT k.name AS "name!", k.wallet, k.referral, r.code AS "code?",
                          t.block_time AS at, t.signature, t.succeeded,
                          CASE WHEN t.failed_instruction = k.instruction THEN t.error_code END
                              AS error_code,
                          t.slot <= COALESCE(f.finalized_slot, -1) AS "is_final!"
                   FROM calls k
                   JOIN transactions t ON t.seq = k.seq
                   LEFT JOIN referrals r ON r.address = k.referral
                   CROSS JOIN finality f
                   WHERE k.wallet = $1 AND k.campaign = $2
                     AND k.name IN ('bind', 'convert', 'purchase')
                   ORDER BY k.seq DESC, k.instruction DESC, k.inner_index DESC LIMIT $3"#,
                wallet,
                campaign,
                MOST,
            )
            .fetch_all(pool)
            .await?
        }
        Of::Conversion(conversion) => {
            sqlx::query_as!(
                Attempt,
                r#"SELECT k.name AS "name!", k.wallet, k.referral, r.code AS "code?",
                          t.block_time AS at, t.signature, t.succeeded,
                          CASE WHEN t.failed_instruction = k.instruction THEN t.error_code END
                              AS error_code,
                          t.slot <= COALESCE(f.finalized_slot, -1) AS "is_final!"
                   FROM calls k
                   JOIN transactions t ON t.seq = k.seq
                   LEFT JOIN referrals r ON r.address = k.referral
                   CROSS JOIN finality f
                   WHERE k.conversion = $1 AND k.name IN ('convert', 'purchase')
                   ORDER BY k.seq DESC, k.instruction DESC, k.inner_index DESC LIMIT $2"#,
                conversion,
                MOST,
            )
            .fetch_all(pool)
            .await?
        }
    })
}
