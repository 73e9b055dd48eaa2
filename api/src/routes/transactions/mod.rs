//! Transaction builders: unsigned, for a wallet to sign and send.
//!
//! A builder reads the chain, refuses what the program would refuse, and makes a [`Plan`]: the
//! payer and the instructions. [`Plan::build`] does the rest for all of them.

mod acts;
mod changing;
mod claim;
mod mints;
mod opening;
mod previews;
mod refusal;
mod settings;
mod sharing;
#[cfg(test)]
pub(crate) mod sizes;
mod sponsored;
mod warnings;

pub(crate) use sharing::{ConvertRequest, Reward, build_convert};
use sponsored::Asked;
use warnings::{Warning, WarningCode};

use std::collections::HashSet;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Serialize;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_sdk::{
    instruction::Instruction,
    message::{Message, SanitizedMessage, VersionedMessage, v0},
    signature::Signature,
    transaction::VersionedTransaction,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use vouch_client::{
    Code, Pubkey,
    accounts::{
        AccountType as _, Binding, Campaign, Conversion, Referral, Referrer, RevokedVoucher,
    },
    instructions::Layout,
    token,
};

use crate::{
    chain::{MOST_UNITS, RecentBlockhash, Trial, limit},
    error::{ApiError, ApiResult},
    sponsor::{self, FEE_PAYERS, FeePayer, Sponsor},
    state::AppState,
    types::{Address, Amount},
};

/// Size limit of a transaction in bytes: <https://solana.com/docs/core/transactions>.
const PACKET_DATA_SIZE: usize = 1232;
/// Lamports for one signature.
const SIGNATURE_FEE: u64 = 5_000;
/// Millionths of a lamport in a lamport.
const MICRO: u64 = 1_000_000;
/// Bytes of a token account of the Token program.
const TOKEN_ACCOUNT: usize = 165;
/// The most bytes of an associated token account of Token-2022 for a mint that campaigns take: the
/// owner is immutable, and a transfer fee may be withheld.
const TOKEN_2022_ACCOUNT: usize = 182;

/// Every builder.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sharing::create_referral))
        .routes(routes!(sharing::convert))
        .routes(routes!(claim::claim))
        .routes(routes!(opening::create_campaign))
        .routes(routes!(changing::update_campaign))
        .routes(routes!(sponsored::sponsor))
        .merge(acts::router())
}

/// A transaction to build.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Pays the rent, and without a sponsor the fee.
    pub(crate) payer: Pubkey,
    /// Pays the fee.
    pub(crate) sponsor: FeePayer,
    /// The wallet that acts; a sponsor's limits count for it.
    pub(crate) wallet: Pubkey,
    /// Left out if it does not fit.
    pub(crate) optional: Option<Instruction>,
    /// In this order.
    pub(crate) steps: Vec<Instruction>,
    /// Mints of which the signers learn what may surprise them.
    pub(crate) mints: Vec<Pubkey>,
    pub(crate) warnings: Vec<Warning>,
    /// Without a version: the published client of Actions and Solana Pay reads no other.
    pub(crate) is_legacy: bool,
}

/// A transaction for a wallet to sign and send.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Built {
    /// The unsigned wire transaction of version 0 in base64, with room for every signature.
    pub(crate) transaction: String,
    /// The last block height at which the transaction is accepted.
    last_valid_block_height: u64,
    /// Wallets that sign, the one that pays the fee first.
    signers: Vec<String>,
    cost: Cost,
    /// If the sponsor pays the fee: what to send to `/v1/transactions/sponsor` when all others have signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    sponsorship: Option<String>,
    /// Things that the caller should know. The transaction was built nevertheless.
    warnings: Vec<Warning>,
}

/// Cost for the payer, in lamports.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cost {
    /// For signatures, those that a precompile verifies included, and for priority.
    fee: Amount,
    /// At most, for accounts that the transaction creates. Most of it comes back when they are closed.
    rent: Amount,
    /// Limit of compute units. Null if the transaction sets none, because it has no room for it.
    compute_units: Option<u32>,
    /// Millionths of a lamport for each compute unit: what three of four recent blocks took, at most
    /// 50000.
    compute_unit_price: Amount,
    /// Whether a simulation has succeeded, and the limit follows from it. Otherwise it is 1400000.
    simulated: bool,
}

