//! New transactions while very many conversions wait for ranks.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use rand::{SeedableRng as _, rngs::StdRng};
use sqlx::{Executor as _, PgPool};
use tokio::time::{sleep, timeout};
use vouch_indexer::{Mirroring, Rounds};
use vouch_localnet::Postgres;

use crate::{announcer::Habits, chain::View, order::Lab};

const POLL: Duration = Duration::from_millis(5);
/// Time for a change that has to come.
const PATIENCE: Duration = Duration::from_secs(300);
/// Conversions that wait at least, until the test says otherwise: more than three steps beside new transactions count.
pub const BACKLOG: i64 = 15_000;

/// How a new transaction and the waiting conversions got on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Conversions that were waiting when the new transaction was written.
    pub waiting: i64,
    /// Steps that had counted some of them before that.
    pub steps_before: i64,
    /// Steps that did so afterwards.
    pub steps_after: i64,
    /// The number that health told meanwhile, and at the end.
    pub told: (i64, i64),
    /// The conversions of the backlog.
    pub sold: i64,
    /// How many of them count at the end.
    pub counted: i64,
}

/// Each step of the count fills the backlog up again, in its own database transaction, so that it cannot end
/// before the test says so, however fast or slow the machine is. Notes how many wait when transactions are written.
fn feeding(time: i64) -> String {
    format!(
        "CREATE TABLE public.feed (goes_on boolean, sold bigint, steps bigint);
         INSERT INTO public.feed VALUES (true, 0, 0);
         CREATE TABLE public.written (seq bigint, waiting bigint, steps bigint);
         CREATE FUNCTION public.waiting() RETURNS bigint LANGUAGE sql AS
             'SELECT count(*) FROM mirror.maturing WHERE campaign = ''Backlog''';
         CREATE FUNCTION public.fill() RETURNS void LANGUAGE sql AS $$
             WITH more AS (
                 SELECT 'sale-' || lpad(number::text, 12, '0') AS address, number
                 FROM public.feed, generate_series(sold + 1, sold + {BACKLOG} - public.waiting()) AS number
             ), new AS (
                 INSERT INTO mirror.conversions
                 SELECT address, 1, 1, 'Backlog', 'code', 'AZURE23', 'W' || number % 97, NULL, 'Zoe', 'signup', 1,
                        NULL, 7, 0, 0, {time}, {time}, 'paid', 7
                 FROM more
             ), waits AS (
                 INSERT INTO mirror.maturing SELECT address, 1, {time}, 'Backlog', {time} FROM more
             )
             UPDATE public.feed SET sold = sold + (SELECT count(*) FROM more)
         $$;
         CREATE FUNCTION public.counted() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF EXISTS (SELECT FROM new_days WHERE campaign = 'Backlog') THEN
                 UPDATE public.feed SET steps = steps + 1;
                 IF (SELECT goes_on FROM public.feed) THEN PERFORM public.fill(); END IF;
             END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER counted AFTER INSERT ON mirror.referrer_daily
             REFERENCING NEW TABLE AS new_days FOR EACH STATEMENT EXECUTE FUNCTION public.counted();
         CREATE TRIGGER recounted AFTER UPDATE ON mirror.referrer_daily
             REFERENCING NEW TABLE AS new_days FOR EACH STATEMENT EXECUTE FUNCTION public.counted();
         CREATE FUNCTION public.written() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             INSERT INTO public.written SELECT NEW.seq, public.waiting(), steps FROM public.feed;
             RETURN NULL;
         END $$;
         CREATE TRIGGER written AFTER INSERT ON mirror.transactions
             FOR EACH ROW EXECUTE FUNCTION public.written();
         SELECT public.fill()"
    )
}

async fn number(pool: &PgPool, query: &str) -> Result<i64> {
    Ok(sqlx::query_scalar(query).fetch_one(pool).await?)
}

async fn until(pool: &PgPool, condition: &str) -> Result<()> {
    let query = format!("SELECT ({condition})::integer::bigint");
    let met = async {
        while number(pool, &query).await? == 0 {
            sleep(POLL).await;
        }
        Ok(())
    };
    timeout(PATIENCE, met).await.context(condition.to_owned())?
}

