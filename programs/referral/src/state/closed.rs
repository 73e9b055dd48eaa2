use anchor_lang::prelude::*;

/// What is left of a referral that its owner closed, or of a campaign that was
/// reclaimed: its address can never be taken again, by whomever, so nothing that
/// was counted under it starts over.
#[account]
pub struct Closed {
    /// Layout version.
    pub version: u8,
    /// The campaign; its own address when it was one.
    pub campaign: Address,
    /// Who paid the rent, and gets it back; that of a campaign stays.
    pub rent_payer: Address,
}

const _: () = assert!(core::mem::size_of::<Closed>() == 65);
const _: () = assert!(core::mem::align_of::<Closed>() == 1);
