//! Transactions made by hand, with the records that a node would keep of them.

#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeMap;

use solana_sdk::{instruction::Instruction as Built, pubkey::Pubkey};
use vouch_client::{
    Code, PROGRAM_ID,
    accounts::{
        Account, Action, Funding, Proof, Referral, RewardKind, Settings, Terms, Uniqueness,
    },
    instructions::raw::*,
    pda,
    token::TOKEN_PROGRAM_ID,
};
use vouch_replay::{
    Doubt, Effects, Error, Fact, Given, PartPaid, Transaction, View,
    transaction::{Balance, Inner, Instruction, Outcome},
};

pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const RENT: u64 = 1_920_960;
pub(crate) const SYSTEM: Pubkey = Pubkey::new_from_array([0; 32]);
/// A program that is neither known nor inert.
pub(crate) const FOREIGN: Pubkey = Pubkey::new_from_array([99; 32]);
pub(crate) const CODE: &[u8; 12] = b"MYSHARE2\0\0\0\0";

pub(crate) fn key(byte: u8) -> Pubkey {
    Pubkey::new_from_array([byte; 32])
}

pub(crate) const AUTHORITY: u8 = 1;
pub(crate) const OWNER: u8 = 2;
pub(crate) const PARTNER: u8 = 3;
pub(crate) const BUYER: u8 = 4;
pub(crate) const TREASURY: u8 = 5;
pub(crate) const MINT: u8 = 6;

/// Accounts, and the transactions that made them.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) accounts: BTreeMap<Pubkey, Account>,
    pub(crate) doubts: BTreeMap<Pubkey, Doubt>,
    pub(crate) given: Given,
}

/// An instruction of a message.
pub(crate) fn top(built: &Built, inner: Vec<Inner>) -> Instruction {
    Instruction {
        program: built.program_id,
        accounts: built.accounts.iter().map(|meta| meta.pubkey).collect(),
        data: built.data.clone(),
        inner,
    }
}

/// A CPI.
pub(crate) fn inner(height: u32, program: Pubkey, accounts: &[Pubkey], data: Vec<u8>) -> Inner {
    Inner {
        stack_height: Some(height),
        program,
        accounts: accounts.to_vec(),
        data,
    }
}

/// The instruction as a CPI.
pub(crate) fn as_inner(height: u32, built: &Built) -> Inner {
    let built = top(built, vec![]);
    inner(height, built.program, &built.accounts, built.data)
}

/// A transfer of the System program.
pub(crate) fn transfer(height: u32, from: Pubkey, to: Pubkey, lamports: u64) -> Inner {
    let data = [&[2, 0, 0, 0][..], &lamports.to_le_bytes()].concat();
    inner(height, SYSTEM, &[from, to], data)
}

/// `MintTo` of the Token program.
pub(crate) fn mint_to(height: u32, to: Pubkey, authority: Pubkey, amount: u64) -> Inner {
    let data = [&[7][..], &amount.to_le_bytes()].concat();
    inner(height, TOKEN_PROGRAM_ID, &[key(MINT), to, authority], data)
}

pub(crate) fn balance(account: Pubkey, before: u64, after: u64) -> Balance {
    Balance {
        account,
        before,
        after,
    }
}

pub(crate) fn transaction(instructions: Vec<Instruction>, balances: Vec<Balance>) -> Transaction {
    Transaction {
        signature: [7; 64],
        slot: 1,
        index: Some(0),
        block_time: NOW,
        fee_payer: key(77),
        fee: Some(5_000),
        signers: vec![key(77)],
        outcome: Outcome::Succeeded,
        balances,
        decimals: vec![],
        instructions,
    }
}

pub(crate) fn fixed(units: u64) -> Settings {
    Settings {
        max_partner_share_bps: 5_000,
        min_amount: 1,
        ..Settings::fixed(units)
    }
}

impl View for World {
    fn account(&self, address: &Pubkey) -> Option<&Account> {
        self.accounts.get(address)
    }

    fn doubt(&self, address: &Pubkey) -> Option<Doubt> {
        self.doubts.get(address).copied()
    }
}

impl World {
    /// Applies a transaction.
    pub(crate) fn apply(&self, transaction: &Transaction) -> Result<Vec<Effects>, Error> {
        vouch_replay::transaction(self, transaction, &self.given)
    }

    /// Applies a transaction and keeps its changes. Returns its facts.
    #[track_caller]
    pub(crate) fn take(&mut self, transaction: &Transaction) -> Vec<Fact> {
        let effects = self.apply(transaction).expect("it can be applied");
        let mut facts = Vec::new();
        for effects in effects {
            facts.extend(effects.facts);
            for change in effects.changes {
                match change.doubt {
                    Some(doubt) => self.doubts.insert(change.address, doubt),
                    None => self.doubts.remove(&change.address),
                };
                match change.account {
                    Some(account) => self.accounts.insert(change.address, account),
                    None => self.accounts.remove(&change.address),
                };
            }
        }
        facts
    }

