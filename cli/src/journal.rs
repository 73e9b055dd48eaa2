//! Notes of transactions that were sent, so that a command that was killed is not repeated blindly.
//!
//! A note is written and synced before its transaction is sent, and removed when the chain has said what
//! became of it. The same command finds it again by the digest of what it would sign.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use solana_sdk::{instruction::Instruction, message::Message, pubkey::Pubkey};

use crate::error::{Failure, Outcome};

/// The version of the notes that this build writes and reads.
pub(crate) const VERSION: u32 = 1;
/// Blocks after the last that takes a transaction within which every node knows whether it was executed.
/// The status cache has 300 blocks, of which the blockhash takes 150.
const CACHED_BLOCKS: u64 = 100;

/// A transaction that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// [`VERSION`].
    pub(crate) version: u32,
    /// Base58.
    pub(crate) signature: String,
    /// The hash of the instructions and the payer, in hex: see [`digest`].
    pub(crate) digest: String,
    /// The cluster.
    pub(crate) genesis_hash: String,
    /// A slot before it was sent: no block up to it has the transaction.
    pub(crate) sent_slot: u64,
    /// The last block height that takes it.
    pub(crate) last_valid_block_height: u64,
    /// The command, in words for people.
    pub(crate) title: String,
}

impl Note {
    /// Whether even a node without a history knows at this block height what became of it.
    pub(crate) fn is_cached(&self, height: u64) -> bool {
        height <= self.last_valid_block_height.saturating_add(CACHED_BLOCKS)
    }
}

/// The folder of the notes.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    lock: PathBuf,
}

/// Keeps others from looking and writing until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock(
    #[expect(dead_code, reason = "the file is locked while it is open")] fs::File,
);

impl Journal {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self {
            dir: state_dir.join("sent"),
            lock: state_dir.join("lock"),
        }
    }

    /// Notes of transactions on this cluster that did the same.
    ///
    /// # Errors
    /// `state_unreadable` if any note cannot be read: it may be about the same.
    pub(crate) fn find(&self, genesis_hash: &str, digest: &str) -> Outcome<Vec<Note>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| unreadable(&self.dir, &error.to_string()))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| unreadable(&self.dir, &error.to_string()))?;
            let path = path.path();
            // A draft was never sent, and other files are none of ours.
            if path.extension().is_none_or(|it| it != "json") {
                continue;
            }
            let text = match fs::read_to_string(&path) {
                // Another command has seen the end of its transaction.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(|error| unreadable(&path, &error.to_string()))?,
            };
            let note: Note = serde_json::from_str(&text)
                .map_err(|_| unreadable(&path, "it is no note of this version"))?;
            if note.version != VERSION {
                return Err(unreadable(&path, "another version of vouch has written it"));
            }
            if note.genesis_hash == genesis_hash && note.digest == digest {
                found.push(note);
            }
        }
        Ok(found)
    }

    /// Waits until no other command looks or writes, and removes what a killed one has half written.
    ///
    /// # Errors
    /// `state_unwritable`: then nothing may be sent.
    pub(crate) fn lock(&self) -> Outcome<Lock> {
        self.try_lock().map_err(|error| self.unwritable(&error))
    }

    fn try_lock(&self) -> io::Result<Lock> {
        fs::create_dir_all(&self.dir)?;
        let file = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.lock)?;
        file.lock()?;
        for entry in fs::read_dir(&self.dir)?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|it| it == "draft") {
                fs::remove_file(path)?;
            }
        }
        Ok(Lock(file))
    }

    /// Writes a note. It is on the disk when this returns.
    ///
    /// # Errors
    /// `state_unwritable`: then nothing may be sent.
    pub(crate) fn write(&self, _lock: &Lock, note: &Note) -> Outcome<()> {
        self.try_write(note)
            .map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        Failure::usage(
            "state_unwritable",
            format!("{}: {error}", self.dir.display()),
            "name a folder that can be written with --state-dir: a note of each transaction is kept there until its outcome is known",
        )
    }

    fn try_write(&self, note: &Note) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let path = self.path(&note.signature);
        // A note that was half written must not stand at its name.
        let draft = path.with_extension("draft");
        let mut file = fs::File::create(&draft)?;
        file.write_all(&serde_json::to_vec(note)?)?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        fs::File::open(&self.dir)?.sync_all()
    }

    /// Removes a note, if it is there.
    pub(crate) fn remove(&self, signature: &str) {
        let _ = fs::remove_file(self.path(signature));
    }

    /// The file of a note.
    pub(crate) fn path(&self, signature: &str) -> PathBuf {
        self.dir.join(format!("{signature}.json"))
    }
}

