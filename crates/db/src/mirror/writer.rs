//! The single writer of the mirror.

use sqlx::{Connection, Executor as _, PgConnection, postgres::PgConnectOptions};

use super::{
    Account, Batch, Before, Conversion, Final, Projections, batch, finality, log,
    ranks::{self, Step},
    rewind, state,
};
use crate::{Error, Schema, options, statement_timeout, unless_silent};

/// Every so many steps, one is for the leaderboards of a day earlier.
const EARLIER_EVERY: u64 = 16;

/// Key of the advisory lock of this copy's writer. Postgres keeps such locks apart by database.
pub(super) fn lock(schema: Schema) -> i64 {
    match schema {
        Schema::Live => 0x566f_7563_684d_6972,
        Schema::Next => 0x566f_7563_684e_6578,
    }
}

/// The connection that holds the mirror's lock. Only this connection writes the mirror.
///
/// The lock lives and dies with the connection, so no process can ever write without it:
/// when the connection breaks, its transaction cannot commit any more, and only then does
/// Postgres grant the lock to the next process.
///
/// Every method fails with [`Error::Unavailable`] after 35 seconds of silence. The caller
/// must drop the writer after that.
#[derive(Debug)]
pub struct Writer {
    connection: PgConnection,
    /// Awards are for good, so a copy that may never be read gives none. They are given when it
    /// takes its place. Neither does it tell streams anything.
    live: bool,
    /// See [`Self::count_at_most`].
    most: i64,
    /// See [`Self::is_behind`].
    is_behind: bool,
    /// See [`Self::is_waited_for`].
    is_waited_for: bool,
    /// See [`Self::moved`].
    moved: i64,
    /// Calls of [`Self::count`].
    steps: u64,
}

