use anchor_lang::prelude::*;

/// A voucher that its attestor has revoked before somebody used it. Kept until the voucher
/// has expired. Address: the SHA-256 of the voucher's message as the key.
#[account]
pub struct RevokedVoucher {
    /// Layout version.
    pub version: u8,
    /// The campaign.
    pub campaign: Address,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Unix seconds from which the voucher is worth nothing by itself.
    pub expires_at: PodI64,
}

const _: () = assert!(core::mem::size_of::<RevokedVoucher>() == 73);
const _: () = assert!(core::mem::align_of::<RevokedVoucher>() == 1);
