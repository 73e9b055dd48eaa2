//! A client of server-sent events, for tests.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Response};
use serde_json::Value;

/// Time within which an event has to arrive that is waited for.
const DEADLINE: Duration = Duration::from_secs(90);

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its `id:`; empty if it has none.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its `data:`, as JSON.
    pub body: Value,
}

/// A stream of events.
#[derive(Debug)]
pub struct Events {
    response: Response,
    text: String,
    /// The id of the last event that had one, with which a client resumes.
    pub last_id: String,
}

impl Events {
    /// Opens the stream at this URL. With `last_id`, it resumes after that event.
    ///
    /// # Errors
    /// When the answer is no stream; the error has its status and body.
    pub async fn open(url: &str, last_id: Option<&str>) -> Result<Self> {
        let mut request = Client::new().get(url);
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await?;
        if !response.status().is_success() {
            bail!("{} {}", response.status(), response.text().await?);
        }
        let kind = response.headers().get("content-type");
        ensure!(
            kind.is_some_and(|kind| kind == "text/event-stream"),
            "{kind:?}"
        );
        Ok(Self {
            response,
            text: String::new(),
            last_id: last_id.unwrap_or_default().to_owned(),
        })
    }

    /// The next event; `None` at the end of the stream.
    ///
    /// # Errors
    /// When the connection breaks, or none arrives within a generous time.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        tokio::time::timeout(DEADLINE, self.read())
            .await
            .context("no event has arrived")?
    }

    async fn read(&mut self) -> Result<Option<Event>> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let found = parse(block)?;
                self.text = rest.to_owned();
                if let Some(event) = found {
                    if !event.id.is_empty() {
                        self.last_id.clone_from(&event.id);
                    }
                    return Ok(Some(event));
                }
            }
            match self.response.chunk().await? {
                // Events are ASCII: what is not is escaped or base58.
                Some(chunk) => self.text.push_str(std::str::from_utf8(&chunk)?),
                None => return Ok(None),
            }
        }
    }
}

/// An event, unless the block holds only comments and the pause before a client connects again.
fn parse(block: &str) -> Result<Option<Event>> {
    let (mut id, mut kind, mut body) = (String::new(), String::new(), None);
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", text)) => text.clone_into(&mut id),
            Some(("event", text)) => text.clone_into(&mut kind),
            Some(("data", text)) => body = Some(serde_json::from_str(text)?),
            Some(("retry", text)) => ensure!(text.parse::<u32>().is_ok(), "{line}"),
            _ => ensure!(line.starts_with(':'), "no line of an event: {line}"),
        }
    }
    Ok(body.map(|body| Event { id, kind, body }))
}
