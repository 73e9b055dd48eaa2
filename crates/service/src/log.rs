//! The log.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// Settings of the log.
#[derive(Debug, Clone, Args)]
pub struct Log {
    /// Log filter, such as `info,vouch_indexer=debug`.
    #[arg(
        long = "vouch-log",
        alias = "log",
        env = "VOUCH_LOG",
        default_value = "info"
    )]
    pub filter: String,

    /// Format of the log.
    #[arg(long = "log-format", env = "LOG_FORMAT", default_value = "text")]
    pub format: LogFormat,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Log {
    /// Starts the log of this process, on its standard error: its standard output is for what a
    /// command prints.
    ///
    /// # Errors
    /// When the filter is not one.
    ///
    /// # Panics
    /// When the process has a log already.
    pub fn init(&self) -> Result<()> {
        let filter = EnvFilter::try_new(&self.filter).context("VOUCH_LOG is not a filter")?;
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(false);
        match self.format {
            LogFormat::Text => log.init(),
            LogFormat::Json => log.json().init(),
        }
        Ok(())
    }
}
