//! `/livez`, `/readyz`, `/healthz` and `/metrics`.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use vouch_service::Readiness;

use crate::state::AppState;

/// After clicks could be stored nowhere, links count as not working for this long. Then the next
/// click has to show it.
const LOST: Duration = Duration::from_secs(10);

/// The service answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Live {
    alive: bool,
}

/// Show whether the process answers
///
/// It says nothing about Postgres or the chain: a restart would not cure them.
#[utoipa::path(get, path = "/livez", tag = "operations",
    responses((status = 200, body = Live)))]
pub(crate) async fn live() -> Response {
    let body = Json(Live { alive: true });
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// Show whether the service can serve links or reads
///
/// Links that were followed before work without Postgres, and links and reads work without the
/// chain. `ages` has the seconds since Postgres (`database_away`) or the chain (`chain_away`) went
/// away, and since clicks could last be stored nowhere (`clicks_lost`).
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn ready(State(state): State<AppState>) -> Readiness {
    let (database, chain) = (state.database.away(), state.chain.away());
    let lost = state.recorder.lost();
    let readiness = if database.is_some() {
        let status = "database_unavailable";
        if lost.is_some_and(|age| age < LOST) {
            Readiness::unready(status, "neither Postgres nor the spool file takes clicks")
        } else if state.known_links.any() {
            Readiness {
                ready: true,
                ..Readiness::unready(status, "waiting for Postgres; known links work")
            }
        } else {
            Readiness::unready(status, "waiting for Postgres; no link is known yet")
        }
    } else if chain.is_some() {
        Readiness {
            ready: true,
            ..Readiness::unready(
                "chain_unavailable",
                "the chain's RPC does not answer: no transactions can be built",
            )
        }
    } else {
        Readiness::ready("ok")
    };
    readiness
        .age("database_away", database)
        .age("chain_away", chain)
        .age("clicks_lost", lost)
}

/// How the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Everything works.
    Ok,
    /// The chain's RPC does not answer: no transactions can be built.
    ChainUnavailable,
    /// Postgres does not answer: known links work, everything else waits.
    DatabaseUnavailable,
}

/// How the service is, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: Status,
    detail: Option<&'static str>,
}

/// Show whether the service can do its work
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(crate) async fn health(State(state): State<AppState>) -> Response {
    let (status, detail) = match (state.database.is_up(), state.chain.is_up()) {
        (true, true) => (Status::Ok, None),
        (false, true) => (Status::DatabaseUnavailable, Some("waiting for Postgres")),
        (true, false) => (
            Status::ChainUnavailable,
            Some("the chain's RPC does not answer"),
        ),
        (false, false) => (
            Status::DatabaseUnavailable,
            Some("waiting for Postgres; the chain's RPC does not answer either"),
        ),
    };
    let code = if status == Status::Ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        code,
        [(header::CACHE_CONTROL, "no-store")],
        Json(Health { status, detail }),
    )
        .into_response()
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(crate) async fn metrics(State(state): State<AppState>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], state.metrics.render()).into_response()
}
