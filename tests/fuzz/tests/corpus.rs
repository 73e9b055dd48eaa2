//! Replays the sequences that the fuzzer found, and a few fresh runs. `./dev test` builds
//! the program first; other callers must build it themselves.

use std::path::Path;

use vouch_fuzz::{
    program::SPECS,
    replayed::{AMBIGUOUS, COMPUTED},
    run::{Coverage, REPLAYED, Start, program_file, read},
};

/// Number of fresh runs: some 25,000 steps in total.
const SEEDS: u64 = 100;

fn start() -> Start {
    Start::new(&program_file()).expect("the program; run `./dev build-program` first")
}

#[test]
fn every_sequence_of_the_corpus_goes_as_predicted() {
    // Given the sequences, on each of which a wrong version of the program failed
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let start = start();
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let (world, steps) = read(&text).expect("a sequence");

        // When it is replayed
        let failure = start.replay(world, &steps);

        // Then chain and model agree at each step
        assert!(failure.is_none(), "{}: {failure:?}", path.display());
        replayed += 1;
    }
    assert!(replayed > 0, "the corpus is empty");
}

#[test]
fn fresh_sequences_go_as_predicted_and_reach_every_instruction() {
    // Given fixed seeds
    let start = start();
    let mut coverage = Coverage::new();
    for seed in 0..SEEDS {
        // When each generates its sequence
        let (_, failure) = start.fuzz(seed, &mut coverage);

        // Then chain and model agree at each step
        assert!(failure.is_none(), "seed {seed}: {failure:?}");
    }

    // And every instruction was accepted at least once
    for (name, _) in SPECS {
        let accepted = coverage.get(name).and_then(|all| all.get("accepted"));
        assert!(accepted.is_some(), "{name} was never accepted");
    }

    // And the replay computed every account from the transactions alone
    let replayed = &coverage[REPLAYED];
    assert!(replayed[COMPUTED] > 5_000, "{replayed:?}");
    assert!(!replayed.contains_key(AMBIGUOUS), "{replayed:?}");
}
