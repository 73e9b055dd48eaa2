//! A node's WebSocket (`logsSubscribe`), which tells of transactions late, twice, in any order, or not at
//! all.

use std::net::SocketAddr;

use anyhow::Result;
use futures::{SinkExt as _, StreamExt as _};
use rand::{Rng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
    task::AbortHandle,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// Notices that a slow listener may lag behind before its connection ends.
const BACKLOG: usize = 256;

/// How a WebSocket tells of transactions. Each is a share.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habits {
    /// Transactions that it never tells of.
    pub(crate) lost: f64,
    /// Those that it tells of twice.
    pub(crate) doubled: f64,
    /// Those that it tells of only when the cluster has gone on.
    pub(crate) late: f64,
    /// Moments at which it tells of them in another order.
    pub(crate) mixed: f64,
    /// Moments at which it says something else, too.
    pub(crate) nonsense: f64,
    /// Moments at which it closes the connection.
    pub(crate) hangup: f64,
}

impl Habits {
    pub(crate) fn new(random: &mut StdRng) -> Self {
        let mut share = |most: f64| match random.gen_bool(0.5) {
            true => random.gen_range(0.0..most),
            false => 0.0,
        };
        Self {
            lost: share(0.6),
            doubled: share(0.6),
            late: share(0.6),
            mixed: share(1.0),
            nonsense: share(0.3),
            hangup: share(0.15),
        }
    }
}

#[derive(Debug, Clone)]
enum Notice {
    Transaction(String, u64),
    Text(&'static str),
    Hangup,
}

/// A habit that a listener has to survive.
const NONSENSE: [&str; 4] = [
    "<html>",
    "{}",
    r#"{"jsonrpc":"2.0","method":"logsNotification","params":{"subscription":0,"result":null}}"#,
    r#"{"jsonrpc":"2.0","method":"logsNotification","params":{"subscription":0,"result":{"context":{"slot":1},"value":{"signature":"not one","err":null,"logs":[]}}}}"#,
];

/// The WebSocket. Dropping it ends it.
pub(crate) struct Announcer {
    notices: broadcast::Sender<Notice>,
    address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Announcer {
    pub(crate) async fn start() -> Result<Self> {
        let (notices, _) = broadcast::channel(BACKLOG);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let sender = notices.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A listener that goes away is not missed.
                tokio::spawn(serve(stream, sender.subscribe()));
            }
        })
        .abort_handle();
        Ok(Self {
            notices,
            address,
            task,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Tells of these transactions and of those in `late`, or not. Returns how often it told of one.
    pub(crate) fn tell(
        &self,
        random: &mut StdRng,
        habits: &Habits,
        new: Vec<(String, u64)>,
        late: &mut Vec<(String, u64)>,
    ) -> u64 {
        let mut told = std::mem::take(late);
        for transaction in new {
            if random.gen_bool(habits.lost) {
                continue;
            }
            if random.gen_bool(habits.late) {
                late.push(transaction);
                continue;
            }
            if random.gen_bool(habits.doubled) {
                told.push(transaction.clone());
            }
            told.push(transaction);
        }
        if random.gen_bool(habits.mixed) {
            told.shuffle(random);
        }
        let count = told.len() as u64;
        let notices = told.into_iter();
        let mut notices: Vec<_> = notices
            .map(|(signature, slot)| Notice::Transaction(signature, slot))
            .collect();
        if random.gen_bool(habits.nonsense) {
            let place = random.gen_range(0..=notices.len());
            let text = NONSENSE.choose(random).copied().unwrap_or_default();
            notices.insert(place, Notice::Text(text));
        }
        if random.gen_bool(habits.hangup) {
            let place = random.gen_range(0..=notices.len());
            notices.insert(place, Notice::Hangup);
        }
        for notice in notices {
            // Perhaps nobody listens.
            let _ = self.notices.send(notice);
        }
        count
    }
}

async fn serve(stream: TcpStream, mut notices: broadcast::Receiver<Notice>) -> Result<()> {
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
            notice = notices.recv() => {
                let text = match notice? {
                    Notice::Hangup => return Ok(()),
                    Notice::Text(text) => text.to_owned(),
                    Notice::Transaction(signature, slot) => {
                        let value = json!({ "signature": signature, "err": null, "logs": [] });
                        let result = json!({ "context": { "slot": slot }, "value": value });
                        json!({
                            "jsonrpc": "2.0",
                            "method": "logsNotification",
                            "params": { "result": result, "subscription": 0 },
                        })
                        .to_string()
                    }
                };
                socket.send(Message::text(text)).await?;
            }
        }
    }
}
