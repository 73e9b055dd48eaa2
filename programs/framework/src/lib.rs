//! Anchor with its entry point replaced. The program depends on it by the name `anchor_lang`.
//!
//! `#[program]` calls `anchor_lang::AccountCursor`, `Context` and `run_handler`. This crate
//! re-exports Anchor and replaces these three: same steps, same order, same errors. The walk over
//! the accounts and the conversion of an error to its code exist once; unrolled in every
//! instruction, they were a third of the binary. Accounts after the declared ones need no heap.
//! `require!`, `address_eq` and `check_program_id` are replaced by ones that tell the compiler
//! which way is rare. [`Records`] is an addition, for instructions with a short way. Why this is
//! a crate: `docs/decisions/framework.md`.

#![no_std]

pub use anchor_lang::*;

use anchor_lang::{
    cursor::NON_DUP_MARKER,
    pinocchio::account::{RuntimeAccount, MAX_PERMITTED_DATA_INCREASE},
};

/// Imports of a program: Anchor's prelude, with [`Context`](crate::Context) and `require!` of this
/// crate.
pub mod prelude {
    pub use crate::{require, Context};
    pub use anchor_lang::prelude::*;
}

/// Fails with the error unless the condition holds: Anchor's, which tells the compiler that
/// failures are rare. It then keeps in registers what the other way needs.
#[macro_export]
macro_rules! require {
    ($condition:expr, $error:expr $(,)?) => {
        if !($condition) {
            core::hint::cold_path();
            return Err(core::convert::Into::into($error));
        }
    };
}

/// The condition, which mostly holds.
#[inline(always)]
pub const fn likely(condition: bool) -> bool {
    if !condition {
        core::hint::cold_path();
    }
    condition
}

/// Whether two addresses are the same, which they mostly are.
#[inline(always)]
pub fn address_eq(one: &Address, other: &Address) -> bool {
    let (one, other) = (one.as_array().as_ptr(), other.as_array().as_ptr());
    // SAFETY: an address has four words, which need no alignment.
    let same = |at: usize| unsafe {
        let (one, other) = (one.cast::<u64>().add(at), other.cast::<u64>().add(at));
        likely(one.read_unaligned() == other.read_unaligned())
    };
    same(0) && same(1) && same(2) && same(3)
}

/// Fails unless the program runs at its own address. Anchor's does so only with its feature
/// `guardrails`.
///
/// # Errors
/// `DeclaredProgramIdMismatch`.
#[inline(always)]
pub fn check_program_id(program_id: &Address, declared: &Address) -> Result<()> {
    require!(
        address_eq(program_id, declared),
        ErrorCode::DeclaredProgramIdMismatch
    );
    Ok(())
}

/// Bytes of an account's record without its data: header, room to grow, rent epoch.
const RECORD: usize = core::mem::size_of::<RuntimeAccount>() + MAX_PERMITTED_DATA_INCREASE + 8;
/// Bytes of a record that only names an earlier account.
const DUPLICATE: usize = 8;

const _: () = assert!(core::mem::size_of::<AccountBitvec>() == core::mem::size_of::<[u64; 4]>());

/// The bit of an account in its word.
#[inline(always)]
const fn bit(index: u8) -> u64 {
    1_u64.wrapping_shl(index as u32)
}

/// Reads the accounts that the runtime has passed, one record after the other.
pub struct AccountCursor {
    /// The next record.
    record: *mut u8,
    /// Views of the accounts.
    views: *mut AccountView,
    /// The first view that is not written.
    next: *mut AccountView,
    /// A bit for each account read so far that appears twice.
    duplicates: Option<[u64; 4]>,
}

impl AccountCursor {
    /// A cursor before the first account.
    ///
    /// # Safety
    /// `input` is what the runtime passed; `views` has room for all of its accounts, at most 256.
    #[inline(always)]
    pub unsafe fn new(input: *mut u8, views: *mut AccountView) -> Self {
        Self {
            // The number of accounts comes first.
            record: unsafe { input.add(8) },
            views,
            next: views,
            duplicates: None,
        }
    }

