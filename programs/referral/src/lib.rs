//! Referral programmes that need no trust.
//!
//! A wallet signs a conversion; this program checks it and pays the reward in
//! the same instruction. What must always hold stands in `docs/INVARIANTS.md`.

// The tests that print the IDL need the standard library.
#![cfg_attr(not(feature = "idl-build"), no_std)]

mod clock;
mod errors;
mod events;
mod instructions;
mod pda;
mod state;
mod token;

use anchor_lang::prelude::*;
#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

pub use errors::ReferralError;
pub use events::*;
pub use instructions::*;
pub use state::*;

declare_id!("4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb");

/// The instructions; each lives in a file of its own.
#[program]
pub mod referral {
    use super::*;

    /// Opens a campaign that mints `reward` base units for each conversion.
    ///
    /// The mint's authority must be the campaign already, and this version has no
    /// instruction that hands it back. Nothing bounds how many wallets convert but
    /// the schedule and a pause: a reward must be worth less than a wallet costs.
    ///
    /// `id` is the creator's own number for it. Conversions count from
    /// `starts_at` until before `ends_at`, both unix seconds, 0 for no bound.
    pub fn create_campaign(
        ctx: &mut Context<CreateCampaign>,
        id: u64,
        reward: u64,
        starts_at: i64,
        ends_at: i64,
    ) -> Result<()> {
        CreateCampaign::handle(ctx, id, reward, starts_at, ends_at)
    }

    /// Pauses or resumes a campaign, from the next conversion on.
    pub fn set_paused(ctx: &mut Context<SetPaused>, paused: bool) -> Result<()> {
        SetPaused::handle(ctx, paused)
    }

    /// Registers a code for its owner. `code` is filled up with zeros.
    pub fn create_referral(ctx: &mut Context<CreateReferral>, code: [u8; 12]) -> Result<()> {
        CreateReferral::handle(ctx, code)
    }

    /// Records that the referee was brought by `code`, and pays the reward.
    ///
    /// `amount` is what the action was worth in units of the campaign's choice,
    /// `reference` the campaign's own reference; zeros for none.
    pub fn convert(
        ctx: &mut Context<Convert>,
        code: [u8; 12],
        action: u8,
        amount: u64,
        reference: [u8; 32],
    ) -> Result<()> {
        Convert::handle(ctx, code, action, amount, reference)
    }
}
