//! The demo's access to the HTTP API, as a browser or a wallet would have it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use solana_sdk::{signature::Keypair, transaction::VersionedTransaction};

/// The clicks must look human: without a browser's user agent, they would count as bots.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Time limit for a fact of the chain to appear in the API.
const VISIBLE: Duration = Duration::from_secs(60);

/// The API of one running product.
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
}

/// An answer of the API.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    /// The stable error code of a refusal, else the status.
    pub(crate) fn outcome(&self) -> String {
        match self.body["error"]["code"].as_str() {
            Some(code) => format!("{} {code}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        }
    }

    /// The body of a successful answer.
    pub(crate) fn ok(self) -> Result<Value> {
        if self.status.is_success() {
            Ok(self.body)
        } else {
            bail!("the API answered {}: {}", self.status, self.body)
        }
    }
}

impl Api {
    pub(crate) fn new(base: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(BROWSER)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    /// The base URL of all links, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, None, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Answer> {
        self.send(Method::POST, path, Some(body), None).await
    }

    /// Sends the body as this wallet, which signs in.
    pub(crate) async fn put(&self, wallet: &Keypair, path: &str, body: Value) -> Result<Answer> {
        let token = vouch_localnet::sign_in(&self.base, wallet).await?;
        self.send(Method::PUT, path, Some(body), Some(&token)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        token: Option<&str>,
    ) -> Result<Answer> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request
            .send()
            .await
            .with_context(|| format!("{method} {path}"))?;
        let status = response.status();
        let location = response
            .headers()
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer {
            status,
            location,
            body,
        })
    }

    /// Repeats the request until `holds` accepts the answer. Returns the answer and the
    /// time.
    ///
    /// # Errors
    /// When that takes longer than [`VISIBLE`]; the last answer is in the message.
    pub(crate) async fn until(
        &self,
        path: &str,
        holds: impl Fn(&Answer) -> bool,
    ) -> Result<(Value, Instant)> {
        let deadline = Instant::now() + VISIBLE;
        loop {
            let answer = self.get(path).await?;
            if holds(&answer) {
                return Ok((answer.body, Instant::now()));
            }
            if Instant::now() > deadline {
                bail!("{path} still answers {} {}", answer.status, answer.body);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
}

/// The unsigned transaction in a builder's answer.
pub(crate) fn transaction(body: &Value) -> Result<VersionedTransaction> {
    let encoded = body["transaction"]
        .as_str()
        .context("an answer without a transaction")?;
    let wire = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded)?;
    bincode::deserialize(&wire).context("the API's transaction is not in wire format")
}

/// A text field of an answer.
pub(crate) fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str> {
    body[field]
        .as_str()
        .with_context(|| format!("no text field {field} in {body}"))
}
