//! Accounts, where the runtime puts them in the program's input: their number, then one
//! record after the other. <https://docs.rs/solana-program-entrypoint>, `deserialize`.

use core::{array, ptr::read_unaligned};

use crate::calls::{Bytes, Info};

/// Offsets in an account's record.
const KEY: usize = 8;
const OWNER: usize = 40;
const LAMPORTS: usize = 72;
const LENGTH: usize = 80;
const DATA: usize = 88;
/// Bytes after the data: room to grow, and the rent epoch.
const AFTER_DATA: usize = 10_240 + 8;
/// First byte of a record, unless the account is an earlier one again.
const NEW: u8 = 0xff;

/// Offsets of a campaign's bump, creator and id.
const BUMP: usize = 9;
const CREATOR: usize = 21;
const ID: usize = 53;

/// The accounts that were not taken yet.
pub struct Accounts {
    number: u64,
    next: *mut u8,
}

impl Accounts {
    /// # Safety
    /// `input` is the runtime's, and has what is taken of it.
    #[inline(always)]
    pub unsafe fn of(input: *mut u8) -> Self {
        Self {
            number: input.cast::<u64>().read(),
            next: input.add(8),
        }
    }

    /// Number of all accounts, those that were taken included.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Takes one, which is no earlier one.
    #[inline(always)]
    pub fn take(&mut self) -> Account {
        let account = Account(self.next);
        let aligned = (account.len() as usize).wrapping_add(7) & !7;
        // SAFETY: the next record begins there.
        self.next = unsafe { self.next.add(aligned).add(DATA + AFTER_DATA) };
        account
    }

    /// Takes one, which may be `earlier` again.
    #[inline(always)]
    pub fn take_or(&mut self, earlier: Account) -> Account {
        // SAFETY: a record begins here. A repeated account has eight bytes.
        unsafe {
            if *self.next == NEW {
                return self.take();
            }
            self.next = self.next.add(8);
        }
        earlier
    }

    /// Takes several, none of which is an earlier one.
    #[inline(always)]
    pub fn take_all<const N: usize>(&mut self) -> [Account; N] {
        array::from_fn(|_| self.take())
    }
}

/// One account.
#[derive(Clone, Copy)]
pub struct Account(*mut u8);

impl Account {
    #[inline(always)]
    fn at(self, offset: usize) -> *mut u8 {
        // SAFETY: offsets are of fields that every record has, or of data that the
        // instruction's accounts have.
        unsafe { self.0.add(offset) }
    }

    pub fn key(self) -> *const u8 {
        self.at(KEY)
    }

    pub fn data(self, offset: usize) -> *mut u8 {
        self.at(DATA).wrapping_add(offset)
    }

    fn len(self) -> u64 {
        // SAFETY: the record has its length here.
        unsafe { self.at(LENGTH).cast::<u64>().read() }
    }

    pub fn give(self, lamports: u64) {
        // SAFETY: the record has its lamports here.
        unsafe {
            let balance = self.at(LAMPORTS).cast::<u64>();
            *balance = (*balance).wrapping_add(lamports);
        }
    }

    pub fn take(self, lamports: u64) {
        self.give(lamports.wrapping_neg());
    }

    /// The account as a CPI takes it.
    #[inline(always)]
    pub fn info(self) -> Info {
        Info::new(
            self.at(KEY),
            self.at(LAMPORTS),
            self.len(),
            self.at(DATA),
            self.at(OWNER),
        )
    }

    /// The seeds of this campaign's signature.
    #[inline(always)]
    pub fn seeds(self) -> [Bytes<'static>; 4] {
        [
            Bytes::of(b"campaign"),
            Bytes::new(self.data(CREATOR), 32),
            Bytes::new(self.data(ID), 8),
            Bytes::new(self.data(BUMP), 1),
        ]
    }
}

/// 32 bytes, as words: four loads instead of a call that copies.
#[inline(always)]
pub fn words(bytes: *const u8) -> [u64; 4] {
    // SAFETY: callers have 32 bytes there; a load needs no alignment.
    array::from_fn(|at| unsafe { read_unaligned(bytes.cast::<u64>().add(at)) })
}