impl Plan {
    pub(crate) fn new(payer: Pubkey, steps: Vec<Instruction>) -> Self {
        Self {
            payer,
            wallet: payer,
            steps,
            ..Self::default()
        }
    }

    /// The same, with the fee paid as asked.
    fn paid_by(self, payers: &Payers) -> Self {
        Self {
            sponsor: payers.fee,
            wallet: payers.wallet,
            ..self
        }
    }

    /// Builds the transaction: the limit of compute units follows from a simulation, and the price
    /// from recent fees.
    ///
    /// # Errors
    /// `transaction_too_large`, the program's error if the simulation fails with one,
    /// `transaction_would_fail` if it fails otherwise, `chain_unavailable` or `overloaded`; with a sponsor also
    /// `sponsor_off`, `not_sponsored`, `sponsor_limit_reached`, `sponsor_balance_low` or `database_unavailable`.
    pub(crate) async fn build(self, state: &AppState) -> ApiResult<Built> {
        let Self {
            payer,
            sponsor: asked,
            wallet,
            optional,
            steps,
            mints,
            mut warnings,
            is_legacy,
        } = self;
        let sponsor = Sponsor::asked(state, asked)?;
        let owner = payer;
        let payer = sponsor.map_or(owner, Sponsor::address);
        let all: Vec<Instruction> = optional.iter().chain(&steps).cloned().collect();
        // Without a budget, each instruction may use 200000 units.
        let (steps, has_budget) = [(&all, true), (&all, false), (&steps, true), (&steps, false)]
            .into_iter()
            .find(|(steps, has_budget)| fits(&payer, steps, *has_budget))
            .ok_or_else(ApiError::transaction_too_large)?;
        let first = if has_budget { 2 } else { 0 };
        let budget = |units, price| has_budget.then_some((units, price));

        let trial = compile(&payer, steps, budget(MOST_UNITS, 0), &no_blockhash())?;
        if trial.message.sanitize().is_err() {
            let message = "a program that the transaction calls cannot pay for it";
            return Err(ApiError::invalid_address()
                .saying(message)
                .of_field("payer"));
        }
        let keys = trial.message.static_account_keys().to_vec();
        let written = written(&trial, steps);
        let (blockhash, trial, price, rent) = tokio::join!(
            state.chain.blockhash(),
            state.chain.try_out(&trial),
            state.chain.price(written),
            rent(state, &owner, steps, &mints),
        );
        let (blockhash, (missing, whole, of_accounts)) = (blockhash?, rent?);
        // A wallet that takes an account back before the transaction lands makes the sponsor pay for all of it.
        let rent = match sponsor {
            Some(_) if owner == payer => whole,
            _ => missing,
        };
        warnings.extend(of_accounts);
        let (units, simulated) = match trial {
            Trial::Succeeds(units) => (limit(units), true),
            Trial::Fails { place, error, logs } => {
                let step = place.checked_sub(first).and_then(|place| steps.get(place));
                return Err(refusal::of(step, &error, &logs));
            }
            Trial::Refused { place, error } => {
                let account = place.and_then(|place| keys.get(place));
                let of = account.map_or_else(String::new, |at| format!(", because of {at}"));
                return Err(ApiError::transaction_would_fail()
                    .saying(format!("the transaction would be refused{of}: {error}")));
            }
            // No blockhash counts here, so this is a node's fault.
            Trial::Expired => {
                return Err(ApiError::transaction_would_fail()
                    .saying("the node takes the transaction for an old one: ask again"));
            }
            Trial::TooPoor if sponsor.is_some() => {
                if let Some(sponsor) = sponsor {
                    sponsor.check_balance(state, 0).await?;
                }
                return Err(ApiError::transaction_would_fail().saying(
                    "the wallet that pays the rent has too few lamports: add SOL before you ask again",
                ));
            }
            Trial::Unknown if sponsor.is_some() => {
                // The sponsor pays also for what fails.
                sponsor::refused("not_simulated");
                return Err(ApiError::chain_unavailable().saying(
                    "the node could not try the transaction, and the sponsor pays for no other",
                ));
            }
            Trial::TooPoor => {
                let message = "the payer has too few lamports for fee and rent: add SOL before \
                     you send the transaction, or name another payer";
                warnings.push(Warning::new(WarningCode::PayerNeedsSol, message));
                (MOST_UNITS, false)
            }
            Trial::Unknown => {
                let message = "the node could not try the transaction, so nobody knows whether \
                     the program accepts it";
                warnings.push(Warning::new(WarningCode::NotSimulated, message));
                (MOST_UNITS, false)
            }
        };
        let mut transaction = compile(&payer, steps, budget(units, price), &blockhash)?;
        if is_legacy {
            transaction.message = legacy(transaction.message);
        }
        let wire = serialized(&transaction)?;
        let signers = transaction.signatures.len();
        let keys = transaction.message.static_account_keys();
        let priority = if has_budget {
            u64::from(units).saturating_mul(price).div_ceil(MICRO)
        } else {
            0
        };
        let fee = signatures(&transaction.message)
            .saturating_mul(SIGNATURE_FEE)
            .saturating_add(priority);
        let sponsorship = match sponsor {
            Some(sponsor) => {
                let rent = if owner == payer { rent } else { 0 };
                let asked = Asked {
                    campaign: steps.iter().find_map(campaign),
                    wallet,
                    fee,
                    rent,
                    last_valid_height: blockhash.last_valid_block_height,
                };
                Some(sponsored::ticket(state, sponsor, &transaction.message, asked).await?)
            }
            None => None,
        };
        Ok(Built {
            sponsorship,
            transaction: BASE64.encode(wire),
            last_valid_block_height: blockhash.last_valid_block_height,
            signers: keys.iter().take(signers).map(ToString::to_string).collect(),
            cost: Cost {
                fee: Amount(fee),
                rent: Amount(rent),
                compute_units: has_budget.then_some(units),
                compute_unit_price: Amount(if has_budget { price } else { 0 }),
                simulated,
            },
            warnings,
        })
    }
}

