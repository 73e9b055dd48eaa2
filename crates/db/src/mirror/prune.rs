//! Deletes the leaderboards of a day earlier that nobody can ask for any more.

use sqlx::PgConnection;

use crate::Error;

/// Most entries that one database transaction deletes, and at least as many as a part of a leaderboard has. A
/// part of a leaderboard is deleted as a whole.
const ENTRIES: i64 = 4_096;
/// Most leaderboards that one database transaction deletes.
const BOARDS: i64 = 500;

/// Deletes some of the leaderboards of a day earlier whose period was over a day before `clock`, the chain's: of
/// the first such period, small ones, or one or two parts of a large one. The row in `boards` goes last, so the next
/// call goes on there. The caller commits.
pub(super) async fn earlier_boards(connection: &mut PgConnection, clock: i64) -> Result<(), Error> {
    // A step in the index for each period that there is.
    let period = sqlx::query_scalar!(
        r#"WITH RECURSIVE steps AS (
               (SELECT period FROM boards WHERE period > '@' AND period < 'A' ORDER BY period LIMIT 1)
               UNION ALL
               SELECT next.period FROM steps CROSS JOIN LATERAL (
                   SELECT period FROM boards WHERE period > steps.period AND period < 'A'
                   ORDER BY period LIMIT 1
               ) AS next
           )
           SELECT period AS "period!" FROM steps WHERE is_earlier_and_over(period, $1)
           ORDER BY period LIMIT 1"#,
        clock,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(period) = period else { return Ok(()) };
    let boards = sqlx::query!(
        "SELECT campaign, referrers FROM boards
         WHERE period = $1 AND period > '@' AND period < 'A' ORDER BY campaign LIMIT $2",
        period,
        BOARDS,
    )
    .fetch_all(&mut *connection)
    .await?;
    let (mut entries, mut small) = (0, Vec::new());
    for board in &boards {
        entries += board.referrers;
        if entries > ENTRIES {
            break;
        }
        small.push(board.campaign.clone());
    }
    match boards.first() {
        Some(first) if small.is_empty() => parts(connection, &first.campaign, &period).await,
        _ => whole(connection, &small, &period).await,
    }
}

/// Deletes whole leaderboards.
async fn whole(
    connection: &mut PgConnection,
    campaigns: &[String],
    period: &str,
) -> Result<(), Error> {
    for delete in [
        sqlx::query!(
            "DELETE FROM referrer_totals WHERE campaign = ANY($1) AND period = $2",
            campaigns,
            period,
        ),
        sqlx::query!(
            "DELETE FROM board_fences WHERE campaign = ANY($1) AND period = $2",
            campaigns,
            period,
        ),
        sqlx::query!(
            "DELETE FROM boards WHERE campaign = ANY($1) AND period = $2",
            campaigns,
            period,
        ),
    ] {
        delete.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Deletes the first two parts of a leaderboard, or what is left of it if it has none.
async fn parts(connection: &mut PgConnection, campaign: &str, period: &str) -> Result<(), Error> {
    for _ in 0..2 {
        let part = sqlx::query!(
            "SELECT score, last_converted_at, referrer, entries FROM board_fences
             WHERE campaign = $1 AND period = $2 AND measure = 'conversions'
             ORDER BY score, last_converted_at, referrer LIMIT 1",
            campaign,
            period,
        )
        .fetch_optional(&mut *connection)
        .await?;
        let Some(part) = part else {
            let deleted = sqlx::query!(
                "DELETE FROM referrer_totals WHERE campaign = $1 AND period = $2
                   AND referrer = ANY(ARRAY(
                       SELECT referrer FROM board_places
                       WHERE campaign = $1 AND period = $2 AND measure = 'conversions'
                       ORDER BY score, last_converted_at, referrer LIMIT $3
                   ))",
                campaign,
                period,
                ENTRIES,
            )
            .execute(&mut *connection)
            .await?;
            if i64::try_from(deleted.rows_affected()).unwrap_or(ENTRIES) < ENTRIES {
                whole(connection, &[campaign.to_owned()], period).await?;
            }
            return Ok(());
        };
        // From the place of the part on, and not from the first place: the index still has the entries that are
        // deleted, and each of these reads would read them all.
        sqlx::query!(
            "DELETE FROM referrer_totals WHERE campaign = $1 AND period = $2
               AND referrer = ANY(ARRAY(
                   SELECT referrer FROM board_places
                   WHERE campaign = $1 AND period = $2 AND measure = 'conversions'
                     AND (score, last_converted_at, referrer) >= ($3, $4, $5)
                   ORDER BY score, last_converted_at, referrer LIMIT $6
               ))",
            campaign,
            period,
            part.score,
            part.last_converted_at,
            part.referrer,
            part.entries,
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query!(
            "DELETE FROM board_fences WHERE campaign = $1 AND period = $2 AND measure = 'conversions'
               AND score = $3 AND last_converted_at = $4 AND referrer = $5",
            campaign,
            period,
            part.score,
            part.last_converted_at,
            part.referrer,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
