//! The settings of the chain that the pages get.

use axum::http::HeaderValue;
use url::Url;

use crate::cluster::Cluster;

/// The settings of the chain that the pages get.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    /// The cluster's identifier.
    pub(crate) chain: String,
    /// The node that browsers ask; empty without one.
    pub(crate) rpc_url: String,
    /// The content security policy.
    pub(crate) policy: HeaderValue,
}

impl Pages {
    /// `rpc_url` is the node that browsers ask. Without it, wallets send what they sign, and no
    /// page shows a cost before.
    ///
    /// # Errors
    /// Never in practice: the origin of a URL is ASCII.
    pub(crate) fn new(chain: Cluster, rpc_url: Option<&Url>) -> anyhow::Result<Self> {
        let node = rpc_url.map(|url| format!(" {}", url.origin().ascii_serialization()));
        // `solid` is the policy by which the compiled templates become elements. No page makes
        // markup of any other text.
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self'{}; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types solid",
            node.unwrap_or_default()
        );
        Ok(Self {
            chain: chain.identifier(),
            rpc_url: rpc_url.map(ToString::to_string).unwrap_or_default(),
            policy: HeaderValue::from_str(&policy)?,
        })
    }
}
