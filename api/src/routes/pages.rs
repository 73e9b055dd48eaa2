//! Two small pages: the index, and the default landing page.

use axum::{
    extract::RawQuery,
    http::{HeaderName, header},
    response::{Html, IntoResponse, Response},
};

use crate::types;

const SECURITY: [(HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\"><title>Vouch</title>\
    <style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}\
    code{background:#eee;padding:.1em .3em}</style>";

/// `/`: links to the documentation.
pub(crate) async fn index() -> Response {
    let page = format!(
        "{HEAD}<h1>Vouch</h1><p>Referral programmes that need no trust.</p><ul>\
         <li><a href=\"/docs/\">The API, to read and try</a></li>\
         <li><a href=\"/openapi.json\">Its OpenAPI document</a></li>\
         <li><a href=\"/v1/campaigns\">Campaigns</a></li>\
         <li><a href=\"/v1/leaderboard\">Leaderboard</a></li>\
         <li><a href=\"/healthz\">Health</a></li></ul>"
    );
    (SECURITY, Html(page)).into_response()
}

/// `/welcome`: shows the code that a visitor came with.
pub(crate) async fn welcome(RawQuery(query): RawQuery) -> Response {
    // Show only a valid code, never other text of the link.
    let code = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "ref")
        .and_then(|(_, value)| types::code(&value).ok());
    let text = match code {
        Some(code) => format!("<p>You were referred with the code <code>{code}</code>.</p>"),
        None => "<p>You came without a referral code.</p>".to_owned(),
    };
    (SECURITY, Html(format!("{HEAD}<h1>Welcome</h1>{text}"))).into_response()
}
