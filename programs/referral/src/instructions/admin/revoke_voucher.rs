use anchor_lang::{address_eq, prelude::*};

use crate::{
    account, address, clock, log,
    proof::{CLOCK_SKEW, MAX_VOUCHER_LIFE},
    Campaign, Existing, ReferralError as E, RevokedVoucher, VoucherRevoked, VERSION,
};

/// Accounts of `revoke_voucher`.
#[derive(Accounts)]
pub struct RevokeVoucher {
    /// Pays the rent.
    // Safe: it signs. May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// The campaign's attestor.
    // Safe: it signs, and is compared with the campaign's attestor.
    pub attestor: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The revocation to create.
    // Safe: the System program checks the address, and the account must not exist yet.
    #[account(mut)]
    pub revocation: UncheckedAccount,
    /// Creates the account.
    // Safe: checked by address.
    pub system_program: Program<System>,
}

impl RevokeVoucher {
    /// Revokes the voucher whose message has the SHA-256 `digest`, until it expires.
    pub fn handle(ctx: &mut Context<Self>, digest: [u8; 32], expires_at: i64) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let campaign = accounts.campaign.shared();
        require!(
            address_eq(accounts.attestor.address(), &campaign.settings.attestor),
            E::WrongAttestor
        );
        require!(now < expires_at, E::VoucherExpired);
        account::check_vacant(accounts.revocation.account(), E::VoucherRevoked)?;
        // The digest does not contain the expiry, so `expires_at` is not trusted: the revocation
        // lasts at least as long as any voucher that is valid now.
        let longest = now.saturating_add(MAX_VOUCHER_LIFE.saturating_add(CLOCK_SKEW));
        let expires_at = expires_at.max(longest);
        let revocation = RevokedVoucher {
            version: VERSION,
            campaign: *campaign.address(),
            rent_payer: *accounts.payer.address(),
            expires_at: expires_at.into(),
        };
        account::create_keyed(
            accounts.payer.account(),
            accounts.revocation.account(),
            campaign,
            &address::revocation_key(&digest),
            |new| *new = revocation,
        )?;
        log(VoucherRevoked {
            campaign: revocation.campaign,
            digest,
            expires_at: expires_at.into(),
        });
        Ok(())
    }
}
