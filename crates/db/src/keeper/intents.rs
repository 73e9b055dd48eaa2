//! Intents: the transactions that a keeper means to send.
//!
//! An intent and the tasks that it works on are written in one database transaction, before the
//! signed transaction is sent. So after a crash everything that may have been sent is known, and no
//! second keeper works on the same.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{PgConnection, PgPool};

use super::{Kind, lock};
use crate::{Error, unless_silent};

/// A transaction that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its signature, base58.
    pub signature: String,
    /// The keeper's address.
    pub fee_payer: String,
    /// The kind of its tasks.
    pub kind: Kind,
    /// The campaign of all its tasks.
    pub campaign: String,
    /// The subject of each task and how often it had been tried when it was read, in the order of
    /// their instructions.
    pub tasks: Vec<(String, i32)>,
    /// The signed transaction.
    pub transaction: Vec<u8>,
    /// No block above this height takes it.
    pub last_valid_height: i64,
    /// Lamports that it costs at most.
    pub fee: i64,
}

/// The most that intents of one day (UTC) may cost, in lamports. Those that expired cost nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All of them.
    pub day: i64,
    /// Those of one campaign.
    pub campaign: i64,
    /// Those that return rent.
    pub reclaim: i64,
    /// Those of one campaign and kind that failed. An open one counts, too, because it may fail. One
    /// may always be open, at any cost, while none has failed.
    pub failed: i64,
}

/// The outcome of [`open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The intent is written: send it.
    Yes,
    /// Somebody else has worked on one of the tasks since they were read.
    Taken,
    /// It would cost more than a day may.
    DaySpent,
    /// It would cost more than a day of this campaign may.
    CampaignSpent,
    /// It would cost more than returning rent may in a day.
    ReclaimSpent,
    /// If it failed, failures of this campaign would cost more than they may in a day.
    FailedSpent,
}

/// The cost of today's intents (UTC), in lamports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    /// All of them.
    pub day: i64,
    /// Those that return rent.
    pub reclaim: i64,
    /// Those of each campaign.
    pub campaigns: BTreeMap<String, CampaignSpent>,
}

/// The cost of one campaign's intents of today (UTC), in lamports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CampaignSpent {
    /// All of them.
    pub all: i64,
    /// Those that have not landed, by their kind.
    pub risks: BTreeMap<Kind, Risk>,
}

/// The cost of intents that have not landed, in lamports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Risk {
    /// Those that failed.
    pub failed: i64,
    /// Those whose end is not known: they may fail.
    pub open: i64,
}

/// Returns what the intents of today (UTC) cost.
///
/// # Errors
/// When Postgres does not answer.
pub async fn spent(pool: &PgPool) -> Result<Spent, Error> {
    unless_silent(async { sum(&mut *pool.acquire().await?).await }).await
}

async fn sum(connection: &mut PgConnection) -> Result<Spent, Error> {
    let rows = sqlx::query!(
        r#"SELECT kind, campaign, sum(fee)::bigint AS "all!",
                  coalesce(sum(fee) FILTER (WHERE state = 'failed'), 0)::bigint AS "failed!",
                  coalesce(sum(fee) FILTER (WHERE state = 'open'), 0)::bigint AS "open!"
           FROM keeper_intents
           WHERE created_at >= date_trunc('day', now(), 'UTC') AND state <> 'expired'
           GROUP BY kind, campaign"#,
    )
    .fetch_all(connection)
    .await?;
    let mut spent = Spent::default();
    for row in rows {
        let kind = Kind::parse(&row.kind)?;
        spent.day = spent.day.saturating_add(row.all);
        if kind == Kind::Reclaim {
            spent.reclaim = spent.reclaim.saturating_add(row.all);
        }
        let campaign = spent.campaigns.entry(row.campaign).or_default();
        campaign.all = campaign.all.saturating_add(row.all);
        let risk = Risk {
            failed: row.failed,
            open: row.open,
        };
        campaign.risks.insert(kind, risk);
    }
    Ok(spent)
}