/// A place for a blockhash, in a transaction that is not sent.
fn no_blockhash() -> RecentBlockhash {
    RecentBlockhash {
        hash: Default::default(),
        last_valid_block_height: 0,
    }
}

/// Whether these instructions fit into a transaction, with or without a budget.
pub(crate) fn fits(payer: &Pubkey, steps: &[Instruction], has_budget: bool) -> bool {
    let budget = has_budget.then_some((MOST_UNITS, 0));
    compile(payer, steps, budget, &no_blockhash())
        .and_then(|transaction| serialized(&transaction))
        .is_ok_and(|wire| wire.len() <= PACKET_DATA_SIZE)
}

/// The unsigned transaction: the signatures are zeros.
fn compile(
    payer: &Pubkey,
    steps: &[Instruction],
    budget: Option<(u32, u64)>,
    blockhash: &RecentBlockhash,
) -> ApiResult<VersionedTransaction> {
    let budget = budget.into_iter().flat_map(|(units, price)| {
        [
            ComputeBudgetInstruction::set_compute_unit_limit(units),
            ComputeBudgetInstruction::set_compute_unit_price(price),
        ]
    });
    let all: Vec<Instruction> = budget.chain(steps.iter().cloned()).collect();
    // More accounts than a message can name would not fit into a packet either.
    let message = v0::Message::try_compile(payer, &all, &[], blockhash.hash)
        .map_err(|error| ApiError::transaction_too_large().because(error))?;
    let signers = usize::from(message.header.num_required_signatures);
    Ok(VersionedTransaction {
        signatures: vec![Signature::default(); signers],
        message: VersionedMessage::V0(message),
    })
}

/// The signatures that the cluster charges for: those of the transaction, and those that instructions
/// have a precompile verify.
fn signatures(message: &VersionedMessage) -> u64 {
    let signed = u64::from(message.header().num_required_signatures);
    let VersionedMessage::Legacy(message) = legacy(message.clone()) else {
        return signed;
    };
    // The count does not depend on reserved accounts.
    SanitizedMessage::try_from_legacy_message(message, &HashSet::new())
        .map_or(signed, |message| message.num_total_signatures())
}

/// The same message without a version. It names no lookup tables, so it loses nothing.
fn legacy(message: VersionedMessage) -> VersionedMessage {
    match message {
        VersionedMessage::V0(message) => VersionedMessage::Legacy(Message {
            header: message.header,
            account_keys: message.account_keys,
            recent_blockhash: message.recent_blockhash,
            instructions: message.instructions,
        }),
        other => other,
    }
}

fn serialized(transaction: &VersionedTransaction) -> ApiResult<Vec<u8>> {
    bincode::serialize(transaction).map_err(|error| ApiError::internal().because(error))
}

