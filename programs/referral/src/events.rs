//! Events, a convenience for readers of logs. Anybody can truncate logs, so nothing of this
//! product reads them: accounts and instruction data hold every fact. Conversions, purchases and
//! claims log none, to save compute units: `docs/decisions/units.md`.

use anchor_lang::prelude::*;

use crate::{Settings, Terms};

/// An event as it is logged: its discriminator, then itself. It is built in one place, because a
/// copy costs more than anything else about an event but its bytes.
#[repr(C)]
pub struct LogEntry<E> {
    discriminator: [u8; 8],
    /// The event.
    pub event: E,
}

impl<E: Event> LogEntry<E> {
    const DISCRIMINATOR: [u8; 8] = {
        let [a, b, c, d, e, f, g, h] = *E::DISCRIMINATOR else {
            panic!()
        };
        [a, b, c, d, e, f, g, h]
    };

    /// An entry that can be changed until it is logged.
    #[inline(always)]
    pub const fn new(event: E) -> Self {
        Self {
            discriminator: Self::DISCRIMINATOR,
            event,
        }
    }

    /// Logs the event like the framework's `emit!`, but without a heap.
    #[inline(always)]
    pub fn log(&self) {
        const { assert!(size_of::<Self>() == size_of::<[u8; 8]>() + size_of::<E>()) };
        // SAFETY: `#[event(bytemuck)]` accepts only types without padding, and there is none
        // before the event.
        log_bytes(unsafe {
            core::slice::from_raw_parts(core::ptr::from_ref(self).cast(), size_of::<Self>())
        });
    }
}

/// Logs an event that is complete.
#[inline(always)]
pub fn log<E: Event>(event: E) {
    LogEntry::new(event).log();
}

#[inline(never)]
fn log_bytes(bytes: &[u8]) {
    anchor_lang::event::sol_log_data(&[bytes]);
}

/// A campaign was opened.
#[event(bytemuck)]
pub struct CampaignCreated {
    /// The campaign.
    pub campaign: Address,
    /// Wallet that opened it.
    pub creator: Address,
    /// Token of the rewards; zero for SOL.
    pub mint: Address,
    /// Its terms, which never change.
    pub terms: Terms,
    /// Its first settings.
    pub settings: Settings,
}

/// A campaign's settings were changed.
#[event(bytemuck)]
pub struct CampaignUpdated {
    /// The campaign.
    pub campaign: Address,
    /// The settings in force until now.
    pub old: Settings,
    /// The new settings.
    pub new: Settings,
    /// Unix seconds from which the new settings are in force.
    pub in_force_from: PodI64,
}

/// A campaign was paused or resumed.
#[event(bytemuck)]
pub struct CampaignPauseChanged {
    /// The campaign.
    pub campaign: Address,
    /// Whether it was paused before.
    pub old: u8,
    /// Whether it is paused now.
    pub new: u8,
}

/// A campaign was offered to another authority.
#[event(bytemuck)]
pub struct AuthorityProposed {
    /// The campaign.
    pub campaign: Address,
    /// Candidate before; zero for nobody.
    pub old: Address,
    /// Candidate now; zero for nobody.
    pub new: Address,
}

/// A campaign has another authority.
#[event(bytemuck)]
pub struct AuthorityChanged {
    /// The campaign.
    pub campaign: Address,
    /// The previous authority.
    pub old: Address,
    /// The new authority.
    pub new: Address,
}

/// A campaign was closed for good.
#[event(bytemuck)]
pub struct CampaignClosed {
    /// The campaign.
    pub campaign: Address,
    /// Unix seconds.
    pub closed_at: i64,
}

/// A vault was funded.
#[event(bytemuck)]
pub struct VaultFunded {
    /// The campaign.
    pub campaign: Address,
    /// Wallet that paid.
    pub funder: Address,
    /// Base units that arrived.
    pub received: u64,
    /// Base units in the vault now.
    pub balance: u64,
}

/// Tokens that are not owed were withdrawn from a vault.
#[event(bytemuck)]
pub struct VaultWithdrawn {
    /// The campaign.
    pub campaign: Address,
    /// Token account that received them.
    pub destination: Address,
    /// Base units that left.
    pub amount: u64,
    /// Base units in the vault now.
    pub balance: u64,
}

