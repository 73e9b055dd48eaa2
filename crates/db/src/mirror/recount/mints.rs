//! The sums of all codes that earn one token.

use sqlx::{Connection, PgConnection, types::BigDecimal};

use super::{Drift, Recount, lock};
use crate::Error;

/// Adds up the referrals of the next token after `after` again. With `repair`, its sums are what the
/// totals of referrals say afterwards.
///
/// # Errors
/// When Postgres does not answer.
pub async fn mint(
    connection: &mut PgConnection,
    after: Option<&str>,
    repair: bool,
) -> Result<Recount<String>, Error> {
    let next = sqlx::query_scalar!(
        "SELECT LEAST(
             (SELECT mint FROM campaigns WHERE $1::text IS NULL OR mint > $1 ORDER BY mint LIMIT 1),
             (SELECT mint FROM mint_totals WHERE $1::text IS NULL OR mint > $1 ORDER BY mint LIMIT 1))",
        after,
    )
    .fetch_one(&mut *connection)
    .await?;
    let mut recount = Recount {
        compared: u64::from(next.is_some()),
        last: next,
        drift: Vec::new(),
    };
    let Some(mint) = recount.last.as_deref() else {
        return Ok(recount);
    };
    recount.drift.extend(compare(&mut *connection, mint).await?);
    if repair && !recount.drift.is_empty() {
        let mut transaction = connection.begin().await?;
        lock(&mut transaction).await?;
        recount.drift = compare(&mut transaction, mint).await?.into_iter().collect();
        sqlx::query!("DELETE FROM mint_totals WHERE mint = $1", mint)
            .execute(&mut *transaction)
            .await?;
        sqlx::query!(
            "INSERT INTO mint_totals SELECT * FROM counted_mints WHERE mint = $1",
            mint,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
    }
    Ok(recount)
}

async fn compare(connection: &mut PgConnection, mint: &str) -> Result<Option<Drift>, Error> {
    let row = sqlx::query!(
        r#"SELECT COALESCE(kept.codes, 0) AS "kept_codes!",
                  COALESCE(kept.conversions, 0) AS "kept_conversions!",
                  COALESCE(kept.rewards_paid, 0) AS "kept_paid!",
                  COALESCE(kept.rewards_pending, 0) AS "kept_pending!",
                  COALESCE(counted.codes, 0) AS "codes!",
                  COALESCE(counted.conversions, 0) AS "conversions!",
                  COALESCE(counted.rewards_paid, 0) AS "paid!",
                  COALESCE(counted.rewards_pending, 0) AS "pending!"
           FROM (SELECT 1) AS one
           LEFT JOIN (SELECT * FROM mint_totals WHERE mint = $1) AS kept ON true
           LEFT JOIN (SELECT * FROM counted_mints WHERE mint = $1) AS counted ON true"#,
        mint,
    )
    .fetch_one(connection)
    .await?;
    let kept = sum(
        row.kept_codes,
        row.kept_conversions,
        &row.kept_paid,
        &row.kept_pending,
    );
    let counted = sum(row.codes, row.conversions, &row.paid, &row.pending);
    Ok((kept != counted).then(|| Drift {
        of: format!("token {mint}"),
        kept,
        counted,
    }))
}

fn sum(codes: i64, conversions: i64, paid: &BigDecimal, pending: &BigDecimal) -> String {
    let (paid, pending) = (paid.with_scale(0), pending.with_scale(0));
    format!("{codes} codes, {conversions} conversions, {paid} paid, {pending} pending")
}
