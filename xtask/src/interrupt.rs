//! Ctrl-C and similar signals.

use anyhow::{Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals by which a person or the system asks a program to end.
pub(crate) struct Interrupts {
    ctrl_c: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interrupts {
    /// Starts listening. From now on, these signals no longer end the process by
    /// themselves.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {
            ctrl_c: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one of the signals.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }

    /// Returns the outcome of `work`. On an interrupt, drops `work` at its present point,
    /// and with it every child process that it started.
    pub(crate) async fn or_drop<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        // Print the message before anything is dropped.
        let mut work = Box::pin(work);
        tokio::select! {
            outcome = &mut work => outcome,
            () = self.next() => {
                eprintln!("\ninterrupted: stopping what was started");
                drop(work);
                bail!("interrupted")
            }
        }
    }
}

/// See [`Interrupts::or_drop`].
pub(crate) async fn or_drop<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    Interrupts::listen()?.or_drop(work).await
}
