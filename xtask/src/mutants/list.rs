//! Which mutants there are: those of cargo-mutants, and our own.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::process::Command;

use super::{Part, operators, operators::Edit};

/// Bugs on purpose, for the fuzzer: nothing of it is in the program.
const PLANTED: &str = "programs/referral/src/planted.rs";

/// A change that some test should notice.
#[derive(Debug, Clone)]
pub(crate) struct Mutant {
    pub(crate) part: Part,
    /// From the root of the repository.
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Stays the same while the lines around change: docs/mutants.md tells survivors by it.
    pub(crate) name: String,
    pub(crate) edit: Edit,
}

/// What `cargo mutants --list --json` tells of each.
#[derive(Deserialize)]
struct Listed {
    name: String,
    file: String,
    function: Option<ListedFunction>,
    span: ListedSpan,
    replacement: String,
}

#[derive(Deserialize)]
struct ListedFunction {
    function_name: String,
}

#[derive(Deserialize)]
struct ListedSpan {
    start: ListedPlace,
    end: ListedPlace,
}

/// Both counted from 1, columns in characters.
#[derive(Deserialize)]
struct ListedPlace {
    line: usize,
    column: usize,
}

/// Every mutant of `part` in the checkout at `root`, in the order of the files.
pub(crate) async fn all(part: Part, root: &Path, cargo_mutants: &Path) -> Result<Vec<Mutant>> {
    let mut by_file: BTreeMap<String, Vec<Edit>> = BTreeMap::new();
    for file in rust_files(root, part.sources())? {
        let source = read(root, &file)?;
        let edits = operators::edits(&source).with_context(|| file.clone())?;
        by_file.insert(file, edits);
    }
    for listed in listed(part, root, cargo_mutants).await? {
        let file = format!("{}{}", part.workspace_prefix(), listed.file);
        let source = read(root, &file)?;
        let range = offset(&source, &listed.span.start)?..offset(&source, &listed.span.end)?;
        // `file:line:column: replace a with b in function`
        let change = listed.name.splitn(4, ':').nth(3).unwrap_or(&listed.name);
        let function = listed.function.map(|function| function.function_name);
        let function = function.unwrap_or_default();
        let change = change.trim().trim_end_matches(&format!(" in {function}"));
        by_file.entry(file).or_default().push(Edit {
            range,
            replacement: listed.replacement,
            change: change.to_owned(),
            function,
        });
    }

    by_file.remove(PLANTED);

    let mut mutants = Vec::new();
    for (file, mut edits) in by_file {
        let source = read(root, &file)?;
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        // The same change from both, or one that changes nothing.
        let mut seen: HashSet<(Range<usize>, String)> = HashSet::new();
        edits.retain(|edit| {
            source.get(edit.range.clone()) != Some(&edit.replacement)
                && seen.insert((edit.range.clone(), edit.replacement.clone()))
        });
        let mut same_name: BTreeMap<String, usize> = BTreeMap::new();
        for edit in edits {
            let line = source[..edit.range.start].matches('\n').count();
            let code = code(&source, &edit.range, line);
            let name = format!("{file} {}: {} | {code}", edit.function, edit.change);
            let count = same_name.entry(name.clone()).or_default();
            *count += 1;
            let name = match *count {
                1 => name,
                count => format!("{name} #{count}"),
            };
            mutants.push(Mutant {
                part,
                file: file.clone(),
                line: line + 1,
                name,
                edit,
            });
        }
    }
    Ok(mutants)
}

/// The line with the mutant; all of the lines that it takes away, shortened.
fn code(source: &str, range: &Range<usize>, line: usize) -> String {
    let lines = source[range.clone()].matches('\n').count() + 1;
    let code: Vec<&str> = (source.lines().skip(line).take(lines))
        .flat_map(str::split_whitespace)
        .collect();
    let code = code.join(" ");
    match code.char_indices().nth(100) {
        Some((end, _)) => format!("{}...", &code[..end]),
        None => code,
    }
}

async fn listed(part: Part, root: &Path, cargo_mutants: &Path) -> Result<Vec<Listed>> {
    let output = Command::new(cargo_mutants)
        .args(["mutants", "--list", "--json", "--no-config", "-L", "error"])
        .args(["--package", part.package()])
        .arg("--dir")
        .arg(root.join(part.workspace_prefix()))
        .output()
        .await
        .with_context(|| format!("cannot run {}", cargo_mutants.display()))?;
    ensure!(
        output.status.success(),
        "cargo-mutants cannot list: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("cargo-mutants lists in another format")
}

fn offset(source: &str, place: &ListedPlace) -> Result<usize> {
    let mut rest = source;
    for _ in 1..place.line {
        rest = rest.split_once('\n').context("a line is missing")?.1;
    }
    let column: usize = rest
        .chars()
        .take(place.column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    Ok(source.len() - rest.len() + column)
}

fn rust_files(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let path = path.strip_prefix(root)?;
                files.push(path.to_str().context("a name is not UTF-8")?.to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(root: &Path, file: &str) -> Result<String> {
    std::fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}

#[cfg(test)]
mod tests {
    use super::{ListedPlace, offset};

    #[test]
    fn columns_are_characters() {
        // Given a line with a character of two bytes
        let source = "a\nb\u{e9}c\n";

        // When the place behind it is looked up, then it is found
        let place = |line, column| ListedPlace { line, column };
        assert_eq!(offset(source, &place(2, 3)).ok(), Some(5));
        assert_eq!(offset(source, &place(1, 1)).ok(), Some(0));
        assert!(offset(source, &place(9, 1)).is_err());
    }
}
