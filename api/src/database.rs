//! Tracks whether Postgres is up.
//!
//! While it is down, every query fails at once instead of waiting, and a single task
//! keeps trying to reach it.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, SemaphorePermit, watch};
use vouch_db::{
    Error, PgPool,
    api::{self, PgConnection},
};
use vouch_service::Heartbeat;

/// Interval of the probes.
const PROBE_EVERY: Duration = Duration::from_millis(250);
/// Time limit for getting a connection: a busy machine takes seconds to open one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The same for the link of a redirect.
const LINK_PATIENCE: Duration = Duration::from_secs(2);
/// Connections that look up the links of redirects, and do nothing else.
const LINK_CONNECTIONS: u32 = 4;
/// Connections that count requests, and do nothing else.
const LIMIT_CONNECTIONS: u32 = 4;
/// Connections that record what the keys of this service sign, and do nothing else.
const SIGNING_CONNECTIONS: u32 = 4;
/// Expensive queries that run at the same time. The others wait, for at most [`HEAVY_PATIENCE`].
const HEAVY: usize = 2;
/// Time limit for the turn of an expensive query.
const HEAVY_PATIENCE: Duration = Duration::from_secs(2);
/// Time limit for the turn to compare a page of a leaderboard with the day before. Without it, the page
/// is shown without changes.
const COMPARING_PATIENCE: Duration = Duration::from_secs(1);
/// The same for a probe.
const PROBE_PATIENCE: Duration = Duration::from_millis(500);
/// Time limit for a query, after which Postgres counts as down. It exceeds the time for
/// getting a connection and running a statement. A frozen machine or a lost network does
/// not break connections, so only this limit detects it.
const SILENCE: Duration = Duration::from_secs(11);
/// The same for a probe.
const PROBE_SILENCE: Duration = Duration::from_secs(2);
/// Number of failed probes between two log lines: about half a minute.
const LOG_EVERY: u32 = 120;

/// The pool of Postgres and whether it is up.
#[derive(Debug)]
pub(crate) struct Database {
    pool: PgPool,
    /// A separate pool, so that no other request keeps a redirect waiting.
    links: PgPool,
    /// A separate pool, so that many requests of one client keep nobody else waiting.
    limits: PgPool,
    /// A separate pool, so that requests that wait for limits of signatures keep nobody else waiting.
    signing: PgPool,
    /// A separate pool, because one of its connections listens all the time.
    live: PgPool,
    heavy: Semaphore,
    comparing: Semaphore,
    /// A separate pool, because a busy pool must not look like Postgres being down.
    probe: PgPool,
    /// Since when it is down; `None` while it is up.
    down: watch::Sender<Option<Instant>>,
}

impl Database {
    /// Creates the pools, which connect on first use.
    ///
    /// # Errors
    /// When `url` is not the URL of a Postgres database.
    pub(crate) fn new(url: &str, connections: u32) -> Result<Self, Error> {
        Ok(Self {
            pool: api::pool(url, connections, PATIENCE)?,
            links: api::pool(url, LINK_CONNECTIONS, LINK_PATIENCE)?,
            limits: api::limit_pool(url, LIMIT_CONNECTIONS, PROBE_PATIENCE)?,
            signing: api::sponsor::signing_pool(url, SIGNING_CONNECTIONS, LINK_PATIENCE)?,
            live: api::live::live_pool(url, PATIENCE)?,
            heavy: Semaphore::new(HEAVY),
            comparing: Semaphore::new(1),
            probe: api::pool(url, 1, PROBE_PATIENCE)?,
            down: watch::Sender::new(Some(Instant::now())),
        })
    }

    /// Whether the last query or probe reached Postgres.
    pub(crate) fn is_up(&self) -> bool {
        self.down.borrow().is_none()
    }

    /// For how long Postgres has been down; `None` while it is up.
    pub(crate) fn away(&self) -> Option<Duration> {
        self.down.borrow().map(|since| since.elapsed())
    }

    /// Returns when Postgres is up.
    pub(crate) fn came_up(&self) -> impl Future<Output = ()> + use<> {
        let mut down = self.down.subscribe();
        async move {
            // The sender lives as long as the service.
            let _ = down.wait_for(Option::is_none).await;
        }
    }

    /// The pool of live streams.
    pub(crate) fn live(&self) -> &PgPool {
        &self.live
    }

    /// Runs a query, unless Postgres is known to be down.
    ///
    /// # Errors
    /// The query's error, or [`Error::Unavailable`] at once while Postgres is down.
    pub(crate) async fn run<T, F>(&self, query: impl FnOnce(PgPool) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.guard(query(self.pool.clone())).await
    }

    /// Like [`Self::run`], for the query of a redirect.
    ///
    /// # Errors
    /// See [`Self::run`].
    pub(crate) async fn run_link<T, F>(&self, query: impl FnOnce(PgPool) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.guard(query(self.links.clone())).await
    }

