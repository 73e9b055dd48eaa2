//! The syscalls of the Solana runtime. On the host, where clippy runs, each does nothing.

use core::{mem::MaybeUninit, ptr::null_mut};

#[cfg(target_os = "solana")]
use pinocchio::syscalls::{
    sol_curve_validate_point, sol_get_sysvar, sol_invoke_signed_c, sol_sha256,
};

use crate::calls::{Bytes, Info, Instruction};

/// Bytes of an account that rent is counted for, beside its data.
const ACCOUNT_HEAD: u64 = 128;
/// The curve that wallets are points of.
const EDWARDS: u64 = 0;

/// Room for a hash.
pub type Hash = MaybeUninit<[u64; 4]>;

/// Calls another program. A call that fails ends this program, too.
#[inline(always)]
pub fn invoke_signed(instruction: &Instruction, infos: &[Info], signers: &[Bytes]) {
    // SAFETY: the structures are those that the syscall reads.
    unsafe {
        sol_invoke_signed_c(
            (instruction as *const Instruction).cast(),
            infos.as_ptr().cast(),
            infos.len() as u64,
            signers.as_ptr().cast(),
            signers.len() as u64,
        );
    }
}

/// Lamports that an account of `size` bytes holds to be exempt from rent: those for each
/// byte are the first field of the rent sysvar.
#[inline(always)]
pub fn rent(size: u64) -> u64 {
    let address = pinocchio::sysvars::rent::RENT_ID.as_array();
    let mut per_byte = MaybeUninit::<u64>::uninit();
    // SAFETY: the syscall writes eight bytes.
    let per_byte = unsafe {
        sol_get_sysvar(address.as_ptr(), per_byte.as_mut_ptr().cast(), 0, 8);
        per_byte.assume_init()
    };
    per_byte.wrapping_mul(ACCOUNT_HEAD.wrapping_add(size))
}

/// Writes the SHA-256 of the concatenated parts, and returns where it is.
#[inline(always)]
pub fn sha256(parts: &[Bytes], hash: &mut Hash) -> *const u8 {
    let hash = hash.as_mut_ptr().cast();
    // SAFETY: the syscall reads slices and writes 32 bytes.
    unsafe {
        sol_sha256(parts.as_ptr().cast(), parts.len() as u64, hash);
    }
    hash
}

/// Whether these bytes are a point of the curve, so that they may be a wallet's address.
#[inline(always)]
pub fn is_point(bytes: *const u8) -> bool {
    // SAFETY: the syscall reads 32 bytes, and writes no point without a place for it.
    unsafe { sol_curve_validate_point(EDWARDS, bytes, null_mut()) == 0 }
}

#[cfg(not(target_os = "solana"))]
mod host {
    pub unsafe fn sol_invoke_signed_c(_: *const u8, _: *const u8, _: u64, _: *const u8, _: u64) {}
    pub unsafe fn sol_get_sysvar(_: *const u8, _: *mut u8, _: u64, _: u64) {}
    pub unsafe fn sol_sha256(_: *const u8, _: u64, _: *mut u8) {}
    pub unsafe fn sol_curve_validate_point(_: u64, _: *const u8, _: *mut u8) -> u64 {
        1
    }
}
#[cfg(not(target_os = "solana"))]
use host::*;
