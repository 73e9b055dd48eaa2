//! One attempt to deliver a message.

use std::{error::Error, sync::Arc, time::Duration};

use reqwest::{
    Client, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
    redirect,
};
use secrecy::ExposeSecret as _;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use vouch_db::webhooks::deliveries::Taken;

use crate::guard::{self, Lookup, Reach, Resolver};

/// Most bytes of an answer's body that are read, so that the connection can be used again.
const BODY: usize = 4096;
/// Time for reading them.
const BODY_TIME: Duration = Duration::from_millis(500);
/// Longest text of an error that is kept.
const LONGEST: usize = 200;

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The endpoint has it: a 2xx status.
    Delivered(u16),
    /// The endpoint is gone for good: status 410.
    Gone,
    /// Anything else.
    Failed { status: Option<u16>, error: String },
}

impl Attempt {
    fn failed(error: impl ToString) -> Self {
        Self::Failed {
            status: None,
            error: error.to_string(),
        }
    }
}

/// Sends messages.
#[derive(Debug)]
pub(crate) struct Post {
    client: Client,
    reach: Reach,
}

impl Post {
    /// `timeout` bounds an attempt from the resolution of the name to the answer's headers.
    pub(crate) fn new(
        lookup: impl Lookup,
        reach: Reach,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        Self::with(Client::builder(), lookup, reach, timeout)
    }

    fn with(
        builder: reqwest::ClientBuilder,
        lookup: impl Lookup,
        reach: Reach,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let client = builder
            .dns_resolver(Arc::new(Resolver::new(lookup, reach)))
            // A proxy would resolve names by itself, and a redirect leads elsewhere.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .https_only(reach == Reach::Public)
            .http1_only()
            .timeout(timeout)
            .connect_timeout(timeout)
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(2)
            .user_agent(concat!("Vouch-Webhooks/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, reach })
    }

    /// Sends a message, signed at `now`, in unix seconds.
    pub(crate) async fn send(&self, taken: &Taken, now: i64) -> Attempt {
        let url = match guard::check(&taken.url, self.reach) {
            Ok(url) => url,
            Err(refusal) => return Attempt::failed(refusal),
        };
        let Some(headers) = headers(taken, now) else {
            return Attempt::failed("the message cannot be signed");
        };
        let request = self
            .client
            .post(url)
            .headers(headers)
            .body(taken.payload.clone());
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Attempt::failed(describe(&error)),
        };
        let status = answer.status();
        drain(answer).await;
        match status {
            status if status.is_success() => Attempt::Delivered(status.as_u16()),
            StatusCode::GONE => Attempt::Gone,
            status => Attempt::Failed {
                status: Some(status.as_u16()),
                error: if status.is_redirection() {
                    format!("status {}: redirects are not followed", status.as_u16())
                } else {
                    format!("status {}", status.as_u16())
                },
            },
        }
    }
}

/// The headers of the standard, with a signature by each key.
fn headers(taken: &Taken, now: i64) -> Option<HeaderMap> {
    let mut signatures = Vec::new();
    for key in &taken.keys {
        let signer = Webhook::from_bytes(key.expose_secret().to_vec()).ok()?;
        let payload = taken.payload.as_bytes();
        signatures.push(signer.sign(&taken.message, now, payload).ok()?);
    }
    if signatures.is_empty() {
        return None;
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [
        (HEADER_WEBHOOK_ID, taken.message.clone()),
        (HEADER_WEBHOOK_TIMESTAMP, now.to_string()),
        (HEADER_WEBHOOK_SIGNATURE, signatures.join(" ")),
    ] {
        headers.insert(name, HeaderValue::from_str(&value).ok()?);
    }
    Some(headers)
}

/// Reads a small body to its end, so that the connection can be used again. A larger or slower one
/// closes it.
async fn drain(mut answer: reqwest::Response) {
    let read = async {
        let mut left = BODY;
        while let Ok(Some(piece)) = answer.chunk().await {
            match left.checked_sub(piece.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Whether it came to its end is all the same: the status has decided.
    let _ = tokio::time::timeout(BODY_TIME, read).await;
}

/// Why there is no answer, without the URL, which may hold a secret.
fn describe(error: &reqwest::Error) -> String {
    if let Some(refusal) = guard::refusal(error) {
        return refusal.to_string();
    }
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let text: String = cause
        .to_string()
        .chars()
        .filter(|character| !character.is_control())
        .take(LONGEST)
        .collect();
    let what = if error.is_connect() {
        "cannot connect"
    } else {
        "no answer"
    };
    format!("{what}: {text}")
}

#[cfg(test)]
mod tests;
