//! Group commit: many requests, one transaction.
//!
//! Requests put their click into a bounded queue and wait. One writer takes all
//! that is queued, commits it, answers everybody, and takes what has queued up in
//! the meantime: the busier, the larger the groups. When Postgres does not take a
//! group, it goes to the [`Spool`] instead, and back when Postgres is there again.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use vouch_db::{
    PgPool,
    api::{self, PgConnection, clicks::Click},
};

use super::spool::{self, Spool};
use crate::{database::Database, error::ApiError};

/// Clicks that may wait for the writer; more are refused, so that a stall cannot
/// eat the memory.
const QUEUE: usize = 10_000;
/// Clicks of one transaction.
const GROUP: usize = 1_000;
/// Time that Postgres has for one group; after that, the spool file gets the group.
const SILENCE: Duration = Duration::from_secs(3);
/// The first and the longest pause after a replay that failed.
const REPLAY_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

struct Waiting {
    click: Click,
    durable: oneshot::Sender<Result<(), NotStored>>,
}

/// Neither Postgres nor the spool file took the click.
#[derive(Debug, Clone, Copy)]
struct NotStored;

/// Takes clicks, and reports when they are durable.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<Waiting>,
    /// When the last group was lost; `None` if it was stored.
    lost: watch::Receiver<Option<Instant>>,
}

impl Recorder {
    /// Starts the writer. It empties the queue and ends when every `Recorder` is dropped
    /// or `close` is cancelled; later clicks are refused.
    pub(crate) fn start(
        database: Arc<Database>,
        pool: PgPool,
        spool: Spool,
        close: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (lose, lost) = watch::channel(None);
        let writer = Writer {
            database,
            pool,
            connection: None,
            spool: Some(spool),
            replay_after: Instant::now(),
            replay_pause: REPLAY_PAUSE.0,
            close,
            lost: lose,
        };
        (Self { queue, lost }, tokio::spawn(writer.run(waiting)))
    }

    /// Time since clicks could last be stored nowhere; `None` if they have been stored since.
    pub(crate) fn lost(&self) -> Option<Duration> {
        self.lost.borrow().map(|at| at.elapsed())
    }

    /// Waits until the click is in Postgres or on disk.
    ///
    /// # Errors
    /// `click_not_stored` when it is in neither, or too many are waiting.
    pub(crate) async fn record(&self, click: Click) -> Result<(), ApiError> {
        let (durable, answer) = oneshot::channel();
        self.queue
            .try_send(Waiting { click, durable })
            .map_err(|_| {
                ApiError::click_not_stored().because(anyhow::anyhow!("the queue is full or closed"))
            })?;
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(NotStored)) | Err(_) => Err(ApiError::click_not_stored()),
        }
    }
}

