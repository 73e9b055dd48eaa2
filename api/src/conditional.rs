//! Entity tags of public answers: a client that has the answer already gets 304 and no body (RFC 9110, section 13).

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;

/// Anybody may keep the answer, and asks whether it has changed before using it again.
const CACHING: HeaderValue = HeaderValue::from_static("public, no-cache");

/// Gives an answer to a `GET` its tag, unless its handler says how it is cached: what is for one caller
/// must not be stored.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let is_read = request.method() == Method::GET && request.uri().path().starts_with("/v1/");
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    if !is_read
        || response.status() != StatusCode::OK
        || response.headers().contains_key(header::CACHE_CONTROL)
    {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // Handlers answer from memory, so there is no limit to keep here.
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return ApiError::internal().because(error).into_response(),
    };
    let tag = tag(&body);
    let is_known = known.is_some_and(|known| names(&known, &tag));
    head.headers.insert(header::CACHE_CONTROL, CACHING);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        head.headers.insert(header::ETAG, tag);
    }
    if !is_known {
        return Response::from_parts(head, Body::from(body));
    }
    let mut unchanged = StatusCode::NOT_MODIFIED.into_response();
    *unchanged.headers_mut() = without_body(head.headers);
    unchanged
}

fn without_body(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_TYPE);
    headers
}

/// A strong tag: half of the body's SHA-256.
fn tag(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    let digits: String = hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{digits}\"")
}

/// Whether `If-None-Match` names the tag. The comparison is weak, because proxies that compress make tags weak.
pub(crate) fn names(header: &HeaderValue, tag: &str) -> bool {
    header.to_str().is_ok_and(|list| {
        list.split(',')
            .map(str::trim)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_a_tag_weak_or_strong() {
        let tag = tag(b"{}");
        assert_eq!(tag.len(), 34);
        for (list, expected) in [
            (tag.clone(), true),
            (format!("W/{tag}"), true),
            (format!("\"a\" , {tag}"), true),
            ("*".to_owned(), true),
            (tag.trim_matches('"').to_owned(), false),
            ("\"a\"".to_owned(), false),
            (String::new(), false),
        ] {
            let header = HeaderValue::from_str(&list).unwrap();
            assert_eq!(names(&header, &tag), expected, "{list}");
        }
    }
}
