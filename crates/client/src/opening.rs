//! Opening a campaign: the usual choice for everything that is not chosen, and every instruction that the
//! opening takes, mint and vault included.
//!
//! `clients/ts/src/opening.ts` does the same; `clients/ts/test/vectors.json` holds both to it.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};
use vouch_rules::{money, reward::WHOLE_BPS};

use crate::{
    accounts::{Funding, Proof, RewardKind, Settings, Terms, Uniqueness},
    instructions::{self, CreateCampaign, raw},
    pda, token,
};

/// Seconds between the announcement of a cut and its effect, unless chosen: 7 days.
pub const NOTICE_SECONDS: u32 = 604_800;
/// Decimals of a new mint, unless chosen.
pub const DECIMALS: u8 = 6;

/// Currency of rewards or payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// Lamports.
    Sol,
    /// A token that exists.
    Token {
        /// Its mint.
        mint: Pubkey,
        /// Its token program.
        program: Pubkey,
    },
    /// A new token of the SPL Token program, whose mint the opening creates at [`new_mint`].
    New {
        /// Its decimals.
        decimals: u8,
        /// Lamports that an account of [`token::MINT_SIZE`] bytes has to hold.
        rent: u64,
    },
}

/// A campaign to open. [`Opening::new`] chooses what is usual; every field may be changed.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// Pays fee and rent; signs.
    pub payer: Pubkey,
    /// Becomes the campaign's creator and authority; signs.
    pub authority: Pubkey,
    /// The creator's own number for the campaign, part of its address.
    pub id: u64,
    /// Terms, which never change.
    pub terms: Terms,
    /// Settings. Those that [`Opening::settings`] names may be zero.
    pub settings: Settings,
    /// Currency of the rewards. A campaign that mints them needs a token.
    pub rewards: Currency,
    /// Currency of the payments, if the proof is a payment. In a split it is ignored, because rewards
    /// are parts of the payment.
    pub payments: Currency,
    /// Whether `authority` is still the mint authority of an existing token that the campaign
    /// mints, and hands it over.
    pub hands_over: bool,
    /// Base units that a campaign with a vault starts with: minted if the token is new, else from
    /// the authority's associated token account.
    pub funds: u64,
}

/// A setting that has to be chosen, because buyers pay in another token than rewards are: base units
/// of different tokens cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MissingSetting {
    /// The least payment, for a fixed reward.
    #[error(
        "choose min_amount, at least 1: buyers pay in another token than rewards are, so no usual \
         value keeps a reward from being worth more than the payment"
    )]
    MinAmount,
    /// The largest reward, for a percentage.
    #[error(
        "choose reward_max, at least 1: buyers pay in another token than rewards are, so a \
         percentage of the one needs a maximum in the other"
    )]
    RewardMax,
}

/// The usual terms for this source of rewards: a wallet counts once, an order where buyers pay;
/// a cut waits for [`NOTICE_SECONDS`].
#[must_use]
pub fn usual_terms(funding: Funding) -> Terms {
    let pays = funding == Funding::PaymentSplit;
    Terms {
        funding,
        proof: if pays { Proof::Payment } else { Proof::Open },
        uniqueness: if pays {
            Uniqueness::Order
        } else {
            Uniqueness::Wallet
        },
        per_owner: false,
        notice_seconds: NOTICE_SECONDS,
    }
}

/// Seed of the mint that the opening of campaign `id` creates.
fn mint_seed(id: u64) -> String {
    format!("vouch-mint-{id}")
}

/// The mint that `authority` creates for its campaign `id`: an address that needs no key pair,
/// because it is derived from the authority, which signs.
///
/// # Panics
/// Never: the seed is short enough.
#[must_use]
pub fn new_mint(authority: &Pubkey, id: u64) -> Pubkey {
    Pubkey::create_with_seed(authority, &mint_seed(id), &token::TOKEN_PROGRAM_ID)
        .expect("a seed of at most 31 bytes")
}

