//! The front end: the files that `web/` builds, and the page that its routes begin with.
//!
//! [`files`] has the files. Without them, a page says how to build them.
//!
//! A browser that opens a broken link gets a page in words, programs get the error envelope:
//! [`explain`]. The words for a link's preview in a chat are written into the page's head: [`landing`].

mod files;

use axum::{
    Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use vouch_db::api::{campaigns, conversions, profiles};

pub(crate) use files::accepts;

use crate::{
    envelope::Refused,
    error::ApiResult,
    state::AppState,
    types::{self, Address},
};

/// Paths of pages. The front end shows the right one by the path.
const PAGES: [&str; 6] = [
    "/",
    "/embed",
    "/me",
    "/console",
    "/console/{campaign}",
    "/leaderboard",
];
/// Paths of what is no page: their refusals are for programs, also when a browser asks.
const PROGRAMS: [&str; 4] = ["/v1/", "/docs", "/assets/", "/embed/"];
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Vouch</title>\
    <p>The front end is not built: <code>./dev up</code> does so, as does <code>npm run build</code> \
    in <code>web</code>. <a href=\"/docs/\">The API</a> works without it.";

/// The routes of the front end.
pub(crate) fn routes() -> Router<AppState> {
    let routes = Router::new()
        .merge(files::routes())
        .route("/welcome", get(welcome))
        .route("/c/{campaign}", get(landing))
        .route("/conversion/{address}", get(receipt));
    PAGES
        .iter()
        .fold(routes, |routes, path| routes.route(path, get(page)))
}

async fn page(State(state): State<AppState>) -> Response {
    render(&state, "", "")
}

/// The parameters of a landing page that its head depends on.
#[derive(Debug, Default, Deserialize)]
struct Invitation {
    #[serde(rename = "ref")]
    code: Option<String>,
    campaign: Option<String>,
}

async fn welcome(
    State(state): State<AppState>,
    query: Result<Query<Invitation>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Query(invitation) = query.unwrap_or_default();
    let campaign = invitation.campaign.clone();
    invite(&state, campaign.as_deref(), &invitation).await
}

async fn landing(
    State(state): State<AppState>,
    Path(campaign): Path<String>,
    query: Result<Query<Invitation>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Query(invitation) = query.unwrap_or_default();
    invite(&state, Some(&campaign), &invitation).await
}

async fn receipt(State(state): State<AppState>, Path(address): Path<String>) -> Response {
    let found = match address.parse::<Address>() {
        Ok(address) => {
            let address = address.to_string();
            let query = async |pool| conversions::find(&pool, &address).await;
            state.database.run(query).await.ok().flatten()
        }
        Err(_) => None,
    };
    let head = found.map(|conversion| {
        let picture = state.links.absolute(PICTURE);
        Words::of_conversion(&conversion.code, &conversion.status).head(&picture)
    });
    render(&state, &head.unwrap_or_default(), "")
}

/// The page with the words of its invitation in the head. Words that cannot be found are left out: the
/// page itself says what is wrong.
async fn invite(state: &AppState, campaign: Option<&str>, invitation: &Invitation) -> Response {
    let head = match words_of(state, campaign, invitation.code.as_deref()).await {
        Ok(Some(words)) => words.head(&state.links.absolute(PICTURE)),
        Ok(None) | Err(_) => String::new(),
    };
    render(state, &head, "")
}

/// The words of a link where it is shown, such as in a chat. Texts of strangers, to be escaped.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    title: String,
    description: String,
}

/// The picture of every link.
const PICTURE: &str = "/card.png";
/// Most characters of a description in the head. Most clients show less.
const DESCRIBED: usize = 280;

impl Words {
    /// The words for the record of a conversion.
    fn of_conversion(code: &str, status: &str) -> Self {
        let outcome = match status {
            "paid" => "Every part of the reward is paid.",
            "cancelled" => "The campaign cancelled it within its hold.",
            "lapsed" => "A part of the reward was not claimed in time.",
            _ => "The reward is recorded, and paid when its hold is over.",
        };
        Self {
            title: format!("A referral through {code}"),
            description: format!("{outcome} Look at the record, and check it on Solana yourself."),
        }
    }

    /// The Open Graph tags, <https://ogp.me>, which Twitter's clients read, too.
    /// `picture` is the URL of the picture.
    fn head(&self, picture: &str) -> String {
        let Self { title, description } = self;
        let picture = escaped(picture);
        let title = escaped(title);
        let description: String = description.chars().take(DESCRIBED).collect();
        let description = escaped(&description);
        format!(
            "<title>{title}</title>\
             <meta property=\"og:title\" content=\"{title}\">\
             <meta property=\"og:description\" content=\"{description}\">\
             <meta property=\"og:type\" content=\"website\">\
             <meta property=\"og:site_name\" content=\"Vouch\">\
             <meta property=\"og:image\" content=\"{picture}\">\
             <meta name=\"twitter:card\" content=\"summary_large_image\">\
             <meta name=\"robots\" content=\"noindex\">"
        )
    }
}

