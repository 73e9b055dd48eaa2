//! The outermost layer: request ids, the error envelope, the log line and the
//! metrics of every request, whether a handler, a layer or a panic answered it.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    Json,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{config::REQUEST_TIMEOUT, error::ApiError};

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The media type of refusals.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// Every refusal has this body: a problem of RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorEnvelope {
    /// Always `about:blank`: `code` says what the problem is.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Conflict")]
    title: &'static str,
    /// The status.
    #[schema(example = 409)]
    status: u16,
    /// For people; may change.
    detail: String,
    /// Stable, in snake_case: for programs.
    #[schema(example = "already_converted")]
    code: &'static str,
    /// Also in the header `x-request-id`, and in the log.
    request_id: String,
    /// The field of the body, or the parameter of the query, that is wrong; absent for other errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The `cursor` to go on with after a list that was read in part; absent for other errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// The `detail` again, for clients of Solana Actions: only of routes that speak that protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The same in the form for clients that do not read problems.
    error: ErrorBody,
}

/// The error: a stable code, a message and the request's id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// As above.
    #[schema(example = "already_converted")]
    code: &'static str,
    /// The `detail` above.
    message: String,
    /// As above.
    request_id: String,
    /// As above.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// The code of the refusal that a response was rendered from, for outer layers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused(pub(crate) &'static str);

/// The kind of client that reads a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Clients of this API.
    Api,
    /// Also clients of Solana Actions, which look for `message`.
    Action,
}

/// Runs the request within its time limit, and renders every failure as one envelope.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    answer(request, next, Reader::Api).await
}

/// [`layer`], of routes that speak the protocol of Solana Actions.
pub(crate) async fn action_layer(request: Request, next: Next) -> Response {
    answer(request, next, Reader::Action).await
}

async fn answer(request: Request, next: Next, reader: Reader) -> Response {
    let id = request_id(&request);
    let method = request.method().clone();
    // The matched route, not the raw path, and no method but the usual ones: each new label is a
    // metric for ever, and clients invent both.
    let label = method_label(&method);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let started = Instant::now();

    let answer = AssertUnwindSafe(tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)))
        .catch_unwind()
        .await;
    let mut response = match answer {
        Ok(Ok(response)) => response,
        // Slow clients have a time limit of their own, so this is our slowness.
        Ok(Err(elapsed)) => ApiError::overloaded().because(elapsed).into_response(),
        Err(panic) => ApiError::internal()
            .because(anyhow::anyhow!("panicked: {}", panic_text(&*panic)))
            .into_response(),
    };
    if let Some(error) = refusal(&mut response) {
        log(&error, &id, &method, &route);
        response = render(response, &error, &id, reader);
        response.extensions_mut().insert(Refused(error.code));
    }

    let elapsed = started.elapsed();
    let status = response.status().as_u16().to_string();
    metrics::counter!("vouch_api_requests_total",
        "route" => route.clone(), "method" => label, "status" => status)
    .increment(1);
    metrics::histogram!("vouch_api_request_seconds", "route" => route, "method" => label)
        .record(elapsed.as_secs_f64());

    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID.clone(), id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::X_FRAME_OPTIONS)
        .or_insert(HeaderValue::from_static("DENY"));
    response
}

/// The method as a label of a metric.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The caller's request id if it has a safe form, so that a proxy's id can be traced;
/// else a new one.
fn request_id(request: &Request) -> String {
    request
        .headers()
        .get(&X_REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| (8..=64).contains(&id.len()))
        .filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// The error in `response`: our own, or one made from a library's plain status.
fn refusal(response: &mut Response) -> Option<ApiError> {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        return Some(error);
    }
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    // A JSON body is one of our own answers, such as the health document.
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_json {
        return None;
    }
    Some(match status {
        StatusCode::NOT_FOUND => ApiError::route_not_found(),
        StatusCode::METHOD_NOT_ALLOWED => ApiError::method_not_allowed(),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::body_too_large(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::unsupported_media_type(),
        StatusCode::REQUEST_TIMEOUT => ApiError::request_timeout(),
        status if status.is_client_error() => ApiError::invalid_query(),
        _ => ApiError::internal(),
    })
}

fn render(response: Response, error: &ApiError, id: &str, reader: Reader) -> Response {
    let body = ErrorEnvelope {
        kind: "about:blank",
        title: error.status.canonical_reason().unwrap_or_default(),
        status: error.status.as_u16(),
        detail: error.message.clone(),
        code: error.code,
        request_id: id.to_owned(),
        field: error.field.clone(),
        next_cursor: error.next_cursor.clone(),
        message: (reader == Reader::Action).then(|| error.message.clone()),
        error: ErrorBody {
            code: error.code,
            message: error.message.clone(),
            request_id: id.to_owned(),
            field: error.field.clone(),
        },
    };
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM))];
    let mut rendered = (error.status, kind, Json(body)).into_response();
    // Keep headers such as `allow` of a 405 and those of CORS.
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    rendered
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = error.retry_after {
        rendered
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.status == StatusCode::UNAUTHORIZED {
        rendered
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    rendered
}

fn log(error: &ApiError, id: &str, method: &Method, route: &str) {
    let cause = error
        .cause
        .as_ref()
        .map(|cause: &Arc<_>| format!("{cause:#}"));
    let cause = cause.as_deref().unwrap_or("-");
    if error.status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(request_id = id, %method, route, code = error.code, cause, "refused");
    } else if error.status.is_server_error() {
        tracing::warn!(request_id = id, %method, route, code = error.code, cause, "refused");
    } else {
        tracing::debug!(request_id = id, %method, route, code = error.code, cause, "refused");
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no text)")
}
