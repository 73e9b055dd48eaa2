//! The Vouch program, seen from a client: addresses, accounts, instructions and errors.
//!
//! This crate has its own account types instead of the program's, because the
//! program's framework cannot share a lock file with the RPC crates (see
//! `docs/decisions/two-lock-files.md`). `crates/client-gen` generates them from the
//! committed IDL, with the errors and the raw instructions: `./dev generate`. Addresses,
//! resolved accounts, pre-flight checks and vouchers are written by hand.
//!
//! Amounts are base units of the token (`u64`), times are unix seconds (`i64`),
//! a zero time, limit or address means "none".

pub mod accounts;
mod advice;
pub mod budget;
mod bytes;
pub mod delegation;
mod generated;
pub mod instructions;
pub mod opening;
pub mod pda;
pub mod preflight;
pub mod preview;
mod raw;
pub mod recipient;
pub mod token;
pub mod voucher;

/// [`PROGRAM_ID`] is a development address: its key pair is derived from a published
/// phrase, so that every local validator has the program at the same place. A deployment
/// to a public cluster uses an address of its own.
pub use generated::{PROGRAM_ID, errors::ProgramError};
pub use solana_sdk::pubkey::Pubkey;
pub use vouch_rules::{Code, InvalidCode, reward::Share};
