//! The attestor's word: a signature beside the referee's, or a voucher.
//!
//! A voucher is a message that the attestor signed before, checked by the Ed25519
//! program in the instruction right before the conversion's:
//! <https://solana.com/docs/core/programs/precompiles#verify-with-ed25519>. It names
//! the one conversion that it is for, whose address makes it usable once.

use anchor_lang::{address_eq, prelude::*};
use pinocchio::sysvars::instructions::{Instructions, INSTRUCTIONS_ID};

use crate::{credit::Request, ReferralError as E};

/// The Ed25519 program.
const ED25519: Address = anchor_lang::address!("Ed25519SigVerify111111111111111111111111111");

/// First bytes of a voucher's message.
const DOMAIN: &[u8; 16] = b"vouch:conversion";
/// Bytes of the message: domain, program, campaign, referral, referee, action,
/// amount, reference, expiry.
const MESSAGE_LEN: usize = 16 + 32 * 4 + 1 + 8 + 32 + 8;

/// The instruction's data: one signature, and everything it needs inside the same
/// instruction, in the order that the usual builders write.
const HEADER: [u8; 16] = header();
const KEY_AT: usize = 16;
const SIGNATURE_AT: usize = KEY_AT + 32;
const MESSAGE_AT: usize = SIGNATURE_AT + 64;
const DATA_LEN: usize = MESSAGE_AT + MESSAGE_LEN;

const fn header() -> [u8; 16] {
    let (key, signature) = (
        (KEY_AT as u16).to_le_bytes(),
        (SIGNATURE_AT as u16).to_le_bytes(),
    );
    let (message, length) = (
        (MESSAGE_AT as u16).to_le_bytes(),
        (MESSAGE_LEN as u16).to_le_bytes(),
    );
    // One signature, a byte of padding; offsets, each with "this instruction".
    [
        1,
        0,
        signature[0],
        signature[1],
        0xff,
        0xff,
        key[0],
        key[1],
        0xff,
        0xff,
        message[0],
        message[1],
        length[0],
        length[1],
        0xff,
        0xff,
    ]
}

/// Fails unless `attestor` vouches for the conversion: by its signature, or by a
/// voucher that has not expired at `now`, in unix seconds.
#[inline(never)]
pub fn check_attested(
    attestor: &Address,
    signer: Option<&Signer>,
    instructions: Option<&AccountView>,
    campaign: &Address,
    referral: &Address,
    request: &Request,
    now: i64,
) -> Result<()> {
    if let Some(signer) = signer {
        require!(address_eq(signer.address(), attestor), E::WrongAttestor);
        return Ok(());
    }
    let account = instructions.ok_or(E::AttestationRequired)?;
    require!(
        address_eq(account.address(), &INSTRUCTIONS_ID),
        E::AttestationRequired
    );
    let data = account.try_borrow()?;
    // SAFETY: these are the sysvar's bytes; its address was compared.
    let all = unsafe { Instructions::new_unchecked(&*data) };
    let before = all
        .load_current_index()
        .checked_sub(1)
        .ok_or(E::AttestationRequired)?;
    let voucher = all.load_instruction_at(usize::from(before))?;
    require!(
        address_eq(voucher.get_program_id(), &ED25519),
        E::AttestationRequired
    );
    let expires_at = read_voucher(
        voucher.get_instruction_data(),
        attestor,
        campaign,
        referral,
        request,
    )
    .ok_or(E::InvalidVoucher)?;
    require!(now < expires_at, E::VoucherExpired);
    Ok(())
}

/// When a voucher for exactly this conversion expires; `None` when it is another's.
fn read_voucher(
    data: &[u8],
    attestor: &Address,
    campaign: &Address,
    referral: &Address,
    request: &Request,
) -> Option<i64> {
    let data: &[u8; DATA_LEN] = data.try_into().ok()?;
    let (header, rest) = data.split_first_chunk::<16>()?;
    let (key, rest) = rest.split_first_chunk::<32>()?;
    // The runtime has refused the transaction unless the signature is the key's.
    let (_signature, message) = rest.split_first_chunk::<64>()?;
    let (message, expires_at) = message.split_last_chunk::<8>()?;

    let mut expected = [0; MESSAGE_LEN - 8];
    let mut rest = expected.as_mut_slice();
    for part in [
        DOMAIN.as_slice(),
        crate::ID.as_ref(),
        campaign.as_ref(),
        referral.as_ref(),
        request.referee.as_ref(),
        &[request.action],
        &request.amount.to_le_bytes(),
        request.reference,
    ] {
        let (here, after) = rest.split_at_mut_checked(part.len())?;
        here.copy_from_slice(part);
        rest = after;
    }
    let same = *header == HEADER && key == attestor.as_array() && message == expected;
    same.then(|| i64::from_le_bytes(*expires_at))
}
