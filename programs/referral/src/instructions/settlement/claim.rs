use anchor_lang::{address_eq, cpi::CpiSigner, likely, prelude::*, Records};

use super::check_chain;
use crate::{
    account::{self, view, Recipient},
    clock,
    math::sub,
    payout::{self, Parties, Purse, Recipients},
    trailing::trailing,
    Campaign, Conversion, Existing, Referral, ReferralError as E, FUNDING_MINT_AUTHORITY,
    SETTLED_ALL, SETTLED_PARTNER, SETTLED_REFEREE, SETTLED_REFERRER, STATUS_PAID, STATUS_PENDING,
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
    const NONE: Self = Self {
        referee_account: None,
        partner_account: None,
        vault: None,
    };

    /// Parses the optional trailing accounts; skipped if only the referrer is owed and the
    /// campaign has no vault.
    #[inline(always)]
    fn read(&mut self, ctx: &mut Context<Claim>) -> Result<()> {
        if ctx.accounts.conversion.settled & OTHERS == OTHERS && !ctx.accounts.campaign.has_vault()
        {
            return Ok(());
        }
        trailing(ctx, self)
    }
}

/// The parts of the referee and the partner.
const OTHERS: u8 = SETTLED_REFEREE | SETTLED_PARTNER;

impl Claim {
    /// Pays every part that is owed and can be paid now.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let mut extras = ClaimExtras::default();
        extras.read(ctx)?;
        ctx.accounts.claim(&extras, false)
    }

    /// The short way of a claim of the referrer alone, whose reward is minted. It returns `None`,
    /// and has changed nothing, if anything about the accounts is unusual. [`Self::handle`] then
    /// does it, or says what is wrong.
    ///
    /// # Safety
    /// `input` is what the runtime passed.
    #[inline(always)]
    pub unsafe fn shortly(input: *mut u8) -> Option<Result<()>> {
        // SAFETY: the caller's promise.
        let mut accounts = unsafe { Self::usual(input) }?;
        Some(accounts.claim(&ClaimExtras::NONE, true))
    }

    /// The declared accounts, checked as declared, of a campaign that mints and a conversion of
    /// which only the referrer's part is owed. Returns `None` if one of them would be refused, is
    /// absent, has an unusual length, or appears twice.
    ///
    /// # Safety
    /// `input` is what the runtime passed.
    #[inline(always)]
    unsafe fn usual(input: *mut u8) -> Option<Self> {
        // SAFETY: six accounts are read of at least six. None of them appears twice, so no other
        // view reaches the data of this program's accounts.
        unsafe {
            let mut records = Records::of::<Self, ClaimExtras>(input)?;
            let campaign = records.sized(Existing::<Campaign>::SPACE)?;
            let referral = records.sized(Existing::<Referral>::SPACE)?;
            let conversion = records.any()?;
            let referrer_account = records.any()?;
            let mint = records.any()?;
            let token_program = records.any()?;
            if address_eq(mint.address(), &crate::ID)
                || address_eq(token_program.address(), &crate::ID)
            {
                return None;
            }
            let accounts = Self {
                campaign: Existing::find(campaign)?,
                referral: Existing::find_mut(referral)?,
                conversion: Existing::find_mut(conversion)?,
                referrer_account: Recipient::load_mut(referrer_account).ok()?,
                mint: Some(UncheckedAccount::load(mint).ok()?),
                token_program: Some(UncheckedAccount::load(token_program).ok()?),
            };
            let usual = accounts.campaign.funding == FUNDING_MINT_AUTHORITY
                && accounts.conversion.settled == OTHERS;
            likely(usual).then_some(accounts)
        }
    }

    /// Pays every part that is owed and can be paid now. It is inlined twice: with `plain` the
    /// compiler leaves out everything but a minted part for the referrer.
    #[inline(always)]
    fn claim(&mut self, extras: &ClaimExtras, plain: bool) -> Result<()> {
        let accounts = self;
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
        let settled = if plain { OTHERS } else { conversion.settled };
        let pays_sol = !plain && campaign.pays_sol();
        let has_vault = !plain && campaign.has_vault();
        let recipients = Recipients {
            referrer: accounts.referrer_account.account(),
            referee: &extras.referee_account,
            partner: &extras.partner_account,
        };
        let mut purse = Purse {
            campaign,
            mints: plain || campaign.funding == FUNDING_MINT_AUTHORITY,
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
                pays_sol,
            };
            paid = parties.payable(&recipients, &reward, settled)?;
            if !pays_sol {
                paid = purse.check(paid, payout::sum(&reward, paid))?;
            }
            require!(paid != 0, nothing_to_claim());
        }
        if plain {
            paid = SETTLED_REFERRER;
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
        if pays_sol {
            let escrow = accounts.conversion.account();
            return payout::pay_from_escrow(escrow, &recipients, &reward, paid);
        }
        let seeds = account::seeds(campaign);
        let signers = &[CpiSigner::from(&seeds)];
        if plain {
            purse.signers = Some(signers);
        }
        purse.pay(&recipients, &reward, paid)?;
        if has_vault {
            let amount = payout::sum(&reward, paid);
            accounts.campaign.count(|campaign| {
                campaign.owed = sub(campaign.owed.get(), amount)?.into();
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The error of a claim that pays nothing. It is a function, because the compiler would otherwise
/// compute this error and that of the check before it together.
#[cold]
#[inline(never)]
fn nothing_to_claim() -> Error {
    E::NothingToClaim.into()
}
