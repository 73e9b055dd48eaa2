//! Why the mirror stops. Nothing is skipped: every failure ends the session, and the
//! next one begins with a snapshot that closes the gap.

use solana_client::client_error::{ClientError, ClientErrorKind};

/// What ended a session. `Display` is shown on /healthz and logged.
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
    /// A request to the node that failed. The error's text may hold the node's URL, and
    /// with it an API key: that is left out.
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

    /// What a node at this address makes of a request with a key in its URL.
    async fn failure(address: std::net::SocketAddr) -> String {
        let rpc = RpcClient::new(format!("http://{address}/secret-path?api-key=secret"));
        let error = rpc.get_slot().await.expect_err("there is no node");
        let url = error.to_string();
        assert!(url.contains("api-key=secret"), "nothing to hide: {url}");
        Failure::rpc("getSlot", error).to_string()
    }

    #[tokio::test]
    async fn the_urls_of_the_node_are_not_told() {
        // Given a server that is no node
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async { axum::serve(listener, axum::Router::new()).await });
        // When it refuses a request, then the failure says so without the URL
        assert_eq!(
            failure(address).await,
            "getSlot: HTTP status client error (404 Not Found)"
        );
        // When nobody listens any more, then that is said without the URL
        server.abort();
        assert!(server.await.expect_err("it was ended").is_cancelled());
        assert_eq!(failure(address).await, "getSlot: error sending request");
    }
}
