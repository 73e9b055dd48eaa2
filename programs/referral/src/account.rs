//! Reading, creating, paying and closing accounts.

use core::mem::MaybeUninit;

use anchor_lang::{
    address_eq,
    cpi::{CpiSeed, CpiSigner},
    prelude::*,
};
use pinocchio::{
    cpi::{invoke_signed_unchecked, CpiAccount},
    instruction::{InstructionAccount, InstructionView},
    Resize,
};
use pinocchio_system::instructions::{AllocateWithSeed, CreateAccountWithSeed, Transfer};
use vouch_rules::Code;

use crate::{address, Campaign, Closed, ReferralError, Shared};

/// Whether `program` owns `account`. Compares four words instead of 32 bytes.
#[inline(always)]
pub fn is_owned(account: &AccountView, program: &Address) -> bool {
    address_eq(account.owner(), program)
}

/// The view of an optional account.
#[inline(always)]
pub fn view<T: AnchorAccount>(account: &Option<T>) -> Option<&AccountView> {
    account.as_ref().map(|account| account.account())
}

/// Fails with `taken` if this program owns `account`, because then the derived address is taken.
#[inline(always)]
pub fn check_vacant(account: &AccountView, taken: ReferralError) -> Result<()> {
    if is_owned(account, &crate::ID) {
        return Err(taken.into());
    }
    Ok(())
}

/// The seeds of the campaign's address: references into its account.
#[inline(always)]
pub fn seeds(campaign: Shared<'_, Campaign>) -> [CpiSeed<'_>; 4] {
    let Campaign {
        creator, id, bump, ..
    } = campaign.get();
    [
        CpiSeed::from(address::CAMPAIGN),
        CpiSeed::from(creator.as_ref()),
        CpiSeed::from(bytemuck::bytes_of(id)),
        CpiSeed::from(bytemuck::bytes_of(bump)),
    ]
}

/// Calls `call` with the signature of the campaign.
#[inline(always)]
pub fn signed<R>(campaign: Shared<Campaign>, call: impl FnOnce(&[CpiSigner]) -> R) -> R {
    call(&[CpiSigner::from(&seeds(campaign))])
}

/// Creates the account of `campaign` for `key`; `fill` writes its value, which is zero before.
/// Callers run [`check_vacant`] first; otherwise an existing account fails with the System
/// program's own error. The System program also refuses every address that does not follow
/// from `key`.
#[inline(always)]
pub fn create_keyed<T: Discriminator + bytemuck::Pod>(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    key: &[u8; 32],
    fill: impl FnOnce(&mut T),
) -> Result<()> {
    allocate_keyed(payer, account, campaign, key, space::<T>())?;
    fill_new(account, fill)
}

/// [`create_keyed`], inlined, with the `signers` that are the campaign's.
#[inline(always)]
pub fn create_keyed_inlined<T: Discriminator + bytemuck::Pod>(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    key: &[u8; 32],
    signers: &[CpiSigner],
    fill: impl FnOnce(&mut T),
) -> Result<()> {
    allocate_keyed_inlined(payer, account, campaign, key, space::<T>(), signers)?;
    fill_new(account, fill)
}

/// [`create_keyed`] with a code as the seed.
#[inline(always)]
pub fn create_coded<T: Discriminator + bytemuck::Pod>(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    code: &Code,
    fill: impl FnOnce(&mut T),
) -> Result<()> {
    // SAFETY: a code consists of ASCII letters and digits. Checking again would cost as much as
    // creating the account.
    let seed = unsafe { core::str::from_utf8_unchecked(code.as_bytes()) };
    allocate_coded(payer, account, campaign, seed, space::<T>())?;
    fill_new(account, fill)
}

/// Bytes of an account that holds a `T`.
const fn space<T: Discriminator>() -> usize {
    T::DISCRIMINATOR
        .len()
        .saturating_add(core::mem::size_of::<T>())
}

/// Writes the value directly into the new account: building it elsewhere first would copy every
/// word twice.
#[inline(always)]
fn fill_new<T: Discriminator + bytemuck::Pod>(
    account: &AccountView,
    fill: impl FnOnce(&mut T),
) -> Result<()> {
    require!(
        account.data_len() == space::<T>(),
        ProgramError::AccountDataTooSmall
    );
    let head = T::DISCRIMINATOR.len();
    let mut account = *account;
    // SAFETY: the call that created the account has required that nobody holds its data. It
    // has room for both; any bytes are a `T`, at any address.
    unsafe {
        const { assert!(core::mem::align_of::<T>() == 1) };
        let start = account.data_mut_ptr();
        start.copy_from_nonoverlapping(T::DISCRIMINATOR.as_ptr(), head);
        fill(&mut *start.add(head).cast());
    }
    Ok(())
}

/// The data of the System program's `CreateAccountWithSeed` for a seed of 32 bytes:
/// <https://docs.rs/solana-system-interface/2/solana_system_interface/instruction/>.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, packed)]
struct CreateWithSeed {
    instruction: u32,
    base: Address,
    seed_len: u64,
    seed: [u8; 32],
    lamports: u64,
    space: u64,
    owner: Address,
}

/// An account that a CPI gets, as the runtime reads it.
#[repr(C)]
struct Info {
    address: *const Address,
    lamports: *const u64,
    data_len: u64,
    data: *const u8,
    owner: *const Address,
    /// The runtime has its own.
    rent_epoch: MaybeUninit<u64>,
    /// Signer, writable and executable: the runtime has its own.
    flags: u64,
}

