//! The accounts whose rent can be returned now.
//!
//! The program lets unclaimed rewards lapse when the period for claims is over. The keeper does not
//! make use of that while a reward could still be claimed: it takes nothing from anybody.

use solana_sdk::instruction::Instruction;
use vouch_client::{
    PROGRAM_ID, Pubkey,
    accounts::{
        self as program, AccountType as _, Campaign, Closed, Conversion, Proof, Status, Terms,
        Uniqueness,
    },
    instructions::{self, raw},
    pda,
};
use vouch_db::keeper::{Remains, Task};

use crate::{
    node::{Account, Seen},
    task::{Refusal, address},
};

/// Seconds after the last possible end of a hold until claims are over (`docs/program.md`).
const CLAIM_PERIOD: i64 = 30 * 24 * 3600;
/// Seconds until the mirror shows what the chain shows already.
const MIRROR_LAG: i64 = 30;

/// How far a campaign has ended.
enum End {
    /// It is closed; nothing can be claimed from this time on, in unix seconds.
    Closed { claims_until: i64 },
    /// It was reclaimed itself: nothing can be claimed.
    Gone { treasury: Pubkey },
}

/// The campaign of an account whose rent may have to be returned, and whether it has to be closed
/// before; `None` if there is nothing to return.
pub(crate) fn candidate(remains: &Remains, now: i64) -> Option<(String, bool)> {
    Some(match program::Account::decode(&remains.data).ok()? {
        program::Account::Campaign(_) => return None,
        // Its campaign is closed, or the row would not be here.
        program::Account::Conversion(_) => (remains.campaign.clone()?, false),
        program::Account::Referral(referral) => (referral.campaign.to_string(), true),
        program::Account::Closed(closed) => {
            let campaign = closed.campaign.to_string();
            // The tombstone of a campaign stays.
            return (campaign != remains.address).then_some((campaign, true));
        }
        program::Account::Binding(it) => (it.campaign.to_string(), now < it.expires_at),
        program::Account::Referrer(referrer) => (referrer.campaign.to_string(), true),
        program::Account::RevokedVoucher(voucher) => {
            let is_over = now >= voucher.expires_at;
            return is_over.then(|| (voucher.campaign.to_string(), false));
        }
    })
}

/// The accounts that [`instruction`] needs.
pub(crate) fn accounts(task: &Task, seen: Option<&Seen>) -> Result<Vec<Pubkey>, Refusal> {
    let subject = address(&task.subject)?;
    match seen {
        None => Ok(vec![subject, address(&task.campaign)?]),
        Some(seen) => Ok(vec![rent_payer(&read(seen, &subject)?)?]),
    }
}

fn read(seen: &Seen, at: &Pubkey) -> Result<program::Account, Refusal> {
    let account = seen.get(at).filter(|account| account.owner == PROGRAM_ID);
    let account = account.ok_or_else(|| Refusal::after(MIRROR_LAG, "it is gone"))?;
    let account = program::Account::decode(&account.data);
    account.map_err(|error| Refusal::because(error.to_string()))
}

fn rent_payer(account: &program::Account) -> Result<Pubkey, Refusal> {
    match account {
        program::Account::Campaign(_) => Err(Refusal::because("a campaign")),
        program::Account::Conversion(it) => Ok(it.rent_payer),
        program::Account::Referral(it) => Ok(it.rent_payer),
        program::Account::Closed(it) => Ok(it.rent_payer),
        program::Account::Binding(it) => Ok(it.rent_payer),
        program::Account::Referrer(it) => Ok(it.rent_payer),
        program::Account::RevokedVoucher(it) => Ok(it.rent_payer),
    }
}

