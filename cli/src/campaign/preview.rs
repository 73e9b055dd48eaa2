//! `vouch preview`: what conversions pay, and what a referrer nets who refers himself.

use clap::Args;
use serde_json::{Value, json};
use vouch_client::Pubkey;

use super::{
    OpenArgs, open,
    payments::{previewed, self_referral},
    tokens,
};
use crate::{
    context::Context,
    error::{Failure, Outcome},
};

/// Arguments of `vouch preview`.
#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// A campaign that exists; without it, the one that the options and the file describe
    pub(crate) campaign: Option<Pubkey>,
    #[command(flatten)]
    pub(crate) open: Box<OpenArgs>,
}

/// Runs `vouch preview`.
///
/// # Errors
/// See `docs/cli.md`.
pub(crate) async fn run(context: &Context, args: PreviewArgs) -> Outcome<Value> {
    let example = args.open.campaign.example_amount.clone();
    let Some(address) = args.campaign else {
        return open::preview(context, *args.open).await;
    };
    if args.open.has_choices() {
        return Err(Failure::usage(
            "conflicting_options",
            "a campaign that exists is shown with its own settings",
            "leave the address or the settings out, or use `vouch campaign update --dry-run`",
        ));
    }
    let (campaign, seen) = context.node.campaign(&address, &[]).await?;
    let tokens = tokens(context, &campaign).await?;
    let settings = campaign.in_force(seen.now);
    let same = campaign.pays_in_rewards();
    let example = example.map(|text| text.0);
    let preview = previewed(campaign.terms(), settings, tokens, same, example.as_deref())?;
    Ok(json!({
        "campaign": address.to_string(),
        "warnings": self_referral(campaign.terms(), &preview).into_iter().collect::<Vec<_>>(),
        "preview": preview,
    }))
}
