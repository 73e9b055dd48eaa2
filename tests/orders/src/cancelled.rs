//! A Postgres so slow that it cancels statements about many rows.

use std::sync::Arc;

use anyhow::{Result, ensure};
use sqlx::Executor as _;
use vouch_indexer::Rounds;
use vouch_localnet::Postgres;

use crate::order::Lab;

/// Most transactions that a statement may insert.
const MOST: i64 = 10;
/// More sessions than it needs to halve a batch down to a single transaction, with those in which it becomes larger again.
const MOST_SESSIONS: usize = 200;

/// Cancels statements, as the timeout does, by their numbers of rows.
const CANCELLING: &str = "
CREATE FUNCTION public.cancel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM new_rows) > TG_ARGV[0]::bigint THEN
        RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = 'query_canceled';
    END IF;
    RETURN NULL;
END $$";

/// Lets the mirror of a chain catch up, session after session, while Postgres cancels each statement that inserts more than ten
/// transactions. Returns how many sessions failed before the first transaction was written.
///
/// # Errors
/// When it does not get to the end, or fails otherwise.
pub async fn cancelled(postgres: &Postgres) -> Result<usize> {
    let lab = Lab::new(postgres).await?;
    let (chain, pool) = (&lab.chain, &lab.pool);
    let nodes = &lab.server.nodes;
    nodes.behave(0);
    nodes.show(0, &Arc::new(chain.end()));
    pool.execute(CANCELLING).await?;
    let trigger = format!(
        "CREATE TRIGGER cancel AFTER INSERT ON mirror.transactions
             REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.cancel({MOST})"
    );
    pool.execute(trigger.as_str()).await?;
    let mirroring = lab.catching_up()?;
    let whole = i64::try_from(chain.len())?;
    let mut before = 0;
    for _ in 0..MOST_SESSIONS {
        let work = async |rounds: &mut Rounds<'_>| rounds.finalize().await;
        let outcome = mirroring.as_writer(work).await;
        let outcome = outcome.map_err(anyhow::Error::msg)?;
        let state = "SELECT final_seq FROM indexer_state";
        let held: i64 = sqlx::query_scalar(state).fetch_one(pool).await?;
        match outcome {
            Err(reason) => {
                ensure!(reason == "the database is not available", "{reason}");
                before += usize::from(held == 0);
            }
            Ok(_) if held == whole => return Ok(before),
            Ok(_) => {}
        }
    }
    anyhow::bail!("the same size again and again")
}
