//! Counters of conversions, changed by differences.

use std::collections::BTreeMap;

use sqlx::{
    PgConnection,
    types::BigDecimal,
    types::time::{Date, OffsetDateTime},
};

use super::{Commitment, Status, projections::CreditedConversion};
use crate::Error;

/// The differences to add to the rollups. Locks are taken in the order of the sorted
/// keys.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// By referral.
    totals: BTreeMap<String, TotalsMove>,
    /// By campaign, referrer and day.
    days: BTreeMap<(String, String, Date), DayMove>,
}

/// The difference to add to the numbers of a referral.
#[derive(Debug, Default, PartialEq, Eq)]
struct TotalsMove {
    conversions: i64,
    finalized: i64,
    paid: i128,
    pending: i128,
}

/// The difference to add to a referrer's day.
#[derive(Debug, Default)]
struct DayMove {
    conversions: i64,
    rewards: i128,
    /// The latest time among the added conversions; `None` when there are none.
    last_converted_at: Option<i64>,
    /// A conversion left the day, so its last conversion must be looked up.
    shrunk: bool,
}

/// A row of `referral_totals`, in the order of its columns.
#[derive(Debug, sqlx::Type)]
#[sqlx(type_name = "referral_totals")]
struct TotalsRow {
    referral: String,
    clicks: i64,
    unique_visitors: i64,
    bot_clicks: i64,
    conversions: i64,
    conversions_finalized: i64,
    rewards_paid: BigDecimal,
    rewards_pending: BigDecimal,
}

/// A row of `referrer_daily`, in the order of its columns.
#[derive(Debug, sqlx::Type)]
#[sqlx(type_name = "referrer_daily")]
struct DayRow {
    campaign: String,
    referrer: String,
    day: Date,
    conversions: i64,
    rewards: BigDecimal,
    last_converted_at: i64,
}

impl Moves {
    /// Counts a conversion at this commitment.
    pub(super) fn add(
        &mut self,
        conversion: &CreditedConversion,
        commitment: Commitment,
    ) -> Result<(), Error> {
        self.change(conversion, commitment, 1)
    }

    /// Reverses [`Moves::add`].
    pub(super) fn remove(
        &mut self,
        conversion: &CreditedConversion,
        commitment: Commitment,
    ) -> Result<(), Error> {
        self.change(conversion, commitment, -1)
    }

    fn change(
        &mut self,
        conversion: &CreditedConversion,
        commitment: Commitment,
        sign: i64,
    ) -> Result<(), Error> {
        let finalized = commitment == Commitment::Finalized;
        let reward = i128::from(conversion.reward_referrer.0) * i128::from(sign);
        let totals = self.totals.entry(conversion.referral.clone()).or_default();
        if conversion.status != Status::Cancelled {
            totals.conversions += sign;
            if finalized {
                totals.finalized += sign;
            }
        }
        match conversion.status {
            Status::Paid => totals.paid += reward,
            Status::Pending => totals.pending += reward,
            Status::Cancelled => {}
        }
        if finalized && conversion.status == Status::Paid {
            let day = OffsetDateTime::from_unix_timestamp(conversion.converted_at)
                .map_err(|_| Error::Corrupt("a conversion outside of the calendar"))?
                .date();
            let key = (
                conversion.campaign.clone(),
                conversion.referrer.clone(),
                day,
            );
            let day = self.days.entry(key).or_default();
            day.conversions += sign;
            day.rewards += reward;
            if sign > 0 {
                day.last_converted_at = day.last_converted_at.max(Some(conversion.converted_at));
            } else {
                day.shrunk = true;
            }
        }
        Ok(())
    }

