//! Token accounts and mints, read from their bytes.
//!
//! The layout of the first 82 (mint) and 165 (account) bytes is the same for the
//! Token program and Token-2022:
//! <https://docs.rs/spl-token-interface/2/spl_token_interface/state/>.

use anchor_lang::{
    address_eq,
    cpi::{CpiSeed, CpiSigner},
    prelude::*,
};
use anchor_spl::token_2022_cpi::instructions::MintTo;

use crate::ReferralError;

/// The Associated Token Account program.
const ASSOCIATED_TOKEN: Address =
    anchor_lang::address!("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// What the runtime appends to the seeds and the program before it hashes them:
/// <https://solana.com/docs/core/pda>.
const PDA_MARKER: &[u8] = b"ProgramDerivedAddress";

/// Bytes of a mint without extensions.
const MINT_LEN: usize = 82;
/// Bytes of a token account, before any extension.
const ACCOUNT_LEN: usize = 165;
/// [`ACCOUNT_LEN`]'s state byte of an account that can receive.
const INITIALIZED: u8 = 1;

/// What a campaign needs to know of its mint.
pub struct MintFacts {
    /// Decimals of the token.
    pub decimals: u8,
    /// Base units that exist.
    pub supply: u64,
    /// Who may mint; `None` when nobody can any more.
    pub authority: Option<Address>,
}

/// Reads a mint of `token_program`: of the Token program, or of Token-2022
/// without extensions. Extensions can change what an amount means, so a mint
/// with any is refused.
pub fn read_mint(mint: &AccountView, token_program: &Address) -> Result<MintFacts> {
    require!(
        *token_program == Token::id() || *token_program == Token2022::id(),
        ReferralError::WrongTokenProgram
    );
    require!(mint.owned_by(token_program), ReferralError::UnsupportedMint);
    let data = mint.try_borrow()?;
    let data: &[u8; MINT_LEN] = (*data)
        .try_into()
        .map_err(|_| ReferralError::UnsupportedMint)?;
    require!(data[45] == 1, ReferralError::UnsupportedMint);
    let authority = match data[..4] {
        [1, 0, 0, 0] => Some(address_at(data, 4)),
        _ => None,
    };
    let supply = data.get(36..44).and_then(|bytes| bytes.first_chunk());
    Ok(MintFacts {
        decimals: data[44],
        supply: supply.map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes)),
        authority,
    })
}

/// The canonical bump of `owner`'s associated token account.
pub fn associated_bump(owner: &Address, mint: &Address, token_program: &Address) -> u8 {
    let seeds = [owner.as_ref(), token_program.as_ref(), mint.as_ref()];
    find_program_address(&seeds, &ASSOCIATED_TOKEN).1
}

/// The associated token account's address, with a `bump` that is known.
///
/// One hash, without the proof that it is no point of the curve: the caller goes
/// on only when the Token program has an account there, which nobody but the
/// Associated Token Account program can have put at this hash, and that one signs
/// with the canonical bump alone.
fn associated_address(
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

/// Fails unless `account` is `owner`'s associated token account (of the `bump`
/// that [`associated_bump`] found), and can receive.
pub fn check_receiver(
    account: &AccountView,
    owner: &Address,
    mint: &Address,
    token_program: &Address,
    bump: u8,
) -> Result<()> {
    require!(
        address_eq(
            account.address(),
            &associated_address(owner, mint, token_program, bump)
        ),
        ReferralError::WrongTokenAccount
    );
    require!(
        account.owned_by(token_program),
        ReferralError::TokenAccountUnavailable
    );
    let data = account.try_borrow()?;
    let data = data
        .first_chunk::<ACCOUNT_LEN>()
        .ok_or(ReferralError::TokenAccountUnavailable)?;
    let receives = address_eq(&address_at(data, 0), mint)
        && address_eq(&address_at(data, 32), owner)
        && data[108] == INITIALIZED;
    require!(receives, ReferralError::TokenAccountUnavailable);
    Ok(())
}

/// Mints `amount` base units, signed by the campaign whose seeds these are.
pub fn mint_to(
    token_program: &Address,
    mint: &AccountView,
    account: &AccountView,
    authority: &AccountView,
    amount: u64,
    seeds: &[CpiSeed],
) -> Result<()> {
    MintTo {
        mint,
        account,
        mint_authority: authority,
        amount,
        token_program,
    }
    .invoke_signed(&[CpiSigner::from(seeds)])
}

/// The address at `at`, which the callers know to lie within the bytes.
#[inline(always)]
fn address_at<const N: usize>(data: &[u8; N], at: usize) -> Address {
    let mut bytes = [0; 32];
    if let Some(found) = data.get(at..).and_then(|rest| rest.first_chunk::<32>()) {
        bytes = *found;
    }
    Address::new_from_array(bytes)
}
