//! Rules that the on-chain program and everything off chain must agree on.
//!
//! No dependencies and no heap: the program links this very code.

#![no_std]
#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

mod code;
pub mod eligibility;
pub mod money;
pub mod promise;
pub mod reward;

pub use code::{Code, InvalidCode};
