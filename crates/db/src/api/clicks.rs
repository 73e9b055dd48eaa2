//! Clicks. Only the API writes them.

pub mod recount;

use sqlx::{
    PgConnection, PgPool,
    types::{JsonValue, Uuid},
};
use time::{Date, Duration, OffsetDateTime};

use crate::Error;

/// One click on a share link: a row of `clicks`. Texts must not contain NUL, which Postgres cannot store.
#[derive(Debug, Clone, PartialEq)]
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
    /// The client's `Referer`, without query and fragment.
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
    /// `phone`, `tablet`, `desktop` or `other`. `None` for clicks of services that did not say it.
    pub device: Option<String>,
    /// ISO 3166-1 alpha-2, in upper case, as a trusted proxy has said it.
    pub country: Option<String>,
}

/// Inserts clicks, counts them by the referral and notes them for [`count`], in one transaction. Clicks that
/// exist already are neither inserted nor counted again. Returns the number of new clicks. The partition of
/// their day may be attached meanwhile.
///
/// # Errors
/// See [`Error`]. On an error nothing was inserted, unless the connection broke during
/// the commit; then the outcome is unknown. Inserting again is always safe.
pub async fn insert(connection: &mut PgConnection, clicks: &[Click]) -> Result<u64, Error> {
    let rows = Columns::of(clicks);
    match insert_rows(connection, &rows).await {
        Err(error) if has_lost_its_partition(&error) => insert_rows(connection, &rows).await,
        outcome => outcome,
    }
}

/// Whether the default partition refused a row because the partition of its day was attached while the
/// statement waited. Postgres chooses the partition first, and finds the right one the next time.
fn has_lost_its_partition(error: &Error) -> bool {
    const CHECK_VIOLATION: &str = "23514";
    // A constraint of the table has a name; that of a partition has none.
    let Error::Query(sqlx::Error::Database(error)) = error else {
        return false;
    };
    error.code().as_deref() == Some(CHECK_VIOLATION)
}

async fn insert_rows(connection: &mut PgConnection, rows: &Columns) -> Result<u64, Error> {
    // Counters are locked in the order of their keys, so that two writers cannot deadlock.
    let inserted = sqlx::query_scalar!(
        r#"
        WITH new AS (
            INSERT INTO clicks (id, clicked_at, campaign, referral, code, visitor, user_agent,
                referrer_url, source, utm, wallet, verdict, verdict_reason, device, country)
            SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[],
                $6::bytea[], $7::text[], $8::text[], $9::text[], $10::jsonb[], $11::text[],
                $12::text[], $13::text[], $14::text[], $15::text[])
            ON CONFLICT (id, clicked_at) DO NOTHING
            RETURNING referral, campaign, code, visitor, clicked_at, verdict,
                click_quarter(clicked_at) AS quarter, click_source(source, utm) AS source,
                COALESCE(device, '') AS device, COALESCE(country, '') AS country
        ), visitors AS (
            INSERT INTO referral_visitors (referral, visitor, first_clicked_at)
            SELECT referral, visitor, min(clicked_at) FROM new
            WHERE verdict <> 'bot'
            GROUP BY referral, visitor
            ORDER BY referral COLLATE "C", visitor
            ON CONFLICT (referral, visitor) DO NOTHING
            RETURNING referral, click_quarter(first_clicked_at) AS quarter
        ), counted AS (
            INSERT INTO referral_clicks AS t
                (referral, clicks, bot_clicks, suspicious_clicks, unique_visitors)
            SELECT n.referral, count(*), count(*) FILTER (WHERE n.verdict = 'bot'),
                   count(*) FILTER (WHERE n.verdict = 'suspicious'),
                   (SELECT count(*) FROM visitors v WHERE v.referral = n.referral)
            FROM new n
            GROUP BY n.referral
            ORDER BY n.referral COLLATE "C"
            ON CONFLICT (referral) DO UPDATE SET
                clicks = t.clicks + excluded.clicks,
                bot_clicks = t.bot_clicks + excluded.bot_clicks,
                suspicious_clicks = t.suspicious_clicks + excluded.suspicious_clicks,
                unique_visitors = t.unique_visitors + excluded.unique_visitors
        ), noted AS (
            -- Appends only, so no writer waits for another one's campaign.
            INSERT INTO uncounted_clicks (campaign, referral, code, quarter, source, device, country,
                clicks, bot_clicks, suspicious_clicks, visitors)
            SELECT campaign, referral, code, quarter, source, device, country, count(*),
                   count(*) FILTER (WHERE verdict = 'bot'),
                   count(*) FILTER (WHERE verdict = 'suspicious'), 0
            FROM new GROUP BY 1, 2, 3, 4, 5, 6, 7
            UNION ALL
            SELECT campaign, referral, code, visitors.quarter, '', '', '', 0, 0, 0, count(*)
            FROM visitors JOIN (SELECT DISTINCT ON (referral) referral, campaign, code FROM new) AS seen
                USING (referral)
            GROUP BY 1, 2, 3, 4
        )
        SELECT count(*) AS "inserted!" FROM new
        "#,
        &rows.id,
        &rows.clicked_at,
        &rows.campaign,
        &rows.referral,
        &rows.code,
        &rows.visitor,
        &rows.user_agent as &[Option<String>],
        &rows.referrer_url as &[Option<String>],
        &rows.source as &[Option<String>],
        &rows.utm as &[Option<JsonValue>],
        &rows.wallet as &[Option<String>],
        &rows.verdict,
        &rows.verdict_reason as &[Option<String>],
        &rows.device as &[Option<String>],
        &rows.country as &[Option<String>],
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(inserted).unwrap_or_default())
}

