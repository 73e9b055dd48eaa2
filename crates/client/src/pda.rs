//! Addresses that the program derives: a campaign's is a PDA with its canonical bump, all
//! others follow from the campaign with a seed.

use sha2::{Digest as _, Sha256};
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

/// The address that `CreateAccountWithSeed` gives for `campaign`, `seed` and the program.
fn seeded(campaign: &Pubkey, seed: &[u8]) -> Pubkey {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(campaign)
        .chain_update(seed)
        .chain_update(PROGRAM_ID)
        .finalize()
        .into();
    Pubkey::new_from_array(hash)
}

/// [`seeded`] with a 32-byte key. The seed is the lower seven bits of each byte, so that
/// it is ASCII.
fn keyed(campaign: &Pubkey, key: &[u8; 32]) -> Pubkey {
    seeded(campaign, &key.map(|byte| byte & 0x7f))
}

pub(crate) fn hash(first: impl AsRef<[u8]>, second: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::new()
        .chain_update(first)
        .chain_update(second)
        .finalize()
        .into()
}

/// The referral with `code` in `campaign`.
#[must_use]
pub fn referral(campaign: &Pubkey, code: &Code) -> Pubkey {
    seeded(campaign, code.as_str().as_bytes())
}

/// The binding of `wallet` in `campaign`.
#[must_use]
pub fn binding(campaign: &Pubkey, wallet: &Pubkey) -> Pubkey {
    keyed(campaign, &hash(b"binding", wallet))
}

/// The account that counts the conversions of `owner` in `campaign`, if the campaign
/// counts per owner.
#[must_use]
pub fn referrer(campaign: &Pubkey, owner: &Pubkey) -> Pubkey {
    keyed(campaign, &hash(b"referrer", owner))
}

/// The revocation of the voucher of `campaign` whose message has the SHA-256 `digest`.
#[must_use]
pub fn revocation(campaign: &Pubkey, digest: &[u8; 32]) -> Pubkey {
    keyed(campaign, &hash(b"revoked", digest))
}

/// The conversion with `key`, from [`conversion_key`], in `campaign`.
#[must_use]
pub fn conversion(campaign: &Pubkey, key: &[u8; 32]) -> Pubkey {
    keyed(campaign, key)
}

/// The Solana Attestation Service.
pub const ATTESTATION_SERVICE_ID: Pubkey =
    Pubkey::from_str_const("22zoJMtdu4tQc2PzL74ZUT7FrwgB1Udec8DdW4yw4BdG");

/// The attestation about `wallet` by the issuer `credential` with `schema`, as the Solana
/// Attestation Service derives it:
/// <https://github.com/solana-foundation/solana-attestation-service>.
#[must_use]
pub fn attestation(credential: &Pubkey, schema: &Pubkey, wallet: &Pubkey) -> Pubkey {
    let seeds = [
        b"attestation",
        credential.as_ref(),
        schema.as_ref(),
        wallet.as_ref(),
    ];
    Pubkey::find_program_address(&seeds, &ATTESTATION_SERVICE_ID).0
}

/// The associated token account of `owner` for `mint`, as wallets derive it.
#[must_use]
pub fn associated_token(owner: &Pubkey, mint: &Pubkey, token_program: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[owner.as_ref(), token_program.as_ref(), mint.as_ref()],
        &spl_associated_token_account_interface::program::ID,
    )
}

/// The vault of the campaign at `campaign`: its associated token account.
#[must_use]
pub fn vault(campaign: &Pubkey, mint: &Pubkey, token_program: &Pubkey) -> (Pubkey, u8) {
    associated_token(campaign, mint, token_program)
}
