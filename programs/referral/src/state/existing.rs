use core::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use anchor_lang::{likely, prelude::*, IdlAccountType};

use crate::{
    account, Binding, Campaign, Closed, Conversion, Referral, ReferralError, Referrer,
    RevokedVoucher,
};

/// A type of account of this program, with the error for another account in its place.
pub trait Expected: Discriminator + bytemuck::Pod {
    /// The error for an account that is not one of this type.
    const MISSING: ReferralError;
}

impl Expected for Campaign {
    const MISSING: ReferralError = ReferralError::CampaignNotFound;
}

impl Expected for Referral {
    const MISSING: ReferralError = ReferralError::ReferralNotFound;
}

impl Expected for Conversion {
    const MISSING: ReferralError = ReferralError::ConversionNotFound;
}

impl Expected for Binding {
    const MISSING: ReferralError = ReferralError::BindingNotFound;
}

impl Expected for Referrer {
    const MISSING: ReferralError = ReferralError::ReferrerNotFound;
}

impl Expected for RevokedVoucher {
    const MISSING: ReferralError = ReferralError::RevocationNotFound;
}

/// Bytes of the discriminator that every account begins with.
const HEAD: usize = 8;

/// A type of account, as its bytes show it.
struct Kind {
    discriminator: u64,
    space: usize,
    missing: ReferralError,
}

impl Kind {
    /// Whether this program owns the account, and it is of this kind.
    #[inline(always)]
    fn is_that_of(&self, view: AccountView) -> bool {
        account::is_owned(&view, &crate::ID)
            && likely(view.data_len() == self.space)
            // SAFETY: nothing writes the data while this reads its first bytes, and there are
            // enough of them.
            && likely(
                u64::from_le_bytes(unsafe { view.data_ptr().cast::<[u8; HEAD]>().read() })
                    == self.discriminator,
            )
    }
}

/// Fails unless this program owns the account and it is of this `kind`. Borrows the data for
/// reading, or `exclusively` for writing.
///
/// The borrow is never released, so no other view reaches the data while the instruction runs.
/// State 0 is an exclusive borrow, 255 none. One function, because copies of it in every
/// instruction made up a fifth of the program.
#[inline(never)]
fn open<const EXCLUSIVELY: bool>(view: AccountView, kind: &Kind) -> Result<()> {
    if EXCLUSIVELY && !view.is_writable() {
        return Err(ErrorCode::ConstraintMut.into());
    }
    if !kind.is_that_of(view) {
        return Err(kind.missing.into());
    }
    // SAFETY: the header of an account that the runtime has passed.
    let state = unsafe { &mut (*view.account_ptr().cast_mut()).borrow_state };
    *state = match (EXCLUSIVELY, *state) {
        (true, u8::MAX) => 0,
        (false, 2..) => state.saturating_sub(1),
        _ => return Err(ProgramError::AccountBorrowFailed),
    };
    Ok(())
}

/// An account of this program, read and written in place.
///
/// The framework's own `Account` has three different errors for an account that is missing,
/// another program's or of another type, and none names the account. Its checks, inlined in every
/// instruction, were half of the program's size.
pub struct Existing<T: Expected> {
    view: AccountView,
    data: PhantomData<T>,
}

impl<T: Expected> Existing<T> {
    /// Bytes of the account.
    pub const SPACE: usize = HEAD + core::mem::size_of::<T>();

    /// Identifies a `T` among other accounts.
    const KIND: &Kind = &{
        assert!(T::DISCRIMINATOR.len() == HEAD && core::mem::align_of::<T>() == 1);
        let [a, b, c, d, e, f, g, h] = *T::DISCRIMINATOR else {
            panic!()
        };
        Kind {
            discriminator: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            space: Self::SPACE,
            missing: T::MISSING,
        }
    };

    /// Opens the account; fails unless it is a `T` of this program.
    #[inline(always)]
    fn open<const EXCLUSIVELY: bool>(view: AccountView) -> Result<Self> {
        open::<EXCLUSIVELY>(view, Self::KIND)?;
        Ok(Self {
            view,
            data: PhantomData,
        })
    }

    /// The account at `view`, if it is a `T` of this program. Its data is not marked as borrowed.
    ///
    /// # Safety
    /// No other view of the account is used while this lives.
    #[inline(always)]
    pub unsafe fn find(view: AccountView) -> Option<Self> {
        Self::KIND.is_that_of(view).then_some(Self {
            view,
            data: PhantomData,
        })
    }

    /// [`Self::find`] for an account that is written.
    ///
    /// # Safety
    /// No other view of the account is used while this lives.
    #[inline(always)]
    pub unsafe fn find_mut(view: AccountView) -> Option<Self> {
        if !likely(view.is_writable()) {
            return None;
        }
        // SAFETY: the caller's promise.
        unsafe { Self::find(view) }
    }

    /// The value that an account of as many bytes would have.
    ///
    /// # Safety
    /// `view` has [`Self::SPACE`] bytes, and nothing writes them while the value is read.
    #[inline(always)]
    pub unsafe fn peek(view: &AccountView) -> &T {
        // SAFETY: the caller's promise; every byte is a value of it, at every address.
        unsafe { &*view.data_ptr().add(HEAD).cast() }
    }

