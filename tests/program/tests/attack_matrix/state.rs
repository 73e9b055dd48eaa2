//! Compares states of a chain: lamports, owner and bytes of every account.

use std::collections::{BTreeMap, BTreeSet};

use litesvm::LiteSVM;
use solana_sdk::{account::Account as ChainAccount, pubkey::Pubkey};
use vouch_client::token::TOKEN_PROGRAM_ID;
use vouch_program_tests::TOKEN_2022;

/// Owns the sysvars, which the runtime writes.
const SYSVARS: Pubkey = Pubkey::from_str_const("Sysvar1111111111111111111111111111111111111");

/// The account at `address`; an empty one if it does not exist.
pub(crate) fn account(svm: &LiteSVM, address: &Pubkey) -> ChainAccount {
    svm.get_account(address).unwrap_or_default()
}

/// The change of one account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Change {
    pub(crate) lamports: i128,
    /// Base units of a token account, or the supply of a mint.
    pub(crate) units: i128,
    /// The new owner.
    owner: Option<Pubkey>,
    /// Whether the executable flag changed.
    executable: bool,
    /// The new size in bytes.
    length: Option<usize>,
    /// The new bytes by their position, without those of `units`.
    bytes: BTreeMap<usize, u8>,
}

impl Change {
    /// The difference between two states of one account.
    pub(crate) fn between(before: &ChainAccount, after: &ChainAccount) -> Self {
        let ((old, had), (new, has)) = (units(before), units(after));
        let changed = new
            .iter()
            .enumerate()
            .filter(|(at, byte)| old.get(*at) != Some(*byte));
        Self {
            lamports: i128::from(after.lamports) - i128::from(before.lamports),
            units: i128::from(has) - i128::from(had),
            owner: (before.owner != after.owner).then_some(after.owner),
            executable: before.executable != after.executable,
            length: (old.len() != new.len()).then_some(new.len()),
            bytes: changed.map(|(at, byte)| (at, *byte)).collect(),
        }
    }

    /// The change without lamports and units.
    pub(crate) fn record(&self) -> Self {
        Self {
            lamports: 0,
            units: 0,
            ..self.clone()
        }
    }

    fn add(&mut self, other: &Self) {
        self.lamports += other.lamports;
        self.units += other.units;
        self.owner = other.owner.or(self.owner);
        self.executable |= other.executable;
        self.length = other.length.or(self.length);
        self.bytes.extend(&other.bytes);
    }
}

/// The bytes of an account with zeros for its base units, and those units.
fn units(account: &ChainAccount) -> (Vec<u8>, u64) {
    let mut data = account.data.clone();
    let tokens = account.owner == TOKEN_PROGRAM_ID || account.owner == TOKEN_2022;
    // The supply of a mint, or the amount of a token account. With extensions, byte 165
    // says which of the two it is.
    let at = match (data.len(), data.get(165)) {
        _ if !tokens => None,
        (82, _) | (_, Some(1)) => Some(36),
        (165, _) | (_, Some(2)) => Some(64),
        _ => None,
    };
    let Some(at) = at else {
        return (data, 0);
    };
    let number = data[at..at + 8].try_into().expect("eight bytes");
    data[at..at + 8].fill(0);
    (data, u64::from_le_bytes(number))
}

/// The changes of all accounts that changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Changes(BTreeMap<Pubkey, Change>);

impl Changes {
    /// The difference between two states of a chain, without sysvars and without
    /// `fee_payer`.
    pub(crate) fn between(before: &LiteSVM, after: &LiteSVM, fee_payer: &Pubkey) -> Self {
        let (old, new) = (&before.accounts_db().inner, &after.accounts_db().inner);
        let addresses: BTreeSet<&Pubkey> = old.keys().chain(new.keys()).collect();
        let mut changes = Self::default();
        for address in addresses {
            if address == fee_payer || old.get(address) == new.get(address) {
                continue;
            }
            let (before, after) = (account(before, address), account(after, address));
            if before.owner != SYSVARS && after.owner != SYSVARS {
                changes.set(address, Change::between(&before, &after));
            }
        }
        changes
    }

    /// Whether nothing changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All accounts that changed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Pubkey, &Change)> {
        self.0.iter()
    }

    /// The change of this account.
    pub(crate) fn get(&self, address: &Pubkey) -> Change {
        self.0.get(address).cloned().unwrap_or_default()
    }

    /// Replaces the change of this account.
    pub(crate) fn set(&mut self, address: &Pubkey, change: Change) {
        if change == Change::default() {
            self.0.remove(address);
        } else {
            self.0.insert(*address, change);
        }
    }

    /// Updates the change of this account.
    pub(crate) fn update(&mut self, address: &Pubkey, update: impl FnOnce(&mut Change)) {
        let mut change = self.get(address);
        update(&mut change);
        self.set(address, change);
    }

    /// Adds `more` to the change of this account.
    pub(crate) fn add(&mut self, address: &Pubkey, more: &Change) {
        self.update(address, |change| change.add(more));
    }

    /// The accounts whose changes differ, with both changes.
    pub(crate) fn differences(&self, other: &Self) -> BTreeMap<Pubkey, (Change, Change)> {
        let addresses = self.0.keys().chain(other.0.keys());
        addresses
            .map(|address| (*address, (self.get(address), other.get(address))))
            .filter(|(_, (one, another))| one != another)
            .collect()
    }
}
