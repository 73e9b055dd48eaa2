//! The HTTP server of /healthz and /metrics.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::health::{Health, Status};

#[derive(Clone)]
struct Shared {
    health: Arc<Health>,
    metrics: PrometheusHandle,
}

/// Serves until the process ends.
pub(crate) async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: PrometheusHandle,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(render))
        .with_state(Shared { health, metrics });
    axum::serve(listener, router).await
}

async fn healthz(State(shared): State<Shared>) -> impl IntoResponse {
    let report = shared.health.report();
    let status = if report.status == Status::Ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report))
}

async fn render(State(shared): State<Shared>) -> String {
    shared.metrics.run_upkeep();
    shared.metrics.render()
}

/// Writes the address so that a reader never sees a part of it.
pub(crate) fn write_port_file(path: &Path, listener: &TcpListener) -> Result<()> {
    let address = listener.local_addr()?.to_string();
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, address)
        .and_then(|()| std::fs::rename(&temporary, path))
        .with_context(|| format!("cannot write the port file {}", path.display()))
}
