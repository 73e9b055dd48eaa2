//! The keeper's tasks.

use std::{collections::HashMap, time::Duration};

use sqlx::PgPool;

use super::Kind;
use crate::{Error, amount::Unsigned, unless_silent};

/// A place in the list of conversions that owe something, by the end of their hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Unix seconds of the end of the hold.
    pub matures_at: i64,
    /// Address of the conversion.
    pub address: String,
}

impl Cursor {
    /// The place before every conversion whose hold ends at this time, in unix seconds.
    #[must_use]
    pub fn at(matures_at: i64) -> Self {
        Self {
            matures_at,
            address: String::new(),
        }
    }
}

/// A page of the list of conversions that owe something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The last place of the page; `None` if it is empty.
    pub last: Option<Cursor>,
    /// Conversions in the page.
    pub rows: i64,
    /// Those of them that had no task yet and have one now.
    pub admitted: i64,
}

/// Makes tasks of the conversions after `after` that owe something, whose hold is over and which are
/// final: at most `limit` of them, in the order in which their holds end.
///
/// Left out are those of campaigns other than `served`, if there are such, and those of which no part
/// has at least `least` base units.
///
/// # Errors
/// When Postgres does not answer.
pub async fn admit(
    pool: &PgPool,
    after: &Cursor,
    limit: i64,
    served: Option<&[String]>,
    least: u64,
) -> Result<Page, Error> {
    // Everything up to `final_time` is final and complete: later conversions mature later. So nothing is
    // passed over.
    let row = sqlx::query!(
        r#"WITH page AS (
               SELECT address, campaign, matures_at, seq, settled,
                      reward_referrer, reward_referee, reward_partner
               FROM conversions
               WHERE status = 'pending' AND (matures_at, address) > ($1, $2)
                     AND matures_at < (SELECT final_time FROM indexer_state)
               ORDER BY matures_at, address LIMIT $3
           ), admitted AS (
               INSERT INTO keeper_tasks (kind, subject, campaign, due_at)
               SELECT 'claim', address, campaign, to_timestamp(matures_at) FROM page
               WHERE seq <= (SELECT final_seq FROM indexer_state)
                     AND ($4::text[] IS NULL OR campaign = ANY($4))
                     AND GREATEST(CASE WHEN settled & 1 = 0 THEN reward_referrer ELSE 0 END,
                                  CASE WHEN settled & 2 = 0 THEN reward_referee ELSE 0 END,
                                  CASE WHEN settled & 4 = 0 THEN reward_partner ELSE 0 END) >= $5
               ON CONFLICT (kind, subject) DO NOTHING RETURNING 1
           )
           SELECT (SELECT count(*) FROM page) AS "rows!",
                  (SELECT count(*) FROM admitted) AS "admitted!",
                  last.matures_at AS "matures_at?", last.address AS "address?"
           FROM (SELECT 1) AS one
           LEFT JOIN (SELECT matures_at, address FROM page
                      ORDER BY matures_at DESC, address DESC LIMIT 1) AS last ON true"#,
        after.matures_at,
        after.address,
        limit,
        served,
        Unsigned(least) as Unsigned,
    );
    let row = unless_silent(async { Ok(row.fetch_one(pool).await?) }).await?;
    let last = row.matures_at.zip(row.address);
    Ok(Page {
        last: last.map(|(matures_at, address)| Cursor {
            matures_at,
            address,
        }),
        rows: row.rows,
        admitted: row.admitted,
    })
}

/// The place before the last `limit` conversions up to `until` in the list of those that owe
/// something; `None` if there are no more than these. So [`admit`] can walk the list from its newest
/// end, page by page: the next page ends at that place.
///
/// # Errors
/// When Postgres does not answer.
pub async fn walk_back(pool: &PgPool, until: &Cursor, limit: i64) -> Result<Option<Cursor>, Error> {
    let row = sqlx::query_as!(
        Cursor,
        "SELECT matures_at, address FROM conversions
         WHERE status = 'pending' AND (matures_at, address) <= ($1, $2)
         ORDER BY matures_at DESC, address DESC OFFSET $3 LIMIT 1",
        until.matures_at,
        until.address,
        limit,
    );
    unless_silent(async { Ok(row.fetch_optional(pool).await?) }).await
}

