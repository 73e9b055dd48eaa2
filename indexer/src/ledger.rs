//! The program's accounts after the last mirrored transaction, and how the next ones change
//! them.

use std::collections::{BTreeSet, HashMap};

use solana_sdk::{pubkey::Pubkey, signature::Signature};
use vouch_client::{
    accounts::{Account, Status, settled},
    instructions::Layout,
};
use vouch_db::mirror::{self, Batch, Before, Writer};
use vouch_replay::{
    Change, Doubt, Effects, Fact, Given, Kind, Need, Transaction, View, encode, needs,
};

use crate::{
    chain::Chain,
    events::event,
    failure::Failure,
    project::{By, Draft},
};

/// Accounts in memory, about 1 KB each. Above that, only those of the last batch stay.
const MOST_HELD: usize = 20_000;

/// An account in memory.
#[derive(Debug, Clone, Default)]
struct Held {
    /// `None` if it does not exist.
    account: Option<Account>,
    /// The doubt about it.
    doubt: Option<Doubt>,
    /// Number and slot of the transaction that changed it last; `None` if it never existed.
    changed: Option<(i64, i64)>,
}

/// The program's accounts, as far as they are in memory. The rest is in Postgres.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    held: HashMap<Pubkey, Held>,
}

impl View for Ledger {
    fn account(&self, address: &Pubkey) -> Option<&Account> {
        self.held.get(address)?.account.as_ref()
    }

    fn doubt(&self, address: &Pubkey) -> Option<Doubt> {
        self.held.get(address)?.doubt
    }
}

/// The changes of a run of transactions.
pub(crate) struct Replayed {
    pub(crate) batch: Batch,
    /// The reason why the run ends before the last of the given transactions.
    pub(crate) stopped: Option<Failure>,
}

impl Ledger {
    /// Applies transactions to the accounts in memory, the first with number `seq`. The caller
    /// writes the batch, or calls [`Self::forget`] if that fails. `revocable` says that they may
    /// have to be undone.
    pub(crate) async fn replay(
        &mut self,
        chain: &Chain,
        writer: &mut Writer,
        transactions: &[Transaction],
        mut seq: i64,
        revocable: bool,
    ) -> Result<Replayed, Failure> {
        let needed = self.load(writer, transactions).await?;
        let mut batch = Batch::default();
        let mut draft = Draft::default();
        let mut touched = BTreeSet::new();
        let mut stopped = None;
        for transaction in transactions {
            let effects = match effects(self, chain, transaction).await {
                Ok(effects) => effects,
                Err(failure) => {
                    stopped = Some(failure);
                    break;
                }
            };
            let by = By {
                seq,
                slot: slot(transaction.slot)?,
                time: transaction.block_time,
            };
            batch.transactions.push(row(transaction, by));
            batch.calls.extend(calls(transaction, by));
            self.take(&effects, by, revocable, &mut batch.before, &mut draft)
                .map_err(|error| unreadable(transaction, error))?;
            let changes = effects.iter().flat_map(|effects| &effects.changes);
            touched.extend(changes.map(|change| change.address));
            let facts = effects.iter().flat_map(|effects| &effects.facts);
            batch.events.extend(
                (0_i16..)
                    .zip(facts)
                    .map(|(place, fact)| event(seq, place, fact)),
            );
            seq += 1;
        }
        batch.accounts = touched.iter().map(|address| self.stored(address)).collect();
        batch.projections = draft.finish();
        if self.held.len() > MOST_HELD {
            self.held.retain(|address, _| needed.contains(address));
        }
        Ok(Replayed { batch, stopped })
    }

    /// Forgets what is in memory. It is read from Postgres again when it is needed.
    pub(crate) fn forget(&mut self) {
        self.held.clear();
    }

    /// Reads the accounts that the transactions need and that are not in memory. Returns all that
    /// they need.
    async fn load(
        &mut self,
        writer: &mut Writer,
        transactions: &[Transaction],
    ) -> Result<BTreeSet<Pubkey>, Failure> {
        let mut needed: BTreeSet<_> = transactions.iter().flat_map(needs).collect();
        self.read(writer, &needed).await?;
        // The sums of a referral follow from its conversions, also from those that no longer name it.
        let uncertain = needed.iter().filter_map(|address| self.held.get(address));
        let referrals: BTreeSet<_> = uncertain
            .filter_map(|held| match (&held.account, &held.doubt) {
                (Some(Account::Conversion(account)), Some(_)) => Some(account.referral),
                _ => None,
            })
            .collect();
        self.read(writer, &referrals).await?;
        needed.extend(referrals);
        Ok(needed)
    }

