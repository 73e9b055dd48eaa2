//! `vouch`: the command line for companies and referrers.
//!
//! `docs/cli.md` has its commands, the shapes of `--json`, its error codes and its exit codes.

mod amount;
mod api;
mod campaign;
mod claim;
mod code;
mod config;
mod context;
mod convert;
mod error;
mod journal;
mod node;
mod output;
mod places;
mod send;
mod settings;
mod span;

use std::{io, io::Write as _, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use clap_complete::Shell;
use serde_json::Value;
use vouch_client::Pubkey;

use crate::{
    config::Options,
    context::Context,
    error::{Exit, Failure, Outcome},
};

/// Run referral programmes on Solana: open campaigns, share codes, claim rewards.
///
/// Node, wallet and commitment are those of the Solana CLI unless options name others. Amounts are
/// decimal in the token's units. Nothing is signed before it was simulated and agreed to.
#[derive(Debug, Parser)]
#[command(name = "vouch", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open and run campaigns
    #[command(subcommand)]
    Campaign(campaign::Command),
    /// Show what conversions pay, and what a referrer who refers himself would net
    Preview(campaign::PreviewArgs),
    /// Register and look at codes
    #[command(subcommand)]
    Code(code::Command),
    /// Record a conversion of the wallet that signs
    Convert(convert::SaleArgs),
    /// Buy with the wallet that signs, in a campaign that takes payments
    Purchase(convert::SaleArgs),
    /// Show what waits for a wallet, and have it paid
    Claim(claim::ClaimArgs),
    /// List the conversions of a campaign that are held, and can be cancelled
    Review { campaign: Pubkey },
    /// Cancel a conversion within its hold
    Cancel { conversion: Pubkey },
    /// API keys of a campaign
    #[command(subcommand)]
    Keys(api::Command),
    /// Print the completion script of a shell
    Completions { shell: Shell },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "vouch", &mut script);
        // A closed pipe is no failure of the command.
        let _ = io::stdout().lock().write_all(&script);
        return ExitCode::SUCCESS;
    }
    let is_json = cli.options.json;
    match run(cli).await {
        Ok(result) => {
            output::result(&result, is_json);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            output::failure(&failure, is_json);
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Prints an error of the arguments, or the help that they asked for.
fn refuse(error: &clap::Error) -> ExitCode {
    let asks = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion];
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    if asks.contains(&error.kind()) || !is_json {
        let _ = error.print();
    } else {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let message = text.split("\n\n").next().unwrap_or_default().to_owned();
        let failure = Failure::usage("usage", message, "see `vouch --help`");
        output::failure(&failure, true);
    }
    if asks.contains(&error.kind()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(Exit::Usage as u8)
    }
}

async fn run(cli: Cli) -> Outcome<Value> {
    let context = Context::new(cli.options)?;
    match cli.command {
        Command::Campaign(command) => campaign::run(&context, command).await,
        Command::Preview(args) => campaign::preview(&context, args).await,
        Command::Code(command) => code::run(&context, command).await,
        Command::Convert(args) => convert::run(&context, args, false).await,
        Command::Purchase(args) => convert::run(&context, args, true).await,
        Command::Claim(args) => claim::run(&context, args).await,
        Command::Review { campaign } => api::review(&context, &campaign).await,
        Command::Cancel { conversion } => convert::cancel(&context, &conversion).await,
        Command::Keys(command) => api::keys(&context, command).await,
        Command::Completions { .. } => Ok(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
