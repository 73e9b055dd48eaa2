//! The floor of Vouch's compute units: the work of an instruction that no implementation
//! can avoid, and nothing else. Addresses, account sizes and CPIs are those of
//! `programs/referral`. Rules, counters, events and the contents of new accounts are left
//! out. It checks nothing: never deploy it.
//!
//! It runs at Vouch's address, with Vouch's accounts in the same order, so both create
//! the same accounts. The first byte of the data selects the instruction.
//!
//! It reads the runtime's input and writes what the runtime reads by itself: a framework's
//! accounts, borrows and errors would cost units of their own.

#![cfg_attr(target_os = "solana", no_std)]

mod account;
mod calls;
mod runtime;

use core::cell::Cell;

#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

use account::{words, Account, Accounts};
use calls::{
    mint, mint_both, pay, set_mint_authority, transfer, transfer_both, Bytes, Info, NewAccount,
};
use runtime::{is_point, sha256, Hash};

#[cfg(target_os = "solana")]
mod parts {
    pinocchio::no_allocator!();
    pinocchio::nostd_panic_handler!();
}

/// Sizes of Vouch's accounts in bytes, discriminators included.
const CAMPAIGN_SIZE: u64 = 1569;
const REFERRAL_SIZE: u64 = 319;
const CONVERSION_SIZE: u64 = 148;
const BINDING_SIZE: u64 = 153;
const REFERRER_SIZE: u64 = 117;
const REVOCATION_SIZE: u64 = 81;

/// Offsets of a mint's decimals, of a campaign's, of a conversion's status and of a
/// referral's pending rewards.
const MINT_DECIMALS: usize = 44;
const DECIMALS: usize = 16;
const STATUS: usize = 9;
const REWARDS_PENDING: usize = 279;

/// Amounts, in base units or lamports, of each part of a reward and of the rest of a
/// payment.
const PART: u64 = 1_000_000;
const REST: u64 = 9_000_000;

/// The suffix that the runtime hashes after the seeds and the program:
/// <https://solana.com/docs/core/pda>.
static PDA_MARKER: [u8; 21] = *b"ProgramDerivedAddress";

/// Runs the instruction that the first byte of `data` selects. The runtime passes where
/// the data begins beside the input: SIMD-0321.
///
/// # Safety
/// Both are the runtime's, with the accounts of the instruction.
#[cfg_attr(target_os = "solana", no_mangle)]
pub unsafe extern "C" fn entrypoint(input: *mut u8, data: *const u8) -> u64 {
    let accounts = Accounts::of(input);
    let args = Args::of(data);
    match *data {
        0 if accounts.number() > 9 => convert_for_two(accounts, args),
        0 => convert(accounts, args),
        1 => claim(accounts),
        2 => convert_held(accounts, args),
        3 => convert_from_vault(accounts, args),
        4 => claim_from_vault(accounts),
        5 => create_campaign(accounts, args),
        6 => create_referral(accounts, args),
        7 => bind(accounts, args),
        8 => purchase(accounts, args),
        9 => purchase_with_tokens(accounts, args),
        10 => purchase_minted(accounts, args),
        11 => fund_vault(accounts),
        12 => withdraw_vault(accounts),
        13 => register_referrer(accounts, args),
        14 => revoke_voucher(accounts, args),
        15 => reclaim_campaign(accounts),
        _ => return 1,
    }
    0
}

/// The instruction data after its first byte.
#[derive(Clone, Copy)]
struct Args {
    start: *const u8,
    len: u64,
}

impl Args {
    /// # Safety
    /// `data` is the runtime's, and not empty: its length is before it.
    #[inline(always)]
    unsafe fn of(data: *const u8) -> Self {
        Self {
            start: data.add(1),
            len: data.cast::<u64>().sub(1).read().wrapping_sub(1),
        }
    }

    /// The program's address, which comes after the data.
    fn program(self) -> *const u8 {
        self.start.wrapping_add(self.len as usize)
    }
}

/// Accounts: Vouch's first nine.
#[inline(always)]
fn convert(mut accounts: Accounts, args: Args) {
    let mut hash = Hash::uninit();
    let sale = Sale::take(&mut accounts, args, &mut hash);
    let [token, referrer, token_program] = accounts.take_all();
    let seeds = sale.campaign.seeds();
    let signers = [Bytes::of(&seeds)];
    let [payer, conversion, campaign] = sale.infos();
    let infos = [payer, conversion, campaign, token.info(), referrer.info()];
    sale.record(first(&infos), &signers);
    mint(last(&infos), token_program, &signers);
}

