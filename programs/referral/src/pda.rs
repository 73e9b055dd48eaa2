//! Accounts at derived addresses.

use anchor_lang::{address_eq, prelude::*};
use pinocchio::Resize;
use vouch_rules::Code;

use crate::{Closed, ReferralError};

/// Seed of a campaign's address.
pub const CAMPAIGN: &[u8] = b"campaign";
/// Seed of a referral's address.
pub const REFERRAL: &[u8] = b"referral";
/// Seed of a conversion's address.
pub const CONVERSION: &[u8] = b"conversion";
/// Seed of a binding's address.
pub const REFEREE: &[u8] = b"referee";

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

/// Whether `account` belongs to `program`: four words, not thirty-two bytes.
#[inline(always)]
pub fn is_owned(account: &AccountView, program: &Address) -> bool {
    address_eq(account.owner(), program)
}

/// Fails with `taken` when the program owns `account`: an address that it derives
/// then holds what it created there.
pub fn check_vacant(account: &AccountView, taken: ReferralError) -> Result<()> {
    if is_owned(account, &crate::ID) {
        return Err(taken.into());
    }
    Ok(())
}

/// Bytes of a conversion's seeds, with the bump, and of what the runtime hashes after
/// them: <https://solana.com/docs/core/pda>.
const CONVERSION_PREIMAGE: usize = CONVERSION.len() + 32 + 32 + 1 + 32 + PDA_MARKER.len();
/// Where the bump stands in it.
const CONVERSION_BUMP: usize = CONVERSION.len() + 32 + 32;
/// The last of what the runtime hashes.
pub const PDA_MARKER: &[u8] = b"ProgramDerivedAddress";

/// The canonical bump of a conversion's address; fails when `address` is another.
///
/// Canonical is the highest bump whose hash is no point of the curve. The one that
/// gives `address` is not looked at: it is about to be created with these seeds, and
/// the runtime signs for no point of the curve.
#[inline(never)]
pub fn find_conversion(address: &Address, campaign: &Address, key: &[u8; 32]) -> Result<u8> {
    let mut preimage = [0; CONVERSION_PREIMAGE];
    let mut rest = preimage.as_mut_slice();
    for part in [
        CONVERSION,
        campaign.as_ref(),
        key,
        &[0],
        crate::ID.as_ref(),
        PDA_MARKER,
    ] {
        let (here, after) = rest
            .split_at_mut_checked(part.len())
            .ok_or(ErrorCode::ConstraintSeeds)?;
        here.copy_from_slice(part);
        rest = after;
    }
    for bump in (0..=u8::MAX).rev() {
        preimage[CONVERSION_BUMP] = bump;
        let hash = Address::new_from_array(sha256(&preimage));
        if address_eq(&hash, address) {
            return Ok(bump);
        }
        if !hash.is_on_curve() {
            break;
        }
    }
    Err(ErrorCode::ConstraintSeeds.into())
}

/// Creates `account`, whose address was derived with `seeds` (bump included), at
/// the size of `T`, and fills it with `value`. [`check_vacant`] comes first: without
/// it, the System program refuses what exists, in words of its own.
///
/// Lamports that somebody sent there before are kept and count towards the rent;
/// nobody can block an address that way.
#[inline(always)]
pub fn create<T: Discriminator + bytemuck::Pod>(
    payer: &AccountView,
    account: &mut AccountView,
    seeds: &[&[u8]],
    value: &T,
) -> Result<()> {
    let value = bytemuck::bytes_of(value);
    create_from_bytes(payer, account, seeds, T::DISCRIMINATOR, value)
}

#[inline(never)]
fn create_from_bytes(
    payer: &AccountView,
    account: &mut AccountView,
    seeds: &[&[u8]],
    discriminator: &[u8],
    value: &[u8],
) -> Result<()> {
    let space = discriminator.len().saturating_add(value.len());
    create_account_signed(payer, account, space, &crate::ID, seeds)?;
    let mut data = account.try_borrow_mut()?;
    fill(&mut data, discriminator, value)
}

/// Writes an account's discriminator and value.
fn fill(data: &mut [u8], discriminator: &[u8], value: &[u8]) -> Result<()> {
    let (head, body) = data
        .split_at_mut_checked(discriminator.len())
        .ok_or(ProgramError::AccountDataTooSmall)?;
    head.copy_from_slice(discriminator);
    body.copy_from_slice(value);
    Ok(())
}

/// The account's bytes as a `T`; fails when they are of another type.
pub fn body_mut<T: Discriminator + bytemuck::Pod>(data: &mut [u8]) -> Result<&mut T> {
    let (discriminator, body) = data
        .split_at_mut_checked(T::DISCRIMINATOR.len())
        .ok_or(ProgramError::AccountDataTooSmall)?;
    require!(
        *discriminator == *T::DISCRIMINATOR,
        ProgramError::InvalidAccountData
    );
    bytemuck::try_from_bytes_mut(body).map_err(|_| ProgramError::InvalidAccountData)
}

/// The account's bytes as a `T` of this program; `None` when it is none.
pub fn read<T: Discriminator + bytemuck::Pod>(account: &AccountView) -> Option<T> {
    if !is_owned(account, &crate::ID) {
        return None;
    }
    let data = account.try_borrow().ok()?;
    let (discriminator, body) = data.split_at_checked(T::DISCRIMINATOR.len())?;
    if *discriminator != *T::DISCRIMINATOR {
        return None;
    }
    bytemuck::try_pod_read_unaligned(body).ok()
}

/// Closes `account` for good; all its lamports go to `destination`.
///
/// # Safety
/// No reference into the account's data may be used after this.
#[inline(never)]
pub unsafe fn close(account: &AccountView, destination: &AccountView) -> Result<()> {
    let mut account = *account;
    let lamports = account.lamports();
    move_lamports(&mut account, &mut destination.clone(), lamports)?;
    // SAFETY: the caller's promise.
    unsafe {
        account.borrow_unchecked_mut().fill(0);
        account.close_unchecked();
    }
    Ok(())
}

/// Leaves `closed` at the address of `account`, for good; what the rent of the
/// smaller account leaves goes to `destination`.
///
/// # Safety
/// No reference into the account's data may be used after this.
#[inline(never)]
pub unsafe fn leave_closed(
    account: &AccountView,
    destination: &AccountView,
    closed: &Closed,
) -> Result<()> {
    let mut account = *account;
    let head = Closed::DISCRIMINATOR.len();
    let space = head.saturating_add(core::mem::size_of::<Closed>());
    // SAFETY: the caller's promise; the new size is smaller.
    unsafe {
        account.resize_unchecked(space)?;
        let data = account.borrow_unchecked_mut();
        fill(data, Closed::DISCRIMINATOR, bytemuck::bytes_of(closed))?;
    }
    let rent = anchor_lang::cpi::rent_exempt_lamports(space)?;
    let rest = account.lamports().saturating_sub(rent);
    move_lamports(&mut account, &mut destination.clone(), rest)
}

/// Moves lamports out of an account of this program.
pub fn move_lamports(from: &mut AccountView, to: &mut AccountView, lamports: u64) -> Result<()> {
    let left = from.lamports().checked_sub(lamports);
    from.set_lamports(left.ok_or(ProgramError::InsufficientFunds)?);
    let sum = to.lamports().checked_add(lamports);
    to.set_lamports(sum.ok_or(ProgramError::ArithmeticOverflow)?);
    Ok(())
}

/// The account behind an optional one.
#[inline(always)]
pub fn view(account: &Option<UncheckedAccount>) -> Option<&AccountView> {
    account.as_ref().map(|account| account.account())
}
