//! Facts become messages, in one database transaction with the cursor's move.

use sqlx::{PgPool, Postgres, Transaction, types::JsonValue};
use time::OffsetDateTime;

use crate::{Error, amount::Unsigned};

/// Most transactions whose facts are read at once.
const SPAN: i64 = 1000;
/// Most rows of everything else that is read at once.
const PAGE: i64 = 1000;

/// A fact of a campaign that has an endpoint, with its transaction. What belongs to a conversion or
/// a code never changes after the fact.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "migrations describe the columns")]
pub struct Fact {
    pub seq: i64,
    pub place: i16,
    pub kind: String,
    pub campaign: String,
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
    /// Whether it was told as confirmed, in this slot, and not retracted.
    pub is_told: bool,
    /// How often it was told as confirmed in all.
    pub rounds: i32,
}

/// A message about a fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Derived from the fact.
    pub id: String,
    /// Its type, such as `conversion.final`.
    pub kind: String,
    /// The campaign's address.
    pub campaign: String,
    /// What is sent.
    pub payload: JsonValue,
}

/// A conversion that is told as confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The conversion's transaction.
    pub signature: String,
    /// The fact's place in it.
    pub place: i16,
    /// The transaction's slot.
    pub slot: i64,
    /// How often it was told before.
    pub round: i32,
    /// The message's id.
    pub message: String,
}

/// A conversion that was told as confirmed, and is not confirmed any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Withdrawn {
    /// What was told.
    pub told: Confirmation,
    /// The campaign's address.
    pub campaign: String,
    /// The payload of the message.
    pub payload: JsonValue,
}

/// A final conversion whose hold is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maturing {
    /// The conversion's address.
    pub conversion: String,
    /// The campaign's address.
    pub campaign: String,
    /// The number of its transaction.
    pub seq: i64,
    /// The fact's place in it.
    pub place: i16,
    /// Unix seconds.
    pub matures_at: i64,
}

/// A campaign as its last final transaction left it.
#[derive(Debug, Clone, PartialEq)]
pub struct FundedCampaign {
    /// Its address.
    pub campaign: String,
    /// Number of that transaction.
    pub seq: i64,
    /// Signature of that transaction.
    pub signature: String,
    /// Slot of that transaction.
    pub slot: i64,
    /// Unix seconds of that transaction.
    pub block_time: i64,
    /// The account's bytes.
    pub data: Vec<u8>,
    /// The budget of which something was told.
    pub budget: Option<Unsigned>,
    /// The percentage of it that was told.
    pub told: Option<i16>,
}

/// How much of a campaign's budget was told to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetNote {
    /// The campaign's address.
    pub campaign: String,
    /// Number of the transaction that was looked at.
    pub seq: i64,
    /// The budget then, in base units; 0 for none.
    pub budget: u64,
    /// 0, 80 or 100.
    pub told: i16,
}

/// A milestone that a referrer has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// The campaign's address.
    pub campaign: String,
    /// The referrer's wallet.
    pub referrer: String,
    /// The badge, which is awarded once.
    pub badge: String,
    /// The badge's name for people.
    pub title: String,
    /// Conversions that earn it.
    pub threshold: i64,
    /// When it was awarded.
    pub awarded_at: OffsetDateTime,
}

/// Milestones that are to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The last award that was looked at.
    pub award: i64,
    /// Those up to it of campaigns that have an endpoint, in their order.
    pub reached: Vec<Milestone>,
}

/// A vault that holds less than what is owed and the next reward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortVault {
    /// The campaign's address.
    pub campaign: String,
    /// Base units in the vault.
    pub balance: Unsigned,
    /// Base units that are owed.
    pub owed: Unsigned,
    /// Base units of the smallest reward that the next conversion can have.
    pub next_reward: Unsigned,
    /// The slot at which this was so.
    pub slot: i64,
    /// When it was first seen to be short. It identifies the shortage.
    pub short_since: OffsetDateTime,
}

