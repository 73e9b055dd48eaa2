//! The program's accounts as `vouch-replay` computes them from the transactions, compared with the
//! chain's bytes after each call; and its facts, compared with the movements of money.
//!
//! Nothing here knows what the model predicts: a mistake of one does not hide a mistake of the
//! other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use solana_sdk::{account::ReadableAccount as _, pubkey::Pubkey};
use vouch_client::{
    PROGRAM_ID,
    accounts::{Account, Campaign},
    instructions::raw::{ClaimAccounts, FundVaultAccounts, PurchaseAccounts},
};
use vouch_replay::{Doubt, Effects, Fact, Given, Kind, Need, Part, Transaction, View, encode};

use crate::{chain::Chain, facts::Around, model::Body, step::Meta};

/// [`Replayed::compare`]: the accounts were computed.
pub const COMPUTED: &str = "computed";
/// [`Replayed::compare`]: the transactions do not decide, and the chain's bytes are among those that are
/// possible.
pub const AMBIGUOUS: &str = "ambiguous";

/// The accounts of the program, replayed.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// Number of transactions that were applied.
    pub count: u64,
    accounts: BTreeMap<Pubkey, Account>,
    /// The doubts about them.
    doubts: BTreeMap<Pubkey, Doubt>,
    /// Parts of conversions that were paid.
    paid: BTreeSet<(Pubkey, Part)>,
    /// Base units in the token accounts of the next call, withheld fees included.
    tokens: BTreeMap<Pubkey, i128>,
}

/// Base units in each token account among `keys`, withheld fees included.
fn tokens<'a>(chain: &Chain, keys: impl Iterator<Item = &'a Pubkey>) -> BTreeMap<Pubkey, i128> {
    let mut tokens = BTreeMap::new();
    for key in keys {
        if let Ok(Some(cell)) = chain.cell(key)
            && let Body::Token(token) = cell.body
        {
            let withheld = token.withheld.unwrap_or(0);
            tokens.insert(*key, i128::from(token.amount) + i128::from(withheld));
        }
    }
    tokens
}

/// The bytes of an account of the program.
fn bytes<'a>(chain: &'a Chain, key: &Pubkey) -> Option<&'a [u8]> {
    let account = chain.raw(key)?;
    (*account.owner() == PROGRAM_ID).then(|| account.data())
}

impl View for Replayed {
    fn account(&self, address: &Pubkey) -> Option<&Account> {
        self.accounts.get(address)
    }

    fn doubt(&self, address: &Pubkey) -> Option<Doubt> {
        self.doubts.get(address).copied()
    }
}

impl Replayed {
    /// Notes the balances before a call with these accounts.
    pub fn before(&mut self, chain: &Chain, metas: &[Meta]) {
        self.tokens = tokens(chain, metas.iter().map(|meta| &meta.key));
    }