/// Identifies what a transaction does: its instructions and its payer, without blockhash and fees.
pub(crate) fn digest(instructions: &[Instruction], payer: &Pubkey) -> String {
    let message = Message::new(instructions, Some(payer));
    hex(&message.serialize())
}

/// The digest of a command, for a plan whose instructions another run would build otherwise.
pub(crate) fn digest_of_command(command: &str, payer: &Pubkey) -> String {
    hex(format!("command\n{payer}\n{command}").as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unreadable(path: &Path, cause: &str) -> Failure {
    Failure::usage(
        "state_unreadable",
        format!("{}: {cause}", path.display()),
        "it is about a transaction whose outcome nobody has seen: look up in an explorer the signature that is its name, then remove it",
    )
}

#[cfg(test)]
mod tests {
    use vouch_client::instructions::set_paused;

    use super::*;

    #[test]
    fn a_note_is_found_by_what_it_does_on_its_cluster() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(dir.path());
        let [wallet, campaign] = [1, 2].map(|byte| Pubkey::new_from_array([byte; 32]));
        let pause = digest(&[set_paused(&wallet, &campaign, true)], &wallet);
        let resume = digest(&[set_paused(&wallet, &campaign, false)], &wallet);
        assert_ne!(pause, resume);
        assert_eq!(pause.len(), 64);
        // And a command is another one with another wallet
        let command = digest_of_command("convert", &wallet);
        assert_eq!(command, digest_of_command("convert", &wallet));
        assert_ne!(command, digest_of_command("convert", &campaign));
        let note = Note {
            version: VERSION,
            signature: "sig".into(),
            digest: pause.clone(),
            genesis_hash: "local".into(),
            sent_slot: 3,
            last_valid_block_height: 7,
            title: "pause".into(),
        };
        let find = |genesis: &str, digest: &str| journal.find(genesis, digest).ok();
        assert_eq!(find("local", &pause), Some(vec![]));
        let lock = journal.lock().expect("a lock");
        journal.write(&lock, &note).expect("it is written");
        assert!(note.is_cached(107) && !note.is_cached(108));
        assert_eq!(find("local", &pause), Some(vec![note.clone()]));
        assert_eq!(find("local", &resume), Some(vec![]));
        assert_eq!(find("devnet", &pause), Some(vec![]));
        // And nobody else looks and writes meanwhile
        let other = fs::File::open(dir.path().join("lock")).expect("the lock");
        assert!(other.try_lock().is_err());
        drop(lock);
        assert!(other.try_lock().is_ok());
        other.unlock().expect("it is free");
        // And what is half written is passed over, and removed
        let draft = dir.path().join("sent/x.draft");
        fs::write(&draft, "{").expect("a file");
        assert_eq!(find("local", &pause).map(|it| it.len()), Some(1));
        drop(journal.lock().expect("a lock"));
        assert!(!draft.exists());
        // And a note that cannot be read refuses
        let foreign = Note {
            version: VERSION + 1,
            digest: "of something else".into(),
            ..note
        };
        let foreign = serde_json::to_string(&foreign).expect("text");
        for text in ["{", "", "{\"signature\":\"x\"}", foreign.as_str()] {
            fs::write(dir.path().join("sent/x.json"), text).expect("a file");
            let failure = journal.find("local", &pause).expect_err(text);
            assert_eq!(failure.code, "state_unreadable");
        }
        journal.remove("x");
        journal.remove("sig");
        assert_eq!(find("local", &pause), Some(vec![]));
    }
}