/// The words of an invitation: the referrer's and the campaign's.
async fn words_of(
    state: &AppState,
    campaign: Option<&str>,
    code: Option<&str>,
) -> ApiResult<Option<Words>> {
    let campaign: Option<Address> = campaign.map(str::parse).transpose()?;
    let Some(code) = code.map(types::code).transpose()? else {
        return Ok(None);
    };
    let Some(found) = state.find_referral(&code, campaign.as_ref()).await? else {
        return Ok(None);
    };
    let profile = state
        .database
        .run(async |pool| profiles::find(&pool, &found.address).await)
        .await?;
    let campaign = state
        .database
        .run(async |pool| campaigns::find(&pool, &found.campaign).await)
        .await?;
    let (nickname, message) = profile.map_or((None, None), |it| (it.nickname, it.message));
    let name = campaign.and_then(|campaign| campaign.name);
    let who = nickname.unwrap_or(found.code);
    let description = message.unwrap_or_else(|| match &name {
        Some(name) => {
            format!("Sign once to join {name}. A program on Solana checks the rules and pays.")
        }
        None => "Sign once. A program on Solana checks the rules and pays.".to_owned(),
    });
    Ok(Some(Words {
        title: match name {
            Some(name) => format!("{who} vouches for you: {name}"),
            None => format!("{who} vouches for you"),
        },
        description,
    }))
}

/// Answers a browser that was refused with a page that says why, with the same status. Programs, and
/// paths that are for them, keep the error envelope.
pub(crate) async fn explain(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD)
        && !PROGRAMS.iter().any(|prefix| path.starts_with(prefix))
        && prefers_page(request.headers());
    let response = next.run(request).await;
    let Some(Refused(code)) = response.extensions().get().filter(|_| is_page) else {
        return response;
    };
    let mut page = render(&state, "", code);
    *page.status_mut() = response.status();
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            page.headers_mut().insert(name.clone(), value.clone());
        }
    }
    page.headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page
}

/// Whether `Accept` names pages, and with more weight than JSON. Browsers do; programs that name
/// nothing or everything do not.
fn prefers_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    let weight = |kind: &str| -> f32 {
        let mut items = accepted.unwrap_or_default().split(',').map(str::trim);
        let found = items.find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts
                .next()
                .filter(|name| name.eq_ignore_ascii_case(kind))?;
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
        });
        found.unwrap_or(0.0)
    };
    weight("text/html") > weight("application/json")
}

/// The text, fit for an attribute in quotation marks and for the content of an element.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

/// The head of a page without words of its own.
const TITLE: &str = "<title>Vouch</title>";

/// The page that every route begins with. `head` replaces its title if it is not empty; `refusal` is
/// the code of the error that it has to explain.
fn render(state: &AppState, head: &str, refusal: &str) -> Response {
    let pages = &state.pages;
    let html = match files::Files::get("index.html") {
        Some(file) => {
            let html = String::from_utf8_lossy(&file.data)
                .replace("%VOUCH_CHAIN%", &escaped(&pages.chain))
                .replace("%VOUCH_RPC%", &escaped(&pages.rpc_url))
                .replace("%VOUCH_REFUSAL%", &escaped(refusal));
            // At last, so that nothing is replaced in the texts of strangers.
            match head {
                "" => html,
                head => html.replacen(TITLE, head, 1),
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_places_that_are_filled_in() {
        let page = include_str!("../../web/index.html");
        for place in ["%VOUCH_CHAIN%", "%VOUCH_RPC%", "%VOUCH_REFUSAL%", TITLE] {
            assert_eq!(page.matches(place).count(), 1, "{place}");
        }
    }

    #[test]
    fn browsers_get_pages_and_programs_get_json() {
        for (accept, expected) in [
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                true,
            ),
            ("TEXT/HTML", true),
            ("text/html;q=0.9, application/json;q=0.8", true),
            ("application/json, text/html", false),
            ("application/json", false),
            ("text/html;q=0", false),
            ("text/html;q=x", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(prefers_page(&headers), expected, "{accept}");
        }
        assert!(!prefers_page(&HeaderMap::new()));
    }

    #[test]
    fn texts_of_strangers_stay_texts() {
        let words = Words {
            title: "\"><script>alert(1)</script>".to_owned(),
            description: format!("it's {}", "& ".repeat(DESCRIBED)),
        };
        let head = words.head("https://vouch.example/card.png?a=1&b=2");
        let title = "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;";
        assert!(head.starts_with(&format!("<title>{title}</title>")));
        assert!(head.contains(&format!("og:title\" content=\"{title}\">")));
        assert!(head.contains("og:description\" content=\"it&#39;s &amp; &amp; "));
        assert!(
            head.contains("og:image\" content=\"https://vouch.example/card.png?a=1&amp;b=2\">")
        );
        assert_eq!(head.matches("&amp;").count(), (DESCRIBED - 5) / 2 + 2);
    }
}
