use anchor_lang::{address_eq, prelude::*};
use pinocchio_system::instructions::Transfer;
use vouch_rules::reward::Reward;

use crate::{
    address_is_zero, clock,
    credit::{self, Record, Request},
    payout::{self, Parties, Purse, Receivers},
    pda, token,
    trailing::trailing,
    view, Campaign, Existing, Referee, Referral, ReferralError as E, FUNDING_PAYMENT_SPLIT,
    FUNDING_VAULT, SETTLED_PARTNER, SETTLED_REFEREE, SETTLED_REFERRER,
};

/// Accounts of `purchase`.
#[derive(Accounts)]
pub struct Purchase {
    /// Pays the rent, and may be a sponsor. Safe: it signs.
    /// May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// Pays, and is the wallet that was referred. Safe: it signs.
    /// May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub buyer: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator. Writable
    /// only where it counts a budget or what its vault owes.
    pub campaign: Existing<Campaign>,
    /// The referral that is credited. Safe: owned by this program, with its
    /// discriminator; the handler compares its campaign and its code.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// The conversion to be. Safe: the handler derives its address with the
    /// canonical bump, and the account must not exist yet.
    #[account(mut)]
    pub conversion: UncheckedAccount,
    /// Receives the payment. Safe: the handler compares it with the campaign's.
    /// May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub treasury: UncheckedAccount,
    /// The referrer's associated token account, or wallet where rewards are SOL.
    /// Safe: the handler compares it with the referral's, and reads its state.
    /// May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub referrer_account: UncheckedAccount,
    /// Creates the account and moves SOL. Safe: checked by address.
    pub system_program: Program<System>,
}

/// The accounts of `purchase` that some campaigns need: all of them, or none.
#[derive(Accounts, Default)]
pub struct PurchaseExtras {
    /// Token of the payment; absent for SOL. Safe: the handler compares it with the
    /// campaign's.
    pub payment_mint: Option<UncheckedAccount>,
    /// The buyer's token account. Safe: the token program lets its owner or
    /// delegate alone move tokens, and that has to be the buyer.
    /// May be any other account, such as where the buyer gets its share: nothing
    /// here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payment_source: Option<UncheckedAccount>,
    /// Program of the payment's mint. Safe: it is one of the two token programs, and
    /// owns the mint.
    pub payment_token_program: Option<UncheckedAccount>,
    /// Token of the rewards, where they are minted or paid from a vault. Safe: the
    /// handler compares it with the campaign's.
    #[account(mut, unsafe(dup))]
    pub mint: Option<UncheckedAccount>,
    /// Program of the mint. Safe: the handler compares it with the campaign's.
    pub token_program: Option<UncheckedAccount>,
    /// The buyer's first touch, in campaigns that count it. Safe: owned by this
    /// program, with its discriminator; the handler compares campaign and wallet.
    pub binding: Option<Existing<Referee>>,
    /// The buyer's associated token account, where it gets a share of what is
    /// minted or paid from a vault. Safe: the handler derives its address.
    #[account(mut, unsafe(dup))]
    pub referee_account: Option<UncheckedAccount>,
    /// The partner's associated token account, or wallet where rewards are SOL.
    /// Safe: the handler derives its address and reads its state.
    #[account(mut, unsafe(dup))]
    pub partner_account: Option<UncheckedAccount>,
    /// The campaign's vault, where it pays from one or rewards wait in one. Safe:
    /// the handler compares it.
    #[account(mut, unsafe(dup))]
    pub vault: Option<UncheckedAccount>,
}

/// How the buyer pays.
enum Money<'a> {
    Sol,
    Token {
        source: &'a AccountView,
        mint: &'a AccountView,
        decimals: u8,
        program: &'a Address,
    },
}

impl Money<'_> {
    /// Moves `amount` units from the buyer.
    fn pay(&self, buyer: &AccountView, to: &AccountView, amount: u64) -> Result<()> {
        if amount == 0 {
            return Ok(());
        }
        match self {
            Self::Sol => Transfer {
                from: buyer,
                to,
                lamports: amount,
            }
            .invoke(),
            Self::Token {
                source,
                mint,
                decimals,
                program,
            } => token::transfer(source, mint, to, buyer, amount, *decimals, program),
        }
    }
}

/// What the buyer pays with, as the campaign wants it.
fn money<'a>(
    campaign: &Campaign,
    buyer: &AccountView,
    treasury: &AccountView,
    mint: &'a Option<UncheckedAccount>,
    source: &'a Option<UncheckedAccount>,
    program: &'a Option<UncheckedAccount>,
) -> Result<Money<'a>> {
    let treasury = treasury.address();
    require!(address_eq(treasury, &campaign.treasury), E::WrongTreasury);
    // A payment to oneself is none.
    if address_is_zero(&campaign.payment_mint) {
        require!(!address_eq(treasury, buyer.address()), E::WrongTreasury);
        return Ok(Money::Sol);
    }
    let mint = view(mint).ok_or(E::MissingAccount)?;
    let source = view(source).ok_or(E::MissingAccount)?;
    let program = view(program).ok_or(E::MissingAccount)?.address();
    require!(
        address_eq(mint.address(), &campaign.payment_mint),
        E::WrongPaymentMint
    );
    require!(
        token::is_program(program) && pda::is_owned(mint, program),
        E::WrongTokenProgram
    );
    require!(!address_eq(treasury, source.address()), E::WrongTreasury);
    Ok(Money::Token {
        source,
        mint,
        decimals: token::decimals(mint)?,
        program,
    })
}

