//! The mirror's rounds, one at a time, for tests and benchmarks: what [`crate::session`] does again and
//! again, without its pauses.

use std::{sync::Arc, time::Duration};

use vouch_db::{PgPool, mirror::Writer};
use vouch_service::Heartbeat;

use crate::{
    chain::Chain,
    config::{Undo, usual_limits},
    failure::Failure,
    health::{Health, Layer, Status},
    mirror::Mirror,
    ranking::Paces,
    session::{self, bind},
    sync::Sync,
    wake::Wake,
    witness,
};

const ELECTION_POLL: Duration = Duration::from_millis(2);

/// How to mirror.
#[derive(Debug, Clone)]
pub struct Options {
    /// JSON RPC of the nodes.
    pub rpc_url: Vec<String>,
    /// Postgres itself, and not a pooler.
    pub database_url: String,
    /// Signatures in one page of a list, at most 1,000.
    pub page: u16,
    /// Parallel requests for transactions, at least 1.
    pub concurrency: usize,
    /// Most confirmed transactions that are undone at once.
    pub max_undo: usize,
    /// Time between the moment at which a node calls a slot final and the one at which its list of
    /// this slot counts.
    pub settle: Duration,
    /// With more final transactions than this, the mirror catches up: batches are large and fetched ahead, and
    /// ranks are counted in long steps. The service has 10,000.
    pub many: usize,
}

/// A mirror whose rounds somebody else begins.
pub struct Mirroring {
    options: Options,
    chain: Chain,
    health: Arc<Health>,
    paces: Paces,
    pool: PgPool,
}

/// The rounds of the process that holds the writer's lock. If it is dropped, also in the middle of a
/// round, that is as if the process had died.
pub struct Rounds<'a> {
    mirror: &'a Mirror<'a>,
    sync: Sync<'a>,
}

impl Mirroring {
    /// A mirror in the database of `pool`. It asks nobody yet.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(options: Options, pool: PgPool) -> Result<Self, String> {
        let chain = Chain::new(&options.rpc_url, usual_limits(options.page))
            .map_err(|error| error.to_string())?;
        let health = Health::new(u64::MAX, Duration::MAX, Heartbeat::new(Duration::MAX));
        let health = Arc::new(health);
        health.watch(chain.report());
        Ok(Self {
            options,
            chain,
            health,
            paces: Paces::default(),
            pool,
        })
    }

    /// Becomes the writer, reads how far the mirror is, and does the work. With several nodes, they are
    /// looked at meanwhile.
    ///
    /// # Errors
    /// When Postgres fails, or the nodes are of another chain. The failure of a round is for the work
    /// to handle.
    pub async fn as_writer<T>(
        &self,
        work: impl AsyncFnOnce(&mut Rounds<'_>) -> T,
    ) -> Result<T, String> {
        let outcome = tokio::select! {
            outcome = self.write(work) => outcome,
            failure = self.chain.sources().watch() => Err(failure),
        };
        outcome.map_err(|failure| {
            self.health.ended(&failure);
            failure.to_string()
        })
    }

    async fn write<T>(&self, work: impl AsyncFnOnce(&mut Rounds<'_>) -> T) -> Result<T, Failure> {
        let writer = loop {
            match Writer::try_acquire(&self.options.database_url).await? {
                Some(writer) => break writer,
                // Postgres has not noticed yet that the last one is gone.
                None => tokio::time::sleep(ELECTION_POLL).await,
            }
        };
        let mirror = Mirror {
            concurrency: self.options.concurrency,
            undo: Undo {
                most: self.options.max_undo,
                allowed_after: None,
            },
            settle: self.options.settle,
            many: self.options.many,
            chain: &self.chain,
            health: &self.health,
            paces: &self.paces,
            pool: &self.pool,
            writer: writer.into(),
        };
        bind(&mirror).await?;
        let sync = Sync::new(&mirror).await?;
        let mut rounds = Rounds {
            mirror: &mirror,
            sync,
        };
        Ok(work(&mut rounds).await)
    }

    /// The status and its reason, as /healthz shows them.
    #[must_use]
    pub fn health(&self) -> (&'static str, Option<String>) {
        let report = self.health.report();
        (report.status.into(), report.detail)
    }

    /// How many conversions wait for ranks, as /healthz shows it.
    #[must_use]
    pub fn waiting_for_ranks(&self) -> i64 {
        self.health.report().waiting_for_ranks
    }

    /// The nodes that are called unreliable, as /healthz names them, each with the reason.
    #[must_use]
    pub fn unreliable(&self) -> Vec<(String, String)> {
        self.chain.sources().unreliable()
    }
}

impl Rounds<'_> {
    /// A round for what is final. Returns whether everything is mirrored that the node called final before. Of
    /// conversions, only some may count for ranks by then, as in the service.
    ///
    /// # Errors
    /// The reason, as /healthz shows it, if the round failed. The next one may succeed.
    pub async fn finalize(&mut self) -> Result<bool, String> {
        let outcome = self.sync.finalize().await;
        self.note(Layer::Final, outcome)
    }

    /// Counts all conversions for ranks that can count, as the service does between rounds.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn count(&mut self) -> Result<(), String> {
        let counted = self.sync.count_all().await;
        counted.map_err(|failure| failure.to_string())
    }

    /// A round for what is confirmed. Returns whether everything is mirrored that the node lists.
    ///
    /// # Errors
    /// As for [`Self::finalize`].
    pub async fn follow(&mut self) -> Result<bool, String> {
        let outcome = self.sync.follow().await;
        self.note(Layer::Confirmed, outcome)
    }

    /// Compares every account with a node's, once. Returns how many differ.
    ///
    /// # Errors
    /// The reason, if a node did not answer rightly.
    pub async fn compare(&mut self) -> Result<usize, String> {
        let compared = witness::pass(self.mirror).await;
        compared.map_err(|failure| failure.to_string())
    }

    /// Does rounds as the service does, until `work` ends: when they are due, and when one of these
    /// WebSockets announces transactions. `work` can ask how many have begun for announcements, the first of
    /// them for the connection itself. Returns how many began for a transaction that was announced since the
    /// one before.
    ///
    /// # Errors
    /// When Postgres fails, or most nodes are of another chain.
    pub async fn live(
        &mut self,
        ws_urls: &[String],
        work: impl AsyncFnOnce(&dyn Fn() -> u64),
    ) -> Result<u64, String> {
        let wake = Wake::default();
        let begun = || wake.begun();
        let ended = tokio::select! {
            () = work(&begun) => Ok(()),
            ended = session::rounds(self.mirror, &wake) => ended,
            () = wake.listen(ws_urls, self.mirror.chain.stream().live()) => Ok(()),
        };
        let ended = match ended {
            // The memory of the rounds is gone with them.
            Ok(()) => Sync::new(self.mirror).await.map(|sync| self.sync = sync),
            ended => ended,
        };
        ended.map_err(|failure| {
            self.mirror.health.ended(&failure);
            failure.to_string()
        })?;
        Ok(wake.told())
    }

    fn note(&self, layer: Layer, outcome: Result<bool, Failure>) -> Result<bool, String> {
        let Mirror { health, chain, .. } = self.mirror;
        match outcome {
            Ok(complete) => {
                if complete {
                    health.succeeded(layer);
                }
                Ok(complete)
            }
            Err(failure @ Failure::Database(_)) => {
                health.set(Status::DatabaseUnavailable, Some(failure.to_string()));
                Err(failure.to_string())
            }
            Err(failure) => {
                chain.sources().turn();
                health.failed(layer, &failure);
                Err(failure.to_string())
            }
        }
    }
}
