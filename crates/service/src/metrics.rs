//! The metrics of the process, for Prometheus.

use std::time::Duration;

use anyhow::Result;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The metrics of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Begins to record the metrics of this process. `buckets` are the upper bounds of histograms by
    /// their name; the name `""` stands for all others.
    ///
    /// # Errors
    /// When they are recorded already, or a histogram has no buckets.
    pub fn install(buckets: &[(&str, &[f64])]) -> Result<Self> {
        let mut builder = PrometheusBuilder::new();
        for (name, bounds) in buckets {
            builder = match *name {
                "" => builder.set_buckets(bounds)?,
                name => builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds)?,
            };
        }
        Ok(Self(builder.install_recorder()?))
    }

    /// The metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    /// Keeps the memory of histograms bounded while nobody asks for them. Never returns.
    pub async fn upkeep(&self) {
        loop {
            self.0.run_upkeep();
            tokio::time::sleep(UPKEEP_EVERY).await;
        }
    }
}
