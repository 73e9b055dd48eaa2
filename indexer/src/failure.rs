//! Reasons why the mirror does not go on. Nothing is skipped: what failed is tried again.

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
    /// A transaction does not follow from those before it. Either the node left one out, or the
    /// program is newer than this version.
    #[error("{signature} in slot {slot} does not follow from what came before: {reason}")]
    Replay {
        signature: String,
        slot: u64,
        reason: String,
    },
    /// The database holds what this version cannot read.
    #[error("the database holds what this version cannot read: {0}")]
    Corrupt(String),
    /// The node belongs to another chain than the mirror.
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
    /// A failed request to the node. The error's text may contain the node's URL, and
    /// with it an API key, so the URL is left out.
    pub(crate) fn rpc(what: &str, error: ClientError) -> Self {
        match *error.kind {
            ClientErrorKind::Reqwest(error) => Self::chain(what, error.without_url()),
            kind => Self::chain(what, kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use solana_client::nonblocking::rpc_client::RpcClient;
    use tokio::net::TcpListener;

    use super::*;

    /// The failure of a request to this address with a key in its URL.
    async fn failure(address: std::net::SocketAddr) -> String {
        let rpc = RpcClient::new(format!("http://{address}/secret-path?api-key=secret"));
        let error = rpc.get_slot().await.expect_err("there is no node");
        let url = error.to_string();
        assert!(url.contains("api-key=secret"), "nothing to hide: {url}");
        Failure::rpc("getSlot", error).to_string()
    }

    #[tokio::test]
    async fn the_urls_of_the_node_are_not_told() {
        // Given a server that is not a node
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async { axum::serve(listener, axum::Router::new()).await });
        // When it refuses a request, then the failure has no URL
        assert_eq!(
            failure(address).await,
            "getSlot: HTTP status client error (404 Not Found)"
        );
        // When nothing listens any more, then the failure has no URL either
        server.abort();
        assert!(server.await.expect_err("it was ended").is_cancelled());
        assert_eq!(failure(address).await, "getSlot: error sending request");
    }
}
