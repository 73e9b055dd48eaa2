//! Clicks: the only rows that the API alone knows of.

use sqlx::{
    PgConnection, PgPool,
    types::{JsonValue, Uuid},
};
use time::{Date, OffsetDateTime};

use crate::Error;

/// One click on a share link. Texts hold no NUL: Postgres has no place for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Click {
    /// Unique; a click that is inserted twice counts once.
    pub id: Uuid,
    /// When; part of the key, so a replayed click must bring the same time.
    pub clicked_at: OffsetDateTime,
    /// Address of the campaign.
    pub campaign: String,
    /// Address of the referral.
    pub referral: String,
    /// The code.
    pub code: String,
    /// Keyed hash of the client's address.
    pub visitor: Vec<u8>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// The client's `Referer`.
    pub referrer_url: Option<String>,
    /// Where the link was shown.
    pub source: Option<String>,
    /// The `utm_*` parameters of the link, as an object of texts.
    pub utm: Option<JsonValue>,
    /// A wallet that the page which shows the link already knew.
    pub wallet: Option<String>,
    /// `human`, `bot` or `suspicious`.
    pub verdict: String,
    /// Why it is not `human`.
    pub verdict_reason: Option<String>,
}

/// Inserts clicks and counts them, in one transaction. Clicks that are there
/// already are neither inserted nor counted again. Gives how many were new.
///
/// # Errors
/// See [`Error`]; then nothing was inserted, unless the connection broke while
/// Postgres committed, which cannot be told apart. Inserting again is always safe.
pub async fn insert(connection: &mut PgConnection, clicks: &[Click]) -> Result<u64, Error> {
    fn column<T>(clicks: &[Click], value: impl Fn(&Click) -> T) -> Vec<T> {
        clicks.iter().map(value).collect()
    }

    // Counters are locked in the order of their key's bytes, as the indexer does: two
    // writers cannot wait for each other in a circle, whatever the database's locale.
    let inserted = sqlx::query_scalar!(
        r#"
        WITH new AS (
            INSERT INTO clicks (id, clicked_at, campaign, referral, code, visitor, user_agent,
                                referrer_url, source, utm, wallet, verdict, verdict_reason)
            SELECT * FROM UNNEST(
                $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bytea[],
                $7::text[], $8::text[], $9::text[], $10::jsonb[], $11::text[], $12::text[],
                $13::text[])
            ON CONFLICT (id, clicked_at) DO NOTHING
            RETURNING referral, visitor, clicked_at, verdict
        ), visitors AS (
            INSERT INTO referral_visitors (referral, visitor, first_clicked_at)
            SELECT referral, visitor, min(clicked_at) FROM new
            WHERE verdict <> 'bot'
            GROUP BY referral, visitor
            ORDER BY referral COLLATE "C", visitor
            ON CONFLICT (referral, visitor) DO NOTHING
            RETURNING referral
        ), counted AS (
            INSERT INTO referral_totals AS t (referral, clicks, bot_clicks, unique_visitors)
            SELECT n.referral, count(*), count(*) FILTER (WHERE n.verdict = 'bot'),
                   (SELECT count(*) FROM visitors v WHERE v.referral = n.referral)
            FROM new n
            GROUP BY n.referral
            ORDER BY n.referral COLLATE "C"
            ON CONFLICT (referral) DO UPDATE SET
                clicks = t.clicks + excluded.clicks,
                bot_clicks = t.bot_clicks + excluded.bot_clicks,
                unique_visitors = t.unique_visitors + excluded.unique_visitors
        )
        SELECT count(*) AS "inserted!" FROM new
        "#,
        &column(clicks, |click| click.id),
        &column(clicks, |click| click.clicked_at),
        &column(clicks, |click| click.campaign.clone()),
        &column(clicks, |click| click.referral.clone()),
        &column(clicks, |click| click.code.clone()),
        &column(clicks, |click| click.visitor.clone()),
        &column(clicks, |click| click.user_agent.clone()) as &[Option<String>],
        &column(clicks, |click| click.referrer_url.clone()) as &[Option<String>],
        &column(clicks, |click| click.source.clone()) as &[Option<String>],
        &column(clicks, |click| click.utm.clone()) as &[Option<JsonValue>],
        &column(clicks, |click| click.wallet.clone()) as &[Option<String>],
        &column(clicks, |click| click.verdict.clone()),
        &column(clicks, |click| click.verdict_reason.clone()) as &[Option<String>],
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(inserted).unwrap_or_default())
}

/// Makes the partition of one day (UTC). True when it is new.
///
/// # Errors
/// [`Error::Constraint`] or [`Error::Query`] when clicks of that day are already in
/// the default partition, where they stay readable.
pub async fn create_partition(pool: &PgPool, day: Date) -> Result<bool, Error> {
    let new = sqlx::query_scalar!("SELECT create_click_partition($1)", day)
        .fetch_one(pool)
        .await?;
    Ok(new.unwrap_or_default())
}

/// The code of the click with this id; `None` when there is no such click.
///
/// # Errors
/// See [`Error`].
pub async fn code_of(pool: &PgPool, id: Uuid) -> Result<Option<String>, Error> {
    Ok(
        sqlx::query_scalar!("SELECT code FROM clicks WHERE id = $1", id)
            .fetch_optional(pool)
            .await?,
    )
}