/// Accounts: Vouch's first nine, then the token account of a second part.
#[inline(always)]
fn convert_for_two(mut accounts: Accounts, args: Args) {
    let mut hash = Hash::uninit();
    let sale = Sale::take(&mut accounts, args, &mut hash);
    let [token, referrer, token_program, _system, other] = accounts.take_all();
    let seeds = sale.campaign.seeds();
    let signers = [Bytes::of(&seeds)];
    let [payer, conversion, campaign] = sale.infos();
    let [token, referrer, other] = [token, referrer, other].map(Account::info);
    let infos = [payer, conversion, campaign, token, referrer, other];
    sale.record(first(&infos), &signers);
    mint_both(last(&infos), token_program, &signers);
}

/// A conversion with a held reward: nothing is paid.
#[inline(always)]
fn convert_held(mut accounts: Accounts, args: Args) {
    let mut hash = Hash::uninit();
    let sale = Sale::take(&mut accounts, args, &mut hash);
    let seeds = sale.campaign.seeds();
    sale.record(&sale.infos(), &[Bytes::of(&seeds)]);
}

/// Accounts: Vouch's first nine, then the vault.
#[inline(always)]
fn convert_from_vault(mut accounts: Accounts, args: Args) {
    let mut hash = Hash::uninit();
    let sale = Sale::take(&mut accounts, args, &mut hash);
    let [token, referrer, token_program, _system, vault] = accounts.take_all();
    let seeds = sale.campaign.seeds();
    let signers = [Bytes::of(&seeds)];
    let [payer, conversion, campaign] = sale.infos();
    let [token, vault, referrer] = [token, vault, referrer].map(Account::info);
    let infos = [payer, conversion, campaign, token, vault, referrer];
    sale.record(first(&infos), &signers);
    let decimals = campaign_decimals(sale.campaign);
    transfer(last(&infos), decimals, token_program, &signers);
}

#[inline(always)]
fn claim(mut accounts: Accounts) {
    let [campaign, referral, conversion, referrer, token, token_program] = accounts.take_all();
    settle(referral, conversion);
    let infos = [campaign, token, referrer].map(Account::info);
    let seeds = campaign.seeds();
    mint(&infos, token_program, &[Bytes::of(&seeds)]);
}

/// Accounts: Vouch's first six, then the vault.
#[inline(always)]
fn claim_from_vault(mut accounts: Accounts) {
    let [campaign, referral, conversion, referrer, token, token_program, vault] =
        accounts.take_all();
    settle(referral, conversion);
    let infos = [campaign, token, vault, referrer].map(Account::info);
    let seeds = campaign.seeds();
    let signers = [Bytes::of(&seeds)];
    transfer(&infos, campaign_decimals(campaign), token_program, &signers);
}

/// Data: the campaign's id. Its bump is the first, from 255 down, whose hash is not a point
/// of the curve.
#[inline(always)]
fn create_campaign(mut accounts: Accounts, args: Args) {
    let payer = accounts.take();
    let authority = accounts.take_or(payer);
    let campaign = accounts.take();
    let bump = Cell::new(u8::MAX);
    let seeds = [
        Bytes::of(b"campaign"),
        Bytes::new(authority.key(), 32),
        Bytes::new(args.start, args.len),
        Bytes::new(bump.as_ptr(), 1),
    ];
    let [kind, creator, id, last] = seeds;
    let account = NewAccount::new(CAMPAIGN_SIZE, args.program());
    let program = Bytes::new(args.program(), 32);
    let preimage = [kind, creator, id, last, program, Bytes::of(&PDA_MARKER)];
    let address = words(campaign.key());
    let mut hash = Hash::uninit();
    loop {
        let hash = sha256(&preimage, &mut hash);
        if words(hash) == address || !is_point(hash) {
            break;
        }
        bump.set(bump.get().wrapping_sub(1));
    }
    account.create_signed(&[payer.info(), campaign.info()], &[Bytes::of(&seeds)]);
}

