//! Checked sums of base units and counters.

use anchor_lang::prelude::*;

/// Returns the sum; fails if it overflows.
pub fn add(old: u64, more: u64) -> Result<u64> {
    old.checked_add(more)
        .ok_or(ProgramError::ArithmeticOverflow)
}

/// Returns the difference; fails if it is negative.
pub fn sub(old: u64, less: u64) -> Result<u64> {
    old.checked_sub(less)
        .ok_or(ProgramError::ArithmeticOverflow)
}