/// A thing to do, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The conversion, or the account whose rent is to be returned.
    pub subject: String,
    /// Its campaign.
    pub campaign: String,
    /// How often it was tried.
    pub tries: i32,
    /// Whether a transaction failed because of it.
    pub has_failed: bool,
    /// If the subject is a conversion: its referral.
    pub referral: Option<String>,
    /// If the subject is a conversion: the wallet that was referred.
    pub referee: Option<String>,
    /// The conversion's reference, if it has one.
    pub reference: Option<Vec<u8>>,
    /// Whether there is nothing to do any more, as the mirror has it.
    pub is_over: bool,
}

/// Due tasks of one kind that no intent works on: at most `limit` of them, by campaign, from the one
/// after `after` on. Of each campaign the newest `fresh` and the newest `waiting` of those that
/// could not be done before, so that no campaign and no task delays the others.
///
/// Left out are campaigns other than `served`, if there are such, and those of `spent`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn due(
    pool: &PgPool,
    kind: Kind,
    after: &str,
    (limit, fresh, waiting): (i64, i64, i64),
    served: Option<&[String]>,
    spent: &[String],
) -> Result<Vec<Task>, Error> {
    // The campaigns are found one by one in the index, however many tasks each has.
    let tasks = sqlx::query!(
        r#"WITH RECURSIVE known (campaign) AS (
               (SELECT campaign FROM keeper_tasks
                WHERE kind = $1 AND intent IS NULL AND campaign > $2
                ORDER BY campaign LIMIT 1)
               UNION ALL
               SELECT (SELECT task.campaign FROM keeper_tasks AS task
                       WHERE kind = $1 AND intent IS NULL AND task.campaign > known.campaign
                       ORDER BY task.campaign LIMIT 1)
               FROM known WHERE known.campaign IS NOT NULL
           )
           SELECT known.campaign AS "campaign!", task.subject AS "subject!", task.tries AS "tries!",
                  task.failures > 0 AS "has_failed!"
           FROM known CROSS JOIN LATERAL (
               (SELECT subject, tries, failures FROM keeper_tasks
                WHERE kind = $1 AND campaign = known.campaign AND intent IS NULL
                      AND NOT waits AND due_at <= now()
                ORDER BY due_at DESC LIMIT $4)
               UNION ALL
               (SELECT subject, tries, failures FROM keeper_tasks
                WHERE kind = $1 AND campaign = known.campaign AND intent IS NULL
                      AND waits AND due_at <= now()
                -- A look moves it to the end, so each one's turn comes.
                ORDER BY due_at LIMIT $5)
           ) AS task
           WHERE known.campaign IS NOT NULL AND known.campaign <> ALL($7)
                 AND ($6::text[] IS NULL OR known.campaign = ANY($6))
           LIMIT $3"#,
        kind.as_str(),
        after,
        limit,
        fresh,
        waiting,
        served,
        spent,
    );
    let tasks = unless_silent(async { Ok(tasks.fetch_all(pool).await?) }).await?;
    let subjects: Vec<_> = tasks.iter().map(|task| task.subject.clone()).collect();
    let facts = sqlx::query!(
        r#"SELECT subject AS "subject!", referral AS "referral?", referee AS "referee?", reference,
                  CASE $2 WHEN 'claim' THEN status IS DISTINCT FROM 'pending'
                       ELSE accounts.data IS NULL END AS "is_over!"
           FROM UNNEST($1::text[]) AS subject
           LEFT JOIN conversions ON conversions.address = subject
           LEFT JOIN accounts ON accounts.address = subject"#,
        &subjects,
        kind.as_str(),
    );
    let facts = unless_silent(async { Ok(facts.fetch_all(pool).await?) }).await?;
    let mut facts: HashMap<_, _> = facts
        .into_iter()
        .map(|row| (row.subject.clone(), row))
        .collect();
    let mut task = |subject: String, campaign, tries, has_failed| {
        let facts = facts.remove(&subject)?;
        Some(Task {
            subject,
            campaign,
            tries,
            has_failed,
            referral: facts.referral,
            referee: facts.referee,
            reference: facts.reference,
            is_over: facts.is_over,
        })
    };
    Ok(tasks
        .into_iter()
        .filter_map(|row| task(row.subject, row.campaign, row.tries, row.has_failed))
        .collect())
}

