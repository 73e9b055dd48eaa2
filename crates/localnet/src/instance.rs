//! The folder that holds everything of one run.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use uuid::Uuid;

use crate::paths::state_dir;

/// A folder for one run: logs, ledger, database.
///
/// The owner holds a lock on the folder, which the system releases when the process ends.
/// A folder without an owner is left over from a killed run; the next run removes it.
/// Dropping the instance removes the folder, unless it is to be kept or the thread
/// panics.
#[derive(Debug)]
pub struct Instance {
    dir: PathBuf,
    keep: AtomicBool,
    _lock: File,
}

impl Instance {
    /// A new folder whose name begins with `kind`.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(kind: &str) -> Result<Self> {
        let parent = instances_dir()?;
        sweep(&parent, kind)?;
        let name = format!("{kind}-{}", &Uuid::now_v7().simple().to_string()[20..]);
        Self::take(&parent, &name)?.with_context(|| format!("{name} is in use"))
    }

    /// The one folder called `name`, emptied; `None` while another process owns it.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn named(name: &str) -> Result<Option<Self>> {
        Self::take(&instances_dir()?, name)
    }

    /// The path of the folder called `name`, whether it exists or not.
    ///
    /// # Errors
    /// See [`state_dir`].
    pub fn path_of(name: &str) -> Result<PathBuf> {
        Ok(instances_dir()?.join(name))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps the folder, so that somebody can look for the cause of a failure.
    pub fn keep(&self) {
        self.keep.store(true, Ordering::Relaxed);
    }

    fn take(parent: &Path, name: &str) -> Result<Option<Self>> {
        let Some(lock) = lock(&lock_path(parent, name))? else {
            return Ok(None);
        };
        let dir = parent.join(name);
        remove(&dir)?;
        fs::create_dir(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Some(Self {
            dir,
            keep: AtomicBool::new(false),
            _lock: lock,
        }))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if *self.keep.get_mut() || thread::panicking() {
            eprintln!("kept for inspection: {}", self.dir.display());
            // Without its lock file, no sweep removes the folder.
            if let Some((parent, name)) = split(&self.dir) {
                let _ = fs::remove_file(lock_path(parent, name));
            }
            return;
        }
        if let Err(error) = remove(&self.dir) {
            eprintln!("warning: {error:#}");
        } else if let Some((parent, name)) = split(&self.dir) {
            let _ = fs::remove_file(lock_path(parent, name));
        }
    }
}

fn instances_dir() -> Result<PathBuf> {
    let dir = state_dir()?;
    fs::create_dir_all(&dir).with_context(|| {
        format!(
            "cannot create {}; VOUCH_STATE names another place",
            dir.display()
        )
    })?;
    Ok(dir)
}

/// Removes the folders of this kind whose owner was killed.
fn sweep(parent: &Path, kind: &str) -> Result<()> {
    for entry in fs::read_dir(parent)? {
        let file_name = entry?.file_name();
        let Some(name) = file_name.to_str().and_then(|n| n.strip_suffix(".lock")) else {
            continue;
        };
        let ours = name
            .strip_prefix(kind)
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(|rest| !rest.contains('-'));
        if !ours {
            continue;
        }
        let path = lock_path(parent, name);
        if let Some(_lock) = lock(&path)? {
            // Its server may still be ending, and write. Then a later sweep removes the folder.
            match remove(&parent.join(name)) {
                Ok(()) => fs::remove_file(&path)?,
                Err(error) => eprintln!("warning: {error:#}"),
            }
        }
    }
    Ok(())
}

fn lock_path(parent: &Path, name: &str) -> PathBuf {
    parent.join(format!("{name}.lock"))
}

/// An exclusive lock on the file `path`. It is released when the result is dropped or the
/// process ends. `None` while another process holds it.
///
/// # Errors
/// When the file cannot be opened.
pub fn lock(path: &Path) -> Result<Option<File>> {
    loop {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                bail!("cannot lock {}: {error}", path.display())
            }
        }
        // The last owner may have removed the file between our open and our lock. Then
        // the lock is on a file that no other process will ever open.
        if same_file(&file, path) {
            return Ok(Some(file));
        }
    }
}

fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => a.ino() == b.ino() && a.dev() == b.dev(),
        _ => false,
    }
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

fn split(dir: &Path) -> Option<(&Path, &str)> {
    Some((dir.parent()?, dir.file_name()?.to_str()?))
}