impl Opening {
    /// A campaign that `authority` opens and pays for, with the usual terms. Rewards are a new
    /// token of [`DECIMALS`] decimals, `mint_rent` being the rent of its mint in lamports, or
    /// lamports in a split.
    #[must_use]
    pub fn new(
        authority: &Pubkey,
        id: u64,
        funding: Funding,
        settings: Settings,
        mint_rent: u64,
    ) -> Self {
        Self {
            payer: *authority,
            authority: *authority,
            id,
            terms: usual_terms(funding),
            settings,
            rewards: match funding {
                Funding::PaymentSplit => Currency::Sol,
                Funding::MintAuthority | Funding::Vault => Currency::New {
                    decimals: DECIMALS,
                    rent: mint_rent,
                },
            },
            payments: Currency::Sol,
            hands_over: false,
            funds: 0,
        }
    }

    /// The campaign's address.
    #[must_use]
    pub fn campaign(&self) -> Pubkey {
        pda::campaign(&self.authority, self.id).0
    }

    /// Mint and token program of a currency; `None` for lamports.
    fn token(&self, currency: Currency) -> Option<(Pubkey, Pubkey)> {
        match currency {
            Currency::Sol => None,
            Currency::Token { mint, program } => Some((mint, program)),
            Currency::New { .. } => {
                Some((new_mint(&self.authority, self.id), token::TOKEN_PROGRAM_ID))
            }
        }
    }

    /// Mint and token program of the rewards; `None` for lamports.
    #[must_use]
    pub fn reward_token(&self) -> Option<(Pubkey, Pubkey)> {
        self.token(self.rewards)
    }

    /// Mint and token program of the payments; `None` for lamports, or if buyers do not pay.
    #[must_use]
    pub fn payment_token(&self) -> Option<(Pubkey, Pubkey)> {
        match (self.terms.proof, self.terms.funding) {
            (Proof::Payment, Funding::PaymentSplit) => self.reward_token(),
            (Proof::Payment, _) => self.token(self.payments),
            _ => None,
        }
    }

    /// Whether a base unit of the payments is worth a base unit of the rewards: the same token, or both are
    /// SOL, wrapped or not. False if nobody pays.
    #[must_use]
    pub fn pays_in_rewards(&self) -> bool {
        let mint = |token: Option<(Pubkey, Pubkey)>| token.map_or_else(Pubkey::default, |it| it.0);
        let (payments, rewards) = (mint(self.payment_token()), mint(self.reward_token()));
        self.terms.proof == Proof::Payment
            && money::is_same(payments.as_array(), rewards.as_array())
    }

    /// The settings as they will stand. These get their usual values where they are zero:
    ///
    /// - `attestor`: the authority, where conversions or codes need an attestor.
    /// - `treasury`: the authority, or its associated token account, where buyers pay.
    /// - `reward_max`: as much as fits, for a percentage.
    /// - `min_amount`: the largest reward, where buyers pay and the reward is fixed.
    ///
    /// # Errors
    /// [`MissingSetting`] if one of the last two is zero where buyers pay in another token than
    /// rewards are.
    pub fn settings(&self) -> Result<Settings, MissingSetting> {
        let mut settings = self.settings;
        let pays = self.terms.proof == Proof::Payment;
        let attests = self.terms.proof == Proof::Attested || settings.attested_codes;
        if attests && settings.attestor == Pubkey::default() {
            settings.attestor = self.authority;
        }
        if pays && settings.treasury == Pubkey::default() {
            settings.treasury = self.own_account(self.payment_token());
        }
        let mints = [self.payment_token(), self.reward_token()].map(|token| token.map(|it| it.0));
        let is_incomparable = pays && mints[0] != mints[1];
        if settings.reward_kind == RewardKind::Percent && settings.reward_max == 0 {
            if is_incomparable {
                return Err(MissingSetting::RewardMax);
            }
            let bonuses = settings.bonuses.iter();
            let bonuses = bonuses.fold(0_u64, |sum, bonus| sum.saturating_add(bonus.amount));
            settings.reward_max = u64::MAX - bonuses;
        }
        if pays && settings.reward_kind == RewardKind::Fixed && settings.min_amount == 0 {
            if is_incomparable {
                return Err(MissingSetting::MinAmount);
            }
            settings.min_amount = most_fixed(&settings);
        }
        Ok(settings)
    }

