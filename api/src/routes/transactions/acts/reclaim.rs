//! Rents that go back to those who paid them.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use solana_sdk::instruction::Instruction;
use utoipa::ToSchema;
use vouch_client::{
    PROGRAM_ID, Pubkey,
    accounts::{Account, Closed, Conversion, Proof, Status, Terms, Uniqueness},
    instructions::{self, raw},
    pda,
};
use vouch_db::api::conversions;

use super::{Act, Plan, address};
use crate::{
    chain::Seen,
    error::{ApiError, ApiResult},
    schemas,
    state::AppState,
};

/// The most accounts of one transaction.
const MOST: usize = 10;

/// Accounts of campaigns that are over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReclaimRequest {
    /// Addresses of 1 to 10 accounts.
    #[schema(value_type = Vec<schemas::Address>, min_items = 1, max_items = 10)]
    accounts: Vec<String>,
    /// Pays the fee, and signs; anybody.
    #[schema(value_type = schemas::Address)]
    payer: String,
}

impl Act for ReclaimRequest {
    async fn plan(self, state: &AppState) -> ApiResult<Plan> {
        let payer = address(&self.payer, "payer")?;
        if self.accounts.is_empty() || self.accounts.len() > MOST {
            let message = "this list has 1 to 10 items";
            return Err(ApiError::wrong_type().saying(message).of_field("accounts"));
        }
        let mut accounts = Vec::new();
        for text in &self.accounts {
            accounts.push(address(text, "accounts")?);
        }
        accounts.sort_unstable();
        accounts.dedup();
        let seen = state.chain.see(&accounts).await?;
        let conversions = Conversions::read(state, &seen, &accounts).await?;
        let steps = accounts.into_iter().map(|at| step(&seen, &conversions, at));
        Ok(Plan::new(payer, steps.collect::<ApiResult<_>>()?))
    }
}

/// The instruction that returns the rent of the account at `at`.
fn step(seen: &Seen, conversions: &Conversions, at: Pubkey) -> ApiResult<Instruction> {
    let missing = || {
        ApiError::account_not_found().saying(format!(
            "there is no account at {at} whose rent could go back"
        ))
    };
    Ok(match decoded(seen, &at).ok_or_else(missing)? {
        Account::Referral(it) => instructions::reclaim_referral(&it.campaign, &at, &it.rent_payer),
        // The tombstone of a code; that of a campaign stays.
        Account::Closed(it) if it.campaign != at => {
            instructions::reclaim_referral(&it.campaign, &at, &it.rent_payer)
        }
        Account::Binding(it) => {
            instructions::reclaim_binding(&it.campaign, &it.wallet, &it.rent_payer)
        }
        Account::Referrer(it) => {
            instructions::reclaim_referrer(&it.campaign, &it.owner, &it.rent_payer)
        }
        Account::RevokedVoucher(it) => raw::ReclaimVoucherAccounts {
            revocation: at,
            rent_payer: it.rent_payer,
        }
        .instruction(),
        Account::Conversion(it) => conversions.step(at, &it)?,
        Account::Closed(_) | Account::Campaign(_) => {
            return Err(missing().saying("a campaign is reclaimed by reclaim-campaign"));
        }
    })
}

/// The program's account at this address; `None` if there is none.
fn decoded(seen: &Seen, at: &Pubkey) -> Option<Account> {
    let found = seen.get(at).filter(|account| account.owner == PROGRAM_ID);
    found.and_then(|account| Account::decode(&account.data).ok())
}

/// The parts of a reclaim that no account of a conversion holds: the mirror knows its campaign and
/// reference, and the campaign its treasury.
struct Conversions {
    /// Campaign and reference, by the conversion.
    known: HashMap<Pubkey, (Pubkey, [u8; 32])>,
    /// Campaigns, or their tombstones.
    campaigns: Option<Arc<Seen>>,
}

impl Conversions {
    /// Reads it for those of `accounts` that are conversions, by one query and one call of the node.
    async fn read(state: &AppState, seen: &Seen, accounts: &[Pubkey]) -> ApiResult<Self> {
        let addresses: Vec<String> = accounts
            .iter()
            .filter(|at| matches!(decoded(seen, at), Some(Account::Conversion(_))))
            .map(ToString::to_string)
            .collect();
        let mut known = HashMap::new();
        if addresses.is_empty() {
            return Ok(Self {
                known,
                campaigns: None,
            });
        }
        let found = state
            .database
            .run(async |pool| conversions::references(&pool, &addresses).await)
            .await?;
        for found in found {
            let reference = found.reference.and_then(|bytes| bytes.try_into().ok());
            let of = (
                address(&found.campaign, "accounts")?,
                reference.unwrap_or_default(),
            );
            known.insert(address(&found.address, "accounts")?, of);
        }
        let mut campaigns: Vec<Pubkey> = known.values().map(|(campaign, _)| *campaign).collect();
        campaigns.sort_unstable();
        campaigns.dedup();
        Ok(Self {
            known,
            campaigns: Some(state.chain.see(&campaigns).await?),
        })
    }

    fn step(&self, at: Pubkey, conversion: &Conversion) -> ApiResult<Instruction> {
        let unknown = ApiError::conversion_not_found;
        let (campaign, reference) = self.known.get(&at).ok_or_else(unknown)?;
        let seen = self.campaigns.as_ref().ok_or_else(unknown)?;
        let key = key(campaign, at, conversion, reference).ok_or_else(unknown)?;
        let treasury = match seen.read::<Closed>(campaign)? {
            Some(closed) => closed.treasury,
            None => {
                let campaign = seen.campaign(campaign)?;
                let pays_sol = campaign.rewards_are_sol();
                if pays_sol {
                    campaign.settings.treasury
                } else {
                    Pubkey::default()
                }
            }
        };
        let lapses = conversion.status == Status::Pending && treasury != Pubkey::default();
        Ok(raw::ReclaimConversionAccounts {
            campaign: *campaign,
            conversion: at,
            rent_payer: conversion.rent_payer,
            treasury: lapses.then_some(treasury),
        }
        .instruction(&raw::ReclaimConversionArgs { key }))
    }
}

/// The key of a conversion: the one of the four kinds that gives its address.
fn key(
    campaign: &Pubkey,
    at: Pubkey,
    conversion: &Conversion,
    reference: &[u8; 32],
) -> Option<[u8; 32]> {
    let terms = |proof, uniqueness| Terms {
        proof,
        uniqueness,
        ..Terms::default()
    };
    [
        terms(Proof::Open, Uniqueness::Wallet),
        terms(Proof::Open, Uniqueness::WalletAndCode),
        terms(Proof::Attested, Uniqueness::Order),
        terms(Proof::Payment, Uniqueness::Order),
    ]
    .into_iter()
    .map(|terms| terms.conversion_key(&conversion.referee, &conversion.referral, reference))
    .find(|key| pda::conversion(campaign, key) == at)
}
