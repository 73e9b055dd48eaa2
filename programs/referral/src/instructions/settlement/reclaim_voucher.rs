use anchor_lang::prelude::*;

use super::give_back;
use crate::{clock, Existing, ReferralError as E, RevokedVoucher};

/// Accounts of `reclaim_voucher`. Nobody has to sign.
#[derive(Accounts)]
pub struct ReclaimVoucher {
    /// The revocation.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub revocation: Existing<RevokedVoucher>,
    /// Paid the rent, and gets it back.
    // Safe: compared with the revocation's.
    #[account(mut)]
    pub rent_payer: UncheckedAccount,
}

impl ReclaimVoucher {
    /// Returns the rent of a revocation whose voucher has expired.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let revocation = &accounts.revocation;
        require!(now >= revocation.expires_at.get(), E::VoucherNotExpired);
        let rent_payer = revocation.rent_payer;
        give_back(
            &mut accounts.revocation,
            rent_payer,
            accounts.rent_payer.account(),
        )
    }
}
