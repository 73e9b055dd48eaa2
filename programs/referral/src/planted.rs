//! Bugs on purpose, for the fuzzer to find: `./dev fuzz --planted`, docs/fuzzing.md.
//!
//! Without the feature `planted-bugs` nothing of this is in the program. With it, the
//! program has the one bug that `VOUCH_PLANTED_BUG` named when it was built.

/// Whether the program has this bug; known at compile time.
macro_rules! planted {
    ($bug:literal) => {{
        const HERE: bool = $crate::planted::is($bug);
        HERE
    }};
}

pub(crate) use planted;

/// Whether this is the bug that the build asked for.
pub(crate) const fn is(bug: &str) -> bool {
    if !cfg!(feature = "planted-bugs") {
        return false;
    }
    let Some(wanted) = option_env!("VOUCH_PLANTED_BUG") else {
        return false;
    };
    let (mut wanted, mut bug) = (wanted.as_bytes(), bug.as_bytes());
    while let ([a, rest @ ..], [b, others @ ..]) = (wanted, bug) {
        if *a != *b {
            return false;
        }
        (wanted, bug) = (rest, others);
    }
    wanted.is_empty() && bug.is_empty()
}
