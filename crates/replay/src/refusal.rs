//! A refused claim proves what a conversion owes.
//!
//! A claim is refused with one error if the conversion owes nothing, and with another if it owes
//! something that cannot be paid. Either says which of the possible states an uncertain conversion was
//! in. So anybody can make it certain, for the fee of a transaction that fails.

use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    ProgramError,
    accounts::Status,
    instructions::raw::{ClaimAccounts, InstructionData},
};

use crate::{
    apply::Effects,
    calls::Call,
    doubt::{Less, State, States},
    fact::Fact,
    transaction::{Outcome, Position, Transaction},
    uncertain::{conversion_change, referral, referral_change, uncertain},
    view::View,
};

/// The claim that was refused, with the error: only if nothing of the program came before it in its
/// transaction, and the error can be of no other program.
fn refused(tx: &Transaction) -> Option<(Call<'_>, ProgramError)> {
    let Outcome::Failed {
        instruction: Some(at),
        code: Some(code),
    } = tx.outcome
    else {
        return None;
    };
    let call = tx.attempts().next()?;
    let place = Position {
        instruction: at.into(),
        inner: None,
    };
    let alone = tx.instructions.get(place.instruction)?.inner.is_empty();
    let claims = matches!(InstructionData::read(call.data), Ok(InstructionData::Claim));
    if call.position != place || !alone || !claims {
        return None;
    }
    Some((call, ProgramError::from_code(code)?))
}

/// The conversion of which a failed transaction may prove something.
pub(crate) fn reads(tx: &Transaction) -> Option<Pubkey> {
    let (call, _) = refused(tx)?;
    call.accounts.get(ClaimAccounts::CONVERSION).copied()
}

/// The effects of a failed transaction: it may prove something of an uncertain conversion. None in most
/// cases.
pub(crate) fn effects(view: &(impl View + ?Sized), tx: &Transaction) -> Option<Effects> {
    let (call, error) = refused(tx)?;
    let (address, before, conversion) = uncertain(view, &call)?;
    let status = match error {
        ProgramError::NotPending => Status::Paid,
        ProgramError::NothingToClaim => Status::Pending,
        // Whether the conversion exists or not, another account may be the reason.
        _ => return None,
    };
    let possible = |state: &State| state.exists() && state.account(conversion).status == status;
    let after: States = before.iter().filter(possible).collect();
    if after == before || after == States::default() {
        return None;
    }
    let mut changes = vec![conversion_change(address, after, conversion)];
    if let Some((mut referral, less)) = referral(view, &conversion.referral) {
        Less::between(conversion, before.settled(), after.settled()).take_off(&mut referral);
        let less = less
            .minus(before.less(conversion))
            .plus(after.less(conversion));
        changes.push(referral_change(conversion.referral, referral, less));
    }
    let settled = after.settled();
    let proven = (settled != before.settled()).then_some(Fact::PartsProven {
        conversion: address,
        referral: conversion.referral,
        settled,
    });
    Some(Effects {
        position: call.position,
        changes,
        facts: proven.into_iter().collect(),
    })
}
