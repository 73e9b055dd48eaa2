use anchor_lang::prelude::*;

use crate::{
    account, address, clock, log, Campaign, Existing, ReferralError as E, Referrer,
    ReferrerRegistered, VERSION,
};

/// Accounts of `register_referrer`.
#[derive(Accounts)]
pub struct RegisterReferrer {
    /// Pays the rent, and may be a sponsor.
    // Safe: it signs. May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// The owner of codes.
    // Safe: it signs, so nobody is registered without knowing.
    pub owner: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referrer's account to create.
    // Safe: the System program checks the address, and the account must not exist yet.
    #[account(mut)]
    pub referrer: UncheckedAccount,
    /// Creates the account.
    // Safe: checked by address.
    pub system_program: Program<System>,
}

impl RegisterReferrer {
    /// Creates the account that counts the conversions of all codes of `owner`.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let accounts = &mut ctx.accounts;
        let campaign = accounts.campaign.shared();
        require!(campaign.per_owner == 1, E::NotPerOwner);
        require!(campaign.closed == 0, E::CampaignClosed);
        let owner = *accounts.owner.address();
        account::check_vacant(accounts.referrer.account(), E::ReferrerExists)?;
        let referrer = Referrer {
            version: VERSION,
            campaign: *campaign.address(),
            owner,
            rent_payer: *accounts.payer.address(),
            conversions: 0.into(),
            bonuses_paid: 0.into(),
        };
        account::create_keyed(
            accounts.payer.account(),
            accounts.referrer.account(),
            campaign,
            &address::referrer_key(&owner),
            |new| *new = referrer,
        )?;
        log(ReferrerRegistered {
            campaign: referrer.campaign,
            owner,
            registered_at: clock::now()?.into(),
        });
        Ok(())
    }
}
