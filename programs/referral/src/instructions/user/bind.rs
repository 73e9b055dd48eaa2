#![allow(
    unused_variables,
    reason = "the derive binds the arguments once more where it does not need them"
)]

use anchor_lang::{address_eq, prelude::*};

use crate::{
    clock, credit::same_code, log, pda, Campaign, Existing, Referee, Referral, ReferralError as E,
    WalletBound, VERSION,
};

/// Accounts of `bind`.
#[derive(Accounts)]
pub struct Bind {
    /// Pays the rent, and may be a sponsor. Safe: it signs.
    /// May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// The wallet that was brought. Safe: it signs, so nobody is bound without
    /// knowing.
    pub wallet: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral that brought it. Safe: owned by this program, with its
    /// discriminator; the handler compares its campaign and its code.
    pub referral: Existing<Referral>,
    /// The binding. Safe: the address is derived here with the canonical bump.
    #[account(
        mut,
        seeds = [pda::REFEREE, campaign.address().as_ref(), wallet.address().as_ref()],
        bump
    )]
    pub referee: UncheckedAccount,
    /// Creates the account. Safe: checked by address.
    pub system_program: Program<System>,
}

impl Bind {
    /// Records the first touch, or a new one when the former has expired.
    pub fn handle(ctx: &mut Context<Self>, code: [u8; 12]) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let (campaign, referral) = (&accounts.campaign, &accounts.referral);
        let wallet = *accounts.wallet.address();
        require!(
            address_eq(&referral.campaign, campaign.address()),
            E::WrongCampaign
        );
        require!(same_code(&referral.code, &code), E::CodeMismatch);
        require!(
            !address_eq(&referral.owner, &wallet) && !address_eq(&referral.partner, &wallet),
            E::SelfReferral
        );
        let window = campaign.attribution_window.get();
        require!(window != 0, E::NoAttribution);
        campaign.check_open(now)?;
        referral.check_earning(now)?;

        let expires_at = now.saturating_add(i64::from(window));
        let mut binding = Referee {
            version: VERSION,
            bump: ctx.bumps.referee,
            campaign: *campaign.address(),
            wallet,
            referral: *referral.address(),
            rent_payer: *accounts.payer.address(),
            bound_at: now.into(),
            expires_at: expires_at.into(),
        };
        let event = WalletBound {
            campaign: binding.campaign,
            wallet,
            referral: binding.referral,
            expires_at,
        };
        let mut account = *accounts.referee.account();
        if pda::is_owned(&account, &crate::ID) {
            // The address says that it is this wallet's.
            let mut data = account.try_borrow_mut()?;
            let body = pda::body_mut::<Referee>(&mut data)?;
            require!(now >= body.expires_at.get(), E::AlreadyBound);
            binding.rent_payer = body.rent_payer;
            *body = binding;
        } else {
            let seeds = [
                pda::REFEREE,
                binding.campaign.as_ref(),
                wallet.as_ref(),
                &[binding.bump],
            ];
            pda::create(accounts.payer.account(), &mut account, &seeds, &binding)?;
        }
        log(&event);
        Ok(())
    }
}
