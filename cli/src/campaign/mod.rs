//! Commands of a company: its campaigns.

mod acts;
mod open;
mod payments;
mod preview;
mod show;

use clap::Subcommand;
use serde_json::Value;
use vouch_client::{
    Pubkey,
    accounts::{Campaign, Proof},
};

pub(crate) use self::{
    open::OpenArgs,
    preview::{PreviewArgs, run as preview},
};
use crate::{
    amount::{SOL, Units},
    context::Context,
    error::Outcome,
    node::Seen,
    settings::{SettingsArgs, Tokens},
};

/// Commands of `vouch campaign`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a campaign, with its token and its vault where it needs them
    Open(Box<OpenArgs>),
    /// Show terms, settings, announced cuts and what the vault holds
    Show { campaign: Pubkey },
    /// Change settings; what cuts something takes effect after the campaign's notice
    Update {
        campaign: Pubkey,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
        /// File with a table [settings]; options win
        #[arg(long, value_name = "FILE")]
        file: Option<std::path::PathBuf>,
        /// Amount of the conversions in the preview
        #[arg(long, value_name = "AMOUNT")]
        example_amount: Option<String>,
    },
    /// Move tokens of the wallet into the vault
    Fund { campaign: Pubkey, amount: String },
    /// Move tokens that the campaign does not owe out of the vault
    Withdraw {
        campaign: Pubkey,
        amount: String,
        /// Token account that gets them [default: the authority's, which is created if it is missing]
        #[arg(long, value_name = "ADDRESS")]
        to: Option<Pubkey>,
    },
    /// Refuse conversions until `resume`
    Pause { campaign: Pubkey },
    /// Accept conversions again
    Resume { campaign: Pubkey },
    /// Close a campaign for good; what was earned stays owed
    Close { campaign: Pubkey },
    /// Offer a campaign to another authority, which has to accept it
    TransferAuthority {
        campaign: Pubkey,
        /// The new authority, or none to take the offer back
        to: String,
    },
    /// Take over a campaign that was offered to the wallet
    AcceptAuthority { campaign: Pubkey },
}

/// Runs a command of `vouch campaign`.
///
/// # Errors
/// See `docs/cli.md`.
pub(crate) async fn run(context: &Context, command: Command) -> Outcome<Value> {
    match command {
        Command::Open(args) => open::run(context, *args).await,
        Command::Show { campaign } => show::run(context, &campaign).await,
        Command::Update {
            campaign,
            settings,
            file,
            example_amount,
        } => {
            acts::update(
                context,
                &campaign,
                *settings,
                file.as_deref(),
                example_amount.as_deref(),
            )
            .await
        }
        Command::Fund { campaign, amount } => acts::fund(context, &campaign, &amount).await,
        Command::Withdraw {
            campaign,
            amount,
            to,
        } => acts::withdraw(context, &campaign, &amount, to).await,
        Command::Pause { campaign } => acts::pause(context, &campaign, true).await,
        Command::Resume { campaign } => acts::pause(context, &campaign, false).await,
        Command::Close { campaign } => acts::close(context, &campaign).await,
        Command::TransferAuthority { campaign, to } => acts::offer(context, &campaign, &to).await,
        Command::AcceptAuthority { campaign } => acts::accept(context, &campaign).await,
    }
}

/// The tokens of a campaign that exists.
///
/// # Errors
/// `node_invalid` if the node does not know the mint of its payments, besides those of every request.
pub(crate) async fn tokens(context: &Context, campaign: &Campaign) -> Outcome<Tokens> {
    let raw = context.options.raw;
    let is_own = campaign.proof == Proof::Payment
        && !campaign.payments_are_sol()
        && campaign.payment_mint != campaign.mint;
    let seen = if is_own {
        Some(context.node.see(&[campaign.payment_mint]).await?)
    } else {
        None
    };
    // A guess would move the decimal point of what is signed.
    tokens_of(campaign, seen.as_ref(), raw)
        .ok_or_else(|| context.node.nonsense("getMultipleAccounts"))
}

/// `None` if the mint of the payments is needed and is not there.
fn tokens_of(campaign: &Campaign, seen: Option<&Seen>, raw: bool) -> Option<Tokens> {
    let decimals = if campaign.rewards_are_sol() {
        SOL
    } else {
        campaign.mint_decimals
    };
    let reward = Units { decimals, raw };
    let paying = if campaign.proof != Proof::Payment || campaign.payment_mint == campaign.mint {
        decimals
    } else if campaign.payments_are_sol() {
        SOL
    } else {
        let mint = seen?.get(&campaign.payment_mint)?;
        vouch_client::token::mint(&mint.data)?.decimals
    };
    Some(Tokens {
        reward,
        payment: Units {
            decimals: paying,
            raw,
        },
    })
}
