use anchor_lang::prelude::*;

use super::{check_chain, reward_of};
use crate::{
    clock,
    payout::{self, Parties, Purse, Receivers},
    sub,
    trailing::trailing,
    view, Campaign, Conversion, Existing, Referral, ReferralError as E, SETTLED_ALL,
    SETTLED_PARTNER, SETTLED_REFEREE, STATUS_PAID, STATUS_PENDING,
};

/// Accounts of `claim`. Nobody has to sign: whoever sends it, the same are paid.
#[derive(Accounts)]
pub struct Claim {
    /// The campaign. Safe: owned by this program, with its discriminator. Writable
    /// only where it has a vault.
    pub campaign: Existing<Campaign>,
    /// The referral. Safe: owned by this program, with its discriminator; the handler
    /// compares its campaign.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// The conversion. Safe: owned by this program, with its discriminator; the
    /// handler compares its referral.
    #[account(mut)]
    pub conversion: Existing<Conversion>,
    /// The referrer's associated token account, or wallet where rewards are SOL.
    /// Safe: the handler compares it with the referral's, and reads its state.
    /// May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub referrer_account: UncheckedAccount,
    /// Token of the rewards; absent for SOL. Safe: the handler compares it.
    #[account(mut)]
    pub mint: Option<UncheckedAccount>,
    /// Program of the mint; absent for SOL. Safe: the handler compares it.
    pub token_program: Option<UncheckedAccount>,
}

/// The accounts of `claim` that some campaigns need: all of them, or none.
#[derive(Accounts, Default)]
pub struct ClaimExtras {
    /// The referee's account, where it is owed a share. Safe: the handler derives it.
    #[account(mut, unsafe(dup))]
    pub referee_account: Option<UncheckedAccount>,
    /// The partner's account, where it is owed a share. Safe: the handler derives it.
    #[account(mut, unsafe(dup))]
    pub partner_account: Option<UncheckedAccount>,
    /// The campaign's vault, where it has one. Safe: the handler compares it.
    #[account(mut)]
    pub vault: Option<UncheckedAccount>,
}

impl ClaimExtras {
    /// What is there of them. Where only the referrer is owed and nothing lies in a
    /// vault, nothing looks.
    #[inline(always)]
    fn of(ctx: &mut Context<Claim>) -> Result<Self> {
        let others = SETTLED_REFEREE | SETTLED_PARTNER;
        if ctx.accounts.conversion.settled & others == others && !ctx.accounts.campaign.has_vault()
        {
            return Ok(Self::default());
        }
        trailing(&ctx.remaining_accounts()?)
    }
}

impl Claim {
    /// Pays every part that is owed and can be taken now.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let extras = ClaimExtras::of(ctx)?;
        let accounts = &mut ctx.accounts;
        let (campaign, referral) = (&accounts.campaign, &accounts.referral);
        let conversion = &accounts.conversion;
        check_chain(campaign, referral, conversion)?;
        require!(conversion.status == STATUS_PENDING, E::NotPending);
        // What was never held can be claimed at once.
        if conversion.hold_seconds.get() != 0 {
            require!(clock::now()? >= conversion.claimable_from(), E::StillHeld);
        }

        let reward = reward_of(conversion);
        let settled = conversion.settled;
        let receivers = Receivers {
            referrer: accounts.referrer_account.account(),
            referee: view(&extras.referee_account),
            partner: view(&extras.partner_account),
        };
        let parties = Parties {
            campaign,
            referral,
            referee: &conversion.referee,
        };
        let payable = parties.payable(&receivers, &reward, settled)?;
        let purse = Purse {
            campaign,
            mint: view(&accounts.mint),
            vault: view(&extras.vault),
            token_program: view(&accounts.token_program),
        };
        let sol = campaign.pays_sol();
        let amount = payout::sum(&reward, payable);
        let payable = if sol {
            payable
        } else {
            purse.check(payable, amount)?
        };
        require!(payable != 0, E::NothingToClaim);

        let settled = settled | payable;
        let closes = settled == SETTLED_ALL;
        accounts
            .referral
            .settle(&accounts.conversion, payable, closes)?;
        accounts.referral.invariant()?;
        accounts.conversion.settled = settled;
        if closes {
            accounts.conversion.status = STATUS_PAID;
        }
        if sol {
            let mut escrow = *accounts.conversion.account();
            payout::pay_from_escrow(&mut escrow, &receivers, &reward, payable)?;
        } else {
            purse.pay(&receivers, &reward, payable)?;
        }
        if accounts.campaign.has_vault() {
            accounts.campaign.count(|campaign| {
                campaign.owed = sub(campaign.owed.get(), amount)?.into();
                Ok(())
            })?;
        }
        Ok(())
    }
}
