//! Labels clicks of machines. They are stored like all others.

use std::sync::LazyLock;

use axum::http::{HeaderMap, Method, header};
use isbot::Bots;

/// The verdict on a click, and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// `human` or `bot`.
    pub(crate) verdict: &'static str,
    /// The reason for a verdict other than `human`.
    pub(crate) reason: Option<&'static str>,
}

const HUMAN: Verdict = Verdict {
    verdict: "human",
    reason: None,
};

/// Crawlers and libraries, from the crate's list.
static BOTS: LazyLock<Bots> = LazyLock::new(Bots::default);

/// Lower-case parts of the user agents of messengers and social networks that fetch a
/// preview when somebody posts a link.
const PREVIEWS: [&str; 17] = [
    "facebookexternalhit",
    "facebot",
    "meta-externalagent",
    "meta-externalfetcher",
    "twitterbot",
    "slackbot",
    "slack-imgproxy",
    "discordbot",
    "telegrambot",
    "whatsapp/",
    "linkedinbot",
    "skypeuripreview",
    "pinterestbot",
    "redditbot",
    "viber",
    "bingpreview",
    "google web preview",
];

/// Judges one request by its method and headers.
pub(crate) fn judge(method: &Method, headers: &HeaderMap) -> Verdict {
    let is = |verdict, reason| Verdict {
        verdict,
        reason: Some(reason),
    };
    if method == Method::HEAD {
        return is("bot", "head_request");
    }
    let prefetches = ["sec-purpose", "purpose", "x-purpose", "x-moz"]
        .iter()
        .any(|name| {
            headers
                .get(*name)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| {
                    let value = value.to_ascii_lowercase();
                    value.contains("prefetch") || value.contains("prerender") || value == "preview"
                })
        });
    if prefetches {
        return is("bot", "prefetch");
    }
    let agent = headers
        .get(header::USER_AGENT)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        .unwrap_or_default();
    if agent.trim().is_empty() {
        return is("bot", "no_user_agent");
    }
    if PREVIEWS.iter().any(|part| agent.contains(part)) {
        return is("bot", "link_preview");
    }
    if BOTS.is_bot(&agent) {
        return is("bot", "known_bot");
    }
    HUMAN
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn with(name: &'static str, value: &'static str) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(FIREFOX));
        headers.insert(name, HeaderValue::from_static(value));
        judge(&Method::GET, &headers)
    }

    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

    #[test]
    fn people_and_machines_are_told_apart() {
        let agent = |agent| {
            let verdict = with("user-agent", agent);
            verdict.reason.unwrap_or(verdict.verdict)
        };
        // Given browsers, also those inside apps, then they are human
        for browser in [
            FIREFOX,
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
             (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) \
             Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36 Instagram 330.0.0.0",
        ] {
            assert_eq!(agent(browser), "human", "{browser}");
        }
        // Given link previews, then they are bots with the reason `link_preview`
        for preview in [
            "WhatsApp/2.23.20.0 A",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
            "TelegramBot (like TwitterBot)",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        ] {
            assert_eq!(agent(preview), "link_preview", "{preview}");
        }
        // Given crawlers and libraries, then they are bots
        for bot in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "curl/8.5.0",
            "python-requests/2.31.0",
            "Go-http-client/1.1",
        ] {
            assert_eq!(agent(bot), "known_bot", "{bot}");
        }
    }

    #[test]
    fn requests_without_a_reader_are_labelled() {
        // Given a browser that prefetches, then it says so
        assert_eq!(with("purpose", "prefetch").reason, Some("prefetch"));
        assert_eq!(
            with("sec-purpose", "prefetch;prerender").reason,
            Some("prefetch")
        );
        // Given no user agent at all, or a HEAD request, then it is a bot
        let nothing = judge(&Method::GET, &HeaderMap::new());
        assert_eq!(nothing.reason, Some("no_user_agent"));
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(FIREFOX));
        assert_eq!(judge(&Method::HEAD, &headers).reason, Some("head_request"));
        assert_eq!(judge(&Method::GET, &headers), HUMAN);
    }
}
