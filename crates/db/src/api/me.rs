//! The codes and the rewards of one wallet.

use sqlx::PgPool;

use crate::{
    Error,
    amount::{Unsigned, sum_from_numeric},
};

/// Rewards of one token, in base units. Those of different tokens are never added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Address of the token's mint.
    pub mint: String,
    /// Its decimals.
    pub decimals: i16,
    /// Codes of the wallet that earn this token.
    pub codes: i64,
    /// Paid to the owners of these codes.
    pub paid: u128,
    /// Owed to the owner of these codes.
    pub pending: u128,
}

/// The referrer's rewards of all codes that the wallet owns, by the mint.
///
/// # Errors
/// See [`Error`].
pub async fn sums(pool: &PgPool, wallet: &str) -> Result<Vec<Sum>, Error> {
    let rows = sqlx::query!(
        r#"SELECT c.mint, c.mint_decimals, count(*) AS "codes!",
                  COALESCE(sum(t.rewards_paid), 0) AS "paid!",
                  COALESCE(sum(t.rewards_pending), 0) AS "pending!"
           FROM referrals r JOIN campaigns c ON c.address = r.campaign
           LEFT JOIN referral_totals t ON t.referral = r.address
           WHERE r.owner = $1
           GROUP BY c.mint, c.mint_decimals ORDER BY c.mint"#,
        wallet,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Sum {
                mint: row.mint,
                decimals: row.mint_decimals,
                codes: row.codes,
                paid: sum_from_numeric(&row.paid)?,
                pending: sum_from_numeric(&row.pending)?,
            })
        })
        .collect()
}

/// The numbers of a wallet's badges: all, and those that it can still claim.
///
/// # Errors
/// See [`Error`].
pub async fn badges(pool: &PgPool, wallet: &str) -> Result<(i64, i64), Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "all!", count(*) FILTER (WHERE claimed_at IS NULL) AS "unclaimed!"
           FROM awards WHERE referrer = $1"#,
        wallet,
    )
    .fetch_one(pool)
    .await?;
    Ok((row.all, row.unclaimed))
}

/// A code that the wallet owns.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct OwnCode {
    pub address: String,
    pub campaign: String,
    pub code: String,
    pub active: bool,
    pub suspended: bool,
    pub closed: bool,
    pub created_at: i64,
    pub mint: Option<String>,
    pub conversions: i64,
    pub paid: u128,
    pub pending: u128,
    /// Whether `/r/CODE` without a campaign leads to it.
    pub owns_short_link: bool,
}

/// At most `limit` codes of the wallet after the one with this time and address, newest first.
///
/// # Errors
/// See [`Error`].
pub async fn codes(
    pool: &PgPool,
    wallet: &str,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<OwnCode>, Error> {
    let rows = sqlx::query!(
        r#"SELECT r.address, r.campaign, r.code, r.active, r.suspended, r.closed, r.created_at,
                  c.mint AS "mint?", COALESCE(t.conversions, 0) AS "conversions!",
                  COALESCE(t.rewards_paid, 0) AS "paid!",
                  COALESCE(t.rewards_pending, 0) AS "pending!",
                  EXISTS (
                      SELECT FROM short_links s WHERE s.code = r.code AND s.referral = r.address
                  ) AS "owns_short_link!"
           FROM referrals r LEFT JOIN campaigns c ON c.address = r.campaign
           LEFT JOIN referral_totals t ON t.referral = r.address
           WHERE r.owner = $1
             AND ($2::bigint IS NULL OR (r.created_at, r.address) < ($2, $3::text))
           ORDER BY r.created_at DESC, r.address DESC LIMIT $4"#,
        wallet,
        after.map(|(time, _)| time),
        after.map(|(_, address)| address),
        limit,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(OwnCode {
                address: row.address,
                campaign: row.campaign,
                code: row.code,
                active: row.active,
                suspended: row.suspended,
                closed: row.closed,
                created_at: row.created_at,
                mint: row.mint,
                conversions: row.conversions,
                paid: sum_from_numeric(&row.paid)?,
                pending: sum_from_numeric(&row.pending)?,
                owns_short_link: row.owns_short_link,
            })
        })
        .collect()
}

/// As what a wallet earned a part of a reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// As owner of the code, at the conversion.
    Referrer,
    /// As the wallet that was referred.
    Referee,
    /// As the owner's partner, at the conversion.
    Partner,
}

/// The state of a part of a reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartState {
    /// It is owed.
    Pending,
    /// It was paid.
    Paid,
}