    /// Reads those of these accounts that are not in memory.
    async fn read(
        &mut self,
        writer: &mut Writer,
        needed: &BTreeSet<Pubkey>,
    ) -> Result<(), Failure> {
        let missing: Vec<_> = needed
            .iter()
            .filter(|address| !self.held.contains_key(address))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let texts: Vec<_> = missing.iter().map(ToString::to_string).collect();
        let rows = writer.accounts(&texts).await?;
        for address in missing {
            self.held.insert(*address, Held::default());
        }
        for row in rows {
            let address = parse(&row.address)?;
            let held = Held {
                account: row
                    .data
                    .as_deref()
                    .map(|data| decode(&row.address, data))
                    .transpose()?,
                doubt: doubt(&row.address, row.doubt.as_deref())?,
                changed: Some((row.seq, row.slot)),
            };
            self.held.insert(address, held);
        }
        Ok(())
    }

    /// Takes over the changes of one transaction.
    fn take(
        &mut self,
        effects: &[Effects],
        by: By,
        revocable: bool,
        before: &mut Vec<Before>,
        draft: &mut Draft,
    ) -> Result<(), vouch_client::accounts::DecodeError> {
        let mut seen = BTreeSet::new();
        for Effects { changes, facts, .. } in effects {
            let sale = facts.iter().find_map(|fact| match fact {
                Fact::Sale(sale) => Some(sale),
                _ => None,
            });
            for change in changes {
                let address = change.address;
                let held = self.held.entry(address).or_default();
                if revocable && seen.insert(address) {
                    before.push(Before {
                        seq: by.seq,
                        address: address.to_string(),
                        data: held.account.as_ref().map(encode),
                        before_seq: held.changed.map(|(seq, _)| seq),
                        before_slot: held.changed.map(|(_, slot)| slot),
                        doubt: held.doubt.map(|doubt| doubt.encode()),
                    });
                }
                let settled = facts.iter().find_map(|fact| proven(fact, &address));
                let known = settled.and_then(|settled| {
                    let account = held.account.clone()?;
                    Some(with_settled(account, settled))
                });
                if known.is_some() {
                    draft.change(address, held.account.as_ref(), known.as_ref(), by)?;
                }
                let old = known.as_ref().or(held.account.as_ref());
                match (&change.account, sale) {
                    (Some(Account::Conversion(account)), Some(sale))
                        if sale.conversion == address =>
                    {
                        draft.sale(sale, account, by);
                    }
                    // A reward that is owed no longer was not paid, even if its account survives.
                    (_, _)
                        if has_ended(change) || facts.iter().any(|fact| lapsed(fact, &address)) =>
                    {
                        draft.change(address, old, None, by)?;
                    }
                    (after, _) => {
                        draft.change(address, old, after.as_ref(), by)?;
                    }
                }
                held.account.clone_from(&change.account);
                held.doubt = change.doubt;
                held.changed = Some((by.seq, by.slot));
            }
        }
        Ok(())
    }

    /// The row of an account that was changed.
    fn stored(&self, address: &Pubkey) -> mirror::Account {
        let held = self.held.get(address).cloned().unwrap_or_default();
        let (seq, slot) = held.changed.unwrap_or_default();
        mirror::Account {
            address: address.to_string(),
            data: held.account.as_ref().map(encode),
            seq,
            slot,
            doubt: held.doubt.map(|doubt| doubt.encode()),
        }
    }
}

/// Whether the change may be the end of a conversion's claim period.
fn has_ended(change: &Change) -> bool {
    matches!(change.doubt, Some(Doubt::Conversion(states)) if states.has_ended())
}

/// The parts that earlier calls are now known to have settled.
fn proven(fact: &Fact, address: &Pubkey) -> Option<u8> {
    match fact {
        Fact::PartsProven {
            conversion,
            settled,
            ..
        } if conversion == address => Some(*settled),
        _ => None,
    }
}

/// The conversion with these parts settled.
fn with_settled(account: Account, settled: u8) -> Account {
    match account {
        Account::Conversion(mut conversion) => {
            conversion.settled = settled;
            if settled == settled::ALL {
                conversion.status = Status::Paid;
            }
            Account::Conversion(conversion)
        }
        account => account,
    }
}

/// Whether an account of a node can be the one that was computed, of which this is uncertain.
pub(crate) fn agrees(doubt: Option<Doubt>, computed: Option<&[u8]>, found: Option<&[u8]>) -> bool {
    let Some(doubt) = doubt else {
        return computed == found;
    };
    let read = |data: Option<&[u8]>| data.map(Account::decode).transpose();
    match (read(computed), read(found)) {
        (Ok(computed), Ok(found)) => doubt.allows(computed.as_ref(), found.as_ref()),
        _ => false,
    }
}

fn lapsed(fact: &Fact, address: &Pubkey) -> bool {
    matches!(fact, Fact::ConversionLapsed { conversion, .. } if conversion == address)
}

