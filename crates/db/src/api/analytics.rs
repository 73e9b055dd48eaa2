//! Clicks, conversions and rewards by time and by where they come from, from the rollups alone.

use std::collections::BTreeMap;

use sqlx::{PgPool, types::time::Date};

use super::conversions::{Conversion, conversions};
use crate::{Error, amount::sum_from_numeric};

/// Codes of a wallet that are counted, the newest first.
pub const CODES: i64 = 50;
/// Most days of which one answer reads counters, times codes. Each of these is 96 rows of clicks at most.
pub const CODE_DAYS: i64 = 3_660;
/// Values of a dimension that are named.
pub const NAMED: i64 = 10;

/// The subject of the numbers: the address of a referral or of a campaign, with its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The address.
    pub address: String,
    /// The code of a referral; that of a campaign is empty.
    pub code: String,
    /// Address of the campaign.
    pub campaign: String,
    /// The token of its rewards; `None` if the campaign is not mirrored yet.
    pub mint: Option<String>,
    /// The token's decimals.
    pub decimals: Option<i16>,
}

/// The referral at this address.
///
/// # Errors
/// See [`Error`].
pub async fn referral(pool: &PgPool, address: &str) -> Result<Option<Subject>, Error> {
    Ok(sqlx::query_as!(
        Subject,
        r#"SELECT r.address, r.code, r.campaign, c.mint AS "mint?", c.mint_decimals AS "decimals?"
           FROM referrals r LEFT JOIN campaigns c ON c.address = r.campaign WHERE r.address = $1"#,
        address,
    )
    .fetch_optional(pool)
    .await?)
}

/// The campaign at this address.
///
/// # Errors
/// See [`Error`].
pub async fn campaign(pool: &PgPool, address: &str) -> Result<Option<Subject>, Error> {
    Ok(sqlx::query_as!(
        Subject,
        r#"SELECT address, '' AS "code!", address AS campaign, mint AS "mint?",
                  mint_decimals AS "decimals?"
           FROM campaigns WHERE address = $1"#,
        address,
    )
    .fetch_optional(pool)
    .await?)
}

/// The newest codes of the wallet, at most [`CODES`], and how many it has.
///
/// # Errors
/// See [`Error`].
pub async fn of_wallet(pool: &PgPool, wallet: &str) -> Result<(Vec<Subject>, i64), Error> {
    let subjects = sqlx::query_as!(
        Subject,
        r#"SELECT r.address, r.code, r.campaign, c.mint AS "mint?", c.mint_decimals AS "decimals?"
           FROM (
               SELECT * FROM referrals WHERE owner = $1
               ORDER BY created_at DESC, address DESC LIMIT $2
           ) AS r LEFT JOIN campaigns c ON c.address = r.campaign
           ORDER BY r.created_at DESC, r.address DESC"#,
        wallet,
        CODES,
    )
    .fetch_all(pool)
    .await?;
    let all = sqlx::query_scalar!(
        r#"SELECT count(*) AS "all!" FROM referrals WHERE owner = $1"#,
        wallet
    )
    .fetch_one(pool)
    .await?;
    Ok((subjects, all))
}

/// Rewards of the referrers in one token, in base units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewards {
    /// Paid.
    pub paid: u128,
    /// Owed.
    pub pending: u128,
}

/// Clicks, conversions and rewards of a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// All clicks.
    pub clicks: i64,
    /// Those of bots.
    pub bots: i64,
    /// Those that are suspicious and no bot's.
    pub suspicious: i64,
    /// Visitors who were first seen on a referral, without bots.
    pub visitors: i64,
    /// Conversions, confirmed and finalized, without cancelled ones, by the time of the conversion.
    pub conversions: i64,
    /// The rewards of these conversions, by the mint.
    pub rewards: BTreeMap<String, Rewards>,
}

impl Numbers {
    /// Adds what happened in another span.
    pub fn add(&mut self, other: &Self) {
        self.clicks += other.clicks;
        self.bots += other.bots;
        self.suspicious += other.suspicious;
        self.visitors += other.visitors;
        self.conversions += other.conversions;
        for (mint, rewards) in &other.rewards {
            let sum = self.rewards.entry(mint.clone()).or_default();
            sum.paid += rewards.paid;
            sum.pending += rewards.pending;
        }
    }

    /// Clicks that are neither bots' nor suspicious.
    #[must_use]
    pub const fn people(&self) -> i64 {
        self.clicks - self.bots - self.suspicious
    }
}

