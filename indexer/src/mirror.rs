//! The mirror, as its parts share it.

use std::time::Duration;

use tokio::sync::Mutex;
use vouch_db::{PgPool, mirror::Writer};

use crate::{chain::Chain, config::Undo, health::Health, ranking::Paces};

/// A slot counts as listed only this long after the node has called it final, because the node
/// may index its transactions later.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);
/// With more final transactions than this, nobody waits for a single one of them: they come in larger batches, of
/// which the next one is fetched while one is written, and conversions count for ranks in long steps.
pub(crate) const MANY: usize = 10_000;

/// The mirror, while this process is its writer.
pub(crate) struct Mirror<'a> {
    /// Parallel requests to the node for transactions.
    pub(crate) concurrency: usize,
    pub(crate) undo: Undo,
    /// See [`SETTLE`].
    pub(crate) settle: Duration,
    /// See [`MANY`].
    pub(crate) many: usize,
    pub(crate) chain: &'a Chain,
    pub(crate) health: &'a Health,
    /// They outlive the session.
    pub(crate) paces: &'a Paces,
    /// For reads, which need no lock.
    pub(crate) pool: &'a PgPool,
    /// For all writes.
    pub(crate) writer: Mutex<Writer>,
}
