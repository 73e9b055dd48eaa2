//! `vouch campaign show`.

use serde_json::{Value, json};
use vouch_client::{Pubkey, accounts::Campaign, token};

use super::{open::terms_json, tokens};
use crate::{
    context::{Context, address},
    error::Outcome,
    settings, span,
};

/// Shows a campaign as the chain has it.
pub(super) async fn run(context: &Context, at: &Pubkey) -> Outcome<Value> {
    let (campaign, seen) = context.node.campaign(at, &[]).await?;
    let tokens = tokens(context, &campaign).await?;
    let now = seen.now;
    let vault = match campaign.vault() {
        Some(vault) => {
            let seen = context.node.see(&[vault]).await?;
            let account = seen.get(&vault);
            let holds = account.and_then(|account| token::balance(&account.data));
            let holds = holds.unwrap_or_default();
            Some(json!({
                "address": vault.to_string(),
                "holds": tokens.reward.json(holds),
                "owed": tokens.reward.json(campaign.owed),
                "free": tokens.reward.json(holds.saturating_sub(campaign.owed)),
            }))
        }
        None => None,
    };
    let announced = campaign.announced(now).map(|(from, next)| {
        let changes = settings::changes(campaign.in_force(now), next, tokens);
        json!({ "in_force_from": span::shown(from), "changes": changes })
    });
    Ok(json!({
        "campaign": at.to_string(),
        "state": state(&campaign, now),
        "creator": campaign.creator.to_string(),
        "id": campaign.id.to_string(),
        "authority": campaign.authority.to_string(),
        "pending_authority": address(&campaign.pending_authority),
        "mint": address(&campaign.mint),
        "decimals": tokens.reward.decimals,
        "payment_mint": address(&campaign.payment_mint),
        "created_at": span::shown(campaign.created_at),
        "closed_at": span::shown(campaign.closed_at),
        "committed": tokens.reward.json(campaign.committed),
        "vault": vault,
        "terms": terms_json(campaign.terms()),
        "settings": settings::shown(campaign.in_force(now), tokens),
        "announced": announced,
    }))
}

/// Whether conversions count now: open, or why not.
fn state(campaign: &Campaign, now: i64) -> &'static str {
    let settings = campaign.in_force(now);
    if campaign.closed {
        "closed"
    } else if campaign.paused {
        "paused"
    } else if settings.starts_at != 0 && now < settings.starts_at {
        "not_started"
    } else if settings.ends_at != 0 && now >= settings.ends_at {
        "ended"
    } else {
        "open"
    }
}