/// The accounts that a transaction of these steps writes and that others may wait for: not those of
/// its signers, nor those that it creates. Builds for the same campaign then share one question for
/// fees.
fn written(transaction: &VersionedTransaction, steps: &[Instruction]) -> Vec<Pubkey> {
    let message = &transaction.message;
    let signers = transaction.signatures.len();
    let new: Vec<Pubkey> = steps.iter().filter_map(created).map(|(at, _)| at).collect();
    let keys = message.static_account_keys().iter().enumerate();
    keys.skip(signers)
        .filter(|(place, key)| message.is_maybe_writable(*place, None) && !new.contains(*key))
        .map(|(_, key)| *key)
        .collect()
}

/// Lamports, at most, for the accounts that these instructions create and that do not exist yet; the same as if
/// none of them existed; and what may surprise about them and about these mints.
async fn rent(
    state: &AppState,
    payer: &Pubkey,
    steps: &[Instruction],
    mints: &[Pubkey],
) -> ApiResult<(u64, u64, Vec<Warning>)> {
    let created: Vec<(Pubkey, usize)> = steps.iter().filter_map(created).collect();
    let addresses = created.iter().map(|(address, _)| *address);
    let addresses: Vec<Pubkey> = addresses.chain(mints.iter().copied()).collect();
    if addresses.is_empty() {
        return Ok((0, 0, Vec::new()));
    }
    let seen = state.chain.see(&addresses).await?;
    let (mut missing, mut whole) = (0_u64, 0_u64);
    for (address, size) in &created {
        let has = seen.get(address).map_or(0, |account| account.lamports);
        let needs = seen.rent.minimum_balance(*size);
        missing = missing.saturating_add(needs.saturating_sub(has));
        whole = whole.saturating_add(needs);
    }
    let of_mints = mints
        .iter()
        .flat_map(|mint| mints::warnings(mint, seen.get(mint)));
    let others = others(payer, steps, |account| {
        seen.get(account).is_none_or(|it| it.data.is_empty())
    });
    let warnings = warnings::pays_for(&others).into_iter().chain(of_mints);
    Ok((missing, whole, warnings.collect()))
}

/// The owners, besides the payer, of token accounts that these instructions create and that are missing.
/// Accounts of a campaign are left out, because nobody can close them for their lamports.
fn others(
    payer: &Pubkey,
    steps: &[Instruction],
    is_missing: impl Fn(&Pubkey) -> bool,
) -> Vec<Pubkey> {
    let campaigns: Vec<Pubkey> = steps.iter().filter_map(campaign).collect();
    let mut others: Vec<Pubkey> = steps
        .iter()
        .filter(|step| step.program_id == token::ASSOCIATED_TOKEN_PROGRAM_ID)
        .filter_map(|step| Some((step.accounts.get(1)?.pubkey, step.accounts.get(2)?.pubkey)))
        .filter(|(account, owner)| {
            owner != payer && !campaigns.contains(owner) && is_missing(account)
        })
        .map(|(_, owner)| owner)
        .collect();
    others.sort_unstable();
    others.dedup();
    others
}

/// The campaign that an instruction of the program names.
fn campaign(step: &Instruction) -> Option<Pubkey> {
    let layout =
        (step.program_id == vouch_client::PROGRAM_ID).then(|| Layout::of(&step.data))??;
    let place = layout.position("campaign")?;
    step.accounts.get(place).map(|meta| meta.pubkey)
}

/// The account that an instruction creates, and its bytes.
fn created(step: &Instruction) -> Option<(Pubkey, usize)> {
    let at = |place: usize| step.accounts.get(place).map(|meta| meta.pubkey);
    if step.program_id == token::ASSOCIATED_TOKEN_PROGRAM_ID {
        let is_old = at(5) == Some(token::TOKEN_PROGRAM_ID);
        let size = if is_old {
            TOKEN_ACCOUNT
        } else {
            TOKEN_2022_ACCOUNT
        };
        return Some((at(1)?, size));
    }
    if step.program_id == solana_sdk::pubkey::Pubkey::default() {
        // The System program: the only account of a builder's that it creates is a mint.
        return Some((at(1)?, usize::try_from(token::MINT_SIZE).ok()?));
    }
    let layout =
        (step.program_id == vouch_client::PROGRAM_ID).then(|| Layout::of(&step.data))??;
    let (name, size) = match layout.name {
        "create_campaign" => ("campaign", Campaign::SIZE),
        "create_referral" => ("referral", Referral::SIZE),
        "register_referrer" => ("referrer", Referrer::SIZE),
        "convert" | "purchase" => ("conversion", Conversion::SIZE),
        "bind" => ("binding", Binding::SIZE),
        "revoke_voucher" => ("revocation", RevokedVoucher::SIZE),
        _ => return None,
    };
    Some((at(layout.position(name)?)?, size))
}

