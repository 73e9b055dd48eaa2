//! The one writer of the mirror.

use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};

use super::{Applied, Observation, Receipt, Slot, batch, receipts};
use crate::{Error, statement_timeout, unless_silent};

/// Key of the advisory lock. Postgres keeps such locks apart by database.
const LOCK: i64 = 0x566f_7563_684d_6972;

/// The connection that holds the mirror's lock, and through which alone the mirror
/// is written.
///
/// The lock lives and dies with the connection. So there is no moment at which a
/// process writes without the lock: when the connection breaks, nothing of it can be
/// committed any more, and only then does Postgres let the next one in.
///
/// Every method fails with [`Error::Unavailable`] after 35 seconds of silence. A writer
/// that has failed so has to be dropped.
#[derive(Debug)]
pub struct Writer {
    connection: PgConnection,
}

/// How far the mirror is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The chain that is mirrored; `None` before the first start.
    pub genesis_hash: Option<String>,
    /// Everything confirmed up to this slot is mirrored.
    pub indexed_slot: Option<u64>,
    /// Everything up to this slot was looked at again when it was finalized.
    pub finalized_slot: Option<u64>,
}

/// How far the mirror is.
///
/// # Errors
/// When Postgres does not answer.
pub async fn state(pool: &PgPool) -> Result<State, Error> {
    let row = sqlx::query!(
        r#"SELECT genesis_hash, indexed_slot AS "indexed_slot: Slot",
                  finalized_slot AS "finalized_slot: Slot"
           FROM indexer_state"#
    )
    .fetch_one(pool)
    .await?;
    Ok(State {
        genesis_hash: row.genesis_hash,
        indexed_slot: row.indexed_slot.map(u64::from),
        finalized_slot: row.finalized_slot.map(u64::from),
    })
}

impl Writer {
    /// Becomes the writer, or `None` when another process is.
    ///
    /// `url` must lead to Postgres itself: a pooler that shares connections between
    /// clients cannot hold the lock.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn try_acquire(url: &str) -> Result<Option<Self>, Error> {
        let options: PgConnectOptions = url.parse()?;
        let options = options
            .application_name("vouch-indexer writer")
            // Postgres notices within seconds that the writer's machine is gone.
            .options([statement_timeout()])
            .options([
                ("tcp_keepalives_idle", "5"),
                ("tcp_keepalives_interval", "2"),
                ("tcp_keepalives_count", "3"),
            ]);
        unless_silent(Self::try_acquire_with(&options)).await
    }

    async fn try_acquire_with(options: &PgConnectOptions) -> Result<Option<Self>, Error> {
        let mut connection = PgConnection::connect_with(options).await?;
        let won = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "won!""#, LOCK)
            .fetch_one(&mut connection)
            .await?;
        if won {
            return Ok(Some(Self { connection }));
        }
        connection.close().await?;
        Ok(None)
    }

    /// Applies what was observed: all of it, rollups included, or nothing.
    ///
    /// # Errors
    /// [`Error::UnknownReferrals`] when a conversion's referral is neither mirrored
    /// nor in the batch.
    pub async fn apply(&mut self, observations: Vec<Observation>) -> Result<Applied, Error> {
        if observations.is_empty() {
            return Ok(Applied::default());
        }
        unless_silent(async {
            let mut transaction = self.connection.begin().await?;
            let applied = batch::apply(&mut transaction, observations).await?;
            transaction.commit().await?;
            Ok(applied)
        })
        .await
    }

    /// Gives conversions their receipts. Those that have one keep it. Returns how many
    /// were new.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn set_receipts(&mut self, found: &[Receipt]) -> Result<u64, Error> {
        if found.is_empty() {
            return Ok(0);
        }
        unless_silent(receipts::write(&mut self.connection, found)).await
    }

    /// Ties the mirror to a chain, for good. Returns the chain that it is tied to,
    /// which is another one when the mirror was made of another.
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

    /// Notes how far the mirror is; it never goes back.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn advance(
        &mut self,
        indexed_slot: Option<u64>,
        finalized_slot: Option<u64>,
    ) -> Result<(), Error> {
        let update = sqlx::query!(
            "UPDATE indexer_state SET
                 indexed_slot = GREATEST(indexed_slot, $1),
                 finalized_slot = GREATEST(finalized_slot, $2),
                 updated_at = now()",
            indexed_slot.map(Slot) as Option<Slot>,
            finalized_slot.map(Slot) as Option<Slot>,
        );
        let connection = &mut self.connection;
        unless_silent(async { Ok(update.execute(connection).await?) }).await?;
        Ok(())
    }

    /// Gives the lock back, so that a standby can take over at once.
    ///
    /// # Errors
    /// When Postgres does not answer; the lock is gone all the same.
    pub async fn release(self) -> Result<(), Error> {
        unless_silent(async { Ok(self.connection.close().await?) }).await
    }
}