    /// The authority's account for a token; the authority itself for lamports.
    fn own_account(&self, token: Option<(Pubkey, Pubkey)>) -> Pubkey {
        token.map_or(self.authority, |(mint, program)| {
            pda::associated_token(&self.authority, &mint, &program).0
        })
    }

    /// The instruction that opens the campaign. The others of [`Self::instructions`] come before.
    ///
    /// # Errors
    /// See [`Self::settings`].
    pub fn create(&self) -> Result<CreateCampaign, MissingSetting> {
        let (mint, token_program) = self.reward_token().unwrap_or_default();
        Ok(CreateCampaign {
            payer: self.payer,
            authority: self.authority,
            id: self.id,
            mint,
            payment_mint: self.payment_token().unwrap_or_default().0,
            token_program,
            terms: self.terms,
            settings: self.settings()?,
        })
    }

    /// Every instruction of the opening, for one transaction: the new mint, or the handing over of
    /// its authority; the treasury's token account, if it is the authority's; the vault; the
    /// campaign; and the first funds of the vault.
    ///
    /// # Errors
    /// See [`Self::settings`].
    pub fn instructions(&self) -> Result<Vec<Instruction>, MissingSetting> {
        let create = self.create()?;
        let campaign = self.campaign();
        let mints = self.terms.funding == Funding::MintAuthority;
        let mut all = Vec::new();
        if let Currency::New { decimals, rent } = self.rewards {
            let minter = if mints { campaign } else { self.authority };
            all.extend(self.create_mint(decimals, rent, &minter));
        } else if let (true, true, Some((mint, program))) =
            (mints, self.hands_over, self.reward_token())
        {
            let mut hand_over = token::set_mint_authority(&mint, &self.authority, &campaign);
            // Token-2022 has the same instruction.
            hand_over.program_id = program;
            all.push(hand_over);
        }
        if let Some((mint, program)) = self.payment_token()
            && create.settings.treasury == self.own_account(Some((mint, program)))
        {
            let account =
                token::create_associated_token(&self.payer, &self.authority, &mint, &program);
            all.push(account);
        }
        let vault = create.vault();
        if vault.is_some() {
            all.push(token::create_associated_token(
                &self.payer,
                &campaign,
                &create.mint,
                &create.token_program,
            ));
        }
        all.push(instructions::create_campaign(&create));
        if let Some(vault) = vault.filter(|_| self.funds > 0) {
            all.push(self.fund(&create, vault));
        }
        Ok(all)
    }

    fn create_mint(&self, decimals: u8, rent: u64, minter: &Pubkey) -> [Instruction; 2] {
        let mint = new_mint(&self.authority, self.id);
        let [_, initialise] = token::create_mint(&self.payer, &mint, minter, decimals, rent);
        let create = solana_system_interface::instruction::create_account_with_seed(
            &self.payer,
            &mint,
            &self.authority,
            &mint_seed(self.id),
            rent,
            token::MINT_SIZE,
            &token::TOKEN_PROGRAM_ID,
        );
        [create, initialise]
    }

    fn fund(&self, create: &CreateCampaign, vault: Pubkey) -> Instruction {
        let (mint, program) = (create.mint, create.token_program);
        if matches!(self.rewards, Currency::New { .. }) {
            return token::mint_to(&program, &mint, &vault, &self.authority, self.funds);
        }
        raw::FundVaultAccounts {
            funder: self.authority,
            campaign: self.campaign(),
            mint,
            source: self.own_account(Some((mint, program))),
            vault,
            token_program: program,
        }
        .instruction(&raw::FundVaultArgs { amount: self.funds })
    }
}

