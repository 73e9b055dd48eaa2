//! Conversions and rewards by the quarter of an hour, for each referral and each campaign.
//!
//! The numbers change in the database transaction that changes the conversions.

use sqlx::PgConnection;

use super::rows::{Conversion, Settlement, Status};
use crate::{Error, amount::Unsigned};

/// Counts new conversions.
pub(super) async fn add(connection: &mut PgConnection, sales: &[Conversion]) -> Result<(), Error> {
    let referrals: Vec<_> = sales.iter().map(|sale| sale.referral.clone()).collect();
    let campaigns: Vec<_> = sales.iter().map(|sale| sale.campaign.clone()).collect();
    let times: Vec<_> = sales.iter().map(|sale| sale.converted_at).collect();
    let rewards: Vec<_> = sales.iter().map(|sale| sale.reward_referrer).collect();
    let statuses = sales.iter().map(|sale| sale.status.as_str().to_owned());
    let statuses: Vec<_> = statuses.collect();
    let settled: Vec<_> = sales.iter().map(|sale| sale.settled).collect();
    sqlx::query!(
        "INSERT INTO conversion_quarters AS kept
         SELECT subject, conversion_quarter(converted_at),
                count(*) FILTER (WHERE status <> 'cancelled'),
                COALESCE(sum(reward_referrer)
                    FILTER (WHERE part_state(status, settled, 1) = 'paid'), 0),
                COALESCE(sum(reward_referrer)
                    FILTER (WHERE part_state(status, settled, 1) = 'pending'), 0)
         FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::numeric[], $5::text[], $6::smallint[])
                  AS sale (referral, campaign, converted_at, reward_referrer, status, settled)
              CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
         GROUP BY 1, 2
         HAVING count(*) FILTER (WHERE status <> 'cancelled') > 0
         ON CONFLICT (subject, quarter) DO UPDATE SET
             conversions = kept.conversions + EXCLUDED.conversions,
             rewards_paid = kept.rewards_paid + EXCLUDED.rewards_paid,
             rewards_pending = kept.rewards_pending + EXCLUDED.rewards_pending",
        &referrals,
        &campaigns,
        &times,
        &rewards as &[Unsigned],
        &statuses,
        &settled,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts what the settlements change. They have to be written afterwards.
pub(super) async fn settle(
    connection: &mut PgConnection,
    rows: &[Settlement],
) -> Result<(), Error> {
    let conversions: Vec<_> = rows.iter().map(|row| row.conversion.clone()).collect();
    let statuses: Vec<_> = rows
        .iter()
        .map(|row| row.status.as_str().to_owned())
        .collect();
    let settled: Vec<_> = rows.iter().map(|row| row.settled).collect();
    sqlx::query!(
        "INSERT INTO conversion_quarters AS kept
         SELECT subject, conversion_quarter(converted_at), sum(conversions), sum(paid), sum(pending)
         FROM (
             SELECT referral, campaign, converted_at,
                    (changed.status <> 'cancelled')::integer
                        - (before.status <> 'cancelled')::integer AS conversions,
                    reward_referrer * ((now.state = 'paid')::integer
                        - (was.state = 'paid')::integer) AS paid,
                    reward_referrer * ((now.state = 'pending')::integer
                        - (was.state = 'pending')::integer) AS pending
             FROM UNNEST($1::text[], $2::text[], $3::smallint[]) AS changed (address, status, settled)
                  JOIN conversions AS before ON before.address = changed.address
                  CROSS JOIN LATERAL part_state(changed.status, changed.settled, 1) AS now (state)
                  CROSS JOIN LATERAL part_state(before.status, before.settled, 1) AS was (state)
         ) AS moved CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
         WHERE conversions <> 0 OR paid <> 0 OR pending <> 0
         GROUP BY 1, 2
         ON CONFLICT (subject, quarter) DO UPDATE SET
             conversions = kept.conversions + EXCLUDED.conversions,
             rewards_paid = kept.rewards_paid + EXCLUDED.rewards_paid,
             rewards_pending = kept.rewards_pending + EXCLUDED.rewards_pending",
        &conversions,
        &statuses,
        &settled,
    )
    .execute(&mut *connection)
    .await?;
    if rows.iter().any(|row| row.status == Status::Cancelled) {
        delete_zeros(connection, &conversions).await?;
    }
    Ok(())
}

/// Takes away the conversions among these accounts. They have to be deleted afterwards.
pub(super) async fn remove(
    connection: &mut PgConnection,
    addresses: &[String],
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE conversion_quarters AS kept SET
             conversions = kept.conversions - gone.conversions,
             rewards_paid = kept.rewards_paid - gone.paid,
             rewards_pending = kept.rewards_pending - gone.pending
         FROM (
             SELECT subject, conversion_quarter(converted_at) AS quarter,
                    count(*) FILTER (WHERE status <> 'cancelled') AS conversions,
                    COALESCE(sum(reward_referrer)
                        FILTER (WHERE part_state(status, settled, 1) = 'paid'), 0) AS paid,
                    COALESCE(sum(reward_referrer)
                        FILTER (WHERE part_state(status, settled, 1) = 'pending'), 0) AS pending
             FROM conversions CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
             WHERE address = ANY($1)
             GROUP BY 1, 2
         ) AS gone
         WHERE (kept.subject, kept.quarter) = (gone.subject, gone.quarter)",
        addresses,
    )
    .execute(&mut *connection)
    .await?;
    delete_zeros(connection, addresses).await
}

/// Deletes rows of zeros among those of these conversions, so that the same conversions have the same rows
/// after every history.
async fn delete_zeros(connection: &mut PgConnection, addresses: &[String]) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM conversion_quarters AS kept
         USING (
             SELECT DISTINCT subject, conversion_quarter(converted_at) AS quarter
             FROM conversions CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
             WHERE address = ANY($1)
         ) AS touched
         WHERE (kept.subject, kept.quarter) = (touched.subject, touched.quarter)
           AND conversions = 0 AND rewards_paid = 0 AND rewards_pending = 0",
        addresses,
    )
    .execute(connection)
    .await?;
    Ok(())
}
