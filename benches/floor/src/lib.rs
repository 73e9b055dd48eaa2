//! The floor of Vouch's compute units: the work of an instruction that no implementation
//! can avoid, and nothing else. Addresses, account sizes and CPIs are those of
//! `programs/referral`. Rules, counters, events and the contents of new accounts are left
//! out. It checks nothing: never deploy it.
//!
//! It runs at Vouch's address, with Vouch's accounts in the same order, so both create
//! the same accounts. The first byte of the data selects the instruction.

#![cfg_attr(target_os = "solana", no_std)]

mod address;
mod calls;

use pinocchio::{error::ProgramError, AccountView, Address, ProgramResult};
#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

use address::{sha256, NewAccount};
use calls::{mint, mint_both, pay, transfer, transfer_both, withdraw};

#[cfg(target_os = "solana")]
mod entrypoint {
    pinocchio::program_entrypoint!(super::process, 16);
    pinocchio::no_allocator!();
    pinocchio::nostd_panic_handler!();
}

/// Sizes of Vouch's accounts in bytes, discriminators included.
const CAMPAIGN_SIZE: usize = 1569;
const REFERRAL_SIZE: usize = 319;
const CONVERSION_SIZE: usize = 148;
const BINDING_SIZE: usize = 153;

/// Offsets of a conversion's status, and of a referral's pending rewards.
const STATUS: usize = 9;
const REWARDS_PENDING: usize = 279;

/// Amounts, in base units or lamports, of each part of a reward and of the rest of a
/// payment.
const PART: u64 = 1_000_000;
const REST: u64 = 9_000_000;

/// Runs the instruction that the first byte of `data` selects.
///
/// # Errors
/// When accounts are missing or a call fails.
pub fn process(program: &Address, accounts: &mut [AccountView], data: &[u8]) -> ProgramResult {
    let (instruction, data) = data
        .split_first()
        .ok_or(ProgramError::InvalidInstructionData)?;
    match instruction {
        0 => convert(program, accounts, data),
        1 => claim(accounts),
        // A conversion with a held reward: nothing is paid.
        2 => record(program, accounts, data),
        3 => convert_from_vault(program, accounts, data),
        4 => claim_from_vault(accounts),
        5 => create_campaign(program, accounts, data),
        6 => create_referral(program, accounts, data),
        7 => bind(program, accounts),
        8 => purchase(program, accounts, data),
        9 => purchase_with_tokens(program, accounts, data),
        10 => purchase_minted(program, accounts, data),
        11 => fund_vault(accounts),
        12 => withdraw_vault(accounts),
        _ => Err(ProgramError::InvalidInstructionData),
    }
}

