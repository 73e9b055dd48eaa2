//! A service's reports about itself.

use std::collections::BTreeMap;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Heartbeat;

/// A service that can be asked how it is.
pub trait Health: Send + Sync + 'static {
    /// The sign of life of its work.
    fn heartbeat(&self) -> &Heartbeat;

    /// Whether it serves its purpose. It must answer at once, from memory.
    fn readiness(&self) -> Readiness;

    /// The answer of /healthz, for people and for services that had it before /readyz.
    fn healthz(&self) -> Response {
        self.readiness().into_response()
    }

    /// Sets the gauges that change with time alone. Called before /metrics is rendered.
    fn observe(&self) {}
}

/// Whether the process has to be restarted: the answer of /livez.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Liveness {
    /// Whether the work goes on, be it with nothing to do.
    pub alive: bool,
    /// Seconds since the work last showed that, by the service's own clock.
    pub heartbeat_age: f64,
    /// Seconds after which it counts as stuck.
    pub heartbeat_limit: f64,
}

impl Liveness {
    /// As the heartbeat says.
    #[must_use]
    pub fn of(heartbeat: &Heartbeat) -> Self {
        Self {
            alive: !heartbeat.is_stuck(),
            heartbeat_age: heartbeat.age().as_secs_f64(),
            heartbeat_limit: heartbeat.limit().as_secs_f64(),
        }
    }
}

impl IntoResponse for Liveness {
    fn into_response(self) -> Response {
        answer(self.alive, self)
    }
}

/// Whether a service serves its purpose: the answer of /readyz.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether it does.
    pub ready: bool,
    /// How it is, as one word in `snake_case`.
    pub status: &'static str,
    /// Why it is not `ok`, for people. It holds no secrets: anybody may read it.
    pub cause: Option<String>,
    /// Seconds since what the key names, by the service's own clock.
    pub ages: BTreeMap<&'static str, f64>,
}

impl Readiness {
    /// It serves its purpose.
    #[must_use]
    pub fn ready(status: &'static str) -> Self {
        Self {
            ready: true,
            status,
            cause: None,
            ages: BTreeMap::new(),
        }
    }

    /// It does not, because of `cause`.
    #[must_use]
    pub fn unready(status: &'static str, cause: impl Into<String>) -> Self {
        Self {
            ready: false,
            cause: Some(cause.into()),
            ..Self::ready(status)
        }
    }

    /// Adds an age if there is one.
    #[must_use]
    pub fn age(mut self, name: &'static str, age: Option<std::time::Duration>) -> Self {
        if let Some(age) = age {
            self.ages.insert(name, age.as_secs_f64());
        }
        self
    }
}

impl IntoResponse for Readiness {
    fn into_response(self) -> Response {
        answer(self.ready, self)
    }
}

fn answer(good: bool, body: impl Serialize) -> Response {
    let status = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