impl Purchase {
    /// Takes the payment, records the conversion and pays whoever can take their
    /// part now.
    pub fn handle(
        ctx: &mut Context<Self>,
        code: [u8; 12],
        action: u8,
        amount: u64,
        reference: [u8; 32],
    ) -> Result<()> {
        let now = clock::now()?;
        let extras: PurchaseExtras = trailing(&ctx.remaining_accounts()?)?;
        let accounts = &mut ctx.accounts;
        let buyer = *accounts.buyer.address();
        let request = Request {
            referee: &buyer,
            code: &code,
            action,
            amount,
            reference: &reference,
        };
        let (campaign, referral) = (&accounts.campaign, &accounts.referral);
        credit::check(
            campaign,
            referral,
            extras.binding.as_ref(),
            &request,
            true,
            now,
        )?;
        // Nothing paid is no purchase.
        require!(amount > 0, E::AmountTooSmall);
        let key = credit::key(campaign, referral.address(), &request)?;
        let bump = credit::find_vacant(accounts.conversion.account(), campaign.address(), &key)?;
        let reward = credit::reward(campaign, referral, amount);
        let total = reward.total();
        let receivers = Receivers {
            referrer: accounts.referrer_account.account(),
            referee: view(&extras.referee_account),
            partner: view(&extras.partner_account),
        };
        let purse = Purse {
            campaign,
            mint: view(&extras.mint),
            vault: view(&extras.vault),
            token_program: view(&extras.token_program),
        };
        let split = campaign.funding == FUNDING_PAYMENT_SPLIT;
        let held = campaign.hold_seconds.get() != 0;
        // The buyer's own part of a split is the discount, settled by paying less.
        let mut settled = payout::nothing(&reward);
        if split {
            settled |= SETTLED_REFEREE;
        }
        let nothing = settled;
        if campaign.funding == FUNDING_VAULT {
            let free = token::balance(purse.check_vault()?, &campaign.token_program)?
                .checked_sub(campaign.owed.get());
            require!(free.is_some_and(|free| free >= total), E::VaultExhausted);
        }
        if !held && payout::open(settled) != 0 {
            let parties = Parties {
                campaign,
                referral,
                referee: &buyer,
            };
            let payable = parties.payable(&receivers, &reward, settled)?;
            settled |= if split {
                payable
            } else {
                purse.check(payable, total)?
            };
        }
        let paid = settled & !nothing;
        let money = money(
            campaign,
            accounts.buyer.account(),
            accounts.treasury.account(),
            &extras.payment_mint,
            &extras.payment_source,
            &extras.payment_token_program,
        )?;
        let record = Record {
            account: accounts.conversion.account(),
            payer: accounts.payer.account(),
            key: &key,
            bump,
            reward: &reward,
            settled,
            now,
        };
        credit::record(campaign, &mut accounts.referral, &request, record)?;

        let waiting = payout::sum(&reward, payout::open(settled));
        let from = accounts.buyer.account();
        let treasury = accounts.treasury.account();
        if split {
            let share = Split {
                reward: &reward,
                paid,
                waiting,
            };
            let escrow = if waiting != 0 && campaign.has_vault() {
                let vault = purse.check_vault()?;
                // Nobody may have made it yet.
                require!(
                    pda::is_owned(vault, &campaign.token_program),
                    E::MissingAccount
                );
                vault
            } else {
                accounts.conversion.account()
            };
            share.pay(&money, from, treasury, &receivers, escrow, amount)?;
        } else {
            money.pay(from, treasury, amount)?;
            if paid != 0 {
                purse.pay(&receivers, &reward, paid)?;
            }
        }
        let owed = if accounts.campaign.has_vault() {
            waiting
        } else {
            0
        };
        credit::commit(&mut accounts.campaign, total, owed)
    }
}

/// A payment that the reward is a part of.
struct Split<'a> {
    reward: &'a Reward,
    paid: u8,
    waiting: u64,
}

impl Split<'_> {
    /// Pays each its part of `amount`; the buyer keeps the referee's, and what waits
    /// goes to `escrow`.
    fn pay(
        &self,
        money: &Money,
        buyer: &AccountView,
        treasury: &AccountView,
        receivers: &Receivers,
        escrow: &AccountView,
        amount: u64,
    ) -> Result<()> {
        let rest = amount
            .checked_sub(self.reward.total())
            .ok_or(ProgramError::ArithmeticOverflow)?;
        money.pay(buyer, treasury, rest)?;
        if self.paid & SETTLED_REFERRER != 0 {
            money.pay(buyer, receivers.referrer, self.reward.referrer)?;
        }
        if self.paid & SETTLED_PARTNER != 0 {
            let account = receivers.partner.ok_or(E::MissingAccount)?;
            money.pay(buyer, account, self.reward.partner)?;
        }
        money.pay(buyer, escrow, self.waiting)
    }
}
