//! The totals of referrers, and the badges that follow from them.

use sqlx::{Connection, PgConnection};

use super::{Drift, Recount, boards::span, lock, sum};
use crate::Error;

/// Referrers in one range.
const REFERRERS: i64 = 500;
/// Sorts after the keys of all groups, and before every address.
const AFTER_EVERY_GROUP: &str = "0";

/// A referrer within a campaign: the position of a range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Referrer {
    /// Address of the campaign.
    pub campaign: String,
    /// The referrer's wallet.
    pub wallet: String,
}

/// Adds up the days of the referrers after `after` again, at most 500 of them, and looks for the
/// milestones that they have reached. With `repair`, their totals are what the days say
/// afterwards, and the badges that were missing are there. No badge is ever taken away.
///
/// # Errors
/// When Postgres does not answer.
pub async fn referrers(
    connection: &mut PgConnection,
    after: &Referrer,
    repair: bool,
) -> Result<Recount<Referrer>, Error> {
    // The rows of no campaign come first in the index, and are none of these.
    let (campaign, wallet) = match after.campaign.as_str() {
        "" => (AFTER_EVERY_GROUP, ""),
        campaign => (campaign, after.wallet.as_str()),
    };
    let range = sqlx::query!(
        r#"SELECT campaign AS "campaign!", referrer AS "referrer!" FROM (
               (SELECT DISTINCT campaign, referrer FROM referrer_daily
                WHERE (campaign, referrer) > ($1, $2) ORDER BY campaign, referrer LIMIT $3)
               UNION
               (SELECT DISTINCT campaign, referrer FROM referrer_totals
                WHERE (campaign, referrer) > ($1, $2) ORDER BY campaign, referrer LIMIT $3)
           ) AS range
           ORDER BY campaign, referrer LIMIT $3"#,
        campaign,
        wallet,
        REFERRERS,
    )
    .fetch_all(&mut *connection)
    .await?;
    let compared = range.len() as u64;
    let last = range.into_iter().next_back().map(|row| Referrer {
        campaign: row.campaign,
        wallet: row.referrer,
    });
    let mut recount = Recount {
        last,
        compared,
        drift: Vec::new(),
    };
    let Some(last) = &recount.last else {
        return Ok(recount);
    };
    let after = &Referrer {
        campaign: campaign.to_owned(),
        wallet: wallet.to_owned(),
    };
    recount.drift = compare(&mut *connection, after, last).await?;
    if !repair || recount.drift.is_empty() {
        return Ok(recount);
    }
    let mut transaction = connection.begin().await?;
    lock(&mut transaction).await?;
    recount.drift = compare(&mut transaction, after, last).await?;
    sqlx::query!(
        "DELETE FROM referrer_totals
         WHERE (campaign, referrer) > ($1, $2) AND (campaign, referrer) <= ($3, $4)",
        after.campaign,
        after.wallet,
        last.campaign,
        last.wallet,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO referrer_totals SELECT * FROM counted_referrers
         WHERE (campaign, referrer) > ($1, $2) AND (campaign, referrer) <= ($3, $4)",
        after.campaign,
        after.wallet,
        last.campaign,
        last.wallet,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO awards (campaign, referrer, badge, month)
         SELECT campaign, referrer, badge, ''
         FROM referrer_totals JOIN badges ON threshold <= conversions
         WHERE (campaign, referrer) > ($1, $2) AND (campaign, referrer) <= ($3, $4) AND period = ''
         ORDER BY threshold, campaign, referrer
         ON CONFLICT DO NOTHING",
        after.campaign,
        after.wallet,
        last.campaign,
        last.wallet,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(recount)
}

async fn compare(
    connection: &mut PgConnection,
    after: &Referrer,
    last: &Referrer,
) -> Result<Vec<Drift>, Error> {
    let totals = sqlx::query!(
        r#"SELECT campaign AS "campaign!", referrer AS "referrer!", period AS "period!",
                  COALESCE(counted.conversions, 0) AS "conversions!",
                  COALESCE(counted.rewards, 0) AS "rewards!",
                  COALESCE(counted.last_converted_at, 0) AS "last!",
                  COALESCE(counted.volume, 0) AS "volume!",
                  COALESCE(kept.conversions, 0) AS "kept_conversions!",
                  COALESCE(kept.rewards, 0) AS "kept_rewards!",
                  COALESCE(kept.last_converted_at, 0) AS "kept_last!",
                  COALESCE(kept.volume, 0) AS "kept_volume!"
           FROM (SELECT * FROM counted_referrers WHERE (campaign, referrer) > ($1, $2)
                     AND (campaign, referrer) <= ($3, $4)) AS counted
           FULL JOIN (SELECT * FROM referrer_totals WHERE (campaign, referrer) > ($1, $2)
                          AND (campaign, referrer) <= ($3, $4)) AS kept
               USING (campaign, referrer, period)
           WHERE (counted.conversions, counted.rewards, counted.last_converted_at,
                  counted.volume)
               IS DISTINCT FROM (kept.conversions, kept.rewards, kept.last_converted_at, kept.volume)
             AND NOT is_earlier_and_over(period, (SELECT final_time FROM indexer_state))
           ORDER BY 1, 2, 3"#,
        after.campaign,
        after.wallet,
        last.campaign,
        last.wallet,
    )
    .fetch_all(&mut *connection)
    .await?;
    let totals = totals.into_iter().map(|row| Drift {
        of: format!("{} in {}{}", row.referrer, row.campaign, span(&row.period)),
        kept: sum(
            row.kept_conversions,
            &row.kept_rewards,
            &row.kept_volume,
            row.kept_last,
        ),
        counted: sum(row.conversions, &row.rewards, &row.volume, row.last),
    });
    let missing = sqlx::query!(
        r#"SELECT campaign AS "campaign!", referrer AS "referrer!", badge, conversions AS "conversions!"
           FROM counted_referrers AS counted JOIN badges ON threshold <= conversions
           WHERE (campaign, referrer) > ($1, $2) AND (campaign, referrer) <= ($3, $4)
             AND period = '' AND NOT EXISTS (
                 SELECT FROM awards
                 WHERE awards.campaign = counted.campaign AND awards.referrer = counted.referrer
                   AND awards.badge = badges.badge AND awards.month = '')
           ORDER BY campaign, referrer, threshold"#,
        after.campaign,
        after.wallet,
        last.campaign,
        last.wallet,
    )
    .fetch_all(connection)
    .await?;
    let missing = missing.into_iter().map(|row| Drift {
        of: format!(
            "badge {} of {} in {}",
            row.badge, row.referrer, row.campaign
        ),
        kept: "not awarded".to_owned(),
        counted: format!("{} conversions", row.conversions),
    });
    Ok(totals.chain(missing).collect())
}
