//! The country of a click, as the proxy in front of the service says it.
//!
//! No table of addresses is shipped: docs/decisions/countries.md says why.

use axum::http::{HeaderMap, HeaderName};

/// The ISO 3166-1 alpha-2 code in the header, in upper case. `None` if the header is missing or there
/// more than once, and for codes that the standard leaves to its users, because proxies send them for
/// "unknown". Of those, `XK` is let through: everybody means Kosovo by it.
///
/// The caller must know that a trusted proxy sets the header.
pub(crate) fn country(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        // A proxy that appends instead of replacing would let the client say a country.
        return None;
    };
    let code = value.to_str().ok()?.trim().to_ascii_uppercase();
    let [first, second] = *code.as_bytes() else {
        return None;
    };
    let is_letters = first.is_ascii_uppercase() && second.is_ascii_uppercase();
    let is_of_users = matches!(
        (first, second),
        (b'A', b'A') | (b'Q', b'M'..=b'Z') | (b'X', _) | (b'Z', b'Z')
    );
    (is_letters && (!is_of_users || code == "XK")).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_country_is_two_letters_of_the_standard_said_once() {
        let name = HeaderName::from_static("cf-ipcountry");
        for (values, expected) in [
            (&["DE"] as &[&'static str], Some("DE")),
            (&[" at "], Some("AT")),
            (&["XK"], Some("XK")),
            (&[], None),
            (&[""], None),
            // Unknown, and Tor, of Cloudflare
            (&["XX"], None),
            (&["T1"], None),
            (&["ZZ"], None),
            (&["QZ"], None),
            (&["QA"], Some("QA")),
            (&["DEU"], None),
            (&["D\u{c4}"], None),
            (&["DE,FR"], None),
            (&["DE", "FR"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(&name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            assert_eq!(country(&headers, &name).as_deref(), expected, "{values:?}");
        }
    }
}
