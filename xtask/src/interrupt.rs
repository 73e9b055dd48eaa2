//! Ctrl-C and its relatives.

use anyhow::{Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals by which a person or a system asks a program to end.
pub(crate) struct Interrupts {
    ctrl_c: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interrupts {
    /// From here on these signals no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {
            ctrl_c: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }

    /// The outcome of `work`. When interrupted, `work` is dropped where it stands,
    /// and with it every child process it had started.
    pub(crate) async fn or_drop<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        // Decided before anything is dropped, so that the message comes first.
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
