//! Credentials of the Solana Attestation Service, read from their bytes.
//!
//! Layout of an attestation account, little-endian: a discriminator byte, nonce,
//! credential, schema (32 bytes each), the data with its length in four bytes, signer (32),
//! expiry (8), token account (32):
//! <https://github.com/solana-foundation/solana-attestation-service>,
//! `program/src/state/attestation.rs`. The nonce is the wallet that the credential is
//! about.

use anchor_lang::prelude::*;

use crate::{account, InForce, ReferralError as E};

/// The Solana Attestation Service.
const ATTESTATION_SERVICE: Address =
    anchor_lang::address!("22zoJMtdu4tQc2PzL74ZUT7FrwgB1Udec8DdW4yw4BdG");
/// First byte of an attestation account.
const ATTESTATION: u8 = 2;

/// The fields of an attestation that decide whether it is valid.
struct Attestation<'a> {
    nonce: &'a [u8; 32],
    credential: &'a [u8; 32],
    schema: &'a [u8; 32],
    /// Unix seconds from which it is no longer valid; 0 for never.
    expiry: i64,
}

/// Parses an attestation; returns `None` if the bytes are those of another account.
fn parse(data: &[u8]) -> Option<Attestation<'_>> {
    let (kind, rest) = data.split_first()?;
    if *kind != ATTESTATION {
        return None;
    }
    let (nonce, rest) = rest.split_first_chunk::<32>()?;
    let (credential, rest) = rest.split_first_chunk::<32>()?;
    let (schema, rest) = rest.split_first_chunk::<32>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (_, rest) = rest.split_at_checked(length)?;
    let (_signer, rest) = rest.split_first_chunk::<32>()?;
    let (expiry, _) = rest.split_first_chunk::<8>()?;
    Some(Attestation {
        nonce,
        credential,
        schema,
        expiry: i64::from_le_bytes(*expiry),
    })
}

/// Fails unless `account` is a valid credential of the settings' issuer and schema for `wallet`,
/// at `now` in unix seconds. The account of a revoked credential no longer exists.
#[inline(never)]
pub fn check(
    account: Option<&AccountView>,
    settings: InForce,
    wallet: &Address,
    now: i64,
) -> Result<()> {
    let account = account.ok_or(E::CredentialRequired)?;
    require!(
        account::is_owned(account, &ATTESTATION_SERVICE),
        E::CredentialRequired
    );
    let data = account.try_borrow()?;
    let attestation = parse(&data).ok_or(E::CredentialRequired)?;
    let same = attestation.nonce == wallet.as_array()
        && attestation.credential == settings.gate_credential.as_array()
        && attestation.schema == settings.gate_schema.as_array();
    require!(same, E::CredentialRequired);
    require!(
        attestation.expiry == 0 || now < attestation.expiry,
        E::CredentialExpired
    );
    Ok(())
}