/// The numbers of the subjects in each span between two of the `bounds`, in Unix seconds, ascending. Each
/// bound has to be a multiple of 900. There is one span fewer than bounds.
///
/// # Errors
/// See [`Error`].
pub async fn spans(
    pool: &PgPool,
    subjects: &[Subject],
    bounds: &[i64],
) -> Result<Vec<Numbers>, Error> {
    let mut spans = vec![Numbers::default(); bounds.len().saturating_sub(1)];
    let addresses: Vec<String> = subjects.iter().map(|of| of.address.clone()).collect();
    let mints: Vec<Option<String>> = subjects.iter().map(|of| of.mint.clone()).collect();
    let clicks = sqlx::query!(
        r#"SELECT width_bucket(quarter, $2::bigint[]) AS "span!",
                  sum(clicks)::bigint AS "clicks!", sum(bot_clicks)::bigint AS "bots!",
                  sum(suspicious_clicks)::bigint AS "suspicious!", sum(visitors)::bigint AS "visitors!"
           FROM click_quarters
           WHERE subject = ANY($1) AND quarter >= ($2::bigint[])[1]
             AND quarter < ($2::bigint[])[array_length($2::bigint[], 1)]
           GROUP BY 1"#,
        &addresses,
        bounds,
    )
    .fetch_all(pool)
    .await?;
    for row in clicks {
        if let Some(span) = place(&mut spans, row.span) {
            span.clicks = row.clicks;
            span.bots = row.bots;
            span.suspicious = row.suspicious;
            span.visitors = row.visitors;
        }
    }
    let conversions = sqlx::query!(
        r#"SELECT width_bucket(quarter, $3::bigint[]) AS "span!", mint AS "mint?",
                  sum(conversions)::bigint AS "conversions!", sum(rewards_paid) AS "paid!",
                  sum(rewards_pending) AS "pending!"
           FROM UNNEST($1::text[], $2::text[]) AS of (subject, mint)
                JOIN conversion_quarters USING (subject)
           WHERE quarter >= ($3::bigint[])[1]
             AND quarter < ($3::bigint[])[array_length($3::bigint[], 1)]
           GROUP BY 1, 2"#,
        &addresses,
        &mints as &[Option<String>],
        bounds,
    )
    .fetch_all(pool)
    .await?;
    for row in conversions {
        let Some(span) = place(&mut spans, row.span) else {
            continue;
        };
        span.conversions += row.conversions;
        let rewards = Rewards {
            paid: sum_from_numeric(&row.paid)?,
            pending: sum_from_numeric(&row.pending)?,
        };
        if let Some(mint) = row.mint
            && rewards != Rewards::default()
        {
            span.rewards.insert(mint, rewards);
        }
    }
    Ok(spans)
}

/// The numbers of the subjects since the beginning: either codes, or one campaign.
///
/// # Errors
/// See [`Error`].
pub async fn all_time(pool: &PgPool, subjects: &[Subject]) -> Result<Numbers, Error> {
    let addresses: Vec<String> = subjects.iter().map(|of| of.address.clone()).collect();
    let mints: Vec<Option<String>> = subjects.iter().map(|of| of.mint.clone()).collect();
    let clicks = sqlx::query!(
        r#"SELECT COALESCE(sum(clicks), 0)::bigint AS "clicks!",
                  COALESCE(sum(bot_clicks), 0)::bigint AS "bots!",
                  COALESCE(sum(suspicious_clicks), 0)::bigint AS "suspicious!",
                  COALESCE(sum(visitors), 0)::bigint AS "visitors!"
           FROM click_quarters WHERE subject = ANY($1) AND quarter = 0"#,
        &addresses,
    )
    .fetch_one(pool)
    .await?;
    let mut sum = Numbers {
        clicks: clicks.clicks,
        bots: clicks.bots,
        suspicious: clicks.suspicious,
        visitors: clicks.visitors,
        ..Numbers::default()
    };
    // A code has its totals. A campaign is the only subject, and has a row for each of its quarters.
    let conversions = sqlx::query!(
        r#"SELECT mint AS "mint?", sum(conversions)::bigint AS "conversions!",
                  sum(rewards_paid) AS "paid!", sum(rewards_pending) AS "pending!"
           FROM UNNEST($1::text[], $2::text[], $3::text[]) AS of (subject, mint, campaign)
                CROSS JOIN LATERAL (
                    SELECT conversions, rewards_paid, rewards_pending FROM referral_totals
                    WHERE referral = subject
                    UNION ALL
                    SELECT conversions, rewards_paid, rewards_pending FROM conversion_quarters AS each
                    WHERE of.subject = of.campaign AND each.subject = of.campaign) AS each
           GROUP BY 1"#,
        &addresses,
        &mints as &[Option<String>],
        &subjects
            .iter()
            .map(|of| of.campaign.clone())
            .collect::<Vec<_>>(),
    )
    .fetch_all(pool)
    .await?;
    for row in conversions {
        sum.conversions += row.conversions;
        let rewards = Rewards {
            paid: sum_from_numeric(&row.paid)?,
            pending: sum_from_numeric(&row.pending)?,
        };
        if let Some(mint) = row.mint
            && rewards != Rewards::default()
        {
            sum.rewards.insert(mint, rewards);
        }
    }
    Ok(sum)
}