    /// Applies an accepted transaction, and compares every account that it names. Returns
    /// [`COMPUTED`] or [`AMBIGUOUS`].
    ///
    /// # Errors
    /// Any difference, and any error of the replay.
    pub fn compare(&mut self, chain: &Chain, record: &Transaction) -> Result<&'static str> {
        let mut touched = BTreeSet::new();
        for call in record.calls() {
            touched.extend(vouch_replay::touches(&call)?);
        }
        for balance in &record.balances {
            let key = &balance.account;
            ensure!(
                touched.contains(key) || !self.written(chain, key),
                "{key} changed and is not listed by `touches`"
            );
        }
        let mut given = Given::default();
        let mut applied = vouch_replay::transaction(self, record, &given);
        while let Err(error) = &applied
            && let Kind::Needs(Need::MintDecimals(mint)) = error.kind
        {
            // The mint of a campaign that mints has no token account in the transaction.
            let Some(Body::Mint(facts)) = chain.cell(&mint)?.map(|cell| cell.body) else {
                bail!("{mint} is not a mint");
            };
            ensure!(given.decimals.len() < 100, "{mint} is asked for again");
            given.decimals.push((mint, facts.decimals));
            applied = vouch_replay::transaction(self, record, &given);
        }
        let effects = match applied {
            Ok(effects) => effects,
            Err(error) => bail!("the replay failed: {error}"),
        };
        let changes = effects.iter().flat_map(|effects| &effects.changes);
        let mut changed = changes.clone().map(|change| &change.address);
        let outcome = if changed.any(|address| self.doubts.contains_key(address))
            || changes.clone().any(|change| change.doubt.is_some())
        {
            AMBIGUOUS
        } else {
            self.check_facts(chain, record, &effects)?;
            COMPUTED
        };
        for change in effects.into_iter().flat_map(|effects| effects.changes) {
            match change.account {
                Some(account) => self.accounts.insert(change.address, account),
                None => self.accounts.remove(&change.address),
            };
            match change.doubt {
                Some(doubt) => self.doubts.insert(change.address, doubt),
                None => self.doubts.remove(&change.address),
            };
        }
        for balance in &record.balances {
            let key = &balance.account;
            let found = bytes(chain, key);
            let computed = self.account(key);
            let agrees = match self.doubts.get(key) {
                None => computed.map(encode).as_deref() == found,
                Some(doubt) => {
                    let found = found.map(Account::decode).transpose()?;
                    doubt.allows(computed, found.as_ref())
                }
            };
            ensure!(
                agrees,
                "{key} should be, by the replay,\n  {computed:?}\nwith the doubt {:?}, and is\n  {:?}",
                self.doubts.get(key),
                found.map(Account::decode)
            );
        }
        self.count += 1;
        Ok(outcome)
    }

    /// The campaign before the transaction.
    fn campaign(&self, address: &Pubkey) -> Result<&Campaign> {
        match self.accounts.get(address) {
            Some(Account::Campaign(campaign)) => Ok(campaign),
            other => bail!("{other:?} is not a campaign"),
        }
    }

    /// Whether an account of the program is not what the replay had before.
    fn written(&self, chain: &Chain, key: &Pubkey) -> bool {
        let before = self.account(key).map(encode);
        !self.doubts.contains_key(key) && before.as_deref() != bytes(chain, key)
    }

    /// Checks the facts by other means than the replay's.
    fn check_facts(
        &mut self,
        chain: &Chain,
        record: &Transaction,
        effects: &[Effects],
    ) -> Result<()> {
        for fact in effects.iter().flat_map(|effects| &effects.facts) {
            if let Fact::PartPaid(paid) = fact {
                let first = self.paid.insert((paid.conversion, paid.part));
                ensure!(first, "{paid:?} was paid before");
            }
        }
        // Several calls may change the same account or move the same money.
        let mut calls = record.calls();
        let (Some(call), None, [effects]) = (calls.next(), calls.next(), effects) else {
            return Ok(());
        };
        ensure!(!effects.facts.is_empty(), "a call without a fact");
        let around = Around {
            before: &|key| self.accounts.get(key).cloned(),
            after: &|key| bytes(chain, key).and_then(|bytes| Account::decode(bytes).ok()),
            now: record.block_time,
        };
        let mut received: BTreeMap<Pubkey, i128> = BTreeMap::new();
        let mut campaign = None;
        for fact in &effects.facts {
            around.check(fact)?;
            let (account, units) = match fact {
                Fact::Sale(sale) => {
                    campaign = Some(sale.campaign);
                    continue;
                }
                Fact::PartPaid(paid) => (paid.account, paid.units),
                Fact::VaultFunded {
                    campaign: address,
                    amount,
                    ..
                } => {
                    campaign = Some(*address);
                    (self.campaign(address)?.vault, *amount)
                }
                Fact::VaultWithdrawn {
                    campaign: address,
                    destination,
                    amount,
                } => {
                    campaign = Some(*address);
                    (*destination, *amount)
                }
                _ => continue,
            };
            *received.entry(account).or_default() += i128::from(units);
        }
        let called = |head: [u8; 8]| call.data.starts_with(&head);
        if called(ClaimAccounts::DISCRIMINATOR) {
            campaign = call.accounts.first().copied();
        }
        let Some(campaign) = campaign else {
            return Ok(());
        };
        let campaign = self.campaign(&campaign)?;
        // The accounts that pay, and those of a payment, change by more than the parts.
        let mut others = vec![record.fee_payer];
        if called(FundVaultAccounts::DISCRIMINATOR) {
            others.extend(call.accounts.get(FundVaultAccounts::SOURCE));
        } else {
            others.push(campaign.vault);
        }
        if called(PurchaseAccounts::DISCRIMINATOR) {
            let places = [
                PurchaseAccounts::PAYER,
                PurchaseAccounts::BUYER,
                PurchaseAccounts::TREASURY,
                PurchaseAccounts::PAYMENT_SOURCE,
            ];
            others.extend(places.iter().filter_map(|at| call.accounts.get(*at)));
        }
        if campaign.rewards_are_sol() {
            check_lamports(record, &others, &received)
        } else {
            self.check_tokens(chain, call.accounts, &others, &received)
        }
    }

    /// Checks that each token account received its parts, and no other one received anything.
    fn check_tokens(
        &self,
        chain: &Chain,
        accounts: &[Pubkey],
        others: &[Pubkey],
        received: &BTreeMap<Pubkey, i128>,
    ) -> Result<()> {
        for (key, after) in tokens(chain, accounts.iter()) {
            if others.contains(&key) {
                continue;
            }
            let gained = after - self.tokens.get(&key).copied().unwrap_or(0);
            let paid = received.get(&key).copied().unwrap_or(0);
            ensure!(
                gained == paid,
                "{key} received {gained} and should have received {paid}"
            );
        }
        Ok(())
    }
}

/// Checks that each wallet received its parts, and no other one received anything.
fn check_lamports(
    record: &Transaction,
    others: &[Pubkey],
    received: &BTreeMap<Pubkey, i128>,
) -> Result<()> {
    for (key, paid) in received {
        if others.contains(key) {
            continue;
        }
        let balance = record.balance(key).context("no balance")?;
        let gained = i128::from(balance.after) - i128::from(balance.before);
        ensure!(
            gained == *paid,
            "{key} received {gained} lamports and should have received {paid}"
        );
    }
    Ok(())
}
