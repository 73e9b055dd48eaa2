//! Quotas that the replicas of the API share.

use sqlx::PgPool;

use crate::Error;

/// Rows that one statement deletes at most.
const BATCH: i64 = 10_000;

/// A quota of which one request is asked.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Keyed hash of the policy and of who asks.
    pub subject: [u8; 16],
    /// Seconds in which the quota gets one more request.
    pub step: f64,
    /// Seconds in which a quota that was used up is whole again.
    pub window: f64,
}

/// A quota after a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Whether it has room for the request.
    pub has_room: bool,
    /// Seconds until it is whole again, with the request if all quotas have room for it.
    pub whole_in: f64,
}

/// Counts a request on all of these quotas, which are different ones, if each has room for it; else on
/// none. Returns their standings, in the same order.
///
/// # Errors
/// See [`Error`].
pub async fn take(pool: &PgPool, quotas: &[Quota]) -> Result<Vec<Standing>, Error> {
    let subjects: Vec<Vec<u8>> = quotas.iter().map(|quota| quota.subject.to_vec()).collect();
    let steps: Vec<f64> = quotas.iter().map(|quota| quota.step).collect();
    let windows: Vec<f64> = quotas.iter().map(|quota| quota.window).collect();
    let mut transaction = pool.begin().await?;
    // Rows are locked in the order of their keys, so that two requests cannot deadlock.
    let rows = sqlx::query!(
        r#"WITH asked AS (
               SELECT subject, make_interval(secs => step) AS step,
                      make_interval(secs => length) AS length, place
               FROM UNNEST($1::bytea[], $2::double precision[], $3::double precision[])
                   WITH ORDINALITY AS asked (subject, step, length, place)
           ), moved AS (
               INSERT INTO limits AS l (subject, whole_at)
               SELECT subject, now() + step FROM asked ORDER BY subject
               ON CONFLICT (subject) DO UPDATE
               SET whole_at = GREATEST(l.whole_at, now()) + (EXCLUDED.whole_at - now())
               WHERE GREATEST(l.whole_at, now()) + (EXCLUDED.whole_at - now())
                   <= now() + (SELECT length FROM asked WHERE asked.subject = l.subject)
               RETURNING subject, whole_at
           )
           SELECT moved.subject IS NOT NULL AS "has_room!",
                  extract(epoch FROM COALESCE(moved.whole_at, full_one.whole_at, now() + length) - now())
                      ::double precision AS "whole_in!"
           FROM asked LEFT JOIN moved USING (subject)
           LEFT JOIN limits full_one ON full_one.subject = asked.subject
           ORDER BY place"#,
        &subjects,
        &steps,
        &windows,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let standings: Vec<Standing> = rows
        .into_iter()
        .map(|row| Standing {
            has_room: row.has_room,
            whole_in: row.whole_in.max(0.0),
        })
        .collect();
    if standings.iter().all(|standing| standing.has_room) {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(standings)
}

/// Deletes one batch of quotas that are whole. Several processes may do this at once. Returns whether
/// there may be more.
///
/// # Errors
/// See [`Error`].
pub async fn sweep(pool: &PgPool) -> Result<bool, Error> {
    let deleted = sqlx::query!(
        "DELETE FROM limits WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM limits WHERE whole_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED))",
        BATCH,
    )
    .execute(pool)
    .await?;
    Ok(i64::try_from(deleted.rows_affected()) == Ok(BATCH))
}