    /// Writes the differences. Accounts and conversions must have been written before, on
    /// the same connection, because a day that shrank is counted again from them.
    pub(super) async fn write(self, connection: &mut PgConnection) -> Result<(), Error> {
        let totals: Vec<TotalsRow> = self
            .totals
            .into_iter()
            .filter(|(_, moved)| *moved != TotalsMove::default())
            .map(|(referral, moved)| TotalsRow {
                referral,
                clicks: 0,
                unique_visitors: 0,
                bot_clicks: 0,
                conversions: moved.conversions,
                conversions_finalized: moved.finalized,
                rewards_paid: moved.paid.into(),
                rewards_pending: moved.pending.into(),
            })
            .collect();
        let mut grown = Vec::new();
        let mut shrunk = Vec::new();
        for ((campaign, referrer, day), moved) in self.days {
            let rows = if moved.shrunk {
                &mut shrunk
            } else {
                &mut grown
            };
            rows.push(DayRow {
                campaign,
                referrer,
                day,
                conversions: moved.conversions,
                rewards: moved.rewards.into(),
                last_converted_at: moved.last_converted_at.unwrap_or_default(),
            });
        }
        add_to_totals(connection, &totals).await?;
        add_to_days(connection, &grown).await?;
        count_days_again(connection, &shrunk).await
    }
}

async fn add_to_totals(connection: &mut PgConnection, rows: &[TotalsRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    // First create and lock the rows, then add the numbers: a negative difference alone
    // would violate the row's constraints. One statement locks new and old rows in one
    // order, which the API uses too; otherwise the two could deadlock.
    sqlx::query!(
        r#"INSERT INTO referral_totals (referral)
           SELECT referral FROM UNNEST($1::referral_totals[]) ORDER BY referral COLLATE "C"
           ON CONFLICT (referral) DO UPDATE SET referral = EXCLUDED.referral"#,
        rows as &[TotalsRow],
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE referral_totals AS total SET
             conversions = total.conversions + moved.conversions,
             conversions_finalized = total.conversions_finalized + moved.conversions_finalized,
             rewards_paid = total.rewards_paid + moved.rewards_paid,
             rewards_pending = total.rewards_pending + moved.rewards_pending
         FROM UNNEST($1::referral_totals[]) AS moved
         WHERE total.referral = moved.referral",
        rows as &[TotalsRow],
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_to_days(connection: &mut PgConnection, rows: &[DayRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO referrer_daily AS daily SELECT * FROM UNNEST($1::referrer_daily[])
         ON CONFLICT (campaign, referrer, day) DO UPDATE SET
             conversions = daily.conversions + EXCLUDED.conversions,
             rewards = daily.rewards + EXCLUDED.rewards,
             last_converted_at = GREATEST(daily.last_converted_at, EXCLUDED.last_converted_at)",
        rows as &[DayRow],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts the days with the keys of `rows` again.
async fn count_days_again(connection: &mut PgConnection, rows: &[DayRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM referrer_daily AS daily
         USING UNNEST($1::referrer_daily[]) AS moved
         WHERE (daily.campaign, daily.referrer, daily.day)
             = (moved.campaign, moved.referrer, moved.day)",
        rows as &[DayRow],
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO referrer_daily
             (campaign, referrer, day, conversions, rewards, last_converted_at)
         SELECT moved.campaign, moved.referrer, moved.day,
                count(*), sum(conversion.reward_referrer), max(conversion.converted_at)
         FROM UNNEST($1::referrer_daily[]) AS moved
         JOIN conversions AS conversion
           ON conversion.campaign = moved.campaign
          AND conversion.referrer = moved.referrer
          AND conversion.converted_at >= extract(epoch FROM moved.day::timestamp)::bigint
          AND conversion.converted_at < extract(epoch FROM moved.day::timestamp)::bigint + 86400
         JOIN accounts AS account ON account.address = conversion.address
         WHERE account.commitment = 'finalized' AND conversion.status = 'paid'
         GROUP BY moved.campaign, moved.referrer, moved.day",
        rows as &[DayRow],
    )
    .execute(connection)
    .await?;
    Ok(())
}
