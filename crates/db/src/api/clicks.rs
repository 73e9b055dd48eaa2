//! Clicks. Only the API writes them.

use sqlx::{
    PgConnection, PgPool,
    types::{JsonValue, Uuid},
};
use time::{Date, Duration, OffsetDateTime};

use crate::Error;

/// One click on a share link: a row of `clicks`, in the order of its columns. Texts must
/// not contain NUL, which Postgres cannot store.
#[derive(Debug, Clone, PartialEq, sqlx::Type)]
#[sqlx(type_name = "clicks")]
pub struct Click {
    /// Unique; a click that is inserted twice counts once.
    pub id: Uuid,
    /// Time of the click; part of the key, so a replayed click must have the same time.
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
    /// The place where the link was shown, from its `src` parameter.
    pub source: Option<String>,
    /// The `utm_*` parameters of the link, as an object of texts.
    pub utm: Option<JsonValue>,
    /// The visitor's wallet, if the link named it.
    pub wallet: Option<String>,
    /// `human`, `bot` or `suspicious`.
    pub verdict: String,
    /// The reason for a verdict other than `human`.
    pub verdict_reason: Option<String>,
}

/// Inserts clicks and counts them, in one transaction. Clicks that exist already are
/// neither inserted nor counted again. Returns the number of new clicks.
///
/// # Errors
/// See [`Error`]. On an error nothing was inserted, unless the connection broke during
/// the commit; then the outcome is unknown. Inserting again is always safe.
pub async fn insert(connection: &mut PgConnection, clicks: &[Click]) -> Result<u64, Error> {
    // Counters are locked in the order of their keys, so that two writers cannot deadlock.
    let inserted = sqlx::query_scalar!(
        r#"
        WITH new AS (
            INSERT INTO clicks SELECT * FROM UNNEST($1::clicks[])
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
            INSERT INTO referral_clicks AS t (referral, clicks, bot_clicks, unique_visitors)
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
        clicks as &[Click],
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(inserted).unwrap_or_default())
}

/// The day (UTC) by the clock of Postgres: that of one machine could delete everything.
///
/// # Errors
/// See [`Error`].
pub async fn today(pool: &PgPool) -> Result<Date, Error> {
    let today = sqlx::query_scalar!(r#"SELECT (now() AT TIME ZONE 'UTC')::date AS "today!""#)
        .fetch_one(pool)
        .await?;
    Ok(today)
}

/// Creates the partition of one day (UTC). Returns true when it is new.
///
/// # Errors
/// [`super::is_busy`] when somebody uses the default partition for long; nobody waits for that.
/// [`Error::Constraint`] or [`Error::Query`] when more than 20,000 clicks of that day are already in
/// the default partition, where they stay readable. Fewer move to the day.
pub async fn create_partition(pool: &PgPool, day: Date) -> Result<bool, Error> {
    let new = sqlx::query_scalar!("SELECT create_click_partition($1)", day)
        .fetch_one(pool)
        .await?;
    Ok(new.unwrap_or_default())
}

/// Deletes the clicks of the oldest day (UTC) before `day` that has a partition. Returns whether there
/// was one.
///
/// # Errors
/// [`super::is_busy`] when somebody reads clicks for long; nobody waits for that.
pub async fn drop_partition(pool: &PgPool, day: Date) -> Result<bool, Error> {
    let dropped = sqlx::query_scalar!("SELECT drop_click_partition($1)", day)
        .fetch_one(pool)
        .await?;
    Ok(dropped.unwrap_or_default())
}

/// Deletes at most `limit` clicks before `day` (UTC) that are in no day's partition, the oldest first.
/// Returns how many it deleted.
///
/// # Errors
/// See [`Error`].
pub async fn delete_default(pool: &PgPool, day: Date, limit: i32) -> Result<i64, Error> {
    let deleted = sqlx::query_scalar!("SELECT delete_default_clicks($1, $2)", day, limit)
        .fetch_one(pool)
        .await?;
    Ok(deleted.unwrap_or_default())
}

/// Deletes at most `limit` visitors who were first seen before this time. Returns how many it
/// deleted. Their number stays in `referral_clicks`.
///
/// # Errors
/// See [`Error`].
pub async fn forget_visitors(
    pool: &PgPool,
    before: OffsetDateTime,
    limit: i64,
) -> Result<u64, Error> {
    let forgotten = sqlx::query!(
        "DELETE FROM referral_visitors WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM referral_visitors WHERE first_clicked_at < $1
             ORDER BY first_clicked_at LIMIT $2))",
        before,
        limit,
    )
    .execute(pool)
    .await?;
    Ok(forgotten.rows_affected())
}

/// A click, as it can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of [`Click`], which describes them")]
pub struct Found {
    pub clicked_at: OffsetDateTime,
    pub campaign: String,
    pub referral: String,
    pub code: String,
    pub verdict: String,
    pub verdict_reason: Option<String>,
    pub source: Option<String>,
}

/// Most time between the making of a click's id and its `clicked_at`.
const APART: Duration = Duration::minutes(1);

/// The click with this id; `None` if there is none, or it was deleted.
///
/// # Errors
/// See [`Error`].
pub async fn find(pool: &PgPool, id: Uuid) -> Result<Option<Found>, Error> {
    // The id has the time of its making, so one or two days are looked at, and not all.
    let made = id
        .get_timestamp()
        .and_then(|made| i64::try_from(made.to_unix().0).ok())
        .and_then(|made| OffsetDateTime::from_unix_timestamp(made).ok());
    let Some(made) = made else {
        return Ok(None);
    };
    Ok(sqlx::query_as!(
        Found,
        "SELECT clicked_at, campaign, referral, code, verdict, verdict_reason, source
         FROM clicks WHERE id = $1 AND clicked_at BETWEEN $2 AND $3",
        id,
        made.saturating_sub(APART),
        made.saturating_add(APART),
    )
    .fetch_optional(pool)
    .await?)
}
