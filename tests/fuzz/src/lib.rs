//! A stateful fuzzer for the program: random actors send random instructions, and a
//! model of its own predicts every account and every balance.
//!
//! What it finds, it shrinks, and `corpus/` keeps. `docs/fuzzing.md` tells how.

pub mod actions;
pub mod chain;
pub mod invariants;
pub mod model;
pub mod program;
pub mod rules;
pub mod run;
pub mod state;
pub mod step;
pub mod world;
