//! The log of what changes in the mirror, which live streams follow. `migrations/0031_mirror_log.sql`
//! describes it.

use sqlx::{PgConnection, types::JsonValue};

use crate::Error;

/// The channel on which Postgres notifies of each new row. The payload is empty.
pub const CHANNEL: &str = "vouch_mirror_log";

/// Rows that are kept. At most a few are written in a second, so they last for half an hour at least.
const KEPT: i64 = 10_000;
/// Most facts that a row names when they are withdrawn. After more, streams begin anew. A stream is
/// told about as many events at once.
const MOST_WITHDRAWN: i64 = 200;
/// Most campaigns that a row names.
pub(super) const MOST_RANKED: usize = 100;

/// The facts that a change withdraws.
pub(super) enum Withdrawn {
    /// Nothing.
    Nothing,
    /// These facts.
    Facts(JsonValue),
    /// More than can be named, or everything: the mirror was made anew.
    Everything,
}

/// The facts of the transactions after `seq` that streams tell. They are read before they are undone.
pub(super) async fn facts_after(
    connection: &mut PgConnection,
    seq: i64,
) -> Result<Withdrawn, Error> {
    let found = sqlx::query!(
        r#"SELECT count(*) AS "count!", COALESCE(jsonb_agg(to_jsonb(fact) ORDER BY fact.seq, fact.place), '[]') AS "facts!"
           FROM (
               SELECT e.seq, e.place, e.kind, e.subject,
                      COALESCE(e.campaign, c.campaign, r.campaign) AS campaign,
                      COALESCE(e.referral, c.referral) AS referral,
                      COALESCE(c.code, r.code) AS code,
                      COALESCE(c.referrer, r.owner) AS referrer, t.signature, t.slot, t.block_time
               FROM events e
               JOIN transactions t ON t.seq = e.seq
               LEFT JOIN conversions c ON c.address = e.subject
                   AND e.kind IN ('conversion_recorded', 'part_paid', 'conversion_cancelled')
               LEFT JOIN referrals r ON r.address = e.referral
               WHERE e.seq > $1 AND e.kind IN
                     ('conversion_recorded', 'part_paid', 'conversion_cancelled', 'code_created',
                      'code_suspended', 'code_resumed', 'code_closed')
               ORDER BY e.seq, e.place LIMIT $2
           ) AS fact"#,
        seq,
        MOST_WITHDRAWN + 1,
    )
    .fetch_one(connection)
    .await?;
    Ok(if found.count > MOST_WITHDRAWN {
        Withdrawn::Everything
    } else {
        Withdrawn::Facts(found.facts)
    })
}

/// Adds a row that says that everything is new, if the mirror has changed without the log: an indexer
/// wrote that does not know it, for example before an upgrade. Whether that has undone something,
/// nobody knows any more. The caller holds the writer's lock.
pub(super) async fn catch_up(connection: &mut PgConnection) -> Result<(), Error> {
    let changed = sqlx::query_scalar!(
        r#"SELECT (last.confirmed_seq, last.final_seq)
                  IS DISTINCT FROM (state.confirmed_seq, state.final_seq) AS "changed!"
           FROM indexer_state AS state
           LEFT JOIN (
               SELECT confirmed_seq, final_seq FROM mirror_log ORDER BY id DESC LIMIT 1
           ) AS last ON true"#,
    )
    .fetch_one(&mut *connection)
    .await?;
    if changed {
        note(connection, Withdrawn::Everything, &[]).await?;
    }
    Ok(())
}

/// Adds a row if this database transaction has changed what streams tell, and notifies them when it
/// commits.
pub(super) async fn note(
    connection: &mut PgConnection,
    withdrawn: Withdrawn,
    ranked: &[String],
) -> Result<(), Error> {
    let (facts, is_new) = match withdrawn {
        Withdrawn::Nothing => (JsonValue::Array(Vec::new()), false),
        Withdrawn::Facts(facts) => (facts, false),
        Withdrawn::Everything => (JsonValue::Array(Vec::new()), true),
    };
    sqlx::query!(
        "WITH last AS (
             SELECT confirmed_seq, final_seq FROM mirror_log ORDER BY id DESC LIMIT 1
         ), row AS (
             INSERT INTO mirror_log (confirmed_seq, final_seq, withdrawn, ranked, is_new)
             SELECT state.confirmed_seq, state.final_seq, $1::jsonb, $2::text[], $3::boolean
             FROM indexer_state AS state LEFT JOIN last ON true
             WHERE $3 OR cardinality($2::text[]) > 0
                OR (last.confirmed_seq, last.final_seq)
                   IS DISTINCT FROM (state.confirmed_seq, state.final_seq)
             RETURNING id
         ), old AS (
             DELETE FROM mirror_log WHERE id <= (SELECT id FROM row) - $4
         )
         SELECT pg_notify($5, '') FROM row",
        facts,
        ranked,
        is_new,
        KEPT,
        CHANNEL,
    )
    .fetch_optional(connection)
    .await?;
    Ok(())
}
