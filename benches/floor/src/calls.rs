//! CPIs into the System program and the token programs, with the structures that the
//! runtime reads: <https://docs.rs/solana-define-syscall>, `sol_invoke_signed_c`.

use core::{marker::PhantomData, mem::MaybeUninit};

use crate::{
    account::{words, Account},
    runtime::{invoke_signed, rent},
    PART,
};

/// The System program's address.
static SYSTEM: [u8; 32] = [0; 32];
/// Instructions of the System program.
const CREATE_ACCOUNT: u32 = 0;
const TRANSFER: u32 = 2;
const CREATE_ACCOUNT_WITH_SEED: u32 = 3;
/// Instructions of the token programs.
const SET_AUTHORITY: u8 = 6;
const MINT_TO: u8 = 7;
const TRANSFER_CHECKED: u8 = 12;
/// Only p-token has it: several instructions, each after its number of accounts and bytes.
const BATCH: u8 = 255;

/// A slice.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Bytes<'a> {
    start: *const u8,
    len: u64,
    lifetime: PhantomData<&'a ()>,
}

impl<'a> Bytes<'a> {
    /// Bytes of the input.
    pub const fn new(start: *const u8, len: u64) -> Self {
        Self {
            start,
            len,
            lifetime: PhantomData,
        }
    }

    /// Elements of any type.
    pub const fn of<T>(elements: &'a [T]) -> Self {
        Self::new(elements.as_ptr().cast(), elements.len() as u64)
    }
}

/// An account that the program has.
#[repr(C)]
pub struct Info {
    key: *const u8,
    lamports: *const u8,
    len: u64,
    data: *const u8,
    owner: *const u8,
    /// Rent epoch and flags. The runtime has its own.
    unread: MaybeUninit<[u64; 2]>,
}

impl Info {
    #[inline(always)]
    pub const fn new(
        key: *const u8,
        lamports: *const u8,
        len: u64,
        data: *const u8,
        owner: *const u8,
    ) -> Self {
        Self {
            key,
            lamports,
            len,
            data,
            owner,
            unread: MaybeUninit::uninit(),
        }
    }

    const fn readonly(&self) -> Meta {
        self.meta(false, false)
    }

    const fn signer(&self) -> Meta {
        self.meta(false, true)
    }

    const fn writable(&self) -> Meta {
        self.meta(true, false)
    }

    const fn payer(&self) -> Meta {
        self.meta(true, true)
    }

    const fn meta(&self, writable: bool, signer: bool) -> Meta {
        Meta {
            key: self.key,
            writable,
            signer,
        }
    }
}

/// An account of an instruction.
#[repr(C)]
struct Meta {
    key: *const u8,
    writable: bool,
    signer: bool,
}

/// An instruction.
#[repr(C)]
pub struct Instruction<'a> {
    program: *const u8,
    accounts: Bytes<'a>,
    data: Bytes<'a>,
}

/// An instruction's data, put together without padding.
struct Data {
    bytes: MaybeUninit<[u8; 124]>,
    len: usize,
}

impl Data {
    // No constant: that would be filled with zeros.
    #[inline(always)]
    fn new() -> Self {
        Self {
            bytes: MaybeUninit::uninit(),
            len: 0,
        }
    }

    #[inline(always)]
    fn put<T>(mut self, value: T) -> Self {
        // SAFETY: the longest data has 124 bytes.
        unsafe {
            let end = self.bytes.as_mut_ptr().cast::<u8>().add(self.len);
            end.cast::<T>().write_unaligned(value);
        }
        self.len = self.len.wrapping_add(size_of::<T>());
        self
    }

    #[inline(always)]
    fn call(self, program: *const u8, accounts: &[Meta], infos: &[Info], signers: &[Bytes]) {
        let instruction = Instruction {
            program,
            accounts: Bytes::of(accounts),
            data: Bytes::new(self.bytes.as_ptr().cast(), self.len as u64),
        };
        invoke_signed(&instruction, infos, signers);
    }
}

/// An account to create.
#[derive(Clone, Copy)]
pub struct NewAccount {
    size: u64,
    lamports: u64,
    owner: *const u8,
}

impl NewAccount {
    /// An account of `size` bytes that belongs to the program at the address `owner`.
    #[inline(always)]
    pub fn new(size: u64, owner: *const u8) -> Self {
        Self {
            size,
            lamports: rent(size),
            owner,
        }
    }

    /// Creates it at the address of a key: the seed is the lower seven bits of each byte.
    /// The System program checks the address.
    #[inline(always)]
    pub fn create_keyed(self, infos: &[Info; 3], key: *const u8, signers: &[Bytes]) {
        let seed = |data: Data| {
            let seed = words(key).map(|word| word & 0x7f7f_7f7f_7f7f_7f7f);
            data.put(32u64).put(seed)
        };
        self.create_with_seed(infos, seed, signers);
    }

