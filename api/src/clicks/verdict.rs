//! Labels clicks of machines. They are stored like all others.

use axum::http::{HeaderMap, Method, header};

use super::machines::is_machine;

/// The verdict on a click, and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// `human`, `bot` or `suspicious`.
    pub(crate) verdict: &'static str,
    /// The reason for a verdict other than `human`.
    pub(crate) reason: Option<&'static str>,
}

/// The verdict on a click, if nothing says that a machine made it.
pub(crate) const HUMAN: Verdict = Verdict {
    verdict: "human",
    reason: None,
};

/// The verdict on what a network sends beyond its share.
pub(crate) const FLOOD: Verdict = Verdict {
    verdict: "suspicious",
    reason: Some("flood"),
};

/// The verdict on a click that was made again at once.
pub(crate) const DUPLICATE: Verdict = Verdict {
    verdict: "suspicious",
    reason: Some("duplicate"),
};

/// Lower-case parts of the user agents of messengers and social networks that fetch a
/// preview when somebody posts a link.
const PREVIEWS: [&str; 15] = [
    "facebookexternalhit",
    "facebot",
    "meta-externalagent",
    "meta-externalfetcher",
    "twitterbot",
    "slackbot",
    "slack-imgproxy",
    "discordbot",
    "telegrambot",
    "linkedinbot",
    "skypeuripreview",
    "pinterestbot",
    "redditbot",
    "bingpreview",
    "google web preview",
];
/// Lower-case beginnings of those that the browsers inside the same apps have elsewhere.
const PREVIEWS_BEGIN: [&str; 2] = ["whatsapp/", "viber/"];

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
    // A page loads images, frames and scripts without a person following a link. Browsers say
    // `document` when they open a link: <https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header>
    let is_said = |name: &str, expected: &str| {
        headers
            .get(name)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(expected.as_bytes()))
    };
    let is_document =
        !headers.contains_key("sec-fetch-dest") || is_said("sec-fetch-dest", "document");
    // In a frame, somebody has pressed a link if the browser says so:
    // <https://www.w3.org/TR/fetch-metadata/#sec-fetch-user-header>
    let is_pressed = (is_said("sec-fetch-dest", "iframe") || is_said("sec-fetch-dest", "frame"))
        && is_said("sec-fetch-mode", "navigate")
        && is_said("sec-fetch-user", "?1");
    if !is_document && !is_pressed {
        return is("bot", "embedded");
    }
    let agent = headers
        .get(header::USER_AGENT)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        .unwrap_or_default();
    if agent.trim().is_empty() {
        return is("bot", "no_user_agent");
    }
    if PREVIEWS.iter().any(|part| agent.contains(part))
        || PREVIEWS_BEGIN.iter().any(|part| agent.starts_with(part))
    {
        return is("bot", "link_preview");
    }
    if is_machine(&agent) {
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
            "Mozilla/5.0 (Linux; Android 16; Pixel 10 Build/CP1A.260305.018; wv) AppleWebKit/537.36 \
             (KHTML, like Gecko) Version/4.0 Chrome/146.0.7680.174 Mobile Safari/537.36 MetaIAB Facebook",
            "Mozilla/5.0 (Linux; Android 7.1.2; G011A Build/N2G48H; wv) AppleWebKit/537.36 (KHTML, \
             like Gecko) Version/4.0 Chrome/66.0.3359.158 Safari/537.36 Viber/11.9.5.8",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
             Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x1800312c) NetType/WIFI Language/en",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
             Gecko) Mobile/15E148 Safari Line/14.8.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
             Gecko) Mobile/15E148 [LinkedInApp]/9.29.8962",
            "Mozilla/5.0 (Linux; Android 14; SM-S918B; wv) AppleWebKit/537.36 (KHTML, like Gecko) \
             Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36 Telegram-Android/10.14.5 (Samsung \
             SM-S918B; Android 14; SDK 34; HIGH)",
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
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; \
             +https://openai.com/gptbot)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
             HeadlessChrome/126.0.0.0 Safari/537.36",
            "python-requests/2.31.0",
            "Go-http-client/1.1",
        ] {
            assert_eq!(agent(bot), "known_bot", "{bot}");
        }
    }

    /// The rows of a list, without its comments.
    fn rows(list: &'static str) -> Vec<&'static str> {
        list.lines().filter(|row| !row.starts_with('#')).collect()
    }

    fn is_bot(agent: &'static str) -> bool {
        with("user-agent", agent).verdict == "bot"
    }

    #[test]
    fn of_published_agents_at_most_one_person_in_200_and_one_bot_in_20_are_mistaken() {
        // Given the agents of published lists, which are not the one that is matched
        let people = rows(include_str!("agents/people.txt"));
        let bots = rows(include_str!("agents/bots.txt"));
        assert!(people.len() > 1_000, "{}", people.len());
        assert!(bots.len() > 2_000, "{}", bots.len());
        // When each is judged
        let people_mistaken: Vec<_> = people.iter().filter(|agent| is_bot(agent)).collect();
        let bots_mistaken: Vec<_> = bots.iter().filter(|agent| !is_bot(agent)).collect();
        println!(
            "{} of {} people, {} of {} bots are mistaken",
            people_mistaken.len(),
            people.len(),
            bots_mistaken.len(),
            bots.len()
        );
        // Then people are rarely called bots, and bots rarely people
        assert!(
            people_mistaken.len() * 200 <= people.len(),
            "{people_mistaken:#?}"
        );
        assert!(bots_mistaken.len() * 20 <= bots.len(), "{bots_mistaken:#?}");
    }

    #[test]
    fn what_a_page_loads_was_not_followed_by_anybody() {
        // Given a browser that says what it loads
        for (loads, reason) in [
            ("document", None),
            ("image", Some("embedded")),
            ("iframe", Some("embedded")),
            ("empty", Some("embedded")),
            ("", Some("embedded")),
        ] {
            // Then only a page that somebody opens is followed
            assert_eq!(with("sec-fetch-dest", loads).reason, reason, "{loads}");
        }
    }

    #[test]
    fn who_presses_a_link_in_a_frame_is_a_person() {
        let verdict = |loads, mode, user: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, HeaderValue::from_static(FIREFOX));
            headers.insert("sec-fetch-dest", HeaderValue::from_static(loads));
            headers.insert("sec-fetch-mode", HeaderValue::from_static(mode));
            if let Some(user) = user {
                headers.insert("sec-fetch-user", HeaderValue::from_static(user));
            }
            judge(&Method::GET, &headers).reason
        };
        let embedded = Some("embedded");
        for (loads, mode, user, reason) in [
            ("iframe", "navigate", Some("?1"), None),
            ("frame", "navigate", Some("?1"), None),
            ("iframe", "navigate", None, embedded),
            ("iframe", "navigate", Some("?0"), embedded),
            ("iframe", "no-cors", Some("?1"), embedded),
            ("image", "no-cors", Some("?1"), embedded),
        ] {
            assert_eq!(
                verdict(loads, mode, user),
                reason,
                "{loads} {mode} {user:?}"
            );
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