impl Info {
    #[inline(always)]
    fn of(view: &AccountView) -> Self {
        let account = view.account_ptr();
        // SAFETY: the header of an account that the runtime has passed.
        unsafe {
            Self {
                address: &raw const (*account).address,
                lamports: &raw const (*account).lamports,
                data_len: (*account).data_len,
                data: account.add(1).cast(),
                owner: &raw const (*account).owner,
                rent_epoch: MaybeUninit::uninit(),
                flags: 0,
            }
        }
    }
}

/// Calls `program` with the accounts of `views`.
///
/// # Safety
/// Nobody holds the data of an account that the call writes.
#[inline(always)]
pub unsafe fn call<const N: usize>(
    program: &Address,
    views: [&AccountView; N],
    accounts: [InstructionAccount; N],
    data: &[u8],
    signers: &[CpiSigner],
) {
    const {
        assert!(size_of::<Info>() == size_of::<CpiAccount>());
        assert!(align_of::<Info>() == align_of::<CpiAccount>());
    }
    // The runtime writes new lengths of data into these.
    let mut infos = views.map(Info::of);
    let instruction = InstructionView {
        program_id: program,
        accounts: &accounts,
        data,
    };
    // SAFETY: an `Info` is a `CpiAccount`, but for rent epoch and flags, which nobody reads; the
    // caller's promise.
    unsafe {
        let infos = infos.as_mut_ptr().cast::<CpiAccount>();
        let infos = core::slice::from_raw_parts(infos, N);
        invoke_signed_unchecked(&instruction, infos, signers);
    }
}

/// Creates an account of `space` bytes at the address of `key`.
#[inline(never)]
fn allocate_keyed(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    key: &[u8; 32],
    space: usize,
) -> Result<()> {
    signed(campaign, |signers| {
        allocate_keyed_inlined(payer, account, campaign, key, space, signers)
    })
}

/// [`allocate_keyed`], inlined. Every conversion does this, so the seed is written directly into
/// the data of the CPI.
#[inline(always)]
fn allocate_keyed_inlined(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    key: &[u8; 32],
    space: usize,
    signers: &[CpiSigner],
) -> Result<()> {
    if account.lamports() != 0 {
        let seed = address::seed_of(key);
        // SAFETY: `address::seed_of` leaves every byte below 128.
        let seed = unsafe { core::str::from_utf8_unchecked(&seed) };
        return allocate_funded(payer, account, campaign, seed, space);
    }
    let lamports = anchor_lang::cpi::rent_exempt_lamports(space)?;
    let data = CreateWithSeed {
        instruction: 3,
        base: *campaign.address(),
        seed_len: 32,
        seed: address::seed_of(key),
        lamports,
        space: space as u64,
        owner: crate::ID,
    };
    let accounts = [
        InstructionAccount::writable_signer(payer.address()),
        InstructionAccount::writable(account.address()),
        InstructionAccount::readonly_signer(campaign.address()),
    ];
    require!(
        !payer.is_borrowed() && !account.is_borrowed(),
        ProgramError::AccountBorrowFailed
    );
    // SAFETY: nobody holds the data of an account that the call writes; the campaign only signs.
    unsafe {
        call(
            &pinocchio_system::ID,
            [payer, account, campaign.account()],
            accounts,
            bytemuck::bytes_of(&data),
            signers,
        );
    }
    Ok(())
}

/// Creates an account of `space` bytes with a code as the seed.
#[inline(never)]
fn allocate_coded(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    seed: &str,
    space: usize,
) -> Result<()> {
    if account.lamports() != 0 {
        return allocate_funded(payer, account, campaign, seed, space);
    }
    signed(campaign, |signers| {
        CreateAccountWithSeed {
            from: payer,
            to: account,
            base: Some(campaign.account()),
            seed,
            lamports: anchor_lang::cpi::rent_exempt_lamports(space)?,
            space: space as u64,
            owner: &crate::ID,
        }
        .invoke_signed(signers)
    })
}

/// Creates an account at an address that already holds lamports, which count towards the rent.
/// Nobody can block an address by sending lamports to it.
#[cold]
#[inline(never)]
fn allocate_funded(
    payer: &AccountView,
    account: &AccountView,
    campaign: Shared<Campaign>,
    seed: &str,
    space: usize,
) -> Result<()> {
    let rent = anchor_lang::cpi::rent_exempt_lamports(space)?;
    let missing = rent.saturating_sub(account.lamports());
    if missing != 0 {
        Transfer {
            from: payer,
            to: account,
            lamports: missing,
        }
        .invoke()?;
    }
    signed(campaign, |signers| {
        AllocateWithSeed {
            account,
            base: campaign.account(),
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

/// Reads the account as a `T` of this program; returns `None` if it is not one.
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

/// Replaces `account` by the tombstone `closed`. The rent that the smaller account does not need
/// goes to `destination`. If `destination` is a wallet that became a program, this rent stays:
/// the runtime lets programs receive nothing, and the instruction must not fail for that.
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
    if destination.executable() {
        return Ok(());
    }
    require!(destination.is_writable(), ErrorCode::ConstraintMut);
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
/// Declared writable, but accepted read-only: the runtime makes the account of a wallet that
/// became a program read-only, even if the transaction declares it writable. Write access is
/// required only to pay the account.
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