/// Writes the intent, and that its tasks belong to it: both or nothing. The transaction may be sent
/// only if this returns [`Opened::Yes`]. After an error it may or may not be written; [`pending`]
/// tells.
///
/// # Errors
/// When Postgres does not answer.
pub async fn open(pool: &PgPool, intent: &Intent, limits: Limits) -> Result<Opened, Error> {
    unless_silent(async {
        let mut transaction = pool.begin().await?;
        lock(&mut transaction).await?;
        let spent = sum(&mut transaction).await?;
        let exceeds = |sum: i64, limit: i64| sum.saturating_add(intent.fee) > limit;
        if exceeds(spent.day, limits.day) {
            return Ok(Opened::DaySpent);
        }
        let campaign = spent.campaigns.get(&intent.campaign);
        if exceeds(campaign.map_or(0, |it| it.all), limits.campaign) {
            return Ok(Opened::CampaignSpent);
        }
        if intent.kind == Kind::Reclaim && exceeds(spent.reclaim, limits.reclaim) {
            return Ok(Opened::ReclaimSpent);
        }
        let risk = campaign.and_then(|it| it.risks.get(&intent.kind));
        let at_risk = risk.map_or(0, |risk| risk.failed.saturating_add(risk.open));
        if at_risk > 0 && exceeds(at_risk, limits.failed) {
            return Ok(Opened::FailedSpent);
        }
        if !take(&mut transaction, intent).await? {
            return Ok(Opened::Taken);
        }
        transaction.commit().await?;
        Ok(Opened::Yes)
    })
    .await
}

async fn take(connection: &mut PgConnection, intent: &Intent) -> Result<bool, Error> {
    let (subjects, tries): (Vec<_>, Vec<_>) = intent.tasks.iter().cloned().unzip();
    let taken = sqlx::query!(
        "UPDATE keeper_tasks AS task SET intent = $1
         FROM UNNEST($3::text[], $4::integer[]) AS seen (subject, tries)
         WHERE kind = $2 AND task.subject = seen.subject AND task.tries = seen.tries
               AND intent IS NULL AND due_at <= now()",
        intent.signature,
        intent.kind.as_str(),
        &subjects,
        &tries,
    )
    .execute(&mut *connection)
    .await?;
    if usize::try_from(taken.rows_affected()) != Ok(intent.tasks.len()) {
        return Ok(false);
    }
    sqlx::query!(
        "INSERT INTO keeper_intents (signature, fee_payer, kind, campaign, subjects, transaction,
                                     last_valid_height, fee)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        intent.signature,
        intent.fee_payer,
        intent.kind.as_str(),
        intent.campaign,
        &subjects,
        intent.transaction,
        intent.last_valid_height,
        intent.fee,
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// An intent whose end is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its signature, base58.
    pub signature: String,
    /// The address of the keeper that signed it.
    pub fee_payer: String,
    /// The kind of its tasks.
    pub kind: Kind,
    /// The subjects of its tasks, in the order of their instructions.
    pub subjects: Vec<String>,
    /// The signed transaction.
    pub transaction: Vec<u8>,
    /// No block above this height takes it.
    pub last_valid_height: i64,
    /// Lamports that it costs at most.
    pub fee: i64,
    /// A final slot at which no block could take it any more.
    pub passed_slot: Option<i64>,
}

/// The oldest `limit` intents whose end is not known yet, of every keeper.
///
/// # Errors
/// When Postgres does not answer.
pub async fn pending(pool: &PgPool, limit: i64) -> Result<Vec<Pending>, Error> {
    let rows = sqlx::query!(
        r#"SELECT signature, fee_payer, kind, subjects, transaction AS "transaction!",
                  last_valid_height, fee, passed_slot
           FROM keeper_intents WHERE state = 'open' ORDER BY created_at LIMIT $1"#,
        limit,
    );
    let rows = unless_silent(async { Ok(rows.fetch_all(pool).await?) }).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Pending {
                signature: row.signature,
                fee_payer: row.fee_payer,
                kind: Kind::parse(&row.kind)?,
                subjects: row.subjects,
                transaction: row.transaction,
                last_valid_height: row.last_valid_height,
                fee: row.fee,
                passed_slot: row.passed_slot,
            })
        })
        .collect()
}

/// Notes that at this final slot no block could take these intents any more.
///
/// # Errors
/// When Postgres does not answer.
pub async fn passed(pool: &PgPool, signatures: &[String], slot: i64) -> Result<(), Error> {
    let update = sqlx::query!(
        "UPDATE keeper_intents SET passed_slot = COALESCE(passed_slot, $2)
         WHERE signature = ANY($1) AND state = 'open'",
        signatures,
        slot,
    );
    unless_silent(async { Ok(update.execute(pool).await?) }).await?;
    Ok(())
}