/// Data: the code, without its padding.
#[inline(always)]
fn create_referral(mut accounts: Accounts, args: Args) {
    let payer = accounts.take();
    let _owner = accounts.take_or(payer);
    let [campaign, referral] = accounts.take_all();
    let account = NewAccount::new(REFERRAL_SIZE, args.program());
    let infos = [payer, referral, campaign].map(Account::info);
    let seeds = campaign.seeds();
    let signers = [Bytes::of(&seeds)];
    account.create_coded(&infos, args.start, args.len, &signers);
}

#[inline(always)]
fn bind(mut accounts: Accounts, args: Args) {
    let account = NewAccount::new(BINDING_SIZE, args.program());
    let payer = accounts.take();
    let wallet = accounts.take_or(payer);
    let [campaign, _referral, binding] = accounts.take_all();
    create_named(
        account,
        [payer, binding, campaign],
        b"binding",
        wallet.key(),
    );
}

#[inline(always)]
fn register_referrer(mut accounts: Accounts, args: Args) {
    let account = NewAccount::new(REFERRER_SIZE, args.program());
    let payer = accounts.take();
    let owner = accounts.take_or(payer);
    let [campaign, referrer] = accounts.take_all();
    create_named(
        account,
        [payer, referrer, campaign],
        b"referrer",
        owner.key(),
    );
}

/// Data: the voucher's digest.
#[inline(always)]
fn revoke_voucher(mut accounts: Accounts, args: Args) {
    let account = NewAccount::new(REVOCATION_SIZE, args.program());
    let payer = accounts.take();
    let _attestor = accounts.take_or(payer);
    let [campaign, revocation] = accounts.take_all();
    create_named(
        account,
        [payer, revocation, campaign],
        b"revoked",
        args.start,
    );
}

/// Creates an account whose key is the hash of a name and of 32 bytes. The accounts are
/// payer, account and campaign.
#[inline(always)]
fn create_named(account: NewAccount, accounts: [Account; 3], name: &[u8], of: *const u8) {
    let mut hash = Hash::uninit();
    let key = sha256(&[Bytes::of(name), Bytes::new(of, 32)], &mut hash);
    let [_, _, campaign] = accounts;
    let seeds = campaign.seeds();
    account.create_keyed(&accounts.map(Account::info), key, &[Bytes::of(&seeds)]);
}

/// A payment in SOL: the treasury's part, then the referrer's.
#[inline(always)]
fn purchase(mut accounts: Accounts, args: Args) {
    let mut hash = Hash::uninit();
    let sale = Sale::take(&mut accounts, args, &mut hash);
    let [treasury, referrer] = accounts.take_all();
    let seeds = sale.campaign.seeds();
    sale.record(&sale.infos(), &[Bytes::of(&seeds)]);
    // One call: the program gives away what its own account holds.
    let Sale {
        referee: buyer,
        conversion,
        ..
    } = sale;
    pay(&[buyer.info(), conversion.info()], REST + PART);
    conversion.take(REST + PART);
    treasury.give(REST);
    referrer.give(PART);
}

/// A payment in tokens. Accounts: Vouch's first eight, then payment mint, source and
/// token program.
#[inline(always)]
fn purchase_with_tokens(mut accounts: Accounts, args: Args) {
    let mut hash = Hash::uninit();
    let sale = Sale::take(&mut accounts, args, &mut hash);
    let [treasury, referrer, _system, token, source, token_program] = accounts.take_all();
    let seeds = sale.campaign.seeds();
    sale.record(&sale.infos(), &[Bytes::of(&seeds)]);
    let infos = [sale.referee, token, source, treasury, referrer].map(Account::info);
    transfer_both(&infos, [REST, PART], mint_decimals(token), token_program);
}

/// A payment in SOL with a minted reward. Accounts: Vouch's first eight, then mint and
/// token program.
#[inline(always)]
fn purchase_minted(mut accounts: Accounts, args: Args) {
    let mut hash = Hash::uninit();
    let sale = Sale::take(&mut accounts, args, &mut hash);
    let [treasury, referrer, _system, token, token_program] = accounts.take_all();
    let seeds = sale.campaign.seeds();
    let signers = [Bytes::of(&seeds)];
    let [payer, conversion, campaign] = sale.infos();
    let infos = [payer, conversion, campaign, token.info(), referrer.info()];
    sale.record(first(&infos), &signers);
    pay(&[sale.referee.info(), treasury.info()], REST);
    mint(last(&infos), token_program, &signers);
}

