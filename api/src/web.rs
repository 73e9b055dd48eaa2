//! The front end: the files that `web/` builds, and the page that its routes begin with.
//!
//! A release binary contains the files. A debug binary reads them from the checkout, so that a
//! change needs no new binary. Without them, a page says how to build them.

use std::borrow::Cow;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use rust_embed::{Embed, EmbeddedFile};
use url::Url;

use crate::{error::ApiError, state::AppState};

/// Paths of pages. The front end shows the right one by the path.
const PAGES: [&str; 5] = [
    "/",
    "/welcome",
    "/c/{campaign}",
    "/leaderboard",
    "/conversion/{address}",
];
/// Names under `/assets` contain a hash of their content.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Encodings of the files beside each asset, the best one first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Vouch</title>\
    <p>The front end is not built: <code>./dev up</code> does so, as does <code>npm run build</code> \
    in <code>web</code>. <a href=\"/docs/\">The API</a> works without it.";

#[derive(Embed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Files;

/// What the pages are told about the chain.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    chain: String,
    rpc_url: String,
    policy: HeaderValue,
}

impl Pages {
    /// `rpc_url` is the node that browsers ask. Without it, wallets send what they sign, and no
    /// page shows a cost before.
    ///
    /// # Errors
    /// Never in practice: the origin of a URL is ASCII.
    pub(crate) fn new(chain: Chain, rpc_url: Option<&Url>) -> anyhow::Result<Self> {
        let node = rpc_url.map(|url| format!(" {}", url.origin().ascii_serialization()));
        // `solid` is the policy by which the compiled templates become elements. No page makes
        // markup of any other text.
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self'{}; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types solid",
            node.unwrap_or_default()
        );
        Ok(Self {
            chain: chain.identifier(),
            rpc_url: rpc_url.map(ToString::to_string).unwrap_or_default(),
            policy: HeaderValue::from_str(&policy)?,
        })
    }
}

/// The cluster, as wallets name it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Chain {
    /// `solana:mainnet`.
    Mainnet,
    /// `solana:devnet`.
    Devnet,
    /// `solana:testnet`.
    Testnet,
    /// `solana:localnet`.
    Localnet,
}

impl Chain {
    /// Its name in sign-in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Devnet => "devnet",
            Self::Testnet => "testnet",
            Self::Localnet => "localnet",
        }
    }

    fn identifier(self) -> String {
        format!("solana:{}", self.name())
    }
}

/// The routes of the front end.
pub(crate) fn routes() -> Router<AppState> {
    let routes = Router::new()
        .route("/assets/{*path}", get(asset))
        .route("/favicon.svg", get(icon));
    PAGES
        .iter()
        .fold(routes, |routes, path| routes.route(path, get(page)))
}

async fn page(State(state): State<AppState>) -> Response {
    let pages = &state.pages;
    let html = match Files::get("index.html") {
        Some(file) => String::from_utf8_lossy(&file.data)
            .replace("%VOUCH_CHAIN%", &pages.chain)
            // A URL that was parsed has no quotation mark, but may have an ampersand.
            .replace("%VOUCH_RPC%", &pages.rpc_url.replace('&', "&amp;")),
        None => NOT_BUILT.to_owned(),
    };
    let headers = [
        (header::CONTENT_SECURITY_POLICY, pages.policy.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            // Wallets may open windows of their own.
            HeaderValue::from_static("same-origin-allow-popups"),
        ),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), microphone=(), geolocation=(), payment=()"),
        ),
    ];
    (headers, Html(html)).into_response()
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    file(&format!("assets/{path}"), &headers, FOREVER)
}

async fn icon(headers: HeaderMap) -> Response {
    let a_day = HeaderValue::from_static("public, max-age=86400");
    file("favicon.svg", &headers, a_day)
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
    let Some((encoding, EmbeddedFile { data, .. })) = encoded
        .map(|(name, file)| (Some(name), file))
        .or_else(|| Some((None, Files::get(path)?)))
    else {
        return ApiError::route_not_found().into_response();
    };
    let body = match data {
        Cow::Borrowed(bytes) => axum::body::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut response = body.into_response();
    let answer = response.headers_mut();
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

/// Whether `Accept-Encoding` names this encoding, and not with a weight of zero.
fn accepts(header: &str, encoding: &str) -> bool {
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
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::accepts;

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