struct Writer {
    database: Arc<Database>,
    pool: PgPool,
    /// Not returned to the pool, because that would wait for a silent Postgres.
    connection: Option<PgConnection>,
    /// `None` only while a blocking call uses it.
    spool: Option<Spool>,
    /// Time of the next replay, and the pause after the next failure.
    replay_after: Instant,
    replay_pause: Duration,
    close: CancellationToken,
    lost: watch::Sender<Option<Instant>>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut group = Vec::with_capacity(GROUP);
        self.report();
        loop {
            if self.close.is_cancelled() {
                queue.close();
            }
            let possible = self.waiting() > 0 && self.database.is_up();
            let replayable = possible && self.replay_after <= Instant::now();
            if replayable {
                // Live clicks are stored between two chunks of spooled clicks.
                while group.len() < GROUP {
                    match queue.try_recv() {
                        Ok(waiting) => group.push(waiting),
                        Err(_) => break,
                    }
                }
                if group.is_empty() {
                    self.replay().await;
                    self.report();
                    if queue.is_closed() && queue.is_empty() {
                        return;
                    }
                    continue;
                }
            } else {
                let came_up = self.database.came_up();
                tokio::select! {
                    received = queue.recv_many(&mut group, GROUP) => {
                        if received == 0 {
                            return;
                        }
                    }
                    () = came_up, if self.waiting() > 0 && !possible => continue,
                    () = tokio::time::sleep_until(self.replay_after), if possible => continue,
                    () = self.close.cancelled(), if !queue.is_closed() => continue,
                }
            }
            self.store(&mut group).await;
            if replayable {
                self.replay().await;
            }
            self.report();
        }
    }

    fn waiting(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::waiting)
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    fn report(&self) {
        metrics::gauge!("vouch_api_click_spool_length").set(self.waiting() as f64);
    }

    /// Makes one group durable and notifies the requests that wait for it.
    async fn store(&mut self, group: &mut Vec<Waiting>) {
        let started = Instant::now();
        let (clicks, waiting): (Vec<_>, Vec<_>) = group
            .drain(..)
            .map(|waiting| (waiting.click, waiting.durable))
            .unzip();
        let outcome = match self.insert(&clicks).await {
            Ok(()) => Ok(("postgres", clicks.len())),
            Err(error) => {
                tracing::warn!(
                    cause = %anyhow::Error::from(error).root_cause(), clicks = clicks.len(),
                    "Postgres did not take clicks; they go to the spool file"
                );
                let count = clicks.len();
                self.with_spool(move |spool| spool.append(&clicks))
                    .await
                    .map(|()| ("spool", count))
            }
        };
        let answer = match outcome {
            Ok((store, count)) => {
                #[expect(clippy::cast_precision_loss, reason = "at most GROUP")]
                metrics::histogram!("vouch_api_click_batch_size", "store" => store)
                    .record(count as f64);
                metrics::histogram!("vouch_api_click_batch_seconds", "store" => store)
                    .record(started.elapsed().as_secs_f64());
                Ok(())
            }
            Err(error) => {
                tracing::error!(cause = %format!("{error:#}"), "clicks could not be stored anywhere");
                Err(NotStored)
            }
        };
        self.lost.send_replace(answer.is_err().then(Instant::now));
        for durable in waiting {
            // A request that has ended does not need the answer.
            let _ = durable.send(answer);
        }
    }

    async fn insert(&mut self, clicks: &[Click]) -> Result<(), vouch_db::Error> {
        let connection = self.connection.take();
        let insert = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => api::own_connection(&self.pool).await?,
            };
            api::clicks::insert(&mut connection, clicks).await?;
            Ok(connection)
        };
        // The outcome of a query that took too long is unknown; writing the clicks again
        // is harmless. The probe decides whether Postgres is down, because a lock alone
        // may be the cause.
        let insert = async {
            tokio::time::timeout(SILENCE, insert)
                .await
                .unwrap_or_else(|_elapsed| Err(api::busy()))
        };
        self.connection = Some(self.database.guard(insert).await?);
        Ok(())
    }

    /// Moves one chunk of the spool into Postgres. On failure, the next pause is longer.
    async fn replay(&mut self) {
        match self.try_replay().await {
            Ok(()) => self.replay_pause = REPLAY_PAUSE.0,
            Err(error) => {
                tracing::warn!(cause = %format!("{error:#}"), "spooled clicks have to wait");
                self.replay_after = Instant::now() + self.replay_pause;
                self.replay_pause = (self.replay_pause * 2).min(REPLAY_PAUSE.1);
            }
        }
    }

    async fn try_replay(&mut self) -> anyhow::Result<()> {
        let chunk = self
            .with_spool(|spool| Ok(spool.next_chunk(GROUP)?))
            .await
            .context("cannot read the spool file")?;
        let mut rejected = chunk.unreadable.clone();
        match self.insert(&chunk.clicks).await {
            Ok(()) => {}
            Err(error) if !api::is_about_data(&error) => return Err(error.into()),
            // A click that Postgres will never accept must not hold up the others.
            Err(_) => {
                for click in &chunk.clicks {
                    match self.insert(std::slice::from_ref(click)).await {
                        Ok(()) => {}
                        Err(error) if !api::is_about_data(&error) => return Err(error.into()),
                        Err(error) => {
                            tracing::error!(id = %click.id, cause = %anyhow::Error::from(error).root_cause(),
                                "Postgres refuses a spooled click");
                            rejected.push(spool::line(click)?);
                        }
                    }
                }
            }
        }
        let replayed = chunk.clicks.len();
        let left = self
            .with_spool(move |spool| {
                if !rejected.is_empty() {
                    let path = spool.set_aside(&rejected)?;
                    metrics::counter!("vouch_api_clicks_set_aside_total")
                        .increment(rejected.len() as u64);
                    tracing::error!(count = rejected.len(), path = %path.display(),
                        "clicks were set aside");
                }
                spool.done(&chunk)?;
                Ok(spool.waiting())
            })
            .await?;
        tracing::info!(replayed, left, "replayed spooled clicks");
        Ok(())
    }

    /// Runs off the threads that serve requests, because the disk may block.
    async fn with_spool<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Spool) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let mut spool = self
            .spool
            .take()
            .context("the spool file was lost in a panic")?;
        let (spool, outcome) = tokio::task::spawn_blocking(move || {
            let outcome = work(&mut spool);
            (spool, outcome)
        })
        .await?;
        self.spool = Some(spool);
        outcome
    }
}