/// The largest fixed reward of these settings: with the largest multiplier, without bonuses.
fn most_fixed(settings: &Settings) -> u64 {
    let whole = u32::from(WHOLE_BPS);
    let tiers = settings.tiers.iter();
    let multiplier = tiers.fold(whole, |most, tier| most.max(tier.multiplier_bps));
    vouch_rules::reward::share(settings.reward_fixed, multiplier).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{Bonus, Tier};

    const AUTHORITY: Pubkey = Pubkey::new_from_array([7; 32]);

    #[test]
    fn what_is_not_chosen_is_usual() {
        // Given a fixed reward with a tier, for buyers who pay in SOL
        let mut settings = Settings::fixed(1000);
        settings.tiers[0] = Tier {
            min_conversions: 5,
            multiplier_bps: 15_000,
        };
        let opening = Opening::new(&AUTHORITY, 3, Funding::PaymentSplit, settings, 1);
        // Then buyers pay the authority at least the largest reward, each order once
        let usual = opening.settings().unwrap();
        assert_eq!((usual.treasury, usual.min_amount), (AUTHORITY, 1500));
        assert_eq!(opening.terms.uniqueness, Uniqueness::Order);
        assert_eq!(opening.terms.notice_seconds, 7 * 24 * 60 * 60);
        // And what was chosen stays
        let mut chosen = opening;
        chosen.settings.treasury = Pubkey::new_from_array([8; 32]);
        chosen.settings.min_amount = 2000;
        assert_eq!(chosen.settings(), Ok(chosen.settings));
        // And a percentage gets all the room that its bonuses leave
        let mut percent = Opening::new(&AUTHORITY, 3, Funding::Vault, Settings::percent(100, 0), 1);
        percent.terms.proof = Proof::Attested;
        percent.settings.bonuses[0] = Bonus {
            threshold: 1,
            amount: 10,
        };
        let usual = percent.settings().unwrap();
        assert_eq!(
            (usual.reward_max, usual.attestor),
            (u64::MAX - 10, AUTHORITY)
        );
        assert_eq!((usual.treasury, usual.min_amount), (Pubkey::default(), 0));
    }

    #[test]
    fn base_units_of_different_tokens_are_not_compared() {
        // Given rewards of a new token for payments in SOL
        let opened = |settings| {
            let mut opening = Opening::new(&AUTHORITY, 3, Funding::Vault, settings, 1);
            opening.terms.proof = Proof::Payment;
            opening
        };
        // Then neither the least payment nor the largest reward is guessed
        let fixed = opened(Settings::fixed(1000));
        assert_eq!(fixed.settings(), Err(MissingSetting::MinAmount));
        assert_eq!(fixed.instructions(), Err(MissingSetting::MinAmount));
        let percent = opened(Settings::percent(100, 0));
        assert_eq!(percent.settings(), Err(MissingSetting::RewardMax));
        // And what was chosen stays
        let chosen = opened(Settings::percent(100, 7)).settings().unwrap();
        assert_eq!((chosen.reward_max, chosen.min_amount), (7, 0));
    }

    #[test]
    fn wrapped_sol_for_payments_in_sol_is_the_money_of_the_rewards() {
        let mut opening = Opening::new(&AUTHORITY, 3, Funding::Vault, Settings::fixed(1), 1);
        opening.terms.proof = Proof::Payment;
        let token = |mint| Currency::Token {
            mint: Pubkey::new_from_array(mint),
            program: token::TOKEN_PROGRAM_ID,
        };
        for (rewards, expected) in [
            (Currency::Sol, true),
            (token(money::WRAPPED_SOL), true),
            (token([9; 32]), false),
        ] {
            opening.rewards = rewards;
            assert_eq!(opening.pays_in_rewards(), expected, "{rewards:?}");
        }
    }

    #[test]
    fn every_id_has_a_mint_of_its_own() {
        let mints = [0, 1, u64::MAX].map(|id| new_mint(&AUTHORITY, id));
        assert!(mints[0] != mints[1] && mints[1] != mints[2] && mints[0] != mints[2]);
    }
}
