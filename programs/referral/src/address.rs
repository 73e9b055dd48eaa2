//! Addresses of the program's accounts.
//!
//! A campaign signs CPIs, so its address is a PDA. All other addresses are derived from their
//! campaign with a seed, as the System program's `CreateAccountWithSeed` does: SHA-256 of
//! campaign, seed and program. No bump is searched, so every address costs the same, and the
//! System program checks it when the account is created. A seed must be text. A code is its own
//! seed, of 6 to 12 characters. Other accounts have a key of 32 bytes, whose seed is the lower
//! seven bits of each byte. Keys of bindings, referrers and revocations are hashes with a prefix
//! for each kind; [`crate::sale::Sale::key`] returns that of a conversion.

use anchor_lang::{address_eq, prelude::*};

/// Seed of a campaign's address.
pub const CAMPAIGN: &[u8] = b"campaign";

/// The suffix that the runtime hashes into a PDA.
pub const PDA_MARKER: &[u8] = b"ProgramDerivedAddress";

/// Whether `address` is zero, which means none; as a mint, SOL.
#[inline(always)]
pub fn address_is_zero(address: &Address) -> bool {
    address_eq(address, &Address::default())
}

/// SHA-256 of two byte strings, one after the other.
#[inline(always)]
pub fn hash_both(first: &[u8; 32], second: &[u8; 32]) -> [u8; 32] {
    let mut both = [0; 64];
    let (left, right) = both.split_at_mut(32);
    left.copy_from_slice(first);
    right.copy_from_slice(second);
    sha256(&both)
}

/// The key of an account: SHA-256 of the name of its kind and an address.
#[inline(never)]
fn hash_named<const N: usize>(name: &[u8; N], address: &Address) -> [u8; 32] {
    let mut preimage = [0; 64];
    let length = N.saturating_add(32);
    if let Some((head, rest)) = preimage.split_at_mut_checked(N) {
        head.copy_from_slice(name);
        if let Some(rest) = rest.get_mut(..32) {
            rest.copy_from_slice(address.as_ref());
        }
    }
    sha256(preimage.get(..length).unwrap_or_default())
}

/// The key of a wallet's binding.
pub fn binding_key(wallet: &Address) -> [u8; 32] {
    hash_named(b"binding", wallet)
}

/// The key of a voucher's revocation; `digest` is the SHA-256 of the voucher's message. Hashed
/// again, because the attestor chooses the digest and must not choose an address.
pub fn revocation_key(digest: &[u8; 32]) -> [u8; 32] {
    hash_named(b"revoked", &Address::new_from_array(*digest))
}

/// The key of a referrer's account.
pub fn referrer_key(owner: &Address) -> [u8; 32] {
    hash_named(b"referrer", owner)
}

/// The seed of a key: the lower seven bits of each byte, because a seed must be text.
///
/// That leaves 224 bits of a wallet or a hash. Keys that differ only in the other bits share an
/// address; finding such a second key for a given one is infeasible.
#[inline(always)]
pub fn seed_of(key: &[u8; 32]) -> [u8; 32] {
    let words: [u64; 4] = bytemuck::pod_read_unaligned(key);
    bytemuck::cast(words.map(|word| word & 0x7f7f_7f7f_7f7f_7f7f))
}

/// The address of a campaign's account with this key.
pub fn keyed(campaign: &Address, key: &[u8; 32]) -> Address {
    let mut preimage = [0; 3 * 32];
    let (base, rest) = preimage.split_at_mut(32);
    let (seed, owner) = rest.split_at_mut(32);
    base.copy_from_slice(campaign.as_ref());
    seed.copy_from_slice(&seed_of(key));
    owner.copy_from_slice(crate::ID.as_ref());
    Address::new_from_array(sha256(&preimage))
}
