//! One session as the writer: from the election until Postgres fails.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use tokio_util::task::AbortOnDropHandle;
use vouch_db::{PgPool, mirror::Writer};

use crate::{
    chain::Chain,
    config::Config,
    digest,
    failure::Failure,
    health::{Health, Layer, MOST_UNCERTAIN, Status},
    mirror::{MANY, Mirror, SETTLE},
    ranking::Paces,
    sync::Sync,
    wake::{Begin, Wake},
    witness,
};

const ELECTION_POLL: Duration = Duration::from_millis(500);
/// Time between two rounds for what is final. A node calls a slot final every 0.4 seconds.
const FINAL_EVERY: Duration = Duration::from_secs(2);
/// Time between two rounds for what is confirmed, unless the node announces a transaction.
const POLL: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Waits to become the writer, then mirrors until Postgres fails.
pub(crate) async fn run(
    config: &Config,
    chain: &Chain,
    pool: &PgPool,
    health: &Health,
    paces: &Paces,
) -> Result<(), Failure> {
    // A migration may have come since the last session.
    vouch_db::await_schema(pool, || health.beat()).await?;
    let writer = elect(config, health).await?;
    let mirror = Mirror {
        concurrency: config.concurrency(),
        undo: config.undo(),
        settle: SETTLE,
        many: MANY,
        chain,
        health,
        paces,
        pool,
        writer: writer.into(),
    };
    bind(&mirror).await?;
    let wake = Wake::default();
    // A task of its own, so that hashing does not hold up the live stream.
    let _digests = AbortOnDropHandle::new(tokio::spawn(digest::run(
        pool.clone(),
        Duration::from_secs(config.digest_seconds),
        config.digest_days,
    )));
    // The first failure ends all parts, and with them the connection that holds the lock.
    // A transaction in progress is rolled back.
    let ended = tokio::select! {
        ended = rounds(&mirror, &wake) => ended,
        ended = witness::run(&mirror, config) => ended,
        () = wake.listen(&config.ws_url, chain.stream().live()) => Ok(()),
        () = stream(config, chain, health, &wake) => Ok(()),
        failure = chain.sources().watch() => Err(failure),
    };
    chain.stream().ended();
    ended
}

/// Follows the gRPC stream, if there is one. It never ends.
#[cfg(feature = "grpc")]
async fn stream(config: &Config, chain: &Chain, health: &Health, wake: &Wake) {
    crate::grpc::run(config, chain, health, wake).await;
}

#[cfg(not(feature = "grpc"))]
async fn stream(_: &Config, _: &Chain, _: &Health, _: &Wake) {
    std::future::pending().await
}

async fn elect(config: &Config, health: &Health) -> Result<Writer, Failure> {
    let mut standing_by = false;
    loop {
        health.beat();
        if let Some(writer) = Writer::try_acquire(&config.database_url).await? {
            if standing_by {
                tracing::info!("took over as the writer");
                health.set(Status::Starting, None);
            }
            return Ok(writer);
        }
        if !standing_by {
            tracing::info!("another indexer is the writer: standing by");
            let detail = "another indexer is the writer".to_owned();
            health.set(Status::Standby, Some(detail));
            standing_by = true;
        }
        tokio::time::sleep(ELECTION_POLL).await;
    }
}

/// Binds the mirror to the chain of the nodes, or the nodes to that of the mirror. From then on a
/// node of another chain is left out.
pub(crate) async fn bind(mirror: &Mirror<'_>) -> Result<(), Failure> {
    let state = vouch_db::mirror::state(mirror.pool).await?;
    let genesis_hash = match state.genesis_hash {
        Some(genesis_hash) => genesis_hash,
        None => {
            let node = mirror.chain.sources().genesis().await?;
            mirror.writer.lock().await.bind_genesis(&node).await?
        }
    };
    mirror.chain.sources().expect_chain(genesis_hash);
    Ok(())
}