/// Everything that follows from one look at the mirror.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Writes {
    /// The last transaction whose facts are among the messages, or were before.
    pub cursor: i64,
    /// The last award that is among the messages, or was before.
    pub award: i64,
    /// The number of the last message; that of the last look if there is none.
    pub sequence: i64,
    /// New messages, in the order in which they are queued.
    pub messages: Vec<Message>,
    /// Conversions that are told as confirmed.
    pub confirmed: Vec<Confirmation>,
    /// Signature and place of conversions that are told as retracted.
    pub retracted: Vec<(String, i16)>,
    /// Signature and place of conversions that are final: they cannot be retracted any more.
    pub settled: Vec<(String, i16)>,
    /// Final conversions that mature later.
    pub maturing: Vec<Maturing>,
    /// Conversions that matured, or never will.
    pub ended: Vec<String>,
    /// Budgets that were looked at.
    pub budgets: Vec<BudgetNote>,
    /// Shortages that are told: the campaign, and the beginning.
    pub short: Vec<(String, OffsetDateTime)>,
}

/// One look at the mirror: a snapshot, from which everything is read and to which everything is
/// written that follows from it, or nothing.
///
/// Several processes may do this at the same time. Whoever commits second fails, see
/// [`super::is_conflict`].
#[derive(Debug)]
pub struct Outbox {
    transaction: Transaction<'static, Postgres>,
    cursor: i64,
    award: i64,
    sequence: i64,
    final_seq: i64,
    final_time: Option<i64>,
    indexed_slot: Option<i64>,
}

/// Facts with all that a message about them needs. The caller adds a condition and an order.
/// Not a view: a view would follow the mirror's tables when others are put in their place.
macro_rules! facts {
    ($condition:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Fact,
            r#"SELECT e.seq, e.place, e.kind,
                      COALESCE(e.campaign, c.campaign, r.campaign) AS "campaign!",
                      COALESCE(e.referral, c.referral) AS referral,
                      COALESCE(c.code, r.code) AS code, e.subject, e.wallet,
                      e.units AS "units: Unsigned", e.detail,
                      t.signature, t.slot, t.block_time,
                      c.referrer AS "referrer?", c.partner, c.referee AS "referee?",
                      c.action AS "action?", c.amount AS "amount?: Unsigned", c.reference,
                      c.reward_referrer AS "reward_referrer?: Unsigned",
                      c.reward_referee AS "reward_referee?: Unsigned",
                      c.reward_partner AS "reward_partner?: Unsigned",
                      c.converted_at AS "converted_at?", c.matures_at AS "matures_at?",
                      COALESCE(told.retracted_at IS NULL AND told.slot = t.slot, false)
                          AS "is_told!",
                      COALESCE(told.round + 1, 0) AS "rounds!"
               FROM events e
               JOIN transactions t ON t.seq = e.seq
               LEFT JOIN conversions c ON c.address = e.subject
                   AND e.kind IN ('conversion_recorded', 'part_paid', 'conversion_cancelled')
               LEFT JOIN referrals r ON r.address = e.referral
               LEFT JOIN webhook_confirmations told
                   ON told.signature = t.signature AND told.place = e.place
               WHERE EXISTS (SELECT FROM webhook_endpoints w
                             WHERE w.campaign = COALESCE(e.campaign, c.campaign, r.campaign)
                               AND NOT w.removed)
                 AND "# + $condition,
            $($argument),*
        )
    };
}

