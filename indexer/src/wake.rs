//! Notifications of new transactions. They only make the next round begin at once: what a
//! notification says is not believed, and one that never comes is not missed.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, future::join_all};
use solana_client::{
    nonblocking::pubsub_client::PubsubClient,
    rpc_config::{RpcTransactionLogsConfig, RpcTransactionLogsFilter},
};
use solana_sdk::signature::Signature;
use tokio::{sync::Notify, time::timeout};
use vouch_client::PROGRAM_ID;

use crate::{
    chain::{Commitment, config},
    failure::Failure,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// A transaction that was announced is looked for this often and this long, because a node may
/// announce it before it lists it.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(50);
const LOOK_FOR: Duration = Duration::from_secs(5);
/// Most announced transactions that are remembered.
const MOST_EXPECTED: usize = 10_000;

/// The announced transactions that are not mirrored yet.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    expected: Mutex<Vec<(String, Instant)>>,
    announced: Notify,
}

impl Wake {
    /// Listens to all nodes until the process ends. Without a WebSocket the mirror polls, so nothing
    /// fails, and one that is silent holds up nobody.
    pub(crate) async fn listen(&self, urls: &[String]) {
        join_all(urls.iter().map(|url| self.listen_to(url))).await;
    }

    async fn listen_to(&self, url: &str) {
        let mut pause = FIRST_PAUSE;
        loop {
            let start = Instant::now();
            let failure = self.session(url).await;
            if start.elapsed() > LAST_PAUSE {
                pause = FIRST_PAUSE;
            }
            metrics::counter!("vouch_indexer_websocket_failures_total").increment(1);
            tracing::warn!(retry_in = ?pause, "polling without notifications: {failure}");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Listens until the connection fails.
    async fn session(&self, url: &str) -> Failure {
        match self.try_session(url).await {
            Ok(()) => Failure::Chain("WebSocket: the node closed the connection".into()),
            Err(failure) => failure,
        }
    }

    async fn try_session(&self, url: &str) -> Result<(), Failure> {
        let client = within("WebSocket", PubsubClient::new(url)).await?;
        let filter = RpcTransactionLogsFilter::Mentions(vec![PROGRAM_ID.to_string()]);
        let config = RpcTransactionLogsConfig {
            commitment: Some(config(Commitment::Confirmed)),
        };
        let subscribe = client.logs_subscribe(filter, config);
        let (mut notifications, _unsubscribe) = within("logsSubscribe", subscribe).await?;
        // What happened before was not announced.
        self.announced.notify_one();
        while let Some(notification) = notifications.next().await {
            // Anything may come as a signature, of any length.
            if let Ok(signature) = notification.value.signature.parse::<Signature>() {
                self.expect(signature.to_string());
            }
        }
        Ok(())
    }

    fn expect(&self, signature: String) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = expected.iter().all(|(known, _)| *known != signature);
        if is_new && expected.len() < MOST_EXPECTED {
            expected.push((signature, Instant::now()));
        }
        drop(expected);
        self.announced.notify_one();
    }

    /// Waits until a round should begin: at once if an announced transaction is not mirrored yet,
    /// and at the latest after `pause`.
    pub(crate) async fn wait(&self, pause: Duration, is_mirrored: impl Fn(&str) -> bool) {
        let missing = {
            let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
            expected
                .retain(|(signature, since)| since.elapsed() < LOOK_FOR && !is_mirrored(signature));
            !expected.is_empty()
        };
        let pause = if missing { LOOK_AGAIN } else { pause };
        // The end of the pause is no error.
        let _ = timeout(pause, self.announced.notified()).await;
    }
}

async fn within<T, E: std::fmt::Display>(
    what: &str,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match timeout(CONNECT_TIMEOUT, future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::chain(what, error)),
        Err(_) => Err(Failure::Chain(format!("{what}: no answer"))),
    }
}