/// A wallet's part of one conversion's reward.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct Reward {
    pub conversion: String,
    pub campaign: String,
    pub code: String,
    pub mint: String,
    pub decimals: i16,
    pub units: u64,
    /// The conversion's status: pending, paid, cancelled or lapsed.
    pub conversion_status: String,
    /// Whether this part is not owed any more.
    pub settled: bool,
    pub converted_at: i64,
    pub matures_at: i64,
    /// The transaction that made the conversion.
    pub signature: String,
    /// Whether that transaction is final.
    pub is_final: bool,
    /// The transaction that paid this part.
    pub paid_by: Option<String>,
    /// The wallet that was paid.
    pub paid_to: Option<String>,
}

macro_rules! rewards {
    ($wallet:literal, $units:literal, $bit:literal, $part:literal,
     $pool:expr, $of:expr, $state:expr, $after:expr, $limit:expr) => {
        sqlx::query_as!(
            RewardRow,
            r#"SELECT c.address AS conversion, c.campaign, c.code, m.mint,
                      m.mint_decimals AS decimals, c."#
                + $units
                + r#" AS "units: Unsigned", c.status AS conversion_status,
                      c.settled & "#
                + $bit
                + r#" <> 0 AS "settled!", c.converted_at, c.matures_at, t.signature,
                      c.slot <= COALESCE(f.finalized_slot, -1) AS "is_final!",
                      p.signature AS "paid_by?", p.wallet AS "paid_to?"
               FROM (
                   -- Each state by itself, so that a page reads no rows of others.
                   SELECT part.* FROM UNNEST($2::text[]) AS wanted (state) CROSS JOIN LATERAL (
                       SELECT * FROM conversions
                       WHERE "#
                + $wallet
                + r#" = $1 AND "#
                + $units
                + r#" > 0 AND part_state(status, settled, "#
                + $bit
                + r#") = wanted.state
                         AND ($3::bigint IS NULL OR (converted_at, address) < ($3, $4::text))
                       ORDER BY converted_at DESC, address DESC LIMIT $5
                   ) AS part
                   ORDER BY part.converted_at DESC, part.address DESC LIMIT $5
               ) AS c
               JOIN campaigns m ON m.address = c.campaign
               JOIN transactions t ON t.seq = c.seq
               CROSS JOIN finality f
               LEFT JOIN LATERAL (
                   SELECT paying.signature, e.wallet
                   FROM events e JOIN transactions paying ON paying.seq = e.seq
                   WHERE e.subject = c.address AND e.kind = 'part_paid'
                     AND e.detail ->> 'part' = "#
                + $part
                + r#"
                   ORDER BY e.seq, e.place LIMIT 1
               ) p ON true
               ORDER BY c.converted_at DESC, c.address DESC"#,
            $of,
            &$state,
            $after.map(|(time, _)| time),
            $after.map(|(_, address)| address),
            $limit,
        )
        .fetch_all($pool)
        .await?
    };
}

struct RewardRow {
    conversion: String,
    campaign: String,
    code: String,
    mint: String,
    decimals: i16,
    units: Unsigned,
    conversion_status: String,
    settled: bool,
    converted_at: i64,
    matures_at: i64,
    signature: String,
    is_final: bool,
    paid_by: Option<String>,
    paid_to: Option<String>,
}

/// At most `limit` parts that the wallet earned in this role, after the conversion with this time
/// and address, newest first.
///
/// # Errors
/// See [`Error`].
pub async fn rewards(
    pool: &PgPool,
    wallet: &str,
    role: Role,
    state: Option<PartState>,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Reward>, Error> {
    let states: &[&str] = match state {
        None => &["pending", "paid", "lapsed", "cancelled"],
        Some(PartState::Pending) => &["pending"],
        Some(PartState::Paid) => &["paid"],
    };
    let states: Vec<String> = states.iter().map(ToString::to_string).collect();
    let rows = match role {
        Role::Referrer => {
            rewards!(
                "referrer",
                "reward_referrer",
                "1",
                "'referrer'",
                pool,
                wallet,
                states,
                after,
                limit
            )
        }
        Role::Referee => {
            rewards!(
                "referee",
                "reward_referee",
                "2",
                "'referee'",
                pool,
                wallet,
                states,
                after,
                limit
            )
        }
        Role::Partner => {
            rewards!(
                "partner",
                "reward_partner",
                "4",
                "'partner'",
                pool,
                wallet,
                states,
                after,
                limit
            )
        }
    };
    Ok(rows.into_iter().map(Reward::from).collect())
}

impl From<RewardRow> for Reward {
    fn from(row: RewardRow) -> Self {
        Self {
            conversion: row.conversion,
            campaign: row.campaign,
            code: row.code,
            mint: row.mint,
            decimals: row.decimals,
            units: row.units.into(),
            conversion_status: row.conversion_status,
            settled: row.settled,
            converted_at: row.converted_at,
            matures_at: row.matures_at,
            signature: row.signature,
            is_final: row.is_final,
            paid_by: row.paid_by,
            paid_to: row.paid_to,
        }
    }
}