    /// The parts of the conversion of `buyer` that are settled for certain; `None` without an account.
    pub(crate) fn settled(&self, buyer: u8) -> Option<u8> {
        match self.accounts.get(&conversion(buyer))? {
            Account::Conversion(account) => Some(account.settled),
            _ => None,
        }
    }

    /// The sets of parts that the conversion of `buyer` may have settled.
    pub(crate) fn possible(&self, buyer: u8) -> Vec<u8> {
        match self.doubt(&conversion(buyer)) {
            Some(Doubt::Conversion(states)) => states.possible(),
            _ => self.settled(buyer).into_iter().collect(),
        }
    }

    /// The referral.
    pub(crate) fn referral(&self) -> Referral {
        match self.accounts.get(&referral()) {
            Some(Account::Referral(account)) => (**account).clone(),
            other => panic!("no referral: {other:?}"),
        }
    }

    /// Opens a campaign and registers a code with a partner that gets half of each reward.
    fn opened(terms: Terms, settings: Settings) -> Self {
        let sol = terms.funding == Funding::PaymentSplit;
        let token = |key: Pubkey| if sol { SYSTEM } else { key };
        let mut world = Self::default();
        world.given.decimals.push((key(MINT), 6));
        let create = CreateCampaignAccounts {
            payer: key(AUTHORITY),
            authority: key(AUTHORITY),
            campaign: campaign(),
            mint: token(key(MINT)),
            payment_mint: SYSTEM,
            token_program: token(TOKEN_PROGRAM_ID),
            vault: None,
        }
        .instruction(&CreateCampaignArgs {
            id: 1,
            terms,
            settings,
        });
        let register = CreateReferralAccounts {
            payer: key(OWNER),
            owner: key(OWNER),
            campaign: campaign(),
            referral: referral(),
            attestor: None,
            referrer: None,
        }
        .instruction(&CreateReferralArgs {
            code: *CODE,
            usage_limit: 0,
            expires_at: 0,
        });
        let partner = SetPartnerAccounts {
            owner: key(OWNER),
            partner: key(PARTNER),
            campaign: campaign(),
            referral: referral(),
        }
        .instruction(&SetPartnerArgs {
            share_bps: 5_000,
            fixed: 0,
        });
        for built in [create, register, partner] {
            world.take(&transaction(vec![top(&built, vec![])], vec![]));
        }
        world
    }

    /// A campaign that splits payments in SOL: 1,000,000 lamports for the referrer, as many for
    /// the partner.
    pub(crate) fn sol() -> Self {
        Self::opened(
            Terms {
                funding: Funding::PaymentSplit,
                proof: Proof::Payment,
                uniqueness: Uniqueness::Wallet,
                ..Terms::default()
            },
            Settings {
                treasury: key(TREASURY),
                ..fixed(2_000_000)
            },
        )
    }

    /// A campaign that mints 100 base units for the referrer, and as many for the partner.
    pub(crate) fn minted() -> Self {
        Self::opened(Terms::default(), fixed(200))
    }

    /// [`Self::minted`] with a hold of 60 seconds.
    pub(crate) fn held() -> Self {
        Self::opened(
            Terms::default(),
            Settings {
                hold_seconds: 60,
                ..fixed(200)
            },
        )
    }

    /// A minted campaign that pays a tenth of the amount.
    pub(crate) fn percent() -> Self {
        Self::opened(
            Terms {
                proof: Proof::Attested,
                ..Terms::default()
            },
            Settings {
                reward_kind: RewardKind::Percent,
                reward_fixed: 0,
                reward_bps: 1_000,
                reward_max: u64::MAX,
                attestor: key(8),
                ..fixed(0)
            },
        )
    }
}

pub(crate) fn campaign() -> Pubkey {
    pda::campaign(&key(AUTHORITY), 1).0
}

pub(crate) fn referral() -> Pubkey {
    let code = Code::from_padded(CODE).expect("a code");
    pda::referral(&campaign(), &code)
}

pub(crate) fn conversion(buyer: u8) -> Pubkey {
    pda::conversion(&campaign(), &key(buyer).to_bytes())
}

pub(crate) fn token_account(owner: u8) -> Pubkey {
    pda::associated_token(&key(owner), &key(MINT), &TOKEN_PROGRAM_ID).0
}

/// A conversion of `referee`, without its CPIs.
pub(crate) fn convert(referee: u8, amount: u64) -> Built {
    ConvertAccounts {
        payer: key(referee),
        referee: key(referee),
        campaign: campaign(),
        referral: referral(),
        conversion: conversion(referee),
        mint: Some(key(MINT)),
        referrer_account: token_account(OWNER),
        token_program: TOKEN_PROGRAM_ID,
        attestor: None,
        instructions: None,
        revocation: None,
        binding: None,
        referrer: None,
        credential: None,
        referee_account: None,
        partner_account: Some(token_account(PARTNER)),
        vault: None,
    }
    .instruction(&ConvertArgs {
        code: *CODE,
        action: Action::Signup,
        amount,
        reference: [0; 32],
    })
}

