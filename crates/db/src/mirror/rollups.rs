//! The counters that conversions move, changed by difference.

use std::collections::BTreeMap;

use sqlx::{
    PgConnection,
    types::BigDecimal,
    types::time::{Date, OffsetDateTime},
};

use super::{Commitment, existing::Credit, rows::Status};
use crate::Error;

/// What the rollups count of one conversion.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) referral: String,
    pub(super) credit: Credit,
    pub(super) status: Status,
    pub(super) commitment: Commitment,
    pub(super) reward: u64,
    pub(super) converted_at: i64,
}

/// By how much the rollups move. Keys are sorted: that is the order of the locks.
#[derive(Debug, Default)]
pub(super) struct Moves {
    totals: BTreeMap<String, Totals>,
    days: BTreeMap<(String, String, Date), Day>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    conversions: i64,
    finalized: i64,
    paid: i128,
    pending: i128,
}

#[derive(Debug, Default)]
struct Day {
    conversions: i64,
    rewards: i128,
    last_converted_at: i64,
    /// Something left the day, so its last conversion must be looked up.
    shrunk: bool,
}

impl Moves {
    pub(super) fn add(&mut self, conversion: &Counted) -> Result<(), Error> {
        self.count(conversion, 1)
    }

    pub(super) fn remove(&mut self, conversion: &Counted) -> Result<(), Error> {
        self.count(conversion, -1)
    }

