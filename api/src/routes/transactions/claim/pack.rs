//! Claims that fit into one transaction, and whose token accounts it creates.

use std::collections::BTreeMap;

use solana_sdk::instruction::Instruction;
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{Campaign, Conversion, Referral, settled},
    instructions::{self, Offer},
    recipient::Unpayable,
    token,
};

use super::{Claim, ClaimRewardsAnswer, Creates, NewAccount, Skipped, Waiting};
use crate::{
    chain::Seen,
    error::{ApiError, ApiResult},
    routes::transactions::{Plan, fits},
    state::AppState,
    types::Amount,
};

/// A conversion that is due, with its referral.
pub(super) struct Due {
    pub(super) address: Pubkey,
    pub(super) conversion: Conversion,
    pub(super) referral: Referral,
}

/// A part that is owed.
struct Part {
    bit: u8,
    name: &'static str,
    units: u64,
    owner: Pubkey,
    account: Pubkey,
}

/// The reason why a part is not paid now.
struct Obstacle {
    account: Pubkey,
    reason: Unpayable,
    /// Whether the account does not exist, so that its owner or a payer can create it.
    is_missing: bool,
}

impl Due {
    /// The accounts that receive what is owed.
    pub(super) fn recipients(&self, campaign: &Campaign) -> impl Iterator<Item = Pubkey> + use<> {
        self.parts(campaign).into_iter().map(|part| part.account)
    }

    fn parts(&self, campaign: &Campaign) -> Vec<Part> {
        let Conversion {
            reward_referrer,
            reward_referee,
            reward_partner,
            referee,
            ..
        } = self.conversion;
        let owner = self.referral.owner;
        let mut parts = vec![
            (settled::REFERRER, "referrer", reward_referrer, owner),
            (settled::REFEREE, "referee", reward_referee, referee),
        ];
        let partner = self.referral.partner();
        parts.extend(partner.map(|owner| (settled::PARTNER, "partner", reward_partner, owner)));
        parts
            .into_iter()
            .filter(|(bit, ..)| !self.conversion.is_settled(*bit))
            .map(|(bit, name, units, owner)| Part {
                bit,
                name,
                units,
                owner,
                account: campaign.reward_account(&owner),
            })
            .collect()
    }
}

/// Claims that fit into one transaction.
pub(super) struct Packed {
    address: Pubkey,
    campaign: Campaign,
    payer: Pubkey,
    creates: Creates,
    steps: Vec<Instruction>,
    pub(super) claims: Vec<Claim>,
    pub(super) skipped: Vec<(Skipped, ApiError)>,
    /// Owners of the token accounts that are created, by the account.
    created: BTreeMap<Pubkey, Pubkey>,
}

impl Packed {
    pub(super) fn new(
        address: Pubkey,
        campaign: Campaign,
        payer: Pubkey,
        creates: Creates,
    ) -> Self {
        Self {
            address,
            campaign,
            payer,
            creates,
            steps: Vec::new(),
            claims: Vec::new(),
            skipped: Vec::new(),
            created: BTreeMap::new(),
        }
    }

