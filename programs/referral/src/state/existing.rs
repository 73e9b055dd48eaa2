use core::ops::{Deref, DerefMut};

use anchor_lang::{accounts::Account, prelude::*, AccountClose, IdlAccountType};

use crate::{pda, Campaign, Closed, Conversion, Referee, Referral, ReferralError};

/// A type of account that a caller may name wrongly.
pub trait Expected {
    /// What to say when the account is not one of this type.
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

impl Expected for Referee {
    const MISSING: ReferralError = ReferralError::BindingNotFound;
}

/// An [`Account`] of this program that says in the program's own words when it
/// is missing, belongs to another program or is of another type. The framework
/// has three different errors for that, none of which names the account.
pub struct Existing<T: Expected>(Account<T>)
where
    Account<T>: AnchorAccount<Data = T>,
    T: bytemuck::Pod + SlabSchema;

impl<T: Expected + bytemuck::Pod + SlabSchema> Existing<T>
where
    Account<T>: AnchorAccount<Data = T>,
{
    /// The account's address.
    #[inline(always)]
    pub fn address(&self) -> &Address {
        self.0.address()
    }
}

impl<T: Expected + bytemuck::Pod + SlabSchema> Existing<T>
where
    Account<T>: AnchorAccount<Data = T> + AccountClose,
{
    /// Closes the account for good; all its lamports go to `destination`.
    pub fn close_to(&mut self, destination: &AccountView) -> Result<()> {
        self.0.close(*destination)
    }

    /// Leaves `closed` at the address, for good; what is left of the rent goes to
    /// `destination`. The account is no longer a `T` after that.
    pub fn leave_closed(&mut self, destination: &AccountView, closed: &Closed) -> Result<()> {
        require!(self.account().is_writable(), ErrorCode::ConstraintMut);
        // SAFETY: this borrows the only typed view of the data, which is not used
        // again: what follows reads it as bytes.
        unsafe { pda::leave_closed(self.account(), destination, closed) }
    }
}

impl Existing<Campaign> {
    /// Changes the counters of a campaign that the instruction's accounts declare
    /// read-only: most conversions leave it alone, and so run in parallel.
    pub fn count(&mut self, change: impl FnOnce(&mut Campaign) -> Result<()>) -> Result<()> {
        let mut view = *self.account();
        require!(view.is_writable(), ReferralError::CampaignNotWritable);
        // SAFETY: nothing else refers to the data: this borrows the only typed view
        // of it, and the untyped accounts are read through checked borrows alone.
        let data = unsafe { view.borrow_unchecked_mut() };
        let body = data
            .get_mut(Campaign::DISCRIMINATOR.len()..)
            .ok_or(ProgramError::AccountDataTooSmall)?;
        change(bytemuck::from_bytes_mut(body))
    }
}

impl<T: Expected + bytemuck::Pod + SlabSchema> AnchorAccount for Existing<T>
where
    Account<T>: AnchorAccount<Data = T>,
{
    type Data = T;
    const MIN_DATA_LEN: usize = <Account<T> as AnchorAccount>::MIN_DATA_LEN;

    #[inline(always)]
    fn load(view: AccountView) -> Result<Self> {
        Account::load(view).map(Self).map_err(|_| T::MISSING.into())
    }

    /// # Safety
    /// As [`AnchorAccount::load_mut`], which this only forwards to.
    #[inline(always)]
    unsafe fn load_mut(view: AccountView) -> Result<Self> {
        if !view.is_writable() {
            return Err(ErrorCode::ConstraintMut.into());
        }
        // SAFETY: the caller's promise is the one that the inner type asks for.
        unsafe { Account::load_mut(view) }
            .map(Self)
            .map_err(|_| T::MISSING.into())
    }

    #[inline(always)]
    fn account(&self) -> &AccountView {
        self.0.account()
    }

    #[inline(always)]
    fn exit(&mut self) -> ProgramResult {
        self.0.exit()
    }
}

impl<T: Expected + bytemuck::Pod + SlabSchema> Deref for Existing<T>
where
    Account<T>: AnchorAccount<Data = T>,
{
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Expected + bytemuck::Pod + SlabSchema> DerefMut for Existing<T>
where
    Account<T>: AnchorAccount<Data = T> + DerefMut,
{
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Expected + bytemuck::Pod + SlabSchema + IdlAccountType> IdlAccountType for Existing<T>
where
    Account<T>: AnchorAccount<Data = T>,
{
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
