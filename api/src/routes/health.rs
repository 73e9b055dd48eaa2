//! `/livez`, `/readyz` and `/healthz`.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use vouch_service::{Heartbeat, Liveness, Readiness};

use crate::state::{AppState, Inner};

/// After clicks could be stored nowhere, links count as not working for this long. Then the next
/// click has to show it.
const LOST: Duration = Duration::from_secs(10);

/// Show whether the process goes on
///
/// It says nothing about Postgres or the chain: a restart would not cure them.
#[utoipa::path(get, path = "/livez", tag = "operations",
    responses((status = 200, body = Liveness), (status = 503, body = Liveness)))]
pub(crate) async fn live(State(state): State<AppState>) -> Liveness {
    Liveness::of(&state.heartbeat)
}

/// Show whether the service can serve links or reads
///
/// Links that were followed before work without Postgres, and links and reads work without the
/// chain. `ages` has the seconds since Postgres (`database_away`) or the chain (`chain_away`) went
/// away, and since clicks could last be stored nowhere (`clicks_lost`).
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn ready(State(state): State<AppState>) -> Readiness {
    readiness(&state)
}

fn readiness(state: &Inner) -> Readiness {
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

/// How the service is, and its parts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthAnswer {
    /// ok, chain_unavailable or database_unavailable.
    status: &'static str,
    /// Why it is not `ok`, for people.
    detail: Option<String>,
    /// Each part that it needs.
    parts: Vec<Part>,
}

/// A part that the service needs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Part {
    /// postgres: links that are not known yet, and reads. node: the building of transactions. clicks:
    /// whether they can be stored, in Postgres or in the spool file.
    name: &'static str,
    up: bool,
    /// Seconds for which it has been down; null while it is up.
    down_for: Option<f64>,
}

/// Show how the service and its parts are
///
/// 200 as long as the service is ready, because links work without the node. `parts` has what is
/// down.
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, body = HealthAnswer), (status = 503, body = HealthAnswer)))]
pub(crate) async fn health(State(state): State<AppState>) -> Response {
    report(&state)
}

fn report(state: &Inner) -> Response {
    let readiness = readiness(state);
    let part = |name, down: Option<Duration>| Part {
        name,
        up: down.is_none(),
        down_for: down.map(|age| age.as_secs_f64()),
    };
    let parts = vec![
        part("postgres", state.database.away()),
        part("node", state.chain.away()),
        part("clicks", state.recorder.lost()),
    ];
    let code = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = HealthAnswer {
        status: readiness.status,
        detail: readiness.cause,
        parts,
    };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

impl vouch_service::Health for Inner {
    fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    fn readiness(&self) -> Readiness {
        readiness(self)
    }

    fn healthz(&self) -> Response {
        report(self)
    }
}
