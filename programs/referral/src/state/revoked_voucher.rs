use anchor_lang::prelude::*;

/// A voucher that its attestor has revoked; kept until the voucher has expired. Address:
/// [`crate::address::revocation_key`].
#[account]
pub struct RevokedVoucher {
    /// Layout version.
    pub version: u8,
    /// The campaign.
    pub campaign: Address,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Unix seconds from which the voucher has expired in any case.
    pub expires_at: PodI64,
}

const _: () = assert!(core::mem::size_of::<RevokedVoucher>() == 73);
const _: () = assert!(core::mem::align_of::<RevokedVoucher>() == 1);
