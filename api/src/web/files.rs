//! The files that `web/` builds, each in the best encoding that a client accepts.
//!
//! A release binary contains them. A debug binary reads them from the checkout, so that a change
//! needs no new binary.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::{Embed, EmbeddedFile};

use super::PICTURE;
use crate::{conditional, error::ApiError, state::AppState};

/// Names under `/assets` contain a hash of their content.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Encodings of the files beside each asset, the best one first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];
/// A script of other sites has one URL for each version of its attributes, so a release reaches them
/// within ten minutes. While this service is away, they go on for a day with what they have.
const SOON: HeaderValue = HeaderValue::from_static(
    "public, max-age=300, stale-while-revalidate=300, stale-if-error=86400",
);
/// `v1.json` names a file that only the present release has, so no cache may answer for it unasked.
const ASKED: HeaderValue = HeaderValue::from_static("no-cache");
const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

#[derive(Embed)]
#[folder = "../web/dist"]
#[allow_missing = true]
pub(super) struct Files;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/assets/{*path}", get(asset))
        .route("/embed/{name}", get(embedded))
        .route("/favicon.svg", get(icon))
        .route(PICTURE, get(picture))
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    file(&format!("assets/{path}"), &headers, FOREVER)
}

/// A script of `docs/embed.md`. One whose name has the hash of its content never changes.
async fn embedded(Path(name): Path<String>, headers: HeaderMap) -> Response {
    // An encoded slash would lead out of the folder.
    if name.contains(['/', '\\']) {
        return ApiError::route_not_found().into_response();
    }
    let is_pinned = name.contains('-');
    let caching = match (is_pinned, name.ends_with(".json")) {
        (true, _) => FOREVER,
        (false, true) => ASKED,
        (false, false) => SOON,
    };
    file(&format!("embed/{name}"), &headers, caching)
}

async fn icon(headers: HeaderMap) -> Response {
    file("favicon.svg", &headers, A_DAY)
}

async fn picture(headers: HeaderMap) -> Response {
    file("card.png", &headers, A_DAY)
}

/// The file in the best encoding that the client accepts and the build made.
fn file(path: &str, headers: &HeaderMap, caching: HeaderValue) -> Response {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // Encoded files are not files of their own.
    if ENCODINGS.iter().any(|(_, suffix)| path.ends_with(suffix)) {
        return ApiError::route_not_found().into_response();
    }
    let encoded = ENCODINGS
        .iter()
        .filter(|(name, _)| accepts(accepted, name))
        .find_map(|(name, suffix)| Some((*name, Files::get(&format!("{path}{suffix}"))?)));
    let Some((encoding, EmbeddedFile { data, metadata })) = encoded
        .map(|(name, file)| (Some(name), file))
        .or_else(|| Some((None, Files::get(path)?)))
    else {
        return ApiError::route_not_found().into_response();
    };
    let tag = tag(&metadata.sha256_hash());
    let known = headers.get(header::IF_NONE_MATCH);
    let mut response = if known.is_some_and(|known| conditional::names(known, &tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        body.into_response()
    };
    let answer = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.insert(header::ETAG, tag);
    }
    answer.insert(header::CACHE_CONTROL, caching);
    answer.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type(path)),
    );
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// A strong tag of the bytes that are sent: each encoding has its own.
fn tag(hash: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in hash.iter().take(16) {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// Whether `Accept-Encoding` names this encoding, and not with a weight of zero.
pub(crate) fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = parts
            .filter_map(|part| part.strip_prefix("q="))
            .any(|weight| weight.parse() == Ok(0.0));
        named && !refused
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_accepted_by_its_name_and_refused_by_its_weight() {
        for (header, expected) in [
            ("gzip, deflate, br", true),
            ("BR;q=0.1", true),
            ("gzip", false),
            ("br;q=0", false),
            ("br; q=0.000, gzip", false),
            ("brotli", false),
            ("", false),
        ] {
            assert_eq!(accepts(header, "br"), expected, "{header}");
        }
    }
}
