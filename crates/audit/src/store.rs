//! The accounts and rows that a history leaves, in a temporary file.
//!
//! The accounts, the rows of a digest, and which of them can still be cancelled. Memory holds a cache
//! of fixed size, and what one transaction needs.

use std::collections::BTreeMap;

use redb::{Database, Durability, ReadableTable as _, TableDefinition, WriteTransaction};
use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::Account;
use vouch_replay::{Doubt, Effects, Fact, Transaction, View, encode, needs};

use crate::{
    digest::{Builder, Digest, Head, OutOfOrder},
    row::{Conversion, NotARow, Payment, Row},
};

type Key = [u8; 32];

/// The bytes of every account, by address.
const ACCOUNTS: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("accounts");
/// The encoded rows, in their order.
const ROWS: TableDefinition<'_, &[u8], ()> = TableDefinition::new("rows");
/// The encoded rows of conversions that were held and not settled since, by the conversion.
const HELD: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("held");

/// The doubts about accounts, encoded, by address.
const DOUBTS: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("doubts");

/// Bytes of the file that are in memory.
const CACHE: usize = 64 << 20;
/// Changes between two commits: only a commit frees the pages that were replaced.
const COMMIT_EVERY: u32 = 20_000;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The temporary file cannot be written or read.
    #[error("the temporary file: {0}")]
    File(String),
    /// The temporary file does not hold what was written.
    #[error("the temporary file is damaged: {0}")]
    Damaged(String),
}

impl<E: Into<redb::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::File(error.into().to_string())
    }
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::Damaged(error.to_string())
}

impl From<NotARow> for Error {
    fn from(error: NotARow) -> Self {
        damaged(error)
    }
}

impl From<OutOfOrder> for Error {
    fn from(error: OutOfOrder) -> Self {
        damaged(error)
    }
}

/// The accounts that a transaction needs, as they are before it.
#[derive(Debug, Default)]
pub struct Before {
    accounts: BTreeMap<Pubkey, Account>,
    doubts: BTreeMap<Pubkey, Doubt>,
}

impl View for Before {
    fn account(&self, address: &Pubkey) -> Option<&Account> {
        self.accounts.get(address)
    }

    fn doubt(&self, address: &Pubkey) -> Option<Doubt> {
        self.doubts.get(address).copied()
    }
}

/// The accounts and rows that a history leaves. Its temporary file is gone when the process ends.
pub struct Store {
    // Before the file, so that it ends first.
    open: Option<WriteTransaction>,
    database: Database,
    changes: u32,
    /// Uncertain conversions that have an account.
    provable: u64,
}

impl Store {
    /// An empty store in the folder of temporary files (`TMPDIR`).
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be created.
    pub fn new() -> Result<Self, Error> {
        let file = tempfile::tempfile().map_err(redb::Error::Io)?;
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create_file(file)?;
        let mut store = Self {
            open: None,
            database,
            changes: 0,
            provable: 0,
        };
        store.begin()?;
        Ok(store)
    }

    fn begin(&mut self) -> Result<(), Error> {
        let open = self.database.begin_write()?;
        open.open_table(ACCOUNTS)?;
        open.open_table(ROWS)?;
        open.open_table(HELD)?;
        open.open_table(DOUBTS)?;
        self.open = Some(open);
        Ok(())
    }

    fn open(&self) -> Result<&WriteTransaction, Error> {
        self.open
            .as_ref()
            .ok_or_else(|| damaged("an earlier failure"))
    }

