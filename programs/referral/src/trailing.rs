//! Accounts that an instruction can do without.
//!
//! They come last in the IDL, each optional. Most conversions need none of them, and
//! then the transaction leaves them all out: an account that is there only to say
//! that it is not costs some 60 compute units.

use anchor_lang::prelude::*;

/// The accounts after the declared ones: all of them, each possibly absent, or none.
/// A shorter tail is somebody else's, such as the references of Solana Pay.
///
/// They are read into their place, `extras`: an instruction that needs none of them then
/// carries none of them around.
#[inline(always)]
pub fn trailing<A: TryAccounts, T: TryAccounts>(
    context: &mut Context<A>,
    extras: &mut T,
) -> Result<()> {
    read(context.remaining_accounts()?, extras)
}

#[inline(never)]
fn read<T: TryAccounts>(views: &[AccountView], extras: &mut T) -> Result<()> {
    if views.len() < T::HEADER_SIZE {
        return Ok(());
    }
    // What is aliased with a declared account has been refused already; among
    // themselves, at most one is more than bytes to be read.
    let (accounts, _, _) = T::try_accounts(&crate::ID, views, None, 0, &[])?;
    *extras = accounts;
    Ok(())
}
