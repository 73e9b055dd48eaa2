//! One source of the chain: a node that answers JSON-RPC over HTTP.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect,
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned, de::IgnoredAny};
use serde_json::Value;
use solana_client::{
    rpc_custom_error::{
        JSON_RPC_SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED, JSON_RPC_SERVER_ERROR_NODE_UNHEALTHY,
    },
    rpc_request::RpcRequest,
};
use solana_sdk::hash::Hash;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    commitment::{Commitment, config},
    failure::{Failure, cut},
    health::Health,
    standing::Standing,
};

/// Time that a node may lag behind a slot that another one at the same address has told.
pub(crate) const CATCH_UP: Duration = Duration::from_secs(5);
pub(crate) const CATCH_UP_POLL: Duration = Duration::from_millis(100);
/// Pauses before a request without an answer is repeated: 100, 200 and 400 ms.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const LAST_PAUSE: Duration = Duration::from_millis(400);

/// A node.
pub(crate) struct Source {
    /// `rpc`, or with several nodes `rpc1`, `rpc2` in the order of the configuration. The URL may
    /// hold a key, so it is never told.
    name: String,
    is_alone: bool,
    url: String,
    client: Client,
    timeout: Duration,
    /// Most bytes of an answer.
    most_bytes: usize,
    /// Signatures in one page of a list.
    page: usize,
    /// The genesis hash of the mirrored chain, once it is known. All sources share it.
    chain: Arc<OnceLock<String>>,
    /// Notes that the work goes on whenever the node has answered, or has not in time.
    health: Arc<OnceLock<Arc<Health>>>,
    standing: Mutex<Standing>,
}

/// The limits of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Time for the whole answer.
    pub(crate) timeout: Duration,
    /// Most bytes of an answer's body.
    pub(crate) most_bytes: usize,
    /// Signatures in one page of a list.
    pub(crate) page: usize,
}

/// A client that goes where the configuration says, and nowhere else. A redirect would lead into our
/// own network, and its `Referer` would tell the key in the URL.
fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .referer(false)
        .build()
}

/// The form of an answer, before its result is read.
#[derive(Deserialize)]
struct Outline {
    error: Option<RpcError>,
    /// Whether there is one, which may be `null`.
    #[serde(default, deserialize_with = "present")]
    result: bool,
}

/// An error of JSON-RPC.
#[derive(Deserialize)]
struct RpcError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

/// The result of an answer.
#[derive(Deserialize)]
struct Answer<T> {
    result: T,
}

fn present<'de, D: Deserializer<'de>>(field: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(field).map(|_| true)
}

/// A request that did not succeed.
struct Refusal {
    failure: Failure,
    /// Whether the node did not answer, or not in a form that can be read.
    is_outage: bool,
    /// How long the node asks not to be asked again.
    wish: Option<Duration>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            is_outage: matches!(failure, Failure::Silent(_)),
            failure,
            wish: None,
        }
    }
}

/// A request in progress. If nobody waits for its answer any more, the source was too slow.
struct Running<'a> {
    source: &'a Source,
    began: Instant,
    is_done: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.source.standing().outrun(self.began.elapsed());
        }
    }
}