    fn count(&mut self, conversion: &Counted, sign: i64) -> Result<(), Error> {
        let finalized = conversion.commitment == Commitment::Finalized;
        let reward = i128::from(conversion.reward) * i128::from(sign);
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
            let Credit {
                campaign, referrer, ..
            } = &conversion.credit;
            let day = OffsetDateTime::from_unix_timestamp(conversion.converted_at)
                .map_err(|_| Error::Corrupt("a conversion outside of the calendar"))?
                .date();
            let key = (campaign.clone(), referrer.clone(), day);
            let day = self.days.entry(key).or_insert_with(|| Day {
                last_converted_at: i64::MIN,
                ..Day::default()
            });
            day.conversions += sign;
            day.rewards += reward;
            if sign > 0 {
                day.last_converted_at = day.last_converted_at.max(conversion.converted_at);
            } else {
                day.shrunk = true;
            }
        }
        Ok(())
    }

    /// Writes the moves. The conversions must have been written before, on the same
    /// connection: a day that shrank is counted again from them.
    pub(super) async fn write(self, connection: &mut PgConnection) -> Result<(), Error> {
        self.write_totals(connection).await?;
        self.write_days(connection).await
    }

    async fn write_totals(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let moved: Vec<_> = self
            .totals
            .iter()
            .filter(|(_, totals)| **totals != Totals::default())
            .collect();
        if moved.is_empty() {
            return Ok(());
        }
        let referrals: Vec<String> = moved
            .iter()
            .map(|(referral, _)| (*referral).clone())
            .collect();
        // First the rows and their locks, then the numbers: a negative difference must
        // never be judged as a row of its own. One statement takes new and old rows in
        // one order, the one in which the api takes them too, or the two could deadlock.
        sqlx::query!(
            r#"INSERT INTO referral_totals (referral)
               SELECT r FROM UNNEST($1::text[]) AS r ORDER BY r COLLATE "C"
               ON CONFLICT (referral) DO UPDATE SET referral = EXCLUDED.referral"#,
            &referrals,
        )
        .execute(&mut *connection)
        .await?;
        let conversions: Vec<i64> = moved.iter().map(|(_, totals)| totals.conversions).collect();
        let finalized: Vec<i64> = moved.iter().map(|(_, totals)| totals.finalized).collect();
        let paid: Vec<BigDecimal> = moved.iter().map(|(_, totals)| totals.paid.into()).collect();
        let pending: Vec<BigDecimal> = moved
            .iter()
            .map(|(_, totals)| totals.pending.into())
            .collect();
        sqlx::query!(
            "UPDATE referral_totals AS total SET
                 conversions = total.conversions + moved.conversions,
                 conversions_finalized = total.conversions_finalized + moved.finalized,
                 rewards_paid = total.rewards_paid + moved.paid,
                 rewards_pending = total.rewards_pending + moved.pending
             FROM UNNEST($1::text[], $2::bigint[], $3::bigint[], $4::numeric[], $5::numeric[])
                 AS moved (referral, conversions, finalized, paid, pending)
             WHERE total.referral = moved.referral",
            &referrals,
            &conversions,
            &finalized,
            &paid,
            &pending,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn write_days(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let (shrunk, grown): (Vec<_>, Vec<_>) = self.days.iter().partition(|(_, day)| day.shrunk);
        if !grown.is_empty() {
            let (campaigns, referrers, days) = columns(&grown);
            let conversions: Vec<i64> = grown.iter().map(|(_, day)| day.conversions).collect();
            let rewards: Vec<BigDecimal> =
                grown.iter().map(|(_, day)| day.rewards.into()).collect();
            let last: Vec<i64> = grown.iter().map(|(_, day)| day.last_converted_at).collect();
            sqlx::query!(
                "INSERT INTO referrer_daily AS daily
                     (campaign, referrer, day, conversions, rewards, last_converted_at)
                 SELECT * FROM UNNEST(
                     $1::text[], $2::text[], $3::date[], $4::bigint[], $5::numeric[], $6::bigint[])
                 ON CONFLICT (campaign, referrer, day) DO UPDATE SET
                     conversions = daily.conversions + EXCLUDED.conversions,
                     rewards = daily.rewards + EXCLUDED.rewards,
                     last_converted_at = GREATEST(daily.last_converted_at, EXCLUDED.last_converted_at)",
                &campaigns,
                &referrers,
                &days,
                &conversions,
                &rewards,
                &last,
            )
            .execute(&mut *connection)
            .await?;
        }
        if !shrunk.is_empty() {
            let (campaigns, referrers, days) = columns(&shrunk);
            sqlx::query!(
                "DELETE FROM referrer_daily AS daily
                 USING UNNEST($1::text[], $2::text[], $3::date[]) AS moved (campaign, referrer, day)
                 WHERE (daily.campaign, daily.referrer, daily.day)
                     = (moved.campaign, moved.referrer, moved.day)",
                &campaigns,
                &referrers,
                &days,
            )
            .execute(&mut *connection)
            .await?;
            sqlx::query!(
                "INSERT INTO referrer_daily
                     (campaign, referrer, day, conversions, rewards, last_converted_at)
                 SELECT moved.campaign, moved.referrer, moved.day,
                        count(*), sum(conversion.reward_referrer), max(conversion.converted_at)
                 FROM UNNEST($1::text[], $2::text[], $3::date[]) AS moved (campaign, referrer, day)
                 JOIN conversions AS conversion
                   ON conversion.campaign = moved.campaign
                  AND conversion.referrer = moved.referrer
                  AND conversion.converted_at
                      >= extract(epoch FROM moved.day::timestamp)::bigint
                  AND conversion.converted_at
                      < extract(epoch FROM moved.day::timestamp)::bigint + 86400
                 WHERE conversion.commitment = 'finalized' AND conversion.status = 'paid'
                 GROUP BY moved.campaign, moved.referrer, moved.day",
                &campaigns,
                &referrers,
                &days,
            )
            .execute(connection)
            .await?;
        }
        Ok(())
    }
}

type DayEntry<'a> = (&'a (String, String, Date), &'a Day);

fn columns(days: &[DayEntry<'_>]) -> (Vec<String>, Vec<String>, Vec<Date>) {
    let mut campaigns = Vec::with_capacity(days.len());
    let mut referrers = Vec::with_capacity(days.len());
    let mut dates = Vec::with_capacity(days.len());
    for ((campaign, referrer, date), _) in days {
        campaigns.push(campaign.clone());
        referrers.push(referrer.clone());
        dates.push(*date);
    }
    (campaigns, referrers, dates)
}
