//! Paying the parts of a reward: to whom, whether they can take it, and from where.
//!
//! A call of a token program that fails takes the whole transaction with it. So
//! nothing is called that would: who cannot receive now is owed, and nobody else
//! notices.

use anchor_lang::{address_eq, prelude::*};
use vouch_rules::reward::Reward;

use crate::planted::planted;
use crate::{
    pda, token, Campaign, Existing, Referral, ReferralError as E, FUNDING_MINT_AUTHORITY, SETTLED_ALL,
    SETTLED_PARTNER, SETTLED_REFEREE, SETTLED_REFERRER,
};

/// Where the three parts go, as far as the instruction names it.
pub struct Receivers<'a> {
    /// Of the referral's owner.
    pub referrer: &'a AccountView,
    /// Of the wallet that was referred.
    pub referee: Option<&'a AccountView>,
    /// Of the referral's partner.
    pub partner: Option<&'a AccountView>,
}

/// One part of a reward on its way.
struct Part<'a> {
    bit: u8,
    amount: u64,
    account: Option<&'a AccountView>,
}

impl<'a> Receivers<'a> {
    #[inline(always)]
    fn parts(&self, reward: &Reward) -> [Part<'a>; 3] {
        [
            Part {
                bit: SETTLED_REFERRER,
                amount: reward.referrer,
                account: Some(self.referrer),
            },
            Part {
                bit: SETTLED_REFEREE,
                amount: reward.referee,
                account: self.referee,
            },
            Part {
                bit: SETTLED_PARTNER,
                amount: reward.partner,
                account: self.partner,
            },
        ]
    }
}

/// The bits of the parts that are nothing, and so are settled.
#[inline(always)]
pub fn nothing(reward: &Reward) -> u8 {
    let bit = |amount: u64, bit: u8| if amount == 0 { bit } else { 0 };
    bit(reward.referrer, SETTLED_REFERRER)
        | bit(reward.referee, SETTLED_REFEREE)
        | bit(reward.partner, SETTLED_PARTNER)
}

/// Whom the referral's campaign pays.
pub struct Parties<'a> {
    /// The campaign.
    pub campaign: &'a Existing<Campaign>,
    /// The referral.
    pub referral: &'a Referral,
    /// The wallet that was referred.
    pub referee: &'a Address,
}

impl Parties<'_> {
    /// Which of the parts that are not in `settled` their beneficiaries can take now.
    ///
    /// Fails when the instruction names no account for one of them, or a wrong one:
    /// who sends it decides what is paid now, never who is paid.
    #[inline(never)]
    pub fn payable(&self, receivers: &Receivers, reward: &Reward, settled: u8) -> Result<u8> {
        let mut payable = 0;
        for part in receivers.parts(reward) {
            if settled & part.bit == 0 || (part.amount != 0 && planted!("settled_parts_paid_again")) {
                let account = part.account.ok_or(E::MissingAccount)?;
                if self.can_take(account, part.bit, part.amount)? {
                    payable |= part.bit;
                }
            }
        }
        Ok(payable)
    }

    #[inline(never)]
    fn can_take(&self, account: &AccountView, bit: u8, amount: u64) -> Result<bool> {
        let Campaign {
            mint,
            token_program,
            ..
        } = &**self.campaign;
        let sol = self.campaign.pays_sol();
        let referral = self.referral;
        let (owner, expected) = match bit {
            SETTLED_REFERRER => (&referral.owner, referral.reward_account),
            SETTLED_PARTNER if sol => (&referral.partner, referral.partner),
            SETTLED_PARTNER => (
                &referral.partner,
                token::associated_with_bump(
                    &referral.partner,
                    mint,
                    token_program,
                    referral.partner_account_bump,
                ),
            ),
            _ if sol => (self.referee, *self.referee),
            _ => (
                self.referee,
                token::associated(self.referee, mint, token_program).0,
            ),
        };
        require!(
            address_eq(account.address(), &expected)
                || (bit == SETTLED_PARTNER && planted!("partner_account_not_compared")),
            E::WrongBeneficiary
        );
        if sol {
            return wallet_takes(account, amount);
        }
        if bit == SETTLED_PARTNER && planted!("partner_account_not_compared") {
            return Ok(true);
        }
        Ok(token::receives(account, owner, mint, token_program, amount))
    }
}

