//! The headers of all answers of Actions, and their compression.

use std::io::Write as _;

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use flate2::{Compression, write::GzEncoder};

use crate::{error::ApiError, state::AppState, web};

/// The version of the specification.
const VERSION: HeaderValue = HeaderValue::from_static("2.4");
static X_ACTION_VERSION: HeaderName = HeaderName::from_static("x-action-version");
static X_BLOCKCHAIN_IDS: HeaderName = HeaderName::from_static("x-blockchain-ids");

/// Adds the version of the specification and the cluster to every answer, and compresses it.
pub(crate) async fn layer(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let takes_gzip = request
        .headers()
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| web::accepts(value, "gzip"));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_ACTION_VERSION.clone(), VERSION);
    if let Some(chain) = blockchain(&state) {
        headers.insert(X_BLOCKCHAIN_IDS.clone(), chain);
    }
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if takes_gzip && headers.contains_key(header::CONTENT_TYPE) {
        gzip(response).await
    } else {
        response
    }
}

/// The answer with a compressed body. Answers of Actions have at most a few kilobytes.
async fn gzip(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    // Handlers answer from memory, so there is no limit to keep here.
    let compressed = match to_bytes(body, usize::MAX).await {
        Ok(body) => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&body).and_then(|()| encoder.finish())
        }
        Err(error) => return ApiError::internal().because(error).into_response(),
    };
    // Writing to memory cannot fail.
    let Ok(compressed) = compressed else {
        return ApiError::internal().into_response();
    };
    let headers = &mut head.headers;
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    // A strong tag would be of the other bytes.
    let weak = headers
        .get(header::ETAG)
        .and_then(|tag| HeaderValue::from_str(&format!("W/{}", tag.to_str().ok()?)).ok());
    if let Some(weak) = weak {
        headers.insert(header::ETAG, weak);
    }
    Response::from_parts(head, Body::from(compressed))
}

/// The cluster as CAIP-2 names it; `None` while nobody knows which local one it is.
fn blockchain(state: &AppState) -> Option<HeaderValue> {
    let local = || {
        let hash = state.chain.genesis()?.to_string();
        hash.get(..32).map(str::to_owned)
    };
    let reference = match state.public_chain.caip2() {
        Some(reference) => reference.to_owned(),
        None => local()?,
    };
    HeaderValue::from_str(&format!("solana:{reference}")).ok()
}
