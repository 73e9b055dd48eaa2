use core::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use anchor_lang::{prelude::*, IdlAccountType};

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

/// An account of this program, read and written in place.
///
/// The framework's own `Account` has three different errors for one that is missing,
/// belongs to another program or is of another type, none of which names the
/// account; and as a part of every instruction its checks were half of the
/// program's size.
pub struct Existing<T: Expected> {
    view: AccountView,
    data: PhantomData<T>,
}

impl<T: Expected> Existing<T> {
    /// Bytes of the account.
    const SPACE: usize = HEAD + core::mem::size_of::<T>();

    /// The account, which has to be a `T` of this program.
    #[inline(always)]
    fn check(view: &AccountView) -> Result<()> {
        const { assert!(T::DISCRIMINATOR.len() == HEAD && core::mem::align_of::<T>() == 1) };
        if account::is_owned(view, &crate::ID) && view.data_len() == Self::SPACE {
            // SAFETY: nothing writes the data while this reads its first bytes, and
            // there are enough of them.
            let head = unsafe { view.data_ptr().cast::<[u8; HEAD]>().read() };
            let expected = T::DISCRIMINATOR.first_chunk::<HEAD>();
            if expected
                .is_some_and(|expected| u64::from_le_bytes(head) == u64::from_le_bytes(*expected))
            {
                return Ok(());
            }
        }
        Err(T::MISSING.into())
    }

    /// Marks the data as borrowed, for good: no other view of this account gets at it
    /// while the instruction runs. 0 is "exclusively", 255 "not at all".
    #[inline(always)]
    fn borrow(view: AccountView, exclusively: bool) -> Result<Self> {
        // SAFETY: the header of an account that the runtime has passed.
        let state = unsafe { &mut (*view.account_ptr().cast_mut()).borrow_state };
        *state = match (exclusively, *state) {
            (true, u8::MAX) => 0,
            (false, 2..) => state.saturating_sub(1),
            _ => return Err(ProgramError::AccountBorrowFailed),
        };
        Ok(Self {
            view,
            data: PhantomData,
        })
    }

    /// The account's address.
    #[inline(always)]
    pub fn address(&self) -> &Address {
        self.view.address()
    }

    /// Closes the account for good; all its lamports go to `destination`. It is no
    /// longer a `T` after that.
    pub fn close_to(&mut self, destination: &AccountView) -> Result<()> {
        require!(self.view.is_writable(), ErrorCode::ConstraintMut);
        // SAFETY: this borrows the only typed view of the data, which is not used
        // again: what follows reads it as bytes.
        unsafe { account::close(&self.view, destination) }
    }

    /// Leaves `closed` at the address, for good; what is left of the rent goes to
    /// `destination`. The account is no longer a `T` after that.
    pub fn leave_closed(&mut self, destination: &AccountView, closed: &Closed) -> Result<()> {
        require!(self.view.is_writable(), ErrorCode::ConstraintMut);
        // SAFETY: as above.
        unsafe { account::leave_closed(&self.view, destination, closed) }
    }
}

impl Existing<Campaign> {
    /// Changes the counters of a campaign that the instruction's accounts declare
    /// read-only: most conversions leave it alone, and so run in parallel.
    pub fn count(&mut self, change: impl FnOnce(&mut Campaign) -> Result<()>) -> Result<()> {
        require!(self.view.is_writable(), ReferralError::CampaignNotWritable);
        // SAFETY: this borrows the only typed view of the data, and the untyped
        // accounts are read through checked borrows alone.
        change(unsafe { &mut *self.view.data_mut_ptr().add(HEAD).cast() })
    }
}

impl<T: Expected> AnchorAccount for Existing<T> {
    type Data = T;
    const MIN_DATA_LEN: usize = Self::SPACE;

    #[inline(always)]
    fn load(view: AccountView) -> Result<Self> {
        Self::check(&view)?;
        Self::borrow(view, false)
    }

    /// # Safety
    /// None: the data is marked as borrowed, and a second borrow is refused.
    #[inline(always)]
    unsafe fn load_mut(view: AccountView) -> Result<Self> {
        if !view.is_writable() {
            return Err(ErrorCode::ConstraintMut.into());
        }
        Self::check(&view)?;
        Self::borrow(view, true)
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
        // SAFETY: as long as this lives, the data is at least a `T` (`check`) and
        // borrowed (`borrow`); every byte is a value of it, at every address.
        unsafe { &*self.view.data_ptr().add(HEAD).cast() }
    }
}

impl<T: Expected> DerefMut for Existing<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; and the runtime refuses what was written to an
        // account that the instruction may not write.
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
