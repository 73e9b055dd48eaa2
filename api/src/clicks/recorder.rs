//! Group commit: many requests, one transaction.
//!
//! Requests put their click into a bounded queue and wait. One writer takes all
//! that is queued, commits it, answers everybody, and takes what has queued up in
//! the meantime: the busier, the larger the groups. When Postgres does not take a
//! group within its time limit, it goes to the [`Spool`] instead. So do all that follow, at
//! once, until a group of the file has been replayed that fast: the replay runs beside
//! the writer, so that nobody waits for a Postgres that stalls or is slow.

use std::{future::pending, sync::Arc, time::Duration};

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

use super::spool::{self, Chunk, Spool};
use crate::{database::Database, error::ApiError};

/// Clicks that may wait for the writer; more are refused, so that a stall cannot
/// eat the memory.
const QUEUE: usize = 10_000;
/// Clicks of one transaction.
const GROUP: usize = 1_000;
/// The shortest time that Postgres has for a group of the file, for which nobody waits. It exceeds the time
/// limit of a statement, so that a Postgres that is always slow gets all of them all the same.
const SILENCE: Duration = Duration::from_secs(10);
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
    /// or `close` is cancelled; later clicks are refused. Postgres has `prompt` for one
    /// group: a redirect waits for its own group and the one before it.
    pub(crate) fn start(
        database: Arc<Database>,
        pool: PgPool,
        spool: Spool,
        prompt: Duration,
        close: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (lose, lost) = watch::channel(None);
        let store = || Store {
            database: Arc::clone(&database),
            pool: pool.clone(),
            patience: prompt,
            connection: None,
        };
        let writer = Writer {
            live: store(),
            idle_replay: Some(store().for_replay()),
            replay: None,
            prompt,
            database,
            spool: Some(spool),
            stalled: false,
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

/// Postgres, as a place for clicks.
struct Store {
    database: Arc<Database>,
    pool: PgPool,
    /// Time for one group.
    patience: Duration,
    /// Not returned to the pool, because that would wait for a silent Postgres.
    connection: Option<PgConnection>,
}

impl Store {
    fn for_replay(self) -> Self {
        let patience = self.patience.max(SILENCE);
        Self { patience, ..self }
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
            tokio::time::timeout(self.patience, insert)
                .await
                .unwrap_or_else(|_elapsed| Err(api::busy()))
        };
        self.connection = Some(self.database.guard(insert).await?);
        Ok(())
    }

    /// Inserts a chunk of the file. Returns it with the lines that Postgres will never accept.
    async fn replay(mut self, chunk: Chunk) -> Replayed {
        let started = Instant::now();
        let outcome = self.try_replay(&chunk).await;
        Replayed {
            store: self,
            took: started.elapsed(),
            outcome: outcome.map(|rejected| (chunk, rejected)),
        }
    }

    async fn try_replay(&mut self, chunk: &Chunk) -> anyhow::Result<Vec<Vec<u8>>> {
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
        Ok(rejected)
    }
}

/// The end of a replay: the chunk, and the lines of it that are to be set aside.
struct Replayed {
    store: Store,
    took: Duration,
    outcome: anyhow::Result<(Chunk, Vec<Vec<u8>>)>,
}

struct Writer {
    database: Arc<Database>,
    live: Store,
    /// The store for the next replay; `None` while one runs.
    idle_replay: Option<Store>,
    replay: Option<JoinHandle<Replayed>>,
    /// Time that Postgres has for one group of the queue.
    prompt: Duration,
    /// `None` only while a blocking call uses it.
    spool: Option<Spool>,
    /// Postgres did not take the last group in time. Until it has taken one of the file in time, no other is
    /// tried.
    stalled: bool,
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
            let possible = self.waiting() > 0 && self.database.is_up() && self.replay.is_none();
            if possible && self.replay_after <= Instant::now() {
                self.begin_replay().await;
                continue;
            }
            let came_up = self.database.came_up();
            let replay = &mut self.replay;
            let replayed = async move {
                match replay {
                    Some(replay) => replay.await,
                    None => pending().await,
                }
            };
            let waits = self.spool.as_ref().is_some_and(|spool| spool.waiting() > 0);
            let is_up = self.database.is_up();
            tokio::select! {
                received = queue.recv_many(&mut group, GROUP) => {
                    if received == 0 {
                        break;
                    }
                }
                ended = replayed => {
                    self.replay = None;
                    self.end_replay(ended).await;
                    self.report();
                    continue;
                }
                () = came_up, if waits && !is_up => continue,
                () = tokio::time::sleep_until(self.replay_after), if possible => continue,
                () = self.close.cancelled(), if !queue.is_closed() => continue,
            }
            self.store(&mut group).await;
            self.report();
        }
        // A replay that is cut off is repeated by the next process.
        if let Some(replay) = &self.replay {
            replay.abort();
        }
    }

    fn waiting(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::waiting)
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    fn report(&self) {
        metrics::gauge!("vouch_api_click_spool_length").set(self.waiting() as f64);
        metrics::gauge!("vouch_api_clicks_stalled").set(if self.stalled { 1.0 } else { 0.0 });
    }

    /// Makes one group durable and notifies the requests that wait for it.
    async fn store(&mut self, group: &mut Vec<Waiting>) {
        let started = Instant::now();
        let (clicks, waiting): (Vec<_>, Vec<_>) = group
            .drain(..)
            .map(|waiting| (waiting.click, waiting.durable))
            .unzip();
        let clicks: Arc<[Click]> = clicks.into();
        let outcome = if self.stalled {
            match self.append(&clicks).await {
                Ok(()) => Ok("spool"),
                // A file that takes none leaves Postgres to be tried.
                Err(_) if self.offer(&clicks).await => Ok("postgres"),
                Err(error) => Err(error),
            }
        } else if self.offer(&clicks).await {
            Ok("postgres")
        } else {
            self.append(&clicks).await.map(|()| "spool")
        };
        let answer = match outcome {
            Ok(store) => {
                #[expect(clippy::cast_precision_loss, reason = "at most GROUP")]
                metrics::histogram!("vouch_api_click_batch_size", "store" => store)
                    .record(clicks.len() as f64);
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

    async fn append(&mut self, clicks: &Arc<[Click]>) -> anyhow::Result<()> {
        let clicks = Arc::clone(clicks);
        self.with_spool(move |spool| spool.append(&clicks)).await
    }

    /// Offers a group to Postgres. Returns whether it took the clicks.
    async fn offer(&mut self, clicks: &[Click]) -> bool {
        let Err(error) = self.live.insert(clicks).await else {
            self.stalled = false;
            return true;
        };
        // One click that Postgres does not accept says nothing about the next group.
        self.stalled = !api::is_about_data(&error);
        tracing::warn!(
            cause = %anyhow::Error::from(error).root_cause(), clicks = clicks.len(),
            "Postgres did not take clicks; they go to the spool file"
        );
        false
    }

    /// Begins to move a chunk of the file into Postgres.
    async fn begin_replay(&mut self) {
        let chunk = self
            .with_spool(|spool| Ok(spool.next_chunk(GROUP)?))
            .await
            .context("cannot read the spool file");
        match (chunk, self.idle_replay.take()) {
            (Ok(chunk), Some(store)) => self.replay = Some(tokio::spawn(store.replay(chunk))),
            (Err(error), store) => {
                self.idle_replay = store;
                self.pause_replay(&error);
            }
            // The one before panicked.
            (Ok(chunk), None) => {
                let store = Store {
                    database: Arc::clone(&self.database),
                    pool: self.live.pool.clone(),
                    patience: self.prompt,
                    connection: None,
                };
                self.replay = Some(tokio::spawn(store.for_replay().replay(chunk)));
            }
        }
    }

    /// Marks the chunk as replayed. After a failure, the next pause is longer.
    async fn end_replay(&mut self, ended: Result<Replayed, tokio::task::JoinError>) {
        let (prompt, outcome) = match ended {
            Ok(Replayed {
                store,
                took,
                outcome,
            }) => {
                self.idle_replay = Some(store);
                (took <= self.prompt, outcome)
            }
            Err(panicked) => (false, Err(panicked.into())),
        };
        let done = match outcome {
            Ok((chunk, rejected)) => self.done(chunk, rejected).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => {
                self.replay_pause = REPLAY_PAUSE.0;
                self.stalled &= !prompt;
            }
            Err(error) => self.pause_replay(&error),
        }
    }

    fn pause_replay(&mut self, error: &anyhow::Error) {
        tracing::warn!(cause = %format!("{error:#}"), "spooled clicks have to wait");
        self.replay_after = Instant::now() + self.replay_pause;
        self.replay_pause = (self.replay_pause * 2).min(REPLAY_PAUSE.1);
    }

    async fn done(&mut self, chunk: Chunk, rejected: Vec<Vec<u8>>) -> anyhow::Result<()> {
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
