//! `/healthz` and `/metrics`.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::AppState;

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
