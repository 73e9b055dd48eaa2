//! The program's entry point: conversions have a short way, everything else is Anchor's.

use core::{hint, mem};

use anchor_lang::{check_program_id, pinocchio, prelude::*, Refused};

use crate::{instruction, Convert, ConvertData};

pinocchio::default_allocator!();
pinocchio::default_panic_handler!();

/// Bytes of the discriminator that instruction data begins with.
const HEAD: usize = 8;

/// The discriminator of `convert`.
const CONVERT: u64 = {
    let [a, b, c, d, e, f, g, h] = *instruction::Convert::DISCRIMINATOR else {
        panic!()
    };
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
};

/// Called by the runtime, with the accounts and the instruction's data.
///
/// # Safety
/// Both are the runtime's. The length is before the data, and the program's address after it.
#[no_mangle]
unsafe extern "C" fn entrypoint(input: *mut u8, data: *const u8) -> u64 {
    // SAFETY: the caller's promise; any bytes are a `ConvertData`, at any address.
    unsafe {
        let length = data.sub(mem::size_of::<u64>()).cast::<u64>().read() as usize;
        if length >= HEAD + mem::size_of::<ConvertData>() && data.cast::<u64>().read() == CONVERT {
            if let Some(code) = convert(input, &*data.add(HEAD).cast(), &*data.add(length).cast()) {
                return code;
            }
        }
        hint::cold_path();
        crate::__anchor_dispatch(input, data)
    }
}

/// The result of a conversion that takes the short way.
///
/// # Safety
/// `input` is what the runtime passed.
#[inline(always)]
unsafe fn convert(input: *mut u8, data: &ConvertData, program_id: &Address) -> Option<u64> {
    check_program_id(program_id, &crate::ID).ok()?;
    // SAFETY: the caller's promise.
    Some(match unsafe { Convert::shortly(input, data) }? {
        Ok(()) => 0,
        Err(error) => Refused::from(error).into(),
    })
}
