use core::mem::MaybeUninit;

use anchor_lang::{address_eq, prelude::*};
use pinocchio_system::instructions::Transfer;
use vouch_rules::reward::Reward;

use crate::{
    account::{self, view, Recipient},
    address::address_is_zero,
    clock,
    math::add,
    payout::{Purse, Recipients},
    sale::{self, Evidence, Record, Request, Sale},
    token,
    trailing::trailing,
    Binding, Campaign, Existing, Referral, ReferralError as E, Referrer, FUNDING_MINT_AUTHORITY,
    FUNDING_PAYMENT_SPLIT, FUNDING_VAULT, SETTLED_PARTNER, SETTLED_REFERRER,
};

/// Accounts of `purchase`.
#[derive(Accounts)]
pub struct Purchase {
    /// Pays the rent, and may be a sponsor.
    // Safe: it signs. May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// The buyer, who pays and was referred.
    // Safe: it signs. May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub buyer: Signer,
    /// The campaign; writable only if it has a budget or a vault.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral that is credited.
    // Safe: owned by this program, with its discriminator; the sale compares its campaign
    // and its code.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// The conversion to create.
    // Safe: the System program checks the address, and the account must not exist yet.
    #[account(mut)]
    pub conversion: UncheckedAccount,
    /// The campaign's treasury, which receives the payment.
    // Safe: compared with the campaign's. May be any other account: nothing here keeps a
    // typed view of its data.
    #[account(mut, unsafe(dup))]
    pub treasury: UncheckedAccount,
    /// The referrer's associated token account, or wallet where rewards are SOL.
    // Safe: compared with the referral's; its state is read. May be any other account:
    // nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub referrer_account: Recipient,
    /// Creates the account and moves SOL.
    // Safe: checked by address.
    pub system_program: Program<System>,
}

/// The accounts of `purchase` that some campaigns need: all of them, or none.
#[derive(Accounts, Default)]
pub struct PurchaseExtras {
    /// Token of the payment; absent for SOL.
    // Safe: compared with the campaign's.
    pub payment_mint: Option<UncheckedAccount>,
    /// The buyer's token account, which may also receive the buyer's part.
    // Safe: the token program lets only its owner or delegate move tokens, and the buyer must be
    // one of them. May be any other account: nothing here keeps a typed view of it.
    #[account(mut, unsafe(dup))]
    pub payment_source: Option<UncheckedAccount>,
    /// Program of the payment's mint.
    // Safe: it is one of the two token programs, and owns the mint.
    pub payment_token_program: Option<UncheckedAccount>,
    /// Token of the rewards, if they are minted (then writable) or paid from a vault.
    // Safe: the purse compares it with the campaign's.
    pub mint: Option<UncheckedAccount>,
    /// Program of the mint.
    // Safe: the purse compares it with the campaign's.
    pub token_program: Option<UncheckedAccount>,
    /// The buyer's binding, in campaigns with an attribution window.
    // Safe: owned by this program, with its discriminator; campaign and wallet are compared.
    pub binding: Option<Existing<Binding>>,
    /// The account of the referral's owner, in campaigns that count per owner.
    // Safe: owned by this program, with its discriminator; campaign and owner are compared.
    #[account(mut)]
    pub referrer: Option<Existing<Referrer>>,
    /// The buyer's credential, in campaigns with a gate.
    // Safe: owner, issuer, schema, wallet and expiry are compared.
    pub credential: Option<UncheckedAccount>,
    /// The buyer's associated token account, if it gets a part that is minted or paid from a
    /// vault.
    // Safe: the address is derived; its owner, mint and state are read.
    #[account(mut, unsafe(dup))]
    pub referee_account: Option<Recipient>,
    /// The partner's associated token account, or wallet where rewards are SOL.
    // Safe: the address is derived; its state is read.
    #[account(mut, unsafe(dup))]
    pub partner_account: Option<Recipient>,
    /// The campaign's vault, if it pays from one or rewards wait in one.
    // Safe: compared with the campaign's.
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

/// Checks the payment's accounts against the campaign; returns how the buyer pays.
fn money<'a>(
    campaign: &Campaign,
    buyer: &AccountView,
    treasury: &AccountView,
    mint: &'a Option<UncheckedAccount>,
    source: &'a Option<UncheckedAccount>,
    program: &'a Option<UncheckedAccount>,
) -> Result<Money<'a>> {
    let treasury = treasury.address();
    require!(
        address_eq(treasury, &campaign.settings.treasury),
        E::WrongTreasury
    );
    // Refuses a payment from an account to itself.
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
        token::is_program(program) && account::is_owned(mint, program),
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
    /// Takes the payment, records the conversion and pays the parts that can be paid now.
    pub fn handle(
        ctx: &mut Context<Self>,
        code: &[u8; 12],
        action: u8,
        amount: u64,
        reference: &[u8; 32],
        max_payment: u64,
    ) -> Result<()> {
        let now = clock::now()?;
        let mut extras = PurchaseExtras::default();
        trailing(ctx, &mut extras)?;
        let accounts = &mut ctx.accounts;
        let campaign = accounts.campaign.shared();
        // Without counts per owner, the account is another campaign's and must not be counted.
        let mut referrer = extras.referrer.filter(|_| campaign.per_owner == 1);
        let settings = campaign.in_force(now);
        let sale = Sale {
            campaign,
            settings,
            referral: accounts.referral.shared(),
            referrer: referrer.as_ref().map(Existing::shared),
            request: Request {
                referee: accounts.buyer.address(),
                code,
                action,
                amount,
                reference,
            },
            now,
            plain: campaign.funding != FUNDING_PAYMENT_SPLIT
                && settings.is_plain()
                && !accounts.referral.has_partner_share(),
        };
        let evidence = Evidence {
            binding: &extras.binding,
            credential: &extras.credential,
        };
        sale.check(&evidence, true)?;
        // A payment of zero is refused.
        require!(amount > 0, E::AmountTooSmall);
        let mut hash = MaybeUninit::uninit();
        let earned = sale.earn(accounts.conversion.account(), &mut hash)?;
        let reward = &earned.reward;
        let split = campaign.funding == FUNDING_PAYMENT_SPLIT;
        // In a split, the buyer's own part is the discount.
        let discount = if split { reward.referee } else { 0 };
        require!(
            amount.saturating_sub(discount) <= max_payment,
            E::PaymentAboveMaximum
        );
        let recipients = Recipients {
            referrer: accounts.referrer_account.account(),
            referee: &extras.referee_account,
            partner: &extras.partner_account,
        };
        let purse = Purse {
            campaign,
            mints: campaign.funding == FUNDING_MINT_AUTHORITY,
            mint: view(&extras.mint),
            vault: view(&extras.vault),
            token_program: view(&extras.token_program),
            signers: None,
        };
        let total = reward.total();
        if campaign.funding == FUNDING_VAULT {
            purse.check_vault_holds(total)?;
        }
        let settlement = sale.settle(reward, &recipients, &purse)?;
        let money = money(
            &campaign,
            accounts.buyer.account(),
            accounts.treasury.account(),
            &extras.payment_mint,
            &extras.payment_source,
            &extras.payment_token_program,
        )?;
        sale::record(
            campaign,
            &mut accounts.referral,
            referrer.as_mut(),
            &earned,
            settlement,
            &Record {
                account: *accounts.conversion.account(),
                payer: *accounts.payer.account(),
                referee: accounts.buyer.address(),
                now,
            },
        )?;
        let waiting = settlement.waiting(reward);
        let treasury = accounts.treasury.account();
        if split {
            let share = Split {
                reward,
                paid: settlement.paid,
                waiting,
            };
            let escrow = if waiting != 0 && campaign.has_vault() {
                purse.check_vault()?
            } else {
                accounts.conversion.account()
            };
            let buyer = accounts.buyer.account();
            share.pay(&money, buyer, treasury, &recipients, escrow, amount)?;
        } else {
            money.pay(accounts.buyer.account(), treasury, amount)?;
            if settlement.paid != 0 {
                purse.pay(&recipients, reward, settlement.paid)?;
            }
        }
        sale::commit(&mut accounts.campaign, total, waiting)
    }
}

