//! The counters of referrals.

use sqlx::{Connection, PgConnection, types::BigDecimal};

use super::{Drift, Recount, lock};
use crate::Error;

/// Referrals in one range.
const REFERRALS: i64 = 500;

/// Counts the referrals after the address `after` again, at most 500 of them. With `repair`, their
/// counters are what the list says afterwards.
///
/// # Errors
/// When Postgres does not answer.
pub async fn referrals(
    connection: &mut PgConnection,
    after: &str,
    repair: bool,
) -> Result<Recount<String>, Error> {
    let found = compare(connection, after).await?;
    if repair && !found.drift.is_empty() {
        let mut transaction = connection.begin().await?;
        lock(&mut transaction).await?;
        let found = compare(&mut transaction, after).await?;
        let until = found.last.as_deref();
        sqlx::query!(
            "INSERT INTO referral_totals
             SELECT * FROM counted_referrals
             WHERE referral > $1 AND ($2::text IS NULL OR referral <= $2)
             ON CONFLICT (referral) DO UPDATE SET
                 conversions = EXCLUDED.conversions,
                 conversions_final = EXCLUDED.conversions_final,
                 rewards_paid = EXCLUDED.rewards_paid,
                 rewards_pending = EXCLUDED.rewards_pending",
            after,
            until,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        return Ok(found);
    }
    Ok(found)
}

async fn compare(connection: &mut PgConnection, after: &str) -> Result<Recount<String>, Error> {
    let rows = sqlx::query!(
        r#"SELECT counted.referral AS "referral!",
                  counted.conversions AS "conversions!", counted.conversions_final AS "final!",
                  counted.rewards_paid AS "paid!", counted.rewards_pending AS "pending!",
                  COALESCE(kept.conversions, 0) AS "kept_conversions!",
                  COALESCE(kept.conversions_final, 0) AS "kept_final!",
                  COALESCE(kept.rewards_paid, 0) AS "kept_paid!",
                  COALESCE(kept.rewards_pending, 0) AS "kept_pending!"
           FROM (SELECT * FROM counted_referrals WHERE referral > $1 ORDER BY referral LIMIT $2)
               AS counted
           LEFT JOIN referral_totals AS kept ON kept.referral = counted.referral
           ORDER BY counted.referral"#,
        after,
        REFERRALS,
    )
    .fetch_all(connection)
    .await?;
    let mut recount = Recount {
        last: None,
        compared: rows.len() as u64,
        drift: Vec::new(),
    };
    for row in rows {
        let counted = numbers(row.conversions, row.r#final, &row.paid, &row.pending);
        let kept = numbers(
            row.kept_conversions,
            row.kept_final,
            &row.kept_paid,
            &row.kept_pending,
        );
        if counted != kept {
            recount.drift.push(Drift {
                of: format!("referral {}", row.referral),
                kept,
                counted,
            });
        }
        recount.last = Some(row.referral);
    }
    Ok(recount)
}

fn numbers(conversions: i64, last: i64, paid: &BigDecimal, pending: &BigDecimal) -> String {
    format!(
        "{conversions} conversions, {last} final, {} paid, {} pending",
        paid.with_scale(0),
        pending.with_scale(0)
    )
}
