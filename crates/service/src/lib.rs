//! The parts that every long-running service of Vouch needs: its log, its address, its metrics, its health
//! and its end.
//!
//! A service that is no web server looks like this:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use clap::Parser;
//! # use vouch_service::{Health, Heartbeat, Log, Metrics, Probes, Readiness, Stop};
//! #[derive(Parser)]
//! struct Config {
//!     #[command(flatten)]
//!     log: Log,
//!     /// Port 8090, unless LISTEN says otherwise.
//!     #[command(flatten)]
//!     probes: Probes<8090>,
//! }
//!
//! struct State {
//!     heartbeat: Heartbeat,
//! }
//!
//! impl Health for State {
//!     fn heartbeat(&self) -> &Heartbeat {
//!         &self.heartbeat
//!     }
//!
//!     fn readiness(&self) -> Readiness {
//!         Readiness::ready("ok")
//!     }
//! }
//!
//! # async fn work(_: &State) -> anyhow::Result<()> { Ok(()) }
//! # async fn run() -> anyhow::Result<()> {
//! let config = Config::parse();
//! config.log.init()?;
//! let metrics = Metrics::install(&[])?;
//! let mut stop = Stop::new()?;
//! let state = Arc::new(State { heartbeat: config.probes.heartbeat() });
//! let listener = config.probes.listen.bind().await?;
//! tokio::select! {
//!     ended = vouch_service::serve(listener, Arc::clone(&state), metrics) => ended?,
//!     ended = work(&state) => ended?,
//!     () = stop.wait() => {}
//! }
//! # Ok(())
//! # }
//! ```

mod health;
mod heartbeat;
mod listen;
mod log;
mod metrics;
mod server;
mod stop;

pub use health::{Health, Liveness, Readiness};
pub use heartbeat::Heartbeat;
pub use listen::{Listen, Probes, write_port_file};
pub use log::{Log, LogFormat};
pub use metrics::Metrics;
pub use server::{router, serve};
pub use stop::Stop;
