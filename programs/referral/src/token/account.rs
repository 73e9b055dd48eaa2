use anchor_lang::{address_eq, likely, prelude::*};

use super::{address_in, extensions, number_at};
use crate::{account::is_owned, address::PDA_MARKER, ReferralError};

/// The Associated Token Account program.
const ASSOCIATED_TOKEN: Address =
    anchor_lang::address!("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// Bytes of a token account, before any extension.
const ACCOUNT_LEN: usize = 165;
/// State byte of an account that can receive.
const INITIALIZED: u8 = 1;

/// `owner`'s associated token account, and its canonical bump.
pub fn associated(owner: &Address, mint: &Address, token_program: &Address) -> (Address, u8) {
    let seeds = [owner.as_ref(), token_program.as_ref(), mint.as_ref()];
    find_program_address(&seeds, &ASSOCIATED_TOKEN)
}

/// [`associated`]'s address for a known canonical `bump`: one hash.
pub fn associated_with_bump(
    owner: &Address,
    mint: &Address,
    token_program: &Address,
    bump: u8,
) -> Address {
    let mut preimage = [0; 4 * 32 + 1 + PDA_MARKER.len()];
    let mut rest = preimage.as_mut_slice();
    for part in [
        owner.as_ref(),
        token_program.as_ref(),
        mint.as_ref(),
        &[bump],
        ASSOCIATED_TOKEN.as_ref(),
        PDA_MARKER,
    ] {
        let (here, after) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = after;
    }
    Address::new_from_array(sha256(&preimage))
}

/// Whether `account` is a token account of `owner`, or of anybody, that can receive `amount` base
/// units of `mint` now. If not, the CPI would abort the transaction.
#[inline(never)]
pub fn takes(
    account: &AccountView,
    owner: Option<&Address>,
    mint: &Address,
    token_program: &Address,
    amount: u64,
) -> bool {
    if !is_owned(account, token_program) || !likely(!account.is_borrowed_mut()) {
        return false;
    }
    // SAFETY: nobody writes the data, and nobody else runs while this function reads it.
    let data = unsafe { account.borrow_unchecked() };
    let Some(base) = data.first_chunk::<ACCOUNT_LEN>() else {
        return false;
    };
    let fits = address_eq(address_in(base, 0), mint)
        && owner.is_none_or(|owner| address_eq(address_in(base, 32), owner))
        && base[108] == INITIALIZED
        && number_at(base, 64).checked_add(amount).is_some();
    fits && (likely(data.len() == ACCOUNT_LEN) || !extensions::refuses_transfers(data))
}

/// Balance of a token account in base units; 0 if it does not exist.
pub fn balance(account: &AccountView, token_program: &Address) -> Result<u64> {
    if !is_owned(account, token_program) {
        return Ok(0);
    }
    let data = account.try_borrow()?;
    let base = data
        .first_chunk::<ACCOUNT_LEN>()
        .ok_or(ReferralError::WrongVault)?;
    Ok(number_at(base, 64))
}
