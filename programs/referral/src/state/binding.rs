use anchor_lang::prelude::*;

/// A binding: the referral that first brought a wallet, signed by that wallet.
///
/// Exists only in campaigns with an attribution window, where no other referral is credited for
/// the wallet until it expires. Address: [`crate::address::binding_key`].
#[account]
pub struct Binding {
    /// Layout version.
    pub version: u8,
    /// The campaign.
    pub campaign: Address,
    /// The wallet that was referred.
    pub wallet: Address,
    /// The referral that brought it.
    pub referral: Address,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Unix seconds.
    pub bound_at: PodI64,
    /// Unix seconds from which the binding no longer counts.
    pub expires_at: PodI64,
}

const _: () = assert!(core::mem::size_of::<Binding>() == 145);
const _: () = assert!(core::mem::align_of::<Binding>() == 1);