/// The CPIs of a minted conversion with these payments.
pub(crate) fn mints(height: u32, referee: u8, payments: &[(u8, u64)]) -> Vec<Inner> {
    let create = transfer(height, key(referee), conversion(referee), RENT);
    let mints = payments
        .iter()
        .map(|(owner, amount)| mint_to(height, token_account(*owner), campaign(), *amount));
    std::iter::once(create).chain(mints).collect()
}

/// A purchase for 10,000,000 lamports, without its CPIs.
pub(crate) fn purchase(buyer: u8) -> Built {
    PurchaseAccounts {
        payer: key(buyer),
        buyer: key(buyer),
        campaign: campaign(),
        referral: referral(),
        conversion: conversion(buyer),
        treasury: key(TREASURY),
        referrer_account: key(OWNER),
        payment_mint: None,
        payment_source: None,
        payment_token_program: None,
        mint: None,
        token_program: None,
        binding: None,
        referrer: None,
        credential: None,
        referee_account: None,
        partner_account: Some(key(PARTNER)),
        vault: None,
    }
    .instruction(&PurchaseArgs {
        code: *CODE,
        action: Action::Purchase,
        amount: 10_000_000,
        reference: [0; 32],
        max_payment: 10_000_000,
    })
}

/// The CPIs of that purchase.
pub(crate) fn payment(height: u32, buyer: u8) -> Vec<Inner> {
    vec![
        transfer(height, key(buyer), conversion(buyer), RENT),
        transfer(height, key(buyer), conversion(buyer), 10_000_000),
    ]
}

/// A claim of the conversion of `buyer`.
pub(crate) fn claim(buyer: u8, sol: bool) -> Built {
    let account = |owner| {
        if sol {
            key(owner)
        } else {
            token_account(owner)
        }
    };
    ClaimAccounts {
        campaign: campaign(),
        referral: referral(),
        conversion: conversion(buyer),
        referrer_account: account(OWNER),
        mint: (!sol).then_some(key(MINT)),
        token_program: (!sol).then_some(TOKEN_PROGRAM_ID),
        referee_account: None,
        partner_account: Some(account(PARTNER)),
        vault: None,
    }
    .instruction()
}

/// The return of the rent of the conversion of `buyer`.
pub(crate) fn reclaim(buyer: u8) -> Built {
    ReclaimConversionAccounts {
        campaign: campaign(),
        conversion: conversion(buyer),
        rent_payer: key(buyer),
        treasury: Some(key(TREASURY)),
    }
    .instruction(&ReclaimConversionArgs {
        key: key(buyer).to_bytes(),
    })
}

/// The closing of the campaign.
pub(crate) fn close() -> Built {
    CloseCampaignAccounts {
        authority: key(AUTHORITY),
        campaign: campaign(),
    }
    .instruction()
}

/// The partner leaves.
pub(crate) fn leave() -> Built {
    EndPartnershipAccounts {
        party: key(PARTNER),
        referral: referral(),
    }
    .instruction()
}

/// The owner takes another partner.
pub(crate) fn engage(partner: u8) -> Built {
    SetPartnerAccounts {
        owner: key(OWNER),
        partner: key(partner),
        campaign: campaign(),
        referral: referral(),
    }
    .instruction(&SetPartnerArgs {
        share_bps: 100,
        fixed: 0,
    })
}

/// The owner closes the code.
pub(crate) fn close_code() -> Built {
    CloseReferralAccounts {
        owner: key(OWNER),
        rent_payer: key(OWNER),
        referral: referral(),
    }
    .instruction()
}

/// The parts that were paid.
pub(crate) fn paid(facts: &[Fact]) -> Vec<PartPaid> {
    let paid = |fact: &Fact| match fact {
        Fact::PartPaid(paid) => Some(*paid),
        _ => None,
    };
    facts.iter().filter_map(paid).collect()
}

/// The owners of the parts that were paid, with their units.
pub(crate) fn payees(facts: &[Fact]) -> Vec<(Pubkey, u64)> {
    let paid = paid(facts);
    paid.iter()
        .map(|paid| (paid.recipient, paid.units))
        .collect()
}

/// An instruction of a foreign program with these accounts.
pub(crate) fn foreign(accounts: &[Pubkey]) -> Instruction {
    Instruction {
        program: FOREIGN,
        accounts: accounts.to_vec(),
        data: vec![],
        inner: vec![],
    }
}

/// The same call, made by a foreign program that was given all of its accounts.
pub(crate) fn wrapped(built: &Built, cpis: Vec<Inner>) -> Instruction {
    assert_eq!(built.program_id, PROGRAM_ID);
    let mut outer = foreign(&top(built, vec![]).accounts);
    outer.inner.push(as_inner(2, built));
    outer.inner.extend(cpis);
    outer
}