    /// Like [`Self::run`], for a query that counts a request.
    ///
    /// # Errors
    /// See [`Self::run`].
    pub(crate) async fn run_limit<T, F>(&self, query: impl FnOnce(PgPool) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.guard(query(self.limits.clone())).await
    }

    /// Like [`Self::run`], for a query about what a key of this service signs.
    ///
    /// # Errors
    /// See [`Self::run`].
    pub(crate) async fn run_signing<T, F>(
        &self,
        query: impl FnOnce(PgPool) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.guard(query(self.signing.clone())).await
    }

    /// Like [`Self::run`], for a query that reads many rows. Only two run at the same time, so that
    /// others get a connection.
    ///
    /// # Errors
    /// See [`Self::run`]; [`api::busy`] if its turn does not come in time.
    pub(crate) async fn run_heavy<T, F>(&self, query: impl FnOnce(PgPool) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let turn = tokio::time::timeout(HEAVY_PATIENCE, self.heavy.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(api::busy());
        };
        self.run(query).await
    }

    /// The turn to compare a page of a leaderboard with the day before; `None` if it does not come within a
    /// second. One page has it at a time, so that a client that asks for many leaves Postgres to the others.
    pub(crate) async fn turn_to_compare(&self) -> Option<SemaphorePermit<'_>> {
        let turn = tokio::time::timeout(COMPARING_PATIENCE, self.comparing.acquire()).await;
        turn.ok()?.ok()
    }

    /// Like [`Self::run`], for a query on another pool of the same Postgres.
    pub(crate) async fn guard<T>(
        &self,
        query: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if !self.is_up() {
            return Err(api::unavailable());
        }
        let Ok(outcome) = tokio::time::timeout(SILENCE, query).await else {
            self.suspect();
            return Err(api::unavailable());
        };
        if matches!(&outcome, Err(error) if api::is_away(error)) {
            self.suspect();
        }
        outcome
    }

    /// Runs several queries that may be slow without Postgres being down, for at most this long, unless
    /// Postgres is known to be down. Their failure does not make Postgres count as down.
    ///
    /// # Errors
    /// The query's error, or [`Error::Unavailable`].
    pub(crate) async fn unsuspected<T>(
        &self,
        limit: Duration,
        query: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if !self.is_up() {
            return Err(api::unavailable());
        }
        tokio::time::timeout(limit, query)
            .await
            .unwrap_or_else(|_elapsed| Err(api::unavailable()))
    }

    /// Treats Postgres as down until the next probe succeeds.
    fn suspect(&self) {
        self.down.send_if_modified(|down| {
            let was_up = down.is_none();
            down.get_or_insert_with(Instant::now);
            was_up
        });
    }

    /// Sends a probe. Returns its connection for reuse.
    async fn probe(&self, connection: Option<PgConnection>) -> Result<PgConnection, Error> {
        let probe = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => api::own_connection(&self.probe).await?,
            };
            api::ping(&mut connection).await?;
            Ok(connection)
        };
        tokio::time::timeout(PROBE_SILENCE, probe)
            .await
            .unwrap_or_else(|_elapsed| Err(api::unavailable()))
    }

    /// Waits for Postgres and a running migration, then keeps probing. Each probe beats.
    ///
    /// # Errors
    /// When Postgres refuses at the first time for a reason that waiting does not cure, or this
    /// version does not work with the schema.
    pub(crate) async fn watch(&self, heartbeat: &Heartbeat) -> anyhow::Result<()> {
        let mut failures = 0_u32;
        // Whether it was up before, and whether the schema is known to fit since then.
        let (mut known, mut fits) = (false, false);
        let mut connection = None;
        loop {
            heartbeat.beat();
            let outcome = async {
                // A connection that failed a probe is not reused.
                connection = Some(self.probe(connection.take()).await?);
                if !fits {
                    fits = vouch_db::is_fit(&self.probe).await?;
                }
                Ok(fits)
            }
            .await;
            match outcome {
                Ok(true) => {
                    if !known {
                        tracing::info!("Postgres is up and its schema fits");
                        known = true;
                    } else if failures > 0 {
                        tracing::info!("Postgres is back");
                    }
                    failures = 0;
                    if !self.is_up() {
                        self.down.send_replace(None);
                    }
                }
                Ok(false) => {
                    if failures.is_multiple_of(LOG_EVERY) {
                        tracing::info!("waiting for a migration");
                    }
                    failures = failures.saturating_add(1);
                }
                Err(unfit @ Error::Unfit(_)) => return Err(unfit.into()),
                Err(error) if error.is_unavailable() || known => {
                    self.suspect();
                    // A migration may come before it is back.
                    fits = false;
                    if failures.is_multiple_of(LOG_EVERY) {
                        let cause = format!("{:#}", anyhow::Error::from(error));
                        tracing::warn!(cause, "waiting for Postgres");
                    }
                    failures = failures.saturating_add(1);
                }
                Err(refusal) => return Err(refusal.into()),
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }
}
