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
    require!(old >= less, ProgramError::ArithmeticOverflow);
    Ok(old.wrapping_sub(less))
}