    /// Adds the claims of these conversions, in their order, until one does not fit. Returns how many
    /// were looked at: all that were added or skipped.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    pub(super) async fn add(&mut self, state: &AppState, due: &[Due]) -> ApiResult<usize> {
        let recipients = due.iter().flat_map(|due| due.recipients(&self.campaign));
        let mut recipients: Vec<Pubkey> = recipients.collect();
        recipients.sort_unstable();
        recipients.dedup();
        let seen = state.chain.see(&recipients).await?;
        for (place, due) in due.iter().enumerate() {
            if !self.add_one(due, &seen)? {
                return Ok(place);
            }
        }
        Ok(due.len())
    }

    /// Adds a claim; false if it does not fit beside the others.
    fn add_one(&mut self, due: &Due, seen: &Seen) -> ApiResult<bool> {
        let mut paid = 0;
        let mut missing = Vec::new();
        let mut obstacles = Vec::new();
        let mut waiting = Vec::new();
        let parts = due.parts(&self.campaign);
        for part in &parts {
            let taken = seen.takes(&self.campaign, &part.account, &part.owner, part.units);
            let Err(reason) = taken else {
                paid |= part.bit;
                continue;
            };
            // It can be created, if there is nothing else at its address.
            let is_missing = reason == Unpayable::NoTokenAccount
                && seen.get(&part.account).is_none_or(|it| it.data.is_empty());
            if is_missing && (self.creates == Creates::All || part.owner == self.payer) {
                paid |= part.bit;
                missing.push((part.account, part.owner));
                continue;
            }
            let obstacle = Obstacle {
                account: part.account,
                reason,
                is_missing,
            };
            waiting.push(Waiting {
                part: part.name,
                units: Amount(part.units),
                owner: part.owner.to_string(),
                account: part.account.to_string(),
                code: obstacle.refusal().code,
                message: obstacle.to_string(),
            });
            obstacles.push(obstacle);
        }
        if paid == 0 && !parts.is_empty() {
            let refusal = unpayable(&obstacles);
            let skipped = Skipped {
                conversion: due.address.to_string(),
                code: refusal.code,
                message: "nobody can be paid now: see waiting".to_owned(),
                waiting,
            };
            self.skipped.push((skipped, refusal));
            return Ok(true);
        }
        let offer = Offer::at(self.address, &self.campaign, &due.referral, seen.now)
            .map_err(|error| ApiError::internal().because(error))?;
        let mut steps = self.steps.clone();
        missing.retain(|(account, _)| !self.created.contains_key(account));
        missing.dedup();
        if let Some(mint) = self.campaign.reward_mint() {
            let program = &self.campaign.token_program;
            let create = missing.iter().map(|(_, owner)| {
                token::create_associated_token(&self.payer, owner, &mint, program)
            });
            steps.extend(create);
        }
        steps.push(instructions::claim(&offer, &due.address, &due.conversion));
        if !self.claims.is_empty() && !fits(&self.payer, &steps, true) {
            return Ok(false);
        }
        self.steps = steps;
        self.created.extend(missing);
        let units = |bit| {
            let part = parts.iter().find(|part| part.bit == bit && paid & bit != 0);
            Amount(part.map_or(0, |part| part.units))
        };
        self.claims.push(Claim {
            conversion: due.address.to_string(),
            referrer: units(settled::REFERRER),
            referee: units(settled::REFEREE),
            partner: units(settled::PARTNER),
            waiting,
        });
        Ok(true)
    }

    /// The transaction, and what else is due.
    ///
    /// # Errors
    /// Those of [`Plan::build`].
    pub(super) async fn answer(
        self,
        state: &AppState,
        left: usize,
        next_cursor: Option<String>,
    ) -> ApiResult<ClaimRewardsAnswer> {
        let plan = Plan::new(self.payer, self.steps);
        let creates = self.created.into_iter().map(|(account, owner)| NewAccount {
            address: account.to_string(),
            owner: owner.to_string(),
        });
        Ok(ClaimRewardsAnswer {
            campaign: self.address.to_string(),
            claims: self.claims,
            skipped: self.skipped.into_iter().map(|(it, _)| it).collect(),
            creates: creates.collect(),
            left: Amount(u64::try_from(left).unwrap_or(u64::MAX)),
            next_cursor,
            built: plan.build(state).await?,
        })
    }
}

impl Obstacle {
    /// The refusal of a claim that meets this obstacle alone.
    fn refusal(&self) -> ApiError {
        if self.reason == Unpayable::Frozen {
            ApiError::account_frozen()
        } else if self.is_missing {
            ApiError::token_account_missing()
        } else {
            ProgramError::NothingToClaim.into()
        }
    }
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            account, reason, ..
        } = self;
        write!(out, "{account}: {reason}")?;
        let advice = match reason {
            _ if self.is_missing => {
                ", its owner has to create it or to claim as payer, or create_accounts has to be all"
            }
            Unpayable::GivenAway => {
                ", the wallet has to get the associated token account back from whom it was given to"
            }
            Unpayable::NeedsMemo => ", its owner has to switch required memos off",
            Unpayable::Full | Unpayable::WalletFull => ", its owner has to move some of it away",
            Unpayable::BelowRent => ", its owner has to add lamports",
            _ => "",
        };
        out.write_str(advice)
    }
}

/// The refusal of a claim of which no part can be paid, which names the accounts.
fn unpayable(obstacles: &[Obstacle]) -> ApiError {
    let frozen = obstacles.iter().find(|it| it.reason == Unpayable::Frozen);
    let first = frozen.or_else(|| obstacles.iter().find(|it| it.is_missing));
    let refusal = first.or(obstacles.first()).map(Obstacle::refusal);
    let refusal = refusal.unwrap_or_else(|| ProgramError::NothingToClaim.into());
    let reasons: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
    refusal.saying(format!("nobody can be paid now: {}", reasons.join("; ")))
}