/// A payment from which the reward is split off.
struct Split<'a> {
    reward: &'a Reward,
    paid: u8,
    waiting: u64,
}

impl Split<'_> {
    /// Pays each recipient its part of `amount`. The buyer keeps the referee's part. Parts that
    /// wait go to `escrow`; for SOL, that is the conversion's account.
    fn pay(
        &self,
        money: &Money,
        buyer: &AccountView,
        treasury: &AccountView,
        recipients: &Recipients,
        escrow: &AccountView,
        amount: u64,
    ) -> Result<()> {
        let rest = amount
            .checked_sub(self.reward.total())
            .ok_or(ProgramError::ArithmeticOverflow)?;
        let paid = |bit: u8, part: u64| if self.paid & bit == 0 { 0 } else { part };
        let parts = [
            (rest, treasury),
            (
                paid(SETTLED_REFERRER, self.reward.referrer),
                recipients.referrer,
            ),
            (
                paid(SETTLED_PARTNER, self.reward.partner),
                // A part that is paid has an account.
                view(recipients.partner).unwrap_or(treasury),
            ),
            (self.waiting, escrow),
        ];
        match money {
            // One CPI for all: the program itself pays out what its own account holds.
            Money::Sol => {
                // A transfer of the System program to a program fails; so does a direct one.
                // `reclaim_conversion` relies on it: a treasury that is a program gets nothing.
                require!(
                    rest == 0 || !treasury.executable(),
                    ErrorCode::ConstraintMut
                );
                let whole = parts.iter().try_fold(0, |sum, (part, _)| add(sum, *part))?;
                money.pay(buyer, escrow, whole)?;
                parts
                    .iter()
                    .filter(|(part, _)| *part != 0)
                    .try_for_each(|(part, to)| account::move_lamports(escrow, to, *part))
            }
            Money::Token {
                source,
                mint,
                decimals,
                program,
            } if token::has_batch(program) => {
                let source = token::Source {
                    mint,
                    decimals: *decimals,
                    from: Some(source),
                    authority: buyer,
                };
                let mut some = [(0, treasury); 4];
                let mut count = 0_usize;
                let wanted = parts.iter().filter(|(part, _)| *part != 0);
                for (part, place) in wanted.zip(&mut some) {
                    *place = *part;
                    count = count.saturating_add(1);
                }
                token::pay_at_once(source, some.get(..count).unwrap_or_default(), &[])
            }
            Money::Token { .. } => parts
                .iter()
                .try_for_each(|(part, to)| money.pay(buyer, to, *part)),
        }
    }
}
