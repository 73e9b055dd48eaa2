//! The page with the link.

use url::Url;

/// Most bytes of an address that are stored.
const LONGEST: usize = 512;

/// Scheme, host and path of the page with the link. Its query, its fragment and a password may hold what
/// is nobody's business. `None` for what is no page of the web.
pub(crate) fn page(address: &str) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    // All of it is ASCII.
    let mut page = String::from(url);
    page.truncate(LONGEST);
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referrer_is_stored_without_what_it_may_hold() {
        let long = format!("https://a.example/{}", "x".repeat(1_000));
        for (sent, stored) in [
            ("https://a.example", Some("https://a.example/")),
            (
                "https://user:secret@a.example:8443/b/c?token=1#d",
                Some("https://a.example:8443/b/c"),
            ),
            ("HTTP://A.example/?q", Some("http://a.example/")),
            (&long, long.get(..LONGEST)),
            ("android-app://com.example.app/", None),
            ("data:text/html,x", None),
            ("/relative?x", None),
            ("", None),
        ] {
            assert_eq!(page(sent).as_deref(), stored, "{sent}");
        }
    }
}
