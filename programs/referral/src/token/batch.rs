use core::{mem::MaybeUninit, slice};

use anchor_lang::{cpi::CpiSigner, prelude::*};
use pinocchio::{
    cpi::{invoke_signed_unchecked, CpiAccount},
    instruction::{InstructionAccount, InstructionView},
};

/// Most parts of one payment: treasury, referrer, partner, and the parts that wait.
const MOST: usize = 4;
/// Most accounts of a part: a transfer's.
const ACCOUNTS: usize = 4;
/// Most bytes of a part: its two lengths, and a transfer's data.
const PART: usize = 2 + 10;
/// Most bytes of a batch: its first one, and its parts.
const BYTES: usize = 1 + MOST * PART;
/// Most accounts of a payment, each once: mint, authority and source, then the recipients.
const INFOS: usize = 3 + MOST;
// They are filled without a check, so nothing but these says that they suffice.
const _: () = assert!(PART == 12 && BYTES == 49 && INFOS == 7);

/// First byte of a batch, and of the instructions in it:
/// <https://github.com/solana-program/token>, `pinocchio/interface/src/instruction.rs`.
const BATCH: u8 = 255;
pub(super) const MINT_TO: u8 = 7;
const TRANSFER_CHECKED: u8 = 12;

/// The source of a payment.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The token.
    pub mint: &'a AccountView,
    /// Decimals of the token.
    pub decimals: u8,
    /// The token account that pays; none where the parts are minted.
    pub from: Option<&'a AccountView>,
    /// Owner of `from`, or the mint's authority.
    pub authority: &'a AccountView,
}

/// Whether this program has a batch instruction; Token-2022 has none.
pub fn has_batch(token_program: &Address) -> bool {
    anchor_lang::address_eq(token_program, &Token::id())
}

/// Pays several parts, amount and token account of each, in one CPI to the Token program, which
/// costs less than one CPI for each.
#[inline(never)]
pub fn pay_at_once(
    source: Source,
    parts: &[(u64, &AccountView)],
    signers: &[CpiSigner],
) -> Result<()> {
    let Source {
        mint,
        decimals,
        from,
        authority,
    } = source;
    let mut data = [const { MaybeUninit::<u8>::uninit() }; BYTES];
    let mut accounts = [const { MaybeUninit::<InstructionAccount>::uninit() }; MOST * ACCOUNTS];
    let mut infos = [const { MaybeUninit::<CpiAccount>::uninit() }; INFOS];
    // The Token program refuses an empty batch; a discount can be the whole payment.
    if parts.is_empty() {
        return Ok(());
    }
    require!(parts.len() <= MOST, ProgramError::InvalidArgument);
    let held = match from {
        Some(from) => from.is_borrowed() || mint.is_borrowed_mut(),
        None => mint.is_borrowed(),
    };
    require!(!held, ProgramError::AccountBorrowFailed);

    // Positions of the next byte, account and info.
    let mut byte = data.as_mut_ptr().cast::<u8>();
    let mut account = accounts.as_mut_ptr().cast::<InstructionAccount>();
    let mut info = infos.as_mut_ptr();
    // SAFETY: the arrays have room for so many parts, each 3 or 4 accounts, 11 or 12 bytes and
    // one further info. The CPI gets only what was written, and no account that it writes is
    // borrowed.
    unsafe {
        byte.write(BATCH);
        byte = byte.add(1);
        for view in [mint, authority] {
            CpiAccount::init_from_account_view(view, &mut *info);
            info = info.add(1);
        }
        if let Some(from) = from {
            CpiAccount::init_from_account_view(from, &mut *info);
            info = info.add(1);
        }
        for (amount, to) in parts {
            require!(!to.is_borrowed(), ProgramError::AccountBorrowFailed);
            CpiAccount::init_from_account_view(to, &mut *info);
            info = info.add(1);
            // The number of accounts, the length of the data, the data.
            byte.add(3).cast::<[u8; 8]>().write(amount.to_le_bytes());
            if let Some(from) = from {
                byte.cast::<[u8; 3]>().write([4, 10, TRANSFER_CHECKED]);
                byte.add(11).write(decimals);
                byte = byte.add(12);
                account.write(InstructionAccount::writable(from.address()));
                account = account.add(1);
                account.write(InstructionAccount::readonly(mint.address()));
            } else {
                byte.cast::<[u8; 3]>().write([3, 9, MINT_TO]);
                byte = byte.add(11);
                account.write(InstructionAccount::writable(mint.address()));
            }
            account = account.add(1);
            account.write(InstructionAccount::writable(to.address()));
            account = account.add(1);
            account.write(InstructionAccount::readonly_signer(authority.address()));
            account = account.add(1);
        }
        let accounts = accounts.as_ptr().cast::<InstructionAccount>();
        let data = data.as_ptr().cast::<u8>();
        let infos = infos.as_ptr().cast::<CpiAccount>();
        let instruction = InstructionView {
            program_id: &Token::id(),
            accounts: slice::from_raw_parts(accounts, account.offset_from_unsigned(accounts)),
            data: slice::from_raw_parts(data, byte.offset_from_unsigned(data)),
        };
        let infos = slice::from_raw_parts(
            infos,
            info.cast_const()
                .cast::<CpiAccount>()
                .offset_from_unsigned(infos),
        );
        invoke_signed_unchecked(&instruction, infos, signers);
    }
    Ok(())
}
