//! The acts of a campaign's authority.

use std::path::Path;

use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{Campaign, RewardKind},
    instructions, pda, token,
};

use super::{
    open::settings_of,
    payments::{previewed, self_referral},
    tokens,
};
use crate::{
    context::{Context, warning},
    error::{Failure, Outcome},
    send::{Base, Plan},
    settings::{self, SettingsArgs},
    span,
};

/// Refuses a wallet that is not the campaign's authority, before anything is built for it.
fn authorised(campaign: &Campaign, key: &Keypair) -> Outcome<()> {
    if campaign.authority == key.pubkey() {
        return Ok(());
    }
    Err(ProgramError::Unauthorized.into())
}

/// Changes settings.
pub(super) async fn update(
    context: &Context,
    at: &Pubkey,
    args: SettingsArgs,
    file: Option<&Path>,
    example: Option<&str>,
) -> Outcome<Value> {
    let args = settings_of(args, file)?;
    if args.is_empty() {
        return Err(Failure::usage(
            "missing_option",
            "nothing is to be changed",
            "add the settings that change, such as --reward 5",
        ));
    }
    let key = context.key()?;
    let (campaign, seen) = context.node.campaign(at, &[]).await?;
    authorised(&campaign, &key)?;
    let (tokens, now) = (tokens(context, &campaign).await?, seen.now);
    // Announced settings stay announced, unless this command changes them.
    let announced = campaign.announced(now);
    let base = *campaign.latest(now);
    let new = args.apply(base, tokens)?;
    if new.reward_kind == RewardKind::Percent && new.reward_max == 0 {
        return Err(Failure::usage(
            "missing_option",
            "a reward that becomes a percentage needs a maximum",
            "add --reward-max",
        ));
    }
    let from = campaign.in_force_from(&new, now);
    let same = campaign.pays_in_rewards();
    let preview = previewed(campaign.terms(), &new, tokens, same, example)?;
    let mut warnings: Vec<Value> = self_referral(campaign.terms(), &preview)
        .into_iter()
        .collect();
    let shown = |time| span::shown(time).unwrap_or_default();
    if from != now {
        warnings.push(warning(
            "is_cut",
            format!(
                "this gives somebody less, so it takes effect after the notice of {} seconds: {}",
                campaign.notice_seconds,
                shown(from)
            ),
        ));
    }
    if let Some((old, _)) = announced
        && from > old
    {
        warnings.push(warning(
            "announced_cut_restarts",
            format!(
                "the cut that was announced for {} is replaced, so its notice starts again: {}",
                shown(old),
                shown(from)
            ),
        ));
    }
    // All settings are signed, and these take effect at once, so a node that lies about them decides.
    let kept = settings::kept(&base, &new, tokens);
    if !kept.is_empty() {
        warnings.push(warning(
            "settings_unchanged",
            format!(
                "signed as the node tells it: {}; compare it, because it takes effect at once",
                kept.join(", ")
            ),
        ));
    }
    let changes = settings::changes(campaign.in_force(now), &new, tokens);
    let plan = Plan {
        command: None,
        base: Some(Base {
            campaign: *at,
            settings: base,
        }),
        title: format!("Change the campaign {at}"),
        instructions: vec![instructions::update_campaign(&key.pubkey(), at, &new)],
    };
    let result = json!({
        "campaign": at.to_string(),
        "is_cut": from != now,
        "notice_seconds": campaign.notice_seconds,
        "in_force_from": span::shown(from),
        "changes": changes,
        "settings": settings::shown(&new, tokens),
        "preview": preview,
        "warnings": warnings,
    });
    context.carry_out(&key, plan, result).await
}

/// The campaign, if it has a vault.
async fn with_vault(context: &Context, at: &Pubkey) -> Outcome<Campaign> {
    let (campaign, _) = context.node.campaign(at, &[]).await?;
    if !campaign.pays_from_vault() {
        return Err(ProgramError::NoVault.into());
    }
    Ok(campaign)
}

fn positive(units: u64, option: &str) -> Outcome<u64> {
    if units == 0 {
        return Err(Failure::usage(
            "invalid_amount",
            format!("{option}: 0 moves nothing"),
            "write an amount above 0",
        ));
    }
    Ok(units)
}

/// Moves tokens into the vault.
pub(super) async fn fund(context: &Context, at: &Pubkey, amount: &str) -> Outcome<Value> {
    let key = context.key()?;
    let campaign = with_vault(context, at).await?;
    let tokens = tokens(context, &campaign).await?;
    let units = positive(tokens.reward.parse(amount, "AMOUNT")?, "AMOUNT")?;
    let wallet = key.pubkey();
    let (source, _) = pda::associated_token(&wallet, &campaign.mint, &campaign.token_program);
    let seen = context.node.see(&[source]).await?;
    let holds = seen.get(&source);
    let holds = holds.and_then(|account| token::balance(&account.data));
    let result = json!({
        "campaign": at.to_string(),
        "vault": campaign.vault.to_string(),
        "source": source.to_string(),
        "amount": tokens.reward.json(units),
        "warnings": [],
    });
    let plan = Plan {
        command: None,
        base: None,
        title: format!(
            "Move {} tokens ({units} base units) into the vault of {at}",
            tokens.reward.show(units.into())
        ),
        instructions: vec![instructions::fund_vault(
            &wallet, at, &campaign, &source, units,
        )],
    };
    let done = context.carry_out(&key, plan, result).await;
    done.map_err(|failure| {
        // The program says that an account is missing, but not that tokens are.
        let is_refusal = [
            "transaction_would_fail",
            "insufficient_tokens",
            "missing_account",
        ]
        .contains(&failure.code.as_ref());
        if !is_refusal || holds.is_some_and(|holds| holds >= units) {
            return failure;
        }
        Failure::refused(
            "insufficient_tokens",
            format!(
                "the wallet holds {} of the token, in {source}",
                tokens.reward.show(holds.unwrap_or_default().into())
            ),
            "add some first",
        )
    })
}