/// Lets the mirror of a chain follow it as the service does while a backlog does not end, until a new
/// transaction is written, and then until everything counts.
///
/// # Errors
/// When the mirror fails, or something does not happen within five minutes.
pub async fn backlog(postgres: &Postgres) -> Result<Backlog> {
    let lab = Lab::new(postgres).await?;
    let (chain, pool) = (&lab.chain, &lab.pool);
    let nodes = &lab.server.nodes;
    nodes.behave(0);
    let whole = chain.end();
    let view = |len: usize, finalized: usize| {
        let slot = |len: usize| whole.seen.get(len - 1).map_or(0, |seen| seen.slot);
        Arc::new(View {
            seen: whole.seen.iter().take(len).copied().collect(),
            finalized,
            confirmed_slot: slot(len) + 1,
            finalized_slot: slot(finalized) + 1,
        })
    };
    let last = chain.len() - 1;
    // Half of the chain is final and counts.
    nodes.show(0, &view(last / 2, last / 2));
    let mirroring = lab.plain()?;
    let half = i64::try_from(last / 2)?;
    let work = async |rounds: &mut Rounds<'_>| {
        let mut outcome = Ok(false);
        while outcome == Ok(false) {
            outcome = rounds.finalize().await;
        }
        outcome
    };
    let outcome = mirroring
        .as_writer(work)
        .await
        .map_err(anyhow::Error::msg)?;
    outcome.map_err(anyhow::Error::msg)?;
    ensure!(number(pool, "SELECT final_seq FROM indexer_state").await? == half);
    // The conversions that begin to count when the rest but the last transaction is final.
    let time = chain.recording.transactions[last - 1].block_time;
    let counts = number(pool, "SELECT final_time FROM indexer_state").await?;
    ensure!(counts < time, "the chain does not go on");
    pool.execute(feeding(time).as_str()).await?;
    nodes.show(0, &view(last, last));

    let mut ended = None;
    let ws_url = [lab.announcer.url()];
    let goes_on = async |_: &dyn Fn() -> u64| {
        let work = async {
            until(pool, "(SELECT steps >= 3 FROM public.feed)").await?;
            // The last transaction is confirmed, and announced.
            nodes.show(0, &view(last + 1, last));
            let recorded = &chain.recording.transactions[last];
            let new = vec![(recorded.signature.clone(), recorded.slot)];
            let mut random = StdRng::seed_from_u64(1);
            lab.announcer
                .tell(&mut random, &Habits::default(), new, &mut Vec::new());
            let seq = last + 1;
            let written = format!("EXISTS (SELECT FROM public.written WHERE seq = {seq})");
            until(pool, &written).await?;
            let meanwhile = told(&mirroring, |waiting| waiting > 0).await?;
            pool.execute("UPDATE public.feed SET goes_on = false")
                .await?;
            until(pool, "public.waiting() = 0").await?;
            let end = told(&mirroring, |waiting| waiting == 0).await?;
            anyhow::Ok((meanwhile, end))
        };
        ended = Some(work.await);
    };
    let work = async |rounds: &mut Rounds<'_>| rounds.live(&ws_url, goes_on).await;
    let outcome = mirroring.as_writer(work).await;
    outcome
        .map_err(anyhow::Error::msg)?
        .map_err(anyhow::Error::msg)?;
    let told = ended.context("the mirror ended before the test")??;
    let written = format!("FROM public.written WHERE seq = {}", last + 1);
    let steps_before = number(pool, &format!("SELECT steps {written}")).await?;
    Ok(Backlog {
        waiting: number(pool, &format!("SELECT waiting {written}")).await?,
        steps_before,
        steps_after: number(pool, "SELECT steps FROM public.feed").await? - steps_before,
        told,
        sold: number(pool, "SELECT sold FROM public.feed").await?,
        counted: number(
            pool,
            "SELECT sum(conversions)::bigint FROM referrer_totals
             WHERE campaign = 'Backlog' AND period = ''",
        )
        .await?,
    })
}

/// Lets the mirror catch up in one round while very many conversions wait, and the node lists transactions after the
/// range that is final for the mirror. Returns how many count after that, and how many wait.
///
/// # Errors
/// When the mirror fails.
pub async fn catch_up(postgres: &Postgres) -> Result<(i64, i64)> {
    let lab = Lab::new(postgres).await?;
    let (chain, pool) = (&lab.chain, &lab.pool);
    let nodes = &lab.server.nodes;
    nodes.behave(0);
    let whole = chain.end();
    // All are final, and the node has told of half of them.
    let last = chain.len() / 2;
    let slot = whole.seen.get(last - 1).map_or(0, |seen| seen.slot);
    nodes.show(
        0,
        &Arc::new(View {
            finalized: chain.len(),
            finalized_slot: slot + 1,
            ..whole
        }),
    );
    // Something that has matured when they have.
    let time = chain.recording.transactions[0].block_time;
    pool.execute(feeding(time).as_str()).await?;
    pool.execute("UPDATE public.feed SET goes_on = false")
        .await?;
    let mirroring = lab.catching_up()?;
    let work = async |rounds: &mut Rounds<'_>| rounds.finalize().await;
    let outcome = mirroring.as_writer(work).await;
    let complete = outcome
        .map_err(anyhow::Error::msg)?
        .map_err(anyhow::Error::msg)?;
    ensure!(complete, "it is not final at once");
    let held = number(pool, "SELECT max(slot) FROM transactions").await?;
    ensure!(u64::try_from(held)? <= slot + 1, "later than what is final");
    let counted = "SELECT COALESCE(sum(conversions), 0)::bigint FROM referrer_totals
                   WHERE campaign = 'Backlog' AND period = ''";
    Ok((
        number(pool, counted).await?,
        number(pool, "SELECT public.waiting()").await?,
    ))
}

/// The number that health tells, once it is one of these.
async fn told(mirroring: &Mirroring, is_right: impl Fn(i64) -> bool) -> Result<i64> {
    let right = async {
        loop {
            let waiting = mirroring.waiting_for_ranks();
            if is_right(waiting) {
                return waiting;
            }
            sleep(POLL).await;
        }
    };
    timeout(PATIENCE, right)
        .await
        .context("health tells another number")
}