/// Accounts: Vouch's first nine, then one token account per further part.
fn convert(program: &Address, accounts: &mut [AccountView], data: &[u8]) -> ProgramResult {
    record(program, accounts, data)?;
    let [_, _, campaign, _, _, token, referrer, token_program, _, others @ ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    match others {
        [] => mint(campaign, token, referrer, token_program),
        [other, ..] => mint_both(campaign, token, referrer, other, token_program),
    }
}

/// Accounts: Vouch's first nine, then the vault.
fn convert_from_vault(
    program: &Address,
    accounts: &mut [AccountView],
    data: &[u8],
) -> ProgramResult {
    record(program, accounts, data)?;
    let [_, _, campaign, _, _, token, referrer, token_program, _, vault, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    withdraw(campaign, token, vault, referrer, token_program)
}

fn claim(accounts: &mut [AccountView]) -> ProgramResult {
    let [campaign, referral, conversion, referrer, token, token_program, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    settle(referral, conversion)?;
    mint(campaign, token, referrer, token_program)
}

/// Accounts: Vouch's first six, then the vault.
fn claim_from_vault(accounts: &mut [AccountView]) -> ProgramResult {
    let [campaign, referral, conversion, referrer, token, token_program, vault, ..] = accounts
    else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    settle(referral, conversion)?;
    withdraw(campaign, token, vault, referrer, token_program)
}

/// Data: the campaign's id.
fn create_campaign(program: &Address, accounts: &mut [AccountView], id: &[u8]) -> ProgramResult {
    let [payer, authority, campaign, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    NewAccount {
        program,
        payer,
        account: campaign,
        size: CAMPAIGN_SIZE,
    }
    .create_campaign(authority.address(), id)
}

/// Data: the code, without its padding.
fn create_referral(program: &Address, accounts: &mut [AccountView], code: &[u8]) -> ProgramResult {
    let [payer, _owner, campaign, referral, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    // SAFETY: a code is ASCII.
    let code = unsafe { core::str::from_utf8_unchecked(code) };
    NewAccount {
        program,
        payer,
        account: referral,
        size: REFERRAL_SIZE,
    }
    .create_with_seed(campaign, code)
}

fn bind(program: &Address, accounts: &mut [AccountView]) -> ProgramResult {
    let [payer, wallet, campaign, _referral, binding, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    NewAccount {
        program,
        payer,
        account: binding,
        size: BINDING_SIZE,
    }
    .create_keyed(campaign, &sha256(&[b"binding", wallet.address().as_ref()]))
}

/// A payment in SOL: the treasury's part, then the referrer's.
fn purchase(program: &Address, accounts: &mut [AccountView], data: &[u8]) -> ProgramResult {
    record(program, accounts, data)?;
    let [_, buyer, _, _, conversion, treasury, referrer, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    // One call: the program gives away what its own account holds.
    pay(buyer, conversion, REST + PART)?;
    conversion.set_lamports(conversion.lamports() - REST - PART);
    treasury.set_lamports(treasury.lamports() + REST);
    referrer.set_lamports(referrer.lamports() + PART);
    Ok(())
}

/// A payment in tokens. Accounts: Vouch's first eight, then payment mint, source and
/// token program.
fn purchase_with_tokens(
    program: &Address,
    accounts: &mut [AccountView],
    data: &[u8],
) -> ProgramResult {
    record(program, accounts, data)?;
    let [_, buyer, _, _, _, treasury, referrer, _, token, source, token_program, ..] = accounts
    else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    transfer_both(
        buyer,
        token,
        source,
        [(REST, treasury), (PART, referrer)],
        token_program,
    )
}

/// A payment in SOL with a minted reward. Accounts: Vouch's first eight, then mint and
/// token program.
fn purchase_minted(program: &Address, accounts: &mut [AccountView], data: &[u8]) -> ProgramResult {
    record(program, accounts, data)?;
    let [_, buyer, campaign, _, _, treasury, referrer, _, token, token_program, ..] = accounts
    else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    pay(buyer, treasury, REST)?;
    mint(campaign, token, referrer, token_program)
}

fn fund_vault(accounts: &mut [AccountView]) -> ProgramResult {
    let [funder, _campaign, token, source, vault, token_program, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    transfer(funder, token, source, vault, token_program, PART)
}

fn withdraw_vault(accounts: &mut [AccountView]) -> ProgramResult {
    let [_authority, campaign, token, vault, destination, token_program, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    withdraw(campaign, token, vault, destination, token_program)
}

/// Creates a conversion. If `data` is empty, the key is the referee. Otherwise the first
/// byte selects the key: 1 the hash of referee and referral, 2 the hash of referee and
/// reference, 3 the hash of the reference. The reference follows that byte.
fn record(program: &Address, accounts: &[AccountView], data: &[u8]) -> ProgramResult {
    let [payer, referee, campaign, referral, conversion, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let referee = referee.address();
    let hash;
    let key = match data.split_first() {
        None => referee.as_array(),
        Some((1, _)) => {
            hash = sha256(&[referee.as_ref(), referral.address().as_ref()]);
            &hash
        }
        Some((2, reference)) => {
            hash = sha256(&[referee.as_ref(), reference]);
            &hash
        }
        Some((_, reference)) => {
            hash = sha256(&[reference]);
            &hash
        }
    };
    NewAccount {
        program,
        payer,
        account: conversion,
        size: CONVERSION_SIZE,
    }
    .create_keyed(campaign, key)
}

/// Sets a conversion's status to paid and subtracts 1 from one byte of a referral's
/// counter.
fn settle(referral: &mut AccountView, conversion: &mut AccountView) -> ProgramResult {
    let mut data = conversion.try_borrow_mut()?;
    *data
        .get_mut(STATUS)
        .ok_or(ProgramError::AccountDataTooSmall)? = 1;
    let mut data = referral.try_borrow_mut()?;
    let pending = data
        .get_mut(REWARDS_PENDING)
        .ok_or(ProgramError::AccountDataTooSmall)?;
    *pending = pending.wrapping_sub(1);
    Ok(())
}
