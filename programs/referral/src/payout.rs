//! Pays the parts of a reward: checks that each recipient can be paid, and moves the money.
//!
//! A failing CPI aborts the transaction, so each recipient is checked first. Those who
//! cannot be paid now are owed; the others are paid.

use anchor_lang::{address_eq, cpi::CpiSigner, likely, prelude::*};
use vouch_rules::reward::Reward;

use crate::{
    account::{self, view, Recipient},
    token, Campaign, Referral, ReferralError as E, Shared, SETTLED_ALL, SETTLED_PARTNER,
    SETTLED_REFEREE, SETTLED_REFERRER,
};

/// The recipients' accounts of the three parts, as far as the instruction names them.
#[derive(Clone, Copy)]
pub struct Recipients<'a> {
    /// Account of the referral's owner.
    pub referrer: &'a AccountView,
    /// Account of the referred wallet.
    pub referee: &'a Option<Recipient>,
    /// Account of the referral's partner.
    pub partner: &'a Option<Recipient>,
}

impl<'a> Recipients<'a> {
    /// The part of `reward` that `bit` stands for, and its recipient's account.
    #[inline]
    pub fn part(&self, bit: u8, reward: &Reward) -> (u64, Option<&'a AccountView>) {
        match bit {
            SETTLED_REFERRER => (reward.referrer, Some(self.referrer)),
            SETTLED_REFEREE => (reward.referee, view(self.referee)),
            _ => (reward.partner, view(self.partner)),
        }
    }
}

/// The bits of the three parts; most rewards have only the first.
const PARTS: [u8; 3] = [SETTLED_REFERRER, SETTLED_REFEREE, SETTLED_PARTNER];

/// The bits of the parts that are zero.
#[inline]
pub fn empty_parts(reward: &Reward) -> u8 {
    let bit = |amount: u64, bit: u8| if amount == 0 { bit } else { 0 };
    bit(reward.referrer, SETTLED_REFERRER)
        | bit(reward.referee, SETTLED_REFEREE)
        | bit(reward.partner, SETTLED_PARTNER)
}

/// Base units of the parts in `bits`.
#[inline]
pub fn sum(reward: &Reward, bits: u8) -> u64 {
    // Most rewards have no other part.
    if bits & !SETTLED_REFERRER == 0 {
        return if bits == 0 { 0 } else { reward.referrer };
    }
    let part = |amount: u64, bit: u8| if bits & bit == 0 { 0 } else { amount };
    // These do not saturate: the whole reward fits.
    part(reward.referrer, SETTLED_REFERRER)
        .saturating_add(part(reward.referee, SETTLED_REFEREE))
        .saturating_add(part(reward.partner, SETTLED_PARTNER))
}

/// The bits that are not in `settled`.
#[inline]
pub fn unsettled(settled: u8) -> u8 {
    SETTLED_ALL & !settled
}

/// The wallets that a referral's campaign pays.
#[derive(Clone, Copy)]
pub struct Parties<'a> {
    /// The campaign.
    pub campaign: Shared<'a, Campaign>,
    /// The referral.
    pub referral: &'a Referral,
    /// The wallet that was referred.
    pub referee: &'a Address,
    /// Whether rewards are SOL.
    pub pays_sol: bool,
}

impl Parties<'_> {
    /// Returns the parts that are not in `settled` and can be paid now.
    ///
    /// Fails if the instruction names no account or a wrong one for one of them: the sender
    /// decides when a part is paid, but never the recipient.
    #[inline(always)]
    pub fn payable(&self, recipients: &Recipients, reward: &Reward, settled: u8) -> Result<u8> {
        let mut payable = 0;
        if settled & SETTLED_REFERRER == 0 {
            let (account, referral) = (recipients.referrer, self.referral);
            let (owner, expected) = (&referral.owner, &referral.reward_account);
            if likely(self.takes(account, owner, expected, reward.referrer)?) {
                payable = SETTLED_REFERRER;
            }
        }
        // Most rewards have no part but the referrer's.
        if unsettled(settled) & !SETTLED_REFERRER != 0 {
            payable |= self.others_payable(*recipients, *reward, settled)?;
        }
        Ok(payable)
    }

    /// [`Self::payable`] for the parts of the referee and the partner.
    #[inline(never)]
    fn others_payable(self, recipients: Recipients, reward: Reward, settled: u8) -> Result<u8> {
        let mut payable = 0;
        for bit in [SETTLED_REFEREE, SETTLED_PARTNER] {
            if settled & bit == 0 {
                let (amount, account) = recipients.part(bit, &reward);
                if self.other_takes(account.ok_or(E::MissingAccount)?, bit, amount)? {
                    payable |= bit;
                }
            }
        }
        Ok(payable)
    }

    /// [`Self::takes`] for the referee's or the partner's account, whose address has
    /// to be derived.
    #[inline(always)]
    fn other_takes(&self, account: &AccountView, bit: u8, amount: u64) -> Result<bool> {
        let Campaign {
            mint,
            token_program,
            ..
        } = self.campaign.get();
        let partner = bit == SETTLED_PARTNER;
        let owner = if partner {
            &self.referral.partner
        } else {
            self.referee
        };
        let expected = if self.pays_sol {
            *owner
        } else if partner {
            let bump = self.referral.partner_account_bump;
            token::associated_with_bump(owner, mint, token_program, bump)
        } else {
            token::associated(owner, mint, token_program).0
        };
        self.takes(account, owner, &expected, amount)
    }

    /// Whether `account` can receive `amount` for `owner`. Fails if it is not at `expected`.
    #[inline(always)]
    fn takes(
        &self,
        account: &AccountView,
        owner: &Address,
        expected: &Address,
        amount: u64,
    ) -> Result<bool> {
        require!(address_eq(account.address(), expected), E::WrongBeneficiary);
        let campaign = self.campaign;
        let takes = if self.pays_sol {
            wallet_takes(account, amount)?
        } else {
            let (mint, program) = (&campaign.mint, &campaign.token_program);
            token::takes(account, Some(owner), mint, program, amount)
        };
        require!(!takes || account.is_writable(), ErrorCode::ConstraintMut);
        Ok(takes)
    }
}

