//! `GET /r/{code}`: the share link.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, RawQuery, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;
use vouch_db::api::clicks::Click;

use crate::{
    clicks::{
        country::country,
        device::device,
        referrer,
        verdict::{self, Verdict},
        visitor,
    },
    connections::Peer,
    error::{ApiError, ApiResult},
    extract::PathCode,
    limits::networks,
    schemas,
    state::AppState,
    types::Address,
};

/// Values of `src`.
const SOURCES: [&str; 6] = ["link", "qr", "email", "sms", "social", "app"];
/// Parameters that are stored with a click.
const UTM: [&str; 6] = [
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "utm_id",
];
/// Most characters of each stored text that comes from a client.
const MAX_TEXT: usize = 512;
/// Most characters of each `utm_*` parameter.
const MAX_UTM: usize = 128;

/// Follow a share link
///
/// Records the click, then redirects to the campaign's landing page with `ref` and
/// `click_id` added to its query. The answer comes after the click is durable.
/// Parameters that only describe the click (`src`, `utm_*`, `wallet`) never make a
/// link fail: what is not understood is not stored.
#[utoipa::path(get, path = "/r/{code}", tag = "links",
    params(
        ("code" = inline(schemas::Code), Path, description = "The code, in either case"),
        ("campaign" = inline(Option<schemas::Address>), Query, description = "Address of the campaign; without it the first referral that had the code is meant"),
        ("src" = Option<String>, Query, description = "Where the link was shown: link, qr, email, sms, social or app"),
        ("wallet" = Option<String>, Query, description = "The visitor's wallet, if known"),
        ("utm_source" = Option<String>, Query, description = "Kept with the click, as are utm_medium, utm_campaign, utm_term, utm_content and utm_id"),
    ),
    responses(
        (status = 302, description = "To the landing page",
            headers(("location" = String, description = "The landing page with ref, click_id and, when it was given, campaign"))),
        (status = 400, description = "invalid_code, invalid_address", body = crate::envelope::ErrorEnvelope),
        (status = 404, description = "code_not_found", body = crate::envelope::ErrorEnvelope),
        (status = 410, description = "link_ended", body = crate::envelope::ErrorEnvelope),
        (status = 503, description = "overloaded, database_unavailable, click_not_stored", body = crate::envelope::ErrorEnvelope),
    ))]
pub(crate) async fn follow(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    PathCode(code): PathCode,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let tracking = Tracking::read(query.as_deref().unwrap_or_default())?;
    let link = state.known_links.find(code, tracking.campaign).await?;
    if link.ended {
        return Err(ApiError::link_ended());
    }

    let verdict = verdict::judge(&method, &headers);
    let click = tracking.click(
        &state,
        peer.address,
        &headers,
        verdict,
        Crowded::Judged,
        Of {
            campaign: link.campaign.clone(),
            referral: link.referral.clone(),
            code: code.to_string(),
        },
    );
    let target = state.links.landing(
        link.landing_url.as_deref(),
        &code,
        click.id,
        tracking.campaign.as_ref(),
    );
    state.recorder.record(click).await?;

    Ok((
        StatusCode::FOUND,
        [
            (header::LOCATION, target.as_str()),
            (header::CACHE_CONTROL, "no-store"),
        ],
    )
        .into_response())
}

/// The parameters of a share link.
#[derive(Debug, Default)]
pub(super) struct Tracking {
    pub(super) campaign: Option<Address>,
    pub(super) source: Option<String>,
    pub(super) wallet: Option<String>,
    utm: Option<Value>,
}

/// Whether a click is compared with others of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowded {
    /// It is.
    Judged,
    /// Its network is that of a client's proxy, which asks for all of its users.
    Shared,
}

/// The link that a click is on.
pub(super) struct Of {
    /// Address of the campaign.
    pub(super) campaign: String,
    /// Address of the referral.
    pub(super) referral: String,
    pub(super) code: String,
}

impl Tracking {
    /// A click of now.
    pub(super) fn click(
        &self,
        state: &AppState,
        peer: SocketAddr,
        headers: &HeaderMap,
        verdict: Verdict,
        crowded: Crowded,
        of: Of,
    ) -> Click {
        let address = visitor::client_address(peer, headers, state.trusted_proxy_hops);
        let now = now();
        let agent = text_header(headers, &header::USER_AGENT);
        let visitor = state.pseudonyms.of(address, now.date());
        let verdict = match crowded {
            Crowded::Judged => judge_crowd(state, address, now, verdict, agent.as_deref(), &of),
            Crowded::Shared => verdict,
        };
        Click {
            id: Uuid::now_v7(),
            clicked_at: now,
            campaign: of.campaign,
            referral: of.referral,
            code: of.code,
            visitor,
            device: Some(device(agent.as_deref().unwrap_or_default()).to_owned()),
            country: match (&state.country_header, crowded) {
                (Some(name), Crowded::Judged) => country(headers, name),
                _ => None,
            },
            user_agent: agent,
            referrer_url: headers
                .get(header::REFERER)
                .and_then(|value| referrer::page(value.to_str().ok()?)),
            source: self.source.clone(),
            utm: self.utm.clone(),
            wallet: self.wallet.clone(),
            verdict: verdict.verdict.to_owned(),
            verdict_reason: verdict.reason.map(str::to_owned),
        }
    }