    /// The accounts that a transaction needs, as they are before it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn view(&self, transaction: &Transaction) -> Result<Before, Error> {
        let mut before = Before::default();
        for address in needs(transaction) {
            self.load(&mut before, address)?;
            // The sums of a referral follow from its conversions.
            let account = before.accounts.get(&address);
            if let (Some(Account::Conversion(account)), true) =
                (account, before.doubts.contains_key(&address))
            {
                let referral = account.referral;
                self.load(&mut before, referral)?;
            }
        }
        Ok(before)
    }

    fn load(&self, before: &mut Before, address: Pubkey) -> Result<(), Error> {
        if let Some(bytes) = self.account(&address)? {
            let account = Account::decode(&bytes).map_err(damaged)?;
            before.accounts.insert(address, account);
        }
        if let Some(doubt) = self.doubt(&address)? {
            before.doubts.insert(address, doubt);
        }
        Ok(())
    }

    /// Takes over the effects of the transaction with this number and time.
    ///
    /// # Errors
    /// See [`Error`]. The store must not be used any more then.
    pub fn apply(&mut self, seq: u64, time: i64, effects: &[Effects]) -> Result<(), Error> {
        let mut provable = self.provable;
        {
            let open = self.open()?;
            let mut accounts = open.open_table(ACCOUNTS)?;
            let mut doubts = open.open_table(DOUBTS)?;
            for change in effects.iter().flat_map(|effects| &effects.changes) {
                let address = change.address.to_bytes();
                let doubt = match &change.doubt {
                    Some(doubt) => doubts.insert(address, doubt.encode().as_slice())?,
                    None => doubts.remove(address)?,
                };
                let doubt = doubt.map(|doubt| Doubt::decode(doubt.value()));
                let doubt = doubt.transpose().map_err(damaged)?;
                let account = match &change.account {
                    Some(account) => accounts.insert(address, encode(account).as_slice())?,
                    None => accounts.remove(address)?,
                };
                if account.is_some() && matches!(doubt, Some(Doubt::Conversion(_))) {
                    provable = provable.saturating_sub(1);
                }
                if change.account.is_some() && matches!(change.doubt, Some(Doubt::Conversion(_))) {
                    provable = provable.saturating_add(1);
                }
            }
            let mut rows = open.open_table(ROWS)?;
            let mut held = open.open_table(HELD)?;
            for fact in effects.iter().flat_map(|effects| &effects.facts) {
                match fact {
                    Fact::Sale(sale) => {
                        let row = Row::Conversion(Conversion::of(seq, time, sale)).encode();
                        rows.insert(row.as_slice(), ())?;
                        if sale.hold_seconds != 0 {
                            held.insert(sale.conversion.to_bytes(), row.as_slice())?;
                        }
                    }
                    Fact::PartPaid(paid) => {
                        let row = Row::Payment(Payment::of(seq, paid)).encode();
                        rows.insert(row.as_slice(), ())?;
                        held.remove(paid.conversion.to_bytes())?;
                    }
                    Fact::ConversionCancelled { conversion, .. } => {
                        if let Some(row) = held.remove(conversion.to_bytes())? {
                            rows.remove(row.value())?;
                        }
                    }
                    Fact::ConversionReleased { conversion }
                    | Fact::ConversionLapsed { conversion, .. } => {
                        held.remove(conversion.to_bytes())?;
                    }
                    _ => {}
                }
            }
        }
        self.provable = provable;
        self.changes += 1;
        if self.changes >= COMMIT_EVERY {
            self.changes = 0;
            if let Some(mut open) = self.open.take() {
                // The file does not outlive the process.
                open.set_durability(Durability::Immediate)?;
                open.commit()?;
            }
            self.begin()?;
        }
        Ok(())
    }

    /// The bytes of an account; `None` if there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn account(&self, address: &Pubkey) -> Result<Option<Vec<u8>>, Error> {
        let accounts = self.open()?.open_table(ACCOUNTS)?;
        let found = accounts.get(address.to_bytes())?;
        Ok(found.map(|bytes| bytes.value().to_vec()))
    }

    /// The doubt about an account.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn doubt(&self, address: &Pubkey) -> Result<Option<Doubt>, Error> {
        let doubts = self.open()?.open_table(DOUBTS)?;
        let found = doubts.get(address.to_bytes())?;
        let doubt = found.map(|bytes| Doubt::decode(bytes.value()));
        doubt.transpose().map_err(damaged)
    }

    /// Number of conversions of which the history does not tell what was paid.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn uncertain(&self) -> Result<u64, Error> {
        let doubts = self.open()?.open_table(DOUBTS)?;
        let mut uncertain = 0_u64;
        for entry in doubts.iter()? {
            let doubt = Doubt::decode(entry?.1.value()).map_err(damaged)?;
            uncertain += u64::from(matches!(doubt, Doubt::Conversion(_)));
        }
        Ok(uncertain)
    }

    /// Whether a claim that fails may prove something: there is an uncertain conversion that has an
    /// account.
    #[must_use]
    pub fn is_provable(&self) -> bool {
        self.provable > 0
    }

    /// Calls `each` with the address of every account, in their order.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn addresses(&self, mut each: impl FnMut(Pubkey)) -> Result<(), Error> {
        let accounts = self.open()?.open_table(ACCOUNTS)?;
        for entry in accounts.iter()? {
            each(Pubkey::new_from_array(entry?.0.value()));
        }
        Ok(())
    }

    /// The digest of this moment, which must not be later than the last transaction that was
    /// applied. A conversion that was cancelled later could still be cancelled then, so it does not count.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn digest(&self, head: Head) -> Result<Digest, Error> {
        let upto = head.seq;
        let mut builder = Builder::new(head);
        self.rows(0, upto, |row| Ok(builder.push(&row)?))?;
        Ok(builder.finish())
    }

    /// Calls `each` with the rows of the transactions after `after` up to `upto`, in their order.
    /// Conversions that can still be cancelled are among them.
    ///
    /// # Errors
    /// See [`Error`], and what `each` returns.
    pub fn rows(
        &self,
        after: u64,
        upto: u64,
        mut each: impl FnMut(Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let rows = self.open()?.open_table(ROWS)?;
        let from = after.saturating_add(1).to_be_bytes();
        // No transaction has the greatest number.
        let to = upto.saturating_add(1).to_be_bytes();
        for entry in rows.range::<&[u8]>(from.as_slice()..to.as_slice())? {
            each(Row::decode(entry?.0.value())?)?;
        }
        Ok(())
    }
}
