//! The reports for probes, alarms and Prometheus.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use vouch_service::{Heartbeat, Readiness};

use super::{Health, Status};

impl vouch_service::Health for Health {
    fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// A standby serves its purpose: it is there.
    fn readiness(&self) -> Readiness {
        let report = self.report();
        Readiness {
            ready: report.status.is_healthy() || report.status == Status::Standby,
            status: report.status.into(),
            cause: report.detail,
            ages: [
                ("confirmed", report.confirmed_age),
                ("finalized", report.finalized_age),
                ("accounts", report.accounts_age),
                ("chain_slot", report.chain_slot_age),
            ]
            .into_iter()
            .filter_map(|(name, age)| Some((name, age?)))
            .collect(),
        }
    }

    fn healthz(&self) -> Response {
        let report = self.report();
        let status = if report.status.is_healthy() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, Json(report)).into_response()
    }

    fn observe(&self) {
        let report = self.report();
        metrics::gauge!("vouch_indexer_healthy")
            .set(f64::from(u8::from(report.status.is_healthy())));
        for (name, age) in [
            ("vouch_indexer_confirmed_age_seconds", report.confirmed_age),
            ("vouch_indexer_finalized_age_seconds", report.finalized_age),
            ("vouch_indexer_accounts_age_seconds", report.accounts_age),
        ] {
            if let Some(age) = age {
                metrics::gauge!(name).set(age);
            }
        }
    }
}
