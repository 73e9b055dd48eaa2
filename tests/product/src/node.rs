//! A node whose answers are wrong on demand.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use solana_sdk::signature::Signature;
use tokio::{net::TcpListener, task::JoinHandle};

/// The decision about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is sent, with the changes that were made to it.
    Sent,
    /// It is sent after this time.
    Late(Duration),
    /// The request is refused with HTTP 429, and the wish to be asked again after so many seconds.
    Refused(u64),
    /// There is never an answer.
    Held,
    /// The connection is closed.
    Lost,
}

/// Decides over an answer: the request, and the answer, which it may change.
type Rule = Box<dyn FnMut(&Value, &mut Value) -> Fate + Send>;
/// Decides whether a request reaches the node: the answer and its fate if it does not.
type Guard = Box<dyn FnMut(&Value) -> Option<(Value, Fate)> + Send>;

#[derive(Clone)]
struct Shared {
    url: String,
    client: reqwest::Client,
    rule: Arc<Mutex<Option<Rule>>>,
    guard: Arc<Mutex<Option<Guard>>>,
    calls: Arc<Mutex<BTreeMap<String, u64>>>,
}

/// A server that passes requests on to a real node, and changes what it answers.
pub struct FaultyNode {
    address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

impl FaultyNode {
    /// Starts a server before the node at this URL. At first it changes nothing.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn before(url: &str) -> Self {
        let shared = Shared {
            url: url.to_owned(),
            client: reqwest::Client::new(),
            rule: Arc::default(),
            guard: Arc::default(),
            calls: Arc::default(),
        };
        let router = Router::new()
            .route("/", post(forward))
            .with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            address,
            shared,
            server,
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, this rule decides over every answer.
    pub fn behave(&self, rule: impl FnMut(&Value, &mut Value) -> Fate + Send + 'static) {
        let mut current = self
            .shared
            .rule
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Some(Box::new(rule));
    }

    /// From now on, the rule decides over every result of this method, and nothing else.
    pub fn change(&self, method: &'static str, mut rule: impl FnMut(&mut Value) + Send + 'static) {
        self.behave(move |request, answer| {
            if request["method"] == method && answer.get("result").is_some() {
                rule(&mut answer["result"]);
            }
            Fate::Sent
        });
    }

    /// From now on, no answer knows these transactions, as if their blocks were abandoned.
    pub fn hide(&self, transactions: &[Signature]) {
        let hidden: Vec<Value> = transactions
            .iter()
            .map(|signature| signature.to_string().into())
            .collect();
        self.behave(move |request, answer| {
            let asked = &request["params"][0];
            match request["method"].as_str() {
                Some("getSignaturesForAddress") => {
                    if let Some(list) = answer["result"].as_array_mut() {
                        list.retain(|entry| !hidden.contains(&entry["signature"]));
                    }
                }
                Some("getTransaction") if hidden.contains(asked) => {
                    answer["result"] = Value::Null;
                }
                Some("getSignatureStatuses") => {
                    let asked = asked.as_array().into_iter().flatten();
                    for (place, signature) in asked.enumerate() {
                        if hidden.contains(signature) {
                            answer["result"]["value"][place] = json!(null);
                        }
                    }
                }
                _ => {}
            }
            Fate::Sent
        });
    }

    /// From now on, there is no answer to anything.
    pub fn fall_silent(&self) {
        self.behave(|_, _| Fate::Held);
    }

    /// From now on, every connection breaks.
    pub fn go_away(&self) {
        self.behave(|_, _| Fate::Lost);
    }

    /// From now on, requests for which the guard returns something do not reach the node. They get that
    /// answer, which must be complete but for its id.
    pub fn keep_away(&self, guard: impl FnMut(&Value) -> Option<(Value, Fate)> + Send + 'static) {
        let mut current = self
            .shared
            .guard
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Some(Box::new(guard));
    }

    /// From now on, every answer is the node's.
    pub fn behave_well(&self) {
        let mut guard = self
            .shared
            .guard
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *guard = None;
        drop(guard);
        let mut current = self
            .shared
            .rule
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = None;
    }

    /// How many requests there were.
    pub fn all_calls(&self) -> u64 {
        let calls = self
            .shared
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        calls.values().sum()
    }

    /// How many requests there were of each method.
    pub fn calls_by_method(&self) -> BTreeMap<String, u64> {
        let calls = self.shared.calls.lock();
        calls.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often this method was asked for.
    pub fn calls(&self, method: &str) -> u64 {
        let calls = self
            .shared
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        calls.get(method).copied().unwrap_or_default()
    }
}

impl Drop for FaultyNode {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn forward(State(shared): State<Shared>, Json(request): Json<Value>) -> Response {
    let method = request["method"].as_str().unwrap_or_default().to_owned();
    *shared
        .calls
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(method)
        .or_default() += 1;
    let kept = {
        let mut guard = shared.guard.lock().unwrap_or_else(PoisonError::into_inner);
        guard.as_mut().and_then(|guard| guard(&request))
    };
    if let Some((mut answer, fate)) = kept {
        answer["id"] = request["id"].clone();
        answer["jsonrpc"] = "2.0".into();
        return respond(answer, fate).await;
    }
    let answer = shared.client.post(&shared.url).json(&request).send().await;
    let Ok(answer) = answer else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let Ok(mut answer) = answer.json::<Value>().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let fate = {
        let mut rule = shared.rule.lock().unwrap_or_else(PoisonError::into_inner);
        rule.as_mut()
            .map_or(Fate::Sent, |rule| rule(&request, &mut answer))
    };
    respond(answer, fate).await
}

async fn respond(answer: Value, fate: Fate) -> Response {
    match fate {
        Fate::Sent => Json(answer).into_response(),
        Fate::Late(time) => {
            tokio::time::sleep(time).await;
            Json(answer).into_response()
        }
        Fate::Refused(seconds) => {
            let wish = [(RETRY_AFTER, seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, wish).into_response()
        }
        Fate::Held => std::future::pending().await,
        Fate::Lost => {
            let broken = std::io::Error::other("the connection breaks");
            let pieces: [Result<&str, _>; 2] = [Ok("{"), Err(broken)];
            Body::from_stream(futures::stream::iter(pieces)).into_response()
        }
    }
}
