//! A stateful fuzzer for the program: random actors send random instructions, and an
//! independent model predicts every account and every balance.
//!
//! It shrinks each failure, and `corpus/` keeps the result. `docs/fuzzing.md` describes
//! how.

pub mod actions;
pub mod bundles;
pub mod chain;
mod facts;
pub mod invariants;
pub mod model;
pub mod program;
mod record;
pub mod replayed;
pub mod rules;
pub mod run;
pub mod sent;
pub mod state;
pub mod step;
pub mod world;