impl Source {
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(
        name: String,
        is_alone: bool,
        url: String,
        Limits {
            timeout,
            most_bytes,
            page,
        }: Limits,
        (chain, health): (Arc<OnceLock<String>>, Arc<OnceLock<Arc<Health>>>),
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            name,
            is_alone,
            url,
            client: client()?,
            timeout,
            most_bytes,
            page,
            chain,
            health,
            standing: Mutex::default(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Signatures in one page of a list.
    pub(crate) fn page(&self) -> usize {
        self.page
    }

    pub(crate) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an answer was wrong. The reason is shown in /healthz.
    pub(crate) fn doubt(&self, reason: &str) {
        tracing::warn!(source = self.name, reason, "an answer was wrong");
        metrics::counter!("vouch_indexer_source_wrong_total", "source" => self.name.clone())
            .increment(1);
        self.standing().doubted(Instant::now(), reason.to_owned());
    }

    /// Notes that an answer took so long that the mirror goes on without it.
    pub(crate) fn too_late(&self, began: Instant) -> Failure {
        let failure = Failure::Silent("no answer in time".into());
        self.note_failure(began, None, &failure);
        failure
    }

    /// Notes what an outcome says of the source, and names the source in the failure.
    pub(crate) fn judge<T>(&self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(Failure::Wrong(reason)) = &outcome {
            self.doubt(reason);
        }
        outcome.map_err(|failure| {
            if self.is_alone {
                failure
            } else {
                failure.of(&self.name)
            }
        })
    }

    /// Sends a request once.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        request: RpcRequest,
        parameters: &impl Serialize,
    ) -> Result<T, Failure> {
        self.compare_chain().await?;
        let mut running = Running {
            source: self,
            began: Instant::now(),
            is_done: false,
        };
        let outcome = self.send(request, parameters).await;
        running.is_done = true;
        if let Some(health) = self.health.get() {
            health.beat();
        }
        if outcome.is_ok() {
            self.standing().answered(running.began.elapsed());
        }
        self.settle(running.began, outcome)
    }

    /// Sends a request. It repeats it a few times if there is no answer, and, if there is no other
    /// source, while the node has not reached the requested slot: several nodes may share one
    /// address.
    pub(crate) async fn insist<T: DeserializeOwned>(
        &self,
        request: RpcRequest,
        parameters: &impl Serialize,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + CATCH_UP;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.ask(request, parameters).await {
                Err(Failure::Behind(_)) if self.is_alone && Instant::now() < deadline => {
                    sleep(CATCH_UP_POLL).await;
                }
                Err(Failure::Silent(_)) if pause <= LAST_PAUSE => {
                    metrics::counter!("vouch_indexer_requests_repeated_total").increment(1);
                    sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
    }

    /// Asks how high the node is, and, if `with_health`, whether it calls itself behind. It is not
    /// what the mirror waits for, so it tells nothing of how fast the source is.
    pub(crate) async fn look(&self, with_health: bool) -> Result<(), Failure> {
        self.compare_chain().await?;
        for commitment in [Commitment::Confirmed, Commitment::Finalized] {
            let began = Instant::now();
            let slot = self.send(RpcRequest::GetSlot, &[config(commitment)]).await;
            let slot = self.settle(began, slot)?;
            self.standing().told(commitment, slot, Instant::now());
            if commitment == Commitment::Confirmed {
                gauge(&self.name, slot);
            }
        }
        if with_health {
            let began = Instant::now();
            let health = self.send::<Value>(RpcRequest::GetHealth, &Value::Null);
            let reason = match health.await.map_err(|refusal| refusal.failure) {
                Err(Failure::Behind(reason)) => Some(reason),
                // A node need not know this method.
                Ok(_) | Err(Failure::Chain(_)) => None,
                Err(failure) => return self.settle(began, Err(failure.into())),
            };
            self.standing().lags(reason);
        }
        Ok(())
    }

    /// The first slot of which the node has the block by its own word; `None` if it does not say.
    pub(crate) async fn first_block(&self) -> Option<u64> {
        let first = self.insist(RpcRequest::GetFirstAvailableBlock, &[(); 0]);
        first.await.ok()
    }

    /// The node's genesis hash.
    pub(crate) async fn genesis_hash(&self) -> Result<String, Failure> {
        let began = Instant::now();
        let outcome = self.send(RpcRequest::GetGenesisHash, &[(); 0]).await;
        let told: String = self.settle(began, outcome)?;
        match told.parse::<Hash>() {
            Ok(_) => Ok(told),
            Err(error) => Err(Failure::chain("getGenesisHash", error)),
        }
    }

    /// Fails if the node is of another chain than the mirror. It is asked once after each failure,
    /// because another node may answer at the same address then.
    async fn compare_chain(&self) -> Result<(), Failure> {
        let Some(mirrored) = self.chain.get() else {
            return Ok(());
        };
        if self.standing().is_checked() {
            return Ok(());
        }
        let node = self.genesis_hash().await?;
        let other = (node != *mirrored).then(|| node.clone());
        self.standing().compared(other.clone());
        if other.is_none() {
            return Ok(());
        }
        let failure = Failure::OtherChain {
            mirrored: mirrored.clone(),
            node,
        };
        self.note_failure(Instant::now(), None, &failure);
        Err(failure)
    }

    fn settle<T>(&self, began: Instant, outcome: Result<T, Refusal>) -> Result<T, Failure> {
        outcome.map_err(|refusal| {
            if refusal.is_outage {
                self.note_failure(began, refusal.wish, &refusal.failure);
            }
            refusal.failure
        })
    }

    fn note_failure(&self, began: Instant, wish: Option<Duration>, failure: &Failure) {
        metrics::counter!("vouch_indexer_source_failures_total", "source" => self.name.clone())
            .increment(1);
        let now = Instant::now();
        self.standing()
            .failed(began, now, wish, failure.to_string());
    }

    /// Sends a request. Our own client, because that of the Solana SDK waits as long as a node that
    /// refuses (HTTP 429) wishes, and does not tell how long that is.
    async fn send<T: DeserializeOwned>(
        &self,
        request: RpcRequest,
        parameters: &impl Serialize,
    ) -> Result<T, Refusal> {
        let name = request.to_string();
        let parameters = serde_json::to_value(parameters)
            .map_err(|error| Failure::chain(&name, format!("parameters: {error}")))?;
        let body = request.build_request_json(1, parameters).to_string();
        let answer = timeout(self.timeout, self.exchange(&name, body));
        // Nobody waits that long a second time at once.
        let body = answer.await.unwrap_or_else(|_| {
            let failure = format!("{name}: no answer in {:?}", self.timeout);
            Err(Refusal {
                is_outage: true,
                ..Failure::Chain(failure).into()
            })
        })?;
        let unreadable = |error| {
            Refusal::from(Failure::Silent(format!(
                "{name}: the answer: {}",
                cut(error)
            )))
        };
        // The result is read into its type at once: as a tree it would take many times its bytes.
        let Outline { error, result } = serde_json::from_slice(&body).map_err(unreadable)?;
        if let Some(RpcError { code, message }) = error {
            let said = format!("{name}: RPC response error {code}: {}", cut(message));
            return Err(Refusal::from(match code {
                JSON_RPC_SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED
                | JSON_RPC_SERVER_ERROR_NODE_UNHEALTHY => Failure::Behind(said),
                _ => Failure::Chain(said),
            }));
        }
        // An answer without a result must not pass for one that says "there is none".
        if !result {
            return Err(Failure::Silent(format!("{name}: no result")).into());
        }
        let answer: Answer<T> = serde_json::from_slice(&body).map_err(unreadable)?;
        Ok(answer.result)
    }

    /// The body of the answer to this request.
    async fn exchange(&self, name: &str, body: String) -> Result<Vec<u8>, Refusal> {
        let silent = |error: reqwest::Error| {
            let error = cut(error.without_url());
            Refusal::from(Failure::Silent(format!("{name}: {error}")))
        };
        let request = self.client.post(&self.url);
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(silent)?;
        let status = response.status();
        let wish = (status == StatusCode::TOO_MANY_REQUESTS).then(|| {
            let wish = response.headers().get(RETRY_AFTER);
            let seconds = wish.and_then(|wish| wish.to_str().ok()?.parse().ok());
            Duration::from_secs(seconds.unwrap_or_default())
        });
        if status.is_redirection() {
            let failure = format!("{name}: HTTP status {status}: redirects are not followed");
            return Err(Failure::Silent(failure).into());
        }
        match response.error_for_status() {
            Ok(response) => self.body(name, response).await,
            Err(error) => Err(Refusal {
                wish,
                ..silent(error)
            }),
        }
    }

    /// Reads a body up to the limit. Its announced length is not believed.
    async fn body(&self, name: &str, mut response: Response) -> Result<Vec<u8>, Refusal> {
        let mut body = Vec::new();
        loop {
            let piece = response.chunk().await.map_err(|error| {
                let error = cut(error.without_url());
                Failure::Silent(format!("{name}: {error}"))
            })?;
            let Some(piece) = piece else {
                return Ok(body);
            };
            if body.len() + piece.len() > self.most_bytes {
                let failure = format!(
                    "{name}: the answer is longer than {} bytes",
                    self.most_bytes
                );
                return Err(Failure::Wrong(failure).into());
            }
            body.extend_from_slice(&piece);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "slots stay below 2^52")]
fn gauge(source: &str, slot: u64) {
    metrics::gauge!("vouch_indexer_source_slot", "source" => source.to_owned()).set(slot as f64);
}

#[cfg(test)]
mod tests;
