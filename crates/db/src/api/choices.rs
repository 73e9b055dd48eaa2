//! The category and the region that a referrer has chosen.
//!
//! A choice begins on a later day (UTC): the first one on the next day, a change with the next month. A
//! conversion belongs to what its referrer had on its day, for good. So nobody leads two categories
//! in a month, and a change costs one row.

use sqlx::{
    PgConnection, PgPool,
    types::time::{Date, OffsetDateTime},
};

use crate::Error;

/// Every category. A test compares them with those that the database takes.
pub const CATEGORIES: [&str; 16] = [
    "art",
    "business",
    "education",
    "fashion",
    "finance",
    "food",
    "gaming",
    "health",
    "home",
    "media",
    "music",
    "science",
    "society",
    "software",
    "sports",
    "travel",
];

/// The kind of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One of [`CATEGORIES`].
    Category,
    /// A country as ISO 3166-1 alpha-2.
    Region,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Region => "region",
        }
    }

    fn named(name: &str) -> Result<Self, Error> {
        match name {
            "category" => Ok(Self::Category),
            "region" => Ok(Self::Region),
            _ => Err(Error::Corrupt("a choice of an unknown kind")),
        }
    }
}

/// The choice of a referrer of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The group that its conversions of today belong to.
    pub value: Option<String>,
    /// The group that they will belong to next, from this day on. Within an hour of midnight (UTC), a choice may have
    /// been made that begins even later; it is here when this one has begun.
    pub next: Option<(Date, Option<String>)>,
}

/// The choices of a referrer: the category, then the region. `today` is the day in UTC.
///
/// # Errors
/// See [`Error`].
pub async fn find(pool: &PgPool, referrer: &str, today: Date) -> Result<[Choice; 2], Error> {
    let rows = sqlx::query!(
        r#"SELECT kind, value, from_day, from_day <= $2 AS "begun!"
           FROM referrer_choices AS choice
           WHERE referrer = $1 AND from_day >= COALESCE((
               SELECT max(from_day) FROM referrer_choices AS begun
               WHERE begun.referrer = $1 AND begun.kind = choice.kind AND begun.from_day <= $2
           ), '-infinity')
           ORDER BY from_day"#,
        referrer,
        today,
    )
    .fetch_all(pool)
    .await?;
    let mut found = [Choice::default(), Choice::default()];
    for row in rows {
        let [category, region] = &mut found;
        let choice = match Kind::named(&row.kind)? {
            Kind::Category => category,
            Kind::Region => region,
        };
        if row.begun {
            choice.value = row.value;
        } else if choice.next.is_none() && choice.value != row.value {
            choice.next = Some((row.from_day, row.value));
        }
    }
    Ok(found)
}

/// The groups that the wallet's conversions of `today`, a day in UTC, belong to.
pub(super) async fn begun(
    connection: &mut PgConnection,
    wallet: &str,
    today: Date,
) -> Result<Vec<(Kind, String)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (kind) kind, value FROM referrer_choices
           WHERE referrer = $1 AND from_day <= $2
           ORDER BY kind, from_day DESC"#,
        wallet,
        today,
    )
    .fetch_all(connection)
    .await?;
    let mut groups = Vec::new();
    for row in rows {
        if let Some(value) = row.value {
            groups.push((Kind::named(&row.kind)?, value));
        }
    }
    Ok(groups)
}

/// Chooses a category and a region, or none, at the time `now`. A choice that is the same writes nothing.
/// Returns whether the wallet owns a code; without one it has nothing to choose for.
///
/// # Errors
/// [`Error::Constraint`] for a category that nobody knows or a region of another form.
pub async fn set(
    pool: &PgPool,
    referrer: &str,
    category: Option<&str>,
    region: Option<&str>,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let owns = sqlx::query_scalar!(
        r#"WITH owner AS (
               SELECT EXISTS (SELECT FROM referrals WHERE owner = $1) AS owns
           ), clock AS (
               -- An hour for the difference between this clock and the chain's.
               SELECT (($4::timestamptz + interval '1 hour') AT TIME ZONE 'UTC')::date AS today
           ), wanted (kind, value) AS (
               VALUES ('category', $2::text), ('region', $3::text)
           ), chosen AS (
               INSERT INTO referrer_choices AS choice (referrer, kind, value, chosen_at, from_day)
               SELECT $1, kind, value, $4,
                      CASE WHEN EXISTS (
                          SELECT FROM referrer_choices AS begun
                          WHERE begun.referrer = $1 AND begun.kind = wanted.kind
                            AND begun.from_day <= today
                      ) THEN (date_trunc('month', today::timestamp) + interval '1 month')::date
                      ELSE today + 1 END
               FROM wanted, clock, owner
               WHERE owns AND value IS DISTINCT FROM (
                   SELECT last.value FROM referrer_choices AS last
                   WHERE last.referrer = $1 AND last.kind = wanted.kind
                   ORDER BY last.from_day DESC LIMIT 1)
               ON CONFLICT (referrer, kind, from_day) DO UPDATE SET
                   value = EXCLUDED.value, chosen_at = EXCLUDED.chosen_at
           )
           SELECT owns AS "owns!" FROM owner"#,
        referrer,
        category,
        region,
        now,
    )
    .fetch_one(pool)
    .await?;
    Ok(owns)
}
