//! The Vouch program, seen from a client: addresses, accounts, instructions and errors.
//!
//! This crate has its own account types instead of the program's, because the
//! program's framework cannot share a lock file with the RPC crates (see
//! `docs/decisions/two-lock-files.md`). A test holds both sides against the
//! committed IDL, byte for byte.
//!
//! Amounts are base units of the token (`u64`), times are unix seconds (`i64`),
//! a zero time, limit or address means "none".

pub mod accounts;
mod error;
pub mod instructions;
pub mod pda;
pub mod preflight;
pub mod token;
pub mod voucher;

pub use error::ProgramError;
pub use solana_sdk::pubkey::Pubkey;
pub use vouch_rules::{Code, InvalidCode};

/// Address of the program.
///
/// A development address: its key pair is derived from a published phrase, so
/// that every local validator has the program at the same place. A deployment to
/// a public cluster uses an address of its own.
pub const PROGRAM_ID: Pubkey =
    Pubkey::from_str_const("4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb");

/// First eight bytes of `sha256("{namespace}:{name}")`, Anchor's way to tell
/// accounts and instructions apart.
fn discriminator(namespace: &str, name: &str) -> [u8; 8] {
    use sha2::{Digest, Sha256};

    let hash = Sha256::new()
        .chain_update(namespace)
        .chain_update(":")
        .chain_update(name)
        .finalize();
    let mut discriminator = [0; 8];
    discriminator.copy_from_slice(&hash[..8]);
    discriminator
}
