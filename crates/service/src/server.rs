//! The HTTP server of a service that is no web server.

use std::sync::Arc;

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use crate::{Health, Liveness, Metrics};

/// Type of the body of /metrics.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves /livez, /readyz, /healthz and /metrics until the process ends, beside the work.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    health: Arc<impl Health>,
    metrics: Metrics,
) -> std::io::Result<()> {
    let router = router(health, metrics.clone());
    tokio::select! {
        ended = async { axum::serve(listener, router).await } => ended,
        () = metrics.upkeep() => Ok(()),
    }
}

/// The routes of [`serve`].
pub fn router(health: Arc<impl Health>, metrics: Metrics) -> Router {
    let (live, ready, report) = (health.clone(), health.clone(), health.clone());
    Router::new()
        .route(
            "/livez",
            get(async move || Liveness::of(live.heartbeat()).into_response()),
        )
        .route(
            "/readyz",
            get(async move || ready.readiness().into_response()),
        )
        .route("/healthz", get(async move || report.healthz()))
        .route("/metrics", get(async move || render(&*health, &metrics)))
}

fn render(health: &impl Health, metrics: &Metrics) -> Response {
    health.observe();
    ::metrics::gauge!("vouch_heartbeat_age_seconds").set(health.heartbeat().age().as_secs_f64());
    ([(header::CONTENT_TYPE, PROMETHEUS)], metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{
        body::{Body, to_bytes},
        http::{Request, StatusCode},
    };
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;
    use crate::{Heartbeat, Readiness};

    /// Work that is idle, and waits for Postgres.
    struct Idle {
        heartbeat: Heartbeat,
    }

    impl Health for Idle {
        fn heartbeat(&self) -> &Heartbeat {
            &self.heartbeat
        }

        fn readiness(&self) -> Readiness {
            Readiness::unready("database_unavailable", "waiting for Postgres")
                .age("database_away", Some(Duration::from_millis(1500)))
                .age("never", None)
        }

        fn observe(&self) {
            ::metrics::gauge!("observed").set(7.0);
        }
    }

    async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = router.clone().oneshot(request).await.expect("an answer");
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await;
        let text = String::from_utf8(body.expect("a body").to_vec()).expect("text");
        (status, text)
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[tokio::test]
    async fn idle_is_alive_and_stuck_is_not() {
        // Given work that waits for Postgres, and beats
        let limit = Duration::from_millis(200);
        let heartbeat = Heartbeat::new(limit);
        let work = Arc::new(Idle { heartbeat });
        let metrics = Metrics::install(&[]).expect("the only recorder");
        let router = router(Arc::clone(&work), metrics);
        work.heartbeat.beat();
        // Then it is alive, though it does not serve its purpose
        let (status, body) = ask(&router, "/livez").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(json(&body)["alive"], true);
        assert_eq!(json(&body)["heartbeat_limit"], 0.2);
        for path in ["/readyz", "/healthz"] {
            let (status, body) = ask(&router, path).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            let expected = json!({
                "ready": false,
                "status": "database_unavailable",
                "cause": "waiting for Postgres",
                "ages": { "database_away": 1.5 },
            });
            assert_eq!(json(&body), expected);
        }
        // When it has been silent for longer than is allowed
        while work.heartbeat.age() <= limit {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Then it is stuck, and the age says for how long
        let (status, body) = ask(&router, "/livez").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(json(&body)["alive"], false);
        assert!(json(&body)["heartbeat_age"].as_f64() > Some(0.2), "{body}");
        // And the metrics have that age, and what is set before they are rendered
        let (_, text) = ask(&router, "/metrics").await;
        assert!(text.contains("\nobserved 7\n"), "{text}");
        let age = text
            .lines()
            .find_map(|line| line.strip_prefix("vouch_heartbeat_age_seconds "));
        assert!(age.and_then(|age| age.parse().ok()) > Some(0.2), "{text}");
        // When it beats again, then it is alive
        work.heartbeat.beat();
        assert_eq!(ask(&router, "/livez").await.0, StatusCode::OK);
    }
}
