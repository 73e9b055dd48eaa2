//! Copies of the checkout in which mutants are built.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use vouch_localnet::workspace_root;

/// The files of the checkout, those that are not committed yet included.
pub(crate) fn files() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others"])
        .arg("--exclude-standard")
        .current_dir(workspace_root())
        .output()
        .context("cannot run git")?;
    ensure!(output.status.success(), "git cannot list the files");
    let names = String::from_utf8(output.stdout).context("a name is not UTF-8")?;
    let root = workspace_root();
    let mut files: Vec<String> = names
        .split_terminator('\0')
        .filter(|name| root.join(name).is_file())
        .map(ToOwned::to_owned)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// A hash of the files in these folders.
pub(crate) fn hash(root: &Path, files: &[String], folders: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        if folders.iter().any(|path| Path::new(file).starts_with(path)) {
            let bytes = fs::read(root.join(file))?;
            hash.update(file.len().to_le_bytes());
            hash.update(file);
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        }
    }
    let hash = hash.finalize();
    Ok(hash[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Makes `to` a copy of these files of the checkout at `from`. What did not change
/// keeps its time, so that cargo does not build it again; what cargo made stays.
pub(crate) fn copy(from: &Path, files: &[String], to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let wanted: HashSet<PathBuf> = files.iter().map(|file| to.join(file)).collect();
    remove_others(to, to, &wanted)?;
    for file in files {
        let (source, target) = (from.join(file), to.join(file));
        let bytes = fs::read(&source).with_context(|| format!("cannot read {file}"))?;
        if fs::read(&target).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::create_dir_all(target.parent().context("a file is in a folder")?)?;
        fs::write(&target, bytes)?;
        fs::set_permissions(&target, fs::metadata(&source)?.permissions())?;
    }
    Ok(())
}

fn remove_others(root: &Path, folder: &Path, wanted: &HashSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path == root.join("target") {
            continue;
        }
        if path.is_dir() {
            remove_others(root, &path, wanted)?;
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
    fn a_copy_follows_its_original_and_touches_nothing_else() {
        // Given a copy, beside what cargo has built in it
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("src")).expect("a folder");
        for (file, text) in [("src/a.rs", "a"), ("src/b.rs", "b")] {
            fs::write(from.join(file), text).expect("a file");
        }
        let files = ["src/a.rs".to_owned(), "src/b.rs".to_owned()];
        copy(&from, &files, &to).expect("a copy");
        fs::create_dir_all(to.join("target")).expect("a folder");
        fs::write(to.join("target/built"), "").expect("a file");
        let copied = fs::metadata(to.join("src/a.rs")).expect("a file");

        // When one file changes, another goes, and a mutant was left in the copy
        fs::write(to.join("src/left.rs"), "").expect("a file");
        fs::write(from.join("src/b.rs"), "changed").expect("a file");
        copy(&from, &files, &to).expect("a copy");

        // Then the copy is the same again
        assert_eq!(
            fs::read_to_string(to.join("src/b.rs")).expect("a file"),
            "changed"
        );
        assert!(!to.join("src/left.rs").exists());
        assert!(to.join("target/built").exists());
        let kept = fs::metadata(to.join("src/a.rs")).expect("a file");
        assert_eq!(
            kept.modified().expect("a time"),
            copied.modified().expect("a time")
        );
    }
}