    /// Creates it at the address of a code, of 6 to 12 characters.
    #[inline(always)]
    pub fn create_coded(self, infos: &[Info; 3], code: *const u8, len: u64, signers: &[Bytes]) {
        let seed = |data: Data| {
            // SAFETY: after the code, the input has the program's address.
            let padded = unsafe { code.cast::<[u8; 12]>().read() };
            let mut data = data.put(len).put(padded);
            data.len = data.len.wrapping_sub(12).wrapping_add(len as usize);
            data
        };
        self.create_with_seed(infos, seed, signers);
    }

    /// The infos are those of payer, account and campaign.
    #[inline(always)]
    fn create_with_seed(
        self,
        infos: &[Info; 3],
        put_seed: impl FnOnce(Data) -> Data,
        signers: &[Bytes],
    ) {
        let [payer, account, campaign] = infos;
        let data = Data::new()
            .put(CREATE_ACCOUNT_WITH_SEED)
            .put(words(campaign.key));
        let accounts = [payer.payer(), account.writable(), campaign.signer()];
        let data = self.put_rest(put_seed(data));
        data.call(SYSTEM.as_ptr(), &accounts, infos, signers);
    }

    /// Creates it at a program-derived address, which signs.
    #[inline(always)]
    pub fn create_signed(self, infos: &[Info; 2], signers: &[Bytes]) {
        let [payer, account] = infos;
        let accounts = [payer.payer(), account.payer()];
        let data = self.put_rest(Data::new().put(CREATE_ACCOUNT));
        data.call(SYSTEM.as_ptr(), &accounts, infos, signers);
    }

    #[inline(always)]
    fn put_rest(self, data: Data) -> Data {
        let data = data.put(self.lamports).put(self.size);
        data.put(words(self.owner))
    }
}

/// Mints one part. The infos are those of campaign, mint and recipient.
#[inline(always)]
pub fn mint(infos: &[Info; 3], token_program: Account, signers: &[Bytes]) {
    let [campaign, mint, to] = infos;
    let accounts = [mint.writable(), to.writable(), campaign.signer()];
    let data = Data::new().put(MINT_TO).put(PART);
    data.call(token_program.key(), &accounts, infos, signers);
}

/// Mints a part to each of two recipients, in one call. The infos are those of campaign,
/// mint and recipients.
#[inline(always)]
pub fn mint_both(infos: &[Info; 4], token_program: Account, signers: &[Bytes]) {
    let [campaign, mint, first, second] = infos;
    let accounts = [
        mint.writable(),
        first.writable(),
        campaign.signer(),
        mint.writable(),
        second.writable(),
        campaign.signer(),
    ];
    let part = [3, 9, MINT_TO];
    let data = Data::new().put(BATCH);
    let data = data.put(part).put(PART).put(part).put(PART);
    data.call(token_program.key(), &accounts, infos, signers);
}

/// Moves one part. The infos are those of authority, mint, source and recipient.
#[inline(always)]
pub fn transfer(infos: &[Info; 4], decimals: u8, token_program: Account, signers: &[Bytes]) {
    let [authority, mint, from, to] = infos;
    let accounts = [
        from.writable(),
        mint.readonly(),
        to.writable(),
        authority.signer(),
    ];
    let data = Data::new().put(TRANSFER_CHECKED).put(PART).put(decimals);
    data.call(token_program.key(), &accounts, infos, signers);
}

/// Moves these amounts to two recipients, in one call. The infos are those of owner, mint,
/// source and recipients.
#[inline(always)]
pub fn transfer_both(infos: &[Info; 5], amounts: [u64; 2], decimals: u8, token_program: Account) {
    let [owner, mint, from, first, second] = infos;
    let accounts = [
        from.writable(),
        mint.readonly(),
        first.writable(),
        owner.signer(),
        from.writable(),
        mint.readonly(),
        second.writable(),
        owner.signer(),
    ];
    let part = [4, 10, TRANSFER_CHECKED];
    let [one, other] = amounts;
    let data = Data::new().put(BATCH);
    let data = data.put(part).put(one).put(decimals);
    let data = data.put(part).put(other).put(decimals);
    data.call(token_program.key(), &accounts, infos, &[]);
}

/// Makes `new` the mint's authority. The infos are those of campaign and mint.
#[inline(always)]
pub fn set_mint_authority(
    infos: &[Info; 2],
    new: *const u8,
    token_program: Account,
    signers: &[Bytes],
) {
    let [campaign, mint] = infos;
    // To mint is the first kind of authority; the new one is there.
    let data = Data::new().put([SET_AUTHORITY, 0, 1]).put(words(new));
    let accounts = [mint.writable(), campaign.signer()];
    data.call(token_program.key(), &accounts, infos, signers);
}

/// Moves lamports. The infos are those of source, which signed the transaction, and
/// recipient.
#[inline(always)]
pub fn pay(infos: &[Info; 2], lamports: u64) {
    let [from, to] = infos;
    let data = Data::new().put(TRANSFER).put(lamports);
    data.call(SYSTEM.as_ptr(), &[from.payer(), to.writable()], infos, &[]);
}
