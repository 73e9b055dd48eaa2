//! Rows for live streams: the log of the mirror's changes, and the facts behind it.

use std::time::Duration;

use serde::Deserialize;
use sqlx::{
    Executor as _, PgPool, Postgres, Transaction,
    postgres::{PgListener, PgPoolOptions},
    types::{Json, JsonValue},
};

use crate::{Error, amount::Unsigned, mirror, options};

/// A pool for streams alone: a connection that listens, and one that reads.
///
/// # Errors
/// [`Error::Refused`] when `url` is not the URL of a Postgres database.
pub fn live_pool(url: &str, patience: Duration) -> Result<PgPool, Error> {
    let options = options(url, "vouch-api live")?.options([
        ("statement_timeout", super::STATEMENT_TIMEOUT),
        // A snapshot whose reader is stuck would hold up a rebuild.
        ("idle_in_transaction_session_timeout", "5s"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(patience)
        .connect_lazy_with(options))
}

/// Notifications of new rows in the log.
#[derive(Debug)]
pub struct Notices(PgListener);

impl Notices {
    /// Begins to listen.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn listen(pool: &PgPool) -> Result<Self, Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(mirror::CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Returns when there is a new row. Several rows may have one notification.
    ///
    /// # Errors
    /// When the connection has ended. Notifications may be lost then.
    pub async fn next(&mut self) -> Result<(), Error> {
        match self.0.try_recv().await? {
            Some(_) => {
                while self.0.next_buffered().is_some() {}
                Ok(())
            }
            None => Err(super::unavailable()),
        }
    }
}

/// A row of the log: how far the mirror was after a change, and what that withdrew.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Entry {
    pub id: i64,
    pub mark: i32,
    pub confirmed_seq: i64,
    pub final_seq: i64,
    pub withdrawn: Vec<Withdrawn>,
    pub ranked: Vec<String>,
    pub is_new: bool,
}

/// A fact that was undone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the columns of `events`")]
pub struct Withdrawn {
    pub seq: i64,
    pub place: i16,
    pub kind: String,
    pub subject: Option<String>,
    pub campaign: Option<String>,
    pub referral: Option<String>,
    pub code: Option<String>,
    pub referrer: Option<String>,
    pub signature: String,
    pub slot: i64,
    pub block_time: i64,
}

/// A fact with all that a message about it needs. The values of its conversion never change after the
/// fact. `referrer` is the owner of the code: of a conversion as of that moment, else as of now.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "migrations describe the columns")]
pub struct Fact {
    pub seq: i64,
    pub place: i16,
    pub kind: String,
    pub campaign: Option<String>,
    pub referral: Option<String>,
    pub code: Option<String>,
    pub subject: Option<String>,
    pub wallet: Option<String>,
    pub units: Option<Unsigned>,
    pub detail: Option<JsonValue>,
    pub signature: String,
    pub slot: i64,
    pub block_time: i64,
    pub referrer: Option<String>,
    pub partner: Option<String>,
    pub referee: Option<String>,
    pub action: Option<String>,
    pub amount: Option<Unsigned>,
    pub reference: Option<Vec<u8>>,
    pub reward_referrer: Option<Unsigned>,
    pub reward_referee: Option<Unsigned>,
    pub reward_partner: Option<Unsigned>,
    pub converted_at: Option<i64>,
    pub matures_at: Option<i64>,
}

/// One moment of the mirror and its log.
#[derive(Debug)]
pub struct Snapshot {
    transaction: Transaction<'static, Postgres>,
    /// Everything confirmed up to this slot is mirrored.
    pub indexed_slot: Option<i64>,
    /// The last transaction that is final.
    pub final_seq: i64,
}

impl Snapshot {
    /// Takes a snapshot. It has to be dropped within seconds, because a rebuild waits for it.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn take(pool: &PgPool) -> Result<Self, Error> {
        let mut transaction = pool.begin().await?;
        transaction
            .execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let state = sqlx::query!("SELECT indexed_slot, final_seq FROM indexer_state")
            .fetch_one(&mut *transaction)
            .await?;
        Ok(Self {
            transaction,
            indexed_slot: state.indexed_slot,
            final_seq: state.final_seq,
        })
    }

    /// At most `limit` rows of the log from `id` on, in their order.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn entries_from(&mut self, id: i64, limit: i64) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query!(
            r#"SELECT id, mark, confirmed_seq, final_seq, ranked, is_new,
                      withdrawn AS "withdrawn: Json<Vec<Withdrawn>>"
               FROM mirror_log WHERE id >= $1 ORDER BY id LIMIT $2"#,
            id,
            limit,
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        let entries = rows.into_iter().map(|row| Entry {
            id: row.id,
            mark: row.mark,
            confirmed_seq: row.confirmed_seq,
            final_seq: row.final_seq,
            withdrawn: row.withdrawn.0,
            ranked: row.ranked,
            is_new: row.is_new,
        });
        Ok(entries.collect())
    }

    /// The id of the row before the last `count` rows, or of the first one that is kept.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn entry_before_last(&mut self, count: i64) -> Result<Option<i64>, Error> {
        Ok(sqlx::query_scalar!(
            r#"SELECT min(id) FROM (
                   SELECT id FROM mirror_log ORDER BY id DESC LIMIT $1::bigint + 1
               ) AS last"#,
            count,
        )
        .fetch_one(&mut *self.transaction)
        .await?)
    }

    /// The facts of these kinds of the transactions after `after` up to `to`, in their order. The
    /// caller bounds the number of transactions.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn facts(
        &mut self,
        after: i64,
        to: i64,
        kinds: &[String],
    ) -> Result<Vec<Fact>, Error> {
        Ok(sqlx::query_as!(
            Fact,
            r#"SELECT e.seq, e.place, e.kind,
                      COALESCE(e.campaign, c.campaign, r.campaign) AS campaign,
                      COALESCE(e.referral, c.referral) AS referral,
                      COALESCE(c.code, r.code) AS code, e.subject, e.wallet,
                      e.units AS "units: Unsigned", e.detail,
                      t.signature, t.slot, t.block_time,
                      COALESCE(c.referrer, r.owner) AS referrer, c.partner, c.referee AS "referee?",
                      c.action AS "action?", c.amount AS "amount?: Unsigned", c.reference,
                      c.reward_referrer AS "reward_referrer?: Unsigned",
                      c.reward_referee AS "reward_referee?: Unsigned",
                      c.reward_partner AS "reward_partner?: Unsigned",
                      c.converted_at AS "converted_at?", c.matures_at AS "matures_at?"
               FROM events e
               JOIN transactions t ON t.seq = e.seq
               LEFT JOIN conversions c ON c.address = e.subject
                   AND e.kind IN ('conversion_recorded', 'part_paid', 'conversion_cancelled')
               LEFT JOIN referrals r ON r.address = e.referral
               WHERE e.seq > $1 AND e.seq <= $2 AND e.kind = ANY($3)
               ORDER BY e.seq, e.place"#,
            after,
            to,
            kinds,
        )
        .fetch_all(&mut *self.transaction)
        .await?)
    }
}
