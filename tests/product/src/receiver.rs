//! A server that receives webhooks, and the service that sends them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    process::Output,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header::LOCATION},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::{net::TcpListener, process::Command, task::JoinHandle};
use vouch_localnet::{Database, Instance, Service, ServiceSpec, built_binary};

/// The receiver's reaction to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// It answers with this status.
    Status(u16),
    /// It leads somewhere else.
    Redirect(String),
    /// It never answers.
    Silence,
    /// It closes the connection in the middle of its answer.
    Close,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The path of its URL.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// The receiver's reaction to it.
    pub reaction: Reaction,
}

impl Arrival {
    /// The message's id.
    pub fn id(&self) -> String {
        let id = self.headers["webhook-id"].to_str();
        id.expect("an id of letters").to_owned()
    }

    /// The message.
    pub fn message(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Whether somebody who knows this secret accepts it.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let receiver = Webhook::new(secret).expect("a secret");
        receiver.verify(&self.body, &self.headers).is_ok()
    }
}

/// Decides what is done with a request: its path and its message.
type Rule = Box<dyn FnMut(&str, &Value) -> Reaction + Send>;

#[derive(Clone, Default)]
struct Shared {
    rule: Arc<Mutex<Option<Rule>>>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

/// A server that keeps everything that it receives, and at first answers 200.
pub struct Receiver {
    address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Receiver {
    /// Starts a server.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let shared = Shared::default();
        let router = Router::new().fallback(receive).with_state(shared.clone());
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

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on, this rule decides.
    pub fn react(&self, rule: impl FnMut(&str, &Value) -> Reaction + Send + 'static) {
        let mut current = self
            .shared
            .rule
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Some(Box::new(rule));
    }

    /// Everything that arrived at this path, in its order.
    pub fn arrivals(&self, path: &str) -> Vec<Arrival> {
        let arrivals = self
            .shared
            .arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        arrivals
            .iter()
            .filter(|arrival| arrival.path == path)
            .cloned()
            .collect()
    }

    /// The messages that this path accepted, by id.
    ///
    /// # Panics
    /// When two messages have the same id.
    pub fn accepted(&self, path: &str) -> BTreeMap<String, Value> {
        let mut accepted = BTreeMap::new();
        for arrival in self.arrivals(path) {
            let message = arrival.message();
            if let Some(earlier) = accepted.get(&arrival.id()) {
                assert_eq!(*earlier, message, "two messages under one id");
            }
            if arrival.reaction == Reaction::Status(200) {
                accepted.insert(arrival.id(), message);
            }
        }
        accepted
    }

    /// Type and conversion, or other subject, of the messages that this path accepted.
    ///
    /// # Panics
    /// When a fact was told under two ids.
    pub fn told(&self, path: &str) -> BTreeSet<(String, String)> {
        let mut told = BTreeSet::new();
        for message in self.accepted(path).into_values() {
            let key = key(&message);
            assert!(told.insert(key.clone()), "{key:?} has two ids");
        }
        told
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Type and subject of a message.
///
/// # Panics
/// When it has no type.
pub fn key(message: &Value) -> (String, String) {
    let data = &message["data"];
    let kind = message["type"].as_str().expect("a type");
    if kind == "milestone.reached" {
        let text = |field: &str| data[field].as_str().unwrap_or_default();
        let subject = format!("{} {}", text("referrer"), text("badge"));
        return (kind.to_owned(), subject);
    }
    let subject = ["conversion", "referral", "campaign"]
        .into_iter()
        .find_map(|field| data[field].as_str())
        .unwrap_or_default();
    (kind.to_owned(), subject.to_owned())
}

async fn receive(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let message = serde_json::from_slice(&body).unwrap_or_default();
    let reaction = {
        let mut rule = shared.rule.lock().unwrap_or_else(PoisonError::into_inner);
        rule.as_mut()
            .map_or(Reaction::Status(200), |rule| rule(uri.path(), &message))
    };
    shared
        .arrivals
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Arrival {
            path: uri.path().to_owned(),
            headers,
            body: body.to_vec(),
            reaction: reaction.clone(),
        });
    match reaction {
        Reaction::Status(status) => StatusCode::from_u16(status)
            .expect("a status")
            .into_response(),
        Reaction::Redirect(to) => (StatusCode::FOUND, [(LOCATION, to)]).into_response(),
        Reaction::Silence => std::future::pending().await,
        Reaction::Close => {
            let broken = std::io::Error::other("the connection breaks");
            let pieces: [Result<&str, _>; 1] = [Err(broken)];
            let body = Body::from_stream(futures::stream::iter(pieces));
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

/// Starts the service, for endpoints on this machine. It tries again after 50 ms.
///
/// # Panics
/// When it does not become healthy.
pub async fn start_webhooks(
    name: &str,
    instance: &Instance,
    database: &Database,
    settings: &[(&str, &str)],
) -> Service {
    let mut env = vec![
        ("DATABASE_URL".to_owned(), database.url().to_owned()),
        ("WEBHOOKS_ALLOW_PRIVATE".to_owned(), "true".to_owned()),
        ("WEBHOOKS_TIMEOUT_SECONDS".to_owned(), "0.5".to_owned()),
        ("WEBHOOKS_RETRY_SECONDS".to_owned(), "0.05".to_owned()),
        ("WEBHOOKS_POLL_MILLISECONDS".to_owned(), "50".to_owned()),
    ];
    env.extend(
        settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let mut service = Service::start(ServiceSpec {
        name: name.into(),
        binary: built_binary("vouch-webhooks").expect("the service is built"),
        args: vec!["run".into()],
        dir: instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env,
    })
    .await
    .expect("the service listens");
    service.wait_healthy().await.expect("a healthy service");
    service
}

/// Runs a command of `vouch-webhooks` on this database.
///
/// # Panics
/// When it does not start.
pub async fn webhooks(database: &Database, arguments: &[&str]) -> Output {
    Command::new(built_binary("vouch-webhooks").expect("the service is built"))
        .args(arguments)
        .args(["--json", "--database-url", database.url()])
        .env_remove("WEBHOOKS_ALLOW_PRIVATE")
        .output()
        .await
        .expect("the command starts")
}

/// The output of a command of `vouch-webhooks`.
///
/// # Panics
/// When it fails.
pub async fn webhooks_json(database: &Database, arguments: &[&str]) -> Value {
    let output = webhooks(database, arguments).await;
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}
