//! Checked sums of base units and counters.

use anchor_lang::prelude::*;

/// Returns the sum; fails if it overflows.
pub fn add(old: u64, more: u64) -> Result<u64> {
    // One comparison: the compiler makes five instructions of `checked_add`.
    let sum = old.wrapping_add(more);
    require!(sum >= old, ProgramError::ArithmeticOverflow);
    Ok(sum)
}

/// Returns the difference; fails if it is negative.
pub fn sub(old: u64, less: u64) -> Result<u64> {
    require!(old >= less, negative());
    Ok(old.wrapping_sub(less))
}

/// The time, in unix seconds, that is so many `seconds` after `start`; at most the last one.
#[inline(always)]
pub fn later(start: i64, seconds: u32) -> i64 {
    // One comparison, because the seconds are not negative.
    let end = start.wrapping_add(i64::from(seconds));
    if end < start {
        i64::MAX
    } else {
        end
    }
}

/// The error of a difference that is negative. It is a function, so that the common way needs no
/// register for it. In [`add`], conversions would cost 25 units more by that.
#[cold]
#[inline(never)]
fn negative() -> Error {
    ProgramError::ArithmeticOverflow
}
