//! An API whose answers are wrong on demand.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// The decision about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is sent, with the changes that were made to it.
    Sent,
    /// Spaces are sent instead, without end.
    Endless,
    /// Nothing is ever sent.
    Silent,
}

/// Decides over an answer: the path, and the answer, which it may change.
type Rule = Box<dyn FnMut(&str, &mut Value) -> Answer + Send>;

#[derive(Clone)]
struct Shared {
    url: String,
    client: reqwest::Client,
    rule: Arc<Mutex<Option<Rule>>>,
}

/// A server that passes `GET` requests on to a real API, and changes what it answers.
pub struct FaultyApi {
    address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

impl FaultyApi {
    /// Starts a server before the API at this URL. At first it changes nothing.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn before(url: &str) -> Self {
        let shared = Shared {
            url: url.to_owned(),
            client: reqwest::Client::new(),
            rule: Arc::default(),
        };
        let router = Router::new().fallback(forward).with_state(shared.clone());
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
    pub fn behave(&self, rule: impl FnMut(&str, &mut Value) -> Answer + Send + 'static) {
        let mut current = self
            .shared
            .rule
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Some(Box::new(rule));
    }
}

impl Drop for FaultyApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn forward(State(shared): State<Shared>, uri: Uri) -> Response {
    let answer = shared
        .client
        .get(format!("{}{uri}", shared.url))
        .send()
        .await;
    let Ok(answer) = answer else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let status = answer.status();
    let Ok(mut answer) = answer.json::<Value>().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let fate = {
        let mut rule = shared.rule.lock().unwrap_or_else(PoisonError::into_inner);
        rule.as_mut()
            .map_or(Answer::Sent, |rule| rule(uri.path(), &mut answer))
    };
    match fate {
        Answer::Sent => (status, Json(answer)).into_response(),
        Answer::Endless => {
            let piece = || Ok::<_, std::io::Error>(vec![b' '; 1 << 16]);
            let pieces = futures::stream::repeat_with(piece);
            Body::from_stream(pieces).into_response()
        }
        Answer::Silent => std::future::pending().await,
    }
}
