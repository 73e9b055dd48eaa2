//! Notes of transactions that were sent, so that a command that was killed is not repeated blindly.
//!
//! A note is written and synced before its transaction is sent, and removed when the chain has said what
//! became of it. The same command finds it again by the digest of what it would sign.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use solana_sdk::{instruction::Instruction, message::Message, pubkey::Pubkey};

use crate::error::{Failure, Outcome};

/// Seconds for which every node remembers a transaction: a day. Those without an archive have about two.
const REMEMBERED: u64 = 86_400;

/// A transaction that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// Base58.
    pub(crate) signature: String,
    /// Of the instructions and the payer, in hex: see [`digest`].
    pub(crate) digest: String,
    /// The cluster.
    pub(crate) genesis_hash: String,
    /// The last block height that takes it.
    pub(crate) last_valid_block_height: u64,
    /// By this machine's clock, in unix seconds.
    pub(crate) sent_at: u64,
    /// Of the command, for people.
    pub(crate) title: String,
}

impl Note {
    /// Whether a node without a long history may have forgotten the transaction.
    pub(crate) fn is_old(&self) -> bool {
        now().saturating_sub(self.sent_at) > REMEMBERED
    }
}

/// This machine's clock, in unix seconds.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

/// The folder of the notes.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
}

impl Journal {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self {
            dir: state_dir.join("sent"),
        }
    }

    /// Notes of transactions on this cluster that did the same.
    pub(crate) fn find(&self, genesis_hash: &str, digest: &str) -> Vec<Note> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let notes = entries.filter_map(|entry| {
            let text = fs::read_to_string(entry.path()).ok()?;
            serde_json::from_str::<Note>(&text).ok()
        });
        notes
            .filter(|note| note.genesis_hash == genesis_hash && note.digest == digest)
            .collect()
    }

    /// Writes a note. It is on the disk when this returns.
    ///
    /// # Errors
    /// `state_unwritable`: then nothing may be sent.
    pub(crate) fn write(&self, note: &Note) -> Outcome<()> {
        self.try_write(note).map_err(|error| {
            Failure::usage(
                "state_unwritable",
                format!("{}: {error}", self.dir.display()),
                "name a folder that can be written with --state-dir: a note of each transaction is kept there until its outcome is known",
            )
        })
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
    let hash = Sha256::digest(message.serialize());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
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
        let note = Note {
            signature: "sig".into(),
            digest: pause.clone(),
            genesis_hash: "local".into(),
            last_valid_block_height: 7,
            sent_at: now(),
            title: "pause".into(),
        };
        assert_eq!(journal.find("local", &pause), []);
        journal.write(&note).expect("it is written");
        assert!(!note.is_old());
        let old = Note {
            sent_at: now() - REMEMBERED - 1,
            ..note.clone()
        };
        assert!(old.is_old());
        assert_eq!(journal.find("local", &pause), [note]);
        assert_eq!(journal.find("local", &resume), []);
        assert_eq!(journal.find("devnet", &pause), []);
        // And what is no note is passed over
        fs::write(dir.path().join("sent/x.json"), "{").expect("a file");
        assert_eq!(journal.find("local", &pause).len(), 1);
        journal.remove("sig");
        assert_eq!(journal.find("local", &pause), []);
    }
}