/// How an intent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is final, and did what it was for.
    Landed,
    /// It is final, and failed. It cost its fee.
    Failed {
        /// The error.
        error: String,
        /// The subjects that are to blame. The others are free again at once.
        blamed: Vec<String>,
        /// The most failures of one subject in a day (UTC). After that it waits for the next day.
        most: i32,
    },
}

/// The end of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its signature, base58.
    pub signature: String,
    /// The slot of its block.
    pub slot: i64,
    /// How it ended.
    pub settled: Settled,
    /// Time until the tasks that are to blame are tried again.
    pub pause: Duration,
}

/// Writes the end of an intent, and frees its tasks: both or nothing.
///
/// It does so only if the mirror has the transaction as final, with the same outcome. So no answer of
/// a node alone frees anything, and what a task did is in the mirror when it is looked at again.
/// Returns `false` if nothing was written, also if another keeper did it before.
///
/// # Errors
/// When Postgres does not answer.
pub async fn end(pool: &PgPool, end: &End) -> Result<bool, Error> {
    unless_silent(async {
        let mut transaction = pool.begin().await?;
        let (state, error) = match &end.settled {
            Settled::Landed => ("landed", None),
            Settled::Failed { error, .. } => ("failed", Some(error)),
        };
        let ended = sqlx::query!(
            "UPDATE keeper_intents SET state = $2, slot = $3, error = $4, ended_at = now(),
                 transaction = NULL
             WHERE signature = $1 AND state = 'open'
                   AND EXISTS (SELECT FROM transactions
                               WHERE transactions.signature = $1 AND succeeded = ($2 = 'landed')
                                     AND seq <= (SELECT final_seq FROM indexer_state))",
            end.signature,
            state,
            end.slot,
            error,
        )
        .execute(&mut *transaction)
        .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        match &end.settled {
            Settled::Landed => landed(&mut transaction, end).await?,
            Settled::Failed {
                error,
                blamed,
                most,
            } => failed(&mut transaction, end, error, blamed, *most).await?,
        }
        transaction.commit().await?;
        Ok(true)
    })
    .await
}

/// The mirror shows that they are done. Otherwise a part of them is still owed.
async fn landed(connection: &mut PgConnection, end: &End) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE keeper_tasks SET intent = NULL, waits = true, tries = tries + 1, reason = NULL,
             due_at = now()
         WHERE intent = $1",
        end.signature,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn failed(
    connection: &mut PgConnection,
    end: &End,
    error: &str,
    blamed: &[String],
    most: i32,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE keeper_tasks SET
             intent = NULL, waits = true, tries = tries + 1, reason = $3,
             failures = counted.failures, failed_on = counted.today,
             due_at = CASE WHEN counted.failures < $5 THEN now()
                           ELSE date_trunc('day', now(), 'UTC') + interval '1 day' END
                      + make_interval(secs => $4)
         FROM (SELECT kind, subject, (now() AT TIME ZONE 'UTC')::date AS today,
                      CASE failed_on WHEN (now() AT TIME ZONE 'UTC')::date THEN failures + 1
                           ELSE 1 END AS failures
               FROM keeper_tasks WHERE intent = $1 AND subject = ANY($2)) AS counted
         WHERE keeper_tasks.kind = counted.kind AND keeper_tasks.subject = counted.subject",
        end.signature,
        blamed,
        error,
        end.pause.as_secs_f64(),
        most,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE keeper_tasks SET intent = NULL WHERE intent = $1",
        end.signature,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes that an intent is in no block, and frees its tasks: both or nothing.
///
/// It does so only if the mirror, which has every transaction of the program, is proven complete up to
/// the slot at which no block could take the intent any more, and does not have it. The caller has
/// made sure that the node does not know it either. Returns `false` if nothing was written.
///
/// # Errors
/// When Postgres does not answer.
pub async fn expire(pool: &PgPool, signature: &str) -> Result<bool, Error> {
    unless_silent(async {
        let mut transaction = pool.begin().await?;
        let ended = sqlx::query!(
            "UPDATE keeper_intents SET state = 'expired', ended_at = now(), transaction = NULL
             WHERE signature = $1 AND state = 'open'
                   AND passed_slot <= (SELECT finalized_slot FROM finality)
                   AND NOT EXISTS (SELECT FROM transactions WHERE transactions.signature = $1)",
            signature,
        )
        .execute(&mut *transaction)
        .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query!(
            "UPDATE keeper_tasks SET intent = NULL WHERE intent = $1",
            signature,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    })
    .await
}