/// Moves tokens out of the vault.
pub(super) async fn withdraw(
    context: &Context,
    at: &Pubkey,
    amount: &str,
    to: Option<Pubkey>,
) -> Outcome<Value> {
    let key = context.key()?;
    let campaign = with_vault(context, at).await?;
    authorised(&campaign, &key)?;
    let tokens = tokens(context, &campaign).await?;
    let units = positive(tokens.reward.parse(amount, "AMOUNT")?, "AMOUNT")?;
    let (wallet, mint, program) = (key.pubkey(), &campaign.mint, &campaign.token_program);
    let (own, _) = pda::associated_token(&wallet, mint, program);
    let destination = to.unwrap_or(own);
    let mut all = Vec::new();
    if destination == own {
        all.push(token::create_associated_token(
            &wallet, &wallet, mint, program,
        ));
    }
    all.push(instructions::withdraw_vault(
        at,
        &campaign,
        &destination,
        units,
    ));
    let plan = Plan {
        command: None,
        base: None,
        title: format!(
            "Move {} tokens ({units} base units) out of the vault of {at}",
            tokens.reward.show(units.into())
        ),
        instructions: all,
    };
    let result = json!({
        "campaign": at.to_string(),
        "vault": campaign.vault.to_string(),
        "destination": destination.to_string(),
        "amount": tokens.reward.json(units),
        "warnings": [],
    });
    context.carry_out(&key, plan, result).await
}

/// Pauses or resumes.
pub(super) async fn pause(context: &Context, at: &Pubkey, paused: bool) -> Outcome<Value> {
    let key = context.key()?;
    let (campaign, _) = context.node.campaign(at, &[]).await?;
    authorised(&campaign, &key)?;
    let plan = Plan {
        command: None,
        base: None,
        title: format!(
            "{} the campaign {at}",
            if paused { "Pause" } else { "Resume" }
        ),
        instructions: vec![instructions::set_paused(&key.pubkey(), at, paused)],
    };
    let result = json!({ "campaign": at.to_string(), "paused": paused, "warnings": [] });
    context.carry_out(&key, plan, result).await
}

/// Closes for good. Anybody may, from 30 days after the campaign's end, so the program decides.
pub(super) async fn close(context: &Context, at: &Pubkey) -> Outcome<Value> {
    let key = context.key()?;
    let (campaign, _) = context.node.campaign(at, &[]).await?;
    let plan = Plan {
        command: None,
        base: None,
        title: format!("Close the campaign {at} for good"),
        instructions: vec![instructions::close_campaign(&key.pubkey(), at)],
    };
    let days = campaign.longest_hold.div_ceil(86_400);
    let message = format!(
        "nobody can open it again; what it holds can be reclaimed 30 days and the longest hold ({days} days) after the closing"
    );
    let result = json!({
        "campaign": at.to_string(),
        "closed": true,
        "warnings": [warning("closes_for_good", message)],
    });
    context.carry_out(&key, plan, result).await
}

/// Offers to another authority.
pub(super) async fn offer(context: &Context, at: &Pubkey, to: &str) -> Outcome<Value> {
    let to = match to {
        "none" => None,
        text => Some(settings::pubkey(text, "TO")?),
    };
    let key = context.key()?;
    let (campaign, _) = context.node.campaign(at, &[]).await?;
    authorised(&campaign, &key)?;
    let plan = Plan {
        command: None,
        base: None,
        title: match &to {
            Some(to) => format!("Offer the campaign {at} to {to}"),
            None => format!("Take the offer of the campaign {at} back"),
        },
        instructions: vec![instructions::propose_authority(
            &key.pubkey(),
            at,
            to.as_ref(),
        )],
    };
    let result = json!({
        "campaign": at.to_string(),
        "pending_authority": to.map(|to| to.to_string()),
        "warnings": [],
    });
    context.carry_out(&key, plan, result).await
}

/// Takes over.
pub(super) async fn accept(context: &Context, at: &Pubkey) -> Outcome<Value> {
    let key = context.key()?;
    context.node.campaign(at, &[]).await?;
    let plan = Plan {
        command: None,
        base: None,
        title: format!("Take over the campaign {at}"),
        instructions: vec![instructions::accept_authority(&key.pubkey(), at)],
    };
    let result = json!({
        "campaign": at.to_string(),
        "authority": key.pubkey().to_string(),
        "warnings": [],
    });
    context.carry_out(&key, plan, result).await
}
