//! A WebSocket that announces transactions, as a node does (`logsSubscribe`).

use anyhow::Result;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
    task::AbortHandle,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// Announcements that a slow listener may lag behind.
const BACKLOG: usize = 1024;

/// The WebSocket. Dropping it ends it.
pub(crate) struct Announcer {
    signatures: broadcast::Sender<(String, u64)>,
    url: String,
    task: AbortHandle,
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Announcer {
    pub(crate) async fn start() -> Result<Self> {
        let (signatures, _) = broadcast::channel(BACKLOG);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}", listener.local_addr()?);
        let sender = signatures.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A listener that goes away is not missed.
                tokio::spawn(serve(stream, sender.subscribe()));
            }
        })
        .abort_handle();
        Ok(Self {
            signatures,
            url,
            task,
        })
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Tells everybody who listens.
    pub(crate) fn announce(&self, signature: String, slot: u64) {
        // Perhaps nobody does.
        let _ = self.signatures.send((signature, slot));
    }
}

async fn serve(
    stream: TcpStream,
    mut signatures: broadcast::Receiver<(String, u64)>,
) -> Result<()> {
    let mut socket = accept_async(stream).await?;
    loop {
        tokio::select! {
            message = socket.next() => {
                let Some(message) = message else { return Ok(()) };
                let Message::Text(text) = message? else { continue };
                let request: Value = serde_json::from_str(&text)?;
                // The number of the subscription, or that it has ended.
                let answer = json!({ "jsonrpc": "2.0", "result": 0, "id": request["id"] });
                socket.send(Message::text(answer.to_string())).await?;
            }
            announced = signatures.recv() => {
                let (signature, slot) = announced?;
                let value = json!({ "signature": signature, "err": null, "logs": [] });
                let result = json!({ "context": { "slot": slot }, "value": value });
                let notification = json!({
                    "jsonrpc": "2.0",
                    "method": "logsNotification",
                    "params": { "result": result, "subscription": 0 },
                });
                socket.send(Message::text(notification.to_string())).await?;
            }
        }
    }
}
