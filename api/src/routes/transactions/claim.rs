//! The builder of claims: of one conversion, or of all that is due to a wallet in a campaign.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use solana_sdk::instruction::Instruction;
use utoipa::ToSchema;
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{Campaign, Conversion, Referral, Status, settled},
    instructions::{self, Offer},
    pda,
    recipient::Unpayable,
    token,
};
use vouch_db::api::claims;

use super::{Built, Plan, address, fits};
use crate::{
    chain::Seen,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract,
    state::AppState,
    types::{Address, Amount, timestamp},
};

/// Conversions that are tried for one transaction: more than fit.
const TRIED: usize = 16;
/// Conversions of a wallet that are looked for.
const MOST: usize = 1_000;

/// The rewards to claim: of a conversion, or everything that is due to a wallet in a campaign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimRewardsRequest {
    /// Address of the conversion.
    conversion: Option<String>,
    /// Address of the campaign, with `wallet`.
    campaign: Option<String>,
    /// The wallet that is owed something: as referrer, referee or partner.
    wallet: Option<String>,
    /// Pays fee and rent, and signs: anybody. The wallet when absent, or the referrer.
    payer: Option<String>,
}

/// A transaction that pays rewards.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClaimRewardsAnswer {
    #[serde(flatten)]
    built: Built,
    campaign: String,
    /// Payments of the transaction, by conversion.
    claims: Vec<Claim>,
    /// Conversions that are due, but of which nothing can be paid now.
    skipped: Vec<Skipped>,
    /// Token accounts that the transaction creates.
    creates: Vec<NewAccount>,
    /// Conversions that are due to the wallet and did not fit: ask again after this transaction. At
    /// most 1000 are counted.
    left: Amount,
}

/// Parts of a conversion's reward that are paid, in base units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Claim {
    conversion: String,
    referrer: Amount,
    referee: Amount,
    partner: Amount,
}

/// A conversion of which nothing can be paid now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Skipped {
    conversion: String,
    /// The code of the refusal that a claim of it alone gets.
    code: &'static str,
    /// For people.
    message: String,
}

/// A token account that a transaction creates.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewAccount {
    address: String,
    /// The wallet that it belongs to.
    owner: String,
}

