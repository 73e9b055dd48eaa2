use anchor_lang::prelude::*;

use super::{address_in, extensions, number_at};
use crate::{account::is_owned, ReferralError};

/// Bytes of a mint without extensions.
pub(super) const MINT_LEN: usize = 82;

/// What a campaign needs to know of a mint.
pub struct MintFacts {
    /// Decimals of the token.
    pub decimals: u8,
    /// Base units that exist.
    pub supply: u64,
    /// Who may mint; `None` when nobody can any more.
    pub authority: Option<Address>,
}

/// Reads a mint of `token_program`: of the Token program, or of Token-2022 with
/// allowed extensions; with `fees`, transfers may cost one.
pub fn read_mint(mint: &AccountView, token_program: &Address, fees: bool) -> Result<MintFacts> {
    require!(
        super::is_program(token_program),
        ReferralError::WrongTokenProgram
    );
    require!(
        is_owned(mint, token_program),
        ReferralError::UnsupportedMint
    );
    let data = mint.try_borrow()?;
    require!(
        data.len() == MINT_LEN || extensions::allowed(&data, fees),
        ReferralError::UnsupportedMint
    );
    let facts = facts(&data).ok_or(ReferralError::UnsupportedMint)?;
    Ok(facts)
}

/// The base of a mint; `None` unless it is initialised.
fn facts(data: &[u8]) -> Option<MintFacts> {
    let data = data.first_chunk::<MINT_LEN>()?;
    let authority = match data[..4] {
        [1, 0, 0, 0] => Some(*address_in(data, 4)),
        _ => None,
    };
    (data[45] == 1).then_some(MintFacts {
        decimals: data[44],
        supply: number_at(data, 36),
        authority,
    })
}

/// Whether `amount` more base units can be minted: supply has 64 bits.
#[inline]
pub fn has_room(mint: &AccountView, amount: u64) -> bool {
    let Ok(data) = mint.try_borrow() else {
        return false;
    };
    data.first_chunk::<MINT_LEN>()
        .is_some_and(|data| number_at(data, 36).checked_add(amount).is_some())
}

/// Decimals of a mint that is known to be one.
pub fn decimals(mint: &AccountView) -> Result<u8> {
    let data = mint.try_borrow()?;
    let facts = facts(&data).ok_or(ReferralError::UnsupportedMint)?;
    Ok(facts.decimals)
}