/// Whether a wallet can receive `amount` lamports. The runtime refuses to leave an account below
/// its rent, or to pay an executable one: a wallet that became a program.
#[inline(never)]
pub fn wallet_takes(wallet: &AccountView, amount: u64) -> Result<bool> {
    if wallet.executable() {
        return Ok(false);
    }
    let least = anchor_lang::cpi::rent_exempt_lamports(wallet.data_len())?;
    let after = wallet.lamports().checked_add(amount);
    Ok(after.is_some_and(|after| after >= least))
}

/// The source of rewards in tokens.
#[derive(Clone, Copy)]
pub struct Purse<'a> {
    /// The campaign, which signs the payment.
    pub campaign: Shared<'a, Campaign>,
    /// Whether it mints rewards.
    pub mints: bool,
    /// Token of the rewards.
    pub mint: Option<&'a AccountView>,
    /// The campaign's vault, when it pays from one.
    pub vault: Option<&'a AccountView>,
    /// Program of the mint.
    pub token_program: Option<&'a AccountView>,
    /// The campaign's signature, if the call that mints is inlined.
    pub signers: Option<&'a [CpiSigner<'a, 'a>]>,
}

impl Purse<'_> {
    /// Fails unless the accounts are the campaign's. Returns `payable`, or no parts if `amount`
    /// does not fit into the mint's supply.
    #[inline(always)]
    pub fn check(&self, payable: u8, amount: u64) -> Result<u8> {
        let mint = self.check_mint()?;
        if self.mints {
            if !likely(payable != 0) || !likely(token::has_room(mint, amount)) {
                return Ok(0);
            }
            require!(mint.is_writable(), ErrorCode::ConstraintMut);
            return Ok(payable);
        }
        self.check_vault()?;
        Ok(payable)
    }

    /// Returns the campaign's mint; fails unless the mint and its program are the campaign's.
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

    /// Returns the campaign's vault; fails if it is missing or another account.
    #[inline(always)]
    pub fn check_vault(&self) -> Result<&AccountView> {
        let vault = self.vault.ok_or(E::MissingAccount)?;
        require!(
            address_eq(&self.campaign.vault, vault.address()),
            E::WrongVault
        );
        Ok(vault)
    }

    /// Fails unless the vault holds `total` base units that are not owed.
    #[inline(never)]
    pub fn check_vault_holds(self, total: u64) -> Result<()> {
        let balance = token::balance(self.check_vault()?, &self.campaign.token_program)?;
        let free = balance.checked_sub(self.campaign.owed.get());
        require!(free.is_some_and(|free| free >= total), E::VaultExhausted);
        Ok(())
    }

    /// Pays the parts in `bits`, which [`Parties::payable`] and [`Self::check`] returned.
    #[inline(always)]
    pub fn pay(&self, recipients: &Recipients, reward: &Reward, bits: u8) -> Result<()> {
        if bits == SETTLED_REFERRER {
            return self.pay_part(reward.referrer, recipients.referrer);
        }
        self.pay_parts(*recipients, *reward, bits)
    }

    #[inline(never)]
    fn pay_parts(mut self, recipients: Recipients, reward: Reward, bits: u8) -> Result<()> {
        self.signers = None;
        let mut parts = [(0, recipients.referrer); PARTS.len()];
        let mut count = 0_usize;
        for (bit, part) in PARTS.iter().filter(|bit| bits & **bit != 0).zip(&mut parts) {
            let (amount, account) = recipients.part(*bit, &reward);
            *part = (amount, account.ok_or(E::MissingAccount)?);
            count = count.saturating_add(1);
        }
        let parts = parts.get(..count).unwrap_or_default();
        if count > 1 && token::has_batch(&self.campaign.token_program) {
            let source = token::Source {
                mint: self.mint.ok_or(E::MissingAccount)?,
                decimals: self.campaign.mint_decimals,
                from: match self.mints {
                    true => None,
                    false => Some(self.vault.ok_or(E::MissingAccount)?),
                },
                authority: self.campaign.account(),
            };
            return account::signed(self.campaign, |signers| {
                token::pay_at_once(source, parts, signers)
            });
        }
        parts
            .iter()
            .try_for_each(|(amount, account)| self.pay_part(*amount, account))
    }

    /// Pays one part.
    #[inline(always)]
    fn pay_part(&self, amount: u64, account: &AccountView) -> Result<()> {
        let mint = self.mint.ok_or(E::MissingAccount)?;
        if self.mints {
            return match self.signers {
                Some(signers) => {
                    token::mint_to_inlined(self.campaign, mint, account, amount, signers)
                }
                None => token::mint_to(self.campaign, mint, account, amount),
            };
        }
        let vault = self.vault.ok_or(E::MissingAccount)?;
        token::transfer_from_vault(self.campaign, mint, vault, account, amount)
    }
}

/// Pays the parts in `bits` from the SOL that `escrow` holds on top of its rent.
pub fn pay_from_escrow(
    escrow: &AccountView,
    recipients: &Recipients,
    reward: &Reward,
    bits: u8,
) -> Result<()> {
    for bit in PARTS {
        if bits & bit != 0 {
            let (amount, account) = recipients.part(bit, reward);
            let account = account.ok_or(E::MissingAccount)?;
            account::move_lamports(escrow, account, amount)?;
        }
    }
    Ok(())
}
