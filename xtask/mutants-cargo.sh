#!/usr/bin/env bash
# Stands in for cargo while cargo-mutants breaks the program (./dev mutants program).
# cargo-mutants runs `cargo test --no-run` and then `cargo test` in a copy of the
# program's sources. Here the first builds the program for SBF, and the second runs the
# tests of the root workspace on it, which were built before.
set -euo pipefail
unset CARGO
work=$(cd ../.. && pwd) # cargo-mutants runs cargo in the copy's programs folder

tests() {
  RUST_BACKTRACE=0 VOUCH_PROGRAM_SO=$(realpath "$work/so/referral.so") cargo-nextest nextest run \
    --binaries-metadata "$work/tests/target/nextest/binaries-metadata.json" \
    --cargo-metadata "$work/tests/target/nextest/cargo-metadata.json" \
    --target-dir-remap "$work/tests/target" \
    --max-fail 1:immediate --status-level fail --final-status-level none "$@" 2>&1 | tee "$work/log"
}

case "${1-} ${2-}" in
  "test --no-run")
    cargo build-sbf --arch v3 --manifest-path referral/Cargo.toml --sbf-out-dir "$work/so"
    # The first build is the one without a mutant.
    if [ ! -e "$work/unchanged.so" ]; then
      cp "$work/so/referral.so" "$work/unchanged.so"
    elif cmp -s "$work/so/referral.so" "$work/unchanged.so"; then
      echo "equivalent: the compiler makes the same bytes of it"
      exit 1
    fi
    ;;
  "test "*)
    # Neighbours are often noticed by the same test.
    if [ -s "$work/noticed" ] && ! tests --filterset "$(cat "$work/noticed")"; then exit 1; fi
    if tests; then exit 0; fi
    awk '$2 == "[" && / vouch-/ { print "binary_id(=" $(NF-1) ") & test(=" $NF ")"; exit }' \
      "$work/log" >"$work/noticed"
    exit 1
    ;;
  *) exec cargo "$@" ;;
esac
