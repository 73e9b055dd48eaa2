use anchor_lang::prelude::*;

use super::{address_in, extensions, number_at};
use crate::{account::is_owned, ReferralError};

/// Bytes of a mint without extensions.
pub(super) const MINT_LEN: usize = 82;

/// The facts of a mint that a campaign needs.
pub struct MintFacts {
    /// Decimals of the token.
    pub decimals: u8,
    /// Base units that exist.
    pub supply: u64,
    /// The mint authority; `None` if there is none.
    pub authority: Option<Address>,
}

/// Reads a mint of the Token program, or of Token-2022 with allowed extensions only. With `fees`,
/// a transfer fee is allowed.
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

/// Reads the base of a mint; returns `None` unless it is initialised.
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

/// Decimals of an account that is known to be a mint.
pub fn decimals(mint: &AccountView) -> Result<u8> {
    let data = mint.try_borrow()?;
    let facts = facts(&data).ok_or(ReferralError::UnsupportedMint)?;
    Ok(facts.decimals)
}
