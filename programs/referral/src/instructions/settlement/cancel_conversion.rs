use anchor_lang::{address_eq, prelude::*};

use super::check_chain;
use crate::{
    account::{self, view},
    clock, log,
    math::sub,
    payout::{self, Purse},
    token, Campaign, Conversion, ConversionCancelled, Existing, Referral, ReferralError as E,
    Referrer, FUNDING_PAYMENT_SPLIT, STATUS_CANCELLED, STATUS_PENDING,
};

/// Accounts of `cancel_conversion`.
#[derive(Accounts)]
pub struct CancelConversion {
    /// The campaign's authority.
    // Safe: it signs, and is compared with the campaign's authority.
    pub authority: Signer,
    /// The campaign; writable only if it has a vault or the conversion was charged to its budget.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral.
    // Safe: owned by this program, with its discriminator; its campaign is compared.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// The conversion.
    // Safe: owned by this program, with its discriminator; its referral is compared.
    #[account(mut)]
    pub conversion: Existing<Conversion>,
    /// The account of the referral's owner, in campaigns that count per owner.
    // Safe: owned by this program, with its discriminator; campaign and owner are compared.
    #[account(mut)]
    pub referrer: Option<Existing<Referrer>>,
    /// The campaign's treasury, which gets back the unpaid parts of a payment split.
    // Safe: compared with the campaign's. May be any other account: nothing here keeps a
    // typed view of its data.
    #[account(mut, unsafe(dup))]
    pub treasury: Option<UncheckedAccount>,
    /// Token of the rewards; only for a payment split in tokens.
    // Safe: the purse compares it with the campaign's.
    pub mint: Option<UncheckedAccount>,
    /// The campaign's vault; only for a payment split in tokens.
    // Safe: the purse compares it with the campaign's.
    #[account(mut, unsafe(dup))]
    pub vault: Option<UncheckedAccount>,
    /// Program of the mint.
    // Safe: the purse compares it with the campaign's.
    pub token_program: Option<UncheckedAccount>,
}

impl CancelConversion {
    /// Cancels the conversion within its hold, and takes it off every counter.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let (campaign, conversion) = (accounts.campaign.shared(), &accounts.conversion);
        campaign.check_authority(accounts.authority.address())?;
        check_chain(campaign, accounts.referral.shared(), conversion)?;
        require!(conversion.status == STATUS_PENDING, E::NotPending);
        require!(now < conversion.claimable_from(), E::HoldOver);

        let reward = conversion.reward();
        let budgeted = conversion.budgeted == 1;
        let unsettled = payout::unsettled(conversion.settled);
        let waiting = payout::sum(&reward, unsettled);
        if campaign.funding == FUNDING_PAYMENT_SPLIT && waiting != 0 {
            let treasury = view(&accounts.treasury).ok_or(E::MissingAccount)?;
            require!(
                address_eq(treasury.address(), &campaign.settings.treasury),
                E::WrongTreasury
            );
            if campaign.pays_sol() {
                account::move_lamports(conversion.account(), treasury, waiting)?;
            } else {
                let purse = Purse {
                    campaign,
                    mints: false,
                    mint: view(&accounts.mint),
                    vault: view(&accounts.vault),
                    token_program: view(&accounts.token_program),
                    signers: None,
                };
                let (mint, vault) = (purse.check_mint()?, purse.check_vault()?);
                // If the treasury cannot receive them, the tokens stay in the vault and are not
                // owed.
                let program = &campaign.token_program;
                if token::takes(treasury, None, mint.address(), program, waiting) {
                    token::transfer_from_vault(campaign, mint, vault, treasury, waiting)?;
                }
            }
        }

        let counted = reward.total() != 0;
        let referral = &mut accounts.referral;
        referral.settle(&reward, unsettled, true)?;
        if counted {
            referral.conversions = sub(referral.conversions.get(), 1)?.into();
            referral.rewards_total = sub(referral.rewards_total.get(), reward.referrer)?.into();
            if campaign.per_owner == 1 {
                let referrer = accounts.referrer.as_mut().ok_or(E::MissingAccount)?;
                let its = address_eq(&referrer.campaign, campaign.address())
                    && address_eq(&referrer.owner, &referral.owner);
                require!(its, E::WrongReferrer);
                referrer.uncount(&reward)?;
            } else {
                let paid = referral.bonuses_paid.get() & !reward.bonuses;
                referral.bonuses_paid = paid.into();
            }
        }
        referral.invariant()?;
        accounts.conversion.status = STATUS_CANCELLED;
        let has_vault = campaign.has_vault();
        if budgeted || has_vault {
            accounts.campaign.count(|campaign| {
                if has_vault {
                    campaign.owed = sub(campaign.owed.get(), waiting)?.into();
                }
                if budgeted {
                    let total = reward.total();
                    campaign.committed = sub(campaign.committed.get(), total)?.into();
                }
                Ok(())
            })?;
        }
        log(ConversionCancelled {
            conversion: *accounts.conversion.address(),
            amount: waiting,
        });
        Ok(())
    }
}
