//! Referral programmes that need no trust.
//!
//! A wallet signs a conversion; this program checks it and pays the reward in
//! the same instruction. What must always hold stands in `docs/INVARIANTS.md`.

// The tests that print the IDL need the standard library.
#![cfg_attr(not(feature = "idl-build"), no_std)]

mod account;
mod address;
mod clock;
mod code;
mod credential;
mod errors;
mod events;
mod instructions;
mod math;
mod payout;
mod proof;
mod sale;
mod state;
mod token;
mod trailing;

use anchor_lang::prelude::*;
#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

pub use errors::ReferralError;
pub use events::*;
pub use instructions::*;
pub use state::*;

// Security contact, embedded in the binary:
// <https://github.com/neodyme-labs/solana-security-txt>. A deployment puts its own
// values here; docs/deploy.md.
#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Vouch",
    project_url: "https://vouch.example",
    contacts: "email:security@vouch.example",
    policy: "https://vouch.example/security",
    preferred_languages: "en",
    auditors: "None"
}

declare_id!("4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb");

/// The instructions; each lives in a file of its own.
#[program]
pub mod referral {
    use super::*;

    /// Records that the referee was brought by `code`, and pays the reward.
    ///
    /// `amount` is what the action was worth in units of the campaign's choice,
    /// `reference` the campaign's own reference; zeros for none. A part that its
    /// beneficiary cannot take now is owed, and does not stop the conversion.
    pub fn convert(
        ctx: &mut Context<Convert>,
        code: &[u8; 12],
        action: u8,
        amount: u64,
        reference: &[u8; 32],
    ) -> Result<()> {
        Convert::handle(ctx, code, action, amount, reference)
    }

    /// Pays the parts of a reward that are owed and no longer held. Anybody may send it.
    pub fn claim(ctx: &mut Context<Claim>) -> Result<()> {
        Claim::handle(ctx)
    }

    /// Moves a payment to the campaign's treasury and records it as a conversion by
    /// `code`. `amount` is the list price; where the payment is split, the buyer pays
    /// that without the discount, and the reward is a part of it. Fails if the buyer would
    /// pay more than `max_payment`.
    pub fn purchase(
        ctx: &mut Context<Purchase>,
        code: [u8; 12],
        action: u8,
        amount: u64,
        reference: [u8; 32],
        max_payment: u64,
    ) -> Result<()> {
        Purchase::handle(ctx, code, action, amount, reference, max_payment)
    }

    /// Records the code that first brought a wallet, for the campaign's window. A wallet
    /// whose code cannot earn any more is bound anew.
    pub fn bind(ctx: &mut Context<Bind>, code: [u8; 12]) -> Result<()> {
        Bind::handle(ctx, code)
    }

    /// Registers a code for its owner. `code` is filled up with zeros, `usage_limit` the
    /// most conversions it may have, `expires_at` in unix seconds; 0 for no bound.
    pub fn create_referral(
        ctx: &mut Context<CreateReferral>,
        code: [u8; 12],
        usage_limit: u64,
        expires_at: i64,
    ) -> Result<()> {
        CreateReferral::handle(ctx, code, usage_limit, expires_at)
    }

    /// Opens a campaign.
    ///
    /// `id` is the creator's own number for it. Where it mints its rewards, it must be
    /// the mint's authority already; where it pays from a vault, that is its associated
    /// token account, for anybody to fund.
    pub fn create_campaign(
        ctx: &mut Context<CreateCampaign>,
        id: u64,
        terms: Terms,
        settings: Settings,
    ) -> Result<()> {
        CreateCampaign::handle(ctx, id, terms, settings)
    }

    /// Replaces a campaign's settings: at once, or after the campaign's notice where they
    /// cut what referrers were promised.
    pub fn update_campaign(ctx: &mut Context<UpdateCampaign>, settings: Settings) -> Result<()> {
        UpdateCampaign::handle(ctx, settings)
    }

    /// Pauses or resumes a campaign, from the next conversion on. What was earned
    /// stays claimable.
    pub fn set_paused(ctx: &mut Context<SetPaused>, paused: bool) -> Result<()> {
        SetPaused::handle(ctx, paused)
    }

    /// Offers a campaign to another authority, who has to accept; zero for nobody.
    pub fn propose_authority(
        ctx: &mut Context<ProposeAuthority>,
        new_authority: Address,
    ) -> Result<()> {
        ProposeAuthority::handle(ctx, new_authority)
    }

    /// Takes over a campaign that was offered to the signer.
    pub fn accept_authority(ctx: &mut Context<AcceptAuthority>) -> Result<()> {
        AcceptAuthority::handle(ctx)
    }

    /// Closes a campaign for good. What was earned stays claimable until 30 days after
    /// its longest hold.
    pub fn close_campaign(ctx: &mut Context<CloseCampaign>) -> Result<()> {
        CloseCampaign::handle(ctx)
    }

