//! Prints how long it takes to apply a minted conversion: `cargo run -p vouch-replay --example
//! speed --release`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{hint::black_box, time::Instant};

use support::*;

const ROUNDS: u32 = 200_000;

fn main() {
    let world = World::minted();
    let call = top(
        &convert(BUYER, 1),
        mints(2, BUYER, &[(OWNER, 100), (PARTNER, 100)]),
    );
    let transaction = transaction(vec![call], vec![]);
    let began = Instant::now();
    for _ in 0..ROUNDS {
        let effects = world.apply(black_box(&transaction));
        black_box(effects.expect("it can be applied"));
    }
    let applied = began.elapsed() / ROUNDS;
    let began = Instant::now();
    for _ in 0..ROUNDS {
        for effects in world.apply(black_box(&transaction)).expect("as before") {
            for change in effects.changes {
                black_box(change.encode());
            }
        }
    }
    let encoded = began.elapsed() / ROUNDS;
    println!("applied in {applied:?}, with the accounts' bytes in {encoded:?}");
}