/// Deletes the tasks with these subjects that no intent works on: there is nothing to do any more.
///
/// # Errors
/// When Postgres does not answer.
pub async fn finished(pool: &PgPool, kind: Kind, subjects: &[String]) -> Result<(), Error> {
    if subjects.is_empty() {
        return Ok(());
    }
    let delete = sqlx::query!(
        "DELETE FROM keeper_tasks WHERE kind = $1 AND subject = ANY($2) AND intent IS NULL",
        kind.as_str(),
        subjects,
    );
    unless_silent(async { Ok(delete.execute(pool).await?) }).await?;
    Ok(())
}

/// A task that cannot be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postponed {
    /// Its subject.
    pub subject: String,
    /// How often it had been tried when it was read. If it was tried since, nothing changes.
    pub tries: i32,
    /// Why.
    pub reason: String,
    /// Time until it is tried again.
    pub pause: Duration,
}

/// Lets tasks wait, each with its reason.
///
/// # Errors
/// When Postgres does not answer.
pub async fn postpone(pool: &PgPool, kind: Kind, rows: &[Postponed]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let subjects: Vec<_> = rows.iter().map(|row| row.subject.clone()).collect();
    let tries: Vec<_> = rows.iter().map(|row| row.tries).collect();
    let reasons: Vec<_> = rows.iter().map(|row| row.reason.clone()).collect();
    let pauses: Vec<_> = rows.iter().map(|row| row.pause.as_secs_f64()).collect();
    let update = sqlx::query!(
        "UPDATE keeper_tasks AS task SET
             waits = true, tries = task.tries + 1, reason = late.reason,
             due_at = now() + make_interval(secs => late.pause)
         FROM UNNEST($2::text[], $3::integer[], $4::text[], $5::float8[])
              AS late (subject, tries, reason, pause)
         WHERE kind = $1 AND task.subject = late.subject AND task.tries = late.tries
               AND intent IS NULL",
        kind.as_str(),
        &subjects,
        &tries,
        &reasons,
        &pauses,
    );
    unless_silent(async { Ok(update.execute(pool).await?) }).await?;
    Ok(())
}

/// The size and age of the work that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Claims that are due and have not been tried in vain: counted up to a million.
    pub due: i64,
    /// Seconds for which the oldest of them has been due.
    pub oldest: i64,
    /// Claims that wait because they could not be paid: counted up to 100,000.
    pub waiting: i64,
}