    /// Reads the query. The first value of each parameter counts.
    ///
    /// # Errors
    /// `invalid_address` for a `campaign` that is none.
    pub(super) fn read(query: &str) -> Result<Self, ApiError> {
        let mut read = Self::default();
        let mut utm = Map::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "campaign" if read.campaign.is_none() => read.campaign = Some(value.parse()?),
                "src" if read.source.is_none() => {
                    read.source = SOURCES.contains(&&*value).then(|| value.into_owned());
                }
                "wallet" if read.wallet.is_none() => {
                    read.wallet = value.parse().ok().map(|wallet: Address| wallet.to_string());
                }
                name if UTM.contains(&name) => {
                    if let Some(value) = storable(&value, MAX_UTM) {
                        utm.entry(name).or_insert(Value::String(value));
                    }
                }
                _ => {}
            }
        }
        read.utm = (!utm.is_empty()).then_some(Value::Object(utm));
        Ok(read)
    }
}

/// Compares a click with others of its networks and of its visitor. A bot's click keeps its verdict, but
/// counts. A browser that fetches in advance is no visitor yet.
fn judge_crowd(
    state: &AppState,
    address: IpAddr,
    now: OffsetDateTime,
    verdict: Verdict,
    agent: Option<&str>,
    of: &Of,
) -> Verdict {
    let day = now.date();
    let names = networks(address);
    let hashed: Vec<_> = names
        .iter()
        .map(|(network, times)| {
            let name = state.pseudonyms.of_texts(&[network.as_bytes()], day);
            (name, *times)
        })
        .collect();
    let is_flood = state.crowd.is_flood(&hashed, now);
    if verdict != verdict::HUMAN {
        return verdict;
    }
    let network = names.first().map_or("", |(network, _)| network);
    let key = [network, agent.unwrap_or_default(), &*of.referral].map(str::as_bytes);
    let is_again = state
        .crowd
        .is_again(&state.pseudonyms.of_texts(&key, day), now);
    if is_flood {
        verdict::FLOOD
    } else if is_again {
        verdict::DUPLICATE
    } else {
        verdict
    }
}

/// The time, cut to milliseconds: the spool file stores no more digits, and the time is
/// part of the click's key.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now)
}

fn text_header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    storable(&String::from_utf8_lossy(value.as_bytes()), MAX_TEXT)
}

/// The text without control characters (Postgres does not accept NUL), cut to `max`
/// characters; `None` when nothing is left.
fn storable(text: &str, max: usize) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(max).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracking_parameters_never_break_a_link() {
        // Given values that are too long, unknown, repeated, or hold a NUL
        let long = "x".repeat(1_000);
        let query = format!(
            "src=fax&wallet=nonsense&utm_source=a%00b&utm_source=second&utm_term={long}&x=1&%ff=%ff"
        );
        // When they are read
        let read = Tracking::read(&query).unwrap();
        // Then unknown values are dropped, and the others fit
        assert_eq!((read.source, read.wallet), (None, None));
        let utm = read.utm.unwrap();
        assert_eq!(utm["utm_source"], "ab");
        assert_eq!(utm["utm_term"], "x".repeat(MAX_UTM));
        assert_eq!(utm.as_object().unwrap().len(), 2);
        // And no link has the sources of Actions
        for source in ["pay", "blink"] {
            let read = Tracking::read(&format!("src={source}")).unwrap();
            assert_eq!(read.source, None, "{source}");
        }
        assert_eq!(
            Tracking::read("src=qr").unwrap().source.as_deref(),
            Some("qr")
        );
    }

    #[test]
    fn a_link_with_a_broken_campaign_is_refused() {
        // Given a campaign that is not an address, then the link is refused
        let refusal = Tracking::read("campaign=nonsense").unwrap_err();
        assert_eq!(refusal.code, "invalid_address");
    }

    #[test]
    fn a_time_survives_the_spool_file() {
        // Given now, then it has whole milliseconds
        assert_eq!(now().nanosecond() % 1_000_000, 0);
    }
}
