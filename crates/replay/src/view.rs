//! The accounts before a call, and the changes that it makes.

use std::collections::{BTreeMap, HashMap};

use borsh::BorshSerialize;
use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::{
    Account, AccountType, Binding, Campaign, Closed, Conversion, Referral, Referrer, RevokedVoucher,
};

use crate::{doubt::Doubt, error::Kind};

/// The program's accounts before a call. [`crate::touches`] lists those that a call needs.
pub trait View {
    /// The account at `address`; `None` if the program owns none there.
    fn account(&self, address: &Pubkey) -> Option<&Account>;

    /// The doubt about the account at `address`, as the last [`Change`] of it says.
    fn doubt(&self, address: &Pubkey) -> Option<Doubt> {
        let _ = address;
        None
    }
}

impl View for HashMap<Pubkey, Account> {
    fn account(&self, address: &Pubkey) -> Option<&Account> {
        self.get(address)
    }
}

impl View for BTreeMap<Pubkey, Account> {
    fn account(&self, address: &Pubkey) -> Option<&Account> {
        self.get(address)
    }
}

/// A changed account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The account.
    pub address: Pubkey,
    /// The account afterwards; `None` if it was removed.
    pub account: Option<Account>,
    /// The doubt about it. The account is then the one in which the least was paid.
    pub doubt: Option<Doubt>,
}

impl Change {
    /// The account's bytes afterwards; `None` if it was removed.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        self.account.as_ref().map(encode)
    }
}

/// The bytes of the account on chain, discriminator included.
#[must_use]
pub fn encode(account: &Account) -> Vec<u8> {
    match account {
        Account::Binding(account) => bytes(&**account),
        Account::Campaign(account) => bytes(&**account),
        Account::Closed(account) => bytes(&**account),
        Account::Conversion(account) => bytes(&**account),
        Account::Referral(account) => bytes(&**account),
        Account::Referrer(account) => bytes(&**account),
        Account::RevokedVoucher(account) => bytes(&**account),
    }
}

fn bytes<T: AccountType + BorshSerialize>(account: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(T::SIZE);
    bytes.extend_from_slice(&T::DISCRIMINATOR);
    // A vector takes every byte.
    let _ = account.serialize(&mut bytes);
    bytes
}

/// The view of a call after earlier calls of its transaction.
pub(crate) struct Overlay<'a, V: ?Sized> {
    base: &'a V,
    changed: BTreeMap<Pubkey, (Option<Account>, Option<Doubt>)>,
}

impl<'a, V: View + ?Sized> Overlay<'a, V> {
    pub(crate) fn new(base: &'a V) -> Self {
        Self {
            base,
            changed: BTreeMap::new(),
        }
    }

    pub(crate) fn take(&mut self, changes: &[Change]) {
        for change in changes {
            let now = (change.account.clone(), change.doubt);
            self.changed.insert(change.address, now);
        }
    }
}

impl<V: View + ?Sized> View for Overlay<'_, V> {
    fn account(&self, address: &Pubkey) -> Option<&Account> {
        match self.changed.get(address) {
            Some((changed, _)) => changed.as_ref(),
            None => self.base.account(address),
        }
    }

    fn doubt(&self, address: &Pubkey) -> Option<Doubt> {
        match self.changed.get(address) {
            Some((_, doubt)) => *doubt,
            None => self.base.doubt(address),
        }
    }
}

/// A type of account, taken out of [`Account`].
pub(crate) trait Typed: AccountType {
    fn of(account: &Account) -> Option<&Self>;
}

macro_rules! typed {
    ($($type:ident),*) => {
        $(impl Typed for $type {
            fn of(account: &Account) -> Option<&Self> {
                match account {
                    Account::$type(account) => Some(account),
                    _ => None,
                }
            }
        })*

        pub(crate) fn name(account: &Account) -> &'static str {
            match account {
                $(Account::$type(_) => $type::NAME,)*
            }
        }
    };
}

typed!(
    Binding,
    Campaign,
    Closed,
    Conversion,
    Referral,
    Referrer,
    RevokedVoucher
);

/// The account at `address` as a `T`.
pub(crate) fn read<'v, T: Typed>(
    view: &'v (impl View + ?Sized),
    address: &Pubkey,
) -> Result<&'v T, Kind> {
    let account = view
        .account(address)
        .ok_or(Kind::UnknownAccount(*address))?;
    T::of(account).ok_or_else(|| Kind::WrongType {
        address: *address,
        expected: T::NAME,
        found: name(account),
    })
}