/// The instruction that returns the rent of the task's subject.
pub(crate) fn instruction(task: &Task, seen: &Seen) -> Result<Instruction, Refusal> {
    let (subject, campaign) = (address(&task.subject)?, address(&task.campaign)?);
    let account = read(seen, &subject)?;
    let rent_payer = rent_payer(&account)?;
    if seen.get(&rent_payer).is_some_and(|payer| payer.executable) {
        return Err(Refusal::because("the rent payer became a program"));
    }
    let end = || end(seen.get(&campaign));
    let gone = |end: &End| matches!(end, End::Gone { .. });
    match account {
        program::Account::Campaign(_) => Err(Refusal::because("a campaign")),
        program::Account::Conversion(it) => conversion(task, &subject, &campaign, &it, &end()?),
        program::Account::Referral(it) => {
            if it.open_conversions != 0 && !gone(&end()?) {
                return Err(Refusal::because("a reward could still be claimed"));
            }
            end()?;
            Ok(instructions::reclaim_referral(
                &campaign,
                &subject,
                &rent_payer,
            ))
        }
        program::Account::Closed(_) => {
            end()?;
            Ok(instructions::reclaim_referral(
                &campaign,
                &subject,
                &rent_payer,
            ))
        }
        program::Account::Binding(it) => {
            if seen.now < it.expires_at {
                end()?;
            }
            Ok(instructions::reclaim_binding(
                &campaign,
                &it.wallet,
                &rent_payer,
            ))
        }
        program::Account::Referrer(it) => {
            if let End::Closed { claims_until } = end()?
                && seen.now < claims_until
            {
                let wait = claims_until.saturating_sub(seen.now);
                return Err(Refusal::after(wait, "the period for claims is not over"));
            }
            Ok(instructions::reclaim_referrer(
                &campaign,
                &it.owner,
                &rent_payer,
            ))
        }
        program::Account::RevokedVoucher(it) => {
            let wait = it.expires_at.saturating_sub(seen.now);
            if wait > 0 {
                return Err(Refusal::after(wait, "the voucher has not expired"));
            }
            let accounts = raw::ReclaimVoucherAccounts {
                revocation: subject,
                rent_payer,
            };
            Ok(accounts.instruction())
        }
    }
}

fn end(campaign: Option<&Account>) -> Result<End, Refusal> {
    let campaign = campaign.filter(|account| account.owner == PROGRAM_ID);
    let data = &campaign
        .ok_or_else(|| Refusal::because("the campaign is gone"))?
        .data;
    if let Ok(closed) = Closed::decode(data) {
        return Ok(End::Gone {
            treasury: closed.treasury,
        });
    }
    let campaign = Campaign::decode(data).map_err(|error| Refusal::because(error.to_string()))?;
    if !campaign.closed {
        return Err(Refusal::because("the campaign is not closed"));
    }
    let held = i64::from(campaign.longest_hold);
    let claims_until = campaign
        .closed_at
        .saturating_add(held)
        .saturating_add(CLAIM_PERIOD);
    Ok(End::Closed { claims_until })
}

fn conversion(
    task: &Task,
    subject: &Pubkey,
    campaign: &Pubkey,
    conversion: &Conversion,
    end: &End,
) -> Result<Instruction, Refusal> {
    let is_pending = conversion.status == Status::Pending;
    let treasury = match end {
        End::Closed { .. } if is_pending => {
            return Err(Refusal::because("a reward could still be claimed"));
        }
        End::Gone { treasury } if is_pending && *treasury != Pubkey::default() => Some(*treasury),
        _ => None,
    };
    let accounts = raw::ReclaimConversionAccounts {
        campaign: *campaign,
        conversion: *subject,
        rent_payer: conversion.rent_payer,
        treasury,
    };
    let key = key(task, subject, campaign, conversion);
    let key = key.ok_or_else(|| Refusal::because("the conversion's key is not known"))?;
    Ok(accounts.instruction(&raw::ReclaimConversionArgs { key }))
}

/// The key of the conversion's address. A campaign that is gone does not tell any more what it
/// counted once, so all kinds of keys are tried.
fn key(
    task: &Task,
    subject: &Pubkey,
    campaign: &Pubkey,
    conversion: &Conversion,
) -> Option<[u8; 32]> {
    let reference = task
        .reference
        .as_deref()
        .unwrap_or(&[0; 32])
        .try_into()
        .ok()?;
    let terms = [
        (Uniqueness::Wallet, Proof::Open),
        (Uniqueness::WalletAndCode, Proof::Open),
        (Uniqueness::Order, Proof::Attested),
        (Uniqueness::Order, Proof::Payment),
    ];
    let keys = terms.map(|(uniqueness, proof)| {
        let terms = Terms {
            uniqueness,
            proof,
            ..Terms::default()
        };
        terms.conversion_key(&conversion.referee, &conversion.referral, &reference)
    });
    keys.into_iter()
        .find(|key| pda::conversion(campaign, key) == *subject)
}