/// Build a transaction that pays rewards that are due
///
/// Pays one `conversion`, or the oldest of all that is due to `wallet` in `campaign`: as many as fit.
/// It creates the associated token accounts of those who are paid, where they are missing; the payer
/// pays for them. Anybody may claim for anybody: a claim changes who is paid as little as how much.
#[utoipa::path(post, path = "/v1/transactions/claim", tag = "transactions",
    request_body = ClaimRewardsRequest,
    responses(
        (status = 200, body = ClaimRewardsAnswer),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, conflicting_fields", body = ErrorEnvelope),
        (status = 404, description = "conversion_not_found, campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "still_held, already_paid, conversion_cancelled, account_frozen, nothing_to_claim, vault_exhausted", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "transaction_too_large, transaction_would_fail", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn claim(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<ClaimRewardsRequest>,
) -> ApiResult<Json<ClaimRewardsAnswer>> {
    let payer = request.payer.as_deref();
    let payer = payer.map(|text| address(text, "payer")).transpose()?;
    match (&request.conversion, &request.campaign, &request.wallet) {
        (Some(conversion), None, None) => {
            let conversion = address(conversion, "conversion")?;
            one(&state, conversion, payer).await.map(Json)
        }
        (None, Some(campaign), Some(wallet)) => {
            let campaign = address(campaign, "campaign")?;
            let wallet = address(wallet, "wallet")?;
            all(&state, campaign, wallet, payer.unwrap_or(wallet))
                .await
                .map(Json)
        }
        (None, None, None) => Err(ApiError::missing_field().of_field("conversion")),
        (None, Some(_), None) => Err(ApiError::missing_field().of_field("wallet")),
        (None, None, Some(_)) => Err(ApiError::missing_field().of_field("campaign")),
        _ => Err(ApiError::conflicting_fields()
            .saying("name a conversion, or a campaign and a wallet, not both")),
    }
}

/// Claims one conversion.
async fn one(
    state: &AppState,
    address: Pubkey,
    payer: Option<Pubkey>,
) -> ApiResult<ClaimRewardsAnswer> {
    let seen = state.chain.see(&[address]).await?;
    let conversion = seen.read::<Conversion>(&address)?;
    let conversion = conversion.ok_or_else(ApiError::conversion_not_found)?;
    check(&conversion, seen.now)?;
    let seen = state.chain.see(&[conversion.referral]).await?;
    let referral = seen.read::<Referral>(&conversion.referral)?;
    let referral = referral.ok_or_else(ApiError::campaign_not_found)?;
    let payer = payer.unwrap_or(referral.owner);
    let campaign = referral.campaign;
    let due = vec![Due {
        address,
        conversion,
        referral,
    }];
    let mut packed = pack(state, campaign, due, payer).await?;
    match packed.skipped.pop() {
        Some((_, refusal)) => Err(refusal),
        None => packed.answer(state, 0).await,
    }
}

/// Claims what is due to a wallet in a campaign.
async fn all(
    state: &AppState,
    campaign: Pubkey,
    wallet: Pubkey,
    payer: Pubkey,
) -> ApiResult<ClaimRewardsAnswer> {
    let (of, whose) = (campaign.to_string(), wallet.to_string());
    let limit = i64::try_from(MOST).unwrap_or(i64::MAX);
    let owed = state
        .database
        .run(async |pool| claims::owed(&pool, &of, &whose, limit).await)
        .await?;
    let (_, clock) = state.chain.campaign(&campaign, &[]).await?;
    let earliest = owed.iter().map(|owed| owed.matures_at).min();
    let earliest = earliest.ok_or_else(|| {
        ApiError::from(ProgramError::NothingToClaim)
            .saying("this campaign owes the wallet nothing that the service knows of")
    })?;
    if earliest > clock.now {
        return Err(still_held(earliest));
    }
    let mut known: Vec<Pubkey> = Vec::new();
    for owed in owed.iter().filter(|owed| owed.matures_at <= clock.now) {
        let Address(address) = owed.conversion.parse().map_err(|error: ApiError| {
            ApiError::internal().because(anyhow::anyhow!(error.message))
        })?;
        known.push(address);
    }
    let total = known.len();
    known.truncate(TRIED);
    let seen = state.chain.see(&known).await?;
    let mut conversions = Vec::new();
    // The mirror may not have seen yet what was paid, or closed, meanwhile.
    let mut gone = 0;
    for address in known {
        match seen.read::<Conversion>(&address)? {
            Some(conversion) if check(&conversion, seen.now).is_ok() => {
                conversions.push((address, conversion));
            }
            _ => gone += 1,
        }
    }
    let mut referrals: Vec<Pubkey> = conversions.iter().map(|(_, it)| it.referral).collect();
    referrals.sort_unstable();
    referrals.dedup();
    let seen = state.chain.see(&referrals).await?;
    let mut due = Vec::new();
    for (address, conversion) in conversions {
        match seen.read::<Referral>(&conversion.referral)? {
            Some(referral) if referral.campaign == campaign => due.push(Due {
                address,
                conversion,
                referral,
            }),
            _ => gone += 1,
        }
    }
    if due.is_empty() {
        return Err(ApiError::from(ProgramError::NothingToClaim)
            .saying("everything that was due has been paid: ask again in a few seconds"));
    }
    let packed = pack(state, campaign, due, payer).await?;
    if packed.claims.is_empty() {
        let mut skipped = packed.skipped.into_iter();
        let refusal = skipped.next().map(|(_, refusal)| refusal);
        return Err(refusal.unwrap_or_else(|| ProgramError::NothingToClaim.into()));
    }
    let done = packed.claims.len() + packed.skipped.len() + gone;
    packed.answer(state, total.saturating_sub(done)).await
}

/// A conversion that is due, with its referral.
struct Due {
    address: Pubkey,
    conversion: Conversion,
    referral: Referral,
}

/// Fails unless the conversion is pending, and its hold is over.
fn check(conversion: &Conversion, now: i64) -> ApiResult<()> {
    match conversion.status {
        Status::Paid => return Err(ApiError::already_paid()),
        Status::Cancelled => return Err(ApiError::conversion_cancelled()),
        Status::Pending => {}
    }
    if conversion.hold_seconds != 0 && now < conversion.claimable_from() {
        return Err(still_held(conversion.claimable_from()));
    }
    Ok(())
}

fn still_held(from: i64) -> ApiError {
    let from = timestamp(from).unwrap_or_else(|| from.to_string());
    ApiError::from(ProgramError::StillHeld)
        .saying(format!("the reward is held: it can be claimed from {from}"))
}

/// A part that is owed.
struct Part {
    bit: u8,
    units: u64,
    owner: Pubkey,
    account: Pubkey,
}

impl Due {
    fn parts(&self, campaign: &Campaign) -> Vec<Part> {
        let Conversion {
            reward_referrer,
            reward_referee,
            reward_partner,
            referee,
            ..
        } = self.conversion;
        let mut parts = vec![
            (settled::REFERRER, reward_referrer, self.referral.owner),
            (settled::REFEREE, reward_referee, referee),
        ];
        let partner = self.referral.partner();
        parts.extend(partner.map(|owner| (settled::PARTNER, reward_partner, owner)));
        parts
            .into_iter()
            .filter(|(bit, ..)| !self.conversion.is_settled(*bit))
            .map(|(bit, units, owner)| Part {
                bit,
                units,
                owner,
                account: pda::reward_account(&owner, campaign),
            })
            .collect()
    }
}

/// Claims that fit into one transaction.
struct Packed {
    campaign: Pubkey,
    payer: Pubkey,
    steps: Vec<Instruction>,
    claims: Vec<Claim>,
    skipped: Vec<(Pubkey, ApiError)>,
    /// Owners of the token accounts that are created, by the account.
    created: BTreeMap<Pubkey, Pubkey>,
}

/// As many of the conversions as fit into one transaction.
async fn pack(
    state: &AppState,
    address: Pubkey,
    due: Vec<Due>,
    payer: Pubkey,
) -> ApiResult<Packed> {
    let (campaign, _) = state.chain.campaign(&address, &[]).await?;
    let recipients = due.iter().flat_map(|due| due.parts(&campaign));
    let mut recipients: Vec<Pubkey> = recipients.map(|part| part.account).collect();
    recipients.sort_unstable();
    recipients.dedup();
    let seen = state.chain.see(&recipients).await?;
    let mut packed = Packed {
        campaign: address,
        payer,
        steps: Vec::new(),
        claims: Vec::new(),
        skipped: Vec::new(),
        created: BTreeMap::new(),
    };
    for due in &due {
        if !packed.add(&campaign, due, &seen)? {
            break;
        }
    }
    Ok(packed)
}

impl Packed {
    /// Adds a claim; false if it does not fit beside the others.
    fn add(&mut self, campaign: &Campaign, due: &Due, seen: &Seen) -> ApiResult<bool> {
        let mut paid = 0;
        let mut missing = Vec::new();
        let mut reasons = Vec::new();
        let parts = due.parts(campaign);
        for part in &parts {
            match seen.takes(campaign, &part.account, &part.owner, part.units) {
                Ok(()) => paid |= part.bit,
                // It can be created, if there is nothing else at its address.
                Err(Unpayable::NoTokenAccount)
                    if seen.get(&part.account).is_none_or(|it| it.data.is_empty()) =>
                {
                    paid |= part.bit;
                    missing.push((part.account, part.owner));
                }
                Err(reason) => reasons.push((part.account, reason)),
            }
        }
        if paid == 0 && !parts.is_empty() {
            self.skipped.push((due.address, unpayable(&reasons)));
            return Ok(true);
        }
        let offer = Offer::at(self.campaign, campaign, &due.referral, seen.now)
            .map_err(|error| ApiError::internal().because(error))?;
        let mut steps = self.steps.clone();
        missing.retain(|(account, _)| !self.created.contains_key(account));
        missing.dedup();
        if let Some(mint) = campaign.reward_mint() {
            let program = &campaign.token_program;
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
        });
        Ok(true)
    }

    async fn answer(self, state: &AppState, left: usize) -> ApiResult<ClaimRewardsAnswer> {
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        let skipped = self
            .skipped
            .into_iter()
            .map(|(conversion, refusal)| Skipped {
                conversion: conversion.to_string(),
                code: refusal.code,
                message: refusal.message,
            });
        let creates = self.created.into_iter().map(|(account, owner)| NewAccount {
            address: account.to_string(),
            owner: owner.to_string(),
        });
        Ok(ClaimRewardsAnswer {
            built: Plan::new(self.payer, self.steps).build(state).await?,
            campaign: self.campaign.to_string(),
            claims: self.claims,
            skipped: skipped.collect(),
            creates: creates.collect(),
            left: Amount(left),
        })
    }
}

/// The refusal of a claim of which no part can be paid, which names the accounts.
fn unpayable(reasons: &[(Pubkey, Unpayable)]) -> ApiError {
    let frozen = reasons
        .iter()
        .any(|(_, reason)| *reason == Unpayable::Frozen);
    let reasons = reasons
        .iter()
        .map(|(account, reason)| format!("{account}: {reason}"));
    let reasons: Vec<String> = reasons.collect();
    let refusal = if frozen {
        ApiError::account_frozen()
    } else {
        ProgramError::NothingToClaim.into()
    };
    let message = format!("nobody can be paid now: {}", reasons.join("; "));
    refusal.saying(message)
}
