//! Accounts as the runtime has them: reading, creating, paying and closing them.

use anchor_lang::{
    address_eq,
    cpi::{CpiSeed, CpiSigner},
    prelude::*,
};
use pinocchio::Resize;
use pinocchio_system::instructions::{AllocateWithSeed, CreateAccountWithSeed, Transfer};

use crate::{address, Campaign, Closed, ReferralError, Shared};

/// Whether `account` belongs to `program`: four words, not thirty-two bytes.
#[inline(always)]
pub fn is_owned(account: &AccountView, program: &Address) -> bool {
    address_eq(account.owner(), program)
}

/// The account behind an optional one.
#[inline(always)]
pub fn view<T: AnchorAccount>(account: &Option<T>) -> Option<&AccountView> {
    account.as_ref().map(|account| account.account())
}

/// Fails with `taken` when the program owns `account`: an address that it derives
/// then holds what it created there.
#[inline(always)]
pub fn check_vacant(account: &AccountView, taken: ReferralError) -> Result<()> {
    if is_owned(account, &crate::ID) {
        return Err(taken.into());
    }
    Ok(())
}

/// Calls `call` with the signature of the campaign.
#[inline(always)]
pub fn signed<R>(campaign: Shared<Campaign>, call: impl FnOnce(&[CpiSigner]) -> R) -> R {
    let id = campaign.id.get().to_le_bytes();
    let bump = [campaign.bump];
    let seeds = [
        CpiSeed::from(address::CAMPAIGN),
        CpiSeed::from(campaign.creator.as_ref()),
        CpiSeed::from(id.as_ref()),
        CpiSeed::from(bump.as_ref()),
    ];
    call(&[CpiSigner::from(&seeds)])
}

/// Creates the account of `campaign` with this key, and fills it with what `value` returns.
/// [`check_vacant`] comes first: without it, the System program refuses an account that
/// exists, in words of its own. It also refuses every address but the right one.
#[inline(always)]
pub fn create_keyed<T: Discriminator + bytemuck::Pod>(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    key: &[u8; 32],
    value: impl FnOnce() -> T,
) -> Result<()> {
    let seed = address::seed_of(key);
    // SAFETY: every byte is below 128.
    unsafe { create_with_seed(payer, account, campaign, &seed, value) }
}

/// [`create_keyed`] with the seed itself.
///
/// # Safety
/// The seed is text.
#[inline(always)]
pub unsafe fn create_with_seed<T: Discriminator + bytemuck::Pod>(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    seed: &[u8],
    value: impl FnOnce() -> T,
) -> Result<()> {
    // SAFETY: the caller's promise. To look would cost as much as the account.
    let seed = unsafe { core::str::from_utf8_unchecked(seed) };
    let head = T::DISCRIMINATOR.len();
    let space = const { T::DISCRIMINATOR.len() + core::mem::size_of::<T>() };
    allocate(payer, account, campaign, seed, space)?;
    let mut account = *account;
    let mut data = account.try_borrow_mut()?;
    require!(data.len() == space, ProgramError::AccountDataTooSmall);
    // Written where it stays: building it elsewhere first would move every word twice.
    // SAFETY: the account has room for both, and any address is aligned for a `T`.
    unsafe {
        const { assert!(core::mem::align_of::<T>() == 1) };
        let start = data.as_mut_ptr();
        start.copy_from_nonoverlapping(T::DISCRIMINATOR.as_ptr(), head);
        start.add(head).cast::<T>().write(value());
    }
    Ok(())
}

#[inline(never)]
fn allocate(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    seed: &str,
    space: usize,
) -> Result<()> {
    let rent = anchor_lang::cpi::rent_exempt_lamports(space)?;
    let base = campaign.account();
    signed(campaign, |signers| {
        if account.lamports() == 0 {
            return CreateAccountWithSeed {
                from: payer,
                to: account,
                base: Some(base),
                seed,
                lamports: rent,
                space: space as u64,
                owner: &crate::ID,
            }
            .invoke_signed(signers);
        }
        // Lamports that somebody sent here before count towards the rent: nobody can
        // block an address with them.
        let missing = rent.saturating_sub(account.lamports());
        if missing != 0 {
            Transfer {
                from: payer,
                to: account,
                lamports: missing,
            }
            .invoke()?;
        }
        AllocateWithSeed {
            account,
            base,
            seed,
            space: space as u64,
            owner: &crate::ID,
        }
        .invoke_signed(signers)
    })
}

