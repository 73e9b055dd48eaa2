#![allow(
    unused_variables,
    reason = "the derive binds the arguments once more where it does not need them"
)]

use anchor_lang::{address_eq, prelude::*};
use bytemuck::Zeroable;

use crate::{
    account::{self, view},
    address::{self, address_is_zero},
    clock, log, token, Campaign, CampaignCreated, ReferralError as E, Settings, Terms,
    FUNDING_MINT_AUTHORITY, FUNDING_PAYMENT_SPLIT, PROOF_PAYMENT, REWARD_FIXED, VERSION,
};

/// Accounts of `create_campaign`.
#[derive(Accounts)]
#[instruction(id: u64)]
pub struct CreateCampaign {
    /// Pays the rent.
    // Safe: it signs. May be `authority` as well: nothing here keeps a typed view of its
    // data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// Becomes creator and authority.
    // Safe: it signs, and its address is part of the campaign's, so nobody can create another
    // wallet's campaign.
    pub authority: Signer,
    /// The campaign to create.
    // Safe: the address is derived here with the canonical bump, and the account must not
    // exist yet.
    #[account(mut, seeds = [address::CAMPAIGN, authority.address().as_ref(), id.to_le_bytes()], bump)]
    pub campaign: UncheckedAccount,
    /// Token of the rewards; the System program for SOL.
    // Safe: owned by the token program, initialised, with allowed extensions only. Where the
    // campaign mints, it is the mint authority already, which only the previous authority can
    // have arranged.
    pub mint: UncheckedAccount,
    /// Token of the payments; the System program for SOL or none.
    // Safe: checked like the mint.
    pub payment_mint: UncheckedAccount,
    /// Program of the mint; the System program for SOL.
    // Safe: one of the two token programs, by address.
    pub token_program: UncheckedAccount,
    /// The campaign's vault, its associated token account, which must exist; absent if it has
    /// none.
    // Safe: its address is compared with the derived one.
    pub vault: Option<UncheckedAccount>,
    /// Creates the account.
    // Safe: checked by address.
    pub system_program: Program<System>,
}

impl CreateCampaign {
    /// Opens the campaign.
    pub fn handle(
        ctx: &mut Context<Self>,
        id: u64,
        terms: Terms,
        settings: Settings,
    ) -> Result<()> {
        let accounts = &mut ctx.accounts;
        let campaign_address = *accounts.campaign.address();
        let creator = *accounts.authority.address();
        let mint = *accounts.mint.address();
        let payment_mint = *accounts.payment_mint.address();
        let token_program = *accounts.token_program.address();
        let now = clock::now()?;
        let bump = ctx.bumps.campaign;
        account::check_vacant(accounts.campaign.account(), E::CampaignExists)?;

        let mut campaign = Campaign {
            version: VERSION,
            bump,
            funding: terms.funding,
            proof: terms.proof,
            uniqueness: terms.uniqueness,
            per_owner: terms.per_owner,
            notice_seconds: terms.notice_seconds,
            creator,
            id: id.into(),
            authority: creator,
            mint,
            token_program,
            payment_mint,
            rent_payer: *accounts.payer.address(),
            created_at: now.into(),
            ..Campaign::zeroed()
        };
        campaign.open_with(&settings)?;
        campaign.invariant()?;
        settings.check_end(0, now)?;

        let split = terms.funding == FUNDING_PAYMENT_SPLIT;
        require!(
            !split || address_eq(&mint, &payment_mint),
            E::WrongPaymentMint
        );
        if terms.proof != PROOF_PAYMENT {
            require!(address_is_zero(&payment_mint), E::WrongPaymentMint);
        } else if !address_is_zero(&payment_mint) {
            // The payment must arrive in full, so a transfer fee is refused.
            let program = accounts.payment_mint.account();
            let program = [Token::id(), Token2022::id()]
                .into_iter()
                .find(|id| account::is_owned(program, id))
                .ok_or(E::UnsupportedMint)?;
            token::read_mint(&accounts.payment_mint, &program, false)?;
        }
        if split && address_is_zero(&mint) {
            require!(address_is_zero(&token_program), E::WrongTokenProgram);
        } else {
            let facts = token::read_mint(&accounts.mint, &token_program, !split)?;
            campaign.mint_decimals = facts.decimals;
            if terms.funding == FUNDING_MINT_AUTHORITY {
                require!(
                    facts
                        .authority
                        .is_some_and(|authority| address_eq(&authority, &campaign_address)),
                    E::MintAuthorityMismatch
                );
                // Otherwise no conversion could ever be paid.
                let least = match settings.reward_kind {
                    REWARD_FIXED => settings.reward_fixed.get(),
                    _ => 1,
                };
                require!(facts.supply.checked_add(least).is_some(), E::InvalidReward);
            } else {
                campaign.vault = token::associated(&campaign_address, &mint, &token_program).0;
                // Without a vault, a reward that waits has no place and would fail the sale.
                let vault = view(&accounts.vault).ok_or(E::MissingAccount)?;
                require!(address_eq(vault.address(), &campaign.vault), E::WrongVault);
                require!(account::is_owned(vault, &token_program), E::VaultMissing);
            }
        }
        account::create_campaign(
            accounts.payer.account(),
            accounts.campaign.account(),
            &[
                address::CAMPAIGN,
                creator.as_ref(),
                &id.to_le_bytes(),
                &[bump],
            ],
            &campaign,
        )?;
        log(CampaignCreated {
            campaign: campaign_address,
            creator,
            mint,
            terms,
            settings,
        });
        Ok(())
    }
}
