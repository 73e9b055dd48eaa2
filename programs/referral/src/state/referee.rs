use anchor_lang::prelude::*;

/// A first touch: which referral first brought a wallet, signed by that wallet.
///
/// Address: `["referee", campaign, wallet]`. Only in campaigns with an attribution
/// window; there, no other referral is credited while it lasts.
#[account]
pub struct Referee {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// The campaign.
    pub campaign: Address,
    /// The wallet that was brought.
    pub wallet: Address,
    /// The referral that brought it.
    pub referral: Address,
    /// Who paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Unix seconds.
    pub bound_at: PodI64,
    /// Unix seconds from which it no longer counts.
    pub expires_at: PodI64,
}

const _: () = assert!(core::mem::size_of::<Referee>() == 146);
const _: () = assert!(core::mem::align_of::<Referee>() == 1);