    /// Reads the next `n` accounts.
    ///
    /// # Safety
    /// At least `n` accounts of the input are unread.
    #[inline(never)]
    unsafe fn walk(&mut self, n: usize) {
        let mut record = self.record;
        let mut view = self.next;
        // Accounts of the first word that appear twice.
        let mut again = 0;
        // SAFETY: `views` has room for every account. Records are adjacent, each a multiple of 8
        // bytes long. The record of a duplicate names an earlier account, whose view is written.
        unsafe {
            let end = view.add(n);
            // Two values are read from memory. Otherwise the compiler counts the accounts in three
            // ways, and each costs an instruction for each account.
            while view != (&raw const end).read_volatile() {
                let account = record.cast::<RuntimeAccount>();
                let mark = (*account).borrow_state;
                if mark == NON_DUP_MARKER {
                    let length = (*account).data_len;
                    // Resizing reads the account's original length from here.
                    (*account).padding = (length as u32).to_le_bytes();
                    view.write(AccountView::new_unchecked(account));
                    record = record.add((length as usize).wrapping_add(RECORD + 7) & !7);
                } else {
                    view.write(*self.views.add(usize::from(mark)));
                    self.next = view;
                    let view = (&raw const self.next).read_volatile();
                    let place = view.offset_from_unsigned(self.views);
                    if place < 64 {
                        again |= bit(mark) | bit(place as u8);
                    } else {
                        self.note_far(mark, place as u8);
                    }
                    record = record.add(DUPLICATE);
                }
                view = view.add(1);
            }
        }
        if again != 0 {
            let [word, ..] = self.duplicates.get_or_insert([0; 4]);
            *word |= again;
        }
        self.record = record;
        self.next = view;
    }

    /// Notes that the account at `second`, beyond the first word, is the one at `first`.
    #[cold]
    #[inline(never)]
    fn note_far(&mut self, first: u8, second: u8) {
        let bits = self.duplicates.get_or_insert([0; 4]);
        for index in [first, second] {
            if let Some(word) = bits.get_mut(usize::from(index >> 6)) {
                *word |= bit(index);
            }
        }
    }

    /// Reads one account. `#[program]` calls this where it logs events by a CPI to itself.
    ///
    /// # Safety
    /// At least one account of the input is unread.
    #[allow(clippy::should_implement_trait, reason = "Anchor's name for it")]
    pub unsafe fn next(&mut self) -> AccountView {
        // SAFETY: the caller's promise; `walk` writes the view.
        unsafe {
            self.walk(1);
            *self.next.sub(1)
        }
    }

    /// Fails if an account of `exclusive` appeared twice.
    #[inline(always)]
    fn check_single(&self, exclusive: &[u64; 4]) -> Result<()> {
        match &self.duplicates {
            Some(bits) if bits.iter().zip(exclusive).any(|(a, b)| a & b != 0) => {
                Err(ErrorCode::ConstraintDuplicateMutableAccount.into())
            }
            _ => Ok(()),
        }
    }
}

/// Reads accounts whose records are as expected: most lengths are known, so the compiler knows
/// where in the input the accounts are. Only the first account may appear a second time.
///
/// Each known length is compared before the next record is looked for. Otherwise an account with
/// other data could hold forged records. [`AccountCursor`] keeps the original length of each
/// account for resizing; this does not, so the accounts must not be resized.
pub struct Records {
    /// The next record, and [`Self::REACH`] bytes more.
    ahead: *mut u8,
}

impl Records {
    /// An instruction reaches 32 KiB in both directions of a pointer. A pointer that is this far
    /// ahead reaches three records, and a part of a fourth.
    const REACH: usize = 0x4000;

    /// The next record.
    #[inline(always)]
    const fn record(&self) -> *mut RuntimeAccount {
        self.ahead.wrapping_sub(Self::REACH).cast()
    }

    /// Goes to the record after `length` bytes of this one.
    #[inline(always)]
    const fn skip(&mut self, length: usize) {
        self.ahead = self.ahead.wrapping_add(length);
    }

    /// The records of `input`, if it has the accounts of `T` and not those of `Extras`. As many
    /// more as the extras are the extras; fewer are ignored.
    ///
    /// # Safety
    /// `input` is what the runtime passed.
    #[inline(always)]
    pub unsafe fn of<T: TryAccounts, Extras: TryAccounts>(input: *mut u8) -> Option<Self> {
        let (own, extras) = (T::HEADER_SIZE, Extras::HEADER_SIZE);
        // SAFETY: the number of accounts comes first.
        unsafe {
            let number = input.cast::<u64>().read() as usize;
            (own..own.saturating_add(extras))
                .contains(&number)
                .then(|| Self {
                    ahead: input.wrapping_add(8 + Self::REACH),
                })
        }
    }

    /// The next account, if it has `length` bytes.
    ///
    /// # Safety
    /// It is not read after the last account.
    #[inline(always)]
    pub unsafe fn sized(&mut self, length: usize) -> Option<AccountView> {
        // SAFETY: a record begins here.
        unsafe {
            let account = self.record();
            if !likely((*account).borrow_state == NON_DUP_MARKER)
                || !likely((*account).data_len == length as u64)
            {
                return None;
            }
            self.skip(length.wrapping_add(RECORD + 7) & !7);
            Some(AccountView::new_unchecked(account))
        }
    }