/// Returns what is due of the campaigns `served`, or of all.
///
/// # Errors
/// When Postgres does not answer.
pub async fn backlog(pool: &PgPool, served: Option<&[String]>) -> Result<Backlog, Error> {
    // Tasks that are due are counted in the index, so that those that wait cannot hide them.
    let row = sqlx::query!(
        r#"WITH RECURSIVE known (campaign) AS (
               (SELECT campaign FROM keeper_tasks WHERE kind = 'claim' AND intent IS NULL
                ORDER BY campaign LIMIT 1)
               UNION ALL
               SELECT (SELECT task.campaign FROM keeper_tasks AS task
                       WHERE kind = 'claim' AND intent IS NULL AND task.campaign > known.campaign
                       ORDER BY task.campaign LIMIT 1)
               FROM known WHERE known.campaign IS NOT NULL
           ), due AS (
               SELECT task.due_at FROM known CROSS JOIN LATERAL (
                   SELECT due_at FROM keeper_tasks
                   WHERE kind = 'claim' AND campaign = known.campaign AND intent IS NULL
                         AND NOT waits AND due_at <= now()
               ) AS task
               WHERE known.campaign IS NOT NULL
                     AND ($1::text[] IS NULL OR known.campaign = ANY($1))
               LIMIT 1000000
           )
           SELECT (SELECT count(*) FROM due) AS "due!",
                  (SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)::bigint
                   FROM due) AS "oldest!",
                  (SELECT count(*) FROM (
                       SELECT FROM keeper_tasks
                       WHERE kind = 'claim' AND waits AND intent IS NULL
                             AND ($1::text[] IS NULL OR campaign = ANY($1))
                       LIMIT 100000) AS task) AS "waiting!""#,
        served,
    );
    let row = unless_silent(async { Ok(row.fetch_one(pool).await?) }).await?;
    Ok(Backlog {
        due: row.due,
        oldest: row.oldest,
        waiting: row.waiting,
    })
}

/// A mirrored account of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// Its address.
    pub address: String,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Its campaign, if it is a conversion.
    pub campaign: Option<String>,
}

/// Final accounts whose rent may have to be returned, among the `limit` accounts after address
/// `after`, and the last of these addresses; `None` at the end. Conversions are left out unless their
/// campaign is closed.
///
/// # Errors
/// When Postgres does not answer.
pub async fn remains(
    pool: &PgPool,
    after: &str,
    limit: i64,
) -> Result<(Option<String>, Vec<Remains>), Error> {
    let last = sqlx::query_scalar!(
        "SELECT max(address) FROM (SELECT address FROM accounts WHERE address > $1
                                   ORDER BY address LIMIT $2) AS page",
        after,
        limit,
    );
    let last = unless_silent(async { Ok(last.fetch_one(pool).await?) }).await?;
    let Some(last) = last else {
        return Ok((None, Vec::new()));
    };
    let rows = sqlx::query_as!(
        Remains,
        r#"SELECT account.address, account.data AS "data!", conversion.campaign AS "campaign?"
           FROM accounts AS account
           LEFT JOIN conversions AS conversion ON conversion.address = account.address
           LEFT JOIN campaigns AS campaign ON campaign.address = conversion.campaign
           WHERE account.address > $1 AND account.address <= $2 AND account.data IS NOT NULL
                 AND account.seq <= (SELECT final_seq FROM indexer_state)
                 AND (conversion.address IS NULL OR campaign.closed)"#,
        after,
        last,
    );
    let rows = unless_silent(async { Ok(rows.fetch_all(pool).await?) }).await?;
    Ok((Some(last), rows))
}

/// Makes tasks to return the rent of these accounts, each with its campaign.
///
/// # Errors
/// When Postgres does not answer.
pub async fn want_reclaimed(pool: &PgPool, accounts: &[(String, String)]) -> Result<(), Error> {
    if accounts.is_empty() {
        return Ok(());
    }
    let (subjects, campaigns): (Vec<_>, Vec<_>) = accounts.iter().cloned().unzip();
    let insert = sqlx::query!(
        "INSERT INTO keeper_tasks (kind, subject, campaign, due_at)
         SELECT 'reclaim', subject, campaign, now()
         FROM UNNEST($1::text[], $2::text[]) AS account (subject, campaign)
         ON CONFLICT (kind, subject) DO NOTHING",
        &subjects,
        &campaigns,
    );
    unless_silent(async { Ok(insert.execute(pool).await?) }).await?;
    Ok(())
}

/// Which of these campaigns are closed.
///
/// # Errors
/// When Postgres does not answer.
pub async fn closed(pool: &PgPool, campaigns: &[String]) -> Result<Vec<String>, Error> {
    let rows = sqlx::query_scalar!(
        "SELECT address FROM campaigns WHERE address = ANY($1) AND closed",
        campaigns,
    );
    unless_silent(async { Ok(rows.fetch_all(pool).await?) }).await
}
