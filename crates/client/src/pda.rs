//! Addresses that the program derives, each with its canonical bump.

use solana_sdk::pubkey::Pubkey;
use vouch_rules::Code;

use crate::PROGRAM_ID;

/// The campaign that `creator` opened under the number `id`.
#[must_use]
pub fn campaign(creator: &Pubkey, id: u64) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[b"campaign", creator.as_ref(), &id.to_le_bytes()],
        &PROGRAM_ID,
    )
}

/// The referral that owns `code` within `campaign`.
#[must_use]
pub fn referral(campaign: &Pubkey, code: &Code) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[b"referral", campaign.as_ref(), code.as_str().as_bytes()],
        &PROGRAM_ID,
    )
}

/// The conversion with `key` within `campaign`.
///
/// `key` is what the campaign counts once: today always the referee's wallet.
#[must_use]
pub fn conversion(campaign: &Pubkey, key: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[b"conversion", campaign.as_ref(), key.as_ref()],
        &PROGRAM_ID,
    )
}

/// The associated token account of `owner` for `mint`, as wallets derive it.
#[must_use]
pub fn associated_token(owner: &Pubkey, mint: &Pubkey, token_program: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[owner.as_ref(), token_program.as_ref(), mint.as_ref()],
        &spl_associated_token_account_interface::program::ID,
    )
}
