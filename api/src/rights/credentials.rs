//! The credentials of a request: a bearer token, or the cookie of a session.

use axum::http::{HeaderMap, Method, header, request::Parts};
use vouch_db::api::auth::{
    keys,
    sessions::{self, Session},
};

use crate::{
    auth::{
        Auth,
        token::{self, Kind},
    },
    error::{ApiError, ApiResult},
    limits::{Meter, Who},
    state::AppState,
};

/// The caller of a request.
#[derive(Debug)]
pub(super) enum Caller {
    /// A wallet that has signed in.
    Wallet(Session),
    /// A campaign's server.
    Key(keys::Found),
}

/// Finds out who is calling, and counts what may change something on the caller's limit. Deletions are not
/// counted: nobody who has stolen a token may keep its owner from ending it.
///
/// # Errors
/// `unauthenticated` without valid credentials, `cross_site_request` if another site's page sent the
/// cookie along with a request that may change something, `too_many_requests`, or
/// `database_unavailable`.
pub(super) async fn caller(parts: &Parts, state: &AppState) -> ApiResult<Caller> {
    let caller = identify(parts, state).await?;
    if !parts.method.is_safe() && parts.method != Method::DELETE {
        let who = match &caller {
            Caller::Wallet(session) => Who::Wallet(&session.wallet),
            Caller::Key(key) => Who::Key(key.id),
        };
        let meter = Meter::of(parts)?;
        let limits = &state.limits;
        meter.take(limits, limits.changes, who).await?;
    }
    Ok(caller)
}

async fn identify(parts: &Parts, state: &AppState) -> ApiResult<Caller> {
    if parts.headers.contains_key(header::AUTHORIZATION) {
        // Sent on purpose, so a cookie does not replace it if it is wrong.
        let (kind, hash) = bearer(&parts.headers)
            .and_then(token::read)
            .ok_or_else(ApiError::unauthenticated)?;
        return match kind {
            Kind::Session => session(state, hash, false).await,
            Kind::Key => state
                .database
                .run(async |pool| keys::of_token(&pool, &hash).await)
                .await?
                .map(Caller::Key)
                .ok_or_else(ApiError::unauthenticated),
        };
    }
    let cookie =
        cookie(&parts.headers, state.auth.cookie_name()).ok_or_else(ApiError::unauthenticated)?;
    if !parts.method.is_safe() && !same_origin(&parts.headers, &state.auth, Absent::Refused) {
        return Err(ApiError::cross_site_request());
    }
    match token::read(cookie) {
        Some((Kind::Session, hash)) => session(state, hash, true).await,
        _ => Err(ApiError::unauthenticated()),
    }
}

async fn session(state: &AppState, hash: [u8; 32], cookie: bool) -> ApiResult<Caller> {
    state
        .database
        .run(async |pool| sessions::of_token(&pool, &hash, cookie).await)
        .await?
        .map(Caller::Wallet)
        .ok_or_else(ApiError::unauthenticated)
}

/// The bearer token, if there is exactly one `Authorization` header with one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else {
        return None;
    };
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token)
}

/// The value of the cookie, if it was sent exactly once.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let value = values.next()?;
    // Cookies of others may hold any bytes, and hide nothing.
    values
        .next()
        .is_none()
        .then(|| str::from_utf8(value).ok())?
}

/// The judgement of a request with neither `Sec-Fetch-Site` nor `Origin`. Only old browsers send such a
/// request for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is refused.
    Refused,
    /// It comes from a program, which has no cookies of somebody else.
    Program,
}

/// Whether a page of this service sent the request, as the browser says.
pub(crate) fn same_origin(headers: &HeaderMap, auth: &Auth, absent: Absent) -> bool {
    let site = headers.get("sec-fetch-site");
    let origin = headers.get(header::ORIGIN);
    if site.is_none() && origin.is_none() {
        return absent == Absent::Program;
    }
    site.is_none_or(|site| site == "same-origin")
        && origin.is_none_or(|origin| origin.as_bytes() == auth.origin.as_bytes())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;
    use crate::cluster::Cluster;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_pages_of_this_origin_count_as_ours() {
        let auth = Auth::new(&"https://vouch.example".parse().unwrap(), Cluster::Mainnet).unwrap();
        let ours = "https://vouch.example";
        for (list, expected) in [
            (&[("origin", ours)][..], true),
            (&[("origin", ours), ("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("origin", ours), ("sec-fetch-site", "same-site")], false),
            (&[("origin", ours), ("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            (&[("origin", "https://vouch.example.evil.example")], false),
            (&[("origin", "http://vouch.example")], false),
            (&[("origin", "https://vouch.example:444")], false),
            (
                &[
                    ("origin", "https://a.vouch.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
        ] {
            for absent in [Absent::Refused, Absent::Program] {
                assert_eq!(
                    same_origin(&headers(list), &auth, absent),
                    expected,
                    "{list:?}"
                );
            }
        }
        assert!(!same_origin(&headers(&[]), &auth, Absent::Refused));
        assert!(same_origin(&headers(&[]), &auth, Absent::Program));
    }

    #[test]
    fn a_cookie_and_a_bearer_token_are_read_if_there_is_exactly_one() {
        let name = "__Host-vouch_session";
        for (value, expected) in [
            ("__Host-vouch_session=vs_a", Some("vs_a")),
            ("a=b; __Host-vouch_session=vs_a ;c", Some("vs_a")),
            ("x__Host-vouch_session=vs_a", None),
            ("__host-vouch_session=vs_a", None),
            ("__Host-vouch_session=vs_a; __Host-vouch_session=vs_b", None),
            ("", None),
        ] {
            assert_eq!(
                cookie(&headers(&[("cookie", value)]), name),
                expected,
                "{value}"
            );
        }
        let two = [("cookie", "__Host-vouch_session=vs_a"); 2];
        let mut both = headers(&two[..1]);
        both.append(header::COOKIE, two[1].1.parse().unwrap());
        assert_eq!(cookie(&both, name), None);
        for (value, expected) in [
            ("Bearer vs_a", Some("vs_a")),
            ("bearer vs_a", Some("vs_a")),
            ("Basic vs_a", None),
            ("vs_a", None),
            ("Bearer", None),
        ] {
            assert_eq!(
                bearer(&headers(&[("authorization", value)])),
                expected,
                "{value}"
            );
        }
        let mut both = headers(&[("authorization", "Bearer vs_a")]);
        both.append(header::AUTHORIZATION, "Bearer vs_b".parse().unwrap());
        assert_eq!(bearer(&both), None);
    }
}
