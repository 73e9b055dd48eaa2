#!/usr/bin/env python3
"""Teach a copy of Rust 1.96's standard library about the Solana VM.

usage: patch-std.py LIBRARY_DIR   (a writable copy of the packaged sources)

Three edits, each checked to have applied:
  1. `target_os = "solana"` takes the same platform layer as the zkvm: no threads,
     no files, a bump allocator supplied by the program.
  2. The bpf architecture gets an allocator alignment.
  3. HashMap keys are fixed: a program has no entropy and no writable statics.
"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])


def edit(path, transform):
    file = root / path
    before = file.read_text()
    after = transform(before)
    if after == before:
        sys.exit(f"patch-std: nothing to change in {path}: is this Rust 1.96?")
    file.write_text(after)


def platform_layer(text):
    return text.replace(
        'target_os = "zkvm"', 'any(target_os = "zkvm", target_os = "solana")'
    )


def allocator_alignment(text):
    return text.replace(
        'target_arch = "wasm64",\n)) {\n    16',
        'target_arch = "wasm64",\n    target_arch = "bpf",\n)) {\n    16',
    )


def fixed_keys(text):
    text = re.sub(
        r"        // Historically this function.*?RandomState \{ k0, k1 \}\n        \}\)\n",
        "        RandomState { k0: 0, k1: 0 }\n",
        text,
        flags=re.S,
    )
    return re.sub(
        r"^use crate::(cell::Cell|sys::random::hashmap_random_keys);\n",
        "",
        text,
        flags=re.M,
    )


zkvm = [
    file.relative_to(root)
    for file in sorted((root / "std/src").rglob("*.rs"))
    if 'target_os = "zkvm"' in file.read_text()
]
if not zkvm:
    sys.exit("patch-std: no platform layer of the zkvm: is this Rust 1.96?")
for path in zkvm:
    edit(path, platform_layer)
edit("std/src/sys/alloc/mod.rs", allocator_alignment)
edit("std/src/hash/random.rs", fixed_keys)
