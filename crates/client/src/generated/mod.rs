//! The program as its IDL describes it.
//!
//! Written by `./dev generate` from `idl/referral.json`.

pub(crate) mod accounts;
pub(crate) mod errors;
pub mod instructions;
pub(crate) mod types;

use solana_sdk::pubkey::Pubkey;

/// Address of the program.
pub const PROGRAM_ID: Pubkey =
    Pubkey::from_str_const("4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb");