    /// Gives back what a closed campaign holds, once nothing can be claimed any more:
    /// the mint's authority, the vault's tokens, the rent. Its address stays taken.
    pub fn reclaim_campaign(ctx: &mut Context<ReclaimCampaign>) -> Result<()> {
        ReclaimCampaign::handle(ctx)
    }

    /// Moves `amount` base units into a campaign's vault.
    pub fn fund_vault(ctx: &mut Context<FundVault>, amount: u64) -> Result<()> {
        FundVault::handle(ctx, amount)
    }

    /// Moves `amount` base units that nobody is owed out of a campaign's vault.
    pub fn withdraw_vault(ctx: &mut Context<WithdrawVault>, amount: u64) -> Result<()> {
        WithdrawVault::handle(ctx, amount)
    }

    /// Stops a code from earning, or lets it earn again, as its campaign wants.
    pub fn set_suspended(ctx: &mut Context<SetSuspended>, suspended: bool) -> Result<()> {
        SetSuspended::handle(ctx, suspended)
    }

    /// Switches a code on or off and bounds its use, as its owner wants.
    pub fn update_referral(
        ctx: &mut Context<UpdateReferral>,
        active: bool,
        usage_limit: u64,
        expires_at: i64,
    ) -> Result<()> {
        UpdateReferral::handle(ctx, active, usage_limit, expires_at)
    }

    /// Gives a partner, who signs too, a part of each reward: `share_bps` basis points or
    /// `fixed` base units.
    pub fn set_partner(ctx: &mut Context<SetPartner>, share_bps: u16, fixed: u64) -> Result<()> {
        SetPartner::handle(ctx, share_bps, fixed)
    }

    /// Ends a partnership for the conversions that follow: at once, as the partner wants;
    /// in 7 days, as the owner wants. What was earned stays owed.
    pub fn end_partnership(ctx: &mut Context<EndPartnership>) -> Result<()> {
        EndPartnership::handle(ctx)
    }

    /// Creates the account that counts the conversions of all codes of an owner, in a
    /// campaign that counts per owner.
    pub fn register_referrer(ctx: &mut Context<RegisterReferrer>) -> Result<()> {
        RegisterReferrer::handle(ctx)
    }

    /// Offers a code to another owner, who has to accept; zero for nobody.
    pub fn propose_owner(ctx: &mut Context<ProposeOwner>, new_owner: Address) -> Result<()> {
        ProposeOwner::handle(ctx, new_owner)
    }

    /// Takes over a code that was offered to the signer, with its pending rewards.
    pub fn accept_owner(ctx: &mut Context<AcceptOwner>) -> Result<()> {
        AcceptOwner::handle(ctx)
    }

    /// Closes a code for good, once nothing is pending. Nobody gets it again.
    pub fn close_referral(ctx: &mut Context<CloseReferral>) -> Result<()> {
        CloseReferral::handle(ctx)
    }

    /// Cancels a conversion within its hold: a refund, or fraud.
    pub fn cancel_conversion(ctx: &mut Context<CancelConversion>) -> Result<()> {
        CancelConversion::handle(ctx)
    }

    /// Gives the rent of a code back, when its campaign is closed.
    pub fn reclaim_referral(ctx: &mut Context<ReclaimReferral>) -> Result<()> {
        ReclaimReferral::handle(ctx)
    }

    /// Gives the rent of a conversion back, when its campaign is closed. `key` is what
    /// its address was derived from.
    pub fn reclaim_conversion(ctx: &mut Context<ReclaimConversion>, key: [u8; 32]) -> Result<()> {
        ReclaimConversion::handle(ctx, key)
    }

    /// Gives the rent of a binding back, when it has expired or its campaign is closed.
    pub fn reclaim_binding(ctx: &mut Context<ReclaimBinding>) -> Result<()> {
        ReclaimBinding::handle(ctx)
    }

    /// Gives the rent of a referrer's account back, when nothing of its campaign can be
    /// claimed any more.
    pub fn reclaim_referrer(ctx: &mut Context<ReclaimReferrer>) -> Result<()> {
        ReclaimReferrer::handle(ctx)
    }

    /// Revokes one voucher of the campaign's attestor: the one whose message has the
    /// SHA-256 `digest` and expires at `expires_at`, in unix seconds.
    pub fn revoke_voucher(
        ctx: &mut Context<RevokeVoucher>,
        digest: [u8; 32],
        expires_at: i64,
    ) -> Result<()> {
        RevokeVoucher::handle(ctx, digest, expires_at)
    }

    /// Gives the rent of a revocation back, when its voucher has expired.
    pub fn reclaim_voucher(ctx: &mut Context<ReclaimVoucher>) -> Result<()> {
        ReclaimVoucher::handle(ctx)
    }
}