/// Whether a wallet takes `amount` lamports: the runtime lets no account be left with
/// fewer than its rent.
#[inline(never)]
fn wallet_takes(wallet: &AccountView, amount: u64) -> Result<bool> {
    let least = anchor_lang::cpi::rent_exempt_lamports(wallet.data_len())?;
    let after = wallet.lamports().checked_add(amount);
    Ok(after.is_some_and(|after| after >= least))
}

/// What rewards in tokens come from.
pub struct Purse<'a> {
    /// The campaign, whose signature pays.
    pub campaign: &'a Existing<Campaign>,
    /// Token of the rewards.
    pub mint: Option<&'a AccountView>,
    /// The campaign's vault, when it pays from one.
    pub vault: Option<&'a AccountView>,
    /// Program of the mint.
    pub token_program: Option<&'a AccountView>,
}

impl Purse<'_> {
    /// Fails unless the accounts are the campaign's; a mint that could not take
    /// `amount` more leaves nothing of `payable`.
    #[inline(never)]
    pub fn check(&self, payable: u8, amount: u64) -> Result<u8> {
        let mint = self.check_mint()?;
        if self.campaign.funding == FUNDING_MINT_AUTHORITY {
            return Ok(if token::has_room(mint, amount) {
                payable
            } else {
                0
            });
        }
        self.check_vault()?;
        Ok(payable)
    }

    /// The campaign's mint, when it and its program were given.
    #[inline(always)]
    pub fn check_mint(&self) -> Result<&AccountView> {
        let mint = self.mint.ok_or(E::MissingAccount)?;
        let program = self.token_program.ok_or(E::MissingAccount)?;
        require!(
            address_eq(&self.campaign.mint, mint.address()),
            E::WrongMint
        );
        require!(
            address_eq(&self.campaign.token_program, program.address()),
            E::WrongTokenProgram
        );
        Ok(mint)
    }

    /// The campaign's vault, when it was given.
    #[inline(always)]
    pub fn check_vault(&self) -> Result<&AccountView> {
        let vault = self.vault.ok_or(E::MissingAccount)?;
        require!(
            address_eq(&self.campaign.vault, vault.address()),
            E::WrongVault
        );
        Ok(vault)
    }

    /// Pays the parts of `bits`, which [`Parties::payable`] found and
    /// [`Self::check`] left.
    #[inline(never)]
    pub fn pay(&self, receivers: &Receivers, reward: &Reward, bits: u8) -> Result<()> {
        let mint = self.mint.ok_or(E::MissingAccount)?;
        for part in receivers.parts(reward) {
            if bits & part.bit == 0 || part.amount == 0 {
                continue;
            }
            let account = part.account.ok_or(E::MissingAccount)?;
            if self.campaign.funding == FUNDING_MINT_AUTHORITY {
                token::mint_to(self.campaign, mint, account, part.amount)?;
            } else {
                let vault = self.vault.ok_or(E::MissingAccount)?;
                token::transfer_from_vault(self.campaign, mint, vault, account, part.amount)?;
            }
        }
        Ok(())
    }
}

/// Pays the parts of `bits` in SOL that `escrow` holds beside its rent.
pub fn pay_from_escrow(
    escrow: &mut AccountView,
    receivers: &Receivers,
    reward: &Reward,
    bits: u8,
) -> Result<()> {
    for part in receivers.parts(reward) {
        if bits & part.bit != 0 {
            let account = part.account.ok_or(E::MissingAccount)?;
            pda::move_lamports(escrow, &mut account.clone(), part.amount)?;
        }
    }
    Ok(())
}

/// Base units of the parts in `bits`.
#[inline(always)]
pub fn sum(reward: &Reward, bits: u8) -> u64 {
    let part = |amount: u64, bit: u8| if bits & bit == 0 { 0 } else { amount };
    // Parts of a whole that fits.
    part(reward.referrer, SETTLED_REFERRER)
        .saturating_add(part(reward.referee, SETTLED_REFEREE))
        .saturating_add(part(reward.partner, SETTLED_PARTNER))
}

/// The bits that are not in `settled`.
#[inline(always)]
pub fn open(settled: u8) -> u8 {
    SETTLED_ALL & !settled
}
