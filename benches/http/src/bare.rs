//! The baseline: the same framework answers the same redirect and does nothing else.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use axum::{
    Router,
    http::{StatusCode, header},
    routing::get,
};
use tokio::net::TcpListener;

/// Where it redirects to: as long as what the API answers.
const TARGET: &str =
    "https://acme.example/landing?ref=STARTER7&click_id=0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

/// Serves until the process is stopped. Writes its address to the file `PORT_FILE`.
pub(crate) async fn serve() -> Result<()> {
    let file = std::env::var("PORT_FILE").context("PORT_FILE")?;
    let app = Router::new().route(
        "/r/{code}",
        get(|| async {
            let headers = [
                (header::LOCATION, TARGET),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (StatusCode::FOUND, headers)
        }),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let new = format!("{file}.new");
    std::fs::write(&new, listener.local_addr()?.to_string())?;
    std::fs::rename(new, file)?;
    let stopped = async {
        let kind = tokio::signal::unix::SignalKind::terminate();
        if let Ok(mut signal) = tokio::signal::unix::signal(kind) {
            signal.recv().await;
        }
    };
    axum::serve(listener, app)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}
