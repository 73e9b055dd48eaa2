//! Writes messages, with the cursor's move.

use time::OffsetDateTime;

use super::{BudgetNote, Message, Outbox, Writes};
use crate::{Error, amount::Unsigned};

impl Outbox {
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