    /// The next account.
    ///
    /// # Safety
    /// It is not read after the last account.
    #[inline(always)]
    pub unsafe fn any(&mut self) -> Option<AccountView> {
        // SAFETY: a record begins here.
        unsafe {
            let account = self.record();
            if !likely((*account).borrow_state == NON_DUP_MARKER) {
                return None;
            }
            let length = (*account).data_len as usize;
            self.skip(length.wrapping_add(RECORD + 7) & !7);
            Some(AccountView::new_unchecked(account))
        }
    }

    /// The next account, if it is the `first` one again, or another of `length` bytes.
    ///
    /// # Safety
    /// `first` is the first account. It is not read after the last account.
    #[inline(always)]
    pub unsafe fn sized_or(&mut self, first: AccountView, length: usize) -> Option<AccountView> {
        // SAFETY: a record begins here. That of a duplicate names an earlier account.
        unsafe {
            if (*self.record()).borrow_state == 0 {
                self.skip(DUPLICATE);
                return Some(first);
            }
            self.sized(length)
        }
    }
}

/// Passed to an instruction: its declared accounts, and access to those after them.
pub struct Context<'a, T: Bumps> {
    /// The declared accounts.
    pub accounts: T,
    /// Bumps found while the accounts were checked.
    pub bumps: T::Bumps,
    cursor: &'a mut AccountCursor,
    /// Accounts that have not been read.
    unread: usize,
}

impl<T: TryAccounts> Context<'_, T> {
    /// Returns the accounts after the declared ones. Fails if one of them is a declared account
    /// that must not appear twice.
    #[inline(always)]
    pub fn remaining_accounts(&mut self) -> Result<&[AccountView]> {
        // SAFETY: `unread` accounts are left in the input.
        unsafe { self.cursor.walk(self.unread) };
        self.unread = 0;
        self.cursor.check_single(&if T::HAS_DYNAMIC_MUT_MASK {
            self.accounts.active_mut_mask()
        } else {
            T::MUT_MASK
        })?;
        // SAFETY: the views of all accounts are written now, those of the declared ones first.
        Ok(unsafe {
            let rest = self.cursor.views.add(T::HEADER_SIZE);
            core::slice::from_raw_parts(rest, self.cursor.next.offset_from_unsigned(rest))
        })
    }
}

/// An error's code, in the form that the runtime expects.
pub struct Refused(u64);

impl From<Refused> for u64 {
    #[inline(always)]
    fn from(refused: Refused) -> Self {
        refused.0
    }
}

impl From<Error> for Refused {
    #[cold]
    #[inline(never)]
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

/// Reads and checks the declared accounts, and calls the instruction: Anchor's
/// `run_handler`, step by step.
///
/// # Errors
/// Those of the accounts' checks and of the instruction.
#[inline(always)]
pub fn run_handler<'a, T: TryAccounts, R>(
    program_id: &'a Address,
    cursor: &'a mut AccountCursor,
    ix_data: &'a [u8],
    num_accounts: usize,
    handler: impl FnOnce(&mut Context<'a, T>, T::IxArgs<'a>) -> Result<R>,
) -> core::result::Result<R, Refused> {
    Ok(run(program_id, cursor, ix_data, num_accounts, handler)?)
}

#[inline(always)]
fn run<'a, T: TryAccounts, R>(
    program_id: &'a Address,
    cursor: &'a mut AccountCursor,
    ix_data: &'a [u8],
    num_accounts: usize,
    handler: impl FnOnce(&mut Context<'a, T>, T::IxArgs<'a>) -> Result<R>,
) -> Result<R> {
    let unread = num_accounts
        .checked_sub(T::HEADER_SIZE)
        .ok_or(ErrorCode::AccountNotEnoughKeys)?;
    // SAFETY: the input has at least so many accounts, and none has been read.
    let views = unsafe {
        cursor.walk(T::HEADER_SIZE);
        core::slice::from_raw_parts(cursor.views, T::HEADER_SIZE)
    };
    cursor.check_single(&T::MUT_MASK)?;
    // SAFETY: `AccountBitvec` consists of these four words; Anchor's version is pinned.
    let duplicates = cursor
        .duplicates
        .as_ref()
        .map(|bits| unsafe { &*core::ptr::from_ref(bits).cast::<AccountBitvec>() });
    let (accounts, bumps, args) = T::validate_accounts(program_id, views, duplicates, 0, ix_data)?;
    let mut context = Context {
        accounts,
        bumps,
        cursor,
        unread,
    };
    let result = handler(&mut context, args)?;
    context.accounts.exit_accounts(ix_data)?;
    Ok(result)
}
