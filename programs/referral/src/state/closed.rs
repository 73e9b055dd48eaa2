use anchor_lang::prelude::*;

/// The tombstone of a referral that its owner closed, or of a campaign that was reclaimed:
/// its address can never be taken again, so nothing that was counted under it starts over.
#[account]
pub struct Closed {
    /// Layout version.
    pub version: u8,
    /// The campaign; its own address when it was one.
    pub campaign: Address,
    /// Wallet that paid the rent, and gets it back unless the account was a campaign.
    pub rent_payer: Address,
    /// Treasury of a campaign that paid in SOL, for unclaimed SOL; else zero.
    pub treasury: Address,
}

const _: () = assert!(core::mem::size_of::<Closed>() == 97);
const _: () = assert!(core::mem::align_of::<Closed>() == 1);
