//! Reads what messages are about.

use super::{
    Confirmation, Fact, FundedCampaign, Milestone, Milestones, Outbox, ShortVault, Withdrawn,
};
use crate::{Error, amount::Unsigned};

/// Most rows that are read at once.
const PAGE: i64 = 1000;

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
}