/// Creates the campaign at the address of these `seeds`, bump included.
pub fn create_campaign(
    payer: &AccountView,
    account: &AccountView,
    seeds: &[&[u8]],
    value: &Campaign,
) -> Result<()> {
    let body = bytemuck::bytes_of(value);
    let space = Campaign::DISCRIMINATOR.len().saturating_add(body.len());
    create_account_signed(payer, account, space, &crate::ID, seeds)?;
    fill(account, Campaign::DISCRIMINATOR, body)
}

/// Writes a new account's discriminator and value.
fn fill(account: &AccountView, discriminator: &[u8], value: &[u8]) -> Result<()> {
    let mut account = *account;
    let mut data = account.try_borrow_mut()?;
    let (head, body) = data
        .split_at_mut_checked(discriminator.len())
        .ok_or(ProgramError::AccountDataTooSmall)?;
    head.copy_from_slice(discriminator);
    body.copy_from_slice(value);
    Ok(())
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

/// Replaces the value of an account that [`read`] has read as a `T`.
pub fn write<T: Discriminator + bytemuck::Pod>(account: &AccountView, value: &T) -> Result<()> {
    fill(account, T::DISCRIMINATOR, bytemuck::bytes_of(value))
}

/// Closes `account` for good; all its lamports go to `destination`.
///
/// # Safety
/// No reference into the account's data may be used after this.
#[inline(never)]
pub unsafe fn close(account: &AccountView, destination: &AccountView) -> Result<()> {
    let mut account = *account;
    let lamports = account.lamports();
    move_lamports(&account, destination, lamports)?;
    // SAFETY: the caller's promise.
    unsafe {
        account.borrow_unchecked_mut().fill(0);
        account.close_unchecked();
    }
    Ok(())
}

/// Leaves the tombstone `closed` at the address of `account`, for good. The rent that the
/// smaller account does not need goes to `destination`.
///
/// # Safety
/// No reference into the account's data may be used after this.
#[inline(never)]
pub unsafe fn leave_closed(
    account: &AccountView,
    destination: &AccountView,
    closed: &Closed,
) -> Result<()> {
    let head = Closed::DISCRIMINATOR.len();
    let space = head.saturating_add(core::mem::size_of::<Closed>());
    let mut account = *account;
    // SAFETY: the caller's promise; the new size is smaller.
    unsafe {
        account.resize_unchecked(space)?;
        let data = account.borrow_unchecked_mut();
        let (head, body) = data
            .split_at_mut_checked(head)
            .ok_or(ProgramError::AccountDataTooSmall)?;
        head.copy_from_slice(Closed::DISCRIMINATOR);
        body.copy_from_slice(bytemuck::bytes_of(closed));
    }
    let rent = anchor_lang::cpi::rent_exempt_lamports(space)?;
    let rest = account.lamports().saturating_sub(rent);
    move_lamports(&account, destination, rest)
}

/// Moves lamports out of an account of this program.
pub fn move_lamports(from: &AccountView, to: &AccountView, lamports: u64) -> Result<()> {
    let (mut from, mut to) = (*from, *to);
    let left = from.lamports().checked_sub(lamports);
    from.set_lamports(left.ok_or(ProgramError::InsufficientFunds)?);
    let sum = to.lamports().checked_add(lamports);
    to.set_lamports(sum.ok_or(ProgramError::ArithmeticOverflow)?);
    Ok(())
}

/// An account that receives a part of a reward: a token account, or a wallet when rewards
/// are SOL.
///
/// Declared as writable, but not refused when it is not: the runtime makes the account of
/// a wallet that became a program read-only, whatever the transaction says. Whether it has
/// to be written is known only when it is to be paid.
pub struct Recipient {
    view: AccountView,
}

impl AnchorAccount for Recipient {
    type Data = AccountView;

    #[inline(always)]
    fn load(view: AccountView) -> Result<Self> {
        Ok(Self { view })
    }

    /// # Safety
    /// None: it keeps no view of the account's data.
    #[inline(always)]
    unsafe fn load_mut(view: AccountView) -> Result<Self> {
        Ok(Self { view })
    }

    #[inline(always)]
    fn account(&self) -> &AccountView {
        &self.view
    }
}

impl core::ops::Deref for Recipient {
    type Target = AccountView;

    #[inline(always)]
    fn deref(&self) -> &AccountView {
        &self.view
    }
}

impl IdlAccountType for Recipient {}
