//! The replay of transactions with several calls, some of them by CPI.

use vouch_fuzz::{
    bundles::Counts,
    run::{Start, program_file},
};

/// Number of runs.
const SEEDS: u64 = 40;

#[test]
fn bundled_calls_are_replayed_and_hardly_ever_ambiguous() {
    // Given runs of fixed seeds
    let start = Start::new(&program_file()).expect("the program; run `./dev build-program` first");
    let mut all = Counts::default();
    for seed in 1_000..1_000 + SEEDS {
        // When their accepted calls are sent in bundles
        let counts = start.bundled(seed);

        // Then the replay's accounts are the chain's
        let counts = counts.unwrap_or_else(|error| panic!("seed {seed}: {error:#}"));
        all.add(&counts);
    }

    // And few transactions do not decide
    println!("{all:?}");
    assert!(all.calls > 3_000, "{all:?}");
    assert!(all.ambiguous * 100 < all.bundles, "{all:?}");
}
