//! Badges: their kinds, who has earned which, and what comes next.

use sqlx::PgPool;
use time::OffsetDateTime;

use crate::Error;

/// A kind of badge.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct Badge {
    pub badge: String,
    pub threshold: Option<i64>,
    pub title: String,
    pub description: String,
    pub reward: String,
    pub icon: String,
    pub colour: String,
}

/// Every kind of badge, in the order of a list.
///
/// # Errors
/// See [`Error`].
pub async fn badges(pool: &PgPool) -> Result<Vec<Badge>, Error> {
    Ok(sqlx::query_as!(
        Badge,
        "SELECT badge, threshold, title, description, reward, icon, colour
         FROM badges ORDER BY place"
    )
    .fetch_all(pool)
    .await?)
}

/// A badge that a referrer has earned.
#[derive(Debug, Clone)]
pub struct Award {
    /// Its number: a later award has a larger one.
    pub id: i64,
    /// Address of the campaign; `None` for the leader of a category.
    pub campaign: Option<String>,
    /// The category that it leads.
    pub category: Option<String>,
    /// The wallet that earned it.
    pub referrer: String,
    /// The month (UTC, as 2026-01) of a leader.
    pub month: Option<String>,
    /// When it was awarded, by the clock of the indexer's database.
    pub awarded_at: OffsetDateTime,
    /// Whether its referrer has claimed it.
    pub claimed: bool,
    /// Its kind.
    pub badge: Badge,
}

/// Selects awards; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Address of the campaign.
    pub campaign: Option<String>,
    /// The wallet that earned them.
    pub referrer: Option<String>,
}

/// At most `limit` awards before the one with the number `before`, newest first.
///
/// # Errors
/// See [`Error`].
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Award>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id, campaign, referrer, month, awarded_at, claimed_at IS NOT NULL AS "claimed!",
                  badge, threshold, title, description, reward, icon, colour
           FROM awards JOIN badges USING (badge)
           WHERE ($1::text IS NULL OR campaign = $1) AND ($2::text IS NULL OR referrer = $2)
             AND ($3::bigint IS NULL OR id < $3)
           ORDER BY id DESC LIMIT $4"#,
        filter.campaign.as_deref(),
        filter.referrer.as_deref(),
        before,
        limit,
    )
    .fetch_all(pool)
    .await?;
    let awards = rows.into_iter().map(|row| Award {
        id: row.id,
        category: row.campaign.strip_prefix("#category/").map(str::to_owned),
        campaign: Some(row.campaign).filter(|campaign| !campaign.starts_with('#')),
        referrer: row.referrer,
        month: Some(row.month).filter(|month| !month.is_empty()),
        awarded_at: row.awarded_at,
        claimed: row.claimed,
        badge: Badge {
            badge: row.badge,
            threshold: row.threshold,
            title: row.title,
            description: row.description,
            reward: row.reward,
            icon: row.icon,
            colour: row.colour,
        },
    });
    Ok(awards.collect())
}

/// Notes that the referrer has claimed its award, once: returns whether it did so now. It does not
/// if there is no such award of this wallet, or if it was claimed before.
///
/// # Errors
/// See [`Error`].
pub async fn claim(pool: &PgPool, id: i64, referrer: &str) -> Result<bool, Error> {
    let claimed = sqlx::query!(
        "UPDATE awards SET claimed_at = now()
         WHERE id = $1 AND referrer = $2 AND claimed_at IS NULL",
        id,
        referrer,
    )
    .execute(pool)
    .await?;
    Ok(claimed.rows_affected() > 0)
}

/// How far a referrer is in one campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Address of the campaign.
    pub campaign: String,
    /// Conversions that count for milestones.
    pub conversions: i64,
}

/// At most `limit` campaigns with an address after `after` in which the wallet has a milestone,
/// by address, with its conversions. A wallet whose conversions count has the first one.
///
/// # Errors
/// See [`Error`].
pub async fn progress(
    pool: &PgPool,
    referrer: &str,
    campaign: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Progress>, Error> {
    Ok(sqlx::query_as!(
        Progress,
        r#"SELECT award.campaign, COALESCE(total.conversions, 0) AS "conversions!"
           FROM awards AS award LEFT JOIN referrer_totals AS total
               ON total.campaign = award.campaign AND total.referrer = award.referrer
                   AND total.period = ''
           WHERE award.referrer = $1 AND award.badge = 'conversions_1'
             AND ($2::text IS NULL OR award.campaign = $2)
             AND ($3::text IS NULL OR award.campaign > $3)
           ORDER BY award.campaign LIMIT $4"#,
        referrer,
        campaign,
        after,
        limit,
    )
    .fetch_all(pool)
    .await?)
}
