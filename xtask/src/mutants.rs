//! `./dev mutants`: cargo-mutants breaks the money code in one place at a time, and
//! checks that a test fails. docs/mutants.md explains its output.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use vouch_localnet::{ProcessSpec, cargo, finish, workspace_root};

use crate::build;
use crate::scratch::Scratch;

/// Breaks the rules or the program in one place at a time, and lists the mutants that no
/// test catches.
///
/// Exits with cargo-mutants' status: 0 when every mutant was caught.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The code to break.
    part: Part,
    /// Options for cargo-mutants: --list, --file, --re, --iterate, --shard and others.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// crates/rules, by its own tests.
    Rules,
    /// programs/referral, by tests/program and the corpus of tests/fuzz.
    Program,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let root = workspace_root();
    let (name, package) = match args.part {
        Part::Rules => ("rules", "vouch-rules"),
        Part::Program => ("program", "vouch-referral"),
    };
    let folder = root.join("target/mutants").join(name);
    fs::create_dir_all(&folder)?;
    let config = root.join(".cargo/mutants.toml");
    let mut mutants = ProcessSpec::new("cargo-mutants", build::cargo_mutants().await?)
        .args(["mutants", "--package", package])
        .args(["--config".as_ref(), config.as_os_str()])
        .args(["--output".as_ref(), folder.as_os_str()]);
    // Holds the lock until the end.
    let mut scratch = None;
    if args.part == Part::Rules {
        mutants.dir = Some(root);
        mutants = mutants.env("CARGO", "cargo");
    } else {
        let copy = scratch.insert(Scratch::new(&folder)?);
        open_checks(&copy.root().join("programs/referral/src"))?;
        let mut tools = build::program_tools();
        tools.extend(build::cargo_nextest().await?);
        let path = build::path_with(&tools)?;
        let lists = |option: &String| option.starts_with("--list");
        if !args.options.iter().any(lists) {
            prepare_tests(&folder, &path).await?;
        }
        mutants.dir = Some(copy.root().join("programs"));
        let shim = root.join("xtask/mutants-cargo.sh");
        mutants = mutants
            .args(["--in-place"])
            .env("CARGO", shim.to_string_lossy())
            .env("PATH", path);
    }
    let status = mutants.args(&args.options).spawn()?.wait().await?;
    drop(scratch);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Builds the tests that load the program now, and keeps them where no later build
/// replaces them.
async fn prepare_tests(folder: &Path, path: &str) -> Result<()> {
    for left_over in ["unchanged.so", "noticed"] {
        // The file may not exist.
        let _ = fs::remove_file(folder.join(left_over));
    }
    fs::create_dir_all(folder.join("tests"))?;
    let archive = folder.join("tests.tar.zst");
    let archive: [&OsStr; 2] = ["--archive-file".as_ref(), archive.as_os_str()];
    let nextest = |command| cargo(["nextest", command]).env("PATH", path);
    let pack = nextest("archive")
        .args(["--workspace", "--zstd-level", "-7", "--filterset"])
        .args(["package(vouch-program-tests) + package(vouch-fuzz)"])
        .args(archive);
    finish(pack).await?;
    let unpack = nextest("list")
        .args(archive)
        .args(["--extract-overwrite", "--list-type", "binaries-only"])
        .args(["--extract-to".as_ref(), folder.join("tests").as_os_str()]);
    finish(unpack).await
}

/// Rewrites each `require!` in these sources as an `if`, on the same lines.
fn open_checks(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            open_checks(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path)?;
            let opened = opened(&source);
            fs::write(&path, opened.with_context(|| path.display().to_string())?)?;
        }
    }
    Ok(())
}

/// Rewrites each `require!` in `source`, because cargo-mutants does not mutate macros.
/// From `if true && (condition) {} else` it makes, among others, `if true || (condition) {}
/// else`: the program without the check.
fn opened(source: &str) -> Result<String> {
    const MACRO: &str = "require!(";
    let mut result = String::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once(MACRO) {
        let (mut depth, mut comma, mut end) = (0, None, None);
        for (place, character) in after.char_indices() {
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' if depth == 0 => {
                    end = Some(place);
                    break;
                }
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => comma = Some(place),
                _ => {}
            }
        }
        let (comma, end) = comma
            .zip(end)
            .context("cannot parse the arguments of a require!")?;
        let (condition, error) = (&after[..comma], &after[comma + 1..end]);
        result += before;
        result += &format!("if true && ({condition}) {{}} else {{ return Err(({error}).into()) }}");
        rest = &after[end + 1..];
    }
    Ok(result + rest)
}

#[cfg(test)]
mod tests {
    use super::opened;

    #[test]
    fn a_check_becomes_an_if_on_the_same_lines() {
        // Given a check in one line, one in several with commas inside, and other code
        let source = "a(b, c);\nrequire!(x == 0, E::X);\nrequire!(\n    f(a, b) && [1, 2] < c,\n    E::Y\n);\n";

        // When they are opened
        let opened = opened(source).expect("checks");

        // Then conditions and errors stay on their lines
        assert_eq!(
            opened,
            "a(b, c);\nif true && (x == 0) {} else { return Err(( E::X).into()) };\nif true && (\n    \
             f(a, b) && [1, 2] < c) {} else { return Err((\n    E::Y\n).into()) };\n"
        );
    }
}
