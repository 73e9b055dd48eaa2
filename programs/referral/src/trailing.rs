//! Accounts that an instruction can do without.
//!
//! They come last in the IDL, each optional. Most conversions need none of them, and
//! then the transaction leaves them all out: an account that is there only to say
//! that it is not costs some 60 compute units.

use anchor_lang::prelude::*;

/// The accounts after the declared ones: all of them, each possibly absent, or none.
/// A shorter tail is somebody else's, such as the references of Solana Pay.
#[inline]
pub fn trailing<T: TryAccounts + Default>(views: &[AccountView]) -> Result<T> {
    if views.len() < T::HEADER_SIZE {
        return Ok(T::default());
    }
    // What is aliased with a declared account has been refused already; among
    // themselves, at most one is more than bytes to be read.
    let (accounts, _, _) = T::try_accounts(&crate::ID, views, None, 0, &[])?;
    Ok(accounts)
}
