//! A recorded chain: what a validator said about the program's transactions, and what the wallets that
//! sent them know.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vouch_localnet::workspace_root;

const LEVEL: i32 = 19;

/// A chain from its first transaction of the program to its end, where everything is final.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recording {
    /// Identifies the chain.
    pub genesis_hash: String,
    /// The program's transactions, oldest first.
    pub transactions: Vec<Recorded>,
    /// The bytes of the program's accounts at the end, base64, by address.
    pub accounts: BTreeMap<String, String>,
    /// The last slot.
    pub end_slot: u64,
    /// Unix seconds of the last slot.
    pub end_time: i64,
}

/// A transaction.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// Its first signature, base58.
    pub signature: String,
    /// The slot of its block.
    pub slot: u64,
    /// Unix seconds of its block.
    pub block_time: i64,
    /// The node's answer to `getTransaction`, with the transaction in base64.
    pub answer: Value,
    /// Its effects as its sender knows them, in order. Written by the wallets, not read from the node.
    pub effects: Vec<Effect>,
}

/// An effect of a transaction. Addresses are base58, amounts base units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// A code was registered.
    CodeCreated {
        /// The address of the referral.
        referral: String,
        /// Its campaign.
        campaign: String,
        /// The code.
        code: String,
        /// The wallet that earns with it.
        owner: String,
    },
    /// A code got another owner.
    OwnerChanged {
        /// The address of the referral.
        referral: String,
        /// The new owner.
        owner: String,
    },
    /// A code was suspended, or is no longer.
    Suspended {
        /// The address of the referral.
        referral: String,
        /// Whether it is now.
        suspended: bool,
    },
    /// A code was closed.
    CodeClosed {
        /// The address of the referral.
        referral: String,
    },
    /// A conversion was recorded.
    Converted(Conversion),
    /// A part of a reward was paid.
    Paid {
        /// The address of the conversion.
        conversion: String,
        /// 0 for the referrer's, 1 for the referee's, 2 for the partner's.
        part: u8,
        /// The wallet that was paid.
        wallet: String,
        /// Base units.
        units: u64,
    },
    /// A conversion was cancelled.
    Cancelled {
        /// The address of the conversion.
        conversion: String,
    },
}

/// A conversion as the wallets agreed on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// Its address.
    pub address: String,
    /// Its campaign.
    pub campaign: String,
    /// The credited referral.
    pub referral: String,
    /// Its code.
    pub code: String,
    /// Its owner at that moment.
    pub referrer: String,
    /// Its partner at that moment.
    pub partner: Option<String>,
    /// The wallet that converted.
    pub referee: String,
    /// The action's name.
    pub action: String,
    /// The worth of the action.
    pub amount: u64,
    /// Parts of the reward: the referrer's, the referee's, the partner's.
    pub rewards: [u64; 3],
    /// Seconds within which it can be cancelled.
    pub hold: i64,
}

impl Recording {
    /// The file in the repository.
    #[must_use]
    pub fn path() -> PathBuf {
        workspace_root().join("tests/orders/recording.json.zst")
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load() -> Result<Self> {
        let path = Self::path();
        let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
        let reader = zstd::Decoder::new(file)?;
        Ok(serde_json::from_reader(reader)?)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> Result<()> {
        let bytes = serde_json::to_vec(self)?;
        std::fs::write(Self::path(), zstd::encode_all(bytes.as_slice(), LEVEL)?)?;
        Ok(())
    }
}
