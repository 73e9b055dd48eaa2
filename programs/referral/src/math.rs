//! Checked sums of base units and counters.

use anchor_lang::prelude::*;

/// A sum that fits; an overflow refuses the instruction.
pub fn add(old: u64, more: u64) -> Result<u64> {
    old.checked_add(more)
        .ok_or(ProgramError::ArithmeticOverflow)
}

/// A difference that is not negative; otherwise the instruction is refused.
pub fn sub(old: u64, less: u64) -> Result<u64> {
    old.checked_sub(less)
        .ok_or(ProgramError::ArithmeticOverflow)
}
