//! Accounts at derived addresses.

use anchor_lang::prelude::*;
use vouch_rules::Code;

use crate::ReferralError;

/// Seed of a campaign's address.
pub const CAMPAIGN: &[u8] = b"campaign";
/// Seed of a referral's address.
pub const REFERRAL: &[u8] = b"referral";
/// Seed of a conversion's address.
pub const CONVERSION: &[u8] = b"conversion";

/// A code as an instruction carries it, checked by the rule.
pub fn parse_code(padded: &[u8; 12]) -> Result<Code> {
    Code::from_padded(padded).map_err(|_| ReferralError::InvalidCode.into())
}

/// The bytes of `padded` before its zeros, as a seed. Whether they are a code is
/// for [`parse_code`] to say; at most 12 bytes, so always a possible seed.
pub fn code_seed(padded: &[u8; 12]) -> &[u8] {
    let end = padded
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last.saturating_add(1));
    padded.get(..end).unwrap_or_default()
}

/// Fails with `taken` when the program owns `account`: an address that it derives
/// then holds what it created there.
pub fn check_vacant(account: &AccountView, taken: ReferralError) -> Result<()> {
    if account.owned_by(&crate::ID) {
        return Err(taken.into());
    }
    Ok(())
}

/// Creates `account`, whose address was derived with `seeds` (bump included), at
/// the size of `T`, and fills it with `value`. [`check_vacant`] comes first: without
/// it, the System program refuses what exists, in words of its own.
///
/// Lamports that somebody sent there before are kept and count towards the rent;
/// nobody can block an address that way.
pub fn create<T: Discriminator + bytemuck::Pod>(
    payer: &AccountView,
    account: &mut AccountView,
    seeds: &[&[u8]],
    value: &T,
) -> Result<()> {
    let head = T::DISCRIMINATOR.len();
    let space = head.saturating_add(core::mem::size_of::<T>());
    create_account_signed(payer, account, space, &crate::ID, seeds)?;
    let mut data = account.try_borrow_mut()?;
    let (discriminator, body) = data
        .split_at_mut_checked(head)
        .ok_or(ProgramError::AccountDataTooSmall)?;
    discriminator.copy_from_slice(T::DISCRIMINATOR);
    body.copy_from_slice(bytemuck::bytes_of(value));
    Ok(())
}
