use anchor_lang::{address_eq, prelude::*};

use super::{check_chain, reward_of};
use crate::{
    clock, log,
    payout::{self, Purse},
    pda, sub, token, view, Campaign, Conversion, ConversionCancelled, Existing, Referral,
    ReferralError as E, FUNDING_PAYMENT_SPLIT, STATUS_CANCELLED, STATUS_PENDING,
};

/// Accounts of `cancel_conversion`.
#[derive(Accounts)]
pub struct CancelConversion {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator. Writable
    /// only where it counts a budget or what its vault owes.
    pub campaign: Existing<Campaign>,
    /// The referral. Safe: owned by this program, with its discriminator; the handler
    /// compares its campaign.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// The conversion. Safe: owned by this program, with its discriminator; the
    /// handler compares its referral.
    #[account(mut)]
    pub conversion: Existing<Conversion>,
    /// Gets back what a payment split had put aside. Safe: the handler compares it.
    /// May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub treasury: Option<UncheckedAccount>,
    /// Token of the rewards, to move it. Safe: the handler compares it.
    pub mint: Option<UncheckedAccount>,
    /// The campaign's vault, to move from. Safe: the handler compares it.
    #[account(mut, unsafe(dup))]
    pub vault: Option<UncheckedAccount>,
    /// Program of the mint. Safe: the handler compares it.
    pub token_program: Option<UncheckedAccount>,
}

impl CancelConversion {
    /// Cancels the conversion within its hold, and everything that it counted for.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let (campaign, conversion) = (&accounts.campaign, &accounts.conversion);
        campaign.check_authority(accounts.authority.address())?;
        check_chain(campaign, &accounts.referral, conversion)?;
        require!(conversion.status == STATUS_PENDING, E::NotPending);
        require!(now < conversion.claimable_from(), E::HoldOver);

        let reward = reward_of(conversion);
        let open = payout::open(conversion.settled);
        let unsettled = payout::sum(&reward, open);
        if campaign.funding == FUNDING_PAYMENT_SPLIT && unsettled != 0 {
            let treasury = view(&accounts.treasury).ok_or(E::MissingAccount)?;
            require!(
                address_eq(treasury.address(), &campaign.treasury),
                E::WrongTreasury
            );
            if campaign.pays_sol() {
                let mut escrow = *conversion.account();
                pda::move_lamports(&mut escrow, &mut treasury.clone(), unsettled)?;
            } else {
                let purse = Purse {
                    campaign,
                    mint: view(&accounts.mint),
                    vault: view(&accounts.vault),
                    token_program: view(&accounts.token_program),
                };
                let (mint, vault) = (purse.check_mint()?, purse.check_vault()?);
                token::transfer_from_vault(campaign, mint, vault, treasury, unsettled)?;
            }
        }

        let referral = &mut accounts.referral;
        referral.settle(&accounts.conversion, open, true)?;
        referral.conversions = sub(referral.conversions.get(), 1)?.into();
        referral.rewards_total = sub(referral.rewards_total.get(), reward.referrer)?.into();
        referral.bonuses_paid &= !reward.bonuses;
        referral.invariant()?;
        accounts.conversion.status = STATUS_CANCELLED;
        if accounts.campaign.counts() {
            accounts.campaign.count(|campaign| {
                if campaign.has_vault() {
                    campaign.owed = sub(campaign.owed.get(), unsettled)?.into();
                }
                // It may have had no budget yet when this was promised.
                let committed = campaign.committed.get().saturating_sub(unsettled);
                campaign.committed = committed.into();
                Ok(())
            })?;
        }
        log(&ConversionCancelled {
            conversion: *accounts.conversion.address(),
            amount: unsettled,
        });
        Ok(())
    }
}
