//! Postgres as the service sees it: there or away.
//!
//! While it is away nothing waits for it: every query is refused at once, and one
//! task alone keeps trying.

use std::{future::Future, time::Duration};

use tokio::sync::watch;
use vouch_db::{
    Error, PgPool,
    api::{self, PgConnection},
};

/// How often Postgres is asked whether it is there.
const PROBE_EVERY: Duration = Duration::from_millis(250);
/// How long a request waits for a connection: a busy machine takes seconds to open one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a probe waits for one.
const PROBE_PATIENCE: Duration = Duration::from_millis(500);
/// How long Postgres may be silent on a query before it counts as away: longer than it
/// waits for a connection and runs a statement. A frozen machine or a lost network
/// breaks no connection.
const SILENCE: Duration = Duration::from_secs(11);
/// The same for a probe.
const PROBE_SILENCE: Duration = Duration::from_secs(2);
/// Probes after which a wait is logged again: every half minute.
const LOG_EVERY: u32 = 120;

/// Postgres with its state.
#[derive(Debug)]
pub(crate) struct Database {
    pool: PgPool,
    /// A connection of its own: a busy pool must not look like an absent Postgres.
    probe: PgPool,
    up: watch::Sender<bool>,
}

impl Database {
    /// Connects later, when it is first used.
    ///
    /// # Errors
    /// When `url` is no URL of a Postgres database.
    pub(crate) fn new(url: &str, connections: u32) -> Result<Self, Error> {
        Ok(Self {
            pool: api::pool(url, connections, PATIENCE)?,
            probe: api::pool(url, 1, PROBE_PATIENCE)?,
            up: watch::Sender::new(false),
        })
    }

    /// Whether the last thing that was heard of Postgres was good.
    pub(crate) fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Ends when Postgres is there.
    pub(crate) fn came_up(&self) -> impl Future<Output = ()> + use<> {
        let mut up = self.up.subscribe();
        async move {
            // The sender lives as long as the service.
            let _ = up.wait_for(|up| *up).await;
        }
    }

    /// Runs a query, unless Postgres is known to be away.
    ///
    /// # Errors
    /// The query's; [`Error::Unavailable`] at once while Postgres is away.
    pub(crate) async fn run<T, F>(&self, query: impl FnOnce(PgPool) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.guard(query(self.pool.clone())).await
    }

    /// The same for a query on another pool of the same Postgres.
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

    /// Treats Postgres as away until the next probe.
    fn suspect(&self) {
        self.up.send_replace(false);
    }

    /// Asks Postgres whether it is there, and gives the connection for the next time.
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

    /// Waits for Postgres, migrates it, and from then on watches it.
    ///
    /// # Errors
    /// When Postgres refuses in a way that waiting does not cure.
    pub(crate) async fn watch(&self) -> anyhow::Result<()> {
        let mut failures = 0_u32;
        let mut migrated = false;
        let mut connection = None;
        loop {
            let outcome = async {
                // A connection that was silent or refused is not used again.
                connection = Some(self.probe(connection.take()).await?);
                if !migrated {
                    vouch_db::migrate(&self.probe).await?;
                }
                Ok::<_, Error>(())
            }
            .await;
            match outcome {
                Ok(()) => {
                    if !migrated {
                        tracing::info!("Postgres is there and its schema is current");
                        migrated = true;
                    } else if failures > 0 {
                        tracing::info!("Postgres is back");
                    }
                    failures = 0;
                    if !self.is_up() {
                        self.up.send_replace(true);
                    }
                }
                Err(error) if error.is_unavailable() || migrated => {
                    self.suspect();
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