/// Clicks by column, because a column that a later migration adds must not stop older services.
#[derive(Default)]
struct Columns {
    id: Vec<Uuid>,
    clicked_at: Vec<OffsetDateTime>,
    campaign: Vec<String>,
    referral: Vec<String>,
    code: Vec<String>,
    visitor: Vec<Vec<u8>>,
    user_agent: Vec<Option<String>>,
    referrer_url: Vec<Option<String>>,
    source: Vec<Option<String>>,
    utm: Vec<Option<JsonValue>>,
    wallet: Vec<Option<String>>,
    verdict: Vec<String>,
    verdict_reason: Vec<Option<String>>,
    device: Vec<Option<String>>,
    country: Vec<Option<String>>,
}

impl Columns {
    fn of(clicks: &[Click]) -> Self {
        let mut columns = Self::default();
        for click in clicks.iter().cloned() {
            columns.id.push(click.id);
            columns.clicked_at.push(click.clicked_at);
            columns.campaign.push(click.campaign);
            columns.referral.push(click.referral);
            columns.code.push(click.code);
            columns.visitor.push(click.visitor);
            columns.user_agent.push(click.user_agent);
            columns.referrer_url.push(click.referrer_url);
            columns.source.push(click.source);
            columns.utm.push(click.utm);
            columns.wallet.push(click.wallet);
            columns.verdict.push(click.verdict);
            columns.verdict_reason.push(click.verdict_reason);
            columns.device.push(click.device);
            columns.country.push(click.country);
        }
        columns
    }
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

/// Counts at most `limit` notes of clicks by time and by where they come from. Returns how many; 0 also while
/// another process counts.
///
/// # Errors
/// See [`Error`].
pub async fn count(pool: &PgPool, limit: i32) -> Result<i64, Error> {
    let counted = sqlx::query_scalar!("SELECT count_clicks($1)", limit)
        .fetch_one(pool)
        .await?;
    Ok(counted.unwrap_or_default())
}

/// Notes of clicks that wait to be counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many there are, as the statistics of Postgres estimate it; 0 if there is none.
    pub notes: i64,
    /// Seconds for which one of the next notes has waited at least: since the end of its quarter of an hour.
    pub age: i64,
}

/// The clicks that are not counted yet. It reads a thousand rows at most, however many there are.
///
/// # Errors
/// See [`Error`].
pub async fn backlog(pool: &PgPool) -> Result<Backlog, Error> {
    let found = sqlx::query!(
        r#"SELECT pg_stat_get_live_tuples('uncounted_clicks'::regclass) AS notes,
                  extract(epoch FROM now())::bigint - min(quarter) - 900 AS age
           FROM (SELECT quarter FROM uncounted_clicks LIMIT 1000) AS next"#
    )
    .fetch_one(pool)
    .await?;
    Ok(found.age.map_or_else(Backlog::default, |age| Backlog {
        notes: found.notes.unwrap_or_default().max(1),
        age: age.max(0),
    }))
}

/// Deletes the numbers of quarters of an hour before this time, in Unix seconds, at most `limit` rows. Their
/// sums stay. Returns how many.
///
/// # Errors
/// See [`Error`].
pub async fn delete_quarters(pool: &PgPool, before: i64, limit: i32) -> Result<i64, Error> {
    let deleted = sqlx::query_scalar!("SELECT delete_click_quarters($1, $2)", before, limit)
        .fetch_one(pool)
        .await?;
    Ok(deleted.unwrap_or_default())
}

/// Deletes the numbers by source, device, country and code of days (UTC) before this one, at most `limit`
/// rows. Returns how many.
///
/// # Errors
/// See [`Error`].
pub async fn delete_days(pool: &PgPool, before: Date, limit: i32) -> Result<i64, Error> {
    let deleted = sqlx::query_scalar!("SELECT delete_click_days($1, $2)", before, limit)
        .fetch_one(pool)
        .await?;
    Ok(deleted.unwrap_or_default())
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