/// The address of the campaign. If the caller names it, the mirror is not needed.
async fn target(state: &AppState, code: &Code, campaign: Option<Address>) -> ApiResult<Pubkey> {
    if let Some(Address(campaign)) = campaign {
        return Ok(campaign);
    }
    let known = state.referral(code, None).await?;
    let Address(campaign) = known
        .campaign
        .parse()
        .map_err(|error: ApiError| ApiError::internal().because(anyhow::anyhow!(error.message)))?;
    Ok(campaign)
}

/// The address in a field; `invalid_address` names the field.
fn address(text: &str, field: &str) -> ApiResult<Pubkey> {
    text.parse()
        .map(|Address(address)| address)
        .map_err(|error: ApiError| error.of_field(field))
}

/// The address in an optional field, or `default`.
fn address_or(text: Option<&str>, default: Pubkey, field: &str) -> ApiResult<Pubkey> {
    text.map_or(Ok(default), |text| address(text, field))
}

/// The payers of fee and rent of a wallet's transaction.
#[derive(Debug, Clone, Copy)]
struct Payers {
    /// Pays the rent of accounts of the program.
    payer: Pubkey,
    /// Pays for a token account, which its owner can close for the rent; `None` if nobody does.
    of_tokens: Option<Pubkey>,
    /// Pays the fee.
    fee: FeePayer,
    /// The wallet that acts.
    wallet: Pubkey,
}

impl Payers {
    /// Reads the fields `fee_payer` and `payer`; the wallet pays when both are absent.
    ///
    /// # Errors
    /// `wrong_type`, `invalid_address`, `conflicting_fields`, `sponsor_off` or `not_sponsored`.
    fn of(
        state: &AppState,
        fee_payer: Option<&str>,
        payer: Option<&str>,
        wallet: Pubkey,
    ) -> ApiResult<Self> {
        let fee = fee_payer.map_or(Ok(FeePayer::Payer), |text| {
            settings::named(text, &FEE_PAYERS, "fee_payer")
        })?;
        let sponsor = Sponsor::asked(state, fee)?;
        match sponsor.filter(|_| fee == FeePayer::SponsorWithRent) {
            Some(sponsor) if payer.is_none() => Ok(Self {
                payer: sponsor.address(),
                of_tokens: None,
                fee,
                wallet,
            }),
            Some(_) => Err(ApiError::conflicting_fields()
                .saying("the sponsor pays the rent, so there is no other payer")
                .of_field("payer")),
            None => {
                let payer = address_or(payer, wallet, "payer")?;
                Ok(Self {
                    payer,
                    of_tokens: Some(payer),
                    fee,
                    wallet,
                })
            }
        }
    }
}

/// The amount in a field; `invalid_amount` names the field.
fn amount(text: &str, field: &str) -> ApiResult<u64> {
    text.parse()
        .map(|Amount(amount)| amount)
        .map_err(|error: ApiError| error.of_field(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payer_learns_whose_accounts_it_pays_for() {
        let [payer, referrer, referee, mint] = std::array::from_fn(|_| Pubkey::new_unique());
        let program = token::TOKEN_PROGRAM_ID;
        let create = |owner| token::create_associated_token(&payer, owner, &mint, &program);
        let campaign = vouch_client::pda::campaign(&referrer, 7).0;
        let fund = vouch_client::instructions::set_paused(&referrer, &campaign, true);
        let steps = [
            create(&payer),
            create(&referrer),
            create(&campaign),
            create(&referee),
            fund,
        ];
        let mut both = vec![referrer, referee];
        both.sort_unstable();
        assert_eq!(others(&payer, &steps, |_| true), both);
        let existing = steps[1].accounts[1].pubkey;
        assert_eq!(others(&payer, &steps, |at| *at != existing), [referee]);
        assert_eq!(others(&payer, &steps[..1], |_| true), []);
    }
}
