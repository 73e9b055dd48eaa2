//! The program's entry point: conversions and claims have a short way, everything else is Anchor's.

use core::{hint, mem};

use anchor_lang::{check_program_id, pinocchio, prelude::*, Refused};

use crate::{instruction, Claim, Convert, ConvertData};

pinocchio::default_allocator!();
pinocchio::default_panic_handler!();

/// Bytes of the discriminator that instruction data begins with.
const HEAD: usize = 8;

/// The discriminator of an instruction, as a number.
const fn number(discriminator: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h] = *discriminator else {
        panic!()
    };
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

const CONVERT: u64 = number(instruction::Convert::DISCRIMINATOR);
const CLAIM: u64 = number(instruction::Claim::DISCRIMINATOR);

/// Called by the runtime, with the accounts and the instruction's data.
///
/// # Safety
/// Both are the runtime's. The length is before the data, and the program's address after it.
#[no_mangle]
unsafe extern "C" fn entrypoint(input: *mut u8, data: *const u8) -> u64 {
    // SAFETY: the caller's promise; any bytes are a `ConvertData`, at any address. There are
    // always four bytes, because the program's address follows.
    unsafe {
        if length(data) >= HEAD + mem::size_of::<ConvertData>() {
            if data.cast::<u64>().read() == CONVERT {
                let args = &*data.add(HEAD).cast();
                if let Some(code) = shortly(data, || Convert::shortly(input, args)) {
                    return code;
                }
            }
        } else if data.cast::<u32>().read() == CLAIM as u32 {
            return claim(input, data);
        }
        hint::cold_path();
        crate::__anchor_dispatch(input, data)
    }
}

/// A claim. Not inlined, so that each short way has the registers for itself.
///
/// # Safety
/// As for [`entrypoint`].
#[inline(never)]
unsafe fn claim(input: *mut u8, data: *const u8) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        if length(data) >= HEAD && data.cast::<u64>().read() == CLAIM {
            if let Some(code) = shortly(data, || Claim::shortly(input)) {
                return code;
            }
        }
        hint::cold_path();
        crate::__anchor_dispatch(input, data)
    }
}

/// The length of the instruction's data.
///
/// # Safety
/// As for [`entrypoint`].
#[inline(always)]
unsafe fn length(data: *const u8) -> usize {
    // SAFETY: the caller's promise.
    unsafe { data.sub(mem::size_of::<u64>()).cast::<u64>().read() as usize }
}

/// The result of an instruction that takes its short way.
///
/// # Safety
/// As for [`entrypoint`].
#[inline(always)]
unsafe fn shortly(data: *const u8, way: impl FnOnce() -> Option<Result<()>>) -> Option<u64> {
    // SAFETY: the caller's promise.
    let program_id: &Address = unsafe { &*data.add(length(data)).cast() };
    check_program_id(program_id, &crate::ID).ok()?;
    Some(match way()? {
        Ok(()) => 0,
        Err(error) => Refused::from(error).into(),
    })
}