/// Mirrors round after round. A node that fails is asked again, so only Postgres ends this.
pub(crate) async fn rounds(mirror: &Mirror<'_>, wake: &Wake) -> Result<(), Failure> {
    let mut sync = Sync::new(mirror).await?;
    sync.count_apart();
    let mut finality = Retry::default();
    let mut live = Retry::default();
    let mut polled: Option<Instant> = None;
    let mut begin = Begin::Due;
    loop {
        mirror.health.beat();
        if finality.is_due() {
            let outcome = sync.finalize().await;
            finality.next(mirror, Layer::Final, outcome, FINAL_EVERY)?;
            let uncertain = vouch_db::mirror::uncertain(mirror.pool, MOST_UNCERTAIN).await?;
            mirror.health.uncertain(uncertain);
            sync.look().await;
        }
        if live.is_due() {
            let is_fresh = |polled: Instant| polled.elapsed() < POLL;
            let outcome = match begin {
                Begin::Announced if polled.is_some_and(is_fresh) => sync.follow_announced().await,
                // It comes before a poll that is due, as its list may lack what the stream has brought.
                Begin::Streamed if polled.is_some_and(|polled| polled.elapsed() < 2 * POLL) => {
                    sync.follow_streamed().await
                }
                _ => {
                    let outcome = sync.follow().await;
                    polled = Some(Instant::now());
                    outcome
                }
            };
            // After a failure the next round asks for the slot, too.
            polled = polled.filter(|_| outcome.is_ok());
            live.next(mirror, Layer::Confirmed, outcome, Duration::ZERO)?;
        }
        let since = polled.map_or(Duration::ZERO, |polled| polled.elapsed());
        let pause = live.pause.unwrap_or(POLL.saturating_sub(since));
        begin = pause_or_count(&mut sync, wake, pause.min(FINAL_EVERY)).await?;
    }
}

/// Waits until a round should begin, and returns why. If conversions wait for ranks, it
/// counts them meanwhile: at least one short step, so that announcements hold up ranks as little as ranks hold
/// up transactions.
async fn pause_or_count(
    sync: &mut Sync<'_>,
    wake: &Wake,
    pause: Duration,
) -> Result<Begin, Failure> {
    let end = Instant::now() + pause;
    loop {
        let waits = sync.count().await?;
        let left = end.saturating_duration_since(Instant::now());
        let pause = if waits { Duration::ZERO } else { left };
        // Without announcements nobody asks what is held.
        let held = OnceLock::new();
        let is_held = |signature: &str| held.get_or_init(|| sync.held()).contains(signature);
        let begin = wake.wait(pause, is_held).await;
        if begin != Begin::Due || !waits || left.is_zero() {
            return Ok(begin);
        }
    }
}

/// When something is due again.
#[derive(Debug, Default)]
struct Retry {
    at: Option<Instant>,
    /// The pause after the last failure.
    pause: Option<Duration>,
}

impl Retry {
    fn is_due(&self) -> bool {
        self.at.is_none_or(|at| at <= Instant::now())
    }

    /// After an outcome, which says whether the round was complete: `every` after a success, and later after each failure in a row. Returns
    /// the failures that waiting does not cure.
    fn next(
        &mut self,
        mirror: &Mirror<'_>,
        layer: Layer,
        outcome: Result<bool, Failure>,
        every: Duration,
    ) -> Result<(), Failure> {
        match outcome {
            Ok(complete) => {
                self.at = Some(Instant::now() + every);
                if complete {
                    mirror.health.succeeded(layer);
                    self.pause = None;
                }
                Ok(())
            }
            Err(failure @ Failure::Database(_)) => Err(failure),
            Err(failure) if failure.is_fatal() => Err(failure),
            Err(failure) => {
                mirror.chain.sources().turn();
                mirror.health.failed(layer, &failure);
                metrics::counter!("vouch_indexer_rounds_failed_total").increment(1);
                let pause = self
                    .pause
                    .map_or(FIRST_PAUSE, |pause| (pause * 2).min(LAST_PAUSE));
                tracing::error!(retry_in = ?pause, "{failure}");
                *self = Self {
                    at: Some(Instant::now() + pause),
                    pause: Some(pause),
                };
                Ok(())
            }
        }
    }
}