impl Outbox {
    /// Takes a snapshot.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn begin(pool: &PgPool) -> Result<Self, Error> {
        let mut transaction = pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
            .await?;
        let row = sqlx::query!(
            "SELECT webhook_cursor.seq, award, sequence, final_seq, final_time, indexed_slot
             FROM webhook_cursor, indexer_state",
        )
        .fetch_one(&mut *transaction)
        .await?;
        Ok(Self {
            transaction,
            cursor: row.seq,
            award: row.award,
            sequence: row.sequence,
            final_seq: row.final_seq,
            final_time: row.final_time,
            indexed_slot: row.indexed_slot,
        })
    }

    /// The last award that was among the messages before.
    #[must_use]
    pub fn award(&self) -> i64 {
        self.award
    }

    /// The last transaction whose facts are messages.
    #[must_use]
    pub fn cursor(&self) -> i64 {
        self.cursor
    }

    /// The number of the last message.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// The last transaction up to which [`Self::final_facts`] reads.
    #[must_use]
    pub fn next_cursor(&self) -> i64 {
        self.final_seq.min(self.cursor + SPAN).max(self.cursor)
    }

    /// Number of final transactions whose facts are no messages yet.
    #[must_use]
    pub fn behind(&self) -> i64 {
        (self.final_seq - self.cursor).max(0)
    }

    /// The next final facts, in their order.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn final_facts(&mut self) -> Result<Vec<Fact>, Error> {
        Ok(facts!(
            "e.seq > $1 AND e.seq <= $2 AND e.kind IN
                 ('conversion_recorded', 'part_paid', 'conversion_cancelled', 'code_created',
                  'code_suspended', 'code_resumed', 'code_closed')
             ORDER BY e.seq, e.place",
            self.cursor,
            self.next_cursor()
        )
        .fetch_all(&mut *self.transaction)
        .await?)
    }

    /// Conversions that are confirmed, not final, and not told, in their order.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn confirmed_facts(&mut self) -> Result<Vec<Fact>, Error> {
        Ok(facts!(
            "e.seq > $1 AND e.kind = 'conversion_recorded'
                 AND (told.slot IS NULL OR told.retracted_at IS NOT NULL OR told.slot <> t.slot)
             ORDER BY e.seq, e.place LIMIT $2",
            self.final_seq.max(self.cursor),
            PAGE
        )
        .fetch_all(&mut *self.transaction)
        .await?)
    }

    /// Conversions that were told as confirmed, and of which the mirror holds nothing in that slot,
    /// although it holds everything up to that slot.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn withdrawn(&mut self) -> Result<Vec<Withdrawn>, Error> {
        let rows = sqlx::query!(
            "SELECT told.signature, told.place, told.slot, told.round, told.message,
                    m.campaign, m.payload
             FROM webhook_confirmations told JOIN webhook_messages m ON m.id = told.message
             WHERE told.retracted_at IS NULL AND told.slot <= $1
               AND NOT EXISTS (SELECT FROM transactions t
                               WHERE t.signature = told.signature AND t.slot = told.slot)
             LIMIT $2",
            self.indexed_slot,
            PAGE,
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Withdrawn {
                told: Confirmation {
                    signature: row.signature,
                    place: row.place,
                    slot: row.slot,
                    round: row.round,
                    message: row.message,
                },
                campaign: row.campaign,
                payload: row.payload,
            })
            .collect())
    }

    /// Conversions whose hold is over. They cannot be cancelled any more, because every final
    /// transaction was looked at: otherwise there are none.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn matured(&mut self) -> Result<Vec<Fact>, Error> {
        if self.behind() > 0 {
            return Ok(Vec::new());
        }
        Ok(facts!(
            "e.kind = 'conversion_recorded'
             AND (e.seq, e.place, e.subject) IN (
                 SELECT m.seq, m.place, m.conversion FROM webhook_maturing m
                 WHERE m.matures_at <= $1 ORDER BY m.matures_at LIMIT $2)
             ORDER BY e.seq, e.place",
            self.final_time,
            PAGE
        )
        .fetch_all(&mut *self.transaction)
        .await?)
    }

    /// Campaigns whose account was changed by a final transaction since it was looked at.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn funded_campaigns(&mut self) -> Result<Vec<FundedCampaign>, Error> {
        Ok(sqlx::query_as!(
            FundedCampaign,
            r#"WITH asked AS (
                   SELECT DISTINCT campaign FROM webhook_endpoints WHERE NOT removed
               ), before AS (
                   SELECT DISTINCT ON (address) address, before_seq, data
                   FROM accounts_before JOIN asked ON campaign = address
                   WHERE seq > $1 ORDER BY address, seq
               ), last AS (
                   SELECT address, before_seq AS seq, data FROM before
                   UNION ALL
                   SELECT address, seq, data FROM accounts JOIN asked ON campaign = address
                   WHERE seq <= $1
               )
               SELECT last.address AS "campaign!", last.seq AS "seq!", last.data AS "data!",
                      t.signature, t.slot, t.block_time,
                      b.budget AS "budget?: Unsigned", b.told AS "told?"
               FROM last JOIN transactions t ON t.seq = last.seq
               LEFT JOIN webhook_budgets b ON b.campaign = last.address
               WHERE last.data IS NOT NULL AND last.seq > COALESCE(b.seq, 0)
               LIMIT $2"#,
            self.final_seq,
            PAGE,
        )
        .fetch_all(&mut *self.transaction)
        .await?)
    }

    /// The next milestones. The ids of awards become visible in their order, so none is passed over.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn milestones(&mut self) -> Result<Milestones, Error> {
        let rows = sqlx::query!(
            r#"SELECT award.id, award.campaign, referrer, award.badge, title, threshold, awarded_at,
                      EXISTS (SELECT FROM webhook_endpoints AS endpoint
                              WHERE endpoint.campaign = award.campaign AND NOT removed)
                          AS "is_asked!"
               FROM awards AS award JOIN badges USING (badge)
               WHERE award.id > $1 ORDER BY award.id LIMIT $2"#,
            self.award,
            PAGE,
        )
        .fetch_all(&mut *self.transaction)
        .await?;
        let award = rows.last().map_or(self.award, |row| row.id);
        let asked = rows.into_iter().filter(|row| row.is_asked);
        let reached = asked.filter_map(|row| {
            Some(Milestone {
                campaign: row.campaign,
                referrer: row.referrer,
                badge: row.badge,
                title: row.title,
                // The leader of a month has reached no milestone.
                threshold: row.threshold?,
                awarded_at: row.awarded_at,
            })
        });
        Ok(Milestones {
            award,
            reached: reached.collect(),
        })
    }

    /// Vaults that are short, of campaigns with an endpoint, whose shortage is not told.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn short_vaults(&mut self) -> Result<Vec<ShortVault>, Error> {
        Ok(sqlx::query_as!(
            ShortVault,
            r#"SELECT vault.campaign AS "campaign!", balance AS "balance!: Unsigned", owed AS "owed!: Unsigned",
                      next_reward AS "next_reward!: Unsigned", slot AS "slot!",
                      vault.short_since AS "short_since!"
               FROM (SELECT DISTINCT campaign FROM webhook_endpoints WHERE NOT removed) AS asked
               JOIN vaults AS vault USING (campaign)
               LEFT JOIN webhook_vaults AS told USING (campaign)
               WHERE vault.short_since IS NOT NULL
                 AND vault.short_since IS DISTINCT FROM told.short_since
               LIMIT $1"#,
            PAGE,
        )
        .fetch_all(&mut *self.transaction)
        .await?)
    }

    /// Writes what follows from the snapshot, with a delivery of each new message for each endpoint
    /// that wants it: all of it or nothing. A message that is there already is not written again.
    /// Returns the number of new messages.
    ///
    /// # Errors
    /// When Postgres does not answer, or another process was faster.
    pub async fn commit(mut self, writes: &Writes) -> Result<u64, Error> {
        let nothing = Writes {
            cursor: self.cursor,
            award: self.award,
            sequence: self.sequence,
            ..Writes::default()
        };
        if *writes == nothing {
            self.transaction.rollback().await?;
            return Ok(0);
        }
        // It comes first: it fails if another process wrote since the snapshot.
        sqlx::query!(
            "UPDATE webhook_cursor SET seq = $1, award = $2, sequence = $3, updated_at = now()",
            writes.cursor.max(self.cursor),
            writes.award.max(self.award),
            writes.sequence.max(self.sequence),
        )
        .execute(&mut *self.transaction)
        .await?;
        self.write_confirmations(writes).await?;
        self.write_maturing(writes).await?;
        self.write_budgets(&writes.budgets).await?;
        self.write_shortages(&writes.short).await?;
        let new = self.write_messages(&writes.messages).await?;
        self.transaction.commit().await?;
        Ok(new)
    }

    async fn write_confirmations(&mut self, writes: &Writes) -> Result<(), Error> {
        let (signatures, places) = keys(&writes.retracted);
        sqlx::query!(
            "UPDATE webhook_confirmations told SET retracted_at = now()
             FROM UNNEST($1::text[], $2::smallint[]) AS gone (signature, place)
             WHERE told.signature = gone.signature AND told.place = gone.place",
            &signatures,
            &places,
        )
        .execute(&mut *self.transaction)
        .await?;
        let new = &writes.confirmed;
        sqlx::query!(
            "INSERT INTO webhook_confirmations (signature, place, slot, round, message)
             SELECT * FROM UNNEST($1::text[], $2::smallint[], $3::bigint[], $4::integer[], $5::text[])
             ON CONFLICT (signature, place) DO UPDATE SET
                 slot = EXCLUDED.slot, round = EXCLUDED.round, message = EXCLUDED.message,
                 retracted_at = NULL",
            &column(new, |row| row.signature.clone()),
            &column(new, |row| row.place),
            &column(new, |row| row.slot),
            &column(new, |row| row.round),
            &column(new, |row| row.message.clone()),
        )
        .execute(&mut *self.transaction)
        .await?;
        let (signatures, places) = keys(&writes.settled);
        sqlx::query!(
            "DELETE FROM webhook_confirmations told
             USING UNNEST($1::text[], $2::smallint[]) AS final (signature, place)
             WHERE told.signature = final.signature AND told.place = final.place",
            &signatures,
            &places,
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_maturing(&mut self, writes: &Writes) -> Result<(), Error> {
        let new = &writes.maturing;
        sqlx::query!(
            "INSERT INTO webhook_maturing (conversion, campaign, seq, place, matures_at)
             SELECT * FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::smallint[], $5::bigint[])
             ON CONFLICT (conversion) DO NOTHING",
            &column(new, |row| row.conversion.clone()),
            &column(new, |row| row.campaign.clone()),
            &column(new, |row| row.seq),
            &column(new, |row| row.place),
            &column(new, |row| row.matures_at),
        )
        .execute(&mut *self.transaction)
        .await?;
        sqlx::query!(
            "DELETE FROM webhook_maturing WHERE conversion = ANY($1)",
            &writes.ended
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_budgets(&mut self, budgets: &[BudgetNote]) -> Result<(), Error> {
        sqlx::query!(
            "INSERT INTO webhook_budgets (campaign, seq, budget, told)
             SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::numeric[], $4::smallint[])
             ON CONFLICT (campaign) DO UPDATE SET
                 seq = EXCLUDED.seq, budget = EXCLUDED.budget, told = EXCLUDED.told",
            &column(budgets, |row| row.campaign.clone()),
            &column(budgets, |row| row.seq),
            &column(budgets, |row| Unsigned(row.budget)) as &[Unsigned],
            &column(budgets, |row| row.told),
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_shortages(&mut self, short: &[(String, OffsetDateTime)]) -> Result<(), Error> {
        let (campaigns, since): (Vec<_>, Vec<_>) = short.iter().cloned().unzip();
        sqlx::query!(
            "INSERT INTO webhook_vaults (campaign, short_since)
             SELECT * FROM UNNEST($1::text[], $2::timestamptz[])
             ON CONFLICT (campaign) DO UPDATE SET short_since = EXCLUDED.short_since",
            &campaigns,
            &since,
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_messages(&mut self, messages: &[Message]) -> Result<u64, Error> {
        let new = sqlx::query_scalar!(
            r#"WITH told AS (
                   SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::jsonb[])
                       WITH ORDINALITY AS told (id, type, campaign, payload, place)
               ), new AS (
                   INSERT INTO webhook_messages (id, type, campaign, payload)
                   SELECT id, type, campaign, payload FROM told
                   ON CONFLICT (id) DO NOTHING RETURNING id
               ), fan_out AS (
                   INSERT INTO webhook_deliveries (message, endpoint, next_try)
                   -- The first attempts begin in the order of the messages.
                   SELECT told.id, e.id, now() + place * interval '1 microsecond'
                   FROM new JOIN told USING (id) JOIN webhook_endpoints e
                       ON e.campaign = told.campaign AND e.enabled
                      AND (cardinality(e.types) = 0 OR told.type = ANY(e.types))
                   ON CONFLICT (message, endpoint) DO NOTHING
               )
               SELECT count(*) AS "count!" FROM new"#,
            &column(messages, |row| row.id.clone()),
            &column(messages, |row| row.kind.clone()),
            &column(messages, |row| row.campaign.clone()),
            &column(messages, |row| row.payload.clone()),
        )
        .fetch_one(&mut *self.transaction)
        .await?;
        Ok(u64::try_from(new).unwrap_or_default())
    }
}

fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

fn keys(rows: &[(String, i16)]) -> (Vec<String>, Vec<i16>) {
    rows.iter().cloned().unzip()
}
