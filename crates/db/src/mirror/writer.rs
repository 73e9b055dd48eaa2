//! The single writer of the mirror.

use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};

use super::{Applied, Observation, Receipt, Slot, batch, receipts};
use crate::{Error, statement_timeout, unless_silent};

/// Key of the advisory lock. Postgres keeps such locks apart by database.
const LOCK: i64 = 0x566f_7563_684d_6972;

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
}

/// The mirror's progress.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Genesis hash of the mirrored chain; `None` before the first start.
    pub genesis_hash: Option<String>,
    /// Everything confirmed up to this slot is mirrored.
    pub indexed_slot: Option<u64>,
    /// Everything up to this slot was read again after it was finalized.
    pub finalized_slot: Option<u64>,
}

/// Returns the mirror's progress.
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
    /// Takes the writer's lock. Returns `None` when another process holds it.
    ///
    /// `url` must lead to Postgres itself, because a pooler that shares connections
    /// between clients cannot hold the lock.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn try_acquire(url: &str) -> Result<Option<Self>, Error> {
        let options: PgConnectOptions = url.parse()?;
        let options = options
            .application_name("vouch-indexer writer")
            // Postgres notices within seconds when the writer's machine is gone.
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

    /// Applies observations, rollups included: all of them or none.
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

    /// Sets the receipts of conversions that have none. Returns how many were set.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn set_receipts(&mut self, found: &[Receipt]) -> Result<u64, Error> {
        if found.is_empty() {
            return Ok(0);
        }
        unless_silent(receipts::write(&mut self.connection, found)).await
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

    /// Records the mirror's progress, which never goes back.
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

    /// Releases the lock, so that a standby can take over at once.
    ///
    /// # Errors
    /// When Postgres does not answer; the lock is released all the same.
    pub async fn release(self) -> Result<(), Error> {
        unless_silent(async { Ok(self.connection.close().await?) }).await
    }
}