/// A code was registered.
#[event(bytemuck)]
pub struct ReferralCreated {
    /// The referral.
    pub referral: Address,
    /// Its campaign.
    pub campaign: Address,
    /// Wallet that earns its rewards.
    pub owner: Address,
    /// The code, padded with zeros.
    pub code: [u8; 12],
}

/// A code's owner changed its bounds.
#[event(bytemuck)]
pub struct ReferralUpdated {
    /// The referral.
    pub referral: Address,
    /// Whether it was active before.
    pub old_active: u8,
    /// Whether it is active now.
    pub new_active: u8,
    /// Usage limit before; 0 for none.
    pub old_usage_limit: PodU64,
    /// Usage limit now; 0 for none.
    pub new_usage_limit: PodU64,
    /// Expiry before, in unix seconds; 0 for never.
    pub old_expires_at: PodI64,
    /// Expiry now, in unix seconds; 0 for never.
    pub new_expires_at: PodI64,
}

/// A campaign suspended a code, or let it earn again.
#[event(bytemuck)]
pub struct ReferralSuspensionChanged {
    /// The referral.
    pub referral: Address,
    /// Whether it was suspended before.
    pub old: u8,
    /// Whether it is suspended now.
    pub new: u8,
}

/// A code's partner, the partner's part or the end of the partnership changed.
#[event(bytemuck)]
pub struct PartnerChanged {
    /// The referral.
    pub referral: Address,
    /// Partner before; zero for nobody.
    pub old: Address,
    /// Basis points of each reward before.
    pub old_share_bps: PodU16,
    /// Base units of each reward before.
    pub old_fixed: PodU64,
    /// Partner now; zero for nobody.
    pub new: Address,
    /// Basis points of each reward now.
    pub new_share_bps: PodU16,
    /// Base units of each reward now.
    pub new_fixed: PodU64,
    /// Unix seconds from which the partner gets no part; 0 for no end.
    pub ends_at: PodI64,
}

/// A code was offered to another owner.
#[event(bytemuck)]
pub struct OwnerProposed {
    /// The referral.
    pub referral: Address,
    /// Candidate before; zero for nobody.
    pub old: Address,
    /// Candidate now; zero for nobody.
    pub new: Address,
}

/// A code has another owner.
#[event(bytemuck)]
pub struct OwnerChanged {
    /// The referral.
    pub referral: Address,
    /// The previous owner.
    pub old: Address,
    /// The new owner, who also gets the pending rewards.
    pub new: Address,
}

/// A code was closed for good.
#[event(bytemuck)]
pub struct ReferralClosed {
    /// The referral.
    pub referral: Address,
    /// Its last owner.
    pub owner: Address,
}

/// A wallet was registered as an owner of codes, in a campaign that counts per owner.
#[event(bytemuck)]
pub struct ReferrerRegistered {
    /// The campaign.
    pub campaign: Address,
    /// The wallet.
    pub owner: Address,
    /// Unix seconds.
    pub registered_at: PodI64,
}

/// An attestor revoked a voucher.
#[event(bytemuck)]
pub struct VoucherRevoked {
    /// The campaign.
    pub campaign: Address,
    /// SHA-256 of the voucher's message.
    pub digest: [u8; 32],
    /// Unix seconds at which the voucher expires.
    pub expires_at: PodI64,
}

/// A wallet was bound to the code that brought it.
#[event(bytemuck)]
pub struct WalletBound {
    /// The campaign.
    pub campaign: Address,
    /// The wallet.
    pub wallet: Address,
    /// The referral that brought it.
    pub referral: Address,
    /// Unix seconds from which the binding no longer counts.
    pub expires_at: i64,
}

/// A conversion was cancelled within its hold.
#[event(bytemuck)]
pub struct ConversionCancelled {
    /// The conversion.
    pub conversion: Address,
    /// Base units that are no longer owed.
    pub amount: u64,
}

/// The rent of an account was returned.
#[event(bytemuck)]
pub struct RentReclaimed {
    /// The account.
    pub account: Address,
    /// Wallet that received the rent.
    pub rent_payer: Address,
}
