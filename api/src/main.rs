//! `vouch-api serve` (the default), `vouch-api openapi` and `vouch-api recount`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use vouch_api::Config;

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
    /// Compare what was counted from clicks with the list of clicks.
    Recount(vouch_api::RecountConfig),
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
        Command::Recount(config) => vouch_api::recount(&config).await,
        Command::Serve(config) => match config.log.init() {
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
