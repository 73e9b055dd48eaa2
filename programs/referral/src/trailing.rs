//! Optional trailing accounts of an instruction.
//!
//! They come last in the IDL, each optional. Most conversions need none of them, and their
//! transactions leave all of them out: a placeholder for an absent account costs some 60 compute
//! units.

use anchor_lang::prelude::*;

/// Reads the accounts after the declared ones into `extras`: all of them, each possibly absent,
/// or none. A shorter tail is ignored, because it is somebody else's, such as the references of
/// Solana Pay.
///
/// `extras` is the place where they stay, so an instruction that needs none of them moves none.
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
    // `remaining_accounts` has refused aliases of exclusive declared accounts. Of aliases within
    // the tail, at most one is typed; the others are only read as bytes.
    let (accounts, _, _) = T::try_accounts(&crate::ID, views, None, 0, &[])?;
    *extras = accounts;
    Ok(())
}
