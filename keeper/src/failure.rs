//! Reasons why a round ends early. It is repeated.

use solana_client::client_error::{ClientError, ClientErrorKind};

/// A failure. /healthz and the log show its `Display`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Postgres does not answer, or refuses a query.
    #[error("{0}")]
    Database(#[from] vouch_db::Error),
    /// The node does not answer, or its answer cannot be right.
    #[error("{0}")]
    Chain(String),
    /// The node belongs to another chain than the mirror.
    #[error(
        "the mirror in this database is of the chain with genesis hash {mirrored}, but the node \
         is of {node}: use the node of that chain"
    )]
    OtherChain { mirrored: String, node: String },
}

impl Failure {
    pub(crate) fn chain(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Chain(format!("{what}: {error}"))
    }

    /// A failed request to the node. The error's text may contain the node's URL, and with it an API
    /// key, so the URL is left out.
    pub(crate) fn rpc(what: &str, error: ClientError) -> Self {
        match *error.kind {
            ClientErrorKind::Reqwest(error) => Self::chain(what, error.without_url()),
            kind => Self::chain(what, kind),
        }
    }
}
