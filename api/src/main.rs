//! `vouch-api serve` (the default) and `vouch-api openapi`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use vouch_api::{Config, LogFormat};

/// The HTTP API of Vouch.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve HTTP (the default).
    Serve(Box<Config>),
    /// Print the OpenAPI document.
    Openapi,
}

/// Without a subcommand the flags are those of `serve`.
#[derive(Debug, Parser)]
#[command(version)]
struct ServeCli {
    #[command(flatten)]
    config: Config,
}

#[tokio::main]
async fn main() -> ExitCode {
    let bare = std::env::args_os().nth(1).is_none_or(|first| {
        let first = first.to_string_lossy();
        first.starts_with('-') && !matches!(&*first, "-h" | "--help" | "-V" | "--version")
    });
    let command = if bare {
        Command::Serve(Box::new(ServeCli::parse().config))
    } else {
        match Cli::parse().command {
            Some(command) => command,
            None => return ExitCode::SUCCESS,
        }
    };
    let outcome = match command {
        Command::Openapi => vouch_api::openapi().map(|document| print!("{document}")),
        Command::Serve(config) => match log(&config) {
            Ok(()) => vouch_api::serve(*config).await,
            Err(error) => Err(error),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vouch-api: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.vouch_log)
        .map_err(|error| anyhow::anyhow!("VOUCH_LOG is not a filter: {error}"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
