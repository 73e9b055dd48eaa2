//! `/v1/…/live`: server-sent events about a campaign, a code or a leaderboard
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    connections::Peer,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{CodeQuery, PathAddress, PathCode, Query},
    limits::{Meter, networks},
    live::Topic,
    schemas,
    state::AppState,
    types::Address,
};

/// An id is shorter than this.
const LONGEST_ID: usize = 100;

/// Selects a leaderboard.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BoardQuery {
    /// Address of a campaign; without it, over all campaigns.
    #[param(value_type = Option<schemas::Address>, inline)]
    campaign: Option<String>,
}

/// Takes no parameters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NoQuery {}

/// One event of a stream, by the names of its lines.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document alone has it")]
pub(crate) struct LiveEvent {
    /// The kind of the event.
    event: String,
    /// Where to go on, with `Last-Event-ID`; absent if an earlier event says that.
    id: Option<String>,
    /// A JSON object: the event's `type` and `data`.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// Follow a campaign
///
/// Server-sent events. The first is `stream.opened`, with the slot up to which everything confirmed is in what
/// is read from now on. Then come `conversion.confirmed`, `conversion.paid`, `conversion.cancelled`,
/// `conversion.final`, `conversion.retracted`, `code.created`, `code.suspended`, `code.resumed` and
/// `code.closed`, with the fields of the webhook of the same name, except that a retraction has fewer, none has
/// `sequence`, and what is told once is told when it is confirmed. `stream.reset` says that what was told may be
/// incomplete: read again. A stream ends after an hour at most; `Last-Event-ID` goes on with the next one.
#[utoipa::path(get, path = "/v1/campaigns/{address}/live", tag = "live",
    params(("address" = inline(schemas::Address), Path, description = "The campaign's address"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last id of an earlier stream")),
    responses(
        (status = 200, description = "Events until the stream ends; the schema is that of each", body = LiveEvent,
            content_type = "text/event-stream"),
        (status = 400, description = "invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests: the network has too many streams", body = ErrorEnvelope),
        (status = 503, description = "overloaded: the service has too many streams; database_unavailable",
            body = ErrorEnvelope),
    ))]
pub(crate) async fn of_campaign(
    State(state): State<AppState>,
    PathAddress(campaign): PathAddress,
    Query(NoQuery {}): Query<NoQuery>,
    method: Method,
    headers: HeaderMap,
    meter: Meter,
    ConnectInfo(peer): ConnectInfo<Peer>,
) -> ApiResult<Response> {
    state.check_campaign(Some(&campaign)).await?;
    let topic = Topic::Campaign(campaign.to_string().into());
    stream(&state, topic, &method, &headers, &meter, &peer).await
}

/// Follow a code
///
/// The events of its campaign's stream that are about the code.
#[utoipa::path(get, path = "/v1/codes/{code}/live", tag = "live",
    params(("code" = inline(schemas::Code), Path, description = "The code, in either case"), CodeQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The last id of an earlier stream")),
    responses(
        (status = 200, description = "Events until the stream ends; the schema is that of each", body = LiveEvent,
            content_type = "text/event-stream"),
        (status = 400, description = "invalid_code, invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 404, description = "code_not_found", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests: the network has too many streams", body = ErrorEnvelope),
        (status = 503, description = "overloaded: the service has too many streams; database_unavailable",
            body = ErrorEnvelope),
    ))]
pub(crate) async fn of_code(
    State(state): State<AppState>,
    PathCode(code): PathCode,
    Query(query): Query<CodeQuery>,
    method: Method,
    headers: HeaderMap,
    meter: Meter,
    ConnectInfo(peer): ConnectInfo<Peer>,
) -> ApiResult<Response> {
    let found = state.referral(&code, query.campaign()?.as_ref()).await?;
    let topic = Topic::Referral(found.address.into());
    stream(&state, topic, &method, &headers, &meter, &peer).await
}

/// Follow a referrer
///
/// The events about all codes of a wallet, as those of a campaign.
#[utoipa::path(get, path = "/v1/referrers/{wallet}/live", tag = "live",
    params(("wallet" = inline(schemas::Address), Path, description = "The referrer's wallet"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last id of an earlier stream")),
    responses(
        (status = 200, description = "Events until the stream ends; the schema is that of each", body = LiveEvent,
            content_type = "text/event-stream"),
        (status = 400, description = "invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests: the network has too many streams", body = ErrorEnvelope),
        (status = 503, description = "overloaded: the service has too many streams; database_unavailable",
            body = ErrorEnvelope),
    ))]
pub(crate) async fn of_referrer(
    State(state): State<AppState>,
    PathAddress(wallet): PathAddress,
    Query(NoQuery {}): Query<NoQuery>,
    method: Method,
    headers: HeaderMap,
    meter: Meter,
    ConnectInfo(peer): ConnectInfo<Peer>,
) -> ApiResult<Response> {
    let topic = Topic::Referrer(wallet.to_string().into());
    stream(&state, topic, &method, &headers, &meter, &peer).await
}

/// Follow a leaderboard
///
/// `leaderboard.changed` comes at most once a second, a second after a change, so that who reads the
/// leaderboard then sees the change.
#[utoipa::path(get, path = "/v1/leaderboard/live", tag = "live",
    params(BoardQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The last id of an earlier stream")),
    responses(
        (status = 200, description = "Events until the stream ends; the schema is that of each", body = LiveEvent,
            content_type = "text/event-stream"),
        (status = 400, description = "invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests: the network has too many streams", body = ErrorEnvelope),
        (status = 503, description = "overloaded: the service has too many streams; database_unavailable",
            body = ErrorEnvelope),
    ))]
pub(crate) async fn of_board(
    State(state): State<AppState>,
    Query(query): Query<BoardQuery>,
    method: Method,
    headers: HeaderMap,
    meter: Meter,
    ConnectInfo(peer): ConnectInfo<Peer>,
) -> ApiResult<Response> {
    let campaign: Option<Address> = query.campaign.as_deref().map(str::parse).transpose()?;
    state.check_campaign(campaign.as_ref()).await?;
    let topic = Topic::Board(campaign.map(|campaign| campaign.to_string().into()));
    stream(&state, topic, &method, &headers, &meter, &peer).await
}

async fn stream(
    state: &AppState,
    topic: Topic,
    method: &Method,
    headers: &HeaderMap,
    meter: &Meter,
    peer: &Peer,
) -> ApiResult<Response> {
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        let seat = state.live.seat(networks(meter.address()))?;
        if !state.database.is_up() {
            return Err(ApiError::database_unavailable());
        }
        let last = headers.get("last-event-id");
        // A value that is not text is none of our ids either.
        let last = last.map(|id| id.to_str().unwrap_or_default());
        let last = last.map(|id| id.get(..LONGEST_ID).unwrap_or(id));
        let live = Arc::clone(&state.live);
        Body::from_stream(live.open(topic, seat, last, &peer.connection).await?)
    };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // It has no tag, and nobody keeps it.
        (header::CACHE_CONTROL, "no-store"),
        // Its connection ends with it at the latest, so nothing else may use it.
        (header::CONNECTION, "close"),
        // nginx would collect it.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((StatusCode::OK, headers, body).into_response())
}