/// Undoes all mirrored transactions after number `seq`.
pub(crate) async fn rewind(writer: &mut Writer, seq: i64) -> Result<(), Failure> {
    let before = writer.before(seq).await?;
    let addresses: Vec<_> = before.iter().map(|row| row.address.clone()).collect();
    let conversions = writer.conversions(&addresses).await?;
    let mut draft = Draft::default();
    let mut restored = HashMap::new();
    for row in &before {
        let account = row
            .data
            .as_deref()
            .map(|data| decode(&row.address, data))
            .transpose()?;
        let by = By {
            seq: row.before_seq.unwrap_or_default(),
            slot: row.before_slot.unwrap_or_default(),
            time: 0,
        };
        draft
            .undo(parse(&row.address)?, account.as_ref(), by)
            .map_err(|error| Failure::Corrupt(format!("{}: {error}", row.address)))?;
        restored.insert(row.address.as_str(), (account, row.before_seq));
    }
    for conversion in &conversions {
        let account = match restored.get(conversion.address.as_str()) {
            Some((Some(Account::Conversion(account)), _)) => Some(&**account),
            // It was closed before already.
            Some((None, Some(_))) => continue,
            _ => None,
        };
        draft.undo_conversion(parse(&conversion.address)?, conversion, account);
    }
    writer.rewind(seq, &before, &draft.finish()).await?;
    Ok(())
}

/// Replays one transaction. Asks the node for what the transaction does not tell.
pub(crate) async fn effects(
    ledger: &(impl View + ?Sized),
    chain: &Chain,
    transaction: &Transaction,
) -> Result<Vec<Effects>, Failure> {
    let mut given = Given::default();
    loop {
        match vouch_replay::transaction(ledger, transaction, &given) {
            Ok(effects) => return Ok(effects),
            Err(vouch_replay::Error {
                kind: Kind::Needs(Need::MintDecimals(mint)),
                ..
            }) if given.decimals.iter().all(|(known, _)| *known != mint) => {
                given.decimals.push((mint, chain.decimals(&mint).await?));
            }
            Err(error) => return Err(unreadable(transaction, error)),
        }
    }
}

fn row(transaction: &Transaction, by: By) -> mirror::Transaction {
    use vouch_replay::transaction::Outcome;
    let (failed_instruction, error_code) = match transaction.outcome {
        Outcome::Succeeded => (None, None),
        Outcome::Failed { instruction, code } => (instruction, code),
    };
    mirror::Transaction {
        seq: by.seq,
        slot: by.slot,
        block_index: transaction
            .index
            .and_then(|index| i32::try_from(index).ok()),
        block_time: by.time,
        signature: Signature::from(transaction.signature).to_string(),
        succeeded: transaction.succeeded(),
        failed_instruction: failed_instruction.map(i16::from),
        error_code: error_code.map(i64::from),
    }
}

/// Every call of the program, also those of a failed transaction.
fn calls(transaction: &Transaction, by: By) -> impl Iterator<Item = mirror::Call> {
    transaction.attempts().map(move |call| {
        let layout = Layout::of(call.data);
        let named = |name: &str| {
            let position = layout?.position(name)?;
            call.accounts.get(position).map(ToString::to_string)
        };
        let signer = layout.and_then(|layout| {
            let mut signers = layout.accounts.iter().filter(|(_, signs)| *signs);
            signers.find(|(name, _)| *name != "payer")
        });
        // A message has at most 64 instructions, and a transaction at most 64 CPIs and more.
        let index = |at: usize| i16::try_from(at).unwrap_or(i16::MAX);
        mirror::Call {
            seq: by.seq,
            instruction: index(call.position.instruction),
            inner_index: call.position.inner.map_or(-1, index),
            name: layout.map(|layout| layout.name.to_owned()),
            campaign: named("campaign"),
            referral: named("referral"),
            conversion: named("conversion"),
            wallet: signer.and_then(|(name, _)| named(name)),
        }
    })
}

/// An account that the mirror holds, which this version or an earlier one wrote.
fn decode(address: &str, data: &[u8]) -> Result<Account, Failure> {
    Account::decode(data).map_err(|error| Failure::Corrupt(format!("{address}: {error}")))
}

/// The doubt about an account.
pub(crate) fn doubt(address: &str, bytes: Option<&[u8]>) -> Result<Option<Doubt>, Failure> {
    let doubt = bytes.map(Doubt::decode).transpose();
    doubt.map_err(|error| Failure::Corrupt(format!("{address}: {error}")))
}

fn parse(address: &str) -> Result<Pubkey, Failure> {
    address
        .parse()
        .map_err(|_| Failure::Corrupt(format!("{address} is not an address")))
}

/// The failure of a transaction that cannot be replayed.
fn unreadable(transaction: &Transaction, error: impl std::fmt::Display) -> Failure {
    Failure::Replay {
        signature: Signature::from(transaction.signature).to_string(),
        slot: transaction.slot,
        reason: error.to_string(),
    }
}

/// A slot of the chain as the mirror stores it.
pub(crate) fn slot(slot: u64) -> Result<i64, Failure> {
    i64::try_from(slot).map_err(|error| Failure::chain("slot", error))
}
