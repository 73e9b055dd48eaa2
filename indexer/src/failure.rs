//! Why the mirror stops. Nothing is skipped: every failure ends the session, and the
//! next one begins with a snapshot that closes the gap.

/// What ended a session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Postgres does not answer, or refuses what it is told.
    #[error("{0}")]
    Database(#[from] vouch_db::Error),
    /// The node does not answer, or went silent.
    #[error("{0}")]
    Chain(String),
    /// An account that this version cannot read. Waiting does not cure it.
    #[error("the account {address} cannot be read: {reason}")]
    Account { address: String, reason: String },
    /// The node is of another chain than the mirror.
    #[error(
        "the mirror in this database is of the chain with genesis hash {mirrored}, but the node \
         is of {node}: use the node of that chain, or an empty database"
    )]
    OtherChain { mirrored: String, node: String },
}

impl Failure {
    pub(crate) fn chain(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Chain(format!("{what}: {error}"))
    }
}
