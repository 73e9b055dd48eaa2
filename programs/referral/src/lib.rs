//! Referral programmes that need no trust.
//!
//! A wallet signs a conversion; this program checks it and pays the reward in the same
//! instruction. Its invariants: `docs/INVARIANTS.md`.

// The tests that print the IDL need the standard library.
#![cfg_attr(not(feature = "idl-build"), no_std)]

mod account;
mod address;
mod clock;
mod code;
mod credential;
#[cfg(all(feature = "entrypoint", not(feature = "cpi"), target_os = "solana"))]
mod entry;
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
#[cfg(all(feature = "entrypoint", not(feature = "cpi")))]
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

    /// Records a conversion of the referee by `code`, and pays the reward.
    ///
    /// `amount` is the value of the action, in units that the campaign chooses. `reference` is
    /// the campaign's own reference; zeros for none. A part whose recipient cannot be paid now is
    /// owed, and the conversion succeeds.
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

    /// Moves a payment to the campaign's treasury and records it as a conversion by `code`.
    /// `amount` is the list price. In a payment split, the buyer pays it less the discount, and
    /// the reward is paid out of it. Fails if the buyer would pay more than `max_payment`.
    pub fn purchase(
        ctx: &mut Context<Purchase>,
        code: &[u8; 12],
        action: u8,
        amount: u64,
        reference: &[u8; 32],
        max_payment: u64,
    ) -> Result<()> {
        Purchase::handle(ctx, code, action, amount, reference, max_payment)
    }

    /// Binds a wallet to the code that first brought it, for the campaign's attribution window. A
    /// wallet whose code can no longer earn may bind again.
    pub fn bind(ctx: &mut Context<Bind>, code: [u8; 12]) -> Result<()> {
        Bind::handle(ctx, code)
    }

    /// Registers a code for its owner. `code` is padded with zeros. `usage_limit` is its maximum
    /// of conversions and `expires_at` its expiry in unix seconds; 0 for none.
    pub fn create_referral(
        ctx: &mut Context<CreateReferral>,
        code: &[u8; 12],
        usage_limit: u64,
        expires_at: i64,
    ) -> Result<()> {
        CreateReferral::handle(ctx, code, usage_limit, expires_at)
    }

    /// Opens a campaign.
    ///
    /// `id` is the creator's own number for it. A campaign that mints its rewards must already be
    /// the mint's authority. A campaign with a vault needs its associated token account, which
    /// anybody can fund.
    pub fn create_campaign(
        ctx: &mut Context<CreateCampaign>,
        id: u64,
        terms: Terms,
        settings: Settings,
    ) -> Result<()> {
        CreateCampaign::handle(ctx, id, terms, settings)
    }

    /// Replaces a campaign's settings: at once, or after the campaign's notice if they cut what
    /// referrers were promised.
    pub fn update_campaign(ctx: &mut Context<UpdateCampaign>, settings: &Settings) -> Result<()> {
        UpdateCampaign::handle(ctx, settings)
    }

    /// Pauses or resumes a campaign. Earned rewards stay claimable.
    pub fn set_paused(ctx: &mut Context<SetPaused>, paused: bool) -> Result<()> {
        SetPaused::handle(ctx, paused)
    }

    /// Offers a campaign to another authority, who has to accept; zero withdraws the offer.
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

    /// Closes a campaign for good. Earned rewards stay claimable until 30 days after its longest
    /// hold.
    pub fn close_campaign(ctx: &mut Context<CloseCampaign>) -> Result<()> {
        CloseCampaign::handle(ctx)
    }

    /// Returns the mint's authority, the vault's tokens and the rent of a closed campaign whose
    /// claim period is over. A tombstone keeps its address taken.
    pub fn reclaim_campaign(ctx: &mut Context<ReclaimCampaign>) -> Result<()> {
        ReclaimCampaign::handle(ctx)
    }

    /// Moves `amount` base units into a campaign's vault.
    pub fn fund_vault(ctx: &mut Context<FundVault>, amount: u64) -> Result<()> {
        FundVault::handle(ctx, amount)
    }

    /// Moves `amount` base units out of a campaign's vault; fails if they are owed.
    pub fn withdraw_vault(ctx: &mut Context<WithdrawVault>, amount: u64) -> Result<()> {
        WithdrawVault::handle(ctx, amount)
    }

    /// Suspends a code, or lets it earn again; sent by the campaign's authority.
    pub fn set_suspended(ctx: &mut Context<SetSuspended>, suspended: bool) -> Result<()> {
        SetSuspended::handle(ctx, suspended)
    }

    /// Switches a code on or off and sets its usage limit and expiry; sent by its owner.
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

    /// Ends a partnership for later conversions: at once if the partner sends it, after 7 days if
    /// the owner does. Earned parts stay owed.
    pub fn end_partnership(ctx: &mut Context<EndPartnership>) -> Result<()> {
        EndPartnership::handle(ctx)
    }

    /// Creates the account that counts the conversions of all codes of an owner, in a
    /// campaign that counts per owner.
    pub fn register_referrer(ctx: &mut Context<RegisterReferrer>) -> Result<()> {
        RegisterReferrer::handle(ctx)
    }

    /// Offers a code to another owner, who has to accept; zero withdraws the offer.
    pub fn propose_owner(ctx: &mut Context<ProposeOwner>, new_owner: Address) -> Result<()> {
        ProposeOwner::handle(ctx, new_owner)
    }

    /// Takes over a code that was offered to the signer, with its pending rewards.
    pub fn accept_owner(ctx: &mut Context<AcceptOwner>) -> Result<()> {
        AcceptOwner::handle(ctx)
    }

    /// Closes a code for good; fails while conversions are pending. The code stays taken.
    pub fn close_referral(ctx: &mut Context<CloseReferral>) -> Result<()> {
        CloseReferral::handle(ctx)
    }

    /// Cancels a conversion within its hold, for example after a refund or fraud.
    pub fn cancel_conversion(ctx: &mut Context<CancelConversion>) -> Result<()> {
        CancelConversion::handle(ctx)
    }

    /// Returns the rent of a code whose campaign is closed.
    pub fn reclaim_referral(ctx: &mut Context<ReclaimReferral>) -> Result<()> {
        ReclaimReferral::handle(ctx)
    }

    /// Returns the rent of a conversion whose campaign is closed. Its address is derived from
    /// `key`.
    pub fn reclaim_conversion(ctx: &mut Context<ReclaimConversion>, key: [u8; 32]) -> Result<()> {
        ReclaimConversion::handle(ctx, key)
    }

    /// Returns the rent of a binding that has expired or whose campaign is closed.
    pub fn reclaim_binding(ctx: &mut Context<ReclaimBinding>) -> Result<()> {
        ReclaimBinding::handle(ctx)
    }

    /// Returns the rent of a referrer's account once its campaign's claim period is over.
    pub fn reclaim_referrer(ctx: &mut Context<ReclaimReferrer>) -> Result<()> {
        ReclaimReferrer::handle(ctx)
    }

    /// Revokes the voucher of the campaign's attestor whose message has the SHA-256 `digest`.
    /// `expires_at` is the voucher's expiry, in unix seconds.
    pub fn revoke_voucher(
        ctx: &mut Context<RevokeVoucher>,
        digest: [u8; 32],
        expires_at: i64,
    ) -> Result<()> {
        RevokeVoucher::handle(ctx, digest, expires_at)
    }

    /// Returns the rent of a revocation whose voucher has expired.
    pub fn reclaim_voucher(ctx: &mut Context<ReclaimVoucher>) -> Result<()> {
        ReclaimVoucher::handle(ctx)
    }
}
