//! Bugs for testing the fuzzer. Each is a patch to the program, in `tests/fuzz/planted`,
//! that is applied to a copy of the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use vouch_localnet::workspace_root;

/// A patch, and the behaviour that it causes.
pub(crate) struct Bug {
    pub(crate) name: String,
    /// The first line of the patch: a sentence that describes the behaviour.
    pub(crate) effect: String,
    patch: PathBuf,
}

/// All bugs, sorted by name.
pub(crate) fn all() -> Result<Vec<Bug>> {
    let folder = workspace_root().join("tests/fuzz/planted");
    let mut bugs = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))? {
        let patch = entry?.path();
        let name = patch.file_stem().and_then(|name| name.to_str());
        let name = name.context("a patch has a name")?.to_owned();
        let text = fs::read_to_string(&patch).with_context(|| format!("cannot read {name}"))?;
        let effect = text.lines().next().unwrap_or_default().to_owned();
        ensure!(
            effect.ends_with('.'),
            "{}: the first line must be a sentence about the bug's effect",
            patch.display()
        );
        bugs.push(Bug {
            name,
            effect,
            patch,
        });
    }
    bugs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(bugs)
}

/// Fails, naming each, when patches no longer apply to the checkout.
pub(crate) fn check() -> Result<()> {
    let bugs = all()?;
    let reasons: Vec<String> = bugs
        .iter()
        .filter_map(|bug| bug.git_apply(&workspace_root(), &["--check"]).err())
        .map(|error| format!("{error:#}"))
        .collect();
    ensure!(reasons.is_empty(), "{}", reasons.join("\n"));
    println!("planted bugs: {} patches apply", bugs.len());
    Ok(())
}

impl Bug {
    /// Applies the patch to the copy of the checkout at `root`.
    pub(crate) fn plant(&self, root: &Path) -> Result<()> {
        self.git_apply(root, &[])
    }

    fn git_apply(&self, root: &Path, options: &[&str]) -> Result<()> {
        let output = Command::new("git")
            .arg("apply")
            .args(options)
            .arg(&self.patch)
            .current_dir(root)
            // Stop git from finding the checkout: in a folder that it ignores, git would
            // skip every file.
            .env("GIT_CEILING_DIRECTORIES", root.parent().unwrap_or(root))
            .output()
            .context("cannot run git")?;
        ensure!(
            output.status.success(),
            "{} does not apply: {}",
            self.patch.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}
