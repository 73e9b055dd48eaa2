//! Builds the binary anew when the front end's files have changed, which a release contains.

use std::fs;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The path of the folder is resolved when this crate is compiled, so it must exist. A read-only
    // checkout that has none is built all the same, and serves no pages.
    let _ = fs::create_dir_all("../web/dist");
    // A debug binary reads the files when it serves them.
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=../web/dist");
    }
}
