//! A node that tells a [`History`].

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use axum::{
    Router, body::Bytes, extract::State, http::header, response::IntoResponse, routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle};

use crate::history::History;

/// How far the chain is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tip {
    /// Transactions that are confirmed.
    pub(crate) confirmed: u64,
    /// Transactions that are final.
    pub(crate) finalized: u64,
    pub(crate) confirmed_slot: u64,
    pub(crate) finalized_slot: u64,
}

struct Inner {
    history: Arc<History>,
    tip: Mutex<Tip>,
    calls: Mutex<Calls>,
}

/// Requests by method, and by commitment where a method has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Calls(pub(crate) BTreeMap<String, u64>);

impl Calls {
    /// All of them.
    pub(crate) fn sum(&self) -> u64 {
        self.0.values().sum()
    }

    /// Those since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let more = self.0.iter().map(|(method, count)| {
            let known = before.0.get(method).copied().unwrap_or_default();
            (method.clone(), count.saturating_sub(known))
        });
        Self(more.filter(|(_, count)| *count > 0).collect())
    }
}

/// The node. Dropping it ends it.
pub(crate) struct Node {
    inner: Arc<Inner>,
    url: String,
    task: AbortHandle,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    pub(crate) async fn start(history: Arc<History>) -> Result<Self> {
        let inner = Arc::new(Inner {
            history,
            tip: Mutex::default(),
            calls: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .fallback(post(answer))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self { inner, url, task })
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The chain has reached this.
    pub(crate) fn show(&self, tip: Tip) {
        *self
            .inner
            .tip
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = tip;
    }

    /// Requests so far.
    pub(crate) fn calls(&self) -> Calls {
        let calls = self
            .inner
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        calls.clone()
    }
}

async fn answer(State(inner): State<Arc<Inner>>, body: Bytes) -> impl IntoResponse {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    inner.count(&request);
    let body = match inner.result(&request) {
        Some(result) => format!(r#"{{"jsonrpc":"2.0","result":{result},"id":1}}"#),
        None => r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}"#
            .into(),
    };
    ([(header::CONTENT_TYPE, "application/json")], body)
}

/// A node takes `finalized` where nothing is said.
fn is_final(config: &Value) -> bool {
    config["commitment"] != "confirmed"
}

impl Inner {
    fn count(&self, request: &Value) {
        let method = request["method"].as_str().unwrap_or("?");
        let config = match method {
            "getSlot" => Some(&request["params"][0]),
            "getSignaturesForAddress" => Some(&request["params"][1]),
            _ => None,
        };
        let name = match config.map(is_final) {
            Some(true) => format!("{method} (finalized)"),
            Some(false) => format!("{method} (confirmed)"),
            None => method.to_owned(),
        };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.0.entry(name).or_default() += 1;
    }

    fn result(&self, request: &Value) -> Option<String> {
        let tip = *self.tip.lock().unwrap_or_else(PoisonError::into_inner);
        let parameters = &request["params"];
        match request["method"].as_str()? {
            "getGenesisHash" => Some(json!(self.history.recording.genesis_hash).to_string()),
            "getHealth" => Some(r#""ok""#.into()),
            "getSlot" if is_final(&parameters[0]) => Some(tip.finalized_slot.to_string()),
            "getSlot" => Some(tip.confirmed_slot.to_string()),
            "getBlockTime" => Some(self.history.time(parameters[0].as_u64()?).to_string()),
            "getSignaturesForAddress" => {
                let is_final = is_final(&parameters[1]);
                let visible = if is_final {
                    tip.finalized
                } else {
                    tip.confirmed
                };
                Some(self.list(&parameters[1], visible))
            }
            "getTransaction" => Some(match self.history.number(parameters[0].as_str()?) {
                Some(number) if number < tip.confirmed => self.history.answer(number),
                _ => "null".into(),
            }),
            "getAccountInfo" => {
                let mut data = [0; 82];
                data[44] = 6;
                let account = json!({
                    "data": [BASE64_STANDARD.encode(data), "base64"],
                    "executable": false,
                    "lamports": 1_461_600,
                    "owner": vouch_client::token::TOKEN_PROGRAM_ID.to_string(),
                    "rentEpoch": u64::MAX,
                    "space": 82,
                });
                let context = json!({ "slot": tip.confirmed_slot });
                Some(json!({ "context": context, "value": account }).to_string())
            }
            _ => None,
        }
    }

    /// A page, newest first.
    fn list(&self, config: &Value, visible: u64) -> String {
        let known = |name: &str| self.history.number(config[name].as_str()?);
        let end = known("before").unwrap_or(visible).min(visible);
        let begin = known("until").map_or(0, |until| until + 1);
        let limit = config["limit"].as_u64().unwrap_or(1000);
        let begin = begin.max(end.saturating_sub(limit));
        let mut text = String::from("[");
        for number in (begin..end).rev() {
            let comma = if text.len() > 1 { "," } else { "" };
            let slot = self.history.slot(number);
            // A string takes everything.
            let _ = write!(
                text,
                r#"{comma}{{"signature":"{}","slot":{slot},"err":null,"memo":null,"blockTime":{},"confirmationStatus":"finalized"}}"#,
                self.history.signature(number),
                self.history.time(slot)
            );
        }
        text.push(']');
        text
    }
}