    /// The same account, as a value: a function that is not inlined needs no reference to it.
    ///
    /// # Safety
    /// Neither is used while the other is borrowed.
    #[inline(always)]
    pub unsafe fn again(&self) -> Self {
        Self {
            view: self.view,
            data: PhantomData,
        }
    }

    /// The account's address.
    #[inline(always)]
    pub fn address(&self) -> &Address {
        self.view.address()
    }

    /// A copyable view of the account, valid while nothing changes it.
    #[inline(always)]
    pub fn shared(&self) -> Shared<'_, T> {
        Shared {
            view: self.view,
            existing: PhantomData,
        }
    }

    /// Closes the account for good; all its lamports go to `destination`. It is no
    /// longer a `T` after that. The instruction's accounts declare it `mut`.
    pub fn close_to(&mut self, destination: &AccountView) -> Result<()> {
        // SAFETY: this borrows the only typed view of the data, which is not used
        // again: later code reads the data as bytes.
        unsafe { account::close(&self.view, destination) }
    }

    /// Replaces the account by the tombstone `closed`; rent that it does not need goes to
    /// `destination`. The account is no longer a `T` after that. The instruction's accounts declare
    /// it `mut`.
    pub fn leave_closed(&mut self, destination: &AccountView, closed: &Closed) -> Result<()> {
        // SAFETY: as above.
        unsafe { account::leave_closed(&self.view, destination, closed) }
    }
}

impl Existing<Campaign> {
    /// Changes the counters of a campaign that the instruction's accounts declare read-only: most
    /// conversions do not write it, so they run in parallel.
    pub fn count(&mut self, change: impl FnOnce(&mut Campaign) -> Result<()>) -> Result<()> {
        require!(self.view.is_writable(), ReferralError::CampaignNotWritable);
        // SAFETY: this borrows the only typed view of the data. Untyped accounts are read through
        // checked borrows, which fail if `open` has marked the data. If `find` has not marked it,
        // its caller's promise holds: no other view of the account is used.
        change(unsafe { &mut *self.view.data_mut_ptr().add(HEAD).cast() })
    }
}

impl<T: Expected> AnchorAccount for Existing<T> {
    type Data = T;
    const MIN_DATA_LEN: usize = Self::SPACE;

    #[inline(always)]
    fn load(view: AccountView) -> Result<Self> {
        Self::open::<false>(view)
    }

    /// # Safety
    /// None: the data is marked as borrowed, and a second borrow is refused.
    #[inline(always)]
    unsafe fn load_mut(view: AccountView) -> Result<Self> {
        Self::open::<true>(view)
    }

    #[inline(always)]
    fn account(&self) -> &AccountView {
        &self.view
    }

    #[inline(always)]
    fn exit(&mut self) -> ProgramResult {
        Ok(())
    }
}

impl<T: Expected> Deref for Existing<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: as long as this lives, the data is at least a `T`. It is borrowed (`open`), or
        // no other view of it is used (`find`). Every byte is a value of it, at every address.
        unsafe { &*self.view.data_ptr().add(HEAD).cast() }
    }
}

/// An [`Existing`] account that is only read. It is one word, passed by value: functions need no
/// pointer into the instruction's accounts, which can stay in registers.
#[derive(Clone, Copy)]
pub struct Shared<'a, T: Expected> {
    view: AccountView,
    existing: PhantomData<&'a Existing<T>>,
}

impl<'a, T: Expected> Shared<'a, T> {
    /// The account's address.
    #[inline(always)]
    pub fn address(&self) -> &Address {
        self.view.address()
    }

    /// The account as the runtime has it.
    #[inline(always)]
    pub fn account(&self) -> &AccountView {
        &self.view
    }

    /// The value of the account.
    #[inline(always)]
    pub fn get(self) -> &'a T {
        // SAFETY: as in `Existing::deref`; the account is borrowed for as long.
        unsafe { &*self.view.data_ptr().add(HEAD).cast() }
    }
}

impl<T: Expected> Deref for Shared<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: Expected> DerefMut for Existing<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; the runtime refuses changes of an account that is not writable.
        unsafe { &mut *self.view.data_mut_ptr().add(HEAD).cast() }
    }
}

impl<T: Expected + IdlAccountType> IdlAccountType for Existing<T> {
    const __IDL_ACCOUNT_ENTRY: Option<&'static str> = T::__IDL_ACCOUNT_ENTRY;
    const __IDL_TYPE_DEF: Option<&'static str> = T::__IDL_TYPE_DEF;

    fn __idl_account_entry() -> Option<&'static str> {
        T::__idl_account_entry()
    }

    fn __idl_type_def() -> Option<&'static str> {
        T::__idl_type_def()
    }

    fn __register_idl_deps(
        accounts: &mut anchor_lang::__alloc::vec::Vec<&'static str>,
        types: &mut anchor_lang::__alloc::vec::Vec<&'static str>,
    ) {
        T::__register_idl_deps(accounts, types);
    }
}
