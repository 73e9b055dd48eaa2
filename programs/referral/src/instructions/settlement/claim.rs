use anchor_lang::prelude::*;

use super::check_chain;
use crate::{
    account::{view, Recipient},
    clock,
    math::sub,
    payout::{self, Parties, Purse, Recipients},
    trailing::trailing,
    Campaign, Conversion, Existing, Referral, ReferralError as E, FUNDING_MINT_AUTHORITY,
    SETTLED_ALL, SETTLED_PARTNER, SETTLED_REFEREE, STATUS_PAID, STATUS_PENDING,
};

/// Accounts of `claim`. Nobody has to sign, because the sender cannot change who is paid.
#[derive(Accounts)]
pub struct Claim {
    /// The campaign; writable only if it has a vault.
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
    /// The referrer's associated token account, or wallet where rewards are SOL.
    // Safe: compared with the referral's; its state is read. May be any other account:
    // nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub referrer_account: Recipient,
    /// Token of the rewards; absent for SOL, writable if it is minted.
    // Safe: the purse compares it with the campaign's.
    pub mint: Option<UncheckedAccount>,
    /// Program of the mint; absent for SOL.
    // Safe: the purse compares it with the campaign's.
    pub token_program: Option<UncheckedAccount>,
}

/// The accounts of `claim` that some campaigns need: all of them, or none.
#[derive(Accounts, Default)]
pub struct ClaimExtras {
    /// The referee's account, if it is owed a part.
    // Safe: the address is derived.
    #[account(mut, unsafe(dup))]
    pub referee_account: Option<Recipient>,
    /// The partner's account, if it is owed a part.
    // Safe: the address is derived.
    #[account(mut, unsafe(dup))]
    pub partner_account: Option<Recipient>,
    /// The campaign's vault, if it has one.
    // Safe: compared with the campaign's.
    #[account(mut)]
    pub vault: Option<UncheckedAccount>,
}

impl ClaimExtras {
    /// Parses the optional trailing accounts; skipped if only the referrer is owed and the
    /// campaign has no vault.
    #[inline(always)]
    fn read(&mut self, ctx: &mut Context<Claim>) -> Result<()> {
        let others = SETTLED_REFEREE | SETTLED_PARTNER;
        if ctx.accounts.conversion.settled & others == others && !ctx.accounts.campaign.has_vault()
        {
            return Ok(());
        }
        trailing(ctx, self)
    }
}

impl Claim {
    /// Pays every part that is owed and can be paid now.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let mut extras = ClaimExtras::default();
        extras.read(ctx)?;
        let accounts = &mut ctx.accounts;
        let campaign = accounts.campaign.shared();
        let referral = accounts.referral.shared();
        let conversion = &accounts.conversion;
        check_chain(campaign, referral, conversion)?;
        require!(conversion.status == STATUS_PENDING, E::NotPending);
        // A reward that was never held can be claimed at once.
        if conversion.hold_seconds.get() != 0 {
            require!(clock::now()? >= conversion.claimable_from(), E::StillHeld);
        }

        let reward = conversion.reward();
        let settled = conversion.settled;
        let recipients = Recipients {
            referrer: accounts.referrer_account.account(),
            referee: &extras.referee_account,
            partner: &extras.partner_account,
        };
        let purse = Purse {
            campaign,
            mints: campaign.funding == FUNDING_MINT_AUTHORITY,
            mint: view(&accounts.mint),
            vault: view(&extras.vault),
            token_program: view(&accounts.token_program),
            signers: None,
        };
        let mut paid = 0;
        // A held conversion that owes nothing only changes its status.
        if settled != SETTLED_ALL {
            let parties = Parties {
                campaign,
                referral: referral.get(),
                referee: &conversion.referee,
                pays_sol: campaign.pays_sol(),
            };
            paid = parties.payable(&recipients, &reward, settled)?;
            if !campaign.pays_sol() {
                paid = purse.check(paid, payout::sum(&reward, paid))?;
            }
            require!(paid != 0, E::NothingToClaim);
        }

        let settled = settled | paid;
        let over = settled == SETTLED_ALL;
        accounts.referral.settle(&reward, paid, over)?;
        accounts.referral.invariant()?;
        accounts.conversion.settled = settled;
        if over {
            accounts.conversion.status = STATUS_PAID;
        }
        if paid == 0 {
            return Ok(());
        }
        if campaign.pays_sol() {
            let escrow = accounts.conversion.account();
            return payout::pay_from_escrow(escrow, &recipients, &reward, paid);
        }
        purse.pay(&recipients, &reward, paid)?;
        if accounts.campaign.has_vault() {
            let amount = payout::sum(&reward, paid);
            accounts.campaign.count(|campaign| {
                campaign.owed = sub(campaign.owed.get(), amount)?.into();
                Ok(())
            })?;
        }
        Ok(())
    }
}
