//! The mirror's rules, against a real Postgres. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

mod bytes;
mod counters;
mod state;
#[path = "../store/mod.rs"]
mod store;
mod undo;
mod world;