impl Writer {
    /// Takes the writer's lock. Returns `None` when another process holds it.
    ///
    /// `url` must lead to Postgres itself, because a pooler that shares connections
    /// between clients cannot hold the lock.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn try_acquire(url: &str) -> Result<Option<Self>, Error> {
        Self::try_acquire_of(url, Schema::Live).await
    }

    /// [`Self::try_acquire`], for this copy of the mirror. Each has a lock of its own.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn try_acquire_of(url: &str, schema: Schema) -> Result<Option<Self>, Error> {
        let options = options(url, "vouch-indexer writer")?
            // Postgres notices within seconds when the writer's machine is gone.
            .options([schema.search_path()])
            .options([statement_timeout()])
            .options([
                ("tcp_keepalives_idle", "5"),
                ("tcp_keepalives_interval", "2"),
                ("tcp_keepalives_count", "3"),
            ]);
        unless_silent(Self::try_acquire_with(&options, schema)).await
    }

    async fn try_acquire_with(
        options: &PgConnectOptions,
        schema: Schema,
    ) -> Result<Option<Self>, Error> {
        let mut connection = PgConnection::connect_with(options).await?;
        let won = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "won!""#, lock(schema))
            .fetch_one(&mut connection)
            .await?;
        if won {
            // When this process dies in the middle of a long statement, Postgres would notice it, and let the next
            // one write, only at the end of the statement. Some platforms cannot do better.
            let watch = "SET client_connection_check_interval = '1s'";
            if let Err(error) = connection.execute(watch).await {
                tracing::debug!(%error, "Postgres does not watch the connection");
            }
            let live = schema == Schema::Live;
            if live {
                log::catch_up(&mut connection).await?;
            }
            return Ok(Some(Self {
                connection,
                live,
                most: ranks::STEP,
                is_behind: false,
                is_waited_for: false,
                moved: 0,
                steps: 0,
            }));
        }
        connection.close().await?;
        Ok(None)
    }

    /// Writes everything that follows from a run of transactions, and up to where it is final if
    /// it is: all of it or nothing. Returns how many conversions count for ranks from now on.
    ///
    /// # Errors
    /// When Postgres does not answer. [`Error::is_too_long`] if a smaller batch may succeed. [`Error::Constraint`] if a
    /// transaction, an account or a conversion is there already that the batch creates.
    pub async fn write(&mut self, batch: &Batch, range: Option<&Final>) -> Result<u64, Error> {
        unless_silent(async {
            let mut transaction = self.connection.begin().await?;
            let (most, live) = (self.most, self.live);
            let counted = batch::write(&mut transaction, batch, range, most, live).await?;
            transaction.commit().await?;
            if range.is_some_and(|range| range.time.is_some()) {
                self.is_behind = counted.is_behind;
                self.is_waited_for = counted.is_waited_for;
            }
            Ok(counted.conversions)
        })
        .await
    }

    /// Lets each database transaction count at most so many conversions for ranks from now on, from 1 to 250,000;
    /// 2,000 at first. Each changes up to 20 totals, and some entries of indexes for each of them. Those that
    /// begin to count for the leaderboards of a day earlier are among them.
    pub fn count_at_most(&mut self, conversions: i64) {
        self.most = conversions.clamp(1, ranks::MOST);
    }

    /// Whether conversions wait that the last time given to [`Self::write`] or [`Self::count`] lets count.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Whether conversions wait that the last time lets count, apart from the leaderboards of a day earlier.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.is_waited_for
    }

    /// How many conversions the last [`Self::count`] counted, with those that count for the leaderboards of a day
    /// earlier since then.
    #[must_use]
    pub fn moved(&self) -> i64 {
        self.moved
    }

    /// Goes on counting conversions for ranks which are mature by `clock`, the chain's in `slot`, by one step
    /// ([`Self::count_at_most`]) in a database transaction of its own. Returns how many count from now on. One step of
    /// sixteen is for the leaderboards of a day earlier, so that they go on while more and more conversions wait.
    ///
    /// # Errors
    /// When Postgres does not answer. [`Error::is_cancelled`] if the step took too long: nothing of it was written,
    /// and a shorter one may succeed.
    pub async fn count(&mut self, clock: i64, slot: i64) -> Result<u64, Error> {
        unless_silent(async {
            let mut transaction = self.connection.begin().await?;
            let progress = ranks::progress(&mut transaction).await?;
            self.steps += 1;
            let step = Step {
                clock: Some(clock),
                slot,
                most: self.most,
                is_earlier: self.steps.is_multiple_of(EARLIER_EVERY),
                award: self.live,
            };
            let counted = ranks::count(&mut transaction, progress, &[], &step).await?;
            if self.live {
                let campaigns = counted.campaigns();
                log::note(&mut transaction, log::Withdrawn::Nothing, &campaigns).await?;
            }
            transaction.commit().await?;
            self.is_behind = counted.is_behind;
            self.is_waited_for = counted.is_waited_for;
            self.moved = counted.moved;
            Ok(counted.conversions)
        })
        .await
    }

    /// The accounts that the transactions after `seq` changed, each as it was before the first of
    /// them. They are the input of [`Self::rewind`].
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn before(&mut self, seq: i64) -> Result<Vec<Before>, Error> {
        unless_silent(rewind::read(&mut self.connection, seq)).await
    }

    /// Undoes all transactions after `seq`: all of them or none. `before` is what
    /// [`Self::before`] returned, and `projections` how the projections change if the accounts
    /// become that.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if one of them is final.
    pub async fn rewind(
        &mut self,
        seq: i64,
        before: &[Before],
        projections: &Projections,
    ) -> Result<(), Error> {
        unless_silent(async {
            let mut transaction = self.connection.begin().await?;
            rewind::write(&mut transaction, seq, before, projections, self.live).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    /// The rows of the accounts among `addresses` that have one.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn accounts(&mut self, addresses: &[String]) -> Result<Vec<Account>, Error> {
        unless_silent(state::read(&mut self.connection, addresses)).await
    }

    /// The conversions among `addresses`.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn conversions(&mut self, addresses: &[String]) -> Result<Vec<Conversion>, Error> {
        unless_silent(state::conversions(&mut self.connection, addresses)).await
    }

    /// Notes that every account was equal to the node's, each at a slot not before `slot`.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn witnessed(&mut self, slot: i64, source: &str) -> Result<(), Error> {
        let connection = &mut self.connection;
        unless_silent(finality::cover(connection, "accounts", 0, slot, source)).await
    }

    /// Binds the mirror to a chain, for good. Returns the genesis hash of the bound
    /// chain, which differs from `genesis_hash` if the mirror was made from another
    /// chain.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn bind_genesis(&mut self, genesis_hash: &str) -> Result<String, Error> {
        let bind = sqlx::query_scalar!(
            r#"UPDATE indexer_state SET genesis_hash = COALESCE(genesis_hash, $1)
               RETURNING genesis_hash AS "genesis_hash!""#,
            genesis_hash,
        );
        let connection = &mut self.connection;
        unless_silent(async { Ok(bind.fetch_one(connection).await?) }).await
    }

    /// Notes that everything confirmed up to this slot is mirrored. It never goes back, and a slot that is
    /// noted again, for example of a node that stands still, is no progress.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn indexed(&mut self, slot: i64) -> Result<(), Error> {
        let update = sqlx::query!(
            "UPDATE indexer_state SET
                 updated_at = CASE WHEN $1 > COALESCE(indexed_slot, -1) THEN now() ELSE updated_at END,
                 indexed_slot = GREATEST(indexed_slot, $1)",
            slot,
        );
        let connection = &mut self.connection;
        unless_silent(async { Ok(update.execute(connection).await?) }).await?;
        Ok(())
    }

    /// Releases the lock, so that a standby can take over at once.
    ///
    /// # Errors
    /// When Postgres does not answer; the lock is released all the same.
    pub async fn release(mut self) -> Result<(), Error> {
        unless_silent(async {
            // Postgres ends a closed connection, and its lock, only some time after the close.
            self.connection
                .execute("SELECT pg_advisory_unlock_all()")
                .await?;
            Ok(self.connection.close().await?)
        })
        .await
    }
}
