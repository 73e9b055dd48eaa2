//! A copy of the program's sources that can be changed and built without touching the
//! checkout.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use vouch_localnet::{lock, workspace_root};

/// The sources of the program. `benches/floor` is a member of its workspace, and the root
/// manifest has the version that `crates/rules` inherits.
const SOURCES: [&str; 4] = ["Cargo.toml", "benches/floor", "crates/rules", "programs"];

/// A copy in a folder. The lock keeps other runs away from it.
pub(crate) struct Scratch {
    root: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Copies the sources to `folder`/sources.
    ///
    /// # Errors
    /// When another run uses the folder, or a file cannot be copied.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = lock(&folder.join("lock"))?;
        let scratch = Self {
            root: folder.join("sources"),
            _lock: lock.with_context(|| format!("another run uses {}", folder.display()))?,
        };
        scratch.restore()?;
        Ok(scratch)
    }

    /// The copy of the checkout's root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Restores the copy, including every change that was made in it.
    pub(crate) fn restore(&self) -> Result<()> {
        copy(&workspace_root(), &sources()?, &self.root)
    }
}

/// The files of the checkout below [`SOURCES`], including those that are not committed.
fn sources() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others"])
        .args(["--exclude-standard", "--"])
        .args(SOURCES)
        .current_dir(workspace_root())
        .output()
        .context("cannot run git")?;
    ensure!(output.status.success(), "git cannot list the files");
    let names = String::from_utf8(output.stdout).context("a name is not UTF-8")?;
    let root = workspace_root();
    Ok(names
        .split_terminator('\0')
        .filter(|name| root.join(name).is_file())
        .map(ToOwned::to_owned)
        .collect())
}

/// Makes `to` a copy of these files in `from`. An unchanged file keeps its time, so cargo
/// does not build it again. Folders named `target` stay.
fn copy(from: &Path, files: &[String], to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let wanted: HashSet<PathBuf> = files.iter().map(|file| to.join(file)).collect();
    remove_others(to, &wanted)?;
    for file in files {
        let (source, target) = (from.join(file), to.join(file));
        let bytes = fs::read(&source).with_context(|| format!("cannot read {file}"))?;
        if fs::read(&target).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::create_dir_all(target.parent().context("a file is in a folder")?)?;
        fs::write(&target, bytes).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

fn remove_others(folder: &Path, wanted: &HashSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == "target") {
            continue;
        }
        if path.is_dir() {
            remove_others(&path, wanted)?;
        } else if !wanted.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::copy;

    #[test]
    fn a_copy_follows_its_original_and_keeps_what_was_built() {
        // Given a copy, and build output in it
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("src")).expect("a folder");
        for (file, text) in [("src/a.rs", "a"), ("src/b.rs", "b")] {
            fs::write(from.join(file), text).expect("a file");
        }
        let files = ["src/a.rs".to_owned(), "src/b.rs".to_owned()];
        copy(&from, &files, &to).expect("a copy");
        fs::create_dir_all(to.join("src/target")).expect("a folder");
        fs::write(to.join("src/target/built"), "").expect("a file");
        let copied = fs::metadata(to.join("src/a.rs")).expect("a file");

        // When one file is changed in the copy, and another is added to it
        fs::write(to.join("src/b.rs"), "changed").expect("a file");
        fs::write(to.join("src/added.rs"), "").expect("a file");
        copy(&from, &files, &to).expect("a copy");

        // Then the copy equals the original again
        let text = fs::read_to_string(to.join("src/b.rs")).expect("a file");
        assert_eq!(text, "b");
        assert!(!to.join("src/added.rs").exists());

        // And build output stays, and an unchanged file keeps its time
        assert!(to.join("src/target/built").exists());
        let kept = fs::metadata(to.join("src/a.rs")).expect("a file");
        assert_eq!(
            kept.modified().expect("a time"),
            copied.modified().expect("a time")
        );
    }
}