fn place(spans: &mut [Numbers], bucket: i32) -> Option<&mut Numbers> {
    let place = usize::try_from(bucket).ok()?.checked_sub(1)?;
    spans.get_mut(place)
}

/// Clicks of people with one value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// `source`, `device`, `country` or `code`.
    pub dimension: String,
    /// `None` for all that are not named.
    pub value: Option<String>,
    /// How many.
    pub clicks: i64,
}

/// Clicks of people from the first to the last day (UTC), by dimension: the [`NAMED`] values with the most
/// clicks, and what all others have together. An empty value is that of clicks which did not say it.
///
/// # Errors
/// See [`Error`].
pub async fn shares(
    pool: &PgPool,
    subjects: &[Subject],
    first: Date,
    last: Date,
) -> Result<Vec<Share>, Error> {
    let addresses: Vec<String> = subjects.iter().map(|of| of.address.clone()).collect();
    Ok(sqlx::query_as!(
        Share,
        r#"WITH sums AS (
               SELECT dimension, value, is_rest, sum(clicks)::bigint AS clicks FROM click_days
               WHERE subject = ANY($1) AND day BETWEEN $2 AND $3
               GROUP BY dimension, value, is_rest
           ), ranked AS (
               SELECT *, is_rest OR row_number() OVER (
                   PARTITION BY dimension ORDER BY is_rest, clicks DESC, value) > $4 AS is_other
               FROM sums
           )
           SELECT dimension AS "dimension!", CASE WHEN is_other THEN NULL ELSE value END AS value,
                  sum(clicks)::bigint AS "clicks!"
           FROM ranked GROUP BY 1, 2, is_other
           ORDER BY 1, is_other, 3 DESC, 2"#,
        &addresses,
        first,
        last,
        NAMED,
    )
    .fetch_all(pool)
    .await?)
}

/// The numbers of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfSubject {
    /// Its address.
    pub address: String,
    /// Clicks that are neither bots' nor suspicious.
    pub people: i64,
    /// Conversions, confirmed and finalized, without cancelled ones.
    pub conversions: i64,
}

/// The subjects from one time to another, in Unix seconds, those with the most conversions first, then those
/// with the most clicks of people. Subjects without either are not among them.
///
/// # Errors
/// See [`Error`].
pub async fn by_subject(
    pool: &PgPool,
    subjects: &[Subject],
    since: i64,
    until: i64,
) -> Result<Vec<OfSubject>, Error> {
    let addresses: Vec<String> = subjects.iter().map(|of| of.address.clone()).collect();
    Ok(sqlx::query_as!(
        OfSubject,
        r#"SELECT subject AS "address!", sum(people)::bigint AS "people!",
                  sum(conversions)::bigint AS "conversions!"
           FROM (
               SELECT subject, clicks - bot_clicks - suspicious_clicks AS people, 0 AS conversions
               FROM click_quarters WHERE subject = ANY($1) AND quarter >= $2 AND quarter < $3
               UNION ALL
               SELECT subject, 0, conversions FROM conversion_quarters
               WHERE subject = ANY($1) AND quarter >= $2 AND quarter < $3
           ) AS each
           GROUP BY subject HAVING sum(people) > 0 OR sum(conversions) > 0
           ORDER BY 3 DESC, 2 DESC, 1"#,
        &addresses,
        since,
        until,
    )
    .fetch_all(pool)
    .await?)
}

/// The newest conversions with the codes, at most `limit`.
///
/// # Errors
/// See [`Error`].
pub async fn newest(
    pool: &PgPool,
    subjects: &[Subject],
    limit: i64,
) -> Result<Vec<Conversion>, Error> {
    let addresses: Vec<String> = subjects.iter().map(|of| of.address.clone()).collect();
    Ok(conversions!(
        r#"(
            -- Each code by itself, so that an index gives its newest.
            SELECT newest.* FROM UNNEST($1::text[]) AS of (referral) CROSS JOIN LATERAL (
                SELECT * FROM conversions WHERE conversions.referral = of.referral
                ORDER BY converted_at DESC, address DESC LIMIT $2
            ) AS newest
            ORDER BY newest.converted_at DESC, newest.address DESC LIMIT $2
        ) AS c"#,
        r#"
        ORDER BY c.converted_at DESC, c.address DESC
        "#,
        &addresses,
        limit,
    )
    .fetch_all(pool)
    .await?)
}