#[inline(always)]
fn fund_vault(mut accounts: Accounts) {
    let [funder, _campaign, token, source, vault, token_program] = accounts.take_all();
    let infos = [funder, token, source, vault].map(Account::info);
    transfer(&infos, mint_decimals(token), token_program, &[]);
}

#[inline(always)]
fn withdraw_vault(mut accounts: Accounts) {
    let [_authority, campaign, token, vault, destination, token_program] = accounts.take_all();
    let infos = [campaign, token, vault, destination].map(Account::info);
    let seeds = campaign.seeds();
    let signers = [Bytes::of(&seeds)];
    transfer(&infos, campaign_decimals(campaign), token_program, &signers);
}

/// Gives the mint's authority back.
#[inline(always)]
fn reclaim_campaign(mut accounts: Accounts) {
    let [authority, campaign] = accounts.take_all();
    let _rent_payer = accounts.take_or(authority);
    let [token, token_program] = accounts.take_all();
    let infos = [campaign, token].map(Account::info);
    let seeds = campaign.seeds();
    let signers = [Bytes::of(&seeds)];
    set_mint_authority(&infos, authority.key(), token_program, &signers);
}

/// A conversion to record: the first five accounts of `convert` and `purchase`.
struct Sale {
    payer: Account,
    referee: Account,
    campaign: Account,
    conversion: Account,
    account: NewAccount,
    /// 32 bytes.
    key: *const u8,
}

impl Sale {
    /// Without data, the key is the referee. Otherwise the first byte selects the key: 1
    /// the hash of referee and referral, 2 the hash of referee and reference, 3 the hash
    /// of the reference. The reference follows that byte.
    #[inline(always)]
    fn take(accounts: &mut Accounts, args: Args, hash: &mut Hash) -> Self {
        let account = NewAccount::new(CONVERSION_SIZE, args.program());
        let payer = accounts.take();
        let referee = accounts.take_or(payer);
        let [campaign, referral, conversion] = accounts.take_all();
        let mut key = referee.key();
        if args.len != 0 {
            let referee = Bytes::new(key, 32);
            let reference = Bytes::new(args.start.wrapping_add(1), args.len.wrapping_sub(1));
            // SAFETY: the data has a byte here.
            key = match unsafe { *args.start } {
                1 => sha256(&[referee, Bytes::new(referral.key(), 32)], hash),
                2 => sha256(&[referee, reference], hash),
                _ => sha256(&[reference], hash),
            };
        }
        Self {
            payer,
            referee,
            campaign,
            conversion,
            account,
            key,
        }
    }

    /// The account infos of the CPI that [`Self::record`] makes.
    #[inline(always)]
    fn infos(&self) -> [Info; 3] {
        [self.payer, self.conversion, self.campaign].map(Account::info)
    }

    /// Creates the conversion.
    #[inline(always)]
    fn record(&self, infos: &[Info; 3], signers: &[Bytes]) {
        self.account.create_keyed(infos, self.key, signers);
    }
}

/// Sets a conversion's status to paid and subtracts 1 from one byte of a referral's
/// counter.
#[inline(always)]
fn settle(referral: Account, conversion: Account) {
    let pending = referral.data(REWARDS_PENDING);
    // SAFETY: accounts of these types have bytes there.
    unsafe {
        *conversion.data(STATUS) = 1;
        *pending = (*pending).wrapping_sub(1);
    }
}

/// The decimals of a campaign's mint.
#[inline(always)]
fn campaign_decimals(campaign: Account) -> u8 {
    // SAFETY: a campaign has them there.
    unsafe { *campaign.data(DECIMALS) }
}

/// The decimals of a mint.
#[inline(always)]
fn mint_decimals(mint: Account) -> u8 {
    // SAFETY: a mint has them there.
    unsafe { *mint.data(MINT_DECIMALS) }
}

/// The first of the infos, of which there are enough.
#[inline(always)]
fn first<const N: usize>(infos: &[Info]) -> &[Info; N] {
    // SAFETY: both calls of a conversion take fewer than there are.
    unsafe { infos.first_chunk().unwrap_unchecked() }
}

/// The last of the infos, of which there are enough.
#[inline(always)]
fn last<const N: usize>(infos: &[Info]) -> &[Info; N] {
    // SAFETY: as in `first`.
    unsafe { infos.last_chunk().unwrap_unchecked() }
}
